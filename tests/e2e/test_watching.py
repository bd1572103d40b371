"""Watches over real sockets: late, again, slower, from a position, and gone."""

import asyncio
from typing import Any

import pytest

from tests.e2e.conftest import Serve
from tests.fakes.client import connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import FINAL, PIECES, SEEN, Gates, asked, play

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


async def test_a_second_watcher_causes_no_second_call(gateway: Served, fake: FakeOpenAI) -> None:
    """Another connection watches the same extraction from the middle and ends with the same value."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as one, connected(gateway.url) as two:
        first = await one.extract("a", **asked())
        await one.reach(0, first)
        await play(gates, one, first, end=6)
        second = await two.watch("b", first.extraction, interval_ms=0)
        await two.reach(5, second)
        gates.open_all()
        await one.finish(first)
        await two.finish(second)
    assert second.opening == {
        "type": "watching",
        "id": "b",
        "extraction": first.extraction,
        "epoch": first.epoch,
        "rev": 5,
        "state": "running",
        "recovered": None,
    }
    assert (second.values[5], second.value, len(fake.calls)) == (SEEN[5], FINAL, 1)


@pytest.mark.parametrize("start", ["start", "now"])
async def test_an_ended_extraction_is_given_at_once(gateway: Served, fake: FakeOpenAI, start: str) -> None:
    """The value, then the terminal."""
    fake.reply(Reply(PIECES))
    async with connected(gateway.url) as client:
        await client.finish(first := await client.extract("a", **asked()))
        late = await client.watch("late", first.extraction, **{"from": start})
        await client.finish(late)
    assert [frame["type"] for frame in late.frames] == ["watching", "snapshot", "completed"]
    assert (late.value, late.frames[1]["final"], late.terminal) == (
        FINAL,
        True,
        {**(first.terminal or {}), "id": "late"},
    )


async def test_resume_from_a_position_the_tail_holds(gateway: Served, fake: FakeOpenAI) -> None:
    """A watch that comes back with its position gets one update that follows on."""
    pieces = ['{"title": "' + "x" * 500, '", "people": [{"name": "A', "nn", 'a"', ', "age": 1}], "open": true}']
    fake.reply((gates := Gates()).reply(pieces))
    async with connected(gateway.url) as client:
        first = await client.extract("a", **asked(encoding="append"))
        await client.reach(0, first)
        await play(gates, client, first, end=3)
        await client.say(type="unwatch", id="a")
        other = await client.watch("b", first.extraction, encoding="append", interval_ms=0)
        await play(gates, client, other, start=3, end=5)
        again = await client.resume("a", first, interval_ms=0)
        await client.reach(4, again)
        gates.open_all()
        await client.finish(again, other)
    update = {"type": "patch", "from": 2, "rev": 4, "ops": [{"op": "append", "path": "/people/0/name", "value": "nna"}]}
    assert ((again.opening or {})["recovered"], again.plain_frames()[1], again.value) == ("tail", update, other.value)


async def test_resume_from_a_position_that_fell_off_the_tail(serve: Serve, fake: FakeOpenAI) -> None:
    """The state is complete, only steps are gone."""
    fake.reply((gates := Gates()).reply())
    async with serve(tail_steps=2) as gateway, connected(gateway.url) as client:
        first = await client.extract("a", **asked())
        await client.reach(0, first)
        await play(gates, client, first, end=3)
        await client.say(type="unwatch", id="a")
        other = await client.watch("b", first.extraction, interval_ms=0)
        await play(gates, client, other, start=3, end=7)
        again = await client.resume("a", first)
        await client.reach(6, again)
        gates.open_all()
        await client.finish(again)
    assert ((again.opening or {})["recovered"], again.frames[1]["type"], again.value) == ("state", "snapshot", FINAL)


@pytest.mark.parametrize("position", [{"epoch": "of another run", "rev": 3}, {"rev": 99}])
async def test_resume_from_a_position_that_never_was(
    gateway: Served, fake: FakeOpenAI, position: dict[str, Any]
) -> None:
    """What the client shows is void: a reset, then a snapshot."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("a", **asked())
        again = await client.watch("b", first.extraction, **{"from": {"epoch": first.epoch, **position}})
        await client.reach(0, again)
        gates.open_all()
        await client.finish(again)
    assert [frame["type"] for frame in again.frames][:3] == ["watching", "reset", "snapshot"]
    assert ((again.opening or {})["recovered"], again.value) == ("reset", FINAL)


async def test_a_client_comes_back_on_another_connection(gateway: Served, fake: FakeOpenAI) -> None:
    """A lost socket ends nothing: the extraction goes on, and its key finds it again."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as one:
        first = await one.extract("a", **asked(key="comes back"))
        await one.reach(0, first)
        await play(gates, one, first, end=4)
    async with connected(gateway.url) as two:
        joined = await two.extract("a", **asked(key="comes back"))
        resumed = await two.resume("b", first)
        gates.open_all()
        await two.finish(joined, resumed)
    assert ((joined.opening or {})["deduplicated"], len(fake.calls)) == (True, 1)
    assert (joined.extraction, joined.value, resumed.value) == (first.extraction, FINAL, FINAL)


async def test_a_key_with_another_body_conflicts(gateway: Served, fake: FakeOpenAI) -> None:
    """Watch options may differ, the job may not."""
    fake.default = Reply(PIECES)
    async with connected(gateway.url) as client:
        await client.finish(first := await client.extract("a", **asked(key="conflicts")))
        await client.finish(
            same := await client.extract("b", **asked(key="conflicts", encoding="snapshot", interval_ms=7))
        )
        error = await client.ask(type="extract", id="c", **asked(key="conflicts", input="another text"))
    assert (same.extraction, len(fake.calls)) == (first.extraction, 1)
    assert (error["type"], error["code"], error["param"]) == ("error", "idempotency_conflict", "key")


async def test_unwatch_ends_the_watch_and_not_the_extraction(gateway: Served, fake: FakeOpenAI) -> None:
    """Nothing more comes for that id, another watch goes on, and the id may be used again."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("a", **asked())
        second = await client.watch("b", first.extraction, interval_ms=0)
        await client.say(type="unwatch", id="a")
        assert await client.ask(type="ping", nonce=1) == {"type": "pong", "nonce": 1}
        heard = len(first.frames)
        gates.open_all()
        await client.finish(second)
        await client.finish(again := await client.watch("a", first.extraction))
    assert (len(first.frames), second.value, again.value) == (heard, FINAL, FINAL)


async def test_a_slow_watch_gets_fewer_updates_until_it_is_adjusted(gateway: Served, fake: FakeOpenAI) -> None:
    """With an interval the first update is not held back, later ones fold; `adjust` lets them through."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        quick = await client.extract("quick", **asked())
        slow = await client.watch("slow", quick.extraction, interval_ms=1000)
        await client.reach(0, quick, slow)
        await play(gates, client, quick, end=6)
        assert sorted(slow.values) == [0, 1]
        await client.say(type="adjust", id="slow", interval_ms=0)
        await client.reach(5, slow)
        gates.open_all()
        await client.finish(quick, slow)
    assert sorted(slow.values)[:3] == [0, 1, 5]
    assert slow.value == FINAL


async def test_without_skeleton_only_what_was_written_is_shown(gateway: Served, fake: FakeOpenAI) -> None:
    """The three encodings agree there too, from null on."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("snapshot", **asked(encoding="snapshot", skeleton=False))
        others = [
            await client.watch(n, first.extraction, encoding=n, interval_ms=0, skeleton=False)
            for n in ("patch", "append")
        ]
        await client.reach(0, first, *others)
        await play(gates, client, first, *others)
        gates.open_all()
        await client.finish(first, *others)
    for watch in (first, *others):
        assert watch.values[0] is None
        assert watch.values[4] == {"title": "Great é😀"}
        assert watch.values[5] == {"title": "Great é😀", "people": [{"name": "Ann"}]}
        assert watch.value == FINAL


async def test_cancel_by_extraction_ends_it_for_everyone(gateway: Served, fake: FakeOpenAI) -> None:
    """Every watcher hears it once; a second cancel is ignored."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as one, connected(gateway.url) as two:
        first = await one.extract("a", **asked())
        second = await two.watch("b", first.extraction)
        gates.open(0)
        await two.say(type="cancel", extraction=first.extraction)
        await one.finish(first)
        await two.finish(second)
        await one.say(type="cancel", id="a")
        await two.say(type="cancel", extraction=first.extraction)
        pongs = [await client.ask(type="ping") for client in (one, two)]
    assert [watch.terminal and watch.terminal["type"] for watch in (first, second)] == ["cancelled"] * 2
    assert pongs == [{"type": "pong"}] * 2


async def test_cancelling_while_nothing_has_been_answered(gateway: Served, fake: FakeOpenAI) -> None:
    """A provider that has not said a word is hung up on as fast."""
    fake.reply(Reply(hang="headers"))
    async with connected(gateway.url) as client:
        watch = await client.extract("a", **asked())
        (call,) = await fake.wait_for_calls(1)
        await client.say(type="cancel", id="a")
        async with asyncio.timeout(0.25):
            await call.disconnected.wait()
        await client.finish(watch)
    assert (watch.terminal or {})["type"] == "cancelled"
