"""One WebSocket with its session: a reader, a writer on demand, a heartbeat (PROTOCOL.md §2, §6, §7).

An idle connection is one task, its reader. The writer lives while there is something to write: first a small bounded
control lane, then the watches that are dirty, in turn. One timer beats for all connections.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, assert_never

from gateway.core import frames, messages
from gateway.core.document import Position, View
from gateway.core.limits import Limits
from gateway.core.session import Attach, Change, Close, Command, Detach, End, Judge, Phase, Session, Start
from gateway.core.session import Send as SendMessage
from gateway.errors import BadRequest, CloseCode, GatewayError, Internal
from gateway.hub import Audience, Hub, Watch
from gateway.jobs import Jobs, shown_by, view_of
from gateway.principal import ANYBODY, Principal
from gateway.tasks import Tasks

__all__ = ["Connection", "Heartbeat"]

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LANE_MESSAGES = 256
_LANE_CHARS = 262_144
"""Bounds of the control lane (PROTOCOL.md §6); beyond them the client reads no more."""

_log = logging.getLogger("gateway")


class _PeerLost(Exception):
    """The peer is gone, or takes nothing any more."""


class Heartbeat:
    """Sends an application `ping` to every connection that has been silent for an interval (PROTOCOL.md §7).

    Args:
        interval_s: of silence.
    """

    def __init__(self, interval_s: float) -> None:
        """Begin without a timer; it runs while there are connections."""
        self.interval_s = interval_s
        self._connections: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._connections)

    def __iter__(self) -> "Iterator[Connection]":
        """Go through the connections."""
        return iter(tuple(self._connections))

    def attach(self, connection: "Connection") -> None:
        """Beat for a connection."""
        self._connections.add(connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1, self._beat)

    def detach(self, connection: "Connection") -> None:
        """Beat for it no longer."""
        self._connections.discard(connection)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(1, self._beat)
        for connection in tuple(self._connections):
            connection.beat(loop.time() - self.interval_s)


class Connection:
    """Carries messages between one socket and its session, and out what the session decides.

    Args:
        receive: the next ASGI event of an accepted WebSocket.
        send: takes an ASGI event; waits while the peer does not read.
        session: decides.
        authenticate: returns who has a credential; raises GatewayError where it may not enter.
        welcome: the answer to a `hello` that may enter.
        hub: where extractions run.
        jobs: checks what is asked.
        limits: of messages and time.
        tasks: where the writer lives.
        watches_stalls: whether the server itself ends a peer that takes nothing (`gateway.serving` does, by bytes of
            progress); else a frame has `send_stall_s` to be taken.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        session: Session,
        authenticate: Callable[[str | None], Awaitable[Principal]],
        welcome: Callable[[], messages.Welcome],
        hub: Hub,
        jobs: Jobs,
        limits: Limits,
        tasks: Tasks,
        watches_stalls: bool = False,
    ) -> None:
        """Take over an accepted WebSocket."""
        self._receive = receive
        self._send = send
        self._session = session
        self._authenticate = authenticate
        self._welcome = welcome
        self._judge: Judge | None = None
        self._principal = ANYBODY  # who this is, once that is known
        self._hub = hub
        self._jobs = jobs
        self._limits = limits
        self._stall_s = None if watches_stalls else limits.send_stall_s
        self._tasks = tasks
        self._lane: list[str] = []  # an empty deque holds 700 bytes; what is taken from the front of these is short
        self._lane_chars = 0
        self._dirty: list[Watch] = []
        self._watches: dict[str, Watch] = {}
        self._turns = hub.new_turns()  # of the extractions this session starts
        self._close: Close | None = None
        self._writer: asyncio.Task[None] | None = None
        self._is_lost = False
        self._leash: asyncio.Timeout | None = None  # ends the reader's waiting
        self._spoke_at = asyncio.get_running_loop().time()

    async def serve(self) -> None:
        """Serve until either side closes."""
        try:
            await self._read()
            if self._writer is not None and self._close is not None:
                await asyncio.wait([self._writer], timeout=self._limits.send_stall_s)
        finally:
            self._is_lost = True
            for id_ in list(self._watches):
                self._detach(id_)
            if self._writer is not None:
                self._writer.cancel()

    def beat(self, silent_since: float) -> None:
        """Send a `ping` if nothing has been written since then (the loop's clock)."""
        if self._spoke_at <= silent_since and self._session.phase is Phase.OPEN:
            self._say(messages.Ping())

    def tell(self, message: messages.ServerMessage) -> None:
        """Send a message that is about no watch, where the session is open."""
        if self._session.phase is Phase.OPEN and not self._is_over:
            self._say(message)

    def shut(self, code: CloseCode, reason: str) -> None:
        """Close from our side."""
        self._do(Close(code, reason))

    async def _read(self) -> None:
        """Take messages, the first within its time, until there is a reason to stop."""
        try:
            async with asyncio.timeout(self._limits.hello_timeout_s) as self._leash:
                while self._session.phase is Phase.GREETING and not self._is_over:
                    self._take(await self._receive(), self._limits.hello_bytes)
                if self._judge is not None and not self._is_over:
                    self._leash.reschedule(asyncio.get_running_loop().time() + self._limits.hello_timeout_s)
                    await self._enter(self._judge.credential)
                if not self._is_over:
                    self._leash.reschedule(None)
                while not self._is_over:
                    self._take(await self._receive(), self._limits.message_bytes)
                    await asyncio.sleep(0)  # many messages in one packet: the writer and the others have their turns
        except TimeoutError:
            self._do_all(self._session.expire())
        except Exception:  # noqa: BLE001 - a fault of ours ends one connection, never the server
            _log.exception("a connection failed")
            self._do(Close(CloseCode.FAULT, "internal error"))
        finally:
            self._leash = None

    async def _enter(self, credential: str | None) -> None:
        """Find out who this is, before anything else is read."""
        try:
            self._principal = await self._authenticate(credential)
        except GatewayError as error:
            self._do_all(self._session.deny(error))
        except Exception:  # noqa: BLE001 - a fault of the application's ends one connection, never the server
            _log.exception("authenticate failed")
            self._do_all(self._session.deny(Internal("it could not be found out who this is")))
        else:
            self._do_all(self._session.admit(self._welcome()))

    @property
    def _is_over(self) -> bool:
        return self._is_lost or self._close is not None

    def _lose(self) -> None:
        """Give the peer up."""
        self._is_lost = True
        self._stop_reading()

    def _stop_reading(self) -> None:
        if self._leash is not None and not self._leash.expired():
            self._leash.reschedule(asyncio.get_running_loop().time())

    # Messages in

    def _take(self, event: MutableMapping[str, Any], most_bytes: int) -> None:
        if event["type"] == "websocket.disconnect":
            self._is_lost = True
            return
        text = event.get("text")
        if text is None:
            self._do(Close(CloseCode.BINARY, "expected text frames, got a binary one"))
        elif len(text) > most_bytes or (len(text) * 4 > most_bytes and len(text.encode()) > most_bytes):
            self._do(Close(CloseCode.TOO_BIG, f"expected at most {most_bytes} bytes"))
        else:
            self._take_text(text)

    def _take_text(self, text: str) -> None:
        try:
            message = frames.read(text, max_depth=self._limits.message_depth)
        except BadRequest as error:
            self._do_all(self._session.reject(error))
            return
        self._do_all(self._session.receive(message))

    # Commands out

    def _do_all(self, commands: list[Command]) -> None:
        for command in commands:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case SendMessage(message):
                self._say(message)
            case Judge():
                self._judge = command
            case Close():
                self._close = self._close or command
                self._wake()
                self._stop_reading()
            case Start(request):
                self._try(request.id, partial(self._start, request))
            case Attach(request):
                self._try(request.id, partial(self._attach, request))
            case Detach(id_):
                self._detach(id_)
            case Change(id_, interval_ms):
                watch = self._watches[id_]
                watch.audience.adjust(watch, interval_ms)
            case End(extraction, id_):
                self._end(extraction, id_)
            case _:
                assert_never(command)

    def _try(self, id_: str, action: Callable[[], None]) -> None:
        try:
            action()
        except GatewayError as error:
            self._do_all(self._session.refused(id_, error))

    def _start(self, request: messages.Extract) -> None:
        view = view_of(request)
        audience, is_known = self._hub.start(self._jobs.job(request, principal=self._principal), self._turns)
        self._session.attached(request.id, audience.run.id)
        audience.attach(self._watch(request, audience, view), deduplicated=is_known)

    def _attach(self, request: messages.Watch) -> None:
        view = view_of(request)
        position = _position(request.from_)
        audience = self._hub.find(request.extraction, self._principal.realm)
        self._session.attached(request.id, audience.run.id)
        self._detach(request.id)
        watch = self._watch(request, audience, view)
        if request.from_ == "now":
            watch.skip()
        audience.attach_from(watch, position)

    def _watch(self, request: messages.Extract | messages.Watch, audience: Audience, view: View) -> Watch:
        watch = Watch(request.id, audience, view, request.interval_ms, self._wake, shows=shown_by(request))
        self._watches[request.id] = watch
        return watch

    def _detach(self, id_: str) -> None:
        watch = self._watches.pop(id_, None)
        if watch is not None:
            watch.is_over = True
            watch.audience.detach(watch)

    def _end(self, extraction: str, id_: str | None) -> None:
        try:
            self._hub.find(extraction, self._principal.realm).run.cancel()
        except GatewayError as error:
            self._say(messages.error_message(error, id=id_))

    # Frames out

    def _say(self, message: messages.ServerMessage) -> None:
        text = messages.encode(message)
        self._lane.append(text)
        self._lane_chars += len(text)
        behind_chars = self._lane_chars - len(self._lane[0])  # the first may be large: a welcome with many extractors
        if len(self._lane) > _LANE_MESSAGES or behind_chars > _LANE_CHARS:
            self._lane.clear()
            self._close = Close(CloseCode.TOO_SLOW, "expected the client to read")
            self._stop_reading()
        self._wake()

    def _wake(self, watch: Watch | None = None) -> None:
        if watch is not None:
            self._dirty.append(watch)
        if self._writer is None and not self._is_lost:
            self._writer = self._tasks.start(self._write(), name="writer")

    async def _write(self) -> None:
        """Write until there is nothing left."""
        try:
            while (frame := self._next_lane_frame()) is not None or self._dirty:
                if frame is not None:
                    await self._write_frame(frame)
                elif (watch := self._dirty.pop(0)).is_over:
                    continue
                else:
                    await self._write_watch(watch)
            if self._close is not None:
                await self._write_close(self._close)
        except _PeerLost:
            self._lose()
        except Exception:  # noqa: BLE001 - a fault of ours ends one connection, and is heard of
            _log.exception("a connection's writer failed")
            await self._give_up()
        finally:
            self._writer = None

    def _next_lane_frame(self) -> str | None:
        if not self._lane:
            return None
        frame = self._lane.pop(0)
        self._lane_chars -= len(frame)
        return frame

    async def _write_watch(self, watch: Watch) -> None:
        for frame in tuple(watch.frames()):  # of one moment: the value may grow while a send waits
            await self._write_frame(frame)
        if watch.is_over and self._watches.get(watch.id) is watch:
            self._detach(watch.id)
            self._session.finished(watch.id)

    async def _write_frame(self, frame: str) -> None:
        await self._write_event({"type": "websocket.send", "text": frame})
        self._spoke_at = asyncio.get_running_loop().time()

    async def _write_close(self, close: Close) -> None:
        self._is_lost = True
        event = {"type": "websocket.close", "code": int(close.code), "reason": close.reason[:120]}
        await self._write_event(event)

    async def _write_event(self, event: MutableMapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send(event)
        except TimeoutError:
            _log.info("a connection was dropped: it did not take a frame within %g s", self._stall_s)
            raise _PeerLost from None
        except (OSError, RuntimeError):  # what ASGI servers raise where the peer is gone
            raise _PeerLost from None

    async def _give_up(self) -> None:
        """Close after a fault of ours; the watches can be resumed on another connection."""
        self._stop_reading()
        self._lane.clear()
        self._dirty.clear()
        with suppress(_PeerLost):
            await self._write_close(Close(CloseCode.FAULT, "internal error"))


def _position(start: messages.From | str) -> Position | None:
    """Return the position to go on from, or None for the state as it is now.

    Raises:
        BadRequest: neither a position nor `start` or `now`.
    """
    if isinstance(start, messages.From):
        return Position(start.epoch, start.rev)
    if start not in {"start", "now"}:
        raise BadRequest(f"from: expected a position, start or now; got {start[:60]!r}", param="from")
    return None
