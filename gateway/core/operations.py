"""One step of growth, and what can be done with a run of steps: apply, fold, plain view, RFC 6902 (PROTOCOL.md §4).

1. Applying the operations in order to the value they start from gives the value they end at.
2. `fold(ops)` has the same effect as `ops` and names each pointer at most once.
3. Indices never shift: a list only grows, and loses items only, at its end.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from gateway.core.growing import GrowingValue, fresh
from gateway.core.pointer import JsonValue, escape

__all__ = [
    "ADD",
    "APPEND",
    "BEGIN",
    "CLOSE",
    "FILL",
    "REMOVE",
    "REPLACE",
    "SILENT",
    "Kind",
    "Operation",
    "difference",
    "fold",
    "plain",
]


class Kind(StrEnum):
    """What happened at a pointer."""

    ADD = "add"
    """Something new stands here."""
    FILL = "fill"
    """The first growth of a skeleton's placeholder: RFC 6902 `replace`, or `add` where the skeleton is not shown."""
    REPLACE = "replace"
    """Another value stands here at once: a duplicate key's, or the validated one."""
    APPEND = "append"
    """The string here grew by `value`."""
    REMOVE = "remove"
    """Nothing stands here any more."""
    CLOSE = "close"
    """The model will not write here again; the value did not change."""
    BEGIN = "begin"
    """The model writes here, and nothing is shown yet; the value did not change. `value`: whether a policy asks for it.
    """


ADD, FILL, REPLACE, APPEND, REMOVE, CLOSE, BEGIN = Kind

SILENT = (CLOSE, BEGIN)
"""What does not change the value; a tuple, since the hash of an enumeration's member costs 0.1 µs."""


# A msgspec struct: several are made per delta, and a frozen dataclass costs five times as much (0.5 against 0.1 µs).
class Operation(msgspec.Struct, frozen=True, gc=False):
    """One step of growth.

    Attributes:
        kind: what happened.
        pointer: where (RFC 6901).
        value: the new value, or for `append` the text the string grew by; None for `remove` and `close`.
        opened: whether `value` is a container that has just opened: empty, or its schema's skeleton.
    """

    kind: Kind
    pointer: str
    value: JsonValue = None
    opened: bool = False

    @property
    def ends_value(self) -> bool:
        """Whether a value is complete with this: a number or literal when it appears, anything else when it closes."""
        kind = self.kind
        is_leaf = not (self.opened or isinstance(self.value, str | dict | list))
        return kind is CLOSE or (is_leaf and kind is not REMOVE and kind is not BEGIN)


def plain(operation: Operation) -> Operation:
    """Return the operation as seen where no skeleton is shown: what opens is empty, what is filled is added."""
    kind = ADD if operation.kind is FILL else operation.kind
    if not operation.opened:
        return operation if kind is operation.kind else Operation(kind, operation.pointer, operation.value)
    return Operation(kind, operation.pointer, [] if isinstance(operation.value, list) else {}, opened=True)


def fold(operations: Iterable[Operation]) -> list[Operation]:
    """Return the fewest operations with the same effect, at most one per pointer, in order.

    Growth of something that appeared in this run becomes part of its appearance; growths of one string become one;
    what changes no value is left out. Cost: proportional to the run, not to the value.
    """
    folding = _Folding()
    for operation in operations:
        folding.take(operation)
    return list(folding.folded())


class _Folding:
    """The pointers touched so far, each with what happened there in sum."""

    __slots__ = ("_above", "_touched")

    def __init__(self) -> None:
        self._touched: dict[str, _Touched] = {}
        self._above: set[str] = set()  # the containers above them; only below these is there anything to forget

    def take(self, operation: Operation) -> None:
        kind, pointer = operation.kind, operation.pointer
        if kind in SILENT:
            return
        holder = self._holder(pointer)
        if holder is not None and (holder.pointer != pointer or kind is APPEND):
            holder.grow(operation)
        elif kind is REMOVE:
            self._remove(pointer)
        else:
            self._set(holder, operation)

    def folded(self) -> Iterator[Operation]:
        return (touched.operation() for touched in self._touched.values())

    def _holder(self, pointer: str) -> "_Touched | None":
        """Find what was touched at the pointer itself, or appeared above it."""
        touched = self._touched
        holder = touched.get(pointer)
        while holder is None and pointer:
            pointer = pointer[: pointer.rfind("/")]
            holder = touched.get(pointer)
        return holder

    def _set(self, before: "_Touched | None", operation: Operation) -> None:
        kind = operation.kind
        if kind is REPLACE:
            self._forget_below(operation.pointer)
        if before is not None and before.kind is not APPEND:
            kind = REPLACE if before.kind is REMOVE else before.kind
        self._touch(_Touched(kind, operation))

    def _remove(self, pointer: str) -> None:
        self._forget_below(pointer)
        before = self._touched.pop(pointer, None)
        if before is None or before.kind is not ADD:
            self._touch(_Touched(REMOVE, Operation(REMOVE, pointer)))

    def _touch(self, touched: "_Touched") -> None:
        self._touched[touched.pointer] = touched
        head = touched.pointer
        while head and (head := head[: head.rfind("/")]) not in self._above:
            self._above.add(head)

    def _forget_below(self, pointer: str) -> None:
        if pointer not in self._above:
            return
        self._above.discard(pointer)
        below = pointer + "/"
        for touched in [touched for touched in self._touched if touched.startswith(below)]:
            del self._touched[touched]


class _Touched:
    """What happened at one pointer in sum; a growing value is made only when something grows in it."""

    __slots__ = ("_opened", "_value", "kind", "pointer")

    def __init__(self, kind: Kind, operation: Operation) -> None:
        self.kind = kind
        self.pointer = operation.pointer
        self._value: JsonValue | GrowingValue = operation.value
        self._opened = operation.opened

    def grow(self, operation: Operation) -> None:
        if not isinstance(self._value, GrowingValue):
            self._value = GrowingValue(fresh(self._value))
        self._opened = False
        self._value.apply(operation.kind, operation.pointer[len(self.pointer) :], operation.value)

    def operation(self) -> Operation:
        value = self._value.value if isinstance(self._value, GrowingValue) else self._value
        return Operation(self.kind, self.pointer, value, self._opened)


def difference(before: JsonValue, after: JsonValue, pointer: str = "") -> Iterator[Operation]:
    """Yield the operations from one value to another that never shift an index (invariant 3).

    Used once per attempt, from the streamed value to the validated one; `jsonpatch.make_patch` removes from the
    middle of lists, which would break the folding of what came before.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _object_difference(before, after, pointer)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _array_difference(before, after, pointer)
    elif not _is_same(before, after):
        yield Operation(REPLACE, pointer, after)


def _object_difference(before: dict[str, JsonValue], after: dict[str, JsonValue], pointer: str) -> Iterator[Operation]:
    for key in before:
        if key not in after:
            yield Operation(REMOVE, f"{pointer}/{escape(key)}")
    for key, value in after.items():
        if key in before:
            yield from difference(before[key], value, f"{pointer}/{escape(key)}")
        else:
            yield Operation(ADD, f"{pointer}/{escape(key)}", value)


def _array_difference(before: list[JsonValue], after: list[JsonValue], pointer: str) -> Iterator[Operation]:
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        yield from difference(old, new, f"{pointer}/{index}")
    for index in range(len(before) - 1, len(after) - 1, -1):
        yield Operation(REMOVE, f"{pointer}/{index}")
    for index in range(len(before), len(after)):
        yield Operation(ADD, f"{pointer}/{index}", after[index])


def _is_same(before: JsonValue, after: JsonValue) -> bool:
    """Tell JSON equality: 1 is not true, and 1 and 1.0 are written differently."""
    return before == after and type(before) is type(after)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
