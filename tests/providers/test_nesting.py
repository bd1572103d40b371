"""Where a JSON text ends, whatever the pieces it comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.nesting import Nesting, begins_with, compact
from tests.core.strategies import rendered


@given(text=rendered(), tail=st.text(max_size=9), size=st.integers(1, 9))
def test_the_end_is_where_the_value_ends(text: str, tail: str, size: int) -> None:
    """The first piece with an end has it behind the last bracket, whatever follows."""
    whole, nesting = f"[{text}]{tail}", Nesting()
    pieces = [(start, whole[start : start + size]) for start in range(0, len(whole), size)]
    ends = (start + end for start, piece in pieces if (end := nesting.end_in(piece)) is not None)
    assert next(ends) == len(text) + 2


@pytest.mark.parametrize("text", ['{"a": [1, 2]', '{"a": "}', '{"\\\\', "12", '"]"', ""])
def test_what_has_no_end(text: str) -> None:
    """Open containers and strings, and what is no container."""
    assert Nesting().end_in(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [("", None), ('{"', None), ('{"items":[', True), ('{"items":[1', True), ('{"a', False), ("[", False)],
)
def test_what_a_text_begins_with(text: str, answer: bool | None) -> None:
    """Too short a text leaves it open."""
    assert begins_with(text, '{"items":[') is answer


def test_white_space() -> None:
    """Of every kind, but that of strings, whole or cut."""
    assert compact(' {\n\t"a" : [') == '{"a":['
    assert compact('{ "a \\" b" : " c\\') == '{"a \\" b":" c\\'
