"""Whatever a provider does: a coded failure without its words or a key, and a session that goes on."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from gateway.providers.openai import OpenAIProvider
from tests.e2e.conftest import Serve
from tests.fakes.client import CheckedWatch, Client, connected
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.openai_server import SECRET, FakeOpenAI, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SCHEMA = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
ASKED: dict[str, Any] = {"schema": SCHEMA, "input": "x", "interval_ms": 0}

HTML = Reply(body=f"<html>{SECRET}</html>".encode(), content_type="text/html")
JSON_ERROR = Reply(body=f'{{"error": {{"message": "{SECRET}"}}}}'.encode(), content_type="application/json")
DROPPED_AT_ONCE = Reply(body=b"", is_dropped=True)
ERROR_IN_STREAM = Reply(['{"answer": '], error={"message": SECRET, "code": 500})
NO_EVENTS = Reply(body=f"data: {SECRET}\n\n".encode())


async def failure(client: Client, id_: str = "a") -> dict[str, Any]:
    """Run an extraction to its failure, and return its error."""
    watch = await client.extract(id_, **ASKED)
    await client.finish(watch)
    assert watch.terminal is not None
    assert watch.terminal["type"] == "failed"
    error: dict[str, Any] = watch.terminal["error"]
    return error


def assert_silent(caplog: pytest.LogCaptureFixture, *watches: CheckedWatch) -> None:
    """Make sure that no frame and no log line holds the provider's words or the key."""
    assert SECRET not in caplog.text
    assert SECRET not in str([watch.frames for watch in watches])


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (Reply(status=401), "provider_error", "the provider answered 401"),
        (Reply(status=403), "provider_error", "the provider answered 403"),
        (Reply(status=404), "provider_error", "the provider answered 404"),
        (Reply(status=429), "provider_rate_limited", "the provider answered 429"),
        (Reply(status=500), "provider_error", "the provider answered 500"),
        (HTML, "provider_error", "the provider did not answer with an event stream"),
        (JSON_ERROR, "provider_error", "the provider reported an error while it was answering"),
        (DROPPED_AT_ONCE, "provider_error", "the connection to the provider was lost"),
        (Reply(['{"answer": '], is_dropped=True), "provider_error", "the connection to the provider was lost"),
        (ERROR_IN_STREAM, "provider_error", None),
        (NO_EVENTS, "provider_error", None),
        (Reply(['{"answer": '], finish_reason=None), "provider_error", None),
        (Reply([], finish_reason="stop"), "invalid_output", None),
        (Reply(["no JSON"]), "invalid_output", None),
        (Reply(["{}"]), "invalid_output", None),
        (Reply(["{"], finish_reason="content_filter"), "refused", None),
        (Reply([], refusal=[SECRET]), "refused", None),
    ],
)
async def test_a_failure_is_coded_and_the_session_goes_on(
    gateway: Served,
    fake: FakeOpenAI,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    code: str,
    message: str | None,
) -> None:
    """Our own words, then the next extraction on the same socket works."""
    caplog.set_level(logging.INFO)
    fake.reply(reply, Reply(['{"answer": 42}']))
    async with connected(gateway.url) as client:
        error = await failure(client)
        await client.finish(next_one := await client.extract("b", **ASKED))
    assert (error["code"], next_one.value) == (code, {"answer": 42})
    assert message in {None, error["message"]}
    assert_silent(caplog, *client.watches.values())


async def test_all_fail_at_once_without_disturbing_each_other(gateway: Served, fake: FakeOpenAI) -> None:
    """Sixteen on one socket, every second one fails."""
    fake.route(lambda call: Reply(['{"answer": 1}'] if call.body["seed"] % 2 else ["?"]))
    async with connected(gateway.url) as client:
        watches = [await client.extract(f"w{n}", **ASKED, params={"seed": n}) for n in range(16)]
        await client.finish(*watches)
    kinds = [(watch.terminal or {})["type"] for watch in watches]
    assert kinds == ["failed", "completed"] * 8


async def test_when_to_come_back(gateway: Served, fake: FakeOpenAI) -> None:
    """A rate limit may be tried again."""
    fake.reply(Reply(status=429, headers={"retry-after": "7"}))
    async with connected(gateway.url) as client:
        error = await failure(client)
    assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("provider_rate_limited", True, 7000)


async def test_a_rate_limit_that_is_waited_for_is_not_silence(
    fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK obeys a long Retry-After; when our own time is up before, the failure says what the provider said."""
    fake.reply(Reply(status=429, headers={"retry-after": "30"}))
    monkeypatch.setenv("OPENAI_BASE_URL", fake.base_url)
    gateway = gateway_with(OpenAIProvider(model="fake-model"), first_delta_timeout_s=3.0)
    async with served(gateway) as running, connected(running.url) as client:
        error = await failure(client)
    assert (error["code"], error["retry_after_ms"]) == ("provider_rate_limited", 30_000)


@pytest.mark.parametrize(
    ("limit", "reply", "phase"),
    [
        ({"first_delta_timeout_s": 0.05}, Reply(hang="headers"), "first_delta"),
        ({"first_delta_timeout_s": 0.05}, Reply(hang="body"), "first_delta"),
        ({"idle_timeout_s": 0.05}, Reply(['{"answer": ', "1}"], gates={1: asyncio.Event()}), "idle"),
        ({"total_timeout_s": 0.05}, Reply(hang="body"), "total"),
        ({"total_timeout_s": 0.05}, Reply(['{"answer": ', "1}"], gates={1: asyncio.Event()}), "total"),
    ],
)
async def test_a_provider_that_hangs(
    serve: Serve, fake: FakeOpenAI, limit: dict[str, float], reply: Reply, phase: str
) -> None:
    """A time-out that says in which phase, and the upstream request is closed."""
    fake.reply(reply)
    async with serve(**limit) as gateway, connected(gateway.url) as client:
        error = await failure(client)
        async with asyncio.timeout(2):
            await fake.calls[0].disconnected.wait()
    assert (error["code"], error["phase"], error["retryable"]) == ("provider_timeout", phase, True)


async def test_what_follows_a_whole_answer_cannot_spoil_it(gateway: Served, fake: FakeOpenAI) -> None:
    """The root is closed: a line that drops then is an ending like any other."""
    fake.reply(Reply(['{"answer": 42}'], finish_reason=None, is_dropped=True))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **ASKED))
    assert ((watch.terminal or {})["type"], watch.value) == ("completed", {"answer": 42})


@asynccontextmanager
async def nowhere() -> AsyncGenerator[Served]:
    """Serve a gateway whose provider is not there."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        client = openai.AsyncOpenAI(
            base_url=base_url, api_key=SECRET, max_retries=0, http_client=openai.DefaultAioHttpClient()
        )
        async with client, served(gateway_with(OpenAIProvider(client=client, model="m"))) as gateway:
            yield gateway


async def test_a_provider_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection is the provider's failure, and says so; its address is the log's alone."""
    caplog.set_level(logging.INFO)
    async with nowhere() as gateway, connected(gateway.url) as client:
        errors = [await failure(client, id_) for id_ in ("a", "b")]
    assert [error["message"] for error in errors] == ["the provider could not be reached"] * 2
    assert "connection refused" in caplog.text
    assert "connection refused" not in json.dumps([watch.frames for watch in client.watches.values()])
    assert_silent(caplog, *client.watches.values())


class Opened:
    """Hears of every file and connection this process opens; an audit hook cannot be taken away, only silenced."""

    def __init__(self) -> None:
        """Begin deaf."""
        self.names: list[str] = []
        self.is_listening = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_listening and event in {"open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"}:
            self.names.append(f"{event} {arguments[0]!r}")


@pytest.mark.parametrize(
    "reference",
    ["http://127.0.0.1:9/s.json", "https://example.org/s", "file:///etc/passwd", "/etc/passwd", "other.json#/$defs/x"],
)
async def test_a_remote_reference_is_refused_and_nothing_is_opened(gateway: Served, reference: str) -> None:
    """`schema_invalid`, without a file, a name lookup or a connection."""
    schema = {"type": "object", "properties": {"a": {"$ref": reference}}}
    opened = Opened()
    async with connected(gateway.url) as client:
        opened.is_listening = True
        error = await client.ask(type="extract", id="a", schema=schema, input="x")
        opened.is_listening = False
        pong = await client.ask(type="ping")
    assert (error["code"], error["id"], opened.names, pong["type"]) == ("schema_invalid", "a", [], "pong")
