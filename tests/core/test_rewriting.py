"""Text that is read once more, as a whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.grammar import ASIDE, KEY_TEXT, TEXT, VALUE, State
from gateway.core.rewriting import concluded, later, reread, rewritten

OBJECT = {"object"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('"{\\"a\\": 1}"', [{"a": 1}]),
        ('{\\"a\\": \\"b\\"}', [{"a": "b"}]),
        ('{"a\': 1, \'b": 2}', [{"a": 1, "b": 2}]),
        ('{"a": "x, "b": 1}', [{"a": "x", "b": 1}]),
        ('{"a": "x, "b": 1', [{"a": "x", "b": 1}]),
        ('{"a": "x, "b": 1.', []),  # half a number
        ('{"a": 1,000}', [{"a": "1,000"}]),
        ('{"name":"f","arguments":{"a":1 2}}', [{"name": "f", "arguments": {"a": 1}}, {"a": 1}]),
        ("no json here", []),
        ("[" * 300, []),
        ('{“```json1}:```', []),  # AssertionError in json_repair
    ],
)  # fmt: skip
def test_what_text_may_mean(text: str, values: list[Any]) -> None:
    """The likeliest first; a call's arguments behind the call; nothing where it means nothing."""
    found = list(rewritten(text, OBJECT))
    assert found[: len(values)] == values
    assert bool(found) == bool(values)


def test_a_string_inside_a_string() -> None:
    """It is read as what it says, with or without its own quotes."""
    assert next(rewritten('\\"a b\\"', {"string"})) == next(rewritten('"\\"a b\\""', {"string"})) == "a b"


@pytest.mark.parametrize(
    ("text", "ended_in", "value"),
    [
        ("{\"a\":1,\"b':{'c':2}}", KEY_TEXT, {"a": 1, "b": {"c": 2}}),
        ('{"a": 1, "b', KEY_TEXT, None),
        ('{"a": "b: c}', KEY_TEXT, None),
        ('{"a": 1, "b: c}', KEY_TEXT, {"a": 1, "b": "c"}),
        ('{"a": 1, "b}', KEY_TEXT, None),
        ('{"a": {"b": 1 # c }, "d": 2}', ASIDE, {"a": {"b": 1}, "d": 2}),
        ('{"a": {"b": "//" // c }, "d": 2}', ASIDE, {"a": {"b": "//"}, "d": 2}),
        ('{"a": {"b": 1 // c', ASIDE, {"a": {"b": 1}}),
        ('{"a": [' + "1,, " * 99 + '2 # b\n, 3], "c": 4 # d }', ASIDE, {"a": [1] * 99 + [2, 3], "c": 4}),
        ("", ASIDE, None),
        ('{"a": "b}', TEXT, {"a": "b"}),
        ('{"a": "b, c', TEXT, None),
        ("[1", VALUE, None),
    ],
)
def test_what_was_open_at_the_end(text: str, ended_in: State, value: Any) -> None:
    """Where a quote or a line's end is missing, the text is read again; what is only cut is not."""
    assert next(reread(text, OBJECT, ended_in), None) == value


@pytest.mark.parametrize(
    ("behind", "values"),
    [
        ("", []),
        ("That is all.", []),
        (' and {"a": 2} or [3] or {"a": 4}', [{"a": 2}, {"a": 4}]),
        ('\n```\n\nBetter:\n\n```json\n{"a": 2}\n```', [{"a": 2}]),
        ('<think>{"a": 2}</think>{"a": 3}', [{"a": 3}]),
        ('{"a": 2} {"a": 3} {"a": 4} {"a": 5}', [{"a": 2}, {"a": 3}, {"a": 4}]),
        ('{"a": 2} {"a": "cut', [{"a": 2}]),
        ('}{"a": 2}', [{"a": 2}]),
    ],
)
def test_what_follows_the_root(behind: str, values: list[Any]) -> None:
    """The whole values of the root's type, three at most."""
    assert list(later(behind, OBJECT)) == values


@pytest.mark.parametrize(
    "tag", ["</think>", "</thinking>", "</reasoning>", "◁/think▷", "<|end_of_thought|>", "</Think>"]
)
def test_what_follows_thinking(tag: str) -> None:
    """It counts from the last closing tag; without one, there is nothing to say."""
    assert list(concluded(f'{{"a": 1}} {tag} {{"a": 2}} {tag} so: {{"a": 3}} bye', OBJECT)) == [{"a": 3}]
    assert list(concluded('{"a": 1} </b> {"a": 2}', OBJECT)) == []


@given(st.text("[]{}:,\"'ab1 \\/\n.NaI\ud83d") | st.text())
def test_any_text(text: str) -> None:
    """Nothing makes it raise, and what it says can be encoded."""
    found = [*rewritten(text, OBJECT), *later(text, OBJECT), *concluded(f"</think>{text}", OBJECT)]
    for state in (KEY_TEXT, TEXT, ASIDE):
        found += reread(text, OBJECT, state)
    for value in found:
        repr(value).encode()
