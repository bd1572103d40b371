"""A session at its limit, and extractions that nobody watches, over real sockets."""

import asyncio
from typing import Any

import pytest

from tests.e2e.conftest import Serve
from tests.fakes.client import connected
from tests.fakes.openai_server import FakeOpenAI, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def asked(**fields: Any) -> dict[str, Any]:
    """Return what an `extract` asks for, with every update at once."""
    return {"schema": SCHEMA, "input": "text", "interval_ms": 0, **fields}


def gated() -> tuple[Reply, asyncio.Event]:
    """Return a reply that shows something and then waits for an event."""
    gate = asyncio.Event()
    return Reply(['{"answer": "x', '"}'], gates={1: gate}), gate


async def test_queued_in_order_and_when_the_session_has_gone(serve: Serve, fake: FakeOpenAI) -> None:
    """Accepted as queued; each starts when one ends, in order, though the socket that asked is closed."""
    replies = [gated() for _ in range(3)]
    fake.reply(*(reply for reply, _ in replies))
    async with serve(extractions_per_connection=1) as gateway, connected(gateway.url) as other:
        async with connected(gateway.url) as client:
            await client.reach(1, first := await client.extract("a", **asked(input="1")))
            queued = [await client.extract(id_, **asked(input=id_)) for id_ in ("2", "3")]
        watches = [await other.watch(f"w{n}", w.extraction) for n, w in enumerate((first, *queued))]
        for number, (_, gate) in enumerate(replies):
            await fake.wait_for_calls(number + 1)
            assert len(fake.calls) == number + 1
            gate.set()
        await other.finish(*watches)
    assert [watch.opening and watch.opening["state"] for watch in queued] == ["queued", "queued"]
    assert [call.body["messages"][-1]["content"] for call in fake.calls] == ["1", "2", "3"]
    assert [watch.value for watch in watches] == [{"answer": "x"}] * 3


async def test_replacing_the_oldest(serve: Serve, fake: FakeOpenAI) -> None:
    """Its watch ends as cancelled and its call is closed; the new one runs before what is queued."""
    fake.default = gated()[0]
    async with serve(extractions_per_connection=1) as gateway, connected(gateway.url) as client:
        await client.reach(1, first := await client.extract("a", **asked()))
        queued = await client.extract("b", **asked())
        new = await client.extract("c", **asked(busy="replace"))
        await client.finish(first)
        await client.reach(1, new)
        async with asyncio.timeout(0.25):
            await fake.calls[0].disconnected.wait()
        refused = await client.ask(type="extract", id="d", **asked(busy="reject"))
        for id_ in ("b", "c"):
            await client.say(type="cancel", id=id_)
        await client.finish(queued, new)
    assert [(watch.terminal or {})["type"] for watch in (first, queued, new)] == ["cancelled"] * 3
    assert [(watch.terminal or {})["attempts"] for watch in (first, queued, new)] == [1, 0, 1]
    assert (refused["code"], refused["retryable"], len(fake.calls)) == ("over_capacity", True, 2)


@pytest.mark.parametrize(("cancel_after_ms", "is_cancelled"), [(None, False), (0, True), (10, True), (60_000, False)])
async def test_a_connection_that_is_lost(
    serve: Serve, fake: FakeOpenAI, cancel_after_ms: int | None, is_cancelled: bool
) -> None:
    """By itself it cancels nothing; where the client said so, the provider's call is closed after that time."""
    reply, gate = gated()
    fake.reply(reply)
    async with serve() as gateway, connected(gateway.url) as other:
        async with connected(gateway.url) as client:
            watch = await client.extract("a", **asked(cancel_after_ms=cancel_after_ms))
            await client.reach(1, watch)
        if is_cancelled:
            async with asyncio.timeout(2):
                await fake.calls[0].disconnected.wait()
        gate.set()
        await other.finish(late := await other.watch("late", watch.extraction))
    assert (late.terminal or {})["type"] == ("cancelled" if is_cancelled else "completed")
