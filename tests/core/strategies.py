"""Random JSON values, every way to write them down, and every way to cut a text."""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from hypothesis import strategies as st

__all__ = ["conforming", "cut_texts", "grown_values", "json_values", "keys", "numbers", "rendered", "schemas", "turns"]

_BLANKS = ["", "", "", " ", "\n", "\t\r\n ", "    "]
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

texts = st.text(st.characters(codec="utf-8") | st.sampled_from('aé"\\/\n\t\x00\u2028🙂𝄞'), max_size=12)
keys = st.sampled_from(["", "a", "b", "~", "/", "~1", "m~0n", "a/b", "0", "-", "__proto__", "constructor"]) | texts
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
turns = st.lists(st.booleans(), min_size=1, max_size=8)
"""Whether something happens, again and again."""


@st.composite
def rendered(draw: st.DrawFn, *, repeats: bool = False) -> str:
    """Write a random value in a random way: white space, escapes, halves of surrogate pairs.

    Args:
        draw: hypothesis' own.
        repeats: whether objects may hold a key more than once.
    """
    value = draw(json_values)
    way = draw(st.lists(st.integers(0, 11), min_size=1, max_size=8))
    if len(way) == 1 and not repeats:
        return json.dumps(value, ensure_ascii=way[0] % 2 == 0, indent=way[0] // 2 or None)
    return _Writer(way, repeats).written(value)


class _Writer:
    """Writes JSON in ways that a few numbers decide, which are used again and again: one draw for a whole text."""

    def __init__(self, way: list[int], repeats: bool) -> None:
        """Begin with the first number."""
        self._way = cycle(way)
        self._repeats = 4 if repeats else 0

    def written(self, value: Any) -> str:
        """Write a value, with white space around it."""
        return f"{self._blank()}{self._bare(value)}{self._blank()}"

    def _blank(self) -> str:
        return _BLANKS[next(self._way) % len(_BLANKS)]

    def _bare(self, value: Any) -> str:
        if isinstance(value, dict):
            members = [*value.items(), *self._repeated(list(value.items()))]
            return "{" + ",".join(f"{self._key(key)}:{self.written(item)}" for key, item in members) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(self.written, value)) + "]"
        return self._quoted(value) if isinstance(value, str) else json.dumps(value)

    def _repeated(self, members: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Choose keys that come again, with another member's value, or one around it."""
        if not (self._repeats and members):
            return []
        self._repeats -= 1
        other = members[next(self._way) % len(members)][1]
        values = [[other], {"a": other}, "again", other, 0][next(self._way) % 5 :][:2]
        return [(members[next(self._way) % len(members)][0], value) for value in values]

    def _key(self, key: str) -> str:
        return f"{self._blank()}{self._quoted(key)}{self._blank()}"

    def _quoted(self, text: str) -> str:
        return '"' + "".join(_character(next(self._way) % 4, character) for character in text) + '"'


def _character(way: int, character: str) -> str:
    """Write one character: as it is, by its short escape, by its code units, or by the first of them."""
    units = json.dumps(character)[1:-1] if ord(character) > 0xFFFF else f"\\u{ord(character):04X}"
    if way == 3 and ord(character) > 0xFFFF:
        return units[: len("\\uFFFF")]
    if way == 1 and character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    is_plain = character >= " " and character not in '"\\'
    return character if way != 2 and is_plain else units


@st.composite
def cut_texts(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[str]:
    """Cut a text in pieces: one, one per character, or anything between."""
    text = draw(texts)
    if draw(st.integers(0, 2)) == 0:
        return list(text)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def grown_values(draw: st.DrawFn, value: Any) -> Any:
    """Change a value here and there, as a validation may: coerce, drop, add, shorten."""
    return _grown(cycle(draw(st.lists(st.integers(0, 11), min_size=1, max_size=8))), value, draw(json_values))


def _grown(way: Iterator[int], value: Any, other: Any) -> Any:
    chance = next(way)
    if chance == 0:
        return other
    if chance < 3 and isinstance(value, int | float):
        return int(value) if value == int(value) and not isinstance(value, int) else float(value)
    if chance < 4 or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        kept = {key: _grown(way, member, other) for key, member in value.items() if next(way)}
        return kept | ({} if next(way) % 2 else {"new": other})
    items = [_grown(way, item, other) for item in value]
    return items[: next(way)] if chance < 8 else [*items, other]


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> dict[str, Any]:
    """Make a schema without unions, so that a skeleton is easily told, with a value in mind for every place."""
    match draw(st.sampled_from(["string", "enum", "integer", "object", "object", "array"] if depth else ["string"])):
        case "object":
            names = draw(st.lists(keys, max_size=3, unique=True))
            return {"type": "object", "properties": {name: draw(schemas(depth - 1)) for name in names}}
        case "array":
            return {"type": "array", "items": draw(schemas(depth - 1))}
        case "enum":
            return {"enum": ["one", "other"]}
        case kind:
            default: dict[str, Any] = draw(st.sampled_from([{}, {"default": "x" if kind == "string" else 0}]))
            return {"type": kind} | default


@st.composite
def conforming(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """Make a value that a schema of `schemas` permits, with some members left out and some added."""
    match schema.get("type"):
        case "object":
            named = {name: draw(conforming(held)) for name, held in schema["properties"].items() if draw(st.booleans())}
            return named | draw(st.dictionaries(st.sampled_from(["extra", "more/~"]), scalars, max_size=1))
        case "array":
            return draw(st.lists(conforming(schema["items"]), max_size=3))
        case "string":
            return draw(texts)
        case "integer":
            return draw(st.integers(-9, 9))
        case _:
            return draw(st.sampled_from(["one", "other"]))
