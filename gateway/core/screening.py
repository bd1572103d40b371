"""Which of the parser's operations a redacted value may be made of at all (PROTOCOL.md §4, `x-stream`, `redact`).

1. Nothing of a member that is hidden passes, and nothing of what is in a container that is shown empty.
2. It goes by the schema as it was declared: what a union may still turn out to be is covered in every variant.
"""

from collections.abc import Iterable, Iterator

from gateway.core.operations import CLOSE, Operation
from gateway.core.pointer import unescape
from gateway.core.redaction import Redaction
from gateway.core.schema import Shape

__all__ = ["Screen"]


class Screen:
    """Lets operations pass, in the order of the text.

    Args:
        shape: of the root value.
        redaction: of the same shape.
    """

    def __init__(self, shape: Shape, redaction: Redaction) -> None:
        """Begin with nothing open."""
        self._shape = shape
        self._redaction = redaction
        self._open: dict[str, tuple[Shape, bool]] = {}  # open containers, and whether each is an object
        self._shut: str | None = None  # the place of which nothing passes
        self._shows_end = False  # but for its end

    def passed(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Yield what passes."""
        return (operation for operation in operations if self._passes(operation))

    def _passes(self, operation: Operation) -> bool:
        kind, pointer = operation.kind, operation.pointer
        if self._shut is not None:
            if kind is not CLOSE or pointer != self._shut:
                return False
            self._shut = None
            return self._shows_end
        if kind is CLOSE and pointer in self._open:
            del self._open[pointer]
            return True
        if self._is_hidden(pointer):
            if operation.opened:
                self._shut, self._shows_end = pointer, False
            return False
        if operation.opened:
            self._enter(operation)
        return True

    def _enter(self, operation: Operation) -> None:
        pointer, shape = operation.pointer, self._shape_at(operation.pointer)
        if self._redaction.empties(shape, operation.value):
            self._shut, self._shows_end = pointer, True
        else:
            self._open[pointer] = shape, isinstance(operation.value, dict)

    def _is_hidden(self, pointer: str) -> bool:
        head, slash, token = pointer.rpartition("/")
        if not slash:
            return False
        shape, is_object = self._open[head]
        return is_object and self._redaction.hides(shape, unescape(token))

    def _shape_at(self, pointer: str) -> Shape:
        head, slash, token = pointer.rpartition("/")
        if not slash:
            return self._shape
        shape, is_object = self._open[head]
        return shape.member(unescape(token)) if is_object else shape.item(int(token))
