"""Which closed parts of a value no later token can make valid (PROTOCOL.md §4, "Early stop").

1. A part is refused only where its schema holds whatever else the value has: on the way to it nothing chooses (unions,
   `anyOf`, `if`), nothing sees the value before it is validated, and nothing else may take the part's place.
2. What is not known well enough is not refused, nor is what is large: the validation of the whole value decides.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from pydantic import TypeAdapter
from pydantic_core import SchemaError, SchemaValidator

from gateway.core.item_schema import ItemSchema, inline_validator
from gateway.core.pointer import split
from gateway.core.shape import Shape
from gateway.core.subschemas import resolve_reference
from gateway.core.validation import PartValidator, Validator
from gateway.core.values import JsonObject, JsonValue
from gateway.errors import InvalidOutput, SchemaInvalid

__all__ = ["Refusals"]

_encode = msgspec.json.encode

_SMALL_BYTES = 32_768
"""Larger parts are not judged while others wait: 170 KB take 30 ms; to encode them takes 0.1 ms."""

_KEPT_PLACES = 256
"""Of one schema: keys that a model makes up would fill the memory."""


class _Part(NamedTuple):
    """A member of the root, or the items of a list: its shape, and its validator where it has one for itself."""

    shape: Shape
    validator: Validator | None


class Refusals:
    """The verdicts on parts of one schema's values: items of outermost lists, and members of the root.

    Args:
        root: the whole JSON Schema.
        shape: of the value.
        adapter: of the value's type, where the schema was made from one.
        whole: the schema of each item of a value that is a list itself, where it is known.
    """

    def __init__(
        self,
        root: JsonObject,
        shape: Shape,
        adapter: "TypeAdapter[Any] | None" = None,
        *,
        whole: ItemSchema | None = None,
    ) -> None:
        """Compile nothing yet."""
        self._shape = shape
        self._whole = whole
        self._schemas = _InlineParts(root) if adapter is None else _ModelParts(adapter)
        self._parts: dict[tuple[str, bool], _Part] = {}

    def errors(self, pointer: str, value: JsonValue, *, is_item: bool) -> list[dict[str, str]]:
        """Return why a closed part is refused for good, with paths from the root; nothing where it is not.

        Args:
            pointer: of the part.
            value: what the model wrote there.
            is_item: it is an item of an outermost list; else a member of the root.
        """
        part = self._part(pointer, is_item=is_item)
        if part.validator is None or (value is None and not is_item):
            return []  # null may stand for an absent member
        encoded = _encode(value)
        if len(encoded) > _SMALL_BYTES:
            return []
        try:
            part.validator.validate(part.shape.without_absent(value) if b"null" in encoded else value)
        except InvalidOutput as fault:
            return [{**error, "path": pointer + error["path"]} for error in fault.errors]
        except Exception:  # noqa: BLE001 - an application's validator may fail; the whole value's judgement says so
            return []
        return []

    def spoiling(self, pointer: str, value: JsonValue, *, is_item: bool) -> list[dict[str, str]]:
        """Return the errors of a part where its policy is that the answer then fails."""
        if self._shape.has_policies and not self._fails(pointer, value, is_item=is_item):
            return []
        return self.errors(pointer, value, is_item=is_item)

    def on_invalid(self, path: str) -> str:
        """Return what happens to an invalid item of the list at a place: what the item says, else the list."""
        shape = self._shape
        for token in split(path):
            shape = shape.member(token)
        return shape.item(0).policy.on_invalid or shape.policy.on_invalid or "fail"

    def _fails(self, pointer: str, value: JsonValue, *, is_item: bool) -> bool:
        if is_item:
            return self.on_invalid(pointer.rpartition("/")[0]) == "fail"
        has_lenient = self._shape.has_drops or self._shape.has_marks
        if has_lenient and isinstance(value, dict | list):
            return False  # something in it may ask for that, and be what is invalid
        return self._shape.member(split(pointer)[0]).policy.on_invalid != "mark"

    def _part(self, pointer: str, *, is_item: bool) -> _Part:
        """Return what is known of a part; the items of one list are known alike."""
        place = pointer.rpartition("/")[0] if is_item else pointer
        part = self._parts.get((place, is_item))
        if part is None:
            if len(self._parts) >= _KEPT_PLACES:
                self._parts.clear()
            part = self._parts[place, is_item] = self._made(split(place), is_item=is_item)
        return part

    def _made(self, way: list[str], *, is_item: bool) -> _Part:
        shape = self._shape
        for token in way:
            shape = shape.member(token)
        if is_item:
            shape = shape.item(0)
        if self._whole is not None:
            return _Part(shape, self._whole.validator if is_item and not way else None)
        return _Part(shape, self._schemas.validator([*way, None] if is_item else [*way]))


class _InlineParts:
    """Compiles what a JSON Schema says of a part along what always holds: `$ref`, `allOf`, `properties`, `items`."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._refers_alone = "draft-07" in str(root.get("$schema", ""))  # there a `$ref` stands for all beside it

    def validator(self, way: list[str | None]) -> Validator | None:
        """Return the validator of the part at the end of a way, on which None is an item; None for no verdict."""
        schemas: list[JsonValue] = [self._root]
        for token in way:
            holding = [node for schema in schemas for node in self._conjuncts(schema)]
            schemas = [below for node in holding for below in _below(node, token)]
        if not schemas:
            return None
        try:
            return inline_validator(self._root, {"allOf": schemas})
        except SchemaInvalid:
            return None

    def _conjuncts(self, schema: JsonValue) -> Iterator[JsonObject]:
        """Give every schema that holds at a place because this one does; an admitted schema has an end."""
        if not isinstance(schema, dict):
            return
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self._conjuncts(resolve_reference(self._root, reference))
            if self._refers_alone:
                return
        yield schema
        if isinstance(parts := schema.get("allOf"), list):
            for part in parts:
                yield from self._conjuncts(part)


def _below(node: JsonObject, token: str | None) -> list[JsonValue]:
    if token is None:
        items = node.get("items")
        return [items] if isinstance(items, dict) and "prefixItems" not in node else []
    members = node.get("properties")
    return [members[token]] if isinstance(members, dict) and token in members else []


class _ModelParts:
    """Compiles what pydantic's own schema says of a part, with the configuration that it would have inside its model.

    The core schema is read rather than the annotations: there a validator stands around what it validates, whichever
    way it was declared. One that asks for what stands beside its part (`info.data`) finds none, fails, and so refuses
    nothing.
    """

    def __init__(self, adapter: "TypeAdapter[Any]") -> None:
        self._root: Any = adapter.core_schema
        definitions = self._root.get("definitions", ()) if self._root["type"] == "definitions" else ()
        self._definitions: dict[str, Any] = {definition["ref"]: definition for definition in definitions}

    def validator(self, way: list[str | None]) -> Validator | None:
        """Return the validator of the part at the end of a way, on which None is an item; None for no verdict."""
        found: tuple[Any, Any] | None = (self._root, None)
        for token in way:
            found = None if found is None else self._below(*found, token)
        if found is None:
            return None
        schema, config = found
        whole: Any = {"type": "definitions", "schema": schema, "definitions": list(self._definitions.values())}
        try:
            return PartValidator(SchemaValidator(whole, config))
        except SchemaError:
            return None

    def _below(self, schema: Any, config: Any, token: str | None) -> tuple[Any, Any] | None:
        """Return the schema of a member or item, and its configuration; None where something may overrule it."""
        while (inner := self._inner(schema)) is not None:
            config = schema.get("config") if schema["type"] == "model" else config
            schema = inner
        match schema["type"]:
            case "list" | "set" | "frozenset" if token is None and "items_schema" in schema:
                return schema["items_schema"], config
            case "model-fields" if token is not None:
                field = _field(schema["fields"], token, config or {})
                return None if field is None else (field["schema"], config)
            case _:
                return None

    def _inner(self, schema: Any) -> Any:
        """Return the schema that refuses whatever this one is given and it refuses; None where there is none."""
        match schema["type"]:
            case "definitions" | "nullable" | "function-after":
                return schema["schema"]
            case "definition-ref":
                return self._definitions.get(schema["schema_ref"])
            case "default" if schema.get("on_error", "raise") == "raise":
                return schema["schema"]
            case "json-or-python":
                return schema["json_schema"]
            case "model" if not schema.get("custom_init"):
                return schema["schema"]
            case _:
                return None


def _field(fields: Mapping[str, Any], key: str, config: Mapping[str, Any]) -> Any:
    """Return the field that takes a key before any other key it may have."""
    is_by_alias = config.get("validate_by_alias") is not False
    named = [field for name, field in fields.items() if field.get("validation_alias", name) == key]
    if len(named) != 1 or ("validation_alias" in named[0] and not is_by_alias):
        return None
    return named[0]
