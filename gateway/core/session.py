"""The life of one session: client message in → commands out (PROTOCOL.md §2, §3).

1. The phase changes only by `TABLE`; every pair of phase and message has one entry.
2. A message about one operation never closes the session; only a violation of the greeting does.
3. An id is live from the message that names it until its terminal or `unwatch`; a refused id was never live.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from gateway.core import messages
from gateway.core.limits import Limits
from gateway.core.messages import ClientMessage, ServerMessage
from gateway.errors import (
    BadRequest,
    CloseCode,
    DuplicateId,
    Forbidden,
    GatewayError,
    NotFound,
    OverCapacity,
    RateLimited,
    Unauthenticated,
)

__all__ = [
    "Attach",
    "Change",
    "Close",
    "Command",
    "Detach",
    "End",
    "Follow",
    "Judge",
    "Phase",
    "Send",
    "Session",
    "Start",
    "Unfollow",
]

_REMEMBERED_IDS = 1_024
"""Finished ids, so that a cancel that crossed the terminal on the wire is ignored and not refused."""


_CLOSES: dict[type[GatewayError], CloseCode] = {
    Unauthenticated: CloseCode.UNAUTHENTICATED,
    Forbidden: CloseCode.FORBIDDEN,
    OverCapacity: CloseCode.OVER_CAPACITY,
    RateLimited: CloseCode.RATE_ABUSE,
}
"""How a connection is closed that may not enter; any other error is a fault."""


class Phase(StrEnum):
    """Where a session is in its life."""

    GREETING = "greeting"
    JUDGING = "judging"  # nothing is received meanwhile
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message."""

    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Judge:
    """Find out whether a credential may enter; answer with `admit`, or `deny`. None stands for no credential.

    Where there is a ticket, it alone is judged.
    """

    credential: str | None
    ticket: str | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, after what was to be sent."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start an extraction and its first watch; answer with `attached`, or `refused`."""

    request: messages.Extract


@dataclass(frozen=True, slots=True)
class Attach:
    """Watch an extraction; answer with `attached`, or `refused`."""

    request: messages.Watch


@dataclass(frozen=True, slots=True)
class Detach:
    """Stop a watch."""

    id: str


@dataclass(frozen=True, slots=True)
class Change:
    """Change a watch's interval."""

    id: str
    interval_ms: int


@dataclass(frozen=True, slots=True)
class End:
    """Cancel an extraction; `id` names the watch it was asked through, where it was."""

    extraction: str
    id: str | None


@dataclass(frozen=True, slots=True)
class Follow:
    """Hear of a channel's extractions, under a name."""

    id: str
    channel: str


@dataclass(frozen=True, slots=True)
class Unfollow:
    """Stop hearing of them."""

    id: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Stands for a frame that is no message."""

    error: BadRequest


@dataclass(frozen=True, slots=True)
class Late:
    """Stands for the `hello` that did not come in time."""


Command: TypeAlias = Send | Judge | Close | Start | Attach | Detach | Change | End | Follow | Unfollow

Handler: TypeAlias = Callable[["Session", Any], list[Command]]


def _each(
    phase: Phase, handlers: Mapping[type[Any], Handler], then: Phase
) -> dict[tuple[Phase, type[Any]], tuple[Handler, Phase]]:
    return {(phase, message): (handler, then) for message, handler in handlers.items()}


class Session:
    """Decides what a connection does with each message.

    Args:
        limits: `watches_per_connection` applies; how many extractions run is the hub's to decide.
        credential: what came with the handshake.

    Attributes:
        phase: see `Phase`.
    """

    def __init__(self, *, limits: Limits, credential: str | None = None) -> None:
        """Wait for `hello`."""
        self.phase = Phase.GREETING
        self._limits = limits
        self._credential = credential
        self._live: dict[str, str | None] = {}  # watch id → extraction, None until it is known
        self._follows: set[str] = set()
        self._finished: OrderedDict[str, None] = OrderedDict()

    def receive(self, message: ClientMessage | Malformed | Late) -> list[Command]:
        """Decide what a message leads to, or what stands for one."""
        handler, phase = self.TABLE[self.phase, type(message)]
        try:
            commands = handler(self, message)
        except GatewayError as error:
            return [Send(messages.error_message(error, id=getattr(message, "id", None)))]
        is_closing = any(isinstance(command, Close) for command in commands)
        self.phase = Phase.CLOSED if is_closing else phase
        return commands

    def reject(self, error: BadRequest) -> list[Command]:
        """Decide what a frame that is no message leads to."""
        return self.receive(Malformed(error))

    def expire(self) -> list[Command]:
        """Decide what follows when the time for `hello` is over."""
        return self.receive(Late())

    def admit(self, welcome: messages.Welcome) -> list[Command]:
        """Decide what follows where the credential may enter."""
        self.phase = Phase.OPEN
        return [Send(welcome)]

    def deny(self, error: GatewayError) -> list[Command]:
        """Decide what follows where the credential may not enter, or nobody can say."""
        self.phase = Phase.CLOSED
        closing = Close(_CLOSES.get(type(error), CloseCode.FAULT), error.code)
        return [Send(messages.error_message(error)), closing]

    def attached(self, id_: str, extraction: str) -> None:
        """Take note that `Start` or `Attach` worked."""
        self._live[id_] = extraction

    def refused(self, id_: str, error: GatewayError) -> list[Command]:
        """Decide what follows when `Start` or `Attach` did not work."""
        if self._live.get(id_) is None:
            self._live.pop(id_, None)
        return [Send(messages.error_message(error, id=id_))]

    def finished(self, id_: str) -> None:
        """Take note that a watch's terminal has been written."""
        self._live.pop(id_, None)
        self._finished[id_] = None
        if len(self._finished) > _REMEMBERED_IDS:
            self._finished.popitem(last=False)

    def _greet(self, message: messages.Hello) -> list[Command]:
        if message.ticket is None:
            return [Judge(message.token or self._credential)]
        if message.token is None:
            return [Judge(None, message.ticket)]
        both = BadRequest("ticket: expected either token or ticket, got both", param="ticket")
        return self._refuse_greeting(Malformed(both))

    def _violate(self, message: ClientMessage) -> list[Command]:
        expected = "one hello only" if self.phase is Phase.OPEN else "hello first"
        name = message.__struct_config__.tag
        return [Close(CloseCode.PROTOCOL_VIOLATION, f"expected {expected}, got {name}")]

    def _refuse_greeting(self, malformed: Malformed) -> list[Command]:
        close = Close(CloseCode.PROTOCOL_VIOLATION, "expected hello")
        return [Send(messages.error_message(malformed.error)), close]

    def _refuse_frame(self, malformed: Malformed) -> list[Command]:
        return [Send(messages.error_message(malformed.error, id=getattr(malformed.error, "frame_id", None)))]

    def _give_up(self, _: Late) -> list[Command]:
        return [Close(CloseCode.HELLO_TIMEOUT, f"expected hello within {self._limits.hello_timeout_s:g} s")]

    def _give_up_judging(self, _: Late) -> list[Command]:
        return [Close(CloseCode.HELLO_TIMEOUT, "nobody could say in time whether the credential may enter")]

    def _extract(self, message: messages.Extract) -> list[Command]:
        if message.id in self._live or message.id in self._follows:
            raise DuplicateId(f"id: {message.id!r} is live already", param="id")
        self._check_room_for_watch()
        self._live[message.id] = None
        self._finished.pop(message.id, None)
        return [Start(message)]

    def _watch(self, message: messages.Watch) -> list[Command]:
        if message.id in self._live or message.id in self._follows:
            if self._live.get(message.id) != message.extraction:
                raise DuplicateId(f"id: {message.id!r} is live already for another extraction", param="id")
        else:
            self._check_room_for_watch()
            self._live[message.id] = None
            self._finished.pop(message.id, None)
        return [Attach(message)]

    def _check_room_for_watch(self) -> None:
        most = self._limits.watches_per_connection
        if len(self._live) + len(self._follows) >= most:
            raise OverCapacity(f"expected at most {most} watches at once on a connection", retry_after_ms=1_000)

    def _unwatch(self, message: messages.Unwatch) -> list[Command]:
        if not self._is_live(message.id):
            return []
        self.finished(message.id)
        return [Detach(message.id)]

    def _adjust(self, message: messages.Adjust) -> list[Command]:
        if not self._is_live(message.id) or message.interval_ms is None:
            return []
        return [Change(message.id, message.interval_ms)]

    def _cancel(self, message: messages.Cancel) -> list[Command]:
        if (message.id is None) == (message.extraction is None):
            raise BadRequest("id: expected either id or extraction, got both or none", param="id")
        if message.extraction is not None:
            return [End(message.extraction, None)]
        if message.id is None or not self._is_live(message.id):
            return []
        extraction = self._live[message.id]
        return [] if extraction is None else [End(extraction, message.id)]

    def _follow(self, message: messages.Follow) -> list[Command]:
        if message.id in self._live or message.id in self._follows:
            raise DuplicateId(f"id: {message.id!r} is live already", param="id")
        self._check_room_for_watch()
        self._follows.add(message.id)
        self._finished.pop(message.id, None)
        return [Follow(message.id, message.channel)]

    def _unfollow(self, message: messages.Unfollow) -> list[Command]:
        if message.id in self._follows:
            self._follows.discard(message.id)
            self.finished(message.id)
            return [Unfollow(message.id)]
        if message.id in self._finished:
            return []
        raise NotFound(f"id: no follow {message.id!r} on this connection", param="id")

    def _is_live(self, id_: str) -> bool:
        """Tell whether an id is live; what is finished is ignored (cancel races), what never was is an error."""
        if id_ in self._live:
            return True
        if id_ in self._finished:
            return False
        raise NotFound(f"id: no watch {id_!r} on this connection", param="id")

    def _ping(self, message: messages.Ping) -> list[Command]:
        return [Send(messages.Pong(nonce=message.nonce))]

    def _ignore(self, _: ClientMessage | Malformed | Late) -> list[Command]:
        return []

    def _not_offered(self, message: ClientMessage) -> list[Command]:
        raise BadRequest(f"type: {message.__struct_config__.tag} is not offered by this server", param="type")

    _HANDLERS: ClassVar[dict[type[Any], Handler]] = {
        messages.Hello: _violate,
        messages.Extract: _extract,
        messages.Watch: _watch,
        messages.Unwatch: _unwatch,
        messages.Adjust: _adjust,
        messages.Cancel: _cancel,
        messages.Follow: _follow,
        messages.Unfollow: _unfollow,
        messages.Credential: _not_offered,
        messages.Ping: _ping,
        messages.Pong: _ignore,
        Malformed: _refuse_frame,
        Late: _ignore,
    }

    TABLE: ClassVar[dict[tuple[Phase, type[Any]], tuple[Handler, Phase]]] = {
        **_each(Phase.GREETING, dict.fromkeys(_HANDLERS, _violate), Phase.CLOSED),
        (Phase.GREETING, messages.Hello): (_greet, Phase.JUDGING),
        (Phase.GREETING, Malformed): (_refuse_greeting, Phase.CLOSED),
        (Phase.GREETING, Late): (_give_up, Phase.CLOSED),
        **_each(Phase.JUDGING, dict.fromkeys(_HANDLERS, _violate), Phase.CLOSED),
        (Phase.JUDGING, Malformed): (_refuse_greeting, Phase.CLOSED),
        (Phase.JUDGING, Late): (_give_up_judging, Phase.CLOSED),
        **_each(Phase.OPEN, _HANDLERS, Phase.OPEN),
        **_each(Phase.CLOSED, dict.fromkeys(_HANDLERS, _ignore), Phase.CLOSED),
    }
    """What each message does in each phase, and the phase it leads to; a handler that closes leads to `closed`."""
