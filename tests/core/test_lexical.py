"""Strings and numbers, cut anywhere."""

import json
from math import copysign

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.lexical import ParseError, StringReader, skip_whitespace, to_number
from tests.core.oracles import canonical, loaded
from tests.core.strategies import cut_texts, numbers

UNITS = st.sampled_from(
    ["\\ud83d", "\\ude42", "\\uD83D", "\\u00e9", "\\u0041", "a", "\\n", "\\/", "🙂", "\ud83d", "\ude42"]
)


def read(pieces: list[str], offset: int = 0) -> str:
    """Return the string whose inside, with the closing quote, comes in pieces."""
    reader, taken = StringReader(), ""
    for piece in pieces:
        assert not reader.is_ended
        assert reader.read(piece, 0, offset) == len(piece)
        taken += reader.take()
        offset += len(piece)
    assert reader.is_ended
    return taken


@given(cut_texts(st.lists(UNITS, max_size=8).map(lambda units: "".join(units) + '"')))
def test_escapes_and_surrogates(pieces: list[str]) -> None:
    """However a string is cut, its halves of pairs are joined, and lone ones are U+FFFD."""
    assert read(list(filter(None, pieces))) == loaded('"' + "".join(pieces))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_surrogate_pair_is_seen_whole(cut: int) -> None:
    """Half a pair is held back until the other half has come."""
    reader = StringReader()
    reader.read("\\ud83d\\ude42"[:cut], 0, 0)
    assert reader.take() == ""
    reader.read("\\ud83d\\ude42"[cut:] + '"', 0, cut)
    assert reader.take() == "🙂"


def test_a_held_half_is_told_when_it_stays_alone() -> None:
    """Whatever follows a high surrogate, it becomes U+FFFD in its own place."""
    assert read(['\\ud83dx"']) == "\ufffdx"
    assert read(['\\ud83d\\n"']) == "\ufffd\n"
    assert read(['\\ud83d\\ud83d\\ude42"']) == "\ufffd🙂"
    assert read(['\\ude42\\ud83d"']) == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("inside", "offset"),
    [
        ("ab\\x", 103),
        ("\\u00g0", 104),
        ("\\u\\", 102),
        ("a\tb", 101),
        ("\x00", 100),
        ("\x1f", 100),
        ("\\ ", 101),
        ("\\U0041", 101),
    ],
)
def test_a_wrong_escape_says_where(inside: str, offset: int) -> None:
    """The offset counts the code points before the wrong one, whether the text was cut or not."""
    with pytest.raises(ParseError) as whole:
        StringReader().read(inside, 0, 100)
    with pytest.raises(ParseError) as cut:
        read(list(inside), 100)
    assert (whole.value.offset, str(whole.value)) == (offset, str(cut.value))


def test_what_is_cut_in_an_escape_is_dropped() -> None:
    """A string that is closed early loses the half escape; and half a pair of them."""
    reader = StringReader()
    reader.read("a\\ud83d\\u00", 0, 0)
    reader.cut()
    assert reader.take() == "a"


@pytest.mark.parametrize(
    ("inside", "text", "notes"),
    [
        ("a\tb\x00", "a\tb\x00", [("control_character", 101), ("control_character", 103)]),
        ("\\'\\_\\$", "'_$", [("escape", 101), ("escape", 103), ("escape", 105)]),
        ("\\d\\é\\0", "\\d\\é\\0", [("escape", 101), ("escape", 103), ("escape", 105)]),
        ("\\x41\\xe9", "Aé", [("escape", 101), ("escape", 105)]),
        ("\\x4g\\u12 ", "\\x4g\\u12 ", [("escape", 101), ("escape", 103), ("escape", 108)]),
        ("\\\n\\\ud83d", "\n\ufffd", [("escape", 101), ("escape", 103)]),
    ],
)
def test_what_lenient_reading_forgives(inside: str, text: str, notes: list[tuple[str, int]]) -> None:
    """Control characters stay; of what is no escape only the punctuation is taken for itself; cut or not."""
    noted: list[tuple[str, int]] = []
    for pieces in ([inside, '"'], [*inside, '"']):
        reader, taken, offset = StringReader(lambda kind, place: noted.append((kind, place))), "", 100
        for piece in pieces:
            reader.read(piece, 0, offset)
            taken += reader.take()
            offset += len(piece)
        assert (taken, reader.is_ended) == (text, True)
    assert noted == notes * 2


def test_a_string_that_goes_on() -> None:
    """A quote that did not close it becomes part of it; other quotes may be asked for."""
    reader = StringReader()
    reader.begin("”“", "before ")
    reader.read('a"b”', 0, 0)
    assert (reader.take(), reader.is_ended, reader.quote) == ('before a"b', True, "”")
    reader.go_on()
    reader.read("c“", 0, 0)
    assert (reader.take(), reader.is_ended) == ("”c", True)


@given(numbers)
def test_numbers_are_what_json_loads_says(number: float) -> None:
    """Every number is converted as by `json.loads`, an integer to an integer."""
    text = json.dumps(number)
    assert canonical(to_number(text, 0)) == canonical(json.loads(text))


@pytest.mark.parametrize(
    "text", ["0", "-0", "-0.0", "1.0", "1e2", "1E+2", "12.5e-3", "1" * 300, "123456789012345678901234567890", "1e-999"]
)
def test_forms_of_numbers(text: str) -> None:
    """Sign, fraction and exponent are kept: 1 is an integer, 1.0 and 1e2 are not."""
    number = to_number(text, 0)
    assert canonical(number) == canonical(json.loads(text))


def test_negative_zero() -> None:
    """An integer has no negative zero; a fraction has."""
    assert to_number("-0", 0) == 0
    fraction = to_number("-0.0", 0)
    assert isinstance(fraction, float)
    assert copysign(1, fraction) == -1


@pytest.mark.parametrize(
    "text", ["", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "--1", "1-", "1.2.3", "1e1.5", "0x1"]
)
def test_what_is_no_number(text: str) -> None:
    """What RFC 8259 does not allow is None."""
    assert to_number(text, 0) is None


@pytest.mark.parametrize("text", ["1e999", "-1e400", "9" * 400])
def test_numbers_beyond_a_double(text: str) -> None:
    """What no IEEE double holds is refused where it begins."""
    with pytest.raises(ParseError) as error:
        to_number(text, 7)
    assert error.value.offset == 7


@pytest.mark.parametrize(
    ("text", "end"), [("x", 0), (" \t\r\n x", 5), ("  ", 2), ("\x0b", 0), ("\u00a0", 0), ("\x00", 0)]
)
def test_white_space(text: str, end: int) -> None:
    """Only the four characters of RFC 8259 are skipped."""
    assert skip_whitespace(text, 0) == end
