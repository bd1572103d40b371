"""The openai provider against a real HTTP server that behaves, and one that does not."""

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpcore2  # noqa: F401 - httpx2 imports it with the first client, which reads files: not in the event loop
import httpx2
import openai
import pytest

from gateway.errors import BadRequest, ProviderError, ProviderFailure, ProviderRateLimited, ProviderTimeout, Refused
from gateway.ports import Delta, Finish, Mode, Provider, ProviderRequest, Reasoning, Refusal, Text, Usage
from gateway.providers.openai import OpenAIProvider
from tests.fakes.openai_server import SECRET, FakeOpenAI, Reply

pytestmark = pytest.mark.anyio

_SCHEMA = {"type": "object", "properties": {"answer": {"type": "integer"}}}
_MESSAGES = ({"role": "user", "content": "What is it?\n\té€😀"},)


@pytest.fixture
async def server() -> AsyncGenerator[FakeOpenAI]:
    """A server that answers as each test scripts it."""
    async with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
async def provider(server: FakeOpenAI) -> AsyncGenerator[OpenAIProvider]:
    """A provider that asks once: the SDK's own retries would only make the tests slow."""
    async with _client(server.base_url) as client:
        yield OpenAIProvider(client=client)


def _client(base_url: str, **options: Any) -> openai.AsyncOpenAI:
    options = {"api_key": SECRET, "max_retries": 0, "http_client": openai.DefaultAioHttpClient(), **options}
    return openai.AsyncOpenAI(base_url=base_url, **options)


def _request(mode: Mode = Mode.TOOLS, **fields: Any) -> ProviderRequest:
    return ProviderRequest(**{"messages": _MESSAGES, "schema": _SCHEMA, "mode": mode, **fields})


async def _read(provider: Provider, request: ProviderRequest | None = None) -> list[Delta]:
    return [delta async for delta in provider.stream(request or _request())]


async def _failure(provider: Provider, request: ProviderRequest | None = None) -> ProviderFailure:
    with pytest.raises(ProviderFailure) as caught:
        await _read(provider, request)
    return caught.value


@pytest.mark.parametrize("mode", list(Mode))
async def test_an_answer(server: FakeOpenAI, provider: OpenAIProvider, mode: Mode) -> None:
    """Every mode gives the same text, the usage, and the finish last."""
    answer = [Text('{"answer": '), Text("42}"), Usage(11, 7), Finish("stop")]
    assert await _read(provider, _request(mode)) == answer


async def test_everything_a_server_may_send(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """Comments, CR LF, bytes one by one, reasoning and refusals arrive as what they are."""
    reply = Reply(['"é', '😀"'], reasoning=["hm"], refusal=["no"], cut_bytes=1, newline="\r\n", comment="working")
    server.reply(reply)
    assert await _read(provider) == [
        Reasoning("hm"),
        Refusal("no"),
        Text('"é'),
        Text('😀"'),
        Usage(11, 7),
        Finish("stop"),
    ]


async def test_tools_mode_forces_the_one_tool(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """In tools mode the schema is the parameters of one tool that must be called."""
    await _read(provider, _request(schema_name="Answer", params={"temperature": 0, "max_tokens": 9}))
    assert server.calls[0].body == {
        "model": "fake-model",
        "messages": list(_MESSAGES),
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": {"name": "Answer", "parameters": _SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "Answer"}},
        "temperature": 0,
        "max_tokens": 9,
    }


async def test_parameters_replace_nothing(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """A parameter with the name of something the gateway sets is left out."""
    await _read(provider, _request(model="allowed", params={"model": "other", "stream": False, "seed": 1}))
    body = server.calls[0].body
    assert (body["model"], body["stream"], body["seed"]) == ("allowed", True, 1)


async def test_json_schema_mode_sends_a_response_format(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """In json_schema mode the schema is the response format and the messages are untouched."""
    await _read(provider, _request(Mode.JSON_SCHEMA))
    body = server.calls[0].body
    json_schema = {"name": "extract", "schema": _SCHEMA}
    assert body["response_format"] == {"type": "json_schema", "json_schema": json_schema}
    assert (body["messages"], "tools" in body) == (list(_MESSAGES), False)


async def test_strict_is_sent_only_where_it_holds(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """`strict` is said of a schema that fulfils the rules, and otherwise not at all."""
    await _read(provider, _request(Mode.TOOLS, strict=True))
    await _read(provider, _request(Mode.JSON_SCHEMA, strict=True))
    tools, json_schema = (call.body for call in server.calls)
    assert tools["tools"][0]["function"]["strict"] is True
    assert json_schema["response_format"]["json_schema"]["strict"] is True


async def test_json_mode_puts_the_schema_into_words(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """In json mode a system message holds the schema; the user's message is untouched."""
    await _read(provider, _request(Mode.JSON))
    system, user = server.calls[0].body["messages"]
    assert (system["role"], user) == ("system", _MESSAGES[0])
    assert '"answer":{"type":"integer"}' in system["content"]
    assert server.calls[0].body["response_format"] == {"type": "json_object"}


async def test_json_mode_keeps_to_one_system_message(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """Instructions and schema share the system message, because many chat templates allow one only."""
    await _read(provider, _request(Mode.JSON, messages=({"role": "system", "content": "Be brief."}, *_MESSAGES)))
    system, user = server.calls[0].body["messages"]
    assert system["content"].startswith("Be brief.\n\n")
    assert user == _MESSAGES[0]


async def test_the_model_is_the_requests_then_the_configured_then_the_only_one(server: FakeOpenAI) -> None:
    """The request's own model wins over the configured one, and that over the server's only one."""
    async with _client(server.base_url) as client:
        for provider in (OpenAIProvider(model="mine", client=client), OpenAIProvider(client=client)):
            await _read(provider, _request(model="asked"))
            await _read(provider)
            await _read(provider)
    assert [call.body["model"] for call in server.calls] == [
        *("asked", "mine", "mine"),
        *("asked", "fake-model", "fake-model"),
    ]
    assert len(server.requests) == len(server.calls) + 1


@pytest.mark.parametrize(("models", "count"), [([], "none"), (["a", "b"], "2")])
async def test_no_model_to_choose(server: FakeOpenAI, provider: OpenAIProvider, models: list[str], count: str) -> None:
    """Without exactly one model the client is told how many there are, and how it and the operator name one."""
    server.models = models
    with pytest.raises(BadRequest, match=f"lists {count} .*GATEWAY_MODEL.*`model`") as caught:
        await _read(provider)
    assert (caught.value.param, server.calls) == ("model", [])


async def test_a_server_that_lists_no_models(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """A 404 to the list is the provider's failure, and most often the base URL's."""
    server.models = None
    failure = await _failure(provider)
    assert type(failure) is ProviderError
    assert "answered 404 to its list of models: does OPENAI_BASE_URL end in /v1?" in failure.message
    assert "GATEWAY_MODEL" in failure.message


@pytest.mark.parametrize(
    ("models", "listed"),
    [(["a", "b"], ["a", "b"]), ([], []), (None, None), (Reply(body=b"<html>", content_type="text/html"), None)],
)
async def test_the_list_of_models(
    server: FakeOpenAI, provider: OpenAIProvider, models: list[str] | Reply | None, listed: list[str] | None
) -> None:
    """It is given as the server has it; a server without one, or with something else there, has none."""
    server.models = models
    assert await provider.models() == listed


async def test_a_list_of_models_that_is_refused(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """The failure has the status and nothing of the answer."""
    server.models = Reply(status=401)
    with pytest.raises(ProviderError) as failure:
        await provider.models()
    assert failure.value.message == "the provider answered 401"


def test_an_empty_base_url_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a .env file sets it that leaves the value out; the SDK alone would ask nowhere."""
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    provider = OpenAIProvider()
    assert str(provider._client.base_url) == "https://api.openai.com/v1/"
    asyncio.run(provider.close())


async def test_the_environment_configures_it(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL alone is enough for a local server; a key, where there is one, is sent."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    for key in ("", "real"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        provider = OpenAIProvider()
        assert (await _read(provider))[-1] == Finish("stop")
        await provider.close()
    assert [call.headers["authorization"] for call in server.calls] == ["Bearer none", "Bearer real"]


def test_nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without key and base URL it says what to set."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ProviderError, match="OPENAI_API_KEY"):
        OpenAIProvider()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
async def test_an_error_status(server: FakeOpenAI, provider: OpenAIProvider, status: int) -> None:
    """An error status is told by its number alone."""
    server.reply(Reply(status=status))
    failure = await _failure(provider)
    assert (type(failure), failure.message) == (ProviderError, f"the provider answered {status}")


async def test_a_content_filter_that_refuses_the_request(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """It is a refusal, and a retry cannot help."""
    body = json.dumps({"error": {"code": "content_filter", "message": SECRET}}).encode()
    server.reply(Reply(status=400, body=body))
    failure = await _failure(provider)
    assert (type(failure), failure.retryable, SECRET in failure.message) == (Refused, False, False)


async def test_responses_go_to_their_own_path(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """And so does nothing else."""
    for mode in (Mode.RESPONSES, Mode.TOOLS):
        await _read(provider, _request(mode, model="m"))
    assert [request.path for request in server.requests] == ["/v1/responses", "/v1/chat/completions"]


async def test_a_list_that_is_whole_when_the_connection_is_cut(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """The model wrote all it was asked for: what is lost then is an end like any other."""
    server.reply(Reply(['{"items": [1', "]}"], is_dropped=True))
    assert await _read(provider, _request(wrapper="items", is_list=True)) == [Text("[1"), Text("]")]


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2_000),
        ({"retry-after-ms": "350", "retry-after": "1"}, 350),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0),
    ],
    ids=str,
)
async def test_too_many_requests(
    server: FakeOpenAI, provider: OpenAIProvider, headers: dict[str, str], wait_ms: int | None
) -> None:
    """A 429 is its own error and says when to come back, where the provider did."""
    server.reply(Reply(status=429, headers=headers))
    failure = await _failure(provider)
    assert (type(failure), failure.retry_after_ms) == (ProviderRateLimited, wait_ms)


async def test_too_many_requests_until_a_date(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """A date in the future is as good as seconds."""
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.reply(Reply(status=429, headers={"retry-after": later}))
    wait_ms = (await _failure(provider)).retry_after_ms
    assert wait_ms is not None
    assert 3_500_000 < wait_ms <= 3_600_000


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json", "text/event-stream"])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"<html>{SECRET}</html>", "the provider did not answer with an event stream"),
        (f'{{"detail": "{SECRET}"}}', "the provider did not answer with an event stream"),
        (f'{{"error": "{SECRET}"}}', "the provider reported an error while it was answering"),
    ],
    ids=["html", "json", "error"],
)
async def test_a_document_in_place_of_a_stream(
    server: FakeOpenAI, provider: OpenAIProvider, content_type: str, body: str, words: str
) -> None:
    """A page or another object with status 200 is refused as what it is not, whatever it calls itself."""
    server.reply(Reply(body=body.encode(), content_type=content_type))
    assert (await _failure(provider)).message == words


@pytest.mark.parametrize("cut_bytes", [1, None])
async def test_a_server_that_does_not_stream(
    server: FakeOpenAI, provider: OpenAIProvider, cut_bytes: int | None
) -> None:
    """A whole completion in one document is an answer."""
    call = {"id": "c", "type": "function", "function": {"name": "extract", "arguments": '{"answer": 42}'}}
    choice = {"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    tokens = {"prompt_tokens": 3, "completion_tokens": 5}
    body = json.dumps({"object": "chat.completion", "choices": [choice], "usage": tokens}, indent=1).encode()
    server.reply(Reply(body=body, content_type="application/json", cut_bytes=cut_bytes))
    assert await _read(provider) == [Text('{"answer": 42}'), Usage(3, 5), Finish("stop")]


async def test_nothing_the_provider_says_gets_out(
    server: FakeOpenAI, provider: OpenAIProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a key nor a provider's words stand in an error, its traceback, or a log above debug."""
    caplog.set_level(logging.INFO)
    replies = [Reply(status=401), Reply(status=500), Reply(status=429), Reply(error={"message": SECRET})]
    server.reply(*replies, Reply(body=f'data: {{"{SECRET}\n\n'.encode()))
    for _ in range(5):
        assert SECRET not in "".join(traceback.format_exception(await _failure(provider)))
    assert SECRET not in caplog.text


async def test_an_error_in_mid_stream(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """An error object ends the stream with its status, after the deltas that came before it."""
    server.reply(Reply(["{"], error={"message": SECRET, "code": 400}))
    deltas = provider.stream(_request())
    assert await anext(deltas) == Text("{")
    with pytest.raises(ProviderError, match="status 400"):
        await anext(deltas)


async def test_a_connection_that_is_cut(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """A body that breaks off is a lost connection."""
    server.reply(Reply(is_dropped=True))
    assert (await _failure(provider)).message == "the connection to the provider was lost"


async def test_a_stream_that_ends_without_a_finish_reason(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """A body that ends early but properly just ends: the reader sees that no finish came."""
    server.reply(Reply(["{"], finish_reason=None, usage=None, is_done_sent=False))
    assert await _read(provider) == [Text("{")]


@pytest.mark.parametrize("http_client", [openai.DefaultAioHttpClient, openai.DefaultAsyncHttpxClient])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_server_that_is_not_there(http_client: Any, scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody could be reached, whichever transport is used; where and why is for the log, and for no client."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        async with _client(f"{scheme}://{place}/v1", http_client=http_client()) as client:
            failure = await _failure(OpenAIProvider(model="m", client=client))
    assert (type(failure), failure.message) == (ProviderError, "the provider could not be reached")
    assert failure.detail == f"{place}: connection refused"
    told = [record.getMessage() for record in caplog.records if record.name == "gateway.providers.openai"]
    assert told == [f"the provider could not be reached ({place}: connection refused)"]


async def test_a_server_that_does_not_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not made in time is a time-out of the phase connect."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())  # fills the queue of a server that never accepts
        full_port = full.getsockname()[1]
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{full_port}/v1")
        provider = OpenAIProvider(model="m", connect_timeout_s=0.06)
        failure = await _failure(provider)
        await provider.close()
    assert (type(failure), failure.phase) == (ProviderTimeout, "connect")
    assert failure.detail == f"127.0.0.1:{full_port}"


async def test_a_silent_server_under_the_callers_own_limit(server: FakeOpenAI) -> None:
    """A client with a read time-out of its own keeps it; it counts as silence, not as a slow connection."""
    server.default = Reply(hang="headers")
    async with _client(server.base_url, timeout=httpx2.Timeout(5, read=0.05)) as client:
        failure = await _failure(OpenAIProvider(model="m", client=client))
    assert (type(failure), failure.phase) == (ProviderTimeout, "idle")


async def test_half_a_surrogate_pair_in_the_input(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """An input that cannot be sent is the client's to change."""
    with pytest.raises(BadRequest, match="surrogate"):
        await _read(provider, _request(messages=({"role": "user", "content": "\ud800"},)))


@pytest.mark.parametrize("hang", ["headers", "body"])
async def test_cancelling_while_the_server_is_silent(server: FakeOpenAI, provider: OpenAIProvider, hang: str) -> None:
    """Cancelling the reading task closes the upstream connection at once."""
    server.reply(Reply(hang=hang))
    reading = asyncio.create_task(_read(provider, _request(model="m")), name="reading")
    (call,) = await server.wait_for_calls(1)
    reading.cancel()
    async with asyncio.timeout(0.25):
        await call.disconnected.wait()
    assert (await asyncio.gather(reading, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_closing_the_generator(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """Closing the generator in mid-answer closes the upstream connection at once, and no other."""
    server.default = Reply(gates={1: (gate := asyncio.Event())})
    other = asyncio.create_task(_read(provider), name="other")
    await server.wait_for_calls(1)
    async with aclosing(provider.stream(_request())) as deltas:
        await anext(deltas)
    async with asyncio.timeout(0.25):
        await server.calls[1].disconnected.wait()
    gate.set()
    assert (await other)[-1] == Finish("stop")


async def test_a_done_stream_does_not_wait_for_the_connection(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """`[DONE]` is the end, even if the server leaves the connection open."""
    body = b'data: {"choices": [{"delta": {"content": "{}"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    server.reply(Reply(body=body, is_left_open=True))
    assert await _read(provider, _request(Mode.JSON)) == [Text("{}"), Finish("stop")]


async def test_a_cut_after_the_finish_reason_is_an_end(server: FakeOpenAI, provider: OpenAIProvider) -> None:
    """Once the model has said why it stopped, losing the connection loses nothing."""
    body = b'data: {"choices": [{"delta": {"content": "{}"}, "finish_reason": "stop"}]}\n\n'
    server.reply(Reply(body=body, is_dropped=True))
    assert await _read(provider, _request(Mode.JSON)) == [Text("{}"), Finish("stop")]
