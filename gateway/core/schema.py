"""What is extracted: one schema, the shape of its values, what a provider is sent, and the final validation.

A schema comes from a pydantic model, which is trusted, or from an inline JSON Schema, which is not (see
PROTOCOL.md §10). A provider is only ever asked for an object; any other value is asked for inside a wrapper.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import GenericAlias
from typing import Any

from pydantic import PydanticUserError, TypeAdapter

from gateway.core.admission import admit, refuse
from gateway.core.checks import Check, Checked, checked, has_checks
from gateway.core.item_schema import ItemSchema, ItemSchemas
from gateway.core.limits import Limits
from gateway.core.output_shape import output_shape
from gateway.core.refusal import Refusals
from gateway.core.shape import ANY, Shape
from gateway.core.strict import declared_form, strict_form
from gateway.core.union import Member, members_of, tool_name
from gateway.core.validation import InlineValidator, ItemsValidator, ModelValidator, Validator
from gateway.core.values import JsonObject, JsonValue

__all__ = ["ANY", "JsonValue", "Schema", "Shape"]

_NAME_CHARS = 64


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Schema:
    """One schema, made once and shared by every extraction that uses it.

    Attributes:
        name: 1–64 characters of `[A-Za-z0-9_-]`: what a provider calls the tool or the response format.
        json_schema: as declared; of a model, the schema of what it validates.
        shape: of the value.
        output: of the validated value, where that has other names and something in it is redacted; else `shape`.
        provider_schema: what a provider is sent, complete in itself.
        strict: `provider_schema` keeps the rules for strict output.
        wrapper: the only member of the object a provider is asked for, where the value is that member's:
            `items` for a list that `many` made, `value` for anything else that is not an object, else None.
        members: where the value is one of several objects, each of them.
        has_checks: whether anything in the type it was made from is annotated with a soft check.
    """

    name: str
    json_schema: JsonObject
    shape: Shape
    output: Shape
    provider_schema: JsonObject
    strict: bool
    wrapper: str | None
    members: tuple[Member, ...]
    _root: JsonObject  # what references resolve against
    _described: JsonObject  # the schema of the value: the root, or an array around it
    _validator: Validator
    _fills_defaults: bool  # a model does so itself
    _items: ItemSchemas
    _refusals: Refusals
    _annotation: Any = None  # the type it was made from
    has_checks: bool = False

    @classmethod
    def from_model(cls, model: Any, *, name: str | None = None, adapter: TypeAdapter[Any] | None = None) -> "Schema":
        """Make the schema of a pydantic model, or of any type pydantic can validate.

        Args:
            model: the type.
            name: in place of its own.
            adapter: validates it, where there is one already, with a configuration of its own.

        Raises:
            SchemaInvalid: the model has no JSON Schema, or redacts what nobody can follow into its output.
        """
        try:
            adapter = TypeAdapter(model) if adapter is None else adapter
            root: JsonObject = adapter.json_schema(mode="validation", by_alias=True)
        except PydanticUserError as fault:
            refuse("", f"expected a model that has a JSON Schema, got one that has not: {fault.message}")
        validator = ModelValidator(adapter)
        shape = Shape.of(root)
        items = ItemSchemas(root, shape, model)
        refusals = Refusals(root, shape, adapter)
        name = name or str(getattr(model, "__name__", ""))
        made = _made(name, root, shape, validator, items, refusals, fills_defaults=False)
        output = output_shape(adapter, shape) if shape.has_redactions else shape
        return replace(made, output=output, _annotation=model, has_checks=has_checks(model))

    @classmethod
    def from_json(cls, schema: object, *, limits: Limits, name: str | None = None) -> "Schema":
        """Make the schema of an inline JSON Schema: draft 2020-12, 2019-09 or 7, with local references only.

        Raises:
            SchemaInvalid: it cannot be used; the message names the place, what was expected and what came.
            SchemaTooComplex: it is beyond `schema_bytes`, `schema_depth` or `schema_nodes`.
        """
        root = admit(schema, limits)
        shape = Shape.of(root)
        validator, items = InlineValidator(root), ItemSchemas(root, shape)
        refusals = Refusals(root, shape)
        name = name or str(root.get("title", ""))
        return _made(name, root, shape, validator, items, refusals, fills_defaults=True)

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the value as the schema has it: validated, and with declared defaults for absent members.

        An explicit null of a member that is declared, not required and may not be null counts as absent: the
        strict form makes every member required, so that null is the only way left for a model to say so.

        Raises:
            InvalidOutput: with at most 20 `errors`, each of a bounded length.
        """
        validated = self._validator.validate(self.shape.without_absent(value))
        return self.shape.with_defaults(validated) if self._fills_defaults else validated

    def item(self, pointer: str, index: int) -> ItemSchema:
        """Return the schema of the item at `index` of the list at a place."""
        return self._items.at(pointer, index)

    def faults(self, pointer: str, value: JsonValue, *, is_item: bool) -> list[dict[str, str]]:
        """Return why no later token can make a closed part valid, with paths from the root; else nothing.

        The part is an item of an outermost list, or a member of the root.
        """
        return self._refusals.errors(pointer, value, is_item=is_item)

    def spoiling(self, pointer: str, value: JsonValue, *, is_item: bool) -> list[dict[str, str]]:
        """Return the same where the policy of the part is that the whole answer then fails."""
        return self._refusals.spoiling(pointer, value, is_item=is_item)

    def drops(self, path: str) -> bool:
        """Tell whether the list at a place asks that invalid items are left out."""
        return self.shape.has_drops and self._refusals.on_invalid(path) == "drop"

    def checked(self, value: JsonValue, whole: Iterable[Check] = ()) -> list[Checked]:
        """Run the soft checks on a value that is valid; those of the whole one as well."""
        return checked(self._annotation, self._validator.instance(self.shape.without_absent(value)), whole)

    def many(self) -> "Schema":
        """Return the schema of a bare array of this; a provider is asked for an object with `items`."""
        array: JsonObject = {"type": "array", "items": self._described}
        provider_schema, strict = _asked(self._root, array, "items")
        shape = Shape.of(self._root, array)
        whole = ItemSchema(self.shape, self._validator, fills_defaults=self._fills_defaults)
        return Schema(
            name=f"{self.name[: _NAME_CHARS - len('_list')]}_list",
            json_schema=declared_form(self._root, array),
            shape=shape,
            output=shape if self.output is self.shape else self.output.listed(),
            provider_schema=provider_schema,
            strict=strict,
            wrapper="items",
            members=(),
            _root=self._root,
            _described=array,
            _validator=ItemsValidator(self._validator),
            _fills_defaults=self._fills_defaults,
            _items=ItemSchemas(self._root, shape, whole=whole),
            _refusals=Refusals(self._root, shape, whole=whole),
            _annotation=None if self._annotation is None else GenericAlias(list, (self._annotation,)),
            has_checks=self.has_checks,
        )


def _made(
    name: str,
    root: JsonObject,
    shape: Shape,
    validator: Validator,
    items: ItemSchemas,
    refusals: Refusals,
    *,
    fills_defaults: bool,
) -> Schema:
    wrapper = None if shape.is_object or shape.may_be_anything else "value"
    asked: JsonObject = {"type": "object", **root} if shape.may_be_anything else root
    provider_schema, strict = _asked(root, asked, wrapper)
    return Schema(
        name=tool_name(name) or "extract",
        json_schema=root,
        shape=shape,
        output=shape,
        provider_schema=provider_schema,
        strict=strict,
        wrapper=wrapper,
        members=() if wrapper is None else members_of(root),
        _root=root,
        _described=root,
        _validator=validator,
        _fills_defaults=fills_defaults,
        _items=items,
        _refusals=refusals,
    )


def _asked(root: JsonObject, described: JsonObject, wrapper: str | None) -> tuple[JsonObject, bool]:
    """Return what a provider is asked for, and whether that is in the strict form."""
    asked: JsonObject = described if wrapper is None else _wrapped(described, wrapper)
    strict = strict_form(root, asked)
    return (declared_form(root, asked), False) if strict is None else (strict, True)


def _wrapped(described: JsonObject, wrapper: str) -> JsonObject:
    return {
        "type": "object",
        "properties": {wrapper: described},
        "required": [wrapper],
        "additionalProperties": False,
    }
