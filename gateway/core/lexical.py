"""The leaves of a JSON text, strings and numbers, read from pieces that may be cut anywhere (RFC 8259 §6, §7)."""

import re
from math import isinf

from gateway.core.pointer import JsonValue
from gateway.errors import InvalidOutput

__all__ = ["MAX_NUMBER_CHARS", "NUMBER_CHARS", "ParseError", "StringReader", "skip_whitespace", "to_number"]

MAX_NUMBER_CHARS = 1_024
"""No IEEE double needs more digits than this to be written exactly."""

NUMBER_CHARS = re.compile(r"[0-9+\-.eE]*")

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')  # string text that means itself
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HEX = re.compile(r"[0-9a-fA-F]*")
_UNIT_CHARS = len("\\uFFFF")
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


class StringReader:
    """Reads the inside of one string: escapes decoded, a lone surrogate given as U+FFFD.

    Attributes:
        is_ended: whether the closing quote has been read.
    """

    __slots__ = ("_escape", "_read", "_surrogate", "is_ended")

    def __init__(self) -> None:
        """Stand behind the opening quote."""
        self.is_ended = False
        self._read: list[str] = []  # text that has not been taken yet
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
            match = _PLAIN.match(text, position)
            end = match.end() if match else position
            if end > position:
                self._add(text[position:end])
            if end == length:
                return end
            position = end + 1
            if text[end] == '"':
                self.cut()
                self.is_ended = True
                return position
            self._read_special(text[end], offset + end)
        return position

    def take(self) -> str:
        """Return the text read since the last call."""
        text = "".join(self._read)
        self._read.clear()
        return text

    def cut(self) -> None:
        """Say that no more text comes: a half escape is dropped, a waiting surrogate was a lone one."""
        self._escape = ""
        if self._surrogate:
            self._surrogate = 0
            self._read.append(_REPLACEMENT)

    def _add(self, text: str) -> None:
        if self._surrogate:
            self._surrogate = 0
            self._read.append(_REPLACEMENT)
        self._read.append(text)

    def _read_special(self, character: str, offset: int) -> None:
        if character == "\\":
            self._escape = character
        elif character < " ":
            raise ParseError(f"expected string text, got the control character {character!r}", offset)
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
        else:
            raise ParseError(f"expected an escape, got {character!r}", offset + position)
        return position + 1

    def _read_unit(self, text: str, position: int, offset: int) -> int:
        """Read on in the digits of a code unit."""
        match = _HEX.match(text, position, position + _UNIT_CHARS - len(self._escape))
        end = match.end() if match else position
        self._escape += text[position:end]
        if len(self._escape) == _UNIT_CHARS:
            unit, self._escape = int(self._escape.removeprefix("\\u"), 16), ""
            self._add_unit(unit)
        elif end < len(text):
            raise ParseError(f"expected four hexadecimal digits, got {text[end]!r}", offset + end)
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


def skip_whitespace(text: str, position: int) -> int:
    """Return the first position from the given one that is not white space."""
    if text[position] > " ":
        return position
    match = _WHITESPACE.match(text, position)
    return match.end() if match else position


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
        raise ParseError(f"expected a number that a double can hold, got {token[:40]!r}", offset)
    return int(token) if match.lastindex is None else number
