"""What cannot be read while it comes: the whole text, read once more in other ways (PROTOCOL.md §4, "Lenient reading").

Only `json_repair` knows more about text that is not JSON than `gateway.core.repair`; it wants the whole of it. Whatever
it says is read strictly, so that depth, numbers and surrogates are what they are everywhere.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import TypeAlias

import json_repair

from gateway.core.building import MAX_REPAIRS
from gateway.core.grammar import ASIDE, KEY_TEXT, TEXT, State
from gateway.core.parser import MAX_DEPTH, ParseError, Parser
from gateway.core.pointer import JsonValue
from gateway.errors import OutputTooLarge

__all__ = ["MAX_CHARS", "called", "concluded", "later", "listed", "reread", "rewritten"]

MAX_CHARS = 65_536
"""Longer text is not to be kept for this."""

_MAX_REPAIRED_CHARS = 8_192
"""Longer text is not given to `json_repair`: where quotes do not match it is quadratic, 0.6 s for this and 10 s for
32 KB. What models write takes it 20 ms."""

_MAX_ROOTS = 3
"""So many values behind the root are looked at."""

_MAX_LISTED = 100
"""So many objects one behind the other make a list: each is read to the end of the text."""

_THINKING_END = re.compile(r"</(?:think|thinking|reasoning)>|◁/think▷|<\|end_of_thought\|>", re.IGNORECASE)
"""Tags whose opening one may stand in the prompt, where the model's text does not tell that it begins with thinking."""

_HALF_QUOTED = re.compile(r"""(?<=[{,\s])(?:"([^"'\\]{1,64})'|'([^"'\\]{1,64})")(?=\s*:)""")
_UNCLOSED_KEY = re.compile(r"[{,]\s*\"[^\"{}\[\],:]+:[^\"]*[}\]]\s*\Z")
_CUT = re.compile(r"[\[,:]\s*(?:[^\W\d]\w*|[\d.+-][\w.+-]*[+\-._eExX]|[.+-])\Z|:\s*\Z")
"""A literal or half a number that runs to the end, or a value that never came: `json_repair` makes one of it."""

_CLOSER = re.compile(r"[}\]]")

_ARGUMENTS = ("arguments", "parameters")

_Reader: TypeAlias = Callable[[str, Collection[str] | None], JsonValue]
"""Reads the whole text in its own way; None where that is not for this text."""


def reread(text: str, types: Collection[str] | None, ended_in: State | None) -> Iterator[JsonValue]:
    """Yield what text may mean that was understood, but for what was open at its end.

    That may be a key that opened with one kind of quote and closed with another, or not at all, a comment without a
    line's end behind it, or a string without its closing quote: then what came behind was taken for a part of it.

    Args:
        text: what a model wrote, whole.
        types: the JSON types that the value may have.
        ended_in: the state that was closed at the end.
    """
    if ended_in is KEY_TEXT:
        yield from _meanings(text, types, _matched, *([_repaired] if _UNCLOSED_KEY.search(text) else []))
    elif ended_in is ASIDE:
        yield from _meanings(text, types, _uncommented, _repaired)
    elif ended_in is TEXT and text.rstrip().endswith(("}", "]", "`")):
        yield from _meanings(text, types, _repaired)


def concluded(behind: str, types: Collection[str] | None) -> Iterator[JsonValue]:
    """Yield what stands behind the end of thinking, where what was taken for the root was a part of that.

    Args:
        behind: what follows the root.
        types: the JSON types that the value may have.
    """
    *_, tag = (None, *_THINKING_END.finditer(behind))
    if tag is not None:
        yield from later(behind[tag.end() :], types)


def later(behind: str, types: Collection[str] | None) -> Iterator[JsonValue]:
    """Yield the whole values in what follows the root, in words, fences or on their own: a model may correct itself."""
    yield from islice(_roots(behind, types), _MAX_ROOTS)


def rewritten(text: str, types: Collection[str] | None) -> Iterator[JsonValue]:
    """Yield what text may mean that was not understood, or not valid, the likeliest first."""
    for value in _meanings(text, types, _encoded_twice, _matched, _repaired):
        yield value
        if (inner := called(value)) is not None:
            yield inner


def listed(text: str, declares: Callable[[str], bool | None]) -> Iterator[JsonValue]:
    """Yield the list that text may mean where one was asked for and none stands there.

    That is the list in an object's only member, or else the objects that stand one behind the other.

    Args:
        text: what a model wrote, whole.
        declares: tells whether an item may have a member; False where it does not declare it.
    """
    roots = islice(_roots(text, {"object"}), _MAX_LISTED + 1)
    objects = [held if (inner := called(held)) is None else inner for held in roots]
    if len(objects) > _MAX_LISTED:
        return
    if len(objects) == 1 and isinstance(objects[0], dict) and len(objects[0]) == 1:
        (member,) = objects[0].values()
        if isinstance(member, list):
            yield member
    if objects and all(_is_declared(held, declares) for held in objects):
        yield objects


def _is_declared(held: JsonValue, declares: Callable[[str], bool | None]) -> bool:
    return isinstance(held, dict) and all(declares(key) is not False for key in held)


def _roots(text: str, types: Collection[str] | None) -> Iterator[JsonValue]:
    while text:
        parser = Parser(lenient=True, types=types)
        try:
            parser.feed(text)
            parser.finish()
        except (ParseError, OutputTooLarge):
            return
        yield parser.value
        text = text[parser.end :]


def _meanings(text: str, types: Collection[str] | None, *readers: _Reader) -> Iterator[JsonValue]:
    for read in readers:
        try:
            value = read(text, types)
        except (ParseError, OutputTooLarge):
            continue
        if value is not None:
            yield value


def _matched(text: str, types: Collection[str] | None) -> JsonValue:
    """Read text whose keys open with one kind of quote and close with the other; None for other text.

    Raises:
        ParseError: that does not help.
    """
    mended = _HALF_QUOTED.sub(lambda match: json.dumps(match[1] or match[2], ensure_ascii=False), text)
    return None if mended == text else _read(mended, types)


def _uncommented(text: str, types: Collection[str] | None) -> JsonValue:
    """Read text whose last comment was to end before a bracket, not with the line; None for other text.

    Raises:
        ParseError: that does not help.
    """
    parser = Parser(lenient=True, types=types)
    parser.feed(text)
    comments = [repair.offset for repair in parser.repairs if repair.kind == "comment"]
    if not comments or len(parser.repairs) == MAX_REPAIRS:  # the last may not be listed
        return None
    bracket = _CLOSER.search(text, comments[-1])
    return None if bracket is None else _read(text[: comments[-1]] + text[bracket.start() :], types)


def _encoded_twice(text: str, types: Collection[str] | None) -> JsonValue:
    """Read JSON inside a JSON string, with or without the string's own quotes."""
    text = text.strip()
    if not text.startswith(('"', '\\"', '{\\"', '[\\"', '[{\\"')):
        return None
    inner = Parser()
    inner.feed(text if text.startswith('"') else f'"{text}"')
    inner.finish()
    return _read(inner.value, types) if isinstance(inner.value, str) else None


def _repaired(text: str, _: Collection[str] | None) -> JsonValue:
    if len(text) > _MAX_REPAIRED_CHARS or _depth(text) > MAX_DEPTH or _CUT.search(text):
        return None
    try:
        value = json_repair.loads(text)
        strict = Parser()
        strict.feed(json.dumps(value, ensure_ascii=False))
        strict.finish()
    except Exception:  # noqa: BLE001 - it also raises AssertionError and more; NaN, which it may return, is no JSON
        return None
    return None if strict.value == "" else strict.value


def _read(text: str, types: Collection[str] | None) -> JsonValue:
    parser = Parser(lenient=True, types=types)
    parser.feed(text)
    parser.finish(close=True)
    return parser.value


def called(value: JsonValue) -> JsonValue:
    """Return the arguments of a call that was written as text."""
    if not isinstance(value, dict) or len(value) != 2 or "name" not in value:
        return None
    return next((value[name] for name in _ARGUMENTS if isinstance(value.get(name), dict)), None)


def _depth(text: str) -> int:
    """Return how deep the brackets of a text nest, at most."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[{(\]})]", text):
        depth = depth + 1 if bracket in "[{(" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest
