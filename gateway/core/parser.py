"""An incremental parser for RFC 8259: text in pieces of any size → a growing value and its steps of growth.

1. However the text is cut, the value and the folded operations are the same, and `json.loads` agrees with the value.
2. Applying every operation emitted so far to null gives `value`.
3. A string is visible while it grows and only grows; a number, boolean or null is visible only when complete.
4. Work is proportional to the new text: nothing is read twice, copied or compared.
5. No text makes it raise anything but `ParseError` and `OutputTooLarge`, and what was complete before stays.
6. A duplicate key is held until its value is closed, then replaces in one step (PROTOCOL.md §4).
"""

from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, TypeAlias

import msgspec

from gateway.core.growing import fresh
from gateway.core.lexical import MAX_NUMBER_CHARS, NUMBER_CHARS, ParseError, StringReader, skip_whitespace, to_number
from gateway.core.operations import ADD, APPEND, CLOSE, REPLACE, Operation
from gateway.core.pointer import JsonValue, escape
from gateway.errors import OutputTooLarge

__all__ = ["MAX_DEPTH", "ParseError", "Parser", "Repair"]

MAX_DEPTH = 256
"""Containers inside containers; encoders and patch libraries recurse, and stop working at about 500."""

MAX_POINTER_CHARS = 4_096
"""Of a container's pointer: every operation below carries it, so a long key would be paid for again and again."""

MAX_REPAIRS = 100
"""How many are listed, the first ones: a model that repeats a key for ever says nothing new."""

_LITERALS: dict[str, tuple[str, JsonValue]] = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}

Container: TypeAlias = dict[str, JsonValue] | list[JsonValue]


class State(IntEnum):
    """What the next character belongs to."""

    VALUE = 0
    FIRST_ITEM = 1  # a value, or the end of an empty array
    FIRST_KEY = 2  # a key, or the end of an empty object
    KEY = 3
    COLON = 4
    COMMA = 5  # or the end of the container
    KEY_TEXT = 6
    TEXT = 7
    NUMBER = 8
    LITERAL = 9
    END = 10


# Names of their own: looking a member up behind its class costs 30 ns each time.
VALUE, FIRST_ITEM, FIRST_KEY, KEY, COLON, COMMA, KEY_TEXT, TEXT, NUMBER, LITERAL, END = State

_EXPECTED = {
    VALUE: "a value",
    FIRST_ITEM: "a value or ]",
    FIRST_KEY: "a key or }",
    KEY: "a key",
    COLON: "a colon",
    COMMA: "a comma or the end of the container",
    KEY_TEXT: "the rest of a key",
    TEXT: "the rest of a string",
    NUMBER: "the rest of a number",
    LITERAL: "the rest of true, false or null",
    END: "nothing more",
}


class Repair(msgspec.Struct, frozen=True):
    """Something that was forgiven or unusual: what, and at which offset (code points of the whole text)."""

    kind: str
    offset: int


class _Frame:
    """An open container: where it stands, and the key whose value comes next."""

    __slots__ = ("container", "key", "pointer")

    def __init__(self, container: Container, pointer: str) -> None:
        self.container = container
        self.pointer = pointer
        self.key = ""


class Parser:
    """Keeps the value that a JSON text, fed piece by piece, has said so far.

    Args:
        lenient: forgive text after the closed root and list it in `repairs`.
        max_depth: containers inside containers.
        max_chars: code points of text in all; None for no limit.

    Attributes:
        repairs: what was forgiven or unusual so far, in order; the first `MAX_REPAIRS`.
        offset: code points fed so far.
    """

    def __init__(self, lenient: bool = False, *, max_depth: int = MAX_DEPTH, max_chars: int | None = None) -> None:
        """Begin with nothing said: the value is None."""
        self.repairs: list[Repair] = []
        self.offset = 0
        self._lenient = lenient
        self._max_depth = max_depth
        self._max_chars = max_chars
        self._error: ParseError | OutputTooLarge | None = None
        self._root: JsonValue = None
        self._frames: list[_Frame] = []
        self._state = VALUE
        self._operations: list[Operation] = []
        self._pointer = ""  # of the value that is being read
        self._string = StringReader()
        self._shown: list[str] = []  # what is visible of the open string, in pieces; joined when looked at
        self._token = ""  # a number or literal that is cut
        self._reopened: _Frame | None = None  # the object whose duplicate key's value is held
        self._held: JsonValue = None  # that value

    @property
    def value(self) -> JsonValue:
        """What the text has said so far, live: copy it to keep it. Costs the length of the string that is open."""
        if len(self._shown) > 1:
            self._shown = ["".join(self._shown)]
            self._replace_last(self._shown[0])
        return self._root

    @property
    def is_closed(self) -> bool:
        """Whether the root value is complete."""
        return self._state is END

    @property
    def open_pointers(self) -> list[str]:
        """The pointers of what is open, innermost first."""
        containers = [frame.pointer for frame in reversed(self._frames)]
        return [self._pointer, *containers] if self._state is TEXT else containers

    def feed(self, text: str) -> list[Operation]:
        """Read the next piece of text and return what grew.

        Raises:
            ParseError: the text is not JSON; every later call raises the same.
            OutputTooLarge: the text is longer than `max_chars`; likewise.
        """
        if self._error is not None:
            raise self._error
        try:
            self._read(text)
        except (ParseError, OutputTooLarge) as error:
            self._error = error
            raise
        return self.taken()

    def taken(self) -> list[Operation]:
        """Return what grew and has not been returned: after an error, what came before it."""
        operations, self._operations = self._operations, []
        return operations

    def finish(self, *, close: bool = False) -> list[Operation]:
        """Say that no more text comes, and return what grew: a number may be complete only now.

        Args:
            close: close what is open as if the model had, and list that in `repairs`; what was cut in the middle
                of a key, a number or a literal is left out.

        Raises:
            ParseError: the text ended too early and `close` was not asked for.
        """
        if self._error is not None:
            raise self._error
        try:
            if self._state is NUMBER:
                self._end_number(self.offset, is_cut=close)
            if self._state is not END:
                self._end_early(close)
        except ParseError as error:
            self._error = error
            raise
        return self.taken()

    def _read(self, text: str) -> None:
        position, length = 0, len(text)
        if self._max_chars is not None and self.offset + length > self._max_chars:
            raise OutputTooLarge(f"the output is longer than {self._max_chars} characters")
        while position < length:
            position = self._READERS[self._state](self, text, position)
        if self._state is TEXT:
            self._show_text()
        self.offset += length

    def _unexpected(self, text: str, position: int) -> ParseError:
        return ParseError(f"expected {_EXPECTED[self._state]}, got {text[position]!r}", self.offset + position)

    # Readers: each reads at least one character or changes the state, and returns the position it stopped at.

    def _read_value(self, text: str, position: int) -> int:
        position = skip_whitespace(text, position)
        character = text[position : position + 1]
        if character == '"':
            self._enter(position)
            self._begin_string(TEXT)
        elif character == "{":
            self._open({}, FIRST_KEY, position)
        elif character == "[":
            self._open([], FIRST_ITEM, position)
        elif character and character in "-0123456789tfn":
            self._enter(position)
            self._state = LITERAL if character in _LITERALS else NUMBER
            return position
        elif character:
            raise self._unexpected(text, position)
        return position + 1

    def _read_first_item(self, text: str, position: int) -> int:
        position = skip_whitespace(text, position)
        if text[position : position + 1] == "]":
            self._close()
            return position + 1
        return self._read_value(text, position) if position < len(text) else position

    def _read_key(self, text: str, position: int) -> int:
        position = skip_whitespace(text, position)
        character = text[position : position + 1]
        if character == '"':
            self._begin_string(KEY_TEXT)
        elif character == "}" and self._state is FIRST_KEY:
            self._close()
        elif character:
            raise self._unexpected(text, position)
        return position + 1

    def _read_colon(self, text: str, position: int) -> int:
        position = skip_whitespace(text, position)
        character = text[position : position + 1]
        if character == ":":
            self._state = VALUE
        elif character:
            raise self._unexpected(text, position)
        return position + 1

    def _read_comma(self, text: str, position: int) -> int:
        position = skip_whitespace(text, position)
        character = text[position : position + 1]
        is_object = isinstance(self._frames[-1].container, dict)
        if character == ",":
            self._state = KEY if is_object else VALUE
        elif character == ("}" if is_object else "]"):
            self._close()
        elif character:
            raise self._unexpected(text, position)
        return position + 1

    def _read_key_text(self, text: str, position: int) -> int:
        position = self._string.read(text, position, self.offset)
        if self._string.is_ended:
            self._frames[-1].key = self._string.take()
            self._state = COLON
        return position

    def _read_text(self, text: str, position: int) -> int:
        position = self._string.read(text, position, self.offset)
        if self._string.is_ended:
            self._end_text()
        return position

    def _read_number(self, text: str, position: int) -> int:
        match = NUMBER_CHARS.match(text, position)
        end = match.end() if match else position
        self._token += text[position:end]
        if len(self._token) > MAX_NUMBER_CHARS:
            begin = self.offset + end - len(self._token)
            raise ParseError(f"expected a number of at most {MAX_NUMBER_CHARS} characters", begin)
        if end < len(text):
            self._end_number(self.offset + end)
        return end

    def _read_literal(self, text: str, position: int) -> int:
        token = self._token
        word, value = _LITERALS[token[0] if token else text[position]]
        end = min(len(text), position + len(word) - len(token))
        token += text[position:end]
        if not word.startswith(token):
            right = next(place for place, character in enumerate(token) if character != word[place])
            raise ParseError(f"expected {word}, got {token[: right + 1]!r}", self.offset + end - len(token) + right)
        self._token = "" if token == word else token
        if token == word:
            self._set(value)
        return end

    def _read_end(self, text: str, position: int) -> int:
        position = skip_whitespace(text, position)
        if position < len(text):
            if not self._lenient:
                raise self._unexpected(text, position)
            if not (self.repairs and self.repairs[-1].kind == "trailing_text"):
                self._note("trailing_text", position)
        return len(text)

    _READERS: ClassVar[dict[State, Callable[["Parser", str, int], int]]] = {
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
    }

    # Growth: every change of the value, and the operation that says so.

    def _enter(self, position: int) -> None:
        """Find the pointer of the value that begins here, and whether its key has been here before."""
        if not self._frames:
            return
        frame = self._frames[-1]
        if isinstance(frame.container, list):
            self._pointer = f"{frame.pointer}/{len(frame.container)}"
            return
        self._pointer = f"{frame.pointer}/{escape(frame.key)}"
        if frame.key in frame.container:
            self._note("duplicate_key", position)
            self._reopened = self._reopened or frame

    def _grow(self, value: JsonValue, *, opened: bool = False) -> None:
        """Put a value where `_enter` found its place, and say so unless it is held."""
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame is self._reopened:
            self._held = value
        elif frame is None:
            self._root = value
        elif isinstance(frame.container, dict):
            frame.container[frame.key] = value
        else:
            frame.container.append(value)
        if self._reopened is None:
            if opened:  # the operation does not grow with the value
                value = [] if isinstance(value, list) else {}
            self._operations.append(Operation(ADD, self._pointer, value, opened))

    def _replace_last(self, value: JsonValue) -> None:
        """Give the value that was put last its full length."""
        if not self._frames:
            self._root = value
        elif isinstance(container := self._frames[-1].container, dict):
            container[self._frames[-1].key] = value
        else:
            container[-1] = value

    def _leave(self) -> None:
        """Go on behind a complete value; the value of a duplicate key replaces the earlier one now."""
        if not self._frames:
            self._state = END
            return
        self._state = COMMA
        frame = self._frames[-1]
        if frame is self._reopened and isinstance(frame.container, dict):
            self._reopened = None
            frame.container[frame.key] = self._held
            pointer = f"{frame.pointer}/{escape(frame.key)}"
            self._operations += (Operation(REPLACE, pointer, fresh(self._held)), Operation(CLOSE, pointer))

    def _close_at(self, pointer: str) -> None:
        if self._reopened is None:
            self._operations.append(Operation(CLOSE, pointer))

    def _set(self, value: JsonValue) -> None:
        self._grow(value)
        self._leave()

    def _open(self, container: Container, state: State, position: int) -> None:
        if len(self._frames) >= self._max_depth:
            raise ParseError(f"expected at most {self._max_depth} levels, got more", self.offset + position)
        self._enter(position)
        if len(self._pointer) > MAX_POINTER_CHARS:
            expected = f"expected pointers of at most {MAX_POINTER_CHARS} characters"
            raise ParseError(f"{expected}, got a longer one", self.offset + position)
        self._grow(container, opened=True)
        self._frames.append(_Frame(container, self._pointer))
        self._state = state

    def _close(self) -> None:
        self._close_at(self._frames.pop().pointer)
        self._leave()

    def _begin_string(self, state: State) -> None:
        self._string = StringReader()
        self._state = state

    def _show_text(self) -> None:
        """Make the new text of the open string visible: it starts, or it grows."""
        if self._reopened is not None:
            return
        text = self._string.take()
        if not self._shown:
            self._grow(text)
        elif text:
            self._operations.append(Operation(APPEND, self._pointer, text))
        else:
            return
        self._shown.append(text)

    def _end_text(self) -> None:
        if self._reopened is not None:
            self._grow(self._string.take())
        else:
            self._show_text()
            if len(self._shown) > 1:
                self._replace_last("".join(self._shown))
            self._shown.clear()
            self._close_at(self._pointer)
        self._leave()

    def _end_number(self, offset: int, *, is_cut: bool = False) -> None:
        token, self._token = self._token, ""
        number = to_number(token, offset - len(token))
        if number is not None:
            self._set(number)
        elif is_cut and self._frames:
            self._state = COMMA
        else:
            raise ParseError(f"expected a number, got {token[:40]!r}", offset - len(token))

    def _end_early(self, close: bool) -> None:
        if not close or not (self._frames or self._state is TEXT):
            raise ParseError(f"expected {_EXPECTED[self._state]}, got the end of the text", self.offset)
        self.repairs.append(Repair("closed", self.offset))
        if self._state is TEXT:
            self._string.cut()
            self._end_text()
        elif self._frames[-1] is self._reopened:
            self._reopened = None  # a duplicate key whose value never began: the earlier one stays
        while self._state is not END:
            self._close()

    def _note(self, kind: str, position: int) -> None:
        if len(self.repairs) < MAX_REPAIRS:
            self.repairs.append(Repair(kind, self.offset + position))
