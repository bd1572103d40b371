"""Answers that are not valid, and the model asked again: whole transcripts, over real sockets."""

import asyncio
import hashlib
from typing import Any

import pytest

from tests.fakes.client import CheckedWatch, connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
EMPTY = {"name": None, "age": None}
WRONG = ['{"name": "Ann", ', '"age": "old"}']
RIGHT = ['{"name": "Ann", ', '"age": 42}']
AGE_ERROR = {"path": "/age", "message": 'the value is not of type "integer"; got "old"'}
USAGE = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18, "estimated": False}
CANONICAL = {
    "right": '{"age":42,"name":"Ann"}',
    "wrong": '{"age":"old","name":"Ann"}',
    "cut": '{"age":null,"name":"An"}',
}


def asked(**fields: Any) -> dict[str, Any]:
    """Return what an `extract` asks for, with every update at once."""
    return {"schema": SCHEMA, "input": "text", "encoding": "snapshot", "interval_ms": 0, "retries": 2, **fields}


def gated(pieces: list[str]) -> tuple[Reply, dict[int, asyncio.Event]]:
    """Return a reply whose pieces wait for events, and the events; the last one is its ending's."""
    gates = {number: asyncio.Event() for number in range(len(pieces) + 1)}
    return Reply(pieces, gates=gates), gates


async def until(client: Any, watch: CheckedWatch, kind: str, number: int = 1) -> None:
    """Hear until a watch has had so many frames of a kind."""
    while [frame["type"] for frame in watch.frames].count(kind) < number:
        await client.hear()


def digest(name: str) -> str:
    """Return the digest of a canonical text written by hand."""
    return hashlib.sha256(CANONICAL[name].encode()).hexdigest()


def usage(calls: int) -> dict[str, Any]:
    """Return what so many whole calls cost."""
    return {name: value * calls if name != "estimated" else value for name, value in USAGE.items()}


def snapshot(rev: int, value: Any, **fields: Any) -> dict[str, Any]:
    """Return an update."""
    return {"type": "snapshot", "rev": rev, "value": value, **fields}


def reset(attempt: int) -> dict[str, Any]:
    """Return the announcement of an attempt behind a wrong age."""
    return {"type": "reset", "attempt": attempt, "reason": "invalid_output", "errors": [AGE_ERROR]}


STARTED = {"type": "started", "state": "running", "deduplicated": False}
SHOWN = {"name": "Ann", "age": None}
WRONG_SHOWN = [snapshot(0, EMPTY), snapshot(1, SHOWN), snapshot(2, {"name": "Ann", "age": "old"})]


async def test_an_answer_that_becomes_valid_at_the_second_try(gateway: Served, fake: FakeOpenAI) -> None:
    """The watch is shown the first one, that it is void, then the second from its skeleton on; both are paid for."""
    (wrong, first), (right, second) = gated(WRONG), gated(RIGHT)
    fake.reply(wrong, right)
    async with connected(gateway.url) as client:
        watch = await client.extract("a", **asked())
        await client.reach(0, watch)
        for number in range(3):
            first[number].set()
            await (client.reach(number + 1, watch) if number < 2 else until(client, watch, "reset"))
        await client.reach(0, watch)
        for number in range(2):
            second[number].set()
            await client.reach(number + 1, watch)
        second[2].set()
        await client.finish(watch)
    assert watch.plain_frames() == [
        STARTED,
        *WRONG_SHOWN,
        reset(2),
        snapshot(0, EMPTY),
        snapshot(1, SHOWN),
        snapshot(2, {"name": "Ann", "age": 42}),
        snapshot(3, {"name": "Ann", "age": 42}, final=True),
        {"type": "completed", "rev": 3, "attempts": 2, "usage": usage(2), "digest": digest("right"), "repairs": []},
    ]
    epochs = [frame["epoch"] for frame in watch.frames]
    assert (len(set(epochs[:4])), len(set(epochs[4:])), len(set(epochs))) == (1, 1, 2)


async def test_what_the_model_is_told(gateway: Served, fake: FakeOpenAI) -> None:
    """The same chat, its own answer, and each error by its field."""
    fake.reply(Reply(WRONG), Reply(["so sorry"]), Reply(RIGHT))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked()))
    first, second, third = [call.body["messages"] for call in fake.calls]
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    assert second[len(first) :] == [
        {"role": "assistant", "content": "".join(WRONG)},
        {
            "role": "user",
            "content": 'That answer is not valid:\n- /age: the value is not of type "integer"; got "old"\n'
            "Write the whole answer again, as the schema asks for it, with these errors corrected.",
        },
    ]
    assert third[-2] == {"role": "assistant", "content": "so sorry"}
    assert third[-1]["content"].startswith("That answer is not valid:\n- the whole answer: ")
    assert (watch.terminal or {})["attempts"] == 3


async def test_an_answer_that_never_becomes_valid(gateway: Served, fake: FakeOpenAI) -> None:
    """The last attempt's error, value and digest; the cost of all three."""
    fake.default = Reply(WRONG)
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked(interval_ms=1000)))
    terminal = watch.plain_frames()[-1]
    assert terminal == {
        "type": "failed",
        "rev": 2,
        "attempts": 3,
        "usage": usage(3),
        "digest": digest("wrong"),
        "repairs": [],
        "error": {
            "code": "invalid_output",
            "message": 'the value at /age: the value is not of type "integer"; got "old"',
            "retryable": False,
            "errors": [AGE_ERROR],
        },
    }
    resets = [frame["attempt"] for frame in watch.frames if frame["type"] == "reset"]
    assert resets == sorted(set(resets))
    assert resets[-1] == 3
    assert watch.value == {"name": "Ann", "age": "old"}


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_cut_off_inside_a_list(gateway: Served, fake: FakeOpenAI, retries: int) -> None:
    """Incomplete, with what was open; nobody is asked again."""
    schema = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}
    fake.reply(Reply(['{"tags": ["red", "gr'], finish_reason="length"))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked(schema=schema, retries=retries)))
    assert watch.plain_frames()[-1] == {
        "type": "incomplete",
        "rev": 1,
        "attempts": 1,
        "usage": usage(1),
        "digest": hashlib.sha256(b'{"tags":["red","gr"]}').hexdigest(),
        "repairs": [],
        "reason": "length",
        "open": ["/tags/1", "/tags", ""],
    }
    assert len(fake.calls) == 1


async def test_a_refusal_at_the_second_try(gateway: Served, fake: FakeOpenAI) -> None:
    """It ends the extraction; a refusal is not asked again."""
    fake.reply(Reply(WRONG), Reply([], refusal=["I will not"]))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked()))
    terminal = watch.plain_frames()[-1]
    error = {"code": "refused", "message": "the model refused to answer", "retryable": False}
    assert (terminal["type"], terminal["error"], terminal["rev"]) == ("failed", error, 0)
    assert (terminal["attempts"], len(fake.calls), watch.value) == (2, 2, EMPTY)


async def test_cancelling_during_the_second_attempt(gateway: Served, fake: FakeOpenAI) -> None:
    """Its call is closed, and what both have cost is told: the second by its length, four characters to a token."""
    second, gates = gated(['{"name": "An', 'n"}'])
    fake.reply(Reply(WRONG), second)
    gates[0].set()
    async with connected(gateway.url) as client:
        watch = await client.extract("a", **asked())
        await until(client, watch, "reset")
        await client.reach(1, watch)
        await client.say(type="cancel", id="a")
        await client.finish(watch)
        async with asyncio.timeout(0.25):
            await fake.calls[1].disconnected.wait()
    terminal = watch.plain_frames()[-1]
    assert (terminal["type"], terminal["rev"], terminal["attempts"]) == ("cancelled", 1, 2)
    assert (terminal["digest"], watch.value) == (digest("cut"), {"name": "An", "age": None})
    chars = sum(len(message["content"]) for message in fake.calls[1].body["messages"])
    read, written = 11 + -(-chars // 4), 7 + 3
    assert terminal["usage"] == {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
        "estimated": True,
    }


async def test_watches_that_come_in_the_second_attempt(gateway: Served, fake: FakeOpenAI) -> None:
    """A new one hears of that attempt only; one with a position in the first is told that it is void."""
    second, gates = gated(RIGHT)
    fake.reply(Reply(WRONG), second)
    gates[0].set()
    async with connected(gateway.url) as client:
        first = await client.extract("a", **asked())
        await client.reach(0, first)
        old = {"epoch": first.frames[0]["epoch"], "rev": 2}
        await until(client, first, "reset")
        await client.reach(1, first)
        new = await client.watch("new", first.extraction, encoding="snapshot", interval_ms=0)
        late = await client.watch("late", first.extraction, encoding="snapshot", interval_ms=0, **{"from": old})
        lost = {"epoch": "never", "rev": 2}
        other = await client.watch("other", first.extraction, encoding="snapshot", interval_ms=0, **{"from": lost})
        await client.reach(1, new, late, other)
        for gate in gates.values():
            gate.set()
        await client.finish(first, new, late, other)
    watching = {"type": "watching", "rev": 1, "state": "running"}
    assert new.plain_frames()[:2] == [{**watching, "recovered": None}, snapshot(1, SHOWN)]
    assert late.plain_frames()[:3] == [{**watching, "recovered": "reset"}, reset(2), snapshot(1, SHOWN)]
    unknown = {"type": "reset", "attempt": 2, "reason": "unknown_position"}
    assert other.plain_frames()[:3] == [{**watching, "recovered": "reset"}, unknown, snapshot(1, SHOWN)]
    assert {watch.epoch for watch in (first, new, late, other)} == {first.epoch} != {old["epoch"]}


async def test_a_watch_that_missed_two_resets_hears_of_one(gateway: Served, fake: FakeOpenAI) -> None:
    """With the newest epoch and attempt; what came between is gone."""
    third, gates = gated(RIGHT)
    fake.reply(Reply(WRONG), Reply(WRONG), third)
    async with connected(gateway.url) as client:
        quick = await client.extract("a", **asked())
        while quick.frames[-1].get("attempt") != 3:
            await client.hear()
        old = {"epoch": quick.frames[0]["epoch"], "rev": 0}
        late = await client.watch("late", quick.extraction, encoding="snapshot", interval_ms=0, **{"from": old})
        for gate in gates.values():
            gate.set()
        await client.finish(quick, late)
    assert [frame for frame in late.plain_frames() if frame["type"] == "reset"] == [reset(3)]
    assert (late.value, (late.terminal or {})["attempts"]) == ({"name": "Ann", "age": 42}, 3)


async def test_an_invalid_item_closes_the_upstream_request(gateway: Served, fake: FakeOpenAI) -> None:
    """There and then, with the rest unsent; the watch is shown why, and the second answer."""
    schema = {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "integer"}}}}
    fake.reply(Reply(['{"lines": [1, ', '"two", ', "3]}"], gates={2: asyncio.Event()}), Reply(['{"lines": [1, 2]}']))
    async with connected(gateway.url) as client:
        watch = await client.extract("a", **asked(schema=schema))
        await client.finish(watch)
    await fake.calls[0].disconnected.wait()
    error = {"path": "/lines/1", "message": 'the value is not of type "integer"; got "two"'}
    resets = [frame for frame in watch.plain_frames() if frame["type"] == "reset"]
    assert resets == [{"type": "reset", "attempt": 2, "reason": "invalid_output", "errors": [error]}]
    assert (watch.frames[-1]["type"], watch.frames[-1]["attempts"], fake.calls[0].sent_pieces) == ("completed", 2, 2)


@pytest.mark.parametrize("encoding", ["snapshot", "patch", "append"])
async def test_an_invalid_item_is_left_out(gateway: Served, fake: FakeOpenAI, encoding: str) -> None:
    """No update ever holds it, the value is what is left, and the terminal says what is not."""
    lines = {"type": "array", "items": {"type": "integer"}, "x-stream": {"on_invalid": "drop"}}
    fake.reply(Reply(['{"lines": [1, ', '"two", ', "3", ", 4]}"]))
    async with connected(gateway.url) as client:
        watch = await client.extract(
            "a", **asked(schema={"type": "object", "properties": {"lines": lines}}, encoding=encoding)
        )
        await client.finish(watch)
    error = {"path": "/lines/1", "message": 'the value is not of type "integer"; got "two"'}
    assert watch.frames[-1]["dropped"] == [{"path": "/lines/1", "errors": [error]}]
    assert (watch.frames[-1]["type"], watch.value) == ("completed", {"lines": [1, 3, 4]})
    assert "two" not in str(watch.frames[:-1])
