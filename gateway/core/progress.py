"""Which places of a value are complete, and which one is being written (PROTOCOL.md §4, `progress`).

1. A place is complete from the step on in which the model closed it; only a key that comes twice is written again.
2. `completed_in` names every place that became complete in a run of steps, leaves and containers, in that order.
3. `maximal` names the complete places that stand in no complete place.
4. An operation costs what it says, not the value.
"""

from collections.abc import Iterable, Iterator

from gateway.core.operations import ADD, BEGIN, CLOSE, FILL, REPLACE, Operation
from gateway.core.pointer import JsonValue, append

__all__ = ["Progress", "completed_in", "reopened_in"]

_APPEARANCES = frozenset({ADD, FILL, REPLACE})
_PARTIAL, _COMPLETE = "partial", "complete"


class Progress:
    """How far the model is, kept up operation by operation.

    Attributes:
        states: of the places whose policy asks for it, by pointer: `partial` or `complete`; the others are pending.
    """

    __slots__ = ("_done", "_open", "states")

    def __init__(self) -> None:
        """Begin with nothing written."""
        self.states: dict[str, str] = {}
        self._open: list[str] = []  # the pointers of what is open, innermost last
        self._done: list[dict[str, None]] = [{}]  # the complete places right below each of them, behind the root's own

    @property
    def active(self) -> str | None:
        """The innermost place that is being written; None before the first and behind the last."""
        return self._open[-1] if self._open else None

    def maximal(self) -> list[str]:
        """Return the complete places that stand in no complete place."""
        return [pointer for done in self._done for pointer in done]

    def take(self, operation: Operation) -> None:
        """Take an operation other than `append`, in order."""
        kind, pointer = operation.kind, operation.pointer
        if kind is CLOSE:
            self._close(pointer)
        elif kind is BEGIN:
            if operation.value:
                self.states[pointer] = _PARTIAL
            self._enter(pointer)
        elif kind is REPLACE or not _is_growing(operation):
            self._close(pointer)
        else:
            self._enter(pointer)

    def finish(self) -> None:
        """Say that the value is as it will stay."""
        self._open, self._done = [], [{"": None}]
        self.states = dict.fromkeys(self.states, _COMPLETE)

    def _enter(self, pointer: str) -> None:
        if self.active != pointer:
            self._open.append(pointer)
            self._done.append({})

    def _close(self, pointer: str) -> None:
        if self._open and self._open[-1] == pointer:  # as nearly always
            self._open.pop()
            self._done.pop()
        elif pointer in self._open:
            at = self._open.index(pointer)
            del self._open[at:], self._done[at + 1 :]
        self._done[-1][pointer] = None
        if pointer in self.states:
            self.states[pointer] = _COMPLETE


def _is_growing(operation: Operation) -> bool:
    """Tell whether what appears is open: a container that has just opened, or a string."""
    return operation.opened or isinstance(operation.value, str)


def completed_in(operations: Iterable[Operation]) -> list[str]:
    """Return the places that became complete in a run of steps, in order, each once."""
    return list(dict.fromkeys(_completed(operations)))


def reopened_in(operations: Iterable[Operation]) -> list[str]:
    """Return the places that the model has written again: a key that came twice."""
    return list(dict.fromkeys(operation.pointer for operation in operations if operation.kind is REPLACE))


def _completed(operations: Iterable[Operation]) -> Iterator[str]:
    for operation in operations:
        kind, pointer, value = operation.kind, operation.pointer, operation.value
        if kind is CLOSE:
            yield pointer
        elif kind in _APPEARANCES and not operation.opened and (kind is REPLACE or not isinstance(value, str)):
            yield from _within(value, pointer)


def _within(value: JsonValue, pointer: str) -> Iterator[str]:
    """Yield every place of a value that appeared whole, a container behind what is in it."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _within(member, append(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _within(item, append(pointer, index))
    yield pointer
