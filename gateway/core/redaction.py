"""What may not be shown is replaced before anyone sees it (PROTOCOL.md §4, `x-stream`, `redact`).

1. A leaf that is covered is held until it is complete, then shown as the transform has it: no part of it earlier.
2. Covered are the leaves at and below a place whose policy asks for it; with a transform and no such place, all.
3. A transform that fails leaks nothing: its leaf is shown as the mask.
"""

from collections.abc import Callable
from typing import TypeAlias

from gateway.core.pointer import JsonValue, append
from gateway.core.shape import Shape
from gateway.errors import InvalidOutput

__all__ = ["MASK", "UNQUOTED", "Redaction", "Transform", "redacted"]

Transform: TypeAlias = Callable[[str, JsonValue], JsonValue]
"""Given a leaf's pointer and its complete value, returns what is shown instead."""

MASK = "[redacted]"
"""What a string is shown as without a transform; any other leaf is null then."""


UNQUOTED = "does not fit the schema"
"""What is told of an error in a redacted value."""


class Redaction:
    """Says what is covered, and what stands there instead.

    Args:
        shape: of the root value.
        transform: the application's; None for the mask.

    Attributes:
        is_needed: anything may be covered at all.
    """

    def __init__(self, shape: Shape, transform: Transform | None = None) -> None:
        """Know the policies."""
        self.is_needed = shape.has_redactions or transform is not None
        self._covers_all = transform is not None and not shape.has_redactions
        self._transform = _mask if transform is None else transform

    def covers(self, shape: Shape, *, inherited: bool) -> bool:
        """Tell whether a place is covered; `inherited` where the container it stands in is."""
        return inherited or self._covers_all or shape.policy.redact

    def leaf(self, pointer: str, value: JsonValue) -> JsonValue:
        """Return what a complete leaf is shown as."""
        if value is None:
            return None
        try:
            return self._transform(pointer, value)
        except Exception:  # noqa: BLE001 - an application's fault must not show what was to be hidden
            return _mask(pointer, value)

    def value(self, shape: Shape, pointer: str, value: JsonValue, *, inherited: bool = False) -> JsonValue:
        """Return a whole value as it is shown; the value itself is not changed."""
        if not self.is_needed:
            return value
        is_covered = self.covers(shape, inherited=inherited)
        match value:
            case dict():
                return {
                    key: self.value(shape.member(key), append(pointer, key), member, inherited=is_covered)
                    for key, member in value.items()
                }
            case list():
                return [
                    self.value(shape.item(index), append(pointer, index), item, inherited=is_covered)
                    for index, item in enumerate(value)
                ]
            case _:
                return self.leaf(pointer, value) if is_covered else value


def redacted(error: InvalidOutput) -> InvalidOutput:
    """Return an error that names the same places and quotes nothing of what came."""
    errors = tuple({"path": fault["path"], "message": UNQUOTED} for fault in error.errors)
    return InvalidOutput("the answer does not fit the schema; what came is redacted", errors=errors)


def _mask(_: str, value: JsonValue) -> JsonValue:
    return MASK if isinstance(value, str) else None
