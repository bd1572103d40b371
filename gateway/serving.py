"""Serving with uvicorn: its settings, each with its reason, and what its WebSocket lacks where a peer does not read.

uvicorn waits for ever for such a peer to take what is buffered, and answers its pings into that buffer without bound.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar, TypeAlias

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.app import Gateway
from gateway.core.limits import Limits
from gateway.core.throttle import Bucket
from gateway.errors import CloseCode
from gateway.handshake import STALL_EXTENSION
from gateway.settings import host_and_port

__all__ = ["Listening", "serve", "server"]

Listening: TypeAlias = Callable[[str], object]
"""Told the address, as `http://127.0.0.1:8080`, once connections are taken there."""

_log = logging.getLogger("gateway")

_PING_S = 20.0
"""WebSocket pings (PROTOCOL.md §7)."""

_LAST_WORDS_S = 0.5
"""How long a peer may take what was written before the server goes."""

_STOP_S = 1
"""How long answers that are being sent may take before the server goes."""


def serve(gateway: Gateway, on_listening: Listening) -> None:
    """Serve until interrupted; Ctrl-C ends it at once.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        OSError: it cannot listen there; its `filename` is the address for metrics where it is that one.
    """
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request, with its address
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server(gateway, on_listening).run()


_ANSWERED = frozenset(
    {"ASGI callable returned without completing handshake.", "Invalid UTF-8 sequence received from client."}
)
"""What uvicorn logs as an error of ours, with a traceback, where a peer was refused (403, 503) or sent no UTF-8."""


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg not in _ANSWERED and not isinstance(record.msg, OSError)  # the command says why it cannot listen


def server(gateway: Gateway, on_listening: Listening) -> uvicorn.Server:
    """Return the server that `serve` runs."""
    config = uvicorn.Config(
        gateway.app,
        host=gateway.settings.host,
        port=gateway.settings.port,
        http=type("_Http", (_Http,), {"limits": gateway.limits}),
        ws=type("_WebSocket", (_WebSocket,), {"limits": gateway.limits}),
        ws_max_size=gateway.limits.message_bytes,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,  # patches do the saving; compression costs 35 KiB a connection
        access_log=False,  # a line a request says nothing of extractions, and could carry what an address carries
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,  # runs are ended by the application, clients come back by themselves
        log_config=None,
        log_level="warning",
    )
    return _Server(config, gateway, on_listening, _beside(gateway))


def _beside(gateway: Gateway) -> "_Beside | None":
    """Return the server of `/metrics`, where it has an address of its own."""
    address = gateway.settings.metrics_address
    if address is None:
        return None
    host, port = host_and_port(address)
    config = uvicorn.Config(
        gateway.metrics.app,
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
        log_config=None,
        log_level="warning",
    )
    config.load()  # reads files: now, not in the event loop
    return _Beside(config, address)


class _Listener(uvicorn.Server):
    """Says why it cannot listen as Python does, and where it listens."""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as ended:  # what uvicorn makes of it, once it has logged why
            if isinstance(ended.__context__, OSError):
                raise ended.__context__ from None
            raise

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Beside(_Listener):
    """Listens as long as another server does, which takes the signals."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address
        self.lifespan = config.lifespan_class(config)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        try:
            await super().startup(sockets)
        except OSError as error:
            error.filename = self._address
            raise
        _log.info("metrics are at %s/metrics", self.url)


class _Server(_Listener):
    """The server, and the one of `/metrics` beside it: there before it, and until it has gone.

    It lets everybody go at SIGTERM before it stops; a second one, or SIGINT, stops it at once.
    """

    def __init__(
        self, config: uvicorn.Config, gateway: Gateway, on_listening: Listening, beside: _Beside | None
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._on_listening = on_listening
        self.beside = beside
        self._draining: asyncio.Task[None] | None = None
        self._is_asked_to_drain = False

    async def startup(self, sockets: list[Any] | None = None) -> None:
        if self.beside is not None:
            await self.beside.startup()
        try:
            await super().startup(sockets)
        finally:
            if not self.started:
                await self._end_beside()
        if self.started:
            self._on_listening(self.url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._is_asked_to_drain or not self.started:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        self._is_asked_to_drain = True

    async def on_tick(self, counter: int) -> bool:
        if self._is_asked_to_drain and self._draining is None:
            self._draining = asyncio.create_task(self._drain(), name="drain")
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        if self._draining is not None:
            self._draining.cancel()
        try:
            await super().shutdown(sockets)
        finally:
            await self._end_beside()

    async def _drain(self) -> None:
        try:
            await self._gateway.drain()
        finally:
            self.should_exit = True

    async def _end_beside(self) -> None:
        if self.beside is not None:
            await self.beside.shutdown()


_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _Http(H11Protocol):
    """Ends whoever takes longer for the head of a request than may be taken for `hello`."""

    limits: ClassVar[Limits]

    _leash: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        known = self.scope
        super().data_received(data)
        if self.scope is not known:
            self._head_came()
        elif self._leash is None and not self._is_answering:
            self._wait_for_head()

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return cycle is not None and not cycle.response_complete

    def _wait_for_head(self) -> None:
        self._leash = self.loop.call_later(self.limits.hello_timeout_s, self._give_up)

    def _head_came(self) -> None:
        if self._leash is not None:
            self._leash.cancel()
            self._leash = None

    def _give_up(self) -> None:
        self._leash = None
        self.transport.write(_TOO_LATE)
        self.transport.close()
        self.loop.call_later(_LAST_WORDS_S, self.transport.abort)


class _WebSocket(WebSocketsSansIOProtocol):
    """Ends what does not end by itself, reads nothing from a peer that does not read, and bounds what it may send."""

    limits: ClassVar[Limits]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._told: dict[str, str] = {}  # to the application: why the peer was dropped

    _ending: asyncio.TimerHandle | None = None
    _sample: asyncio.TimerHandle | None = None
    _control: Bucket | None = None
    _has_failed = False

    _unsent_bytes = 0  # the least that was seen while the peer did not take everything
    _progress_at = 0.0

    def handle_cont(self, event: Any) -> None:
        if len(self.frames) >= self.limits.fragments_per_message:
            self._fail(CloseCode.TOO_BIG, f"expected at most {self.limits.fragments_per_message} fragments a message")
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._may_control():
            super().handle_ping()

    def handle_pong(self, event: Any) -> None:
        if self._may_control():
            super().handle_pong(event)

    def handle_events(self) -> None:
        if not self._has_failed:
            super().handle_events()

    def _may_control(self) -> bool:
        """Count a control frame, and tell whether it is heard."""
        if self._has_failed:
            return False
        now, limits = self.loop.time(), self.limits
        if self._control is None:
            self._control = Bucket(limits.control_frames_per_s, limits.control_frames_burst, now)
        is_heard = not self._control.take(now)
        if not is_heard:
            self._fail(
                CloseCode.RATE_ABUSE, f"expected at most {limits.control_frames_per_s:g} control frames a second"
            )
        return is_heard

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Close from here, where the application has no say; what the peer still sends is not read."""
        _log.info("a connection was closed with %d: %s", code, reason)
        self.frames = []
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code), "reason": reason})
        self.conn.fail(int(code), reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._has_failed = True
        self._end_in(_LAST_WORDS_S)  # to close at once, with something unread, would take back what was written

    def shutdown(self) -> None:
        super().shutdown()
        self._end_in(_LAST_WORDS_S)

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[STALL_EXTENSION] = self._told
        await super().run_asgi()
        if not self.disconnected:
            self._end_in(self.close_timeout if self.close_sent else _LAST_WORDS_S)

    def keepalive_timeout(self) -> None:
        self._told["dropped"] = "silent"
        super().keepalive_timeout()
        self._end_in(0)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._ending, self._sample):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()
        self._unsent_bytes, self._progress_at = self.transport.get_write_buffer_size(), self.loop.time()
        self._sample_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._sample is not None:
            self._sample.cancel()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        event = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        return event

    def _sample_later(self) -> None:
        self._sample = self.loop.call_later(self.limits.send_stall_s / 4, self._sample_progress)

    def _sample_progress(self) -> None:
        """End a peer that has taken no byte for `send_stall_s`; one that is slow may stay (PROTOCOL.md §6)."""
        unsent_bytes, now = self.transport.get_write_buffer_size(), self.loop.time()
        if unsent_bytes < self._unsent_bytes:
            self._unsent_bytes, self._progress_at = unsent_bytes, now
        if now - self._progress_at < self.limits.send_stall_s:
            self._sample_later()
        else:
            _log.info("a connection was dropped: it took nothing for %g s", self.limits.send_stall_s)
            self._told["dropped"] = "stalled"
            self.transport.abort()

    def _end_in(self, seconds: float) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self.loop.call_later(seconds, self.transport.abort)
