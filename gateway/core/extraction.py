"""The life of one extraction: deltas in, a document that grows, one terminal state (PROTOCOL.md §4, "endings").

1. The state moves only along `_NEXT`; there is exactly one terminal, and nothing after it.
2. Validation sees what the model wrote, never the skeleton.
3. After `completed` the document's value is the validated model's JSON.
4. Every attempt has a document of its own, under an epoch that was never used; the terminal belongs to the last one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from msgspec import UNSET, structs

from gateway.core import messages
from gateway.core.building import MAX_REPAIRS
from gateway.core.checks import Check, Checked
from gateway.core.conclusion import Conclusion
from gateway.core.document import Document
from gateway.core.growth import Growth
from gateway.core.items import Items
from gateway.core.lexical import LimitExceeded
from gateway.core.limits import Limits
from gateway.core.operations import APPEND, Operation, difference
from gateway.core.parser import ParseError, Parser, Repair
from gateway.core.pointer import JsonValue, resolve
from gateway.core.reask import Answer, ChatMessage, errors_of, follow_up
from gateway.core.redaction import Redaction, Transform
from gateway.core.replica import digest
from gateway.core.reports import check_reports, dropped_report, failure_report, repair_report
from gateway.core.rewriting import MAX_CHARS
from gateway.core.schema import ANY, Schema
from gateway.core.sieve import Dropped, Sieve
from gateway.core.tally import Clocks, Counts
from gateway.core.transcript import Transcript
from gateway.core.validation import refusal
from gateway.errors import GatewayError, Internal, InvalidOutput, OutputTooLarge, ProviderError, Refused

__all__ = ["Ending", "Extraction", "State"]

_STEP_CHARS = 4_096
"""A longer delta makes several revisions, so that what one step holds is bounded."""

_WHITESPACE_ALLOWANCE = 4
"""Text may be so many times longer than the largest value: some models indent, some never stop writing spaces."""


_FENCE = "```"

_NEW_PIECES = 100
"""So many deltas are kept together: one at a time costs 0.4 µs each."""

_IN_FRONT = frozenset({"leading_text", "thinking"})
"""Repairs of what is skipped before the root: what comes behind is read as it would be without them."""

_ONLY_A_FENCE = re.compile(r"\s*```\w*\s*[\[{]")
"""In front of the root; other words may say that it is a draft."""


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


@dataclass(frozen=True, slots=True)
class Ending:
    """How an extraction is to end.

    Attributes:
        state: a state that is ended.
        digest: of the value it ends with.
        operations: the last step, to the validated value.
        error: why it failed.
        is_rewritten: the text was read once more, as a whole.
        checks: what came of the soft checks; None where there are none.
        dropped: the items that were left out of the value.
    """

    state: State
    digest: str
    operations: tuple[Operation, ...] = ()
    error: GatewayError | None = None
    is_rewritten: bool = False
    checks: tuple[Checked, ...] | None = None
    dropped: Dropped = field(default_factory=dict)


class Extraction:
    """One run: a schema, the text a model writes, one value, one ending.

    Args:
        schema: what is extracted.
        epoch: name of the first document's numbering.
        limits: `value_bytes` and the tail's bounds apply.
        created_s: the monotonic clock's reading now.
        input_chars: length of the input, for estimates.
        retries: how often the model may be asked again after an answer that is not valid.
        budget_tokens: of all attempts' output; None for no end.
        max_tokens: that one call may write, where it was asked for; for estimates.
        redact: what a leaf that may not be shown is shown as.
        checks: what is expected of the whole value, and only reported.

    Attributes:
        document: what watchers see: that of the newest attempt.
        reasoning: what it thought aloud, likewise.
        items: those of its value's lists that have closed.
        written_chars: how much the model has written in it.
        error: why it failed, once it has.
        faults: why the attempt before was not valid, `{path, message}` each; empty in the first one.
        state: see `State`.
        terminal: the terminal message without a watch's id, once ended.
        terminal_text: its text, encoded once for all watches.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        epoch: str,
        limits: Limits,
        created_s: float,
        input_chars: int = 0,
        retries: int = 0,
        budget_tokens: int | None = None,
        max_tokens: int | None = None,
        redact: Transform | None = None,
        checks: Sequence[Check] = (),
    ) -> None:
        """Begin in `queued`, with the skeleton as the value."""
        self.state = State.QUEUED
        self.terminal: messages.Terminal | None = None
        self.terminal_text = self._part_terminal_text = ""
        self.error: GatewayError | None = None
        self.faults: list[dict[str, str]] = []
        self._schema = schema
        self._limits = limits
        self._retries = retries
        self._budget_tokens = budget_tokens
        self._redaction = Redaction(schema.shape, redact, schema.output)
        self._clocks = Clocks(created_s)
        self._counts = Counts(max_tokens)
        self._checks = checks
        self._input_chars = input_chars
        self._past_epochs: set[str] = set()
        self._begin(epoch)

    def _begin(self, epoch: str) -> None:
        """Make everything that belongs to one attempt."""
        schema, limits = self._schema, self._limits
        self.document = Document(
            epoch, schema.shape.placeholder(), tail_steps=limits.tail_steps, tail_bytes=limits.tail_bytes
        )
        most_chars = _WHITESPACE_ALLOWANCE * limits.value_bytes
        self._new: list[str] = []  # what came and is not kept yet, in either of the following
        self._text = Transcript(epoch, most_chars=most_chars)
        self.reasoning = Transcript(epoch, most_chars=most_chars)
        self._sieve = Sieve(schema, self._written_at) if schema.shape.has_drops else None
        self.items = Items(schema, self._redaction, dropped=None if self._sieve is None else self._sieve.dropped)
        self.written_chars = self._thought_chars = 0
        self._shows_text = not self._redaction.is_needed
        self._lacks_items = False  # they were dropped
        self._types = schema.shape.types | (set() if schema.wrapper is None else {"object"})
        self._parser = Parser(lenient=True, types=self._types, max_chars=most_chars)
        self._texts: list[str] = []  # what came so far, as long as it may be read once more
        self._fault: ParseError | None = None  # why the text could not be read while it came
        self._growth = Growth(schema.shape, schema.wrapper, self._redaction, self._sieve)
        self._answer = Answer()
        self._has_only_fence: bool | None = None  # in front of the root; None where that was not asked
        self._is_refused = False
        self._spoiled: InvalidOutput | None = None  # what no later token can mend
        self._finish: str | None = None

    @property
    def part_terminal_text(self) -> str:
        """The terminal's text without the digest, for those who see a part of the value; encoded once, if ever."""
        if self.terminal is not None and not self._part_terminal_text:
            self._part_terminal_text = messages.encode(structs.replace(self.terminal, digest=UNSET))
        return self._part_terminal_text

    @property
    def attempt(self) -> int:
        """Which attempt the document is of, from 1."""
        return len(self._past_epochs) + 1

    @property
    def usage(self) -> messages.Usage:
        """Tokens of all attempts so far."""
        self._count_written()
        return self._counts.usage()

    @property
    def early_stops(self) -> int:
        """How many calls were cancelled because no later token could have made the answer valid."""
        return self._counts.stopped

    @property
    def is_whole(self) -> bool:
        """Whether the model has closed the root."""
        return self._parser.is_closed

    @property
    def is_over_budget(self) -> bool:
        """Whether the model has written more than it may, and is still writing: the call is to be cancelled."""
        if self._budget_tokens is None or self._finish is not None:
            return False
        self._count_written()
        return self._counts.written_tokens() > self._budget_tokens

    @property
    def text(self) -> Transcript:
        """What the model wrote in the newest attempt, as it wrote it; nothing where anything is redacted."""
        self._keep_new()
        return self._text

    def _keep_new(self) -> None:
        """Keep what came; once for many deltas, since they come more often than anybody reads."""
        if not self._new:
            return
        text = "".join(self._new)
        self._new.clear()
        if self._shows_text:
            self._text.feed(text)
        if self._retries:
            self._answer.write(text)
        if self.written_chars <= MAX_CHARS:
            self._texts.append(text)
        else:
            self._texts.clear()

    def _count_written(self) -> None:
        """Bring the count of this attempt up to now: it is asked for less often than there are deltas."""
        if self._counts.attempts:
            self._counts.written(self.written_chars + self._thought_chars)

    @property
    def is_spoiled(self) -> bool:
        """Whether no later token can make the answer valid, and more is to come: the call is to be cancelled."""
        return self._spoiled is not None and self._finish is None and not self._parser.is_closed

    def is_past(self, epoch: str) -> bool:
        """Whether that is the epoch of an earlier attempt."""
        return epoch in self._past_epochs

    def timing(self, now_s: float) -> messages.Timing:
        """Return the times so far."""
        return self._clocks.timing(now_s)

    @property
    def is_doubtful(self) -> bool:
        """Whether the text may have to be read once more, which takes its time."""
        return bool(self._parser.repairs) or self._fault is not None

    @property
    def has_checks(self) -> bool:
        """Whether judging runs checks, which are an application's."""
        return bool(self._checks) or self._schema.has_checks

    def start(self, now_s: float) -> None:
        """Say that the provider is being called."""
        self._move(State.RUNNING)
        self._clocks.started_s = now_s
        self._counts.begin(self._input_chars)

    def can_ask_again(self, ending: "Ending") -> bool:
        """Whether an attempt that would end like this may be followed by another."""
        self._count_written()
        is_left = self._budget_tokens is None or self._counts.written_tokens() < self._budget_tokens
        return isinstance(ending.error, InvalidOutput) and self.attempt <= self._retries and is_left

    def ask_again(self, ending: "Ending", epoch: str) -> tuple[ChatMessage, ...]:
        """Begin another attempt after one that was not valid, with a document of its own.

        Returns:
            How the chat goes on.
        """
        error = ending.error
        if not isinstance(error, InvalidOutput):
            raise TypeError("only an answer that is not valid is asked for again")
        self._count_written()
        self._keep_new()
        going_on = follow_up(self._answer.quoted(), error)
        self.faults = errors_of(self._told(error))
        self._past_epochs.add(self.document.epoch)
        self._begin(epoch)
        self._input_chars += sum(len(message["content"]) for message in going_on)
        self._counts.begin(self._input_chars)
        return going_on

    def feed(self, text: str, now_s: float) -> bool:
        """Take a piece of the model's text.

        Returns:
            Whether the value changed.

        Raises:
            ParseError, OutputTooLarge: the text cannot be used; the extraction is to end as failed.
        """
        if self._clocks.first_delta_s is None:
            self._clocks.first_delta_s = now_s
        self.written_chars += len(text)
        self._new.append(text)
        if len(self._new) >= _NEW_PIECES:
            self._keep_new()
        if len(text) <= _STEP_CHARS:
            return self._step(text)
        has_changed = False
        for start in range(0, len(text), _STEP_CHARS):
            has_changed = self._step(text[start : start + _STEP_CHARS]) or has_changed
        return has_changed

    def drop_history(self) -> None:
        """Keep of an ended extraction its value and its text: no steps, no reasoning, and of items where they were."""
        self.document.drop_tail()
        self.text.settle()
        self.reasoning.drop()
        self.items, self._lacks_items = self.items.places(), True

    def recall_items(self) -> None:
        """Find items that were dropped again in the value."""
        if self._lacks_items:
            is_valid = self.state is State.COMPLETED
            self.items, self._lacks_items = self.items.recalled(self.document.plain_value(), is_valid=is_valid), False

    def count(self, input_tokens: int, output_tokens: int) -> None:
        """Take the provider's own count of tokens."""
        self._counts.count(input_tokens, output_tokens)

    def think(self, text: str) -> None:
        """Take a piece of what the model thinks aloud: it is no part of the value, and counts as written."""
        self._thought_chars += len(text)
        if self._shows_text:
            self.reasoning.feed(text)

    def refuse(self, text: str) -> None:
        """Take note that the model refused; its words count as written."""
        self._is_refused = True
        self._thought_chars += len(text)

    def note_finish(self, reason: str) -> None:
        """Take the provider's word on why it stopped, or ours: `budget`."""
        self._finish = reason

    def close(self) -> GatewayError | State:
        """Say that the provider's stream is over: close what it left open.

        Returns:
            `COMPLETED` where the answer is whole and is to be judged, `INCOMPLETE`, or why it failed.
        """
        self._keep_new()
        self._count_written()
        self._counts.close(is_whole=self._parser.is_closed, is_stopped=self.is_spoiled)
        if self._parser.is_closed:
            return State.INCOMPLETE if self._is_cut_in_fence else State.COMPLETED
        if self._spoiled is not None or self._is_refused:
            return self._spoiled or Refused("the model refused to answer")
        match self._finish:
            case "length" | "budget":
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
            (written, validated, dropped), is_rewritten = self._conclusion().found()
            checks = tuple(self._schema.checked(written, self._checks)) if self.has_checks else None
            final = self._redaction.validated(validated)
            operations = tuple(difference(self.document.value, final))
            return Ending(State.COMPLETED, digest(final), operations, None, is_rewritten, checks, dropped)
        except GatewayError as error:
            return self.ending(State.FAILED, error)
        except ValueError:
            return self.ending(State.FAILED, InvalidOutput("expected numbers that a double can hold, got others"))

    def ending(self, state: State, error: GatewayError | None = None) -> "Ending":
        """Return the ending of an answer that is not whole; only reads, like `judge`."""
        dropped = {} if self._sieve is None else self._sieve.dropped
        return Ending(state, digest(self.document.value), error=error, dropped=dropped)

    def end(self, ending: "Ending", now_s: float) -> None:
        """Come to an ending: the last step where there is one, and the terminal."""
        self._move(ending.state)
        self.error = None if ending.error is None else self.shown(ending.error)
        if ending.state is State.COMPLETED:
            self.document.publish(ending.operations, final=True)
        match ending.state:
            case State.COMPLETED:
                self._terminate(messages.Completed, ending, now_s, checks=check_reports(ending.checks, self._redaction))
            case State.INCOMPLETE:
                reason, open_pointers = self._finish or "length", self._open_pointers()
                self._terminate(messages.Incomplete, ending, now_s, reason=reason, open=open_pointers)
            case State.CANCELLED:
                self._terminate(messages.Cancelled, ending, now_s)
            case _:
                error = failure_report(self.error or Internal("the extraction ended without a reason"))
                self._terminate(messages.Failed, ending, now_s, error=error)

    def break_off(self, error: GatewayError, now_s: float) -> None:
        """Fail, however far `end` has come; only a terminal is left to be made."""
        self.state, self.error = State.FAILED, error
        ending = Ending(State.FAILED, digest(self.document.value))
        self._terminate(messages.Failed, ending, now_s, error=failure_report(error))

    def shown(self, error: GatewayError) -> GatewayError:
        """Return an error as it may be told: that of an answer quotes the answer, which may not be shown."""
        return self._told(error) if isinstance(error, InvalidOutput) else error

    def _told(self, error: InvalidOutput) -> InvalidOutput:
        return self._redaction.shown(error) if self._redaction.is_needed else error

    @property
    def is_redacted(self) -> bool:
        """Whether anything of the answer may not be shown."""
        return self._redaction.is_needed

    @property
    def _is_cut_in_fence(self) -> bool:
        """Whether the answer was cut off inside the fence that it stands in: more of it was to come."""
        if self._finish not in {"length", "budget"} or not self._texts:
            return False
        has_words_before = any(repair.kind == "leading_text" for repair in self._parser.repairs)
        return has_words_before and "".join(self._texts).count(_FENCE) % 2 == 1

    def _close_open(self) -> GatewayError | State:
        if not self.written_chars:
            return InvalidOutput("expected JSON, got an empty answer")
        self._growth.cut()
        try:
            self._publish(self._parser.finish(close=True))
        except LimitExceeded as error:
            return error
        except ParseError as error:
            self._fault = error
        except GatewayError as error:
            return error
        return State.COMPLETED

    def _conclusion(self) -> Conclusion:
        return Conclusion(
            self._schema,
            self._parser,
            text="".join(self._texts),
            fault=self._fault,
            is_wrapped=self._growth.is_wrapped,
            is_sifted=self._sieve is not None,
        )

    def _written_at(self, pointer: str) -> JsonValue:
        """Return what the model wrote at a place of the value, live; None where a duplicate key has replaced it."""
        prefix = f"/{self._schema.wrapper}" if self._growth.is_wrapped else ""
        try:
            return resolve(self._parser.value, prefix + pointer)
        except LookupError:
            return None

    def _open_pointers(self) -> list[str]:
        prefix = f"/{self._schema.wrapper}" if self._growth.is_wrapped else ""
        pointers = [pointer for pointer in self._parser.open_pointers if f"{pointer}/".startswith(f"{prefix}/")]
        bare = [pointer.removeprefix(prefix) for pointer in pointers] or [""]
        shown = bare if self._sieve is None else [self._sieve.shown(pointer) for pointer in bare]
        return self._redaction.places(shown)

    def _step(self, text: str) -> bool:
        try:
            operations = self._parser.feed(text)
        except ParseError as error:  # it stays with that: every later piece raises the same
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
        if self._fault is not None and self.written_chars > MAX_CHARS:
            raise self._fault
        return False

    def _publish(self, operations: list[Operation]) -> bool:
        if not operations:
            return False
        limit, document = self._limits.value_bytes, self.document
        has_changed = document.publish(self._growth.shaped(operations), most_bytes=limit)
        if document.value_bytes > limit:
            raise OutputTooLarge(f"the value is larger than {limit} bytes")
        newest = document.newest
        if len(newest) != 1 or newest[0].kind is not APPEND:
            self.items.note(newest, document.rev, self._written_at)
            if self.items.parts:
                self._look_at_parts()
        return has_changed

    def _look_at_parts(self) -> None:
        """Find out whether a part that has closed spoils the answer; not where the text may be read otherwise."""
        parts, self.items.parts = self.items.parts, []
        if self._spoiled is not None or self._parser.is_closed or not self._is_read_for_good:
            return
        for part in parts:
            if errors := self._schema.spoiling(part.pointer, part.value, is_item=part.is_item):
                self._spoiled = refusal(errors)
                return

    @property
    def _is_read_for_good(self) -> bool:
        """Whether what was read stands: nothing was forgiven but a fence, or thinking, in front of the root.

        Behind other words a root may be a draft, which another one follows.
        """
        kinds = {repair.kind for repair in self._parser.repairs}
        if self._fault is not None or kinds - _IN_FRONT:
            return False
        if "leading_text" in kinds and self._has_only_fence is None:
            beginning = self._texts[0] if self._texts else "".join(self._new)
            self._has_only_fence = _ONLY_A_FENCE.match(beginning) is not None
        return self._has_only_fence is not False

    def _terminate(self, message: type[Any], ending: "Ending", now_s: float, **fields: Any) -> None:
        self.terminal = message(
            epoch=self.document.epoch,
            rev=self.document.rev,
            attempts=self._counts.attempts,
            usage=self.usage,
            timing=self._clocks.timing(now_s),
            digest=ending.digest,
            repairs=self._repairs(ending),
            dropped=dropped_report(ending.dropped, self.shown),
            **fields,
        )
        self.terminal_text = messages.encode(self.terminal)
        self._parser, self._growth, self._answer = Parser(), Growth(ANY), Answer()  # the value is what is retained
        self._texts.clear()

    def _repairs(self, ending: "Ending") -> list[dict[str, JsonValue]]:
        repairs = [repair_report(repair) for repair in self._parser.repairs]
        if not ending.is_rewritten:
            return repairs
        return [*repairs[: MAX_REPAIRS - 1], repair_report(Repair("rewritten", self._parser.begin))]

    def _move(self, state: State) -> None:
        if state not in _NEXT.get(self.state, frozenset()):
            raise RuntimeError(f"an extraction cannot go from {self.state} to {state}")
        self.state = state
