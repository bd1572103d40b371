"""JSON values as Python has them, and how a message speaks of one (PROTOCOL.md §9)."""

import json
from typing import TypeAlias

__all__ = ["JsonObject", "JsonValue", "came"]

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
JsonObject: TypeAlias = dict[str, JsonValue]

_EXCERPT_CHARS = 60
_EXCERPT_BITS = 200  # CPython refuses to write out integers beyond some 14,000 bits


def came(value: object) -> str:
    """Say what came, in a few words however large it is: `"abc"`, `12`, `an array of 3 items`."""
    match value:
        case dict():
            return f"an object with {_count(len(value), 'member')}"
        case list() | tuple():
            return f"an array of {_count(len(value), 'item')}"
        case str():
            cut = value[:_EXCERPT_CHARS] + "…" if len(value) > _EXCERPT_CHARS else value
            return json.dumps(cut, ensure_ascii=False)
        case int() if value.bit_length() > _EXCERPT_BITS:
            return "a very large integer"
        case None | bool() | int() | float():
            return json.dumps(value)
        case _:
            return f"a Python {type(value).__name__}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
