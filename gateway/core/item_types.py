"""Which types the items of a list may have, by the annotation of the value the list is part of."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel, RootModel
from pydantic.fields import FieldInfo

__all__ = ["item_types"]

_SCALARS = (str, bytes, int, float, NoneType, Enum)


def item_types(annotation: Any, tokens: Iterable[str], index: int) -> tuple[Any, ...]:
    """Give the types that the item at `index` of the list at a place may have; none where that is not known.

    Args:
        annotation: of the whole value.
        tokens: the way to the list, as the value's JSON has it.
        index: only matters for tuples.
    """
    places = [annotation]
    for token in tokens:
        places = [found for place in places for bare in _bare(place) for found in _members(bare, token)]
    found = {id(one): one for place in places for bare in _bare(place) for one in _items(bare, index)}
    return () if Any in found.values() else tuple(found.values())


def _bare(annotation: Any) -> Iterator[Any]:
    """Give what an annotation stands for, the members of a union one by one."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _bare(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for member in get_args(annotation):
            yield from _bare(member)
    elif (aliased := getattr(annotation, "__value__", None)) is not None:  # a `type` statement's, from 3.12 on
        yield from _bare(aliased)
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _bare(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def _members(bare: Any, key: str) -> list[Any]:
    """Give the types of an object's member; `Any` where it could be anything, none where this is no object."""
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        named = [field.annotation for name, field in bare.model_fields.items() if key in _names(name, field)]
        return named or [Any]
    if hasattr(bare, "__required_keys__") or dataclasses.is_dataclass(bare):  # the former of any TypedDict
        return [get_type_hints(bare, include_extras=True).get(key, Any)]
    origin = get_origin(bare)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return [get_args(bare)[1]]
    return _open(bare)


def _names(name: str, field: FieldInfo) -> set[str]:
    """Give the keys a field may have in JSON."""
    alias = field.validation_alias or field.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return {name, *(choice for choice in choices if isinstance(choice, str))}


def _items(bare: Any, index: int) -> list[Any]:
    """Give the types of an array's item; `Any` where it could be anything, none where this is no array."""
    origin, arguments = get_origin(bare), get_args(bare)
    if not (isinstance(origin, type) and issubclass(origin, Iterable)) or issubclass(origin, Mapping):
        return _open(bare)
    if issubclass(origin, tuple) and arguments[-1:] != (Ellipsis,):
        return [arguments[index] if index < len(arguments) else Any]
    return [arguments[0]]


def _open(bare: Any) -> list[Any]:
    """Tell apart what has no parts from what is not known well enough."""
    origin = get_origin(bare)
    is_scalar = origin is Literal or bare is None or (isinstance(bare, type) and issubclass(bare, _SCALARS))
    is_other_container = origin is not None or (isinstance(bare, type) and issubclass(bare, BaseModel))
    return [] if is_scalar or is_other_container else [Any]
