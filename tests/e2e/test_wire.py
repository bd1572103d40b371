"""Values over real sockets: uvicorn in front, a scripted OpenAI server behind."""

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.fakes.client import Client, connected
from tests.fakes.gateways import Served, document_of
from tests.fakes.openai_server import FakeOpenAI, FakeRequest, Reply
from tests.fakes.pieces import ENCODINGS, FINAL, PIECES, SEEN, Gates, asked, play, replace, watch_many

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


# Values


async def test_three_encodings_show_the_same_value_at_every_revision(gateway: Served, fake: FakeOpenAI) -> None:
    """Snapshot, patch (plain jsonpatch) and append (with its extension) agree with values written by hand."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("snapshot", **asked(encoding="snapshot"))
        others = [
            await client.watch(name, first.extraction, encoding=name, interval_ms=0)
            for name in ENCODINGS
            if name != "snapshot"
        ]
        watches = [first, *others]
        await client.reach(0, *watches)
        await play(gates, client, *watches)
        gates.open_all()
        await client.finish(*watches)
    assert [watch.terminal and watch.terminal["type"] for watch in watches] == ["completed"] * 3
    for watch in watches:
        assert [watch.values[rev] for rev in range(len(SEEN))] == SEEN
        assert watch.value == FINAL


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
async def test_any_cut_comes_to_the_same_value(gateway: Served, fake: FakeOpenAI, size: int) -> None:
    """However the document is cut and folded on the way, all encodings end with what json.loads reads."""
    text = json.dumps(json.loads("".join(PIECES)) | {"people": [{"name": "é€😀\\" * i, "age": i} for i in range(12)]})
    fake.default = Reply([text[at : at + size] for at in range(0, len(text), size)])
    async with connected(gateway.url) as client:
        watches = [await client.extract("snapshot", **asked(encoding="snapshot", interval_ms=2))]
        for name in ("patch", "append"):
            watches.append(await client.watch(name, watches[0].extraction, encoding=name, interval_ms=0))
        await client.finish(*watches)
    assert [watch.value for watch in watches] == [json.loads(text)] * 3
    shared = set.intersection(*(set(watch.values) for watch in watches))
    assert all(watches[0].values[rev] == watch.values[rev] for watch in watches for rev in shared)


async def test_a_whole_session_frame_by_frame(gateway: Served, fake: FakeOpenAI) -> None:
    """What a client hears of one extraction, compared whole; where a snapshot is smaller, it is one."""
    long = "A" * 300
    pieces = [f'{{"title": "{long}', 'b"', ', "people": [{"name": "Ann", "age": 4', '2}], "open": false}']
    fake.reply((gates := Gates()).reply(pieces))
    async with connected(gateway.url) as client:
        watch = await client.extract("a", **asked(encoding="append"))
        await client.reach(0, watch)
        await play(gates, client, watch, end=5)
        gates.open_all()
        await client.finish(watch)
    canonical = f'{{"open":false,"people":[{{"age":42,"name":"Ann"}}],"title":"{long}b"}}'
    assert watch.plain_frames() == [
        {"type": "started", "state": "running", "deduplicated": False},
        {"type": "snapshot", "rev": 0, "value": {"title": None, "people": [], "open": None}},
        {"type": "snapshot", "rev": 1, "value": {"title": long, "people": [], "open": None}},
        {"type": "patch", "from": 1, "rev": 2, "ops": [{"op": "append", "path": "/title", "value": "b"}]},
        {"type": "patch", "from": 2, "rev": 3, "ops": [replace("/people", [{"name": "Ann", "age": None}])]},
        {"type": "patch", "from": 3, "rev": 4, "ops": [replace("/people/0/age", 42), replace("/open", False)]},
        {"type": "patch", "from": 4, "rev": 5, "ops": [], "final": True},
        {
            "type": "completed",
            "rev": 5,
            "attempts": 1,
            "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18, "estimated": False},
            "digest": hashlib.sha256(canonical.encode()).hexdigest(),
            "repairs": [],
        },
    ]


# Many at once


async def test_sixteen_interleave_and_a_cancelled_one_leaves_the_others_alone(
    gateway: Served, fake: FakeOpenAI
) -> None:
    """Cancelling one closes its upstream request within 250 ms; the others hear what a lonely run hears, exactly."""
    gates = Gates()
    fake.route(lambda _: gates.reply())
    async with connected(gateway.url) as client:
        watches = [await client.extract(f"w{n}", **asked(input=f"text {n}", encoding="append")) for n in range(16)]
        await client.reach(0, *watches)
        await play(gates, client, *watches, end=5)
        (upstream,) = [call for call in fake.calls if call.body["messages"][-1]["content"] == "text 7"]
        await client.say(type="cancel", id="w7")
        async with asyncio.timeout(0.25):
            await upstream.disconnected.wait()
        await client.finish(watches[7])
        others = [watch for watch in watches if watch.id != "w7"]
        await play(gates, client, *others, start=5)
        gates.open_all()
        await client.finish(*others)
    lonely = await _lonely_frames(gateway, fake)
    assert watches[7].plain_frames()[-1]["type"] == "cancelled"
    assert watches[7].value == SEEN[4]
    assert [watch.plain_frames() for watch in others] == [lonely] * 15
    assert [call.disconnected.is_set() for call in fake.calls] == [call is upstream for call in fake.calls]


async def _lonely_frames(gateway: Served, fake: FakeOpenAI) -> list[dict[str, Any]]:
    gates = Gates()
    fake.route(lambda _: gates.reply())
    async with connected(gateway.url) as client:
        watch = await client.extract("alone", **asked(encoding="append"))
        await client.reach(0, watch)
        await play(gates, client, watch)
        gates.open_all()
        await client.finish(watch)
    return watch.plain_frames()


async def test_a_thousand_watches_cost_one_encode_per_update(gateway: Served, fake: FakeOpenAI) -> None:
    """Eight connections with 125 watches each: the updates are encoded once for all of them."""
    fake.reply((gates := Gates()).reply())
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(gateway.url)) for _ in range(8)]
        first = await clients[0].extract("w0", **asked())
        for number, client in enumerate(clients):
            await watch_many(client, first.extraction, 125 if number else 124)
        await _everybody_reaches(clients, 0)
        document = document_of(gateway.gateway, first.extraction)
        opening = document.encoded_updates
        for rev in range(1, len(SEEN)):
            gates.open(rev - 1)
            await _everybody_reaches(clients, rev)
        updates = document.encoded_updates - opening
        gates.open_all()
        await asyncio.gather(*(client.finish(*client.watches.values()) for client in clients))
        watches = [watch for client in clients for watch in client.watches.values()]
    assert (len(watches), opening, updates, document.encoded_updates) == (1000, 1, len(SEEN) - 1, len(SEEN) + 1)
    assert all(watch.value == FINAL for watch in watches)
    assert len(fake.calls) == 1


async def _everybody_reaches(clients: list[Client], rev: int) -> None:
    await asyncio.gather(*(client.reach(rev, *client.watches.values()) for client in clients))


async def test_many_runs_at_full_speed(gateway: Served, fake: FakeOpenAI) -> None:
    """Without any pacing, 16 documents of their own arrive whole on one socket."""

    def answer(request: FakeRequest) -> Reply:
        number = int(request.body["messages"][-1]["content"])
        text = json.dumps(_document(number))
        return Reply([text[at : at + 5] for at in range(0, len(text), 5)])

    fake.route(answer)
    async with connected(gateway.url) as client:
        watches = [
            await client.extract(f"w{n}", **asked(input=str(n), encoding=ENCODINGS[n % 3], interval_ms=n % 5))
            for n in range(16)
        ]
        await client.finish(*watches)
    assert [watch.value for watch in watches] == [_document(number) for number in range(16)]


def _document(number: int) -> dict[str, Any]:
    people = [{"name": f"{number}/{index}é", "age": index} for index in range(20)]
    return {"title": f"T{number}", "people": people, "open": True}


# Endings


async def test_a_model_that_is_cut_off_is_incomplete(gateway: Served, fake: FakeOpenAI) -> None:
    """The value is what there was; `open` says what was being written, innermost first."""
    fake.reply(Reply(PIECES[:7], finish_reason="length"))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked()))
    terminal = watch.terminal or {}
    assert (terminal["type"], terminal["reason"]) == ("incomplete", "length")
    assert terminal["open"] == ["/people/1/name", "/people/1", "/people", ""]
    assert watch.value == SEEN[7]


async def test_output_that_is_not_what_was_asked_for_fails(gateway: Served, fake: FakeOpenAI) -> None:
    """The errors say where; the value stays what the model wrote."""
    fake.reply(Reply(['{"title": 5, "people": [], "open": true}']))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked()))
    error = (watch.terminal or {})["error"]
    assert ((watch.terminal or {})["type"], error["code"]) == ("failed", "invalid_output")
    assert [problem["path"] for problem in error["errors"]] == ["/title"]


async def test_many_gives_the_bare_array(gateway: Served, fake: FakeOpenAI) -> None:
    """The model is asked for an object with items; clients never see it."""
    item = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    fake.reply(Reply(['{"items": [{"n": 1}', ', {"n"', ": 2}]}"]))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", schema=item, many=True, input="x"))
    assert (watch.values[0], watch.value) == ([], [{"n": 1}, {"n": 2}])


# Requests that cannot be


async def test_ids_that_are_live_are_refused(gateway: Served, fake: FakeOpenAI) -> None:
    """A second extraction under a live id is an error, and the first goes on."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("a", **asked())
        await client.reach(0, first)
        error = await client.ask(type="extract", id="a", **asked())
        gates.open_all()
        await client.finish(first)
    assert (error["type"], error["code"], error["id"], len(fake.calls)) == ("error", "duplicate_id", "a", 1)
    assert first.value == FINAL


async def test_the_seventeenth_extraction_is_over_capacity(gateway: Served, fake: FakeOpenAI) -> None:
    """Where it asks for that it is refused with a code, and may come again once one has ended."""
    gates = Gates()
    fake.route(lambda _: gates.reply())
    async with connected(gateway.url) as client:
        watches = [await client.extract(f"w{n}", **asked()) for n in range(16)]
        await client.reach(0, *watches)
        error = await client.ask(type="extract", id="one-more", busy="reject", **asked())
        gates.open_all()
        await client.finish(*watches)
        await client.finish(await client.extract("one-more", **asked()))
    assert (error["code"], error["id"], error["retryable"]) == ("over_capacity", "one-more", True)


async def test_the_last_watch_but_one_too_many(gateway: Served, fake: FakeOpenAI) -> None:
    """128 watches live on a connection, the 129th does not."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("w0", **asked())
        await watch_many(client, first.extraction, 127)
        await client.reach(0, *client.watches.values())
        error = await client.ask(type="watch", id="one-more", extraction=first.extraction)
        gates.open_all()
        await client.finish(*client.watches.values())
    assert (error["code"], error["id"]) == ("over_capacity", "one-more")
