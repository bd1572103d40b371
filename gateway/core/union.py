"""A union of objects as a provider is offered it in tools: a tool for each member, and the call's name decides."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.candidates import candidates_of, literals, types_of
from gateway.core.strict import declared_form, dereferenced, is_plain_union, strict_form
from gateway.core.values import JsonObject, JsonValue

__all__ = ["Member", "members_of", "tool_name"]

_NAME_CHARS = 64
_SAYS_OBJECT = ("type", "object")  # which each member says too
_MOST_MEMBERS = 32  # beyond, the tools would be more to read than the text; a schema's definitions stand in each


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the objects that a value may be.

    Attributes:
        name: of the tool: 1–64 characters of `[A-Za-z0-9_-]`, each its own.
        schema: of the object, as a provider is sent it.
        strict: whether that is in the strict form.
        keys: the members it declares.
        constants: members that have one value only and belong to every such object; a model may leave them out,
            since the tool's name says as much.
    """

    name: str
    schema: JsonObject
    strict: bool
    keys: frozenset[str]
    constants: Mapping[str, JsonValue]


def members_of(root: JsonObject) -> tuple[Member, ...]:
    """Return the members of a schema that is a union of objects and nothing else, in order; none for any other."""
    union = {keyword: held for keyword, held in dereferenced(root, root).items() if (keyword, held) != _SAYS_OBJECT}
    declared = union.get("anyOf", union.get("oneOf"))
    if not is_plain_union(union) or not isinstance(declared, list) or not 1 < len(declared) <= _MOST_MEMBERS:
        return ()
    if not all(isinstance(member, dict) and _is_object(root, member) for member in declared):
        return ()
    taken: set[str] = set()
    tag = _discriminator(union)
    return tuple(_member(root, member, tag, taken) for member in declared if isinstance(member, dict))


def tool_name(text: str) -> str:
    """Return a text in the characters that a tool's name may have."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:_NAME_CHARS]


def _is_object(root: JsonObject, member: JsonObject) -> bool:
    candidates = candidates_of(root, member)
    return len(candidates) == 1 and types_of(candidates) == {"object"} and "properties" in dereferenced(root, member)


def _discriminator(union: JsonObject) -> str:
    declared = union.get("discriminator")
    return str(declared.get("propertyName")) if isinstance(declared, dict) else ""


def _member(root: JsonObject, declared: JsonObject, tag: str, taken: set[str]) -> Member:
    target = dereferenced(root, declared)
    strict = strict_form(root, declared)
    return Member(
        name=_fresh_name(_title(declared, target), taken),
        schema=declared_form(root, declared) if strict is None else strict,
        strict=strict is not None,
        keys=frozenset(_properties(target)),
        constants=_constants(target, tag),
    )


def _title(declared: JsonObject, target: JsonObject) -> str:
    title, reference = target.get("title"), declared.get("$ref")
    if isinstance(title, str) and title:
        return title
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""


def _fresh_name(title: str, taken: set[str]) -> str:
    stem = tool_name(title) or "extract"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem[: _NAME_CHARS - 3]}_{number}"
    taken.add(name)
    return name


def _constants(target: JsonObject, tag: str) -> dict[str, JsonValue]:
    """Return the members that every such object has, with the only value they can have."""
    required = target.get("required")
    belonging = {*(required if isinstance(required, list) else ()), tag}
    constants: dict[str, JsonValue] = {}
    for key, schema in _properties(target).items():
        if not isinstance(schema, dict) or not (key in belonging or "default" in schema):
            continue
        values = literals(schema)
        if values is not None and len(values) == 1:
            constants[key] = values[0]
    return constants


def _properties(target: JsonObject) -> JsonObject:
    declared = target.get("properties")
    return declared if isinstance(declared, dict) else {}
