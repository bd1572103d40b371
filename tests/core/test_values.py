"""How a message speaks of a value."""

import pytest

from gateway.core.values import came


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5"),
        ("é", '"é"'),
        ("x" * 100, '"' + "x" * 60 + '…"'),
        ([1], "an array of 1 item"),
        ([], "an array of 0 items"),
        ({"a": 1, "b": 2}, "an object with 2 members"),
        (1 << 300, "a very large integer"),
        (b"", "a Python bytes"),
    ],
)
def test_what_came_is_said_briefly(value: object, words: str) -> None:
    """A message says what came in a few words, however large it is."""
    assert came(value) == words


def test_an_integer_that_python_does_not_write_out() -> None:
    """An integer beyond the digits CPython converts is spoken of like any other."""
    assert came(10**5_000) == "a very large integer"
