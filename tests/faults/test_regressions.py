"""Bugs that others have published, one test each, named for what they are: none of them is ours."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.client import Session
from gateway.errors import ProviderError, ProviderFailure
from gateway.hub import Hub
from gateway.ports import Finish
from gateway.providers.scripted import Gate, Pause, Script, ScriptedProvider
from tests.fakes.client import CheckedWatch, Client, greeted
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.pieces import FINAL, PIECES, SEEN, asked
from tests.fakes.relay import relayed
from tests.faults.raw import upgraded

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

LONG = '{"title": "' + "x" * 400 + '", "people": ['
GROWING = [LONG, *(f'{{"name": "{n}", "age": {n}}},' for n in range(300)), '{"name": "last", "age": 0}], "open": true}']
WHOLE = json.loads("".join(GROWING))


@asynccontextmanager
async def on_stage(script: Script, **limits: Any) -> AsyncGenerator[tuple[Served, ScriptedProvider]]:
    """Give a gateway whose model follows a script."""
    provider = ScriptedProvider(script)
    async with served(gateway_with(provider, **limits)) as gateway:
        yield gateway, provider


@asynccontextmanager
async def client_of(gateway: Served) -> AsyncGenerator[Client]:
    """Give a client that checks every frame and has said hello."""
    async with upgraded(int(gateway.url.rpartition(":")[2]), is_greeted=False) as socket:
        yield await greeted(socket)


def session_of(url: str) -> Session:
    """Give a session of the Python client that waits no longer than it has to."""
    address = url.replace("http://", "ws://").removesuffix("/v1/ws") + "/v1/ws"
    return Session(address, chance=lambda: 0.0, proxy=None)


def behind(gate: asyncio.Event, pieces: list[str], *, first: int = 1, pause_s: float = 0.0) -> Script:
    """Return a script that writes some pieces, waits, and writes the others."""
    rest: list[Any] = [step for piece in pieces[first:] for step in (Pause(pause_s), piece)]
    return [*pieces[:first], Gate(gate), *rest, Finish("stop")]


async def test_live_data_before_the_resume_answer() -> None:
    """While steps pour in, a resume is answered before anything of it is sent, and goes on from its position."""
    gate = asyncio.Event()
    async with on_stage(behind(gate, GROWING, pause_s=0.001)) as (gateway, provider), client_of(gateway) as client:
        first = await client.extract("a", **asked(encoding="append"))
        await client.reach(1, first)
        gate.set()
        watches = []
        for number in range(40):
            again = await client.resume(f"r{number}", first, interval_ms=0)
            assert again.frames[0]["type"] == "watching"
            assert again.frames[0]["recovered"] == "tail"
            watches.append(again)
            if number > 2:
                await client.say(type="unwatch", id=f"r{number - 3}")
        await client.finish(first, *watches[-3:])
    assert [watch.value for watch in (first, *watches[-3:])] == [WHOLE] * 4
    assert len(provider.requests) == 1


async def test_two_resume_offers_replaying_twice() -> None:
    """The same offer again while the first is being answered: each answer goes on from the position, none is added."""
    gate = asyncio.Event()
    async with on_stage(behind(gate, GROWING, pause_s=0.001)) as (gateway, provider), client_of(gateway) as client:
        first = await client.extract("a", **asked(encoding="append"))
        await client.reach(1, first)
        await client.say(type="unwatch", id="a")
        gate.set()
        async with client_of(gateway) as other:
            offer = {"type": "watch", "id": "b", "extraction": first.extraction, "encoding": "append", "interval_ms": 0}
            offer["from"] = {"epoch": first.epoch, "rev": first.rev}
            await asyncio.gather(other.say(**offer), other.say(**offer))
            answers: list[CheckedWatch] = []
            while not answers or answers[-1].terminal is None:
                frame = await other.hear()
                if frame["type"] == "watching":
                    answers.append(CheckedWatch("b", "append", rev=first.rev, value=first.value, epoch=first.epoch))
                answers[-1].take(frame)
            assert await other.ask(type="ping", nonce=1) == {"type": "pong", "nonce": 1}
    assert 1 <= len(answers) <= 2
    assert [watch.terminal is None for watch in answers[:-1]] == [True] * (len(answers) - 1)
    assert (answers[-1].value, len(provider.requests)) == (WHOLE, 1)


async def test_the_terminal_lost_between_notice_and_acknowledgement() -> None:
    """The last value arrives, the terminal does not, and the line is gone: it comes again, once."""
    async with (
        on_stage([*PIECES, Finish("stop")]) as (gateway, provider),
        relayed(gateway.url) as relay,
        session_of(relay.url) as session,
    ):
        relay.alter = lambda frame: None if frame["type"] == "completed" else frame
        watch = session.extract(**asked())
        await relay.until(lambda: relay.lost == 1)
        assert (watch.value, watch.terminal) == (FINAL, None)
        relay.alter = lambda frame: frame
        await relay.cut()
        assert await watch.result() == FINAL
        assert (watch.terminal or {})["type"] == "completed"
    assert ([said["type"] for said in relay.said], len(provider.requests)) == (
        ["hello", "extract", "hello", "watch"],
        1,
    )


async def test_nothing_to_resume_while_still_starting() -> None:
    """Queued, or called and not heard: it can be watched by its name, by its key and from before its first revision."""
    gate = asyncio.Event()
    limits = {"provider_calls": 1}
    async with on_stage(behind(gate, PIECES, first=0), **limits) as (gateway, provider), client_of(gateway) as client:
        first = await client.extract("first", **asked())
        queued = await client.extract("queued", **asked(key="k"))
        async with client_of(gateway) as other:
            watches = []
            for number, watch in enumerate((first, queued)):
                start = {"epoch": (watch.opening or {})["epoch"], "rev": -1}
                for place, position in enumerate(("start", "now", start)):
                    id_ = f"w{number}.{place}"
                    watches.append(await other.watch(id_, watch.extraction, **{"from": position}))
            watches.append(await other.extract("joined", **asked(key="k")))
            states = [(watch.opening or {})["state"] for watch in watches]
            gate.set()
            await other.finish(*watches)
        await client.finish(first, queued)
    assert states == ["running"] * 3 + ["queued"] * 4
    assert [watch.value for watch in watches] == [FINAL] * 7
    assert len(provider.requests) == 2


async def test_a_sequence_reused_across_attempts() -> None:
    """A position of the first attempt means nothing in the second, whose revisions have the same numbers."""
    seen, gate = asyncio.Event(), asyncio.Event()
    attempts = [["{", '"title": "wrong', Gate(seen), '"}', Finish("stop")], behind(gate, PIECES, first=2)]
    async with on_stage(lambda _: attempts.pop(0)) as (gateway, _), client_of(gateway) as client:  # type: ignore[arg-type,return-value] # a sequence of steps
        first = await client.extract("a", **asked(retries=1))
        await client.reach(1, first)
        old_epoch = first.epoch
        seen.set()
        while (first.rev, first.epoch == old_epoch) != (2, False):
            await client.hear()
        again = CheckedWatch("b", "patch", rev=2, value={"title": "wrong", "people": [], "open": None}, epoch=old_epoch)
        client.watches["b"] = again
        await client.say(
            type="watch", id="b", extraction=first.extraction, interval_ms=0, **{"from": {"epoch": old_epoch, "rev": 2}}
        )
        while again.epoch == old_epoch or again.rev != 2:
            await client.hear()
        assert (again.value, again.epoch) == (SEEN[2], first.epoch)
        gate.set()
        await client.finish(first, again)
    assert [frame["type"] for frame in again.frames[:3]] == ["watching", "reset", "snapshot"]
    assert (again.frames[1]["reason"], first.value, again.value) == ("invalid_output", FINAL, FINAL)


async def test_overlapping_resumes_in_a_reconnect_storm() -> None:
    """Thirty clients lose their lines again and again at once: each has the whole in the end, and nothing stays."""
    gate = asyncio.Event()
    async with on_stage(behind(gate, GROWING, first=10, pause_s=0.002)) as (gateway, provider):

        async def follow(number: int) -> Any:
            async with session_of(gateway.url) as session:
                encoding = ("append", "patch", "snapshot", "text", "items")[number % 5]
                watch = session.extract(**asked(key="storm", encoding=encoding))
                gate.set()
                for _ in range(8):
                    await session.connected()
                    await asyncio.sleep(0.003 * (number % 4))
                    session.interrupt()
                    session.interrupt()
                return await watch.result()

        results = await asyncio.gather(*(follow(number) for number in range(30)))
        (run,) = (audience.run for audience, _, _ in gateway.gateway.hub._store._ended.values())
        while len(gateway.gateway.heartbeat):
            await asyncio.sleep(0.01)
        assert gateway.gateway.hub.find(run.id)._paces == {}
    texts = ["".join(GROWING) if number % 5 == 3 else WHOLE for number in range(30)]
    assert (results, len(provider.requests)) == (texts, 1)


async def test_an_error_that_loses_the_partial() -> None:
    """What had been written when the provider failed is there: for who watched, who comes later, and in the error."""
    failure = ProviderError("the line was dropped")
    async with on_stage([*PIECES[:6], failure]) as (gateway, _), client_of(gateway) as client:
        await client.finish(first := await client.extract("a", **asked()))
        await client.finish(late := await client.watch("late", first.extraction, encoding="snapshot"))
        async with session_of(gateway.url) as session:
            with pytest.raises(ProviderFailure) as raised:
                await session.watch(extraction=first.extraction).result()
    assert [watch.value for watch in (first, late)] == [SEEN[6], SEEN[6]]
    assert [(watch.terminal or {})["error"]["code"] for watch in (first, late)] == ["provider_error"] * 2
    assert raised.value.value == SEEN[6]


async def test_two_events_of_the_same_millisecond() -> None:
    """A clock that stands still changes nothing: each step has its revision, and each extraction its place."""
    provider = ScriptedProvider([*PIECES, Finish("stop")])
    gateway = gateway_with(provider)
    names = iter(f"{number:022}" for number in range(1_000))
    gateway._hub = Hub(
        provider, limits=gateway.limits, tasks=gateway.tasks, now_s=lambda: 7.0, new_id=lambda: next(names)
    )
    async with served(gateway) as running, client_of(running) as client:
        watches = [await client.extract(f"w{number}", **asked(encoding="append")) for number in range(16)]
        await client.finish(*watches)
        late = [await client.watch(f"l{number}", watch.extraction) for number, watch in enumerate(watches)]
        await client.finish(*late)
    assert [watch.value for watch in (*watches, *late)] == [FINAL] * 32
    assert {watch.rev for watch in (*watches, *late)} == {len(PIECES) + 1}
