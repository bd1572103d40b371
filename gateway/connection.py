"""One WebSocket with its session: a reader, a writer on demand, a heartbeat (PROTOCOL.md §2, §6, §7).

An idle connection is one task, its reader. The writer lives while there is something to write: first a small bounded
control lane, then the watches that are dirty, in turn. One timer beats for all connections.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, assert_never

from gateway.accounts import ConnectionAccount, encoding_of
from gateway.audience import Audience
from gateway.channels import News
from gateway.core import frames, messages
from gateway.core.document import Position, View
from gateway.core.limits import Limits
from gateway.core.session import (
    Attach,
    Change,
    Close,
    Command,
    Detach,
    End,
    Follow,
    Judge,
    Phase,
    Session,
    Start,
    Unfollow,
)
from gateway.core.session import Send as SendMessage
from gateway.core.throttle import Throttle
from gateway.errors import BadRequest, CloseCode, GatewayError, Internal, RateLimited
from gateway.hub import Hub
from gateway.jobs import Jobs, shown_by, view_of
from gateway.principal import ANYBODY, Principal
from gateway.slots import Slots
from gateway.tasks import Tasks
from gateway.watching import Watch

__all__ = ["Connection"]

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LANE_MESSAGES = 256
_LANE_CHARS = 262_144
"""Bounds of the control lane (PROTOCOL.md §6); beyond them the client reads no more."""

_NO_CODE = 1005
"""Stands for a client that left without a close code."""

_log = logging.getLogger("gateway")


class _PeerLost(Exception):
    """The peer is gone, or takes nothing any more."""


class _Ear:
    """One follow of a connection: it holds nothing, and passes on what it hears."""

    __slots__ = ("_hear", "channel", "id")

    def __init__(self, id_: str, channel: str, hear: Callable[["_Ear", News], None]) -> None:
        self.id = id_
        self.channel = channel
        self._hear = hear

    def hear(self, news: News) -> None:
        self._hear(self, news)


class Connection:
    """Carries messages between one socket and its session, and out what the session decides.

    Args:
        receive: the next ASGI event of an accepted WebSocket.
        send: takes an ASGI event; waits while the peer does not read.
        session: decides.
        authenticate: returns who has a credential or ticket; raises GatewayError where it may not enter.
        welcome: the answer to a `hello` that may enter.
        hub: where extractions run.
        jobs: checks what is asked.
        limits: of messages and time.
        tasks: where the writer lives.
        account: counts what goes over it.
        watches_stalls: whether the server itself ends a peer that takes nothing (`gateway.serving` does, by bytes of
            progress); else a frame has `send_stall_s` to be taken.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        session: Session,
        authenticate: Callable[[Judge], Awaitable[Principal]],
        welcome: Callable[[], messages.Welcome],
        hub: Hub,
        jobs: Jobs,
        limits: Limits,
        tasks: Tasks,
        account: ConnectionAccount,
        watches_stalls: bool = False,
    ) -> None:
        """Take over an accepted WebSocket."""
        self._receive = receive
        self._send = send
        self._session = session
        self._authenticate: Callable[[Judge], Awaitable[Principal]] | None = authenticate
        self._welcome = welcome
        self._judge: Judge | None = None
        self._principal = ANYBODY  # who this is, once that is known
        self._hub = hub
        self._jobs = jobs
        self._limits = limits
        self._stall_s = None if watches_stalls else limits.send_stall_s
        self._tasks = tasks
        self._account = account
        self._lane: list[str] = []  # an empty deque holds 700 bytes; what is taken from the front of these is short
        self._lane_chars = 0
        self._news: dict[str, dict[str, News]] = {}  # by follow and extraction: the newest wins
        self._dirty: list[Watch] = []
        self._watches: dict[str, Watch] = {}
        self._ears: dict[str, _Ear] = {}
        self._turns: Slots | None = None  # of the extractions this session starts, once it has started one
        self._close: Close | None = None
        self._writer: asyncio.Task[None] | None = None
        self._is_lost = False
        self._farewell: messages.GoAway | None = None  # to be said once the session is open
        self._leash: asyncio.Timeout | None = None  # ends the reader's waiting
        self._spoke_at = asyncio.get_running_loop().time()
        self._throttle: Throttle | None = None  # from the first message on

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
            for id_ in list(self._ears):
                self._unfollow(id_)
            if self._writer is not None:
                self._writer.cancel()
            self._account.end(asyncio.get_running_loop().time(), None if self._close is None else self._close.code)

    def beat(self, silent_since: float) -> None:
        """Send a `ping` if nothing has been written since then (the loop's clock)."""
        if self._spoke_at <= silent_since and self._session.phase is Phase.OPEN and self._writer is None:
            self._say(messages.Ping())  # while something is being written nothing could overtake it

    def tell(self, message: messages.ServerMessage) -> None:
        """Send a message that is about no watch, where the session is open."""
        if self._session.phase is Phase.OPEN and not self._is_over:
            self._say(message)

    @property
    def is_busy(self) -> bool:
        """Whether it has watches without a terminal, or something to write."""
        return not self._is_over and bool(self._watches or self._lane or self._news or self._writer is not None)

    def go_away(self, message: messages.GoAway) -> None:
        """Tell the session that it will be closed: now, or behind its `welcome`."""
        if self._session.phase is Phase.OPEN:
            self.tell(message)
        else:
            self._farewell = message

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
                    await self._enter(self._judge)
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

    async def _enter(self, asked: Judge) -> None:
        """Find out who this is, before anything else is read."""
        authenticate, self._authenticate = self._authenticate, None  # it keeps the request, and is asked once
        try:
            if authenticate is not None:
                self._principal = await authenticate(asked)
        except GatewayError as error:
            self._deny(error)
        except Exception:  # noqa: BLE001 - a fault of the application's ends one connection, never the server
            _log.exception("authenticate failed")
            self._deny(Internal("it could not be found out who this is"))
        else:
            welcome = self._welcome()
            self._account.admitted(welcome.session)
            self._do_all(self._session.admit(welcome))
            if self._farewell is not None:
                self.tell(self._farewell)

    def _deny(self, error: GatewayError) -> None:
        self._account.denied(error.code)
        self._do_all(self._session.deny(error))

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
            self._account.close(event.get("code") or _NO_CODE, by_server=False)
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
        message: messages.ClientMessage | BadRequest
        try:
            message = frames.read(text, max_depth=self._limits.message_depth)
            self._account.received(str(message.__struct_config__.tag))
        except BadRequest as error:
            message = error
            self._account.received("malformed")
        if self._session.phase is Phase.OPEN and not self._is_heard(message):
            return
        if isinstance(message, BadRequest):
            self._do_all(self._session.reject(message))
        else:
            self._do_all(self._session.receive(message))

    def _is_heard(self, message: messages.ClientMessage | BadRequest) -> bool:
        """Tell whether a message is taken, or one too many."""
        now_s = asyncio.get_running_loop().time()
        throttle = self._throttle = self._throttle or Throttle(self._limits, now_s)
        try:
            throttle.take(now_s, is_watch=isinstance(message, messages.Watch))
        except RateLimited as error:
            self._say(messages.error_message(error, id=getattr(message, "id", None)))
            if throttle.is_abused:
                self._do(Close(CloseCode.RATE_ABUSE, error.message))
            return False
        return True

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
            case Follow() | Unfollow():
                self._turn_ear(command)
            case _:
                assert_never(command)

    def _try(self, id_: str, action: Callable[[], None]) -> None:
        try:
            action()
        except GatewayError as error:
            self._do_all(self._session.refused(id_, error))

    def _start(self, request: messages.Extract) -> None:
        view = view_of(request)
        job = self._jobs.job(request, principal=self._principal)
        self._turns = self._turns or self._hub.new_turns()
        audience, is_known = self._hub.start(job, self._turns)
        if not is_known:
            self._account.started()
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
        self._account.attached(encoding_of(watch))
        return watch

    def _detach(self, id_: str) -> None:
        watch = self._watches.pop(id_, None)
        if watch is not None:
            watch.is_over = True
            watch.audience.detach(watch)
            self._account.detached(encoding_of(watch))

    def _end(self, extraction: str, id_: str | None) -> None:
        try:
            self._hub.find(extraction, self._principal.realm).run.cancel()
        except GatewayError as error:
            self._say(messages.error_message(error, id=id_))

    def _turn_ear(self, command: Follow | Unfollow) -> None:
        if isinstance(command, Unfollow):
            self._unfollow(command.id)
            return
        ear = self._ears[command.id] = _Ear(command.id, command.channel, self._hear)
        self._hub.channels.follow(self._principal.realm, command.channel, ear)

    def _unfollow(self, id_: str) -> None:
        ear = self._ears.pop(id_)
        self._hub.channels.unfollow(self._principal.realm, ear.channel, ear)
        self._news.pop(id_, None)

    def _hear(self, ear: _Ear, news: News) -> None:
        """Have an announcement written, in place of an older one of the same extraction."""
        waiting = self._news.setdefault(ear.id, {})
        waiting.pop(news.entry.extraction, None)
        waiting[news.entry.extraction] = news
        if len(waiting) > self._most_news:
            self._overflow()
        self._wake()

    @property
    def _most_news(self) -> int:
        """How many extractions' news may wait for a follow: all that there may be at once, and some to come."""
        limits = self._limits
        return limits.retained_extractions + limits.provider_calls + limits.provider_queue + _LANE_MESSAGES

    # Frames out

    def _say(self, message: messages.ServerMessage) -> None:
        if isinstance(message, messages.Error):
            self._account.refused(message.code)
        text = messages.encode(message)
        self._lane.append(text)
        self._lane_chars += len(text)
        behind_chars = self._lane_chars - len(self._lane[0])  # the first may be large: a welcome with many extractors
        if len(self._lane) > _LANE_MESSAGES or behind_chars > _LANE_CHARS:
            self._overflow()
        self._wake()

    def _overflow(self) -> None:
        self._lane.clear()
        self._lane_chars = 0
        self._news.clear()
        self._close = self._close or Close(CloseCode.TOO_SLOW, "expected the client to read")
        self._stop_reading()

    def _wake(self, watch: Watch | None = None) -> None:
        if watch is not None:
            self._dirty.append(watch)
        if self._writer is None and not self._is_lost:
            self._writer = self._tasks.start(self._write(), name="writer")

    async def _write(self) -> None:
        """Write until there is nothing left."""
        try:
            while (frame := self._next_lane_frame()) is not None or (self._dirty and self._close is None):
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
        if self._lane:
            frame = self._lane.pop(0)
            self._lane_chars -= len(frame)
            return frame
        return self._next_news() if self._news else None

    def _next_news(self) -> str:
        id_, waiting = next(iter(self._news.items()))
        news = waiting.pop(next(iter(waiting)))
        if not waiting:
            del self._news[id_]
        entry = news.entry
        told = messages.Announcement(
            id=id_,
            extraction=entry.extraction,
            extractor=entry.extractor,
            channel=entry.channel,
            state=news.state.value,
            at=news.at,
        )
        return messages.encode(told)

    async def _write_watch(self, watch: Watch) -> None:
        for frame in self._frames_of(watch):
            if self._watches.get(watch.id) is not watch:
                return  # its id is another's by now, or nobody's
            await self._write_frame(frame)
        if watch.is_over and self._watches.get(watch.id) is watch:
            self._detach(watch.id)
            self._session.finished(watch.id)

    def _frames_of(self, watch: Watch) -> tuple[str, ...]:
        """Return what is to be written, of one moment: the value may grow while a send waits."""
        document, epoch, before = watch.audience.run.extraction.document, watch.epoch, watch.rev
        encoded = document.encoded_updates
        written = tuple(watch.frames())
        # Nearly every watch shares its update, and is one revision behind.
        if document.encoded_updates != encoded or (before is not None and watch.rev != before + 1):
            is_same = watch.epoch == epoch
            self._account.updated(document.encoded_updates - encoded, before if is_same else None, watch.rev)
        return written

    async def _write_frame(self, frame: str) -> None:
        await self._write_event({"type": "websocket.send", "text": frame})
        self._account.wrote(frame)
        self._spoke_at = asyncio.get_running_loop().time()

    async def _write_close(self, close: Close) -> None:
        self._is_lost = True
        self._account.close(close.code, by_server=True)
        event = {"type": "websocket.close", "code": int(close.code), "reason": close.reason[:120]}
        await self._write_event(event)

    async def _write_event(self, event: MutableMapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send(event)
        except TimeoutError:
            self._account.drop("stalled")
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
