"""A real HTTP server on 127.0.0.1 that answers like an OpenAI-compatible one, as scripted.

    async with FakeOpenAI() as server:
        server.reply(Reply(['{"a": ', "1}"]))              # the next request; then the default reply again
        server.default = Reply(["{}"], gates={1: event})   # every request for which nothing is queued
        server.route(lambda request: Reply(...))           # or decided by the request itself
        client = AsyncOpenAI(base_url=server.base_url, api_key="test")
        ...
        await server.requests[0].disconnected.wait()

Each connection carries one request, so a client that goes away is seen at once.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

from tests.fakes.answer_forms import Form, form_of

__all__ = ["SECRET", "FakeOpenAI", "FakeRequest", "Reply"]

SECRET = "sk-secret-that-must-not-leak"
"""Stands in every error body; no frame and no log may hold it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request is answered with.

    Attributes:
        pieces: the document, cut where it is to be cut; each piece is one event, in the form that the request
            asks for (`answer_forms`).
        reasoning, refusal: pieces that come before the document.
        finish_reason: None leaves it out; `auto` is what fits the request.
        usage: prompt and completion tokens in a last chunk of their own; None leaves it out.
        is_done_sent: whether `[DONE]` ends the stream.
        gates: piece number to event: that piece (or, at `len(pieces)`, the ending) waits for the event.
        delay_s: pause before each piece.
        cut_bytes: sends the body in writes of this many bytes.
        newline, comment: line end of the event stream; a comment line before each event.
        error: an object sent as `{"error": …}` after the pieces, in place of an ending.
        is_dropped: cuts the connection after the pieces, before the body has ended.
        is_left_open: sends everything but the end of the body, and waits until the client goes away.
        status, headers, content_type, body: with a body it is sent as it is, in place of an event stream. A
            status other than 200 has an error body with `SECRET` in it.
        hang: "headers" answers nothing, "body" answers headers and nothing else, until the client goes away.
    """

    pieces: Sequence[str] = ('{"answer": ', "42}")
    reasoning: Sequence[str] = ()
    refusal: Sequence[str] = ()
    finish_reason: str | None = "auto"
    usage: tuple[int, int] | None = (11, 7)
    is_done_sent: bool = True
    gates: Mapping[int, asyncio.Event] = field(default_factory=dict)
    delay_s: float = 0
    cut_bytes: int | None = None
    newline: str = "\n"
    comment: str | None = None
    error: Mapping[str, Any] | None = None
    is_dropped: bool = False
    is_left_open: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    body: bytes | None = None
    hang: str | None = None


@dataclass(slots=True)
class FakeRequest:
    """One request as it came, and what became of its connection.

    Attributes:
        disconnected: set when the client closed the connection before the reply was whole.
        disconnected_at: the loop's time of that.
        finished: set when the reply was sent whole.
        sent_pieces: pieces of the document that were written so far.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    disconnected_at: float | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    sent_pieces: int = 0


class FakeOpenAI:
    """The server; see the module's docstring."""

    def __init__(self, default: Reply | None = None, models: Sequence[str] | Reply | None = ("fake-model",)) -> None:
        """Nothing listens before `async with`; without models it cannot list them (404), or it answers as told."""
        self.default = default or Reply()
        self.models = models
        self.requests: list[FakeRequest] = []
        self.arrived = asyncio.Condition()
        self._queue: deque[Reply] = deque()
        self._route: Callable[[FakeRequest], Reply | None] = lambda request: None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and the port."""
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        """For `OPENAI_BASE_URL`."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def calls(self) -> list[FakeRequest]:
        """The requests for an answer, in order."""
        return [request for request in self.requests if request.path.endswith(("/chat/completions", "/responses"))]

    def reset(self) -> None:
        """Forget every request, and what was to be answered."""
        self.requests.clear()
        self._queue.clear()
        self._route = lambda request: None
        self.default = Reply()

    def reply(self, *replies: Reply) -> None:
        """Queue replies for the next requests."""
        self._queue.extend(replies)

    def route(self, decide: Callable[[FakeRequest], Reply | None]) -> None:
        """Let `decide` answer each request; where it returns None the queue and the default do."""
        self._route = decide

    async def wait_for_calls(self, number: int) -> list[FakeRequest]:
        """Wait until that many chat completions have been asked for."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.calls) >= number)
        return self.calls

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            request = await _read_request(reader)
            async with self.arrived:
                self.requests.append(request)
                self.arrived.notify_all()
            async with _watched(reader, request):
                await self._answer(request, writer)
        writer.close()

    async def _answer(self, request: FakeRequest, writer: asyncio.StreamWriter) -> None:
        if request.path.endswith("/models"):
            reply = _models_reply(self.models)
        else:
            reply = self._route(request) or (self._queue.popleft() if self._queue else self.default)
        await _send(reply, request, writer)


async def _read_request(reader: asyncio.StreamReader) -> FakeRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return FakeRequest(method, path, headers, json.loads(body or b"{}"))


@asynccontextmanager
async def _watched(reader: asyncio.StreamReader, request: FakeRequest) -> AsyncIterator[None]:
    """Cancel the reply when the client closes the connection, and note it."""
    sending = asyncio.current_task()
    assert sending is not None

    async def watch() -> None:
        with suppress(ConnectionError):
            await reader.read()
        if not request.finished.is_set():
            request.disconnected_at = asyncio.get_running_loop().time()
            request.disconnected.set()
            sending.cancel()

    watching = asyncio.create_task(watch(), name="fake-openai-watch")
    try:
        yield
    finally:
        watching.cancel()


async def _send(reply: Reply, request: FakeRequest, writer: asyncio.StreamWriter) -> None:
    if reply.hang == "headers":
        await asyncio.Event().wait()
    body = _error_body(reply) if reply.status != 200 and reply.body is None else reply.body
    kind = reply.content_type if reply.status == 200 else "application/json"
    writer.write(_head(reply, kind))
    if reply.hang == "body":
        await asyncio.Event().wait()
    if body is not None:
        await _write(writer, body, reply.cut_bytes)
    else:
        await _send_events(reply, request, writer)
    await writer.drain()
    if reply.is_left_open:
        await asyncio.Event().wait()
    if reply.is_dropped:
        return
    request.finished.set()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _head(reply: Reply, content_type: str) -> bytes:
    headers = {
        "content-type": content_type,
        "transfer-encoding": "chunked",
        "connection": "close",
        **reply.headers,
    }
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def _send_events(reply: Reply, request: FakeRequest, writer: asyncio.StreamWriter) -> None:
    numbers = count()

    async def send(event: Mapping[str, Any] | str) -> None:
        await _write(writer, _event(event, reply, next(numbers)), reply.cut_bytes)

    form = form_of(request.path, request.body)
    await send(form.opening())
    for thought in reply.reasoning:
        await send(form.reasoning(thought))
    for words in reply.refusal:
        await send(form.refusal(words))
    for number, piece in enumerate(reply.pieces):
        await _wait(reply, number)
        await send(form.piece(piece, number))
        request.sent_pieces = number + 1
    await _wait(reply, len(reply.pieces))
    if not reply.is_dropped:
        for event in _ending(reply, form):
            await send(event)


async def _wait(reply: Reply, number: int) -> None:
    if reply.delay_s:
        await asyncio.sleep(reply.delay_s)
    if gate := reply.gates.get(number):
        await gate.wait()


def _ending(reply: Reply, form: Form) -> list[Mapping[str, Any] | str]:
    if reply.error is not None:
        return [{"error": reply.error}]
    events = [*form.ending(reply.finish_reason, reply.usage)]
    return [*events, "[DONE]"] if reply.is_done_sent else events


def _event(event: Mapping[str, Any] | str, reply: Reply, number: int) -> bytes:
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    comment = [f": {reply.comment} {number}"] if reply.comment else []
    return reply.newline.join([*comment, f"data: {text}", "", ""]).encode()


async def _write(writer: asyncio.StreamWriter, body: bytes, cut_bytes: int | None) -> None:
    """Write the body as HTTP chunks of `cut_bytes`, each sent before the next is written."""
    size = cut_bytes or len(body) or 1
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        if cut_bytes:
            await asyncio.sleep(0)


def _error_body(reply: Reply) -> bytes:
    return json.dumps({"error": {"message": f"scripted failure {SECRET}", "type": "scripted"}}).encode()


def _models_reply(names: Sequence[str] | Reply | None) -> Reply:
    if isinstance(names, Reply):
        return names
    if names is None:
        return Reply(status=404)
    listed = [{"id": name, "object": "model", "created": 1, "owned_by": "fake"} for name in names]
    body = json.dumps({"object": "list", "data": listed}).encode()
    return Reply(body=body, content_type="application/json")
