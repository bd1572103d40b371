"""The shape of what a model's validation returns, where that is told from what it takes (PROTOCOL.md §4, `redact`).

1. A member that is written under another name than it is read under is found under the name it is written under.
2. A computed member has no place here: it is made of what may be hidden.
3. A model that writes an object or a list by a function of its own is refused: nobody can tell where its values went.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import PydanticUserError, TypeAdapter

from gateway.core.admission import refuse
from gateway.core.shape import Shape
from gateway.core.values import JsonObject, JsonValue

__all__ = ["output_shape"]

_FIELDS = frozenset({"model-field", "dataclass-field", "typed-dict-field"})
_HOLDING = frozenset(
    {
        *("model", "model-fields", "dataclass", "dataclass-args", "typed-dict", "dict", "list", "tuple", "set"),
        *("frozenset", "union", "tagged-union", "nullable", "default", "any", "definition-ref", "definitions"),
    }
)
"""Core schemas of what may hold other values."""


def output_shape(adapter: TypeAdapter[Any], shape: Shape) -> Shape:
    """Return the shape of the validated value; that of what is validated where the names are the same.

    Args:
        adapter: of a type that redacts something.
        shape: of what it validates.

    Raises:
        SchemaInvalid: see invariant 3.
    """
    nodes = list(_nodes(adapter.core_schema))
    for node in nodes:
        serializer = node.get("serialization")
        if node["type"] in _HOLDING and isinstance(serializer, dict) and serializer["type"].startswith("function"):
            name = getattr(node.get("cls"), "__name__", node["type"])
            refuse("", f"expected a model that redacts to write its members by itself, got a serializer of {name}")
    if not any(_is_renamed(name, field) for node in nodes for name, field in _fields(node)):
        return shape
    try:
        root: JsonObject = adapter.json_schema(mode="serialization", by_alias=True)
    except PydanticUserError as fault:
        refuse(
            "", f"expected a model whose output has a JSON Schema, since it redacts; got one without: {fault.message}"
        )
    return Shape.of(_without_computed(root))


def _nodes(schema: Any) -> Iterator[Any]:
    """Yield every core schema in one; they are trees."""
    pending = [schema]
    while pending:
        held = pending.pop()
        if isinstance(held, dict):
            if isinstance(held.get("type"), str):
                yield held
            pending.extend(below for key, below in held.items() if key not in ("metadata", "config", "serialization"))
        elif isinstance(held, list | tuple):
            pending.extend(held)


def _fields(node: Any) -> list[tuple[str, Any]]:
    fields = node.get("fields")
    if isinstance(fields, dict):
        return [(name, field) for name, field in fields.items() if field["type"] in _FIELDS]
    return [(field["name"], field) for field in fields or () if field["type"] in _FIELDS]


def _is_renamed(name: str, field: Any) -> bool:
    """Tell whether a field is written under another name than the first it is read under, which the schema has."""
    alias = field.get("validation_alias", name)
    while isinstance(alias, list):
        alias = alias[0]
    return bool(alias != field.get("serialization_alias", name))


def _without_computed(schema: JsonValue) -> JsonValue:
    """Leave out what pydantic marks as computed; a copy."""
    if isinstance(schema, list):
        return [_without_computed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {keyword: _without_computed(part) for keyword, part in schema.items()}
    if isinstance(members := copy.get("properties"), dict):
        copy["properties"] = {
            key: member
            for key, member in members.items()
            if not (isinstance(member, dict) and member.get("readOnly") is True)
        }
    return copy
