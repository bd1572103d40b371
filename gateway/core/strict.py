"""The forms of a schema that a provider is sent: strict where there is one, else as declared.

The strict form is what OpenAI calls structured outputs: every object closed and all its members required,
unions as `anyOf`, references alone and only to `$defs`, no keyword beyond a short list. It permits nothing the
declared structure does not, with one exception: a member that need not be there becomes required and nullable,
which `Shape.without_absent` takes back. Limits that are not on the list are left to the final validation.
"""

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import unquote

from gateway.core.candidates import candidates_of, literals, types_of, value_types
from gateway.core.pointer import split
from gateway.core.subschemas import DEFINITIONS, parts, resolve_reference
from gateway.core.values import JsonObject, JsonValue

__all__ = ["declared_form", "dereferenced", "is_plain_union", "strict_form"]

_KEPT = frozenset(
    {
        "const",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "pattern",
        "title",
        "type",
    }
)
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})
# Dropping one of these would change which values are meant, and strictness has no word for it.
_INEXPRESSIBLE = frozenset(
    {
        "additionalItems",
        "contains",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedItems",
    }
)
_ANNOTATIONS = frozenset({"$comment", "default", "deprecated", "description", "examples", "title", "x-stream"})
_OURS = frozenset({"$anchor", "$comment", "$id", "$schema", "x-stream"})  # of no use to a provider

_REST = ("additionalProperties", "unevaluatedProperties")

_MAX_NAME_CHARS = 64


class _Inexpressible(Exception):
    """The schema has no strict form."""


class _References:
    """The schemas that references lead to, each under one name in `$defs`."""

    def __init__(self, root: JsonValue) -> None:
        self.root = root
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}  # the last one behind each stem, so that none is tried twice
        self._pending: list[tuple[str, JsonValue]] = []

    def refer(self, reference: str) -> str:
        """Return the reference to the same schema as it will stand in `$defs`."""
        target = resolve_reference(self.root, reference)
        name = self._names.get(id(target))
        if name is None:
            name = self._names[id(target)] = self._fresh_name(reference)
            self._pending.append((name, target))
        return f"#/$defs/{name}"

    def definitions(self, write: "_Write") -> JsonObject:
        """Write every schema that was referred to, and those these refer to."""
        written: JsonObject = {}
        while self._pending:
            name, schema = self._pending.pop(0)
            written[name] = write(schema, self)
        return written

    def _fresh_name(self, reference: str) -> str:
        tokens = split(unquote(reference.removeprefix("#"))) or ["root"]
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", tokens[-1])[:_MAX_NAME_CHARS] or "_"
        name, number = stem, self._numbers.get(stem, 1)
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._numbers[stem] = number
        self._taken.add(name)
        return name


_Write: TypeAlias = Callable[[JsonValue, _References], JsonValue]


def strict_form(root: JsonValue, schema: JsonObject) -> JsonObject | None:
    """Return `schema` in the strict form, complete in itself, or None where it has none.

    Args:
        root: what the references of `schema` resolve against.
        schema: `root`, or an object schema around it.
    """
    try:
        return _assembled(root, schema, _strict)
    except _Inexpressible:
        return None


def declared_form(root: JsonValue, schema: JsonObject) -> JsonObject:
    """Return `schema` as it was declared, complete in itself, without what is meant for the gateway only."""
    return _assembled(root, schema, _declared)


def dereferenced(root: JsonValue, schema: JsonObject) -> JsonObject:
    """Replace a reference at the very top by what it leads to; what stands beside it has precedence."""
    while isinstance(reference := schema.get("$ref"), str):
        target = resolve_reference(root, reference)
        beside = {keyword: held for keyword, held in schema.items() if keyword != "$ref"}
        schema = {**(target if isinstance(target, dict) else {}), **beside}
    return schema


def is_plain_union(schema: JsonObject) -> bool:
    """Tell whether a schema is an `anyOf` or a `oneOf`, and nothing beside it says more about the value."""
    keywords = schema.keys() & {"anyOf", "oneOf"}
    return len(keywords) == 1 and not schema.keys() - keywords - _ANNOTATIONS - DEFINITIONS - _OURS - {"discriminator"}


def _assembled(root: JsonValue, schema: JsonObject, write: _Write) -> JsonObject:
    """Write a schema whose root says that it is an object, which a tool's parameters have to."""
    references = _References(root)
    written = write(dereferenced(root, schema), references)
    if not isinstance(written, dict):
        raise _Inexpressible
    form: JsonObject = {"type": "object", **written}
    definitions = references.definitions(write)
    return {**form, "$defs": definitions} if definitions else form


def _declared(schema: JsonValue, references: _References) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    dropped = _OURS | DEFINITIONS
    return {key: _declared_keyword(key, held, references) for key, held in schema.items() if key not in dropped}


def _declared_keyword(keyword: str, held: JsonValue, references: _References) -> JsonValue:
    if keyword == "$ref" and isinstance(held, str):
        return references.refer(held)
    schemas = {part.tokens[1:] for part in parts({keyword: held})}
    if () in schemas:
        return _declared(held, references)
    match held:
        case dict():
            return {key: _declared(one, references) if (key,) in schemas else one for key, one in held.items()}
        case list():
            return [_declared(one, references) if (at,) in schemas else one for at, one in enumerate(held)]
        case _:
            return held


def _strict(schema: JsonValue, references: _References) -> JsonValue:
    if not isinstance(schema, dict) or _INEXPRESSIBLE & schema.keys():
        raise _Inexpressible
    if "$ref" in schema:
        return _strict_reference(schema, references)
    if "allOf" in schema:
        return _strict(_only_member(schema), references)
    if "anyOf" in schema or "oneOf" in schema:
        return _strict_union(schema, references)
    return _strict_value(schema, references)


def _strict_reference(schema: JsonObject, references: _References) -> JsonObject:
    """A reference stands alone; its description moves to a union of one around it."""
    beside = schema.keys() - {"$ref"} - DEFINITIONS - _OURS
    if beside - _ANNOTATIONS or not isinstance(reference := schema["$ref"], str):
        raise _Inexpressible
    written: JsonObject = {"$ref": references.refer(reference)}
    return {"anyOf": [written], "description": schema["description"]} if "description" in schema else written


def _only_member(schema: JsonObject) -> JsonObject:
    """Merge the only member of an `allOf` with what stands beside it, where the two do not meet."""
    match schema["allOf"]:
        case [dict(member)]:
            beside = {keyword: held for keyword, held in schema.items() if keyword != "allOf"}
            if (beside.keys() & member.keys()) - _ANNOTATIONS:
                raise _Inexpressible
            return {**member, **beside}
        case _:
            raise _Inexpressible


def _strict_union(schema: JsonObject, references: _References) -> JsonObject:
    members = schema.get("anyOf", schema.get("oneOf"))
    if not is_plain_union(schema) or not isinstance(members, list):
        raise _Inexpressible
    written: JsonObject = {"anyOf": [_strict(member, references) for member in members]}
    return written | {key: schema[key] for key in ("title", "description") if key in schema}


def _strict_value(schema: JsonObject, references: _References) -> JsonObject:
    written = {keyword: held for keyword, held in schema.items() if keyword in _KEPT}
    types = _declared_types(schema)
    written["type"] = types[0] if len(types) == 1 else list(types)
    if schema.get("format") in _FORMATS:
        written["format"] = schema["format"]
    if "object" in types:
        written.update(_strict_members(schema, references))
    if "array" in types:
        written["items"] = _strict(schema.get("items"), references)
    return written


def _declared_types(schema: JsonObject) -> list[str]:
    """Give the types a schema permits, as written; where none are, those of its enum or constant."""
    declared = schema.get("type")
    names = [declared] if isinstance(declared, str) else declared
    if names is None and (values := literals(schema)) is not None:
        names = sorted({_literal_type(value) for value in values})
    if names is None and "properties" in schema:
        names = ["object"]
    types = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    if not types or {"object", "array"} <= set(types):
        raise _Inexpressible
    return [*types, "null"] if schema.get("nullable") is True and "null" not in types else types


def _literal_type(value: JsonValue) -> str:
    types = value_types(value)
    return "integer" if "integer" in types else min(types)


def _strict_members(schema: JsonObject, references: _References) -> JsonObject:
    """Close an object; one that is open by declaration, or has no members, cannot be."""
    properties = schema.get("properties")
    is_open = any(schema.get(key, False) is not False for key in ("additionalProperties", "unevaluatedProperties"))
    if is_open or not isinstance(properties, dict):
        raise _Inexpressible
    required = schema.get("required")
    names = set(required) if isinstance(required, list) else set()
    if names - properties.keys():
        raise _Inexpressible
    members: JsonObject = {
        key: _strict(member, references) if key in names else _nullable(member, references)
        for key, member in properties.items()
    }
    return {"properties": members, "required": list(properties), "additionalProperties": False}


def _nullable(schema: JsonValue, references: _References) -> JsonValue:
    written = _strict(schema, references)
    if "null" in types_of(candidates_of(references.root, schema)) or not isinstance(written, dict):
        return written
    if isinstance(members := written.get("anyOf"), list):
        return {**written, "anyOf": [*members, {"type": "null"}]}
    return {"anyOf": [written, {"type": "null"}]}
