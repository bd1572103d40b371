"""Leaves out the items that are refused for good, where their list asks for it (PROTOCOL.md §4, `on_invalid`).

1. An item of such a list is shown once it is closed and not refused, at once and whole; a refused one never is.
2. Items that are shown have the indices 0, 1, 2 and so on, and keep them.
3. What is left of a whole value is what was shown of it item by item.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from gateway.core.operations import ADD, BEGIN, CLOSE, REPLACE, Operation
from gateway.core.pointer import JsonValue, append
from gateway.core.schema import Schema

__all__ = ["Dropped", "Sieve", "sifted"]

Dropped: TypeAlias = dict[str, dict[int, list[dict[str, str]]]]
"""The items that were left out: by the pointer of their list and the index that the model gave them, their errors."""


class Sieve:
    """Takes items out of the parser's operations.

    Args:
        schema: of the value.
        written: gives what the model wrote at a place, live.

    Attributes:
        dropped: what was left out so far.
    """

    def __init__(self, schema: Schema, written: Callable[[str], JsonValue]) -> None:
        """Begin outside of any list."""
        self._schema = schema
        self._written = written
        self.dropped: Dropped = {}
        self._list: str | None = None  # the outermost list that is open
        self._is_sifted = False  # whether it asks for it
        self._closed = 0  # items of it
        self._held: list[Operation] = []  # of the item that is open

    def sifted(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Yield the operations of what is shown, with the indices that it is shown at."""
        for operation in operations:
            if self._list is None:
                yield self._outside(operation)
            elif operation.kind is CLOSE and operation.pointer == self._list:
                self._list = None
                yield operation
            elif self._is_sifted:
                yield from self._inside(self._list, operation)
            else:
                yield operation

    def shown(self, pointer: str) -> str:
        """Return where a place is shown that the model wrote at a pointer."""
        for path, dropped in self.dropped.items():
            if pointer.startswith(path + "/"):
                token, slash, rest = pointer[len(path) + 1 :].partition("/")
                return f"{path}/{_moved(int(token), dropped)}{slash}{rest}"
        return pointer

    def _outside(self, operation: Operation) -> Operation:
        kind, pointer, value = operation.kind, operation.pointer, operation.value
        if operation.opened:
            if isinstance(value, list):
                self._list, self._is_sifted, self._closed = pointer, self._schema.drops(pointer), 0
            return operation
        if kind not in {ADD, REPLACE} or not isinstance(value, dict | list):
            return operation
        for path in [path for path in self.dropped if f"{path}/".startswith(f"{pointer}/")]:
            del self.dropped[path]  # a duplicate key's value takes the place of the one before
        return Operation(kind, pointer, sifted(self._schema, value, self.dropped, pointer))

    def _inside(self, path: str, operation: Operation) -> Iterator[Operation]:
        token, slash, _ = operation.pointer[len(path) + 1 :].partition("/")
        index = int(token)
        if index < self._closed:  # something of an item that was shown or left out before
            yield from () if index in self.dropped.get(path, ()) else self._at_their_places([operation])
            return
        if not self._held:
            yield Operation(BEGIN, self.shown(append(path, index)))
        self._held.append(operation)
        if not slash and operation.ends_value:
            yield from self._item(path, index)

    def _item(self, path: str, index: int) -> Iterator[Operation]:
        """Decide on the item that has closed."""
        held, self._held, self._closed = self._held, [], index + 1
        pointer = append(path, index)
        errors = self._schema.faults(pointer, self._written(pointer), is_item=True)
        if errors:
            self.dropped.setdefault(path, {})[index] = errors
            yield Operation(BEGIN, path)
        else:
            yield from self._at_their_places(held)

    def _at_their_places(self, operations: list[Operation]) -> Iterator[Operation]:
        if not self.dropped:
            yield from operations
            return
        for operation in operations:
            kind, pointer = operation.kind, self.shown(operation.pointer)
            yield Operation(kind, pointer, operation.value, operation.opened)


def sifted(schema: Schema, value: JsonValue, dropped: Dropped, pointer: str = "") -> JsonValue:
    """Return what is left of a value; it is not changed itself, and `dropped` learns what was left out.

    Args:
        schema: of the whole value.
        value: one that stands in no list.
        dropped: what was left out so far.
        pointer: where the value stands.
    """
    if isinstance(value, dict):
        return {key: sifted(schema, member, dropped, append(pointer, key)) for key, member in value.items()}
    if not isinstance(value, list) or not schema.drops(pointer):
        return value
    refused = {index: schema.faults(append(pointer, index), item, is_item=True) for index, item in enumerate(value)}
    refused = {index: errors for index, errors in refused.items() if errors}
    if refused:
        dropped[pointer] = refused
    return [item for index, item in enumerate(value) if index not in refused]


def _moved(index: int, dropped: dict[int, list[dict[str, str]]]) -> int:
    """Return the index at which an item is shown: nearly always it stands behind all that were left out."""
    is_behind = index > next(reversed(dropped))
    return index - (len(dropped) if is_behind else sum(other < index for other in dropped))
