"""Soft checks: what an application expects of a valid value and only reports (PROTOCOL.md §4, `checks`)."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, RootModel

from gateway.core.pointer import append

__all__ = ["Check", "Checked", "checked", "has_checks"]

MAX_CHECKS = 100
"""Of one value that are reported; those that failed come first where there are more."""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """Annotates a field, or an item, with what is expected of it; given to an extractor, of the whole value.

    It refuses nothing: `completed` reports it.

    Args:
        name: what it is called in reports.
        predicate: given the validated value, tells whether it is as expected; raising counts as no.
        message: what is said where it is not; what it says is shown to every watch.

    Example:
        >>> class Product(BaseModel):
        ...     price: Annotated[float, Check("is_positive", lambda price: price > 0)]
    """

    name: str
    predicate: Callable[[Any], bool]
    message: str = ""

    def __post_init__(self) -> None:
        """Make sure that it can be called, and told."""
        given: tuple[object, ...] = (self.name, self.message, self.predicate)
        if not (isinstance(given[0], str) and isinstance(given[1], str) and callable(given[2])):
            raise TypeError("Check: expected a name, a function of the value, and a message")


class Checked(NamedTuple):
    """What came of a check.

    Attributes:
        path: the pointer of what was checked.
        check: which it was.
        is_passed: whether the value is as expected.
        fault: the name of the exception that the check raised, or none.
    """

    path: str
    check: Check
    is_passed: bool
    fault: str = ""


class _Place(NamedTuple):
    """A part of a value: its pointer, its type, and itself."""

    path: str
    annotation: Any
    value: Any


def checked(annotation: Any, value: Any, whole: Iterable[Check] = ()) -> list[Checked]:
    """Check a validated value; returns at most `MAX_CHECKS`, those that failed first where there are more.

    Args:
        annotation: its type.
        value: the instance.
        whole: what is expected of all of it.
    """
    results = [_result("", check, value) for check in whole]
    pending = [_Place("", annotation, value)]
    while pending:
        place = pending.pop()
        results += [_result(place.path, check, place.value) for check in _checks(place.annotation)]
        pending += reversed(list(_below(place)))
    if len(results) > MAX_CHECKS:
        results.sort(key=lambda result: result.is_passed)
    return results[:MAX_CHECKS]


def has_checks(annotation: Any) -> bool:
    """Tell whether anything in a type is annotated with a check."""
    pending, seen = [annotation], set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if _checks(one):
            return True
        pending += [*get_args(one), *_aliased(one), *_fields(one).values()]
    return False


def _result(path: str, check: Check, value: Any) -> Checked:
    try:
        return Checked(path, check, bool(check.predicate(value)))
    except Exception as fault:  # noqa: BLE001 - an application's fault is no reason to lose its value
        return Checked(path, check, is_passed=False, fault=type(fault).__name__)


def _checks(annotation: Any) -> list[Check]:
    metadata = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return [held for held in metadata if isinstance(held, Check)]


def _below(place: _Place) -> Iterator[_Place]:
    """Give the parts of a value, and the value itself where its annotation says more of it further in."""
    path, annotation, value = place
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield _Place(path, arguments[0], value)
    elif origin in {Union, UnionType}:
        fitting = [member for member in arguments if _fits(member, value)]
        yield from (_Place(path, member, value) for member in fitting[:1])
    elif aliased := _aliased(annotation):
        yield _Place(path, aliased[0], value)
    elif isinstance(value, RootModel):
        yield _Place(path, _fields(type(value))["root"], value.root)
    elif isinstance(value, Mapping) and isinstance(origin, type) and issubclass(origin, Mapping):
        yield from (_Place(append(path, str(key)), arguments[1], member) for key, member in value.items())
    elif isinstance(value, list | tuple | Set) and arguments:
        yield from _items(path, arguments, value)
    else:
        yield from _members(path, annotation, value)


def _items(path: str, arguments: tuple[Any, ...], values: Iterable[Any]) -> Iterator[_Place]:
    is_same = len(arguments) == 1 or arguments[-1] is Ellipsis
    for index, item in enumerate(values):
        if is_same or index < len(arguments):
            yield _Place(append(path, index), arguments[0 if is_same else index], item)


def _members(path: str, annotation: Any, value: Any) -> Iterator[_Place]:
    """Give the members of an object under the names that they have in its JSON."""
    owner: Any = type(value) if isinstance(value, BaseModel) or dataclasses.is_dataclass(value) else annotation
    for name, declared in _fields(owner).items():
        field = owner.model_fields[name] if isinstance(value, BaseModel) else None
        key = name if field is None else field.serialization_alias or name
        is_shown = field is None or field.exclude is not True
        if isinstance(value, Mapping) and name in value:
            yield _Place(append(path, key), declared, value[name])
        elif is_shown and hasattr(value, name) and not isinstance(value, Mapping):
            yield _Place(append(path, key), declared, getattr(value, name))


def _fields(annotation: Any) -> dict[str, Any]:
    """Return the annotations of an object's members; none where it is not one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return {name: Annotated[field.annotation, None, *field.metadata] for name, field in fields}
    if isinstance(annotation, type) and (dataclasses.is_dataclass(annotation) or hasattr(annotation, "__total__")):
        return get_type_hints(annotation, include_extras=True)
    return {}


def _aliased(annotation: Any) -> list[Any]:
    """Return what a `type` statement, from 3.12 on, stands for."""
    aliased = getattr(annotation, "__value__", None)
    return [] if aliased is None else [aliased]


def _fits(member: Any, value: Any) -> bool:
    """Tell whether a value may be that member of a union."""
    while get_origin(member) is Annotated:
        member = get_args(member)[0]
    kind = get_origin(member) or member
    if kind is None or kind is NoneType:
        return value is None
    return value is not None and (not isinstance(kind, type) or hasattr(kind, "__total__") or isinstance(value, kind))
