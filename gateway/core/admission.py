"""Which inline JSON Schemas are let in (PROTOCOL.md §10, `schema_*`): until here they are hostile input.

1. Nothing outside the schema is ever named: references are `#` and a JSON Pointer to a schema within.
2. Nodes are counted the way a validator meets them, references followed, and counting stops at the limit: at
   one place of a value everything counts, and a place whose schema was met above (recursion) counts once.
3. Every refusal names the place in the schema, what was expected and what came.
"""

import json
from collections.abc import Iterable, Iterator
from typing import NoReturn, cast

from gateway.core.candidates import JSON_TYPES
from gateway.core.limits import Limits
from gateway.core.pointer import append, join
from gateway.core.policies import KEYWORD, ON_INVALID, POLICY_FIELDS, wishes_in
from gateway.core.subschemas import DEFINITIONS, IN_PLACE, MANY, MAPS, parts, resolve_reference
from gateway.core.values import JsonObject, JsonValue, came
from gateway.errors import SchemaInvalid, SchemaTooComplex

__all__ = ["admit", "refuse"]

_DIALECTS = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
    }
)
_UNDECIDED = {
    "if",
    "then",
    "else",
    "not",
    "contains",
    "dependentSchemas",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
}
_MOST_REDACTED = 32  # variants of one union; beyond 64 combinations they are no longer told apart
_DYNAMIC = ("$dynamicRef", "$recursiveRef")
# What a node costs beyond itself, measured: a pattern takes 0.1–0.7 ms to compile, a scalar in an enum hardly
# anything, and a container in an enum is compared with every value in turn.
_PATTERN_NODES = 20
_SCALARS_PER_NODE = 10
_CONTAINER_NODES = 10
_PLACES_PER_NODE = 20


def admit(schema: object, limits: Limits) -> JsonObject:
    """Return a private copy of `schema` that can be walked and compiled within the limits.

    Raises:
        SchemaInvalid: it is not a JSON Schema on its own.
        SchemaTooComplex: it is beyond `schema_bytes`, `schema_depth` or `schema_nodes`.
    """
    if not isinstance(schema, dict):
        refuse("", f"expected a JSON object, got {came(schema)}")
    _check_nesting(schema, limits)
    copy = _copy(schema, limits)
    _check_dialect(copy)
    known = _check_form(copy)
    _Count(copy, known, limits).run()
    return copy


def refuse(place: str, message: str) -> NoReturn:
    """Raise SchemaInvalid for the place `place` of a schema."""
    raise SchemaInvalid(f"the schema at {place or 'its root'}: {message}", param="schema")


def _refuse_size(message: str) -> NoReturn:
    raise SchemaTooComplex(f"the schema {message}", param="schema")


def _check_nesting(schema: JsonObject, limits: Limits) -> None:
    """Go level by level: neither a deep nor an endlessly shared structure is walked to its end."""
    level: list[object] = [schema]
    seen = depth = 0
    while level:
        depth += 1
        seen += len(level)
        if depth > limits.schema_depth:
            _refuse_size(f"nests deeper than the limit of {limits.schema_depth}")
        if seen * len("{}") > limits.schema_bytes:
            _refuse_size(f"is larger than the limit of {limits.schema_bytes} bytes")
        level = [held for node in level for held in _held(node) if isinstance(held, dict | list)]


def _held(node: object) -> list[object]:
    return list(node.values()) if isinstance(node, dict) else list(cast("list[object]", node))


def _copy(schema: JsonObject, limits: Limits) -> JsonObject:
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size_bytes = len(text.encode())
    except (TypeError, ValueError) as fault:
        refuse("", f"expected JSON, got something else: {fault}")
    if size_bytes > limits.schema_bytes:
        _refuse_size(f"is {size_bytes} bytes, above the limit of {limits.schema_bytes}")
    return cast("JsonObject", json.loads(text))


def _check_dialect(schema: JsonObject) -> None:
    dialect = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    if not isinstance(dialect, str) or dialect.removesuffix("#") not in _DIALECTS:
        refuse("/$schema", f"expected draft 2020-12, 2019-09 or 7, or none, got {came(dialect)}")


def _check_form(root: JsonObject) -> dict[int, str]:
    """Check every schema in `root`, used or not; return where each of them stands."""
    known: dict[int, str] = {}
    references: list[tuple[str, JsonValue]] = []
    pending: list[tuple[str, JsonValue]] = [("", root)]
    while pending:
        place, schema = pending.pop()
        if isinstance(schema, dict):
            known[id(schema)] = place
            _check_keywords(schema, place)
            pending.extend((place + join(part.tokens), part.schema) for part in parts(schema))
            references.append((append(place, "$ref"), schema.get("$ref")))
        elif not isinstance(schema, bool):
            refuse(place, f"expected a schema (an object, true or false), got {came(schema)}")
    for place, reference in references:
        if reference is not None:
            _check_target(root, known, place, str(reference))
    return known


def _check_target(root: JsonObject, known: dict[int, str], place: str, reference: str) -> None:
    try:
        target = resolve_reference(root, reference)
    except LookupError:
        refuse(place, f"expected the place of a schema, got {came(reference)}: nothing is there")
    if not isinstance(target, bool) and id(target) not in known:
        refuse(place, f"expected the place of a schema, got {came(reference)}: no schema is there")


def _check_keywords(schema: JsonObject, place: str) -> None:
    for keyword in schema.keys() & MAPS:
        if not isinstance(schema[keyword], dict):
            refuse(append(place, keyword), f"expected an object of schemas, got {came(schema[keyword])}")
    for keyword in schema.keys() & MANY:
        if not isinstance(schema[keyword], list):
            refuse(append(place, keyword), f"expected an array of schemas, got {came(schema[keyword])}")
    for keyword in _DYNAMIC:
        if keyword in schema:
            refuse(append(place, keyword), "expected no dynamic references; use $ref with '#' and a JSON Pointer")
    if "$id" in schema and place:
        refuse(append(place, "$id"), "expected $id at the root only: references would change their meaning")
    _check_reference(schema, place)
    _check_type(schema, place)
    _check_enum(schema, place)
    _check_policy(schema, place)
    _check_redaction(schema, place)


def _check_reference(schema: JsonObject, place: str) -> None:
    reference = schema.get("$ref", "#")
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        expected = "a local reference ('#' and a JSON Pointer; nothing is fetched)"
        refuse(append(place, "$ref"), f"expected {expected}, got {came(reference)}")


def _check_type(schema: JsonObject, place: str) -> None:
    declared = schema.get("type", "null")
    names = declared if isinstance(declared, list) else [declared]
    for name in names or [declared]:
        if not isinstance(name, str) or name not in JSON_TYPES:
            refuse(append(place, "type"), f"expected one or more of {', '.join(JSON_TYPES)}, got {came(name)}")


def _check_enum(schema: JsonObject, place: str) -> None:
    if not isinstance(schema.get("enum", []), list):
        refuse(append(place, "enum"), f"expected an array of values, got {came(schema['enum'])}")


def _check_policy(schema: JsonObject, place: str) -> None:
    policy = schema.get(KEYWORD, {})
    if not isinstance(policy, dict):
        refuse(append(place, KEYWORD), f"expected an object of {', '.join(POLICY_FIELDS)}, got {came(policy)}")
    for name, wish in policy.items():
        if name not in POLICY_FIELDS:
            refuse(append(place, KEYWORD), f"expected one of {', '.join(POLICY_FIELDS)}, got {came(name)}")
        if name == "on_invalid":
            if wish not in ON_INVALID:
                expected = f"expected one of {', '.join(ON_INVALID)}"
                refuse(append(append(place, KEYWORD), name), f"{expected}, got {came(wish)}")
        elif not isinstance(wish, bool):
            refuse(append(append(place, KEYWORD), name), f"expected true or false, got {came(wish)}")


def _check_redaction(schema: JsonObject, place: str) -> None:
    """Refuse what asks for redaction where nothing can tell, while a value is written, that it applies."""
    for keyword in _UNDECIDED & schema.keys():
        if _redacts(schema[keyword]):
            refuse(append(place, keyword), "expected no redaction below it; properties, items and unions can have it")
    patterns = cast("JsonObject", schema.get("patternProperties", {}))
    others = schema.get("additionalProperties")
    count = len(patterns) + isinstance(others, dict)
    if count > 1 and _redacts([patterns, others]):
        refuse(append(place, "patternProperties"), f"expected one schema where it redacts, got {count}")
    for keyword in ("anyOf", "oneOf"):
        variants = cast("list[JsonValue]", schema.get(keyword, []))
        if len(variants) > _MOST_REDACTED and _redacts(variants):
            expected = f"expected at most {_MOST_REDACTED} variants where one redacts"
            refuse(append(place, keyword), f"{expected}, got {len(variants)}")


def _redacts(part: JsonValue) -> bool:
    return ("redact", True) in wishes_in(part)


class _Count:
    """Counts the nodes of a schema with its references followed."""

    def __init__(self, root: JsonObject, known: dict[int, str], limits: Limits) -> None:
        self._root = root
        self._known = known
        self._limits = limits
        self._nodes = 0
        self._places = 0
        self._above: set[int] = set()  # the places from the root to here
        self._recursive: set[int] = set()  # places that were met again below themselves

    def run(self) -> None:
        """Visit every place of a value once; a place may be a thousand levels down, so without recursion."""
        pending: list[tuple[JsonValue, bool]] = [(self._root, True)]
        while pending:
            schema, enters = pending.pop()
            if not enters:
                self._above.discard(id(schema))
            elif id(schema) in self._above:
                self._recursive.add(id(schema))
            elif id(schema) not in self._recursive:
                self._above.add(id(schema))
                pending.append((schema, False))
                pending.extend((below, True) for below in self._counted(self._place(schema, ())))

    def _place(self, schema: JsonValue, chain: tuple[int, ...]) -> Iterator[JsonValue]:
        """Count what holds at one place, and give the schemas of the places below."""
        self._add(1)
        if not isinstance(schema, dict):
            return
        self._add(_extra_nodes(schema))
        chain = self._extended(chain, schema)
        if isinstance(reference := schema.get("$ref"), str):
            yield from self._place(resolve_reference(self._root, reference), chain)
        for part in parts(schema):
            if part.keyword in IN_PLACE:
                yield from self._place(part.schema, chain)
            elif part.keyword not in DEFINITIONS:
                yield part.schema

    def _extended(self, chain: tuple[int, ...], schema: JsonObject) -> tuple[int, ...]:
        if id(schema) in chain:
            refuse(self._known[id(schema)], "expected a schema that ends, got one that is defined by itself")
        if len(chain) >= self._limits.schema_depth:
            _refuse_size(f"nests deeper than the limit of {self._limits.schema_depth} with its references followed")
        return (*chain, id(schema))

    def _counted(self, places: Iterable[JsonValue]) -> Iterator[JsonValue]:
        """Bound the places that are met again as well, which add no nodes."""
        for place in places:
            self._places += 1
            if self._places > self._limits.schema_nodes * _PLACES_PER_NODE:
                _refuse_size("refers to itself from too many places")
            yield place

    def _add(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._limits.schema_nodes:
            _refuse_size(f"has more than {self._limits.schema_nodes} nodes with its references followed")


def _extra_nodes(schema: JsonObject) -> int:
    enum = schema.get("enum")
    values = enum if isinstance(enum, list) else []
    containers = sum(isinstance(value, dict | list) for value in values)
    patterns = int("pattern" in schema)
    if isinstance(named := schema.get("patternProperties"), dict):
        patterns += len(named)
    return patterns * _PATTERN_NODES + containers * _CONTAINER_NODES + (len(values) - containers) // _SCALARS_PER_NODE
