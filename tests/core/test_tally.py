"""What an extraction cost: tokens of all attempts, counted or estimated."""

import msgspec
import pytest

from gateway.core.tally import Clocks, Counts


def told(counts: Counts) -> tuple[int, int, int, bool]:
    """Return a usage as plain figures."""
    usage = counts.usage()
    return usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.estimated


def test_nothing_was_asked() -> None:
    """No call, no tokens, and nothing about them is estimated."""
    assert (told(Counts()), Counts().attempts) == ((0, 0, 0, False), 0)


@pytest.mark.parametrize(
    ("is_counted", "usage"),
    [((True, True), (30, 9, 39, False)), ((True, False), (12, 8, 20, True)), ((False, False), (4, 6, 10, True))],
)
def test_every_attempt_counts(is_counted: tuple[bool, bool], usage: tuple[int, int, int, bool]) -> None:
    """As the provider counted, else a token per four characters; one estimate makes the sum one."""
    counts = Counts()
    for number, is_known in enumerate(is_counted):
        counts.begin(8)
        counts.written(9)
        if is_known:
            counts.count(10 * (number + 1), 5 - number)
    assert (told(counts), counts.attempts) == (usage, 2)


def test_what_a_budget_goes_by() -> None:
    """A count that came before its text does not hide the text; an attempt that is over counts as it was counted."""
    counts = Counts()
    counts.begin(0)
    counts.count(0, 1)
    counts.written(40)
    assert counts.written_tokens() == 10
    counts.count(0, 7)
    counts.begin(0)
    counts.written(4)
    assert counts.written_tokens() == 8


def test_times_are_of_all_attempts() -> None:
    """From its creation, and nothing is negative."""
    timing = Clocks(1, 2, 2.5).timing(9)
    assert (timing.queued_ms, timing.first_delta_ms, timing.total_ms) == (1_000, 500, 8_000)
    queued = Clocks(5).timing(6)
    assert (queued.queued_ms, queued.first_delta_ms, queued.total_ms) == (1_000, None, 1_000)


@pytest.mark.parametrize(
    ("attempts", "max_tokens", "saved"),
    [
        ("whole", 100, msgspec.UNSET),
        ("stopped", None, None),
        ("stopped", 100, 98),
        ("stopped", 1, 0),
        ("stopped whole", 100, 8),
        ("whole stopped stopped", None, 16),
        ("cut stopped", None, None),
    ],
)
def test_tokens_that_were_saved(attempts: str, max_tokens: int | None, saved: object) -> None:
    """Compared with the longest whole answer, else with what a call may write; a call that was cut says nothing."""
    counts = Counts(max_tokens)
    for kind in attempts.split():
        counts.begin(0)
        counts.written(8 if kind == "stopped" else 40)
        counts.close(is_whole=kind == "whole", is_stopped=kind == "stopped")
    assert counts.usage().saved_tokens == saved
    assert counts.stopped == attempts.split().count("stopped")
