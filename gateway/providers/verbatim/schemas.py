"""A schema's members, lists and types, at any depth."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["Schema", "items_within", "members_within", "types_of"]

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


def types_of(schema: Schema) -> set[str]:
    """Return the types that a value may have, those of alternatives as well."""
    own = schema.get("type", [])
    types = {own} if isinstance(own, str) else set(own)
    members = [member for keyword in ("anyOf", "oneOf") for member in schema.get(keyword, [])]
    return types.union(*(types_of(member) for member in members if isinstance(member, Mapping)))


def _parts(schema: Any) -> list[Any]:
    if isinstance(schema, Mapping):
        return list(schema.values())
    return schema if isinstance(schema, list) else []
