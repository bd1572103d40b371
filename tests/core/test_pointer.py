"""JSON Pointer against the examples of RFC 6901 §5 and the jsonpointer library."""

import jsonpointer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pointer import JsonValue, append, escape, join, resolve, split, unescape

RFC_DOCUMENT: JsonValue = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC_DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc(pointer: str, value: JsonValue) -> None:
    """Every example of RFC 6901 resolves to the value the RFC gives."""
    assert resolve(RFC_DOCUMENT, pointer) == value


@pytest.mark.parametrize("pointer", ["/nil", "/foo/2", "/foo/-", "/foo/-1", "/foo/01", "/foo/²", "/foo/0/x", "/foo/x"])
def test_a_place_where_nothing_stands(pointer: str) -> None:
    """A pointer that leads nowhere raises LookupError."""
    with pytest.raises(LookupError):
        resolve(RFC_DOCUMENT, pointer)


@pytest.mark.parametrize("pointer", ["foo", "#/foo", "/~", "/~2", "/a~"])
def test_a_text_that_is_no_pointer(pointer: str) -> None:
    """A pointer has to start with a slash, and a tilde has to be followed by 0 or 1."""
    with pytest.raises(ValueError, match="expected"):
        split(pointer)


def test_append_names_members_and_items() -> None:
    """Members are escaped, items are written as numbers."""
    assert append("", "a/b~c") == "/a~1b~0c"
    assert append("/list", 12) == "/list/12"


@given(st.text())
def test_a_token_survives_escaping(token: str) -> None:
    """Unescaping gives back what was escaped, and escaping does as the library does."""
    assert unescape(escape(token)) == token
    assert escape(token) == jsonpointer.escape(token)


@given(st.lists(st.text()))
def test_split_takes_join_apart(tokens: list[str]) -> None:
    """The tokens of a pointer are those it was made of."""
    pointer = join(tokens)
    assert split(pointer) == tokens
    assert jsonpointer.JsonPointer(pointer).parts == tokens
