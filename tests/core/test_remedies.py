"""Remedies as decisions: from a place and the next characters alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.grammar import COLON, COMMA, FIRST_ITEM, FIRST_KEY, KEY, LITERAL, NUMBER, VALUE, State
from gateway.core.remedies import LOOK_CHARS, Place, Step, is_inner_quote, remedy, word_remedy

STATES = [VALUE, FIRST_ITEM, FIRST_KEY, KEY, COLON, COMMA, NUMBER, LITERAL]


def place(state: State = VALUE, open_: str = "[", *, gap: str | None = None, is_over: bool = False) -> Place:
    """Return a place that is not the beginning of the root."""
    return Place(state=state, open=open_, is_fresh=False, gap=gap, is_over=is_over)


@given(
    st.sampled_from(STATES),
    st.sampled_from(["[", "{", "[{", "{[", "{{"]),
    st.text("[]{}:,\"'aTN01-+.x_/*#`<!= \n…“", min_size=1, max_size=12) | st.text(min_size=1),
    st.sampled_from([None, "", "\n"]),
)
def test_reading_always_ends(state: State, open_: str, text: str, gap: str | None) -> None:
    """A remedy reads something, or leads to another state; at the end of the text there is nothing to wait for."""
    found = remedy(place(state, open_, gap=gap, is_over=True), text, 0)
    assert found.step is not Step.WAIT
    assert 0 <= found.chars <= len(text)
    assert found.chars or found.step not in {Step.SKIP, Step.NAME, Step.QUOTE, Step.ASIDE}
    assert found.step is not Step.GO or found.argument is not state or found.chars


@given(st.sampled_from(STATES), st.text("ab :,]1.", min_size=LOOK_CHARS, max_size=LOOK_CHARS + 9))
def test_waiting_is_bounded(state: State, text: str) -> None:
    """With `LOOK_CHARS` ahead, a decision is made."""
    assert remedy(place(state, "[{"), text, 0).step is not Step.WAIT


@pytest.mark.parametrize(
    ("word", "value", "kind"),
    [
        ("True,", True, "literal"),
        ("null,", None, ""),
        ("Infinity]", None, "non_finite"),
        ("12 ", 12, ""),
        ("+12 ", 12, "number"),
        ("0xff}", 255, "number"),
        ("1_0.0_5,", 10.05, "number"),
        ("1e400,", "1e400", "unquoted_value"),
        ("12:30,", "12:30", "unquoted_value"),
        ("a b // c\n", "a b // c", "unquoted_value"),
    ],
)
def test_words(word: str, value: object, kind: str) -> None:
    """A literal, a number, or a string without quotes."""
    found = word_remedy(place(), word)
    assert (found.step, found.argument, type(found.argument), found.kind) == (Step.SET, value, type(value), kind)


@pytest.mark.parametrize(
    ("word", "step"), [("12", Step.WAIT), ("Tru", Step.WAIT), ("New York", Step.WAIT), ('"', Step.REFUSE)]
)
def test_a_word_that_may_go_on(word: str, step: Step) -> None:
    """What is not known to be whole is waited for."""
    assert word_remedy(place(), word).step is step


@pytest.mark.parametrize(
    ("behind", "open_", "is_inner"),
    [
        ("}", "{", False),
        (" ]", "[", False),
        (', "b"', "{", False),
        (", b: 1", "{", False),
        (", b", "{", None),
        (", he said; ok", "{", None),
        (", he said, ok", "{", True),
        (", 5]", "[", False),
        (", five", "[", True),
        (" word", "{", True),
        (" // c", "{", False),
        ("/x", "{", True),
        ("/", "{", None),
        ("", "{", None),
        (" " * LOOK_CHARS, "{", False),
        ("\n b: 1", "{", False),
        (" b: 1", "{", True),
        (" true]", "[", False),
        (" truth", "[", True),
        (" tru", "[", None),
    ],
)
def test_quotes(behind: str, open_: str, is_inner: bool | None) -> None:
    """What stands behind a quote tells whether it closes the string."""
    assert is_inner_quote(place(open_=open_), behind, 0) is is_inner
