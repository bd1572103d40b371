"""Who follows a channel hears of its extractions: of those that run at first, of each change then, of no other's."""

import asyncio
import re
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.connection import Connection
from gateway.ports import Finish
from gateway.providers.scripted import Gate, ScriptedProvider
from gateway.settings import Settings
from tests.fakes.client import Client, greeted
from tests.fakes.gateways import opened
from tests.fakes.transport import Closed, MemorySocket, joined

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {"type": "object"}
OK = ScriptedProvider(['{"a": 1}', Finish("stop")])
ASKED: dict[str, Any] = {"schema": SCHEMA, "input": "x"}


async def news(client: Client, count: int) -> list[tuple[str, str, str]]:
    """Return id, extraction and state of the next announcements."""
    heard: list[tuple[str, str, str]] = []
    while len(heard) < count:
        frame = await client.hear()
        if frame["type"] == "announcement":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", frame["at"])
            assert frame["extractor"] == "inline"
            heard.append((frame["id"], frame["extraction"], frame["state"]))
    return heard


async def stop_reading(socket: MemorySocket, follower: Client) -> None:
    """Follow the channel, and take nothing any more."""
    await follower.say(type="follow", id="f", channel="news")
    await follower.ask(type="ping")
    socket.reading.clear()
    await follower.say(type="ping")
    await socket.blocked.wait()


async def test_what_runs_and_what_begins() -> None:
    """A dashboard that comes late hears of what runs, and of every change from then on; by the name it may watch."""
    gate = asyncio.Event()
    provider = ScriptedProvider(['{"a": ', Gate(gate), "1}", Finish("stop")])
    async with opened(provider) as gateway, joined(gateway.app) as first, joined(gateway.app) as second:
        worker, dashboard = await greeted(first), await greeted(second)
        running = await worker.extract("a", channel="news", **ASKED)
        await worker.extract("b", channel="weather", **ASKED)
        await dashboard.say(type="follow", id="f", channel="news")
        assert await news(dashboard, 1) == [("f", running.extraction, "running")]
        seen = await dashboard.watch("w", running.extraction)
        later = await worker.extract("c", channel="news", **ASKED)
        assert (await news(dashboard, 1))[0][1:] in [(later.extraction, "queued"), (later.extraction, "running")]
        gate.set()
        ended: set[tuple[str, str, str]] = set()
        while len(ended) < 2:
            ended |= {item for item in await news(dashboard, 1) if item[2] == "completed"}
        assert {item[1] for item in ended} == {running.extraction, later.extraction}
        await dashboard.finish(seen)
        assert len(gateway.hub.channels) == 2


async def test_unfollowing_and_leaving_leave_nothing() -> None:
    """Nothing is told any more, and nothing is kept of a channel that nobody follows and that has no extraction."""
    async with opened(OK, retained_extractions=1) as gateway, joined(gateway.app) as first:
        client = await greeted(first)
        async with joined(gateway.app) as second:
            other = await greeted(second)
            await other.say(type="follow", id="g", channel="news")
            await other.ask(type="ping")
            await client.say(type="follow", id="f", channel="news")
            await client.say(type="unfollow", id="f")
            await client.finish(await client.extract("a", channel="news", **ASKED))
            while (await news(other, 1))[0][2] != "completed":
                pass
            assert await client.ask(type="ping") == {"type": "pong"}
        await client.finish(await client.extract("b", **ASKED))
        await asyncio.sleep(0.05)
        assert len(gateway.hub.channels) == 0


async def test_what_has_ended_is_told_as_long_as_it_is_retained() -> None:
    """Who comes late, or was away, hears how it ended."""
    async with opened(OK) as gateway, joined(gateway.app) as first, joined(gateway.app) as second:
        worker, dashboard = await greeted(first), await greeted(second)
        await worker.finish(ended := await worker.extract("a", channel="news", **ASKED))
        await dashboard.say(type="follow", id="f", channel="news")
        assert await news(dashboard, 1) == [("f", ended.extraction, "completed")]


async def test_of_another_realm_nothing_is_heard() -> None:
    """The same name is another channel for somebody else."""

    async def who(_: object, credential: str | None) -> str | None:
        return credential

    settings = Settings(port=0, inline_schemas=True)
    async with Gateway(provider=OK, settings=settings, authenticate=who) as gateway:
        await asyncio.to_thread(getattr, gateway, "app")  # it looks for files
        async with joined(gateway.app) as first, joined(gateway.app) as second, joined(gateway.app) as third:
            ann, bo, cy = Client(first), Client(second), Client(third)
            for client, name in ((ann, "ann"), (bo, "bo"), (cy, "ann")):
                await client.greet(token=name)
            for client in (ann, bo):
                await client.say(type="follow", id="f", channel="news")
                await client.ask(type="ping")
            await cy.finish(await cy.extract("a", channel="news", **ASKED))
            await news(ann, 1)
            assert await bo.ask(type="ping") == {"type": "pong"}


async def test_who_does_not_read_has_the_newest_only() -> None:
    """What waits of one extraction is one announcement, and of too many extractions the end of the connection."""
    gate = asyncio.Event()
    provider = ScriptedProvider([Gate(gate), '{"a": 1}', Finish("stop")])
    async with opened(provider) as gateway, joined(gateway.app) as first, joined(gateway.app) as second:
        worker, deaf = await greeted(first), await greeted(second)
        await stop_reading(second, deaf)
        watch = await worker.extract("a", channel="news", **ASKED)
        gate.set()
        await worker.finish(watch)
        (connection,) = [each for each in gateway.heartbeat if each._news]
        assert {name: news.state for name, news in connection._news["f"].items()} == {watch.extraction: "completed"}
        second.reading.set()
        assert await news(deaf, 1) == [("f", watch.extraction, "completed")]


async def test_many_follows_of_a_full_channel_are_taken() -> None:
    """Whoever comes to many extractions is told of each, for each follow."""
    async with opened(OK, retained_extractions=400, messages_burst=1_000) as gateway, joined(gateway.app) as first:
        client = await greeted(first)
        for number in range(400):
            await client.finish(await client.extract(f"a{number}", channel="news", **ASKED))
        for number in range(6):
            await client.say(type="follow", id=f"f{number}", channel="news")
        heard = await news(client, 6 * 400)
    assert len(set(heard)) == 6 * 400


async def test_too_many_announcements_for_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """4413, as of any that reads too slowly."""
    monkeypatch.setattr(Connection, "_most_news", 3)
    async with opened(OK) as gateway, joined(gateway.app) as first, joined(gateway.app) as second:
        worker, deaf = await greeted(first), await greeted(second)
        await stop_reading(second, deaf)
        for number in range(5):
            await worker.finish(await worker.extract(f"a{number}", channel="news", **ASKED))
        second.reading.set()
        with pytest.raises(Closed) as closed:
            await news(deaf, 99)
    assert closed.value.code == 4413
