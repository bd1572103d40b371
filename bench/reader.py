"""CPU time per chunk of a provider's stream: our reading of the raw bytes beside the SDK's chunk objects.

Both get the same bytes, first without a transport, then through the SDK's client with a transport in memory.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from functools import partial
from time import process_time

import httpx2
import msgspec
import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionUserMessageParam

from bench.documents import conference
from bench.report import Claim, Options, Report, Table, microseconds, thousands, times
from bench.stopwatch import interleaved_s, medians
from gateway.ports import Mode, ProviderRequest, Text
from gateway.providers.answer import AnswerReader
from gateway.providers.openai import OpenAIProvider

__all__ = ["run"]

_PEOPLE = 50
_QUICK_PEOPLE = 2
_LEAST_LEAD = 3.0

_COLUMNS = ("who", "chunks", "µs/chunk", "to ours")
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "fp"}


def run(options: Options) -> Report:
    """Measure reading alone, and the whole stream."""
    payloads = list(_payloads(conference(_QUICK_PEOPLE if options.quick else _PEOPLE).pieces))
    readers = (_read_ours, _construct_theirs, _validate_theirs)
    read_s = interleaved_s(options.runs, *(partial(read, payloads) for read in readers))
    streamed_s = asyncio.run(_streamed_s(options.runs, payloads))
    names = ("ours, bytes to deltas", "the SDK's ChatCompletionChunk.construct", "the same class, model_validate_json")
    stream_names = ("ours, through the SDK's raw body", "the SDK's stream of chunk objects")
    tables = (
        _table("reader: bytes that are there", names, read_s, len(payloads)),
        _table("reader: a whole stream, transport in memory", stream_names, streamed_s, len(payloads)),
    )
    claims = (
        Claim.at_least("CPU of the SDK's chunk objects", read_s[1] / read_s[0], _LEAST_LEAD, "× ours"),
        Claim.at_least("CPU of the SDK's stream", streamed_s[1] / streamed_s[0], _LEAST_LEAD, "× ours"),
    )
    return Report(tables, claims)


def _table(title: str, names: tuple[str, ...], seconds: list[float], count: int) -> Table:
    rows = [
        (name, thousands(count), microseconds(each / count), times(each / seconds[0]))
        for name, each in zip(names, seconds, strict=True)
    ]
    return Table(title, _COLUMNS, tuple(rows))


def _payloads(pieces: tuple[str, ...]) -> Iterator[bytes]:
    """Yield the chunks of one tool call."""
    yield _payload({"id": "call_1", "type": "function", "function": {"name": "extract", "arguments": ""}}, None)
    for piece in pieces:
        yield _payload({"function": {"arguments": piece}}, None)
    yield _payload(None, "stop")


def _payload(call: dict[str, object] | None, finish_reason: str | None) -> bytes:
    delta = {} if call is None else {"tool_calls": [{"index": 0, **call}]}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return msgspec.json.encode({**_HEAD, "choices": [choice]})


def _events(payloads: list[bytes]) -> Iterator[bytes]:
    for payload in (*payloads, b"[DONE]"):
        yield b"data: %b\n\n" % payload


def _read_ours(payloads: list[bytes]) -> int:
    reader = AnswerReader(Mode.TOOLS)
    return sum(len(list(reader.feed(event))) for event in _events(payloads))


def _construct_theirs(payloads: list[bytes]) -> None:
    """Do what the SDK's stream does with each event."""
    for payload in payloads:
        ChatCompletionChunk.construct(**json.loads(payload))


def _validate_theirs(payloads: list[bytes]) -> None:
    """Do what pydantic could do with the SDK's class at best; the SDK does not."""
    for payload in payloads:
        ChatCompletionChunk.model_validate_json(payload)


class _MemoryBody(httpx2.AsyncByteStream):
    """A response's body that is there already, one event at a time."""

    def __init__(self, payloads: list[bytes]) -> None:
        self._payloads = payloads

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        for event in _events(self._payloads):
            yield event


def _client(payloads: list[bytes]) -> openai.AsyncOpenAI:
    def respond(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_MemoryBody(payloads))

    transport = httpx2.AsyncClient(transport=httpx2.MockTransport(respond))
    return openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1/v1", http_client=transport)


async def _streamed_s(runs: int, payloads: list[bytes]) -> list[float]:
    async with _client(payloads) as client:
        seconds = [[await _cpu_s(stream, client) for stream in (_stream_ours, _stream_theirs)] for _ in range(runs + 1)]
    return medians(seconds[1:])  # the first round warms up the SDK's lazy imports


async def _cpu_s(stream: Callable[[openai.AsyncOpenAI], Awaitable[int]], client: openai.AsyncOpenAI) -> float:
    begin_s = process_time()
    await stream(client)
    return process_time() - begin_s


async def _stream_ours(client: openai.AsyncOpenAI) -> int:
    request = ProviderRequest(messages=({"role": "user", "content": "x"},), schema={"type": "object"}, model="m")
    async with aclosing(OpenAIProvider(client=client).stream(request)) as deltas:
        return sum([len(delta.text) async for delta in deltas if isinstance(delta, Text)])


async def _stream_theirs(client: openai.AsyncOpenAI) -> int:
    message = ChatCompletionUserMessageParam(role="user", content="x")
    chunks = await client.chat.completions.create(model="m", messages=[message], stream=True)
    return sum([len(_arguments(chunk)) async for chunk in chunks])


def _arguments(chunk: ChatCompletionChunk) -> str:
    calls = chunk.choices[0].delta.tool_calls or []
    return "".join([call.function.arguments or "" for call in calls if call.function is not None])
