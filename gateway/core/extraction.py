"""The life of one extraction: deltas in, a document that grows, one terminal state (PROTOCOL.md §4, "endings").

1. The state moves only along `_NEXT`; there is exactly one terminal, and nothing after it.
2. Validation sees what the model wrote, never the skeleton.
3. After `completed` the document's value is the validated model's JSON.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from gateway.core import messages
from gateway.core.building import MAX_REPAIRS
from gateway.core.document import Document
from gateway.core.growth import Growth
from gateway.core.lexical import LimitExceeded
from gateway.core.limits import Limits
from gateway.core.operations import Operation, difference
from gateway.core.parser import ParseError, Parser, Repair
from gateway.core.pointer import JsonValue
from gateway.core.replica import digest
from gateway.core.rewriting import MAX_CHARS, reread, rewritten
from gateway.core.schema import ANY, Schema
from gateway.errors import GatewayError, Internal, InvalidOutput, OutputTooLarge, ProviderError, Refused

__all__ = ["Clocks", "Ending", "Extraction", "State"]

_CHARS_PER_TOKEN = 4
"""For estimates where the provider did not count; about right for English JSON."""

_STEP_CHARS = 4_096
"""A longer delta makes several revisions, so that what one step holds is bounded."""

_WHITESPACE_ALLOWANCE = 4
"""Text may be so many times longer than the largest value: some models indent, some never stop writing spaces."""


class State(StrEnum):
    """Where an extraction is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing can follow."""
        return self not in _NEXT


_NEXT: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.COMPLETED, State.INCOMPLETE, State.FAILED, State.CANCELLED}),
}


@dataclass(slots=True)
class Clocks:
    """When what happened, in seconds of one monotonic clock; the caller reads the clock."""

    created_s: float
    started_s: float | None = None
    first_delta_s: float | None = None

    def timing(self, now_s: float) -> messages.Timing:
        """Return the terminal's `timing`."""
        started_s = now_s if self.started_s is None else self.started_s
        first = None if self.first_delta_s is None else _milliseconds(self.first_delta_s - started_s)
        return messages.Timing(
            queued_ms=_milliseconds(started_s - self.created_s),
            first_delta_ms=first,
            total_ms=_milliseconds(now_s - self.created_s),
        )


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


@dataclass(slots=True)
class _Counts:
    """Tokens as the provider counted them, and characters for an estimate where it did not."""

    input_chars: int = 0
    output_chars: int = 0
    counted: tuple[int, int] | None = None
    attempts: int = field(default=0)

    def usage(self) -> messages.Usage:
        read, written = self.counted or (self._tokens(self.input_chars), self._tokens(self.output_chars))
        return messages.Usage(
            input_tokens=read, output_tokens=written, total_tokens=read + written, estimated=self.counted is None
        )

    @staticmethod
    def _tokens(chars: int) -> int:
        return -(-chars // _CHARS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an extraction is to end.

    Attributes:
        state: a state that is ended.
        digest: of the value it ends with.
        operations: the last step, to the validated value.
        error: why it failed.
        is_rewritten: the text was read once more, as a whole.
    """

    state: State
    digest: str
    operations: tuple[Operation, ...] = ()
    error: GatewayError | None = None
    is_rewritten: bool = False


class Extraction:
    """One run: a schema, the text a model writes, one value, one ending.

    Args:
        schema: what is extracted.
        epoch: name of the document's numbering.
        limits: `value_bytes` and the tail's bounds apply.
        created_s: the monotonic clock's reading now.
        input_chars: length of the input, for estimates.

    Attributes:
        document: what watchers see.
        state: see `State`.
        terminal: the terminal message without a watch's id, once ended.
        terminal_text: its text, encoded once for all watches.
    """

    def __init__(self, schema: Schema, *, epoch: str, limits: Limits, created_s: float, input_chars: int = 0) -> None:
        """Begin in `queued`, with the skeleton as the value."""
        self.state = State.QUEUED
        self.terminal: messages.Terminal | None = None
        self.terminal_text = ""
        self.document = Document(
            epoch, schema.shape.placeholder(), tail_steps=limits.tail_steps, tail_bytes=limits.tail_bytes
        )
        self._schema = schema
        self._limits = limits
        self._types = schema.shape.types | (set() if schema.wrapper is None else {"object"})
        self._parser = Parser(lenient=True, types=self._types, max_chars=_WHITESPACE_ALLOWANCE * limits.value_bytes)
        self._texts: list[str] = []  # what came so far, as long as it may be read once more
        self._fault: ParseError | None = None  # why the text could not be read while it came
        self._growth = Growth(schema.shape, schema.wrapper)
        self._clocks = Clocks(created_s)
        self._counts = _Counts(input_chars=input_chars)
        self._is_refused = False
        self._finish: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the model has closed the root."""
        return self._parser.is_closed

    @property
    def is_doubtful(self) -> bool:
        """Whether the text may have to be read once more, which takes its time."""
        return bool(self._parser.repairs) or self._fault is not None

    def start(self, now_s: float) -> None:
        """Say that the provider is being called."""
        self._move(State.RUNNING)
        self._clocks.started_s = now_s
        self._counts.attempts = 1

    def feed(self, text: str, now_s: float) -> bool:
        """Take a piece of the model's text.

        Returns:
            Whether the value changed.

        Raises:
            ParseError, OutputTooLarge: the text cannot be used; the extraction is to end as failed.
        """
        if self._clocks.first_delta_s is None:
            self._clocks.first_delta_s = now_s
        self._counts.output_chars += len(text)
        if len(text) <= _STEP_CHARS:
            return self._step(text)
        has_changed = False
        for start in range(0, len(text), _STEP_CHARS):
            has_changed = self._step(text[start : start + _STEP_CHARS]) or has_changed
        return has_changed

    def count(self, input_tokens: int, output_tokens: int) -> None:
        """Take the provider's own count of tokens."""
        self._counts.counted = (input_tokens, output_tokens)

    def refuse(self) -> None:
        """Take note that the model refused."""
        self._is_refused = True

    def note_finish(self, reason: str) -> None:
        """Take the provider's word on why it stopped."""
        self._finish = reason

    def close(self) -> GatewayError | State:
        """Say that the provider's stream is over: close what it left open.

        Returns:
            `COMPLETED` where the answer is whole and is to be judged, `INCOMPLETE`, or why it failed.
        """
        if self._parser.is_closed:
            return State.COMPLETED
        if self._is_refused:
            return Refused("the model refused to answer")
        match self._finish:
            case "length":
                return State.INCOMPLETE
            case "content_filter":
                return Refused("a content filter stopped the model")
            case None:
                return ProviderError("the provider's stream ended in the middle of the answer")
            case _:
                return self._close_open()

    def judge(self) -> "Ending":
        """Return the ending of a whole answer: completed, or failed where it is not valid.

        Only reads what `close` has settled, so a large value may be judged in a thread.
        """
        try:
            final, is_rewritten = self._final()
            operations = tuple(difference(self.document.value, final))
            return Ending(State.COMPLETED, digest(final), operations, is_rewritten=is_rewritten)
        except GatewayError as error:
            return self.ending(State.FAILED, error)
        except ValueError:
            return self.ending(State.FAILED, InvalidOutput("expected numbers that a double can hold, got others"))

    def ending(self, state: State, error: GatewayError | None = None) -> "Ending":
        """Return the ending of an answer that is not whole; only reads, like `judge`."""
        return Ending(state, digest(self.document.value), error=error)

    def end(self, ending: "Ending", now_s: float) -> None:
        """Come to an ending: the last step where there is one, and the terminal."""
        self._move(ending.state)
        if ending.state is State.COMPLETED:
            self.document.publish(ending.operations, final=True)
        match ending.state:
            case State.COMPLETED:
                self._terminate(messages.Completed, ending, now_s)
            case State.INCOMPLETE:
                self._terminate(messages.Incomplete, ending, now_s, reason="length", open=self._open_pointers())
            case State.CANCELLED:
                self._terminate(messages.Cancelled, ending, now_s)
            case _:
                error = _failure(ending.error or Internal("the extraction ended without a reason"))
                self._terminate(messages.Failed, ending, now_s, error=error)

    def _close_open(self) -> GatewayError | State:
        if not self._counts.output_chars:
            return InvalidOutput("expected JSON, got an empty answer")
        try:
            self._publish(self._parser.finish(close=True))
        except LimitExceeded as error:
            return error
        except ParseError as error:
            self._fault = error
        except GatewayError as error:
            return error
        return State.COMPLETED

    def _final(self) -> tuple[JsonValue, bool]:
        """Return the validated value, and whether the text had to be read once more for it."""
        text = "".join(self._texts)[self._parser.begin :] if self.is_doubtful else ""
        try:
            if (value := self._first_valid(reread(text, self._types, self._parser.ended_in))) is not None:
                return value, True
            if self._fault is not None:
                raise self._fault
            return self._schema.validate(self._written()), False
        except InvalidOutput:
            if (value := self._first_valid(rewritten(text, self._types))) is None:
                raise
            return value, True

    def _first_valid(self, values: Iterable[JsonValue]) -> JsonValue:
        wrapper = self._schema.wrapper
        for value in values:
            inner = value[wrapper] if wrapper is not None and isinstance(value, dict) and wrapper in value else value
            with suppress(GatewayError):
                return self._schema.validate(inner)
        return None

    def _written(self) -> JsonValue:
        """Return what the model wrote, without the wrapper it was asked for."""
        value, wrapper = self._parser.value, self._schema.wrapper
        if wrapper is None or not self._growth.is_wrapped or not isinstance(value, dict):
            return value
        if wrapper not in value:
            raise InvalidOutput(f"expected an object with the member {wrapper!r}, got one without")
        return value[wrapper]

    def _open_pointers(self) -> list[str]:
        prefix = f"/{self._schema.wrapper}" if self._growth.is_wrapped else ""
        pointers = [pointer for pointer in self._parser.open_pointers if f"{pointer}/".startswith(f"{prefix}/")]
        return [pointer.removeprefix(prefix) for pointer in pointers] or [""]

    def _step(self, text: str) -> bool:
        if self._counts.output_chars <= MAX_CHARS:
            self._texts.append(text)
        elif self._texts:
            self._texts.clear()
        if self._fault is not None:
            return self._wait()
        try:
            operations = self._parser.feed(text)
        except ParseError as error:
            operations = self._parser.taken()
            if not isinstance(error, LimitExceeded):
                self._fault = error
                return self._publish(operations) or self._wait()
            self._publish(operations)
            raise
        except GatewayError:
            self._publish(self._parser.taken())
            raise
        return self._publish(operations)

    def _wait(self) -> bool:
        """Go on without growth: the text is read once more when it is whole, unless it becomes too long for that."""
        if self._fault is not None and self._counts.output_chars > MAX_CHARS:
            raise self._fault
        return False

    def _publish(self, operations: list[Operation]) -> bool:
        limit = self._limits.value_bytes
        has_changed = self.document.publish(self._growth.shaped(operations), most_bytes=limit)
        if self.document.value_bytes > limit:
            raise OutputTooLarge(f"the value is larger than {limit} bytes")
        return has_changed

    def _terminate(self, message: type[Any], ending: "Ending", now_s: float, **fields: Any) -> None:
        self.terminal = message(
            epoch=self.document.epoch,
            rev=self.document.rev,
            attempts=self._counts.attempts,
            usage=self._counts.usage(),
            timing=self._clocks.timing(now_s),
            digest=ending.digest,
            repairs=self._repairs(ending),
            **fields,
        )
        self.terminal_text = messages.encode(self.terminal)
        self._parser, self._growth = Parser(), Growth(ANY)  # what is retained is the document's value
        self._texts.clear()

    def _repairs(self, ending: "Ending") -> list[dict[str, JsonValue]]:
        repairs = [_repair(repair) for repair in self._parser.repairs]
        if not ending.is_rewritten:
            return repairs
        return [*repairs[: MAX_REPAIRS - 1], _repair(Repair("rewritten", self._parser.begin))]

    def _move(self, state: State) -> None:
        if state not in _NEXT.get(self.state, frozenset()):
            raise RuntimeError(f"an extraction cannot go from {self.state} to {state}")
        self.state = state


def _repair(repair: Repair) -> dict[str, JsonValue]:
    return {"kind": repair.kind, "offset": repair.offset}


def _failure(error: GatewayError) -> messages.Failure:
    return messages.Failure(
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        retry_after_ms=msgspec.UNSET if error.retry_after_ms is None else error.retry_after_ms,
        phase=msgspec.UNSET if error.phase is None else error.phase,
        errors=list(error.errors) if error.errors else msgspec.UNSET,
        param=msgspec.UNSET if error.param is None else error.param,
    )
