"""Serving with uvicorn: its settings, each with its reason, and what it lacks where a peer does not read, or not write.

uvicorn waits for ever for such a peer to take what is buffered, and answers its pings into that buffer without bound.
It waits as long for a request to be finished.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.app import Gateway
from gateway.handshake import STALL_EXTENSION

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
        OSError: it cannot listen there.
    """
    logging.basicConfig(
        level=gateway.settings.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
    )
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
        http=type("_Http", (_Http,), {"head_s": gateway.limits.hello_timeout_s}),
        ws=type("_WebSocket", (_WebSocket,), {"stall_s": gateway.limits.send_stall_s}),
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
    return _Server(config, on_listening)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_listening: Listening) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[Any] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as ended:  # what uvicorn makes of it, once it has logged why
            if isinstance(ended.__context__, OSError):
                raise ended.__context__ from None
            raise
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


if sys.platform == "win32":

    def _kernel_bytes(_: int) -> int:
        return 0  # it does not say

else:
    import fcntl
    import termios

    def _kernel_bytes(socket: int) -> int:
        """Return what was sent on a socket and not taken by its peer; 0 where the system does not say."""
        try:
            return int.from_bytes(fcntl.ioctl(socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        except OSError:
            return 0


class _Http(H11Protocol):
    """Ends a connection on which a request was begun, or none, and does not get any further (PROTOCOL.md §2)."""

    head_s: ClassVar[float]

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        """Wait as long as for a `hello`, however many bytes come meanwhile; a head that is whole ends it."""
        has_upgraded = self not in self.connections
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if has_upgraded or (cycle is not None and not cycle.response_complete):
            self._stop_waiting()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.head_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Inbox:
    """The events of one connection, which one task takes: asyncio's queue, but of 200 bytes and not 4 KiB."""

    __slots__ = ("_events", "_waiter")

    def __init__(self) -> None:
        self._events: deque[Any] | None = None  # none while it is empty, as it is nearly always
        self._waiter: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._events

    def put_nowait(self, event: Any) -> None:
        if self._events is None:
            self._events = deque()
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Any:
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        event = self._events.popleft()
        if not self._events:
            self._events = None
        return event


class _WebSocket(WebSocketsSansIOProtocol):
    """Ends what does not end by itself, and reads nothing from a peer that does not read."""

    stall_s: ClassVar[float]

    _ending: asyncio.TimerHandle | None = None
    _sample: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queue = _Inbox()  # type: ignore[assignment] # all that uvicorn asks of it

    def start_keepalive(self) -> None:
        super().start_keepalive()
        self.request.headers.clear()  # the library underneath keeps the request: 4 KiB with what is deleted here
        del self.request, self.response

    _unsent_bytes = 0  # the least that was seen while the peer did not take everything
    _progress_at = 0.0

    def shutdown(self) -> None:
        super().shutdown()
        self._end_in(_LAST_WORDS_S)

    async def run_asgi(self) -> None:
        self.scope["extensions"][STALL_EXTENSION] = {}
        await super().run_asgi()
        if not self.disconnected:
            self._end_in(self.close_timeout if self.close_sent else _LAST_WORDS_S)

    def keepalive_timeout(self) -> None:
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
        self._unsent_bytes, self._progress_at = self._untaken_bytes(), self.loop.time()
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
        self._sample = self.loop.call_later(self.stall_s / 4, self._sample_progress)

    def _sample_progress(self) -> None:
        """End a peer that has taken no byte for `send_stall_s`; one that is slow may stay (PROTOCOL.md §6)."""
        unsent_bytes, now = self._untaken_bytes(), self.loop.time()
        if unsent_bytes < self._unsent_bytes:
            self._unsent_bytes, self._progress_at = unsent_bytes, now
        if now - self._progress_at < self.stall_s:
            self._sample_later()
        else:
            _log.info("a connection was dropped: it took nothing for %g s", self.stall_s)
            self.transport.abort()

    def _untaken_bytes(self) -> int:
        """Return what the peer has not taken, as the kernel knows it: that asks for more a megabyte at a time only."""
        return self.transport.get_write_buffer_size() + _kernel_bytes(self.transport.get_extra_info("socket").fileno())

    def _end_in(self, seconds: float) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self.loop.call_later(seconds, self.transport.abort)
