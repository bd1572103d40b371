"""The ways in which a value may satisfy a schema, with references followed and unions laid side by side.

A candidate is a tuple of schema nodes that all hold at once; a place has one per union member that survives.
What cannot be known cheaply is left out: a candidate says too little rather than too much.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from typing import TypeAlias

from gateway.core.subschemas import resolve_reference
from gateway.core.values import JsonObject, JsonValue

__all__ = [
    "JSON_TYPES",
    "Candidate",
    "candidates_of",
    "conjunction",
    "declared_default",
    "literals_of",
    "types_of",
    "value_types",
]

Candidate: TypeAlias = tuple[JsonObject, ...]

JSON_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
"""The names a schema has for types."""

_ALL_TYPES = frozenset(JSON_TYPES)

# Nodes without any of these say nothing about the form of a value and are left out of a candidate.
_SHAPING = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "const",
        "enum",
        "items",
        "patternProperties",
        "prefixItems",
        "properties",
        "type",
        "unevaluatedProperties",
    }
)
_INTEGER = frozenset({"integer", "number"})
_TYPES_OF_CLASS: dict[type, frozenset[str]] = {
    type(None): frozenset({"null"}),
    bool: frozenset({"boolean"}),
    int: _INTEGER,
    float: _INTEGER,
    str: frozenset({"string"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
}
_MAX_COMBINATIONS = 256  # of one union with another at the same place; beyond, the later union is left out


def candidates_of(root: JsonValue, schema: JsonValue) -> tuple[Candidate, ...]:
    """Give the candidates of `schema`, whose references resolve against `root`; none when nothing fits it."""
    return tuple(_expand(root, schema, ()))


def conjunction(root: JsonValue, schemas: Iterable[JsonValue]) -> tuple[Candidate, ...]:
    """Give the candidates of a place where all of `schemas` hold."""
    found: list[Candidate] = [()]
    for schema in schemas:
        found = _both(found, _expand(root, schema, ()))
    return tuple(found)


def types_of(candidate: Candidate) -> frozenset[str]:
    """Give the JSON types a candidate permits; `number` includes `integer`."""
    return reduce(frozenset.intersection, (_node_types(node) for node in candidate), _ALL_TYPES)


def literals_of(candidate: Candidate) -> Sequence[JsonValue] | None:
    """Give the values an enum or a constant restricts a candidate to, or None."""
    for node in candidate:
        if "const" in node:
            return [node["const"]]
        if isinstance(enum := node.get("enum"), list):
            return enum
    return None


def value_types(value: JsonValue) -> frozenset[str]:
    """Give the JSON types a value has: an integer is a number, and a number without a fraction an integer."""
    if isinstance(value, float) and not value.is_integer():
        return frozenset({"number"})
    return _TYPES_OF_CLASS[type(value)]


def declared_default(root: JsonValue, schema: JsonValue, depth: int = 32) -> list[JsonValue]:
    """Give the default declared for `schema` as a list of one, or an empty list; unions are not searched."""
    if not isinstance(schema, dict) or not depth:
        return []
    if "default" in schema:
        return [schema["default"]]
    for part in _definite_parts(root, schema):
        if found := declared_default(root, part, depth - 1):
            return found
    return []


def _expand(root: JsonValue, schema: JsonValue, above: tuple[int, ...]) -> list[Candidate]:
    if not isinstance(schema, dict):
        return [()] if schema is True else []
    if id(schema) in above:
        return [()]
    above = (*above, id(schema))
    found: list[Candidate] = [(schema,) if _SHAPING & schema.keys() else ()]
    for part in _definite_parts(root, schema):
        found = _both(found, _expand(root, part, above))
    for keyword in ("anyOf", "oneOf"):
        if isinstance(members := schema.get(keyword), list):
            union = [candidate for member in members for candidate in _expand(root, member, above)]
            found = _both(found, union)
    return found


def _definite_parts(root: JsonValue, schema: JsonObject) -> list[JsonValue]:
    """Give the schemas that hold wherever this one does."""
    found: list[JsonValue] = []
    if isinstance(reference := schema.get("$ref"), str):
        found.append(resolve_reference(root, reference))
    if isinstance(members := schema.get("allOf"), list):
        found.extend(members)
    return found


def _both(first: list[Candidate], second: list[Candidate]) -> list[Candidate]:
    """Combine two unions that hold at one place, without what contradicts itself and without repetitions."""
    if min(len(first), len(second)) > 1 and len(first) * len(second) > _MAX_COMBINATIONS:
        return first
    combined: dict[tuple[int, ...], Candidate] = {}
    for one, other in product(first, second):
        nodes = {id(node): node for node in one + other}
        candidate = tuple(nodes.values())
        if types_of(candidate):
            combined.setdefault(tuple(nodes), candidate)
    return list(combined.values())


def _node_types(node: JsonObject) -> frozenset[str]:
    declared = node.get("type")
    if declared is None:
        return _implied_types(node)
    names = set(declared) if isinstance(declared, list) else {declared}
    if "number" in names:
        names.add("integer")
    if node.get("nullable") is True:
        names.add("null")
    permitted = _ALL_TYPES & {name for name in names if isinstance(name, str)}
    literals = literals_of((node,))
    return permitted if literals is None else permitted & _types_of_values(literals)


def _implied_types(node: JsonObject) -> frozenset[str]:
    if (literals := literals_of((node,))) is not None:
        return _types_of_values(literals)
    if "properties" in node:
        return frozenset({"object"})
    return _ALL_TYPES


def _types_of_values(values: Iterable[JsonValue]) -> frozenset[str]:
    return frozenset().union(*map(value_types, values))
