"""What may not be shown is replaced before anyone sees it (PROTOCOL.md §4, `x-stream`, `redact`).

1. A leaf that is covered is held until it is complete, then shown as the transform has it: no part of it earlier.
2. Covered are the places whose policy asks for it; a container there is shown empty, since its keys may tell as well.
   Where there are such places, a member that the schema does not know is not shown at all: a model may have misplaced
   what is to be hidden. With a transform and no such place, every leaf is covered.
   The same goes for a value of a type that should not stand where it does.
3. A transform that fails, or returns no leaf, leaks nothing: its leaf is shown as the mask.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import TypeAlias

from gateway.core.pointer import JsonValue, append, split
from gateway.core.shape import Shape
from gateway.errors import InvalidOutput

__all__ = ["MASK", "UNQUOTED", "Redaction", "Transform"]

Transform: TypeAlias = Callable[[str, JsonValue], JsonValue]
"""Given a leaf's pointer and its complete value, returns the leaf that is shown instead."""

MASK = "[redacted]"
"""What a string is shown as without a transform; any other leaf is null then."""


UNQUOTED = "does not fit the schema"
"""What is told of an error in a redacted value."""


class Redaction:
    """Says what is covered, and what stands there instead.

    Args:
        shape: of the root value.
        transform: the application's; None for the mask.
        output: of the validated root value, where that has other names.

    Attributes:
        is_needed: anything may be covered at all.
    """

    def __init__(self, shape: Shape, transform: Transform | None = None, output: Shape | None = None) -> None:
        """Know the policies."""
        self._shape = shape
        self._output = shape if output is None else output
        self.is_needed = shape.has_redactions or transform is not None
        self._covers_all = transform is not None and not shape.has_redactions
        self._transform = _mask if transform is None else transform

    def covers(self, shape: Shape, value: JsonValue) -> bool:
        """Tell whether a value is covered at a place: also where no value of its type should stand there."""
        return self._covers_all or self.empties(shape, value)

    def empties(self, shape: Shape, value: JsonValue) -> bool:
        """Tell whether a container at a place is shown empty."""
        return shape.policy.redact or (self.is_needed and not self._covers_all and not shape.permits(value))

    def hides(self, shape: Shape, key: str) -> bool:
        """Tell whether a member of an object at a place is not shown at all."""
        return self.is_needed and not self._covers_all and not shape.admits(key)

    def leaf(self, pointer: str, value: JsonValue) -> JsonValue:
        """Return what a complete leaf is shown as."""
        if value is None:
            return None
        try:
            shown = self._transform(pointer, value)
            return shown if _is_leaf(shown) else _mask(pointer, value)
        except Exception:  # noqa: BLE001 - an application's fault must not show what was to be hidden
            return _mask(pointer, value)

    def value(self, shape: Shape, pointer: str, value: JsonValue) -> JsonValue:
        """Return a whole value as it is shown; the value itself is not changed."""
        if not self.is_needed:
            return value
        match value:
            case dict() if self.empties(shape, value):
                return {}
            case list() if self.empties(shape, value):
                return []
            case dict():
                return {
                    key: self.value(shape.member(key), append(pointer, key), member)
                    for key, member in value.items()
                    if not self.hides(shape, key)
                }
            case list():
                return [self.value(shape.item(at), append(pointer, at), item) for at, item in enumerate(value)]
            case _:
                return self.leaf(pointer, value) if self.covers(shape, value) else value

    @property
    def is_renaming(self) -> bool:
        """Whether validation gives a redacted value other names."""
        return self.is_needed and self._output is not self._shape

    def validated(self, value: JsonValue) -> JsonValue:
        """Return a value that validation returned as it is shown."""
        return self.value(self._output, "", value)

    def item(self, path: str, index: int, value: JsonValue) -> JsonValue:
        """Return an item of a list as it is shown; a number on the way may be an index or a key, and counts as both."""
        shapes = [self._shape]
        for token in split(path):
            indices = [shape for shape in shapes if token.isdecimal() and shape.may_be_array]
            keys = [shape for shape in shapes if shape.may_be_object or shape not in indices]
            shapes = [*(shape.item(int(token)) for shape in indices), *(shape.member(token) for shape in keys)]
        for shape in dict.fromkeys(shape.item(index) for shape in shapes):
            value = self.value(shape, append(path, index), value)
        return value

    def shown(self, error: InvalidOutput) -> InvalidOutput:
        """Return an error that quotes nothing of what came, and names no key that is not shown."""
        errors = tuple(self.told(error.errors))
        return InvalidOutput("the answer does not fit the schema; what came is redacted", errors=errors)

    def told(self, errors: Iterable[Mapping[str, str]], base: str = "") -> list[dict[str, str]]:
        """Return errors likewise; their paths begin at a base."""
        places = dict.fromkeys(self.place(base + fault["path"]) for fault in errors)
        return [{"path": place[len(base) :], "message": UNQUOTED} for place in places]

    def places(self, paths: Iterable[str]) -> list[str]:
        """Return paths as far as they are shown, each once."""
        return list(dict.fromkeys(map(self.place, paths))) if self.is_needed else list(paths)

    def place(self, path: str) -> str:
        """Return a path as far as it is shown."""
        shape = self._shape
        place = ""
        for token in split(path):
            is_item = token.isdecimal() and shape.may_be_array
            if (
                shape.policy.redact
                or not (is_item or shape.may_be_object)
                or (not is_item and self.hides(shape, token))
            ):
                break
            shape, place = self._below(shape, token), append(place, token)
        return place

    @staticmethod
    def _below(shape: Shape, token: str) -> Shape:
        return shape.item(int(token)) if token.isdecimal() and shape.may_be_array else shape.member(token)


def _is_leaf(value: object) -> bool:
    """Tell whether a transform returned what can be sent."""
    match value:
        case None | bool():
            return True
        case str():
            return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
        case int():
            return abs(value) < 2**1023
        case float():
            return isfinite(value)
        case _:
            return False


def _mask(_: str, value: JsonValue) -> JsonValue:
    return MASK if isinstance(value, str) else None
