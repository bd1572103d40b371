"""A part of a value: the places that pointer patterns select, and what stands above them (PROTOCOL.md §4, "Parts").

1. The part of a value after some operations is the part before them after their parts, at every revision.
2. Indices are the true ones: an item of which nothing is selected stands as null.
3. What an operation's part costs does not grow with the number of patterns, nor with the value.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from gateway.core.operations import ADD, FILL, REMOVE, REPLACE, SILENT, Operation
from gateway.core.pointer import JsonValue, escape, split
from gateway.errors import BadRequest

__all__ = ["ABOVE", "SELECTED", "Place", "Projection"]

_MOST_PATTERNS = 32
_MOST_CHARS = 1_024
_MOST_TOKENS = 32  # what a watch keeps of its patterns stays below some 200 KB

_ANY = "*"


class Place(StrEnum):
    """Where a place stands to those that are selected."""

    SELECTED = "selected"
    """It is one of them, or below one."""
    ABOVE = "above"
    """Some of them may be below it."""
    BESIDE = "beside"
    """None can be, and what it stands in is above some."""
    OUTSIDE = "outside"
    """It is below such a place."""


SELECTED, ABOVE, BESIDE, OUTSIDE = Place

_OPENING = (ADD, FILL, REPLACE)
"""What puts a value somewhere; a tuple, since the hash of an enumeration's member costs 0.1 µs."""


class _Level(NamedTuple):
    """The tokens of all patterns at one depth; a set of patterns is an integer with a bit for each."""

    literal: dict[str, int]  # those with this token, as pointers have it
    any: int  # those with the wildcard


class Projection:
    """What a watch with `paths` sees.

    Two of the same patterns are equal, so that their watches share what is encoded.

    Args:
        patterns: JSON Pointers in which a token `*` stands for any one, and `~2` for `*`.

    Raises:
        BadRequest: these are no such patterns, or too many.
    """

    __slots__ = ("_all", "_ends", "_hash", "_levels", "_patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        """Sort the patterns' tokens by depth."""
        given = list(patterns)
        if not 1 <= len(given) <= _MOST_PATTERNS:
            raise _refusal(f"expected 1 to {_MOST_PATTERNS} patterns, got {len(given)}")
        self._patterns = tuple(sorted(set(given)))
        self._hash = hash(self._patterns)
        tokens = [_tokens(pattern) for pattern in self._patterns]
        self._all = (1 << len(tokens)) - 1
        deepest = max(map(len, tokens))
        self._levels = [_level(tokens, depth) for depth in range(deepest)]
        self._ends = [_bits(len(found) == depth for found in tokens) for depth in range(deepest + 1)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Projection) and self._patterns == other._patterns

    def __hash__(self) -> int:
        return self._hash

    def place(self, pointer: str) -> Place:
        """Return where a place stands."""
        return self._found(pointer)[0]

    def includes(self, pointer: str) -> bool:
        """Tell whether a place is selected, or above some that may be."""
        return self._found(pointer)[0] in (SELECTED, ABOVE)

    def innermost(self, pointer: str) -> str:
        """Return the innermost place above a place, or itself, that is included; the root always is."""
        place, _, depth = self._found(pointer)
        return pointer if place in (SELECTED, ABOVE) else "/".join(pointer.split("/")[:depth])

    def part(self, value: JsonValue, pointer: str = "") -> JsonValue:
        """Return the part of a value that stands at an included place; it shares with the value what is selected."""
        place, alive, depth = self._found(pointer)
        return value if place is SELECTED else self._part(value, alive, depth)

    def operation(self, operation: Operation, is_list: Callable[[str], bool]) -> Operation | None:
        """Return what an operation does to the part; None where that is nothing.

        Args:
            operation: of a step, or folded.
            is_list: tells whether a list stands at a pointer.
        """
        pointer, kind = operation.pointer, operation.kind
        place, alive, depth = self._found(pointer)
        if place is SELECTED or (place is ABOVE and (kind in SILENT or kind is REMOVE)):
            return operation
        if place is ABOVE and kind in _OPENING:
            return Operation(kind, pointer, self._part(operation.value, alive, depth), operation.opened)
        if place is BESIDE and (kind is ADD or kind is REMOVE) and is_list(pointer[: pointer.rfind("/")]):
            return Operation(kind, pointer)
        return None

    def progress(self, told: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Return of `progress` what is about included places; `active` is the innermost of them."""
        part: dict[str, JsonValue] = {}
        for name, found in told.items():
            if isinstance(found, str):
                part[name] = self.innermost(found)
            elif isinstance(found, list):
                part[name] = [pointer for pointer in found if self.includes(str(pointer))]
            elif isinstance(found, dict):
                part[name] = {pointer: state for pointer, state in found.items() if self.includes(pointer)}
            else:
                part[name] = found
        return part

    def _found(self, pointer: str) -> tuple[Place, int, int]:
        """Return where a place stands, which patterns may select what is below it, and how deep it is."""
        alive, ends = self._all, self._ends
        if ends[0]:
            return SELECTED, alive, 0
        if not pointer:
            return ABOVE, alive, 0
        tokens = pointer.split("/")
        depth = 0
        for token in tokens[1:]:
            level = self._levels[depth]
            alive &= level.literal.get(token, 0) | level.any
            depth += 1
            if not alive:
                return (BESIDE if depth == len(tokens) - 1 else OUTSIDE), 0, depth
            if alive & ends[depth]:
                return SELECTED, alive, depth
        return ABOVE, alive, depth

    def _part(self, value: JsonValue, alive: int, depth: int) -> JsonValue:
        if alive & self._ends[depth]:
            return value
        if isinstance(value, dict):
            level = self._levels[depth]
            below = {key: alive & (level.literal.get(escape(key), 0) | level.any) for key in value}
            return {key: self._part(value[key], left, depth + 1) for key, left in below.items() if left}
        if isinstance(value, list):
            return list(self._items(value, alive, depth))
        return None

    def _items(self, items: list[JsonValue], alive: int, depth: int) -> Iterator[JsonValue]:
        level = self._levels[depth]
        for index, item in enumerate(items):
            left = alive & ((level.literal.get(str(index), 0) if level.literal else 0) | level.any)
            yield self._part(item, left, depth + 1) if left else None


def _bits(chosen: Iterable[bool]) -> int:
    return sum(1 << number for number, is_chosen in enumerate(chosen) if is_chosen)


def _level(patterns: list[list[str]], depth: int) -> _Level:
    literal: dict[str, int] = {}
    wild = 0
    for number, tokens in enumerate(patterns):
        if depth >= len(tokens):
            continue
        if tokens[depth] == _ANY:
            wild |= 1 << number
        else:
            token = tokens[depth].replace("~2", _ANY)
            literal[token] = literal.get(token, 0) | 1 << number
    return _Level(literal, wild)


def _tokens(pattern: str) -> list[str]:
    """Return the tokens of a pattern as they are written."""
    if len(pattern) > _MOST_CHARS:
        raise _refusal(f"expected patterns of at most {_MOST_CHARS} characters, got one of {len(pattern)}")
    try:
        split(pattern.replace("~2", _ANY))
    except ValueError:
        raise _refusal(f"expected JSON Pointers, got {pattern[:60]!r}") from None
    tokens = pattern.split("/")[1:]
    if len(tokens) > _MOST_TOKENS:
        raise _refusal(f"expected patterns of at most {_MOST_TOKENS} tokens, got one of {len(tokens)}")
    return tokens


def _refusal(words: str) -> BadRequest:
    return BadRequest(f"paths: {words}", param="paths")
