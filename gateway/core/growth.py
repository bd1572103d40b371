"""What the schema makes of the parser's operations before anyone sees them (PROTOCOL.md §4, "Partial value").

1. An opened object shows its skeleton, and the first growth of a placeholder is `fill`.
2. A string that the schema restricts to given words is not visible before its closing quote.
3. A wrapper that the provider was asked for, and the client was not, is taken off the pointers.
"""

from collections.abc import Iterable, Iterator

from gateway.core.operations import ADD, APPEND, CLOSE, FILL, Kind, Operation
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
            kind, pointer = operation.kind, operation.pointer
            held = self._held.get(pointer)
            if kind is APPEND and held is not None:
                held.append(str(operation.value))
            elif kind is CLOSE:
                self._open.pop(pointer, None)
                if held is not None:
                    yield self._revealed(pointer)
                yield operation
            elif kind is not ADD:
                yield operation
            elif (shown := self._added(operation)) is not None:
                yield shown

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

    def _added(self, operation: Operation) -> Operation | None:
        """Return what something new is shown as, or None where it is held."""
        pointer = operation.pointer
        container, token = self._place(pointer)
        value = operation.value
        if operation.opened:
            shape = self._shape_of(container, token)
            value = shape.opened(isinstance(value, list))
            self._open[pointer] = _Open(shape, value)
        elif isinstance(value, str) and self._shape_of(container, token).held:
            self._held[pointer] = [value]
            return None
        kind = _kind(container, token)
        return operation if kind is ADD and not operation.opened else Operation(kind, pointer, value, operation.opened)

    def _revealed(self, pointer: str) -> Operation:
        """Return the appearance of a string that was held."""
        return Operation(_kind(*self._place(pointer)), pointer, "".join(self._held.pop(pointer)))

    def _place(self, pointer: str) -> tuple[_Open | None, str | None]:
        """Return the open container a pointer leads into, where there is one, and the last token; the root has none."""
        if not pointer:
            return None, None
        head, _, token = pointer.rpartition("/")
        return self._open.get(head), token

    def _shape_of(self, container: _Open | None, token: str | None) -> Shape:
        if token is None:
            return self._shape
        return ANY if container is None else container.child(token)


def _kind(container: _Open | None, token: str | None) -> Kind:
    """Tell whether something new fills a placeholder, which can be done once, or is added."""
    if token is None:
        return FILL
    if container is None or not container.placeholders:
        return ADD
    key = unescape(token)
    if key not in container.placeholders:
        return ADD
    container.placeholders.remove(key)
    return FILL
