"""Watches of parts over real sockets: what they are shown, what they are spared, how they come back."""

from typing import Any

import pytest

from tests.core.oracles import projected
from tests.e2e.conftest import Serve
from tests.fakes.client import CheckedWatch, Client, connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import ENCODINGS, FINAL, PIECES, SEEN, Gates, asked

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

NAMES = ["/people/*/name"]
SHOWN = [1, 5, 7, 8]
"""The revisions that show something of the names: the root, and then their growth."""


async def play_names(gates: Gates, client: Client, whole: CheckedWatch, *parts: CheckedWatch, end: int = 9) -> None:
    """Let pieces out one by one, each once everybody has seen what there was for them to see."""
    for rev in range(1, end):
        gates.open(rev - 1)
        await client.reach(rev, whole, *(parts if rev in SHOWN else ()))


@pytest.mark.parametrize("skeleton", [True, False])
async def test_a_part_is_that_of_the_whole(gateway: Served, fake: FakeOpenAI, skeleton: bool) -> None:
    """In three encodings beside a watch of everything; growth elsewhere comes to none of them."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        whole = await client.extract("whole", **asked(skeleton=skeleton))
        parts = [
            await client.watch(name, whole.extraction, encoding=name, interval_ms=0, skeleton=skeleton, paths=NAMES)
            for name in ENCODINGS
        ]
        await client.reach(0, whole, *parts)
        await play_names(gates, client, whole, *parts)
        gates.open_all()
        await client.finish(whole, *parts)
    for part in parts:
        assert sorted(part.values)[:-1] == [0, *SHOWN]
        assert {rev: projected(whole.values[rev], NAMES) for rev in part.values} == part.values
        assert (part.frames[-2]["final"], part.value) == (True, {"people": [{"name": "Ann"}, {"name": "Bo"}]})
        assert "digest" not in part.frames[-1]
        assert {**part.frames[-1], "digest": whole.frames[-1]["digest"], "id": "whole"} == whole.frames[-1]


async def test_resume_by_position(gateway: Served, fake: FakeOpenAI) -> None:
    """What was missed comes in one update, also where none of it is shown: then it has no operations."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as one:
        whole = await one.extract("whole", **asked())
        part = await one.watch("part", whole.extraction, encoding="append", interval_ms=0, paths=NAMES)
        await play_names(gates, one, whole, part, end=6)
        async with connected(gateway.url) as two:
            gates.open(5)
            await one.reach(6, whole)
            again = await two.resume("again", part, paths=NAMES, interval_ms=0)
            await two.reach(6, again)
            gates.open(6)
            await two.reach(7, again)
            gates.open_all()
            await two.finish(again)
    assert (part.rev, part.terminal) == (5, None)
    add = {"op": "add", "path": "/people/1", "value": {"name": "B"}}
    assert again.plain_frames()[:3] == [
        {"type": "watching", "rev": 6, "state": "running", "recovered": "tail"},
        {"type": "patch", "from": 5, "rev": 6, "ops": []},
        {"type": "patch", "from": 6, "rev": 7, "ops": [add]},
    ]
    assert again.value == projected(FINAL, NAMES)


async def test_a_late_watch_gets_its_part_at_once(serve: Serve, fake: FakeOpenAI) -> None:
    """From the value that is kept; and where the tail is gone, a snapshot of the part."""
    fake.reply((gates := Gates()).reply())
    async with serve(tail_steps=2) as gateway, connected(gateway.url) as client:
        whole = await client.extract("whole", **asked())
        part = await client.watch("part", whole.extraction, interval_ms=0, paths=["/title"])
        await client.reach(0, part)
        await client.say(type="unwatch", id="part")
        for rev in range(1, 7):
            gates.open(rev - 1)
            await client.reach(rev, whole)
        again = await client.resume("again", part, paths=["/title"])
        gates.open_all()
        await client.finish(whole, again)
        await client.finish(late := await client.watch("late", whole.extraction, paths=["/people/0", "/open"]))
    assert ((again.opening or {})["recovered"], again.frames[1]["type"]) == ("state", "snapshot")
    assert again.value == {"title": FINAL["title"]}
    assert [frame["type"] for frame in late.frames] == ["watching", "snapshot", "completed"]
    assert late.value == {"people": [FINAL["people"][0], None], "open": True}


async def test_items_in_parts(gateway: Served, fake: FakeOpenAI) -> None:
    """Of the lists that have something to show, each item cut to it; then the part of the value."""
    fake.reply(Reply(PIECES), Reply(PIECES))
    async with connected(gateway.url) as client:
        names = await client.extract("names", **asked(encoding="items", paths=NAMES))
        others = await client.watch("one", names.extraction, encoding="items", paths=["/people/1", "/title"])
        none = await client.watch("none", names.extraction, encoding="items", paths=["/title"])
        await client.finish(names, others, none)
    assert [(item["key"], item["value"]) for item in names.items] == [
        ("/people/0", {"name": "Ann"}),
        ("/people/1", {"name": "Bo"}),
    ]
    assert [(item["key"], item["value"], item["valid"]) for item in others.items] == [
        ("/people/1", FINAL["people"][1], True)
    ]
    assert (none.items, none.value) == ([], {"title": FINAL["title"]})
    assert names.value == projected(FINAL, NAMES)


async def test_progress_of_a_part(gateway: Served, fake: FakeOpenAI) -> None:
    """A watch that asks for it hears of what closes in its part, and of nothing else."""
    fake.reply((gates := Gates()).reply())
    told: dict[int, Any] = {}
    async with connected(gateway.url) as client:
        whole = await client.extract("whole", **asked())
        part = await client.watch("part", whole.extraction, interval_ms=0, progress=True, paths=NAMES)
        for rev in range(1, len(SEEN)):
            gates.open(rev - 1)
            await client.reach(rev, whole)
        gates.open_all()
        await client.finish(whole, part)
    told = {frame["rev"]: frame["progress"] for frame in part.frames if "progress" in frame}
    assert told.keys() & {2, 3, 4} == set()
    assert told[5] == {"active": "/people/0", "completed": ["/people/0/name"]}
    assert told[6] == {"active": "/people", "completed": ["/people/0"]}


async def test_a_part_of_another_attempt(gateway: Served, fake: FakeOpenAI) -> None:
    """A reset voids the part too, and the new one begins with its skeleton."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    fake.reply(Reply(['{"name": "A', 'nn", "age": "old"}']), Reply(['{"name": "B', 'o", "age": 7}']))
    async with connected(gateway.url) as client:
        await client.finish(part := await client.extract("a", **asked(schema=schema, retries=1, paths=["/name"])))
    (reset,) = [frame for frame in part.frames if frame["type"] == "reset"]
    assert reset["errors"][0]["path"] == "/age"
    assert part.frames[part.frames.index(reset) + 1]["value"] in ({"name": None}, {"name": "B"}, {"name": "Bo"})
    assert (part.value, (part.terminal or {})["attempts"]) == ({"name": "Bo"}, 2)
