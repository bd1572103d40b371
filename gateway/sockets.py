"""What uvicorn lacks where a peer does not read, does not write, or writes too much (PROTOCOL.md §2, §6, §10).

uvicorn waits for ever for a peer to take what is buffered, and answers its pings into that buffer without bound. It
waits as long for a request to be finished.
"""

import asyncio
import logging
import sys
from collections import deque
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.core.limits import Limits
from gateway.core.throttle import Bucket
from gateway.errors import CloseCode
from gateway.handshake import STALL_EXTENSION

__all__ = ["protocols"]

_LAST_WORDS_S = 0.5
"""How long a peer may take what was written before the server goes."""

_FAREWELL_S = 2.0
"""How long a peer that is still sending may take to read that it is closed."""

_log = logging.getLogger("gateway")

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


def _untaken_bytes(transport: asyncio.Transport) -> int:
    """Return what a peer has not taken, as the kernel knows it: that asks for more a megabyte at a time only."""
    return transport.get_write_buffer_size() + _kernel_bytes(transport.get_extra_info("socket").fileno())


def protocols(limits: Limits) -> tuple[type[H11Protocol], type[WebSocketsSansIOProtocol]]:
    """Return uvicorn's classes for HTTP and for WebSockets, within limits."""
    http, websocket = type("_Http", (_Http,), {"limits": limits}), type("_WebSocket", (_WebSocket,), {"limits": limits})
    return http, websocket


_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _Http(H11Protocol):
    """Ends whoever takes longer for the head of a request than may be taken for `hello`, and who takes no answer."""

    limits: ClassVar[Limits]

    _leash: asyncio.TimerHandle | None = None
    _look: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later(_untaken_bytes(self.transport))

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._look is not None:
            self._look.cancel()

    def _look_later(self, untaken_bytes: int) -> None:
        self._look = self.loop.call_later(self.limits.send_stall_s, self._look_at, untaken_bytes)

    def _look_at(self, before_bytes: int) -> None:
        untaken_bytes = _untaken_bytes(self.transport)
        if untaken_bytes < before_bytes:
            self._look_later(untaken_bytes)
        else:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        if self._look is not None:
            self._look.cancel()
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
    """Ends what does not end by itself, reads nothing from a peer that does not read, and bounds what it may send."""

    limits: ClassVar[Limits]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queue = _Inbox()  # type: ignore[assignment] # all that uvicorn asks of it
        self._told: dict[str, str] = {}  # to the application: why the peer was dropped

    def start_keepalive(self) -> None:
        super().start_keepalive()
        self.request.headers.clear()  # the library underneath keeps the request: 4 KiB with what is deleted here
        del self.request, self.response

    _ending: asyncio.TimerHandle | None = None
    _sample: asyncio.TimerHandle | None = None
    _control: Bucket | None = None
    _has_failed = False

    _unsent_bytes = 0  # the least that was seen while the peer did not take everything
    _progress_at = 0.0
    _at_ping_bytes = 0  # that had not been taken when the last ping was sent

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
        self.transport.resume_reading()
        self._end_in(_FAREWELL_S)  # to close at once, with something unread, would take back what was written

    def shutdown(self) -> None:
        super().shutdown()
        self._end_in(_LAST_WORDS_S)

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[STALL_EXTENSION] = self._told
        await super().run_asgi()
        if not self.disconnected:
            self._end_in(self.close_timeout if self.close_sent else _LAST_WORDS_S)

    def send_keepalive_ping(self) -> None:
        super().send_keepalive_ping()
        self._at_ping_bytes = self._untaken_bytes()

    def keepalive_timeout(self) -> None:
        untaken_bytes = self._untaken_bytes()
        if untaken_bytes and self._has_progressed(untaken_bytes):
            # The ping waits behind what the peer is still taking: it is slow, and not gone.
            self._at_ping_bytes = untaken_bytes
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0, self.keepalive_timeout)
            return
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
        self._sample = self.loop.call_later(self.limits.send_stall_s / 4, self._sample_progress)

    def _sample_progress(self) -> None:
        """End a peer that has taken no byte for `send_stall_s`; one that is slow may stay (PROTOCOL.md §6)."""
        unsent_bytes, now = self._untaken_bytes(), self.loop.time()
        if unsent_bytes < self._unsent_bytes:
            self._unsent_bytes, self._progress_at = unsent_bytes, now
        if now - self._progress_at < self.limits.send_stall_s:
            self._sample_later()
        else:
            _log.info("a connection was dropped: it took nothing for %g s", self.limits.send_stall_s)
            self._told["dropped"] = "stalled"
            self.transport.abort()

    def _has_progressed(self, untaken_bytes: int) -> bool:
        """Tell whether the peer has taken something since the ping; where it takes nothing the stall ends it."""
        if not self.writable.is_set():
            return self.loop.time() - self._progress_at < self.limits.send_stall_s
        return untaken_bytes != self._at_ping_bytes

    def _untaken_bytes(self) -> int:
        return _untaken_bytes(self.transport)

    def _end_in(self, seconds: float) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self.loop.call_later(seconds, self.transport.abort)
