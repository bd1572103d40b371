"""Strict reading of a JSON text (RFC 8259): one reader for each state, and what they share.

What strict reading refuses goes to the mender, where there is one: text that is JSON never comes there.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from gateway.core.building import Building
from gateway.core.grammar import (
    ASIDE,
    COLON,
    COMMA,
    END,
    EXPECTED,
    FIRST_ITEM,
    FIRST_KEY,
    KEY,
    KEY_TEXT,
    LITERAL,
    LITERALS,
    NUMBER,
    PROSE,
    START,
    TEXT,
    VALUE,
    State,
)
from gateway.core.lexical import (
    MAX_NUMBER_CHARS,
    NUMBER_CHARS,
    LimitExceeded,
    ParseError,
    StringReader,
    skip_whitespace,
    to_number,
)
from gateway.core.pointer import JsonValue

__all__ = ["READERS", "Mender", "Reader", "Reading"]

_GAP_CHARS = 64
"""White space between a quote and what tells whether it closes its string; more of it tells that it does."""

_NUMBER_ENDS = frozenset(",]} \t\n\r")


class Mender(Protocol):
    """Goes on where strict reading fails; each verb returns the position it stopped at, or raises `ParseError`."""

    def mend(self, reading: "Reading", text: str, position: int) -> int:
        """Go on at text that was not expected."""
        ...

    def mend_token(self, reading: "Reading", text: str, position: int) -> int:
        """Go on behind `reading.token`, which is no number or literal together with the text that follows."""
        ...

    def judge_quote(self, reading: "Reading", text: str, position: int) -> int:
        """Close the string whose quote has been read, or go on in it."""
        ...

    def read_around(self, reading: "Reading", text: str, position: int) -> int:
        """Read what is not part of the value: before the root, or between two tokens."""
        ...


class Reading:
    """Where reading stands.

    Attributes:
        building: the value that grows.
        mender: goes on where this fails; None: what is not JSON is refused.
        state: what the next character belongs to.
        offset: code points before the piece that is being read.
        string: the string or key that is open.
        token: a number or literal that is cut.
        gap: the white space since the last closing quote, as far as it has been left behind; None for too much.
        is_wary: whether quotes have been seen that close no string: each one is judged from now on.
        pending: text that cannot be judged yet, and is read again with the next piece.
    """

    __slots__ = ("building", "frames", "gap", "is_wary", "mender", "offset", "pending", "state", "string", "token")

    def __init__(self, building: Building, state: State, mender: Mender | None) -> None:
        """Begin in a state."""
        self.building = building
        self.frames = building.frames
        self.gap: str | None = None
        self.is_wary = False
        self.mender = mender
        self.offset = 0
        self.pending = ""
        self.state = state
        self.string = StringReader(None if mender is None else building.note)
        self.token = ""

    def unexpected(self, text: str, position: int) -> ParseError:
        """Return the error that says what was expected and what came."""
        return ParseError(f"expected {EXPECTED[self.state]}, got {text[position]!r}", self.offset + position)

    def set(self, value: JsonValue) -> None:
        """Put a complete value."""
        self.building.set(value)
        self.state = COMMA if self.frames else END

    def close(self) -> None:
        """Close the innermost container."""
        self.building.close()
        self.state = COMMA if self.frames else END

    def begin_string(self, state: State, closers: str = '"', text: str = "") -> None:
        """Go on inside a string or key."""
        self.string.begin(closers, text)
        self.state = state

    def end_text(self) -> None:
        """Close the open string."""
        self.building.end(self.string.take())
        self.state = COMMA if self.frames else END
        self.gap = ""

    def end_number(self, text: str, position: int) -> int:
        """Close the open number in front of the character at the position."""
        token = self.token
        number = to_number(token, self.offset + position - len(token))
        if self.mender is not None and (number is None or text[position] not in _NUMBER_ENDS):
            return self.mender.mend_token(self, text, position)
        if number is None:
            raise ParseError(f"expected a number, got {token[:40]!r}", self.offset + position - len(token))
        self.token = ""
        self.set(number)
        return position

    def widen_gap(self, blanks: str) -> None:
        """Leave white space behind."""
        if self.gap is not None:
            self.gap = self.gap + blanks if len(self.gap) + len(blanks) <= _GAP_CHARS else None

    def mend(self, text: str, position: int, gap: str = "") -> int:
        """Go on leniently where that is asked for; `gap` is the white space before the position."""
        self.widen_gap(gap)
        if position == len(text):
            return position
        if self.mender is None:
            raise self.unexpected(text, position)
        return self.mender.mend(self, text, position)


Reader: TypeAlias = Callable[[Reading, str, int], int]
"""Reads at least one character or changes the state, and returns the position it stopped at."""


def _read_value(reading: Reading, text: str, position: int) -> int:
    position = skip_whitespace(text, position)
    character = text[position : position + 1]
    if character == '"':
        reading.building.enter(reading.offset + position)
        reading.begin_string(TEXT)
    elif character == "{":
        reading.building.open({}, reading.offset + position)
        reading.state = FIRST_KEY
    elif character == "[":
        reading.building.open([], reading.offset + position)
        reading.state = FIRST_ITEM
    elif character and character in "-0123456789tfn":
        reading.building.enter(reading.offset + position)
        reading.state = LITERAL if character in LITERALS else NUMBER
        return position
    elif character:
        return reading.mend(text, position)
    return position + 1


def _read_first_item(reading: Reading, text: str, position: int) -> int:
    position = skip_whitespace(text, position)
    if text[position : position + 1] == "]":
        reading.close()
        return position + 1
    return _read_value(reading, text, position) if position < len(text) else position


def _read_key(reading: Reading, text: str, position: int) -> int:
    position = skip_whitespace(text, position)
    character = text[position : position + 1]
    if character == '"':
        reading.begin_string(KEY_TEXT)
    elif character == "}" and reading.state is FIRST_KEY:
        reading.close()
    elif character:
        return reading.mend(text, position)
    return position + 1


def _read_colon(reading: Reading, text: str, position: int) -> int:
    begin, position = position, skip_whitespace(text, position)
    character = text[position : position + 1]
    if character == ":":
        reading.state = VALUE
        return position + 1
    return reading.mend(text, position, text[begin:position])


def _read_comma(reading: Reading, text: str, position: int) -> int:
    begin, position = position, skip_whitespace(text, position)
    character = text[position : position + 1]
    is_object = isinstance(reading.frames[-1].container, dict)
    if character == ",":
        reading.state = KEY if is_object else VALUE
        return position + 1
    if character == ("}" if is_object else "]"):
        reading.close()
        return position + 1
    return reading.mend(text, position, text[begin:position])


def _read_key_text(reading: Reading, text: str, position: int) -> int:
    position = reading.string.read(text, position, reading.offset)
    if reading.string.is_ended:
        reading.frames[-1].key = reading.string.take()
        reading.state = COLON
        reading.gap = ""
    return position


def _read_text(reading: Reading, text: str, position: int) -> int:
    position = reading.string.read(text, position, reading.offset)
    if reading.string.is_ended:
        if reading.is_wary and reading.mender is not None:
            return reading.mender.judge_quote(reading, text, position)
        reading.end_text()
    return position


def _read_number(reading: Reading, text: str, position: int) -> int:
    match = NUMBER_CHARS.match(text, position)
    end = match.end() if match else position
    reading.token += text[position:end]
    if len(reading.token) > MAX_NUMBER_CHARS:
        begin = reading.offset + end - len(reading.token)
        raise LimitExceeded(f"expected a number of at most {MAX_NUMBER_CHARS} characters", begin)
    return reading.end_number(text, end) if end < len(text) else end


def _read_literal(reading: Reading, text: str, position: int) -> int:
    token = reading.token
    word, value = LITERALS[token[0] if token else text[position]]
    end = min(len(text), position + len(word) - len(token))
    token += text[position:end]
    if not word.startswith(token):
        if reading.mender is not None:
            return reading.mender.mend_token(reading, text, position)
        right = next(place for place, character in enumerate(token) if character != word[place])
        raise ParseError(f"expected {word}, got {token[: right + 1]!r}", reading.offset + end - len(token) + right)
    reading.token = "" if token == word else token
    if token == word:
        reading.set(value)
    return end


def _read_end(reading: Reading, text: str, position: int) -> int:
    position = skip_whitespace(text, position)
    return reading.mend(text, position) if position < len(text) else position


def _read_around(reading: Reading, text: str, position: int) -> int:
    if reading.mender is None:
        raise RuntimeError("strict reading knows no text around the value")
    return reading.mender.read_around(reading, text, position)


READERS: dict[State, Reader] = {
    VALUE: _read_value,
    FIRST_ITEM: _read_first_item,
    FIRST_KEY: _read_key,
    KEY: _read_key,
    COLON: _read_colon,
    COMMA: _read_comma,
    KEY_TEXT: _read_key_text,
    TEXT: _read_text,
    NUMBER: _read_number,
    LITERAL: _read_literal,
    END: _read_end,
    START: _read_around,
    PROSE: _read_around,
    ASIDE: _read_around,
}
"""The reader for each state."""
