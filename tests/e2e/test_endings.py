"""Every way an extraction can end, with and without an attempt before: one terminal, whole, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest

from gateway.providers.openai import OpenAIProvider
from tests.e2e.conftest import Serve
from tests.fakes.client import CheckedWatch, Client, connected
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.openai_server import SECRET, FakeOpenAI, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
WHAT_ALL_HAVE = {"type", "id", "epoch", "rev", "attempts", "usage", "timing", "digest", "repairs"}
WRONG = Reply(['{"answer": 1}'])
OPEN = ['{"answer": "x']
NEVER = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Case:
    """A reply, what is asked for, and the ending it comes to.

    Attributes:
        reply: of the last attempt.
        kind: of the terminal.
        why: the reason of an incomplete one, code and phase of a failure.
        limits: of the gateway.
        asked: with the request.
        act: what the client does in the middle of the last attempt.
    """

    reply: Reply
    kind: str
    why: tuple[str, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    act: str = ""


def silent(piece: int) -> Reply:
    """Return a reply that falls silent before a piece."""
    return Reply([*OPEN, '"}'], gates={piece: NEVER})


CASES = {
    "completed": Case(Reply(['{"answer": "x"}']), "completed"),
    "closed for it": Case(Reply(OPEN), "completed"),
    "length": Case(Reply(OPEN, finish_reason="length"), "incomplete", ("length",)),
    "budget": Case(
        Reply(['{"answer": "', "x" * 80], gates={2: NEVER}), "incomplete", ("budget",), asked={"budget_tokens": 15}
    ),
    "refusal": Case(Reply([], refusal=["no"]), "failed", ("refused",)),
    "content filter": Case(Reply(OPEN, finish_reason="content_filter"), "failed", ("refused",)),
    "not valid": Case(WRONG, "failed", ("invalid_output",)),
    "no JSON": Case(Reply(["?"]), "failed", ("invalid_output",)),
    "nothing": Case(Reply([]), "failed", ("invalid_output",)),
    "too large": Case(Reply(['{"answer": "', "x" * 200]), "failed", ("output_too_large",), {"value_bytes": 100}),
    "an answer of 500": Case(Reply(status=500), "failed", ("provider_error",)),
    "a rate limit": Case(Reply(status=429), "failed", ("provider_rate_limited",)),
    "a line that drops": Case(Reply(OPEN, is_dropped=True), "failed", ("provider_error",)),
    "no finish": Case(Reply(OPEN, finish_reason=None), "failed", ("provider_error",)),
    "first delta": Case(
        Reply(hang="headers"), "failed", ("provider_timeout", "first_delta"), {"first_delta_timeout_s": 1.0}
    ),
    "idle": Case(silent(1), "failed", ("provider_timeout", "idle"), {"idle_timeout_s": 0.8}),
    "total": Case(silent(1), "failed", ("provider_timeout", "total"), {"total_timeout_s": 1.5}),
    "cancel": Case(silent(1), "cancelled", act="cancel"),
    "shutdown": Case(silent(1), "failed", ("shutting_down",), act="shutdown"),
}


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("name", CASES)
async def test_an_ending(serve: Serve, fake: FakeOpenAI, name: str, retries: int) -> None:
    """Exactly one terminal with everything in it; an attempt before it is announced, counted and paid for."""
    case = CASES[name]
    fake.reply(*[WRONG] * retries)
    fake.default = case.reply
    async with serve(**case.limits) as gateway, connected(gateway.url) as client:
        asked = {"schema": SCHEMA, "input": "text", "interval_ms": 0, "retries": retries, **case.asked}
        watch = await client.extract("a", **asked)
        await act(case, client, watch, gateway, retries)
        await client.finish(watch)
        await client.ask(type="ping")
    terminal = watch.terminal or {}
    assert (terminal["type"], why(terminal), terminal["attempts"]) == (case.kind, case.why, retries + 1)
    assert terminal.keys() - {"reason", "open", "error"} == WHAT_ALL_HAVE
    assert [frame["attempt"] for frame in watch.frames if frame["type"] == "reset"] == [2] * retries
    usage = terminal["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 18 * retries
    assert terminal["timing"]["queued_ms"] <= terminal["timing"]["total_ms"]
    assert len(fake.calls) == retries + 1


async def act(case: Case, client: Client, watch: CheckedWatch, gateway: Served, retries: int) -> None:
    """Do what a case does in the middle of its last attempt."""
    if not case.act:
        return
    while len([frame for frame in watch.frames if frame["type"] == "reset"]) < retries or not watch.rev:
        await client.hear()
    if case.act == "cancel":
        await client.say(type="cancel", id="a")
    else:
        for run in gateway.gateway.hub.running():
            run.shut_down()


def why(terminal: dict[str, Any]) -> tuple[str, ...]:
    """Return what an ending gives as its reason."""
    error = terminal.get("error", {})
    told = (terminal.get("reason"), error.get("code"), error.get("phase"))
    return tuple(word for word in told if word is not None)


@asynccontextmanager
async def full_provider() -> AsyncGenerator[Served]:
    """Serve a gateway in front of a server that never accepts."""
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())  # fills its queue
        base_url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=SECRET,
            max_retries=0,
            timeout=openai.Timeout(None, connect=0.1),
            http_client=openai.DefaultAioHttpClient(timeout=openai.Timeout(None, connect=0.1)),
        )
        async with client, served(gateway_with(OpenAIProvider(client=client, model="m"))) as gateway:
            yield gateway


@pytest.mark.parametrize("retries", [0, 1])
async def test_a_provider_that_does_not_let_in(retries: int) -> None:
    """The fourth of the time-outs; asking again is for answers, so there is one attempt."""
    async with full_provider() as gateway, connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", schema=SCHEMA, input="x", retries=retries))
    terminal = watch.terminal or {}
    assert (why(terminal), terminal["attempts"]) == (("provider_timeout", "connect"), 1)


async def test_cancelled_while_it_is_queued(serve: Serve, fake: FakeOpenAI) -> None:
    """No call, no tokens, no first delta."""
    fake.reply(silent(1))
    async with serve(extractions_per_connection=1) as gateway, connected(gateway.url) as client:
        first = await client.extract("a", schema=SCHEMA, input="x", interval_ms=0)
        await client.reach(1, first)
        second = await client.extract("b", schema=SCHEMA, input="y", interval_ms=0)
        await client.say(type="cancel", id="b")
        await client.finish(second)
        await client.say(type="cancel", id="a")
        await client.finish(first)
    terminal = second.terminal or {}
    assert [frame["type"] for frame in second.frames] == ["started", "snapshot", "cancelled"]
    assert (second.frames[0]["state"], terminal["attempts"], terminal["timing"]["first_delta_ms"]) == (
        "queued",
        0,
        None,
    )
    assert terminal["usage"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "estimated": False}
    assert len(fake.calls) == 1
