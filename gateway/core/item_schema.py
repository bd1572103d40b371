"""The schema of one item of a list inside a value, so that the item can be validated on its own, before its list ends.

Of a model it is the annotation of the list's items, of an inline schema what it says under `items`. Where that is not
known, every item is valid: the validation of the whole value decides.
"""

from dataclasses import dataclass
from typing import Any, Union

from pydantic import PydanticUserError, TypeAdapter

from gateway.core.item_types import item_types
from gateway.core.pointer import split
from gateway.core.shape import Shape
from gateway.core.strict import declared_form
from gateway.core.validation import InlineValidator, ModelValidator, Unchecked, Validator
from gateway.core.values import JsonObject, JsonValue

__all__ = ["ItemSchema", "ItemSchemas", "inline_validator"]

_KEPT_SCHEMAS = 256
"""Of one value; annotations that are made anew each time they are asked for would fill the memory."""


@dataclass(frozen=True, slots=True)
class ItemSchema:
    """How one item is validated.

    Attributes:
        shape: of the item.
        validator: of the item.
        fills_defaults: whether declared defaults are added; a model does so itself.
    """

    shape: Shape
    validator: Validator
    fills_defaults: bool = False

    def validate(self, item: JsonValue) -> JsonValue:
        """Return the item as its schema has it, like `Schema.validate`; InvalidOutput with paths relative to it."""
        validated = self.validator.validate(self.shape.without_absent(item))
        return self.shape.with_defaults(validated) if self.fills_defaults else validated


class ItemSchemas:
    """The schemas of the items of every list inside one value, each made when it is first asked for.

    Args:
        root: the whole JSON Schema.
        shape: of the value.
        model: the type of the value, where the schema was made from one.
        whole: the schema of each item of a value that is a list itself, where it is known.
    """

    def __init__(self, root: JsonObject, shape: Shape, model: Any = None, *, whole: "ItemSchema | None" = None) -> None:
        """Begin with none."""
        self._root = root
        self._shape = shape
        self._model = model
        self._whole = whole
        self._made: dict[tuple[int, ...], tuple[ItemSchema, object]] = {}  # and what the ids in the key are those of

    def at(self, pointer: str, index: int) -> ItemSchema:
        """Return the schema of the item at `index` of the list at a place."""
        if self._whole is not None and not pointer:
            return self._whole
        tokens = split(pointer)
        shape = self._shape
        for token in tokens:
            shape = shape.member(token)
        if self._model is None:
            return self._of_schemas(shape, index)
        return self._of_types(shape.item(index), item_types(self._model, tokens, index))

    def _of_types(self, shape: Shape, types: tuple[Any, ...]) -> ItemSchema:
        key = (id(shape), *map(id, types))
        if key not in self._made:
            self._keep(key, ItemSchema(shape, _model_validator(types)), types)
        return self._made[key][0]

    def _of_schemas(self, shape: Shape, index: int) -> ItemSchema:
        alternatives = shape.item_schemas(index)
        key = tuple(number for schemas in alternatives for number in (len(schemas), *map(id, schemas)))
        if key not in self._made:
            validator = self._any_validator(alternatives)
            self._keep(key, ItemSchema(shape.item(index), validator, fills_defaults=True), alternatives)
        return self._made[key][0]

    def _keep(self, key: tuple[int, ...], schema: ItemSchema, named: object) -> None:
        if len(self._made) >= _KEPT_SCHEMAS:
            self._made.clear()
        self._made[key] = schema, named

    def _any_validator(self, alternatives: list[list[JsonValue]]) -> Validator:
        if not alternatives or not all(alternatives):
            return Unchecked()
        return inline_validator(self._root, _any_of([_all_of(schemas) for schemas in alternatives]))


def inline_validator(root: JsonObject, schema: JsonValue) -> Validator:
    """Return the validator of a part of the value that `root` describes."""
    form = declared_form(root, {"properties": {"part": schema}})
    match form:
        case {"properties": {"part": dict(written)}}:
            around = {keyword: root[keyword] for keyword in ("$schema",) if keyword in root}
            definitions = {"$defs": form["$defs"]} if "$defs" in form else {}
            return InlineValidator({**around, **written, **definitions})
        case _:
            return Unchecked()


def _model_validator(types: tuple[Any, ...]) -> Validator:
    if not types:
        return Unchecked()
    try:
        union: Any = Union[types]  # noqa: UP007 - of as many as there are
        return ModelValidator(TypeAdapter(union))
    except PydanticUserError:
        return Unchecked()


def _any_of(schemas: list[JsonValue]) -> JsonValue:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _all_of(schemas: list[JsonValue]) -> JsonValue:
    return schemas[0] if len(schemas) == 1 else {"allOf": schemas}
