"""Where a JSON Schema holds further schemas, and where its references lead (JSON Schema 2020-12, §10).

Only local references are followed: `#` and a JSON Pointer.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from gateway.core.pointer import resolve, split
from gateway.core.values import JsonObject, JsonValue

__all__ = ["DEFINITIONS", "IN_PLACE", "MANY", "MAPS", "Part", "SchemaNode", "parts", "resolve_reference"]

SchemaNode: TypeAlias = JsonObject | bool

DEFINITIONS = frozenset({"$defs", "definitions"})
"""Keywords whose schemas stand for nothing until a reference names them."""

IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"})
"""Keywords whose schemas speak of the same place of the value; the others speak of its members and items."""

MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies", *DEFINITIONS})  # name → schema
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})  # a list of schemas
_ONE = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",  # before 2020-12 also a list
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)


class Part(NamedTuple):
    """One schema inside another: the keyword, the tokens from there, and what stands there."""

    keyword: str
    tokens: tuple[str | int, ...]
    schema: JsonValue


def parts(node: JsonObject) -> Iterator[Part]:
    """Give every place of `node` that should hold a schema, in written order, whatever it does hold."""
    for keyword, held in node.items():
        if keyword in MAPS and isinstance(held, dict):
            for name, schema in held.items():
                if not (keyword == "dependencies" and isinstance(schema, list)):  # there a list of names
                    yield Part(keyword, (keyword, name), schema)
        elif isinstance(held, list) and (keyword in MANY or keyword == "items"):
            for index, schema in enumerate(held):
                yield Part(keyword, (keyword, index), schema)
        elif keyword in _ONE:
            yield Part(keyword, (keyword,), held)


def resolve_reference(root: JsonValue, reference: str) -> JsonValue:
    """Give what a local reference names; LookupError where it names nothing."""
    pointer = unquote(reference.removeprefix("#"))
    try:
        split(pointer)
    except ValueError as fault:
        raise LookupError(str(fault)) from None
    return resolve(root, pointer)
