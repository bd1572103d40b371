"""What an extraction cost: tokens of all its attempts, and when what happened (PROTOCOL.md §4, `usage`, `timing`)."""

from dataclasses import dataclass, field

import msgspec

from gateway.core import messages

__all__ = ["Clocks", "Counts"]

_CHARS_PER_TOKEN = 4
"""For estimates where the provider did not count; about right for English JSON."""


@dataclass(slots=True)
class Clocks:
    """When what happened, in seconds of one monotonic clock; the caller reads the clock."""

    created_s: float
    started_s: float | None = None
    first_delta_s: float | None = None

    def timing(self, now_s: float) -> messages.Timing:
        """Return the terminal's `timing`: of all attempts together."""
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
class _Attempt:
    """Tokens of one call as the provider counted them, and characters for an estimate where it did not."""

    input_chars: int
    output_chars: int = 0
    counted: tuple[int, int] | None = None
    is_whole: bool = False
    is_stopped: bool = False

    @property
    def tokens(self) -> tuple[int, int]:
        return self.counted or (_tokens(self.input_chars), _tokens(self.output_chars))


@dataclass(slots=True)
class Counts:
    """Tokens of every attempt: a call that failed or was cancelled has been paid for as well.

    Attributes:
        max_tokens: that a call may write, where that is known.
    """

    max_tokens: int | None = None
    _attempts: list[_Attempt] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """How many calls there were."""
        return len(self._attempts)

    @property
    def stopped(self) -> int:
        """How many of them were stopped early."""
        return sum(attempt.is_stopped for attempt in self._attempts)

    def begin(self, input_chars: int) -> None:
        """Count another call, with an input of that length."""
        self._attempts.append(_Attempt(input_chars))

    def written(self, chars: int) -> None:
        """Take the length of what the model wrote in this call so far."""
        self._attempts[-1].output_chars = chars

    def count(self, input_tokens: int, output_tokens: int) -> None:
        """Take the provider's own count for this call."""
        self._attempts[-1].counted = (input_tokens, output_tokens)

    def close(self, *, is_whole: bool, is_stopped: bool) -> None:
        """Take note that this call is over: its answer is whole, or it was stopped early, or neither."""
        self._attempts[-1].is_whole, self._attempts[-1].is_stopped = is_whole, is_stopped

    def usage(self) -> messages.Usage:
        """Return the terminal's `usage`: estimated as soon as one part of it is."""
        tokens = [attempt.tokens for attempt in self._attempts]
        read, written = sum(each[0] for each in tokens), sum(each[1] for each in tokens)
        is_estimated = any(attempt.counted is None for attempt in self._attempts)
        return messages.Usage(
            input_tokens=read,
            output_tokens=written,
            total_tokens=read + written,
            estimated=is_estimated,
            saved_tokens=self._saved_tokens(),
        )

    def _saved_tokens(self) -> int | msgspec.UnsetType | None:
        """Estimate what calls that were stopped early would have gone on to write; None where nothing tells.

        Nobody knows how long such an answer would have become: as long as the longest whole answer to the same
        question, else at most as long as a call may be.
        """
        stopped = [attempt.tokens[1] for attempt in self._attempts if attempt.is_stopped]
        if not stopped:
            return msgspec.UNSET
        expected = max((attempt.tokens[1] for attempt in self._attempts if attempt.is_whole), default=self.max_tokens)
        return None if expected is None else sum(max(0, expected - written) for written in stopped)

    def written_tokens(self) -> int:
        """Return the tokens written so far, for a budget.

        In the call that runs, at least what its text stands for: a count may come before the text it is for.
        """
        running = max(self._attempts[-1].tokens[1], _tokens(self._attempts[-1].output_chars))
        return sum(attempt.tokens[1] for attempt in self._attempts[:-1]) + running


def _tokens(chars: int) -> int:
    return -(-chars // _CHARS_PER_TOKEN)
