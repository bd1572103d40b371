"""A partial value as an instance of its model: fields that are there have their types, nothing is validated."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from gateway.core.values import JsonValue

__all__ = ["annotation_of", "hydrated"]


def annotation_of(declared: Any) -> Any:
    """Return a type as it is, and of a `TypeAdapter` the type it was made for.

    Pydantic has no public name for that. Where it is not there, partial values stay plain JSON; the last one does not.
    """
    return getattr(declared, "_type", Any) if isinstance(declared, TypeAdapter) else declared


def hydrated(annotation: Any, value: JsonValue) -> Any:
    """Return a partial value with models where the annotation has them.

    A model is made without validation: what has not come yet is None or its placeholder, and a scalar that only
    validation would convert (a date, say) is still the JSON it was written as.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return hydrated(arguments[0], value)
    if origin in {Union, UnionType}:
        return hydrated(_only_model(arguments), value) if isinstance(value, dict) else _hydrated_union(arguments, value)
    if isinstance(value, dict):
        return _hydrated_object(annotation, origin, arguments, value)
    if (
        isinstance(value, list)
        and arguments
        and isinstance(origin, type)
        and issubclass(origin, Sequence | set | frozenset)
    ):
        return [hydrated(arguments[0], item) for item in value]
    return value


def _hydrated_union(arguments: tuple[Any, ...], value: JsonValue) -> Any:
    lists = [argument for argument in arguments if get_origin(argument) in {list, Sequence}]
    return hydrated(lists[0], value) if isinstance(value, list) and len(lists) == 1 else value


def _hydrated_object(annotation: Any, origin: Any, arguments: tuple[Any, ...], value: dict[str, JsonValue]) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: hydrated(arguments[1], member) for key, member in value.items()}
    return value


def _model(model: type[BaseModel], value: dict[str, JsonValue]) -> BaseModel:
    fields = {name: _member(name, field, value) for name, field in model.model_fields.items()}
    written = {name for name, (is_there, _) in fields.items() if is_there}
    return model.model_construct(_fields_set=written, **{name: member for name, (_, member) in fields.items()})


def _member(name: str, field: FieldInfo, value: dict[str, JsonValue]) -> tuple[bool, Any]:
    """Return whether a field is there, and its value, under its alias or its name."""
    for key in (field.validation_alias, field.alias, name):
        if isinstance(key, str) and key in value:
            return True, hydrated(field.annotation, value[key])
    default = None if field.is_required() else field.get_default(call_default_factory=False)
    return False, default


def _only_model(arguments: tuple[Any, ...]) -> Any:
    """Return the only model of a union, else something that leaves the value as it is."""
    models = [argument for argument in arguments if isinstance(argument, type) and issubclass(argument, BaseModel)]
    return models[0] if len(models) == 1 else object
