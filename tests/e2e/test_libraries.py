"""Whoever applies the frames comes to the same values: plain JSON Patch libraries, and both clients."""

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from gateway.providers.recorded import RecordedProvider
from gateway.recordings import CONFERENCE_RECORDING, CONFERENCE_TEXT, Conference, shipped_recordings
from tests.fakes.client import CheckedWatch, Client, connected
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.libraries import JAVASCRIPT, by_replica, replayed
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import Gates
from tests.fakes.recorded_streams import CASES, needs_streams, recorded_body

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

VIEWS = [("patch", 0), ("patch", 40), ("append", 0), ("append", 40)]

NAMES: dict[str, Any] = {
    "a/b": "slash",
    "m~n": ["tilde", {"~1": "both", "~0": "\u00e9\U0001f600"}],
    "": {"": {"": "empty"}},
    "0": ["number"],
    "-": {"-": "dash"},
    " ": "space",
    "length": ["x"],
    "toString": "t",
    "hasOwnProperty": {"valueOf": "v"},
}
"""Member names that a pointer has to escape, or that mean something to a language."""

PROTOTYPES = [
    f'{{"x": "{400 * "y"}',  # long, so that no snapshot is smaller than a patch
    'z", "__proto__": {"x": "b',
    'c"}, "constructor": {"x": "d',
    'e", "prototype": "f',
    '"}}',
]


async def views(client: Client, **fields: Any) -> list[CheckedWatch]:
    """Extract once, and watch it in every view to the end."""
    encoding, interval_ms = VIEWS[0]
    first = await client.extract("w0", encoding=encoding, interval_ms=interval_ms, **fields)
    others = [
        await client.watch(f"w{number}", first.extraction, encoding=encoding, interval_ms=interval_ms)
        for number, (encoding, interval_ms) in enumerate(VIEWS)
        if number
    ]
    await client.finish(first, *others)
    return [first, *others]


def reached(watch: CheckedWatch) -> list[list[Any]]:
    """Return each revision with its value by Python's jsonpatch."""
    return [[rev, value] for rev, value in watch.values.items()]


async def require_agreement(watches: Sequence[CheckedWatch]) -> None:
    """Require that all libraries agree at each revision of each watch, and watches of one extraction among them."""
    runs = [(watch.encoding, watch.frames) for watch in watches]
    for watch, run, made in zip(watches, runs, await asyncio.to_thread(replayed, runs), strict=True):
        assert made == dict.fromkeys(JAVASCRIPT, reached(watch))
        assert by_replica(run) == reached(watch)
    for one, other in pairwise(watches):
        shared = one.values.keys() & other.values.keys() if one.epoch == other.epoch else ()
        assert [one.values[rev] for rev in shared] == [other.values[rev] for rev in shared]


async def test_the_conference_by_every_library() -> None:
    """The recording as it plays at ten times its speed, at every update and folded."""
    expected = json.loads("".join(delta for _, delta in CONFERENCE_RECORDING.deltas if isinstance(delta, str)))
    gateway = gateway_with(RecordedProvider(shipped_recordings(), speed=10))
    gateway.extractor()(Conference)
    async with served(gateway) as running, connected(running.url) as client:
        watches = await views(client, extractor="conference", input=CONFERENCE_TEXT)
    assert [watch.value for watch in watches] == [expected] * len(VIEWS)
    patch, folded, append, _ = watches
    assert len(patch.frames) > len(folded.frames) > len(("started", "snapshot", "patch", "completed"))
    assert len(patch.values.keys() & append.values.keys()) > 10
    await require_agreement(watches)


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_names_that_are_hard_to_point_at(gateway: Served, fake: FakeOpenAI, size: int) -> None:
    """Whatever is to be escaped, empty or looks like an index: all libraries come to what json.loads reads."""
    text = json.dumps(NAMES)
    fake.default = Reply([text[at : at + size] for at in range(0, len(text), size)], delay_s=0.002)
    async with connected(gateway.url) as client:
        watches = await views(client, schema={}, input="text")
    assert [watch.value for watch in watches] == [NAMES] * len(VIEWS)
    assert len([frame for frame in watches[0].frames if frame.get("ops")]) > 10
    await require_agreement(watches)


async def test_names_that_javascript_libraries_do_not_take(gateway: Served, fake: FakeOpenAI) -> None:
    """With `__proto__` and `constructor` our clients and jsonpatch are right; of the others one stops, one is wrong."""
    fake.reply((gates := Gates()).reply(PROTOTYPES))
    expected = json.loads("".join(PROTOTYPES))
    async with connected(gateway.url) as client:
        watch = await client.extract("w0", schema={}, input="text", interval_ms=0)
        for number in range(len(PROTOTYPES) - 1):
            await client.reach(number, watch)
            gates.open(number)
        gates.open_all()
        await client.finish(watch)
    (made,) = await asyncio.to_thread(replayed, [("patch", watch.frames)])
    assert watch.value == expected
    assert made["ours"] == by_replica(("patch", watch.frames)) == reached(watch)
    assert made["fast-json-patch"][-1][0] == "error"
    assert "banned for security reasons" in made["fast-json-patch"][-1][1]
    assert made["rfc6902"][-1][1] != expected


@needs_streams
async def test_recorded_streams_by_every_library(gateway: Served, fake: FakeOpenAI) -> None:
    """Answers as servers really sent them: the value that their manifest states, by every library."""
    cases = [case for case in CASES if case["outcome"] == "completed"]
    assert len(cases) > 30
    watches: list[CheckedWatch] = []
    for case in cases:
        fake.reply(Reply(body=recorded_body(case["name"]), cut_bytes=500))
        async with connected(gateway.url) as client:
            shown = await views(client, schema={}, input="text", mode=case["mode"])
        assert [watch.value for watch in shown] == [case["value"]] * len(VIEWS), case["name"]
        watches += shown
    await require_agreement(watches)
