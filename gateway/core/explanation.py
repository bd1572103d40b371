"""Why a value does not fit a JSON Schema: the deepest places that are wrong, in our words (PROTOCOL.md §9).

It goes down from the root through what a compiled schema refuses, and asks each place only for the keywords
that lead no further. Every step down ends in an error, so their number and the depth bound the work.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

import jsonschema_rs

from gateway.core.candidates import candidates_of, types_of, value_types
from gateway.core.pointer import append, join
from gateway.core.subschemas import DEFINITIONS, IN_PLACE, parts, resolve_reference
from gateway.core.values import JsonObject, JsonValue, came

__all__ = ["MAX_ERRORS", "VALUE", "Compiled", "Compiler", "Explanation", "error_at"]

MAX_ERRORS = 20
VALUE = "the value"
"""What a compiled schema calls a value in its errors, instead of quoting it."""

_MAX_DEPTH = 150  # steps down, of which one place may take several
_MAX_MESSAGE_CHARS = 300


class Compiled(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool:
        """Whether a value fits."""
        ...

    def iter_errors(self, instance: Any) -> Iterator[jsonschema_rs.ValidationError]:
        """Give the keywords that a value does not fit."""
        ...


class Compiler(Protocol):
    """Compiles parts of one schema."""

    def at(self, place: str) -> Compiled:
        """Compile the schema that stands at a JSON Pointer."""
        ...

    def alone(self, schema: JsonObject) -> Compiled:
        """Compile a schema that has no references."""
        ...


class _Step(NamedTuple):
    """A schema, where it stands, and the value it is asked about."""

    schema: JsonValue
    place: str
    value: JsonValue
    path: str


def error_at(path: str, message: str) -> dict[str, str]:
    """Return one entry of `errors`, its message cut to a bounded length."""
    cut = message[:_MAX_MESSAGE_CHARS]
    return {"path": path, "message": cut + "…" if len(message) > len(cut) else cut}


class Explanation:
    """Explains the values that one schema refuses."""

    def __init__(self, root: JsonObject, compiler: Compiler) -> None:
        """Keep the whole schema."""
        self._root = root
        self._compiler = compiler
        self._errors: list[dict[str, str]] = []

    def errors(self, value: JsonValue) -> list[dict[str, str]]:
        """Return at least one and at most `MAX_ERRORS` errors of a value that does not fit."""
        self._errors = []
        self._explain(_Step(self._root, "", value, ""), _MAX_DEPTH)
        return self._errors[:MAX_ERRORS]

    def _explain(self, step: _Step, depth: int) -> None:
        if len(self._errors) >= MAX_ERRORS or not depth or self._compiler.at(step.place).is_valid(step.value):
            return
        known = len(self._errors)
        if isinstance(step.schema, dict):
            self._check_alone(step.schema, step)
            for below in self._below(step.schema, step):
                self._explain(below, depth - 1)
        if len(self._errors) == known:
            self._errors.append(error_at(step.path, f"expected {self._expected(step)}, got {came(step.value)}"))

    def _check_alone(self, schema: JsonObject, step: _Step) -> None:
        for fault in self._compiler.alone(_without_schemas(schema)).iter_errors(step.value):
            self._errors.extend(_own_words(fault, step))

    def _below(self, schema: JsonObject, step: _Step) -> Iterator[_Step]:
        if isinstance(reference := schema.get("$ref"), str):
            target = resolve_reference(self._root, reference)
            yield step._replace(schema=target, place=unquote(reference.removeprefix("#")))
        for index, member in enumerate(_listed(schema, "allOf")):
            yield step._replace(schema=member, place=step.place + join(("allOf", index)))
        for keyword in ("anyOf", "oneOf"):
            yield from self._only_alternative(schema, keyword, step)
        match step.value:
            case dict():
                yield from _members(schema, step, step.value)
            case list():
                yield from _items(schema, step, step.value)
            case _:
                pass

    def _only_alternative(self, schema: JsonObject, keyword: str, step: _Step) -> Iterator[_Step]:
        """Go on with the member of a union that was evidently meant; where several may be, with none."""
        meant = [
            step._replace(schema=member, place=step.place + join((keyword, index)))
            for index, member in enumerate(_listed(schema, keyword))
            if self._is_meant(member, step.value)
        ]
        if len(meant) == 1:
            yield meant[0]

    def _is_meant(self, schema: JsonValue, value: JsonValue) -> bool:
        """Whether type and constant members, a discriminator for one, agree with the value."""
        return any(
            candidate.types & value_types(value) and not any(_contradicts(node, value) for node in candidate.nodes)
            for candidate in candidates_of(self._root, schema)
        )

    def _expected(self, step: _Step) -> str:
        candidates = candidates_of(self._root, step.schema)
        types = types_of(candidates)
        if types and not value_types(step.value) & types:
            return " or ".join(sorted(types))
        if len(candidates) > 1:
            return f"one of {len(candidates)} alternatives"
        return f"what the schema says at {step.place or 'its root'}"


def _contradicts(node: JsonObject, value: JsonValue) -> bool:
    properties = node.get("properties")
    if not isinstance(properties, dict) or not isinstance(value, dict):
        return False
    return any(
        isinstance(member, dict) and "const" in member and key in value and member["const"] != value[key]
        for key, member in properties.items()
    )


def _without_schemas(schema: JsonObject) -> JsonObject:
    """Keep the keywords that lead to no other schema, and which members are declared."""
    dropped = {part.keyword for part in parts(schema)} | DEFINITIONS | IN_PLACE | {"$ref", "$id"}
    alone = {keyword: held for keyword, held in schema.items() if keyword not in dropped}
    for keyword in ("properties", "patternProperties"):
        if isinstance(named := schema.get(keyword), dict):
            alone[keyword] = dict.fromkeys(named, True)
    if schema.get("additionalProperties") is False:
        alone["additionalProperties"] = False
    return alone


def _listed(schema: JsonObject, keyword: str) -> list[JsonValue]:
    members = schema.get(keyword)
    return members if isinstance(members, list) else []


def _members(schema: JsonObject, step: _Step, value: JsonObject) -> Iterator[_Step]:
    properties = schema.get("properties")
    named = properties if isinstance(properties, dict) else {}
    others = schema.get("additionalProperties") if "patternProperties" not in schema else None
    for key, member in value.items():
        if key in named:
            yield _Step(named[key], step.place + join(("properties", key)), member, append(step.path, key))
        elif isinstance(others, dict):
            yield _Step(others, append(step.place, "additionalProperties"), member, append(step.path, key))


def _items(schema: JsonObject, step: _Step, value: list[JsonValue]) -> Iterator[_Step]:
    keyword = "prefixItems" if "prefixItems" in schema else "items"
    prefix, rest = _listed(schema, keyword), schema.get("items")
    for index, item in enumerate(value):
        path = append(step.path, index)
        if index < len(prefix):
            yield _Step(prefix[index], step.place + join((keyword, index)), item, path)
        elif isinstance(rest, dict):
            yield _Step(rest, append(step.place, "items"), item, path)


def _own_words(fault: jsonschema_rs.ValidationError, step: _Step) -> Iterator[dict[str, str]]:
    match fault.kind:
        case jsonschema_rs.ValidationErrorKind.Required(property=key):
            yield error_at(append(step.path, key), "expected a member that is required, got none")
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected=keys):
            for key in keys[:MAX_ERRORS]:
                yield error_at(append(step.path, key), "expected no member of this name, got one")
        case _:
            yield error_at(step.path, f"{fault.message[:_MAX_MESSAGE_CHARS]}; got {came(step.value)}")
