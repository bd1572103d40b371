"""The rules of a grammar in llama.cpp's own notation, and JSON's parts in it.

A grammar is sent rather than a JSON Schema: it can say that a list goes through a text once, in order, and llama.cpp
refuses one that it cannot read, while it drops a schema without a word.
"""

import json
from collections.abc import Iterable
from typing import Any

__all__ = [
    "ANY",
    "ANY_OBJECT",
    "BOOLEAN",
    "NULL",
    "STRING_CHARS",
    "Rules",
    "any_of",
    "array",
    "characters",
    "integer",
    "members",
    "number",
    "quoted",
    "written",
]

NULL = '"null"'
BOOLEAN = '("true" | "false")'
ANY = "any"
ANY_OBJECT = "any-object"
"""Any JSON value, any object: names of rules that every grammar has."""

STRING_CHARS = 300  # of a free string, so that a loop ends

_SEPARATOR = ' ", " '
_CHARACTER = r'([^"\\\x00-\x1F] | "\\" ["\\/bfnrt])'
_DIGITS = 15  # a double holds as many
_NUMBER = rf'("0" | [1-9] [0-9]{{0,{_DIGITS - 1}}})'
_FRACTION = '("." [0-9]{1,6})?'
_ITEMS = 15  # of a container that no schema describes, so that it ends
_DEPTH = 3  # of such containers in one another


class Rules:
    """Rules under names of their own; the same rule twice is one."""

    def __init__(self) -> None:
        """Begin without any."""
        self._names: dict[str, str] = {}
        self._bodies: dict[str, str] = {}

    def reserve(self) -> str:
        """Return a name whose rule is told later, so that it may speak of itself."""
        name = f"r{len(self._bodies)}"
        self._bodies[name] = ""
        return name

    def tell(self, name: str, body: str) -> None:
        """Say what a reserved name stands for."""
        self._bodies[name] = body

    def name(self, body: str) -> str:
        """Return the name of a rule."""
        if body not in self._names:
            self._names[body] = self.reserve()
            self.tell(self._names[body], body)
        return self._names[body]

    def text(self, root: str) -> str:
        """Return the whole grammar."""
        lines = [f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._bodies.items()), *_any_rules()]
        return "\n".join(lines) + "\n"


def any_of(bodies: Iterable[str]) -> str:
    """Return the choice between some rules' bodies, each once."""
    return f"({' | '.join(dict.fromkeys(bodies))})"


def quoted(text: str) -> str:
    """Return a rule's body for these characters themselves."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def written(value: Any) -> str:
    """Return a rule's body for one JSON value."""
    return quoted(json.dumps(value, ensure_ascii=False))


def characters(least: int = 0, most: int = STRING_CHARS) -> str:
    """Return a rule's body for a string of any characters, so many."""
    return f'"\\"" {_CHARACTER}{{{least},{max(least, most)}}} "\\""'


def integer(*, is_signed: bool) -> str:
    """Return a rule's body for an integer."""
    return f"{_sign(is_signed)}{_NUMBER}"


def number(*, is_signed: bool) -> str:
    """Return a rule's body for a number, without an exponent."""
    return f"{_sign(is_signed)}{_NUMBER} {_FRACTION}"


def array(items: Iterable[str]) -> str:
    """Return a rule's body for an array of these items."""
    return f'"[" {_SEPARATOR.join(items)} "]"'


def members(key: str, value: str) -> str:
    """Return a rule's body for an object of any members of one kind."""
    member = f'{key} ": " {value}'
    return f'"{{" ({member} (", " {member}){{0,{_ITEMS}}})? "}}"'


def _sign(is_signed: bool) -> str:
    return '"-"? ' if is_signed else ""


def _any_rules() -> list[str]:
    """Return the rules for a JSON value of any form; nesting is bounded, so that it ends."""
    scalar = any_of([NULL, BOOLEAN, number(is_signed=True), characters()])
    rules = [f"{ANY} ::= {ANY}-{_DEPTH}", f"{ANY_OBJECT} ::= {members(characters(1, 40), f'{ANY}-{_DEPTH}')}"]
    rules.append(f"{ANY}-0 ::= {scalar}")
    for depth in range(1, _DEPTH + 1):
        item = f"{ANY}-{depth - 1}"
        items = f'"[" ({item} (", " {item}){{0,{_ITEMS}}})? "]"'
        rules.append(f"{ANY}-{depth} ::= {ANY}-0 | {items} | {members(characters(1, 40), item)}")
    return rules
