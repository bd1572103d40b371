"""Text as UTF-16 counts it, compared with its encoding."""

import pytest
from hypothesis import given

from gateway.core.utf16 import behind, units
from tests.core.strategies import texts


@given(texts)
def test_units_are_halves_of_its_bytes(text: str) -> None:
    """Each is two bytes."""
    assert units(text) == len(text.encode("utf-16-be")) // 2


@pytest.mark.parametrize("count", range(6))
def test_what_stands_behind(count: int) -> None:
    """A pair that is cut is not there; behind the end there is nothing."""
    assert behind("a🙂bc", count) == ["a🙂bc", "🙂bc", "bc", "bc", "c", ""][count]
    assert behind("abcde", count) == "abcde"[count:]
