"""What a model is told after an answer that was not valid."""

import pytest

from gateway.core.reask import Answer, errors_of, follow_up
from gateway.errors import InvalidOutput

ERRORS = ({"path": "/a", "message": "expected x, got y"}, {"path": "", "message": "expected z, got none"})


def test_each_error_is_named_by_its_field() -> None:
    """Behind the model's own answer; the root has no name of its own."""
    said, told = follow_up('{"a": "y"}', InvalidOutput("two errors", errors=ERRORS))
    assert said == {"role": "assistant", "content": '{"a": "y"}'}
    assert told["role"] == "user"
    assert told["content"].splitlines()[1:3] == ["- /a: expected x, got y", "- the whole answer: expected z, got none"]


def test_text_that_is_no_json() -> None:
    """The error's own words stand for the whole of it."""
    error = InvalidOutput("expected JSON, got prose")
    assert errors_of(error) == [{"path": "", "message": "expected JSON, got prose"}]


@pytest.mark.parametrize("answer", ["", " \n"])
def test_an_empty_answer_is_not_quoted_as_an_empty_message(answer: str) -> None:
    """Chat templates refuse one, and two messages of a user in a row."""
    said, _ = follow_up(answer, InvalidOutput("nothing"))
    assert said == {"role": "assistant", "content": "(nothing)"}


@pytest.mark.parametrize("size", [1, 1_000, 100_000])
def test_a_long_answer_is_cut(size: int) -> None:
    """The same beginning however it came in pieces, with a mark; one that just fits is whole."""
    long, just = Answer(), Answer()
    for start in range(0, 100_000, size):
        long.write("x" * size if start + size <= 100_000 else "")
    just.write("y" * 16_384)
    just.write("")
    assert (long.quoted(), just.quoted()) == ("x" * 16_384 + "…", "y" * 16_384)
