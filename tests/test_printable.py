"""Text of others on its way to a terminal."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.printable import printable, unsteering

_TEXTS = st.text(st.characters(exclude_categories=[]), max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\tb\r\nc\rd", "a    b\nc\\x0dd"),
        ("\u202eevil\u2028", r"\u202eevil\u2028"),
        ("\ud800", r"\ud800"),
        ("é 日本 👩‍👩‍👧", "é 日本 👩‍👩‍👧"),
    ],
)
def test_what_steers_a_terminal_is_shown(text: str, shown: str) -> None:
    """As an escape that can be read; every other character is left alone."""
    assert printable(text) == shown


def test_what_an_encoding_lacks() -> None:
    """It is shown as an escape too."""
    assert printable("é•a", "ascii") == r"\xe9\u2022a"
    assert printable("é•a", "latin-1") == r"é\u2022a"


@given(_TEXTS)
def test_nothing_that_steers_is_left(text: str) -> None:
    """No control character but the line end, and nothing that turns text around, by Unicode's own tables."""
    shown = printable(text)
    assert {unicodedata.category(character) for character in shown if character != "\n"}.isdisjoint(
        {"Cc", "Cs", "Zl", "Zp"}
    )
    assert {unicodedata.bidirectional(character) for character in shown}.isdisjoint(
        {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    )


@given(st.dictionaries(_TEXTS, _TEXTS))
def test_json_means_the_same(value: dict[str, str]) -> None:
    """Escapes within strings change nothing, and no control character is left raw."""
    text = unsteering(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert "Cc" not in {unicodedata.category(character) for character in text}
