"""Lenient reading: goes on where strict reading fails, and lists what was forgiven (PROTOCOL.md §4, "Lenient reading").

What is to be done is decided in `gateway.core.remedies` and `gateway.core.prose`; it is done here.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from gateway.core.grammar import (
    ASIDE,
    COLON,
    COMMA,
    END,
    EXPECTED,
    FIRST_KEY,
    KEY,
    KEY_TEXT,
    LITERAL,
    NUMBER,
    PROSE,
    START,
    TEXT,
    VALUE,
    State,
)
from gateway.core.lexical import ParseError, skip_whitespace
from gateway.core.pointer import JsonValue
from gateway.core.prose import BRACKET_TAG, BRACKET_TAG_END, MARK_CHARS, THINKING, root_remedy
from gateway.core.reading import Reading
from gateway.core.remedies import (
    LOOK_CHARS,
    QUOTES,
    WHITE_SPACE,
    Place,
    Remedy,
    Step,
    is_inner_quote,
    remedy,
    skip_blanks,
    word_remedy,
)

__all__ = ["Leniency"]

_TOKENS = frozenset({NUMBER, LITERAL})

_BEGINNINGS = {  # also of what is mended
    "object": "{",
    "array": "[",
    "string": "".join(QUOTES),
    "number": "-0123456789+.iI",
    "integer": "-0123456789+",
    "boolean": "tfTF",
    "null": "nNuU",
}


class Leniency:
    """The mender of lenient reading.

    Args:
        types: the JSON types the root value may have; None for any.

    Attributes:
        begin: code points that cannot be part of the value.
    """

    __slots__ = ("_begins", "_is_over", "_resume", "_until", "begin")

    def __init__(self, types: Collection[str] | None) -> None:
        """Begin before the root value."""
        self.begin = 0
        self._begins = "".join(_BEGINNINGS[name] for name in (_BEGINNINGS if types is None else types))
        self._is_over = False
        self._until: re.Pattern[str] | None = None  # where what is skipped ends
        self._resume = START  # the state behind it

    def finish(self) -> None:
        """Take note that no more text comes: what is pending is to be judged as it is."""
        self._is_over = True

    def leave(self, reading: Reading) -> None:
        """Come out of what is skipped, at the end of the text."""
        if reading.state is ASIDE:
            reading.state = self._resume
            if self._resume is START:
                self.begin = reading.offset

    def mend(self, reading: Reading, text: str, position: int) -> int:
        """Go on at text that was not expected."""
        if reading.state is END:
            reading.building.note_once("trailing_text", reading.offset + position)
            return len(text)
        return self._apply(remedy(self._place(reading), text, position), reading, text, position)

    def mend_token(self, reading: Reading, text: str, position: int) -> int:
        """Go on behind a token, some of which may have come with earlier pieces."""
        offset = reading.offset + position - len(reading.token)
        word = reading.token + text[position : position + LOOK_CHARS]
        found = word_remedy(self._place(reading), word)
        if found.step is Step.WAIT:
            return self._apply(found, reading, text, position)
        if found.step is Step.REFUSE:
            raise ParseError(f"expected {EXPECTED[reading.state]}, got {word[:40]!r}", offset)
        end = self._apply(found, reading, text, position - len(reading.token))
        reading.token = ""
        if reading.state in _TOKENS and reading.frames:
            reading.state = COMMA  # what was cut is left out
        return max(end, position)

    def judge_quote(self, reading: Reading, text: str, position: int) -> int:
        """Close the string whose quote has been read, or go on in it."""
        is_inner = is_inner_quote(self._place(reading), text, position) if reading.frames else False
        if is_inner is None:
            reading.string.is_ended = False
            reading.pending = text[position - 1 :]
            return len(text)
        if is_inner:
            reading.building.note("inner_quote", reading.offset + position - 1)
            reading.string.go_on()
        else:
            reading.end_text()
        return position

    def _place(self, reading: Reading) -> Place:
        frames = reading.frames
        is_text = reading.state is not COMMA or isinstance(reading.building.last(), str)
        return Place(
            state=reading.state,
            open="".join(["{" if type(frame.container) is dict else "[" for frame in frames]),
            is_fresh=len(frames) == 1 and not frames[0].container and _is_early(reading),
            gap=reading.gap if is_text else None,
            is_over=self._is_over,
        )

    def _apply(self, found: Remedy, reading: Reading, text: str, position: int) -> int:
        """Do what a remedy says, list it, and return the position behind what was read with it."""
        if found.kind == WHITE_SPACE:
            reading.building.note_once(found.kind, reading.offset + position)
        elif found.kind:
            back = 1 + len(reading.gap or "") if found.step is Step.REOPEN else 0  # to the quote
            reading.building.note(found.kind, reading.offset + position - back)
        match found.step:
            case Step.WAIT:
                reading.pending = text[position:]
                return len(text)
            case Step.REFUSE:
                raise reading.unexpected(text, position)
            case Step.GIVE_UP:
                self._give_up(reading, text, position)
            case Step.ASIDE:
                self._skip(reading, found.argument, START if found.kind == THINKING else reading.state)
            case Step.SKIP:
                reading.widen_gap(text[position : position + found.chars])
            case step:
                _CHANGES[step](reading, found.argument, reading.offset + position)
        return position + found.chars

    def _give_up(self, reading: Reading, text: str, position: int) -> None:
        """Go on looking for the root value; one of another type would change the type of what is visible."""
        if reading.frames:
            self._begins = "{" if isinstance(reading.frames[0].container, dict) else "["
        reading.building.abandon()
        reading.state = PROSE
        if self._begins == "[" and text.startswith(BRACKET_TAG, position):
            reading.building.note(THINKING, reading.offset + position)
            self._skip(reading, BRACKET_TAG_END, START)
        else:
            reading.building.note_once("leading_text", reading.offset + position)

    def _skip(self, reading: Reading, until: "re.Pattern[str]", state: State) -> None:
        """Go on behind what ends with the pattern, in the state."""
        self._until, self._resume = until, state
        reading.gap = None
        reading.state = ASIDE

    def read_around(self, reading: Reading, text: str, position: int) -> int:
        """Read what is not part of the value: before the root, or between two tokens."""
        if reading.state is ASIDE:
            return self._read_aside(reading, text, position)
        if reading.state is PROSE:
            return self._read_prose(reading, text, position)
        position = skip_whitespace(text, position)
        if position == len(text):
            return position
        if (behind := skip_blanks(text, position)) > position:  # a byte order mark, for one
            reading.building.note_once("leading_text", reading.offset + position)
        else:
            reading.state = VALUE if text[position] in self._begins else PROSE
        return behind

    def _read_prose(self, reading: Reading, text: str, position: int) -> int:
        found = root_remedy(text, position, self._begins, is_over=self._is_over)
        words = text[position : position + found.chars].lstrip()
        if words and found.kind != THINKING:
            reading.building.note_once("leading_text", reading.offset + position + found.chars - len(words))
        return self._apply(found, reading, text, position)

    def _read_aside(self, reading: Reading, text: str, position: int) -> int:
        match = None if self._until is None else self._until.search(text, position)
        if match is None:
            reading.pending = "" if self._is_over else text[max(position, len(text) - MARK_CHARS) :]
            return len(text)
        reading.state = self._resume
        if self._resume is START:
            self.begin = reading.offset + match.end()
        return match.end()


def _is_early(reading: Reading) -> bool:
    """Tell whether nothing below the innermost container has been understood."""
    return isinstance(reading.frames[-1].container, list) or reading.state in {FIRST_KEY, COLON}


def _go(reading: Reading, state: State, _: int) -> None:
    reading.state = state


def _set(reading: Reading, value: JsonValue, offset: int) -> None:
    if reading.state not in _TOKENS:
        reading.building.enter(offset)
    if isinstance(value, str):
        reading.building.end(value)
        reading.state, reading.gap = COMMA, None
    else:
        reading.set(value)


def _name(reading: Reading, key: str, _: int) -> None:
    reading.frames[-1].key, reading.state, reading.gap = key, COLON, None


def _begin(reading: Reading, closers: str, offset: int) -> None:
    reading.is_wary = True
    if reading.state in {KEY, FIRST_KEY}:
        reading.begin_string(KEY_TEXT, closers)
    else:
        reading.building.enter(offset)
        reading.begin_string(TEXT, closers)


def _close(reading: Reading, count: int, _: int) -> None:
    for _ in range(count):
        reading.close()


def _reopen(reading: Reading, _: None, __: int) -> None:
    """Go on in the string or key that was closed last: its quote and what came behind are part of it."""
    behind = f"{reading.string.quote}{reading.gap or ''}"
    if reading.state is COLON:
        reading.begin_string(KEY_TEXT, reading.string.closers, reading.frames[-1].key + behind)
        return
    text = reading.building.reopen()
    reading.begin_string(TEXT, reading.string.closers, text + behind)
    reading.is_wary = True


_CHANGES: dict[Step, Callable[[Reading, Any, int], None]] = {
    Step.GO: _go,
    Step.SET: _set,
    Step.NAME: _name,
    Step.QUOTE: _begin,
    Step.CLOSE: _close,
    Step.REOPEN: _reopen,
}
"""What each step does to the reading, given the remedy's argument and the offset."""
