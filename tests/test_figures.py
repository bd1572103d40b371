"""What is counted, and by what."""

import pytest

from gateway.errors import ERRORS, CloseCode
from gateway.figures import Histogram, close_label, error_label


def test_a_histogram_counts_each_value_once() -> None:
    """In the first bucket whose bound it does not exceed; what is larger than all in the last."""
    histogram = Histogram((0.1, 1, 10))
    for value in (0, 0.1, 0.11, 1, 10.5, 99):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 0, 2]
    assert histogram.total == pytest.approx(110.71)


def test_codes_that_are_not_ours_are_counted_together() -> None:
    """An application may raise, and a client close with, whatever it likes."""
    assert {error_label(code) for code in ERRORS} == set(ERRORS)
    assert error_label("my_own_17") == "other"
    assert {close_label(code) for code in CloseCode} == {str(int(code)) for code in CloseCode}
    assert [close_label(code) for code in (1005, 1006, 3000, 4999)] == ["1005", "1006", "other", "other"]
