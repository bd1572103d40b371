"""The leaves of a JSON text, strings and numbers, read from pieces that may be cut anywhere (RFC 8259 §6, §7)."""

import re
from collections.abc import Callable
from functools import cache
from math import isinf
from typing import TypeAlias

from gateway.core.pointer import JsonValue
from gateway.errors import InvalidOutput

__all__ = [
    "MAX_NUMBER_CHARS",
    "NUMBER_CHARS",
    "LimitExceeded",
    "Note",
    "ParseError",
    "StringReader",
    "is_number",
    "skip_whitespace",
    "to_number",
    "without_surrogates",
]

MAX_NUMBER_CHARS = 1_024
"""No IEEE double needs more digits than this to be written exactly."""

NUMBER_CHARS = re.compile(r"[0-9+\-.eE]*")

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HEX = re.compile(r"[0-9a-fA-F]*")
_UNIT_CHARS = {"u": len("\\uFFFF"), "x": len("\\xFF")}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class ParseError(InvalidOutput):
    """The text is not JSON, or too deep.

    Attributes:
        offset: code points of the whole text before the one that is wrong.
    """

    def __init__(self, message: str, offset: int) -> None:
        """Say what was expected, what came, and where."""
        super().__init__(f"{message} at offset {offset}")
        self.offset = offset


class LimitExceeded(ParseError):
    """The text may be JSON, but one that is not read: no other way of reading it helps."""


Note: TypeAlias = Callable[[str, int], None]
"""Takes down what is forgiven, and where."""


@cache
def _plain(closers: str) -> re.Pattern[str]:
    """Return what matches string text that means itself."""
    return re.compile(rf"[^{closers}\\\x00-\x1f\ud800-\udfff]*")


class StringReader:
    """Reads the inside of one string: escapes decoded, a lone surrogate given as U+FFFD.

    Args:
        note: where reading is lenient, takes down what is forgiven: control characters, and escapes that do not
            exist. There a backslash in front of a letter or digit stays, as in a pattern or a path, and one in
            front of anything else goes.

    Attributes:
        is_ended: whether the closing quote has been read.
        closers: which characters close the string.
        quote: the one that did.
    """

    __slots__ = ("_escape", "_note", "_plain", "_read", "_surrogate", "closers", "is_ended", "quote")

    def __init__(self, note: Note | None = None) -> None:
        """Stand behind the opening quote."""
        self._note = note
        self.begin()

    def begin(self, closers: str = '"', text: str = "") -> None:
        """Stand behind an opening quote, or behind what has been read of the string already."""
        self.is_ended = False
        self.closers = closers
        self.quote = ""
        self._plain = _plain(closers)
        self._read = [text] if text else []  # text that has not been taken yet
        self._escape = ""  # an escape sequence that is cut, from its backslash
        self._surrogate = 0  # a high surrogate that waits for its low one

    def read(self, text: str, position: int, offset: int) -> int:
        """Read text from a position to the closing quote or the end, and return the position behind that.

        Args:
            text: the piece of text.
            position: where in it to begin.
            offset: code points before this piece, for errors.

        Raises:
            ParseError: an escape that does not exist, or a control character.
        """
        length = len(text)
        while position < length:
            if self._escape:
                position = self._read_escape(text, position, offset)
                continue
            match = self._plain.match(text, position)
            end = match.end() if match else position
            if end > position:
                if self._surrogate:
                    self._add("")
                self._read.append(text[position:end])
            if end == length:
                return end
            position = end + 1
            if text[end] in self.closers:
                if self._surrogate:
                    self._add("")
                self.is_ended = True
                self.quote = text[end]
                return position
            self._read_special(text[end], offset + end)
        return position

    def is_plain(self, text: str) -> bool:
        """Tell whether text goes on with the open string, and is as it stands all that there is to take."""
        return not (self._escape or self._surrogate or self._read) and self._plain.fullmatch(text) is not None

    def go_on(self) -> None:
        """Take the closing quote for a part of the string, which goes on."""
        self.is_ended = False
        self._read.append(self.quote)

    def take(self) -> str:
        """Return the text read since the last call."""
        text = "".join(self._read)
        self._read.clear()
        return text

    def cut(self) -> None:
        """Say that no more text comes: half an escape is dropped, and half a pair of them."""
        self._escape = ""
        self._surrogate = 0

    def _add(self, text: str) -> None:
        if self._surrogate:
            self._surrogate = 0
            self._read.append(_REPLACEMENT)
        self._read.append(text)

    def _read_special(self, character: str, offset: int) -> None:
        if character == "\\":
            self._escape = character
        elif character < " ":
            if self._note is None:
                raise ParseError(f"expected string text, got the control character {character!r}", offset)
            self._note("control_character", offset)
            self._add(character)
        else:
            self._add(_REPLACEMENT)  # half a surrogate pair, unescaped

    def _read_escape(self, text: str, position: int, offset: int) -> int:
        if len(self._escape) > 1:
            return self._read_unit(text, position, offset)
        character = text[position]
        if character == "u":
            self._escape = "\\u"
        elif character in _ESCAPES:
            self._escape = ""
            self._add(_ESCAPES[character])
        elif self._note is None:
            raise ParseError(f"expected an escape, got {character!r}", offset + position)
        else:
            self._note("escape", offset + position)
            self._escape = "\\x" if character == "x" else ""
            if not self._escape:
                self._add(f"\\{character}" if character.isalnum() else without_surrogates(character))
        return position + 1

    def _read_unit(self, text: str, position: int, offset: int) -> int:
        """Read on in the digits of a code unit."""
        chars = _UNIT_CHARS[self._escape[1]]
        match = _HEX.match(text, position, position + chars - len(self._escape))
        end = match.end() if match else position
        self._escape += text[position:end]
        if len(self._escape) == chars:
            unit, self._escape = int(self._escape.lstrip("\\ux"), 16), ""
            self._add_unit(unit)
        elif end < len(text):
            if self._note is None:
                raise ParseError(f"expected four hexadecimal digits, got {text[end]!r}", offset + end)
            self._note("escape", offset + end)
            literal, self._escape = self._escape, ""
            self._add(literal)
        return end

    def _add_unit(self, unit: int) -> None:
        """Add a UTF-16 code unit."""
        is_low = 0xDC00 <= unit <= 0xDFFF
        if self._surrogate and is_low:
            high, self._surrogate = self._surrogate, 0
            self._add(chr(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)))
        elif 0xD800 <= unit <= 0xDBFF:
            self._add("")
            self._surrogate = unit
        else:
            self._add(_REPLACEMENT if is_low else chr(unit))


def without_surrogates(text: str) -> str:
    """Return text with U+FFFD for each half of a surrogate pair."""
    return _SURROGATE.sub(_REPLACEMENT, text)


def skip_whitespace(text: str, position: int) -> int:
    """Return the first position from the given one that is not white space."""
    if text[position] > " ":
        return position
    match = _WHITESPACE.match(text, position)
    return match.end() if match else position


def is_number(token: str) -> bool:
    """Tell whether a token is a number of RFC 8259."""
    return _NUMBER.fullmatch(token) is not None


def to_number(token: str, offset: int) -> JsonValue:
    """Convert as `json.loads` does, except that what no IEEE double holds is refused (PROTOCOL.md §4, `digest`).

    Returns:
        None where the token is not a number.

    Raises:
        ParseError: the number is beyond the range of a double.
    """
    match = _NUMBER.fullmatch(token)
    if match is None:
        return None
    number = float(token)
    if isinf(number):
        raise LimitExceeded(f"expected a number that a double can hold, got {token[:40]!r}", offset)
    return int(token) if match.lastindex is None else number
