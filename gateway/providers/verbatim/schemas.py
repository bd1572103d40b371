"""A schema's members and lists at any depth, and what a value may be, however that is written."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

__all__ = [
    "Schema",
    "alternatives",
    "is_null",
    "items_within",
    "may_be_null",
    "members_within",
    "resolved",
    "types_of",
    "union_of",
]

Schema: TypeAlias = Mapping[str, Any]


def members_within(schema: Any) -> Iterator[tuple[str, Schema]]:
    """Yield every member that a schema declares, with its name."""
    if isinstance(schema, Mapping) and isinstance(properties := schema.get("properties"), Mapping):
        yield from ((name, member) for name, member in properties.items() if isinstance(member, Mapping))
    for part in _parts(schema):
        yield from members_within(part)


def items_within(schema: Any) -> Iterator[Any]:
    """Yield what every list that a schema declares has for items."""
    if isinstance(schema, Mapping) and "items" in schema:
        yield schema["items"]
    for part in _parts(schema):
        yield from items_within(part)


def resolved(root: Schema, schema: Any) -> Any:
    """Return what a schema refers to, or itself; True, which is any value, where there is no such thing."""
    if not isinstance(schema, Mapping) or "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    return root if name == "#" else root.get("$defs", {}).get(name, True)


def union_of(schema: Schema) -> list[Schema]:
    """Return the schemas that a union is made of, whichever keyword makes it; none where it is no union."""
    if schema.keys() & {"const", "enum"}:
        return []
    for keyword in ("anyOf", "oneOf", "allOf"):
        members = schema.get(keyword, [])
        if members and (keyword != "allOf" or len(members) == 1):
            rest = {key: held for key, held in schema.items() if key != keyword}
            return [{**rest, **member} for member in members if isinstance(member, Mapping)]
    own = schema.get("type")
    return [{**schema, "type": one} for one in own] if isinstance(own, list) else []


def alternatives(root: Schema, schema: Any, followed: frozenset[str] = frozenset()) -> list[Schema]:
    """Return what a value may be, through references and unions: none of these is one; nothing where it may be any."""
    if not isinstance(schema, Mapping):
        return []
    if isinstance(reference := schema.get("$ref"), str):
        further = followed | {reference}
        return [] if reference in followed else alternatives(root, resolved(root, schema), further)
    members = union_of(schema)
    return [one for member in members for one in alternatives(root, member, followed)] if members else [schema]


def is_null(schema: Schema) -> bool:
    """Tell whether an alternative is null and nothing else."""
    return schema.get("type") == "null"


def may_be_null(schemas: Iterable[Schema]) -> bool:
    """Tell whether one of some alternatives permits null."""
    return any(is_null(one) or None in one.get("enum", [one.get("const", "")]) for one in schemas)


def types_of(schema: Schema) -> set[str]:
    """Return the types that a value of an alternative may have."""
    own = schema.get("type", [])
    return {own} if isinstance(own, str) else set(own)


def _parts(schema: Any) -> list[Any]:
    if isinstance(schema, Mapping):
        return list(schema.values())
    return schema if isinstance(schema, list) else []
