"""What one watch asks of the server, and what it makes of the answers (PROTOCOL.md §3 to §5). It knows no socket.

1. The phase changes only by `TABLE`. It alone decides what is to be said: nothing queues up.
2. A frame counts only between the answer to what was asked last and the ending; others are dropped.
3. On every new connection, after a gap, and where the digest does not hold, it is asked again: for the extraction
   by its key as long as its name is not known, else from the position that was reached.
4. There is one ending, and nothing changes after it.
"""

from collections.abc import Mapping
from copy import copy
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from gateway.core.replica import Receipt, Replica
from gateway.core.values import JsonValue
from gateway.errors import ERRORS, CancelledExtraction, Closed, GatewayError, IncompleteExtraction, Internal

__all__ = ["Asking", "Event", "Message", "Phase", "error_of"]

Message: TypeAlias = dict[str, Any]

_MAX_REWATCHES = 5  # so many times in a row a server may answer a gap with another one
_SLOWEST_MS = 1_000
_USUAL_MS = 40
_UPDATES = frozenset({"snapshot", "patch", "item", "text"})
_ANSWERS = frozenset({"started", "watching"})
_WATCH_OPTIONS = ("encoding", "interval_ms", "progress", "reasoning", "grounding", "skeleton", "paths")


class Phase(StrEnum):
    """Where a watch is."""

    DUE = "due"
    """To be asked for; on this connection its id is not known."""
    ASKED = "asked"
    ANSWERED = "answered"
    GAP = "gap"
    """To be asked for again by an id that is live."""
    CLAIMED = "claimed"
    """`completed` has come; whether its digest is the value's is not known yet."""
    LEAVING = "leaving"
    """Ended from our side, and the server has to hear of it."""
    OVER = "over"


class Event(StrEnum):
    """What happens to a watch."""

    SAY = "say"
    ANSWER = "answer"
    GAP = "gap"
    CLAIM = "claim"
    DOUBT = "doubt"
    LEAVE = "leave"
    """It ends from our side."""
    END = "end"
    """It ends from the server's: by its terminal, or refused."""
    LOSE = "lose"
    """The connection is gone."""


class Asking:
    """One watch, but for its socket and its user.

    Args:
        id_: its name on the wire.
        request: the fields of `extract`, or of `watch`, without `id` and `from`.

    Attributes:
        extraction: its name, once the server has given one.
        value: the newest value, which never changes itself; None before the first.
        updates: how many times `value` was replaced.
        progress: of the newest update, where it was asked for.
        error: why there is no validated value, where it has ended so.
        terminal: the server's last message, once it has come.
        phase: see `Phase`.
    """

    TABLE: ClassVar[dict[tuple[Phase, Event], Phase]] = {
        (Phase.DUE, Event.SAY): Phase.ASKED,
        (Phase.DUE, Event.LEAVE): Phase.OVER,
        (Phase.ASKED, Event.ANSWER): Phase.ANSWERED,
        (Phase.ASKED, Event.LEAVE): Phase.LEAVING,
        (Phase.ASKED, Event.END): Phase.OVER,
        (Phase.ASKED, Event.LOSE): Phase.DUE,
        (Phase.ANSWERED, Event.GAP): Phase.GAP,
        (Phase.ANSWERED, Event.CLAIM): Phase.CLAIMED,
        (Phase.ANSWERED, Event.LEAVE): Phase.LEAVING,
        (Phase.ANSWERED, Event.END): Phase.OVER,
        (Phase.ANSWERED, Event.LOSE): Phase.DUE,
        (Phase.GAP, Event.SAY): Phase.ASKED,
        (Phase.GAP, Event.LEAVE): Phase.LEAVING,
        (Phase.GAP, Event.LOSE): Phase.DUE,
        (Phase.CLAIMED, Event.DOUBT): Phase.DUE,
        (Phase.CLAIMED, Event.LEAVE): Phase.OVER,
        (Phase.CLAIMED, Event.END): Phase.OVER,
        (Phase.CLAIMED, Event.LOSE): Phase.DUE,
        (Phase.LEAVING, Event.SAY): Phase.OVER,
        (Phase.LEAVING, Event.LOSE): Phase.OVER,
    }
    """The phase each event leads to; a pair that is not here changes nothing."""

    def __init__(self, id_: str, request: Mapping[str, Any]) -> None:
        """Begin with nothing asked."""
        self.id = id_
        self.extraction: str | None = request.get("extraction")
        self.value: JsonValue = None
        self.updates = 0
        self.progress: Mapping[str, Any] | None = None
        self.error: GatewayError | None = None
        self.terminal: Mapping[str, Any] | None = None
        self.phase = Phase.DUE
        self._request = dict(request)
        self._encoding = str(request.get("encoding", "patch"))
        self._replica = Replica(self._encoding)
        self._was_asked = False
        self._wants_cancel = False
        self._has_cancelled = False
        self._rewatches = 0
        self._has_doubted = False

    @property
    def reasoning(self) -> str:
        """What the model has thought aloud so far."""
        return self._replica.reasoning

    @property
    def is_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.phase in {Phase.LEAVING, Phase.OVER}

    @property
    def is_over(self) -> bool:
        """Whether the server need not hear of it any more either."""
        return self.phase is Phase.OVER

    @property
    def is_due(self) -> bool:
        """Whether there is something to say."""
        wants_cancel = self._wants_cancel and not self._has_cancelled
        return self.phase in {Phase.DUE, Phase.GAP, Phase.LEAVING} or (self.phase is Phase.ANSWERED and wants_cancel)

    @property
    def claim(self) -> str | None:
        """The digest that `whole` has to have before `verify` ends this."""
        return None if self.phase is not Phase.CLAIMED or self.terminal is None else self.terminal["digest"]

    @property
    def whole(self) -> JsonValue:
        """The value of the extraction: `value`, but of `items` what comes behind them."""
        return self._replica.snapshot if self._encoding == "items" else self.value

    def say(self) -> Message | None:
        """Return the next message to send, if there is one; it counts as sent."""
        if not self.is_due:
            return None
        phase = self.phase
        self._step(Event.SAY)
        if phase is Phase.LEAVING:
            return {"type": "unwatch", "id": self.id}
        self._has_cancelled = phase is Phase.ANSWERED
        if phase is Phase.ANSWERED:
            return {"type": "cancel", "id": self.id}
        self._was_asked = True
        return self._ask()

    def take(self, frame: Mapping[str, Any]) -> None:
        """Take one server frame of this watch."""
        kind = frame["type"]
        if kind in _ANSWERS and self.phase is Phase.ASKED and isinstance(frame.get("extraction"), str):
            self.extraction = frame["extraction"]
            self._step(Event.ANSWER)
        if self.phase is not Phase.ANSWERED:
            return
        match self._receipt(frame):
            case Receipt.APPLIED if kind in _UPDATES and (kind, self._encoding) != ("snapshot", "items"):
                self.value, self._rewatches = self._replica.value, 0
                self.progress = frame.get("progress")
                self.updates += 1
            case Receipt.GAP:
                self._ask_again()
            case Receipt.ENDED:
                self._end(frame)
            case _:
                pass

    def verify(self, *, is_so: bool) -> None:
        """Hear whether `whole` has the digest of `claim`; where it has not, it is asked for once more as a whole."""
        if self.phase is Phase.CLAIMED and not is_so and self._has_doubted:
            self.fail(Internal("the value does not have the digest that the server names"))
        elif self.phase is Phase.CLAIMED:
            self._has_doubted = not is_so
            self._step(Event.END if is_so else Event.DOUBT)

    def refuse(self, error: GatewayError) -> None:
        """Hear that the server refused something about this watch; only what was asked last can end it."""
        if self.phase is Phase.ASKED:
            self.fail(error, Event.END)

    def fail(self, error: GatewayError, event: Event = Event.LEAVE) -> None:
        """End this watch without a validated value."""
        if self.is_ended:
            return
        self.error = copy(error)
        self.error.__cause__ = error.__cause__
        self.error.value = self.value
        self._step(event)

    def cancel(self) -> None:
        """Wish the extraction ended for everybody; where nobody can have started it, that is the end at once."""
        if self.extraction is None and not self._was_asked:
            self.fail(CancelledExtraction("cancelled before it was started"))
        self._wants_cancel = True

    def close(self) -> None:
        """Stop looking."""
        self.fail(Closed("nobody looks at this any more"))

    def lose(self) -> None:
        """Hear that the connection is gone; what is live is asked for on the next one."""
        self._step(Event.LOSE)

    def slow_down(self) -> None:
        """Be satisfied with half as many updates."""
        asked_ms = self._request.get("interval_ms", _USUAL_MS)
        self._request["interval_ms"] = min(_SLOWEST_MS, 2 * max(_USUAL_MS, asked_ms))

    def _step(self, event: Event) -> None:
        before, self.phase = self.phase, self.TABLE.get((self.phase, event), self.phase)
        if before is Phase.CLAIMED and self.phase is Phase.DUE:
            self._replica, self.terminal = Replica(self._encoding), None

    def _ask(self) -> Message:
        if self.extraction is None:
            return {"type": "extract", "id": self.id, **self._request}
        options = {name: self._request[name] for name in _WATCH_OPTIONS if name in self._request}
        start = self._replica.position or "start"
        return {"type": "watch", "id": self.id, "extraction": self.extraction, "from": start, **options}

    def _receipt(self, frame: Mapping[str, Any]) -> Receipt:
        try:
            return self._replica.take(frame)
        except (AttributeError, KeyError, TypeError):  # a field is missing or of another type
            self._replica = Replica(self._encoding)
            return Receipt.GAP

    def _ask_again(self) -> None:
        self._rewatches += 1
        if self._rewatches > _MAX_REWATCHES:
            self.fail(Internal("the server's updates do not fit together"))
        else:
            self._step(Event.GAP)

    def _end(self, frame: Mapping[str, Any]) -> None:
        self.terminal = frame
        if frame["type"] != "completed":
            self.fail(_error_of_ending(frame), Event.END)
            return
        is_whole = self._encoding != "text" and self._request.get("paths") is None
        has_claim = is_whole and isinstance(frame.get("digest"), str)
        self._step(Event.CLAIM if has_claim else Event.END)


def _error_of_ending(terminal: Mapping[str, Any]) -> GatewayError:
    if terminal["type"] == "incomplete":
        return IncompleteExtraction("the model was cut off by its length limit")
    if terminal["type"] == "cancelled":
        return CancelledExtraction("the extraction was cancelled")
    failure = terminal.get("error")
    return error_of(failure if isinstance(failure, Mapping) else {})


def error_of(failure: Mapping[str, Any]) -> GatewayError:
    """Return what an `error` message, or the error of a `failed`, says; of the class of its code where there is one."""
    code, errors = str(failure.get("code", Internal.code)), failure.get("errors")
    error = ERRORS.get(code, GatewayError)(
        str(failure.get("message", "the server did not say why")),
        param=failure.get("param"),
        retry_after_ms=failure.get("retry_after_ms"),
        phase=failure.get("phase"),
        errors=tuple(errors) if isinstance(errors, list) else (),
    )
    if code not in ERRORS:
        error.code, error.retryable = code, failure.get("retryable") is True
    return error
