"""The ways in which a value may satisfy a schema, with references followed and unions laid side by side.

A place has one candidate per union member that survives. What cannot be known cheaply is left out: a candidate
says too little rather than too much, and its types are always a superset of what is permitted.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from typing import NamedTuple

from gateway.core.subschemas import resolve_reference
from gateway.core.values import JsonObject, JsonValue

__all__ = [
    "ANYTHING",
    "JSON_TYPES",
    "Candidate",
    "candidates_of",
    "conjunction",
    "declared_default",
    "literals",
    "types_of",
    "value_types",
]

JSON_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
"""The names a schema has for types."""

_ALL_TYPES = frozenset(JSON_TYPES)
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
        "x-stream",
    }
)
# An inline schema within its limits could ask for 2**300 candidates, or for 300 nodes in each.
_MAX_CANDIDATES = 64  # beyond, only the types of the rest are known
_MAX_NODES = 32  # of one candidate; beyond, only their types are known


class Candidate(NamedTuple):
    """One way to satisfy a schema.

    Attributes:
        nodes: schema objects that all hold at once, without those that say nothing about the form.
        types: the JSON types that are permitted; `number` includes `integer`.
    """

    nodes: tuple[JsonObject, ...]
    types: frozenset[str]

    @property
    def identity(self) -> tuple[object, ...]:
        """What is equal for the same candidate, however it was come by."""
        return (*map(id, self.nodes), self.types)


ANYTHING = Candidate((), _ALL_TYPES)
"""What nothing is known about."""


def candidates_of(root: JsonValue, schema: JsonValue) -> tuple[Candidate, ...]:
    """Give the candidates of `schema`, whose references resolve against `root`; none when nothing fits it."""
    return tuple(_expand(root, schema, ()))


def conjunction(root: JsonValue, schemas: Iterable[JsonValue]) -> tuple[Candidate, ...]:
    """Give the candidates of a place where all of `schemas` hold."""
    return tuple(_all([_expand(root, schema, ()) for schema in schemas]))


def types_of(candidates: Iterable[Candidate]) -> frozenset[str]:
    """Give the JSON types that any of `candidates` permits."""
    return frozenset().union(*(candidate.types for candidate in candidates))


def literals(node: JsonObject) -> Sequence[JsonValue] | None:
    """Give the values an enum or a constant restricts a value to, or None."""
    if "const" in node:
        return [node["const"]]
    enum = node.get("enum")
    return enum if isinstance(enum, list) else None


def value_types(value: JsonValue) -> frozenset[str]:
    """Give the JSON types a value has: an integer is a number, a number without a fraction an integer."""
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
        return [ANYTHING] if schema is True else []
    if id(schema) in above:
        return [ANYTHING]
    above = (*above, id(schema))
    nodes = (schema,) if _SHAPING & schema.keys() else ()
    groups = [[Candidate(nodes, _node_types(schema))]]
    groups += (_expand(root, part, above) for part in _definite_parts(root, schema))
    for keyword in ("anyOf", "oneOf"):
        if isinstance(members := schema.get(keyword), list):
            groups.append(_bounded([found for member in members for found in _expand(root, member, above)]))
    return _all(groups)


def _definite_parts(root: JsonValue, schema: JsonObject) -> list[JsonValue]:
    """Give the schemas that hold wherever this one does."""
    found: list[JsonValue] = []
    if isinstance(reference := schema.get("$ref"), str):
        found.append(resolve_reference(root, reference))
    if isinstance(members := schema.get("allOf"), list):
        found.extend(members)
    return found


def _all(groups: list[list[Candidate]]) -> list[Candidate]:
    """Combine unions that hold at one place, the short ones first: they are many and multiply nothing."""
    return reduce(_both, sorted(groups, key=len), [ANYTHING])


def _both(first: list[Candidate], second: list[Candidate]) -> list[Candidate]:
    """Combine two unions, without what contradicts itself and without repetitions."""
    if min(len(first), len(second)) > 1 and len(first) * len(second) > _MAX_CANDIDATES:
        return first
    combined: dict[tuple[object, ...], Candidate] = {}
    for one, other in product(first, second):
        nodes = {id(node): node for node in one.nodes + other.nodes}
        candidate = Candidate(tuple(nodes.values())[:_MAX_NODES], one.types & other.types)
        if candidate.types:
            combined.setdefault(candidate.identity, candidate)
    return list(combined.values())


def _bounded(union: list[Candidate]) -> list[Candidate]:
    if len(union) <= _MAX_CANDIDATES:
        return union
    return [*union[:_MAX_CANDIDATES], Candidate((), types_of(union[_MAX_CANDIDATES:]))]


def _node_types(node: JsonObject) -> frozenset[str]:
    permitted = _declared_types(node)
    values = literals(node)
    return permitted if values is None else permitted & frozenset().union(*map(value_types, values))


def _declared_types(node: JsonObject) -> frozenset[str]:
    """Where no type is declared, members imply an object: that is what was meant."""
    declared = node.get("type")
    if declared is None:
        return frozenset({"object"}) if "properties" in node else _ALL_TYPES
    names = {name for name in (declared if isinstance(declared, list) else [declared]) if isinstance(name, str)}
    if "number" in names:
        names.add("integer")
    if node.get("nullable") is True:
        names.add("null")
    return _ALL_TYPES & names
