"""What the schema makes of the parser's operations before anyone sees them (PROTOCOL.md §4, "Partial value").

1. An opened object shows its skeleton, and the first growth of a placeholder is `fill`.
2. A string that the schema restricts to given words is not visible before its closing quote.
3. A wrapper that the provider was asked for, and the client was not, is taken off the pointers.
"""

from collections.abc import Iterable, Iterator

from gateway.core.operations import ADD, APPEND, CLOSE, FILL, REPLACE, Operation
from gateway.core.pointer import JsonValue, unescape
from gateway.core.schema import ANY, Shape

__all__ = ["Growth"]


class _Open:
    """An open container: its shape, and the members that are still placeholders."""

    __slots__ = ("placeholders", "shape")

    def __init__(self, shape: Shape, opened: JsonValue) -> None:
        self.shape = shape
        self.placeholders = set(opened) if isinstance(opened, dict) else None

    def child(self, token: str) -> Shape:
        if self.placeholders is None:
            return self.shape.item(int(token))
        return self.shape.member(unescape(token))


class Growth:
    """Turns what the parser says grew into what the watchers are shown.

    Args:
        shape: of the root value.
        wrapper: the only member of the object the provider was asked for, where the value is that member's.
    """

    def __init__(self, shape: Shape, wrapper: str | None = None) -> None:
        """Begin with nothing open."""
        self._shape = shape
        self._prefix = None if wrapper is None else f"/{wrapper}"
        self._root: Operation | None = None  # the opened root, until it is clear whether it is the wrapper
        self._open: dict[str, _Open] = {}
        self._held: dict[str, list[str]] = {}  # the text so far of a string that is not visible yet, by pointer

    @property
    def is_wrapped(self) -> bool:
        """Whether the value is inside a wrapper."""
        return self._prefix is not None

    def shaped(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Yield the operations as the watchers are shown them, in the same order, one by one."""
        for operation in operations if self._prefix is None else self._unwrapped(operations):
            if operation.kind is APPEND and operation.pointer not in self._held:
                yield operation
            else:
                yield from self._shaped(operation)

    def _unwrapped(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        for operation in operations:
            if self._prefix is None:
                yield operation
            elif not operation.pointer:
                yield from self._unwrapped_root(operation)
            elif operation.pointer == self._prefix or operation.pointer.startswith(self._prefix + "/"):
                self._root = None
                pointer = operation.pointer[len(self._prefix) :]
                yield Operation(operation.kind, pointer, operation.value, operation.opened)
            elif self._root is not None and self._shape.may_be_object:
                yield from self._given_bare(operation)

    def _unwrapped_root(self, operation: Operation) -> Iterator[Operation]:
        """Wait with an object for its first member, which tells whether the model wrote the wrapper."""
        if isinstance(operation.value, dict) and operation.opened:
            self._root = operation
        elif operation.kind is not CLOSE or (self._root is not None and self._shape.may_be_object):
            yield from self._given_bare(operation)

    def _given_bare(self, operation: Operation) -> Iterator[Operation]:
        """Go on without a wrapper: the model left it out."""
        self._prefix = None
        if self._root is not None:
            yield self._root
        yield operation

    def _shaped(self, operation: Operation) -> Iterator[Operation]:
        kind, pointer = operation.kind, operation.pointer
        if kind is CLOSE:
            yield from self._closed(operation)
        elif kind is APPEND:
            self._held[pointer].append(str(operation.value))
        elif kind is REPLACE:
            yield operation
        elif operation.opened:
            yield self._opened(operation)
        elif isinstance(operation.value, str) and self._place(pointer).held:
            self._held[pointer] = [operation.value]
        else:
            yield self._first(operation)

    def _closed(self, operation: Operation) -> Iterator[Operation]:
        self._open.pop(operation.pointer, None)
        held = self._held.pop(operation.pointer, None)
        if held is not None:
            yield self._first(Operation(ADD, operation.pointer, "".join(held)))
        yield operation

    def _opened(self, operation: Operation) -> Operation:
        pointer = operation.pointer
        shape = self._place(pointer)
        opened = shape.opened(isinstance(operation.value, list))
        self._open[pointer] = _Open(shape, opened)
        return self._first(Operation(ADD, pointer, opened, opened=True))

    def _place(self, pointer: str) -> Shape:
        """Return the shape of the place a pointer leads to; the container it leads into is open."""
        if not pointer:
            return self._shape
        head, _, token = pointer.rpartition("/")
        container = self._open.get(head)
        return ANY if container is None else container.child(token)

    def _first(self, operation: Operation) -> Operation:
        """Mark the first growth of a placeholder."""
        pointer = operation.pointer
        if not pointer:
            return Operation(FILL, pointer, operation.value, operation.opened)
        head, _, token = pointer.rpartition("/")
        container = self._open.get(head)
        if container is None or not container.placeholders:
            return operation
        key = unescape(token)
        if key not in container.placeholders:
            return operation
        container.placeholders.remove(key)
        return Operation(FILL, pointer, operation.value, operation.opened)
