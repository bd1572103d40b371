"""The state of one extraction's value, and the update from any position to now (PROTOCOL.md §4, §5, §6).

1. Applied to the value at `from`, an update gives the value at `rev`, in every view; `snapshot` gives it at once.
2. At equal revision all views with the same skeleton option and projection show the same value.
3. The tail is bounded; what fell off it is answered by a snapshot, never by a gap.
4. An update is encoded once for all watches with the same position and view.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from math import inf
from typing import NamedTuple

import msgspec

from gateway.core.growing import GrowingValue, encoded_size, fresh
from gateway.core.operations import APPEND, BEGIN, CLOSE, FILL, REMOVE, REPLACE, SILENT, Operation, fold, plain
from gateway.core.pointer import JsonValue, append, unescape
from gateway.core.progress import active_after, completed_in, completes, left_out, maximal, reopened_in
from gateway.core.projection import Projection

__all__ = ["Document", "Encoding", "Position", "Update", "View"]

_encode = msgspec.json.encode

_OPERATION_BYTES = len('{"op":"replace","path":"","value":},')
"""What one operation costs on the wire besides its pointer and value."""


_KEPT_UPDATES = 64
"""Encoded updates to one revision that are kept to be shared; watches at many positions share little."""


class Encoding(StrEnum):
    """The views of one history that show the value (PROTOCOL.md §4)."""

    SNAPSHOT = "snapshot"
    PATCH = "patch"
    APPEND = "append"

    __hash__ = str.__hash__  # that of an enumeration costs 0.1 µs, for each watch


class View(NamedTuple):
    """How a watch wants to see the value; watches with the same view share their updates."""

    encoding: Encoding = Encoding.PATCH
    skeleton: bool = True
    progress: bool = False
    projection: Projection | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A revision inside an epoch."""

    epoch: str
    rev: int


class Update(NamedTuple):
    """An encoded update: the body of a `snapshot` or `patch` frame behind its `type` and `id`, up to `rev`.

    `body` is JSON text without its opening brace.
    """

    type: str
    rev: int
    body: str


# A msgspec struct: one is made per delta, and a named tuple costs three times as much (0.3 against 0.1 µs).
class _Step(msgspec.Struct, frozen=True, gc=False):
    """One revision in the tail: what grew, and the running counts when it had grown."""

    operations: Sequence[Operation]
    written: int  # bytes of all operations up to and with this one, growths of one string counted as one
    open_bytes: int  # of the string that was growing, where the step ended in one


class Document:
    """Value, epoch, revision and tail of one attempt.

    Args:
        epoch: name of this numbering, never used before.
        value: the skeleton, or null; owned from now on.
        tail_steps: most revisions to keep.
        tail_bytes: most bytes of operations to keep.

    Attributes:
        rev: 0 for the value it starts with, +1 for each published step.
        final_rev: the revision of the validated value, once there is one.
        encoded_updates: how many updates have been encoded (shared ones once).
        newest: the operations of the newest step.
    """

    def __init__(self, epoch: str, value: JsonValue, *, tail_steps: int = 4_096, tail_bytes: int = 4 << 20) -> None:
        """Begin at revision 0."""
        self.epoch = epoch
        self.rev = 0
        self.final_rev: int | None = None
        self.encoded_updates = 0
        self.newest: Sequence[Operation] = ()
        self._growing = GrowingValue(value)
        self._tail: deque[_Step] = deque()
        self._tail_steps = tail_steps
        self._tail_bytes = tail_bytes
        self._before = _Step((), 0, 0)  # the counts at the revision the tail starts from
        self._written = 0
        self._open_pointer: str | None = None
        self._open_bytes = 0
        self._placeholders: dict[str, set[str]] = {}  # members of opened objects the model has not written yet
        self._is_unopened = True  # the root itself is a placeholder
        self._updates: dict[tuple[int | None, View], Update] = {}
        self._last: Operation | None = None  # of all
        self._has_states = False
        self._states: dict[str, str] = {}  # of the places whose policy asks for it: `partial` or `complete`

    @property
    def value(self) -> JsonValue:
        """The value at `rev`, live: encode or copy it before the next step."""
        return self._growing.value

    @property
    def value_bytes(self) -> int:
        """Bytes of the value's compact JSON."""
        return self._growing.encoded_bytes

    @property
    def position(self) -> Position:
        """Where the document stands now."""
        return Position(self.epoch, self.rev)

    def publish(self, operations: Iterable[Operation], *, final: bool = False, most_bytes: float = inf) -> bool:
        """Take one step: apply the operations as one revision.

        Args:
            operations: what grew, in order; none makes no revision unless `final`.
            final: whether this is the step to the validated value.
            most_bytes: the step ends early, with the operation that made the value larger than this.

        Returns:
            Whether the value changed.
        """
        if final:
            self._placeholders.clear()
            self._is_unopened = False
        taken: list[Operation] = []
        has_changed = self._take(operations, taken, most_bytes)
        self.newest = taken
        if not taken and not final:
            return False
        self.rev += 1
        if final:
            self.final_rev = self.rev
            taken += [Operation(CLOSE, operation.pointer) for operation in taken if operation.kind is not REMOVE]
        self._last = taken[-1] if taken else None
        if self._has_states:
            self._note_states(taken)
        tail = self._tail
        tail.append(_Step(taken, self._written, self._open_bytes))
        if len(tail) > self._tail_steps:
            self._before = tail.popleft()
        while self._written - self._before.written > self._tail_bytes and tail:
            self._before = tail.popleft()
        if self._updates:
            self._updates.clear()
        return has_changed

    def can_fold_from(self, rev: int) -> bool:
        """Whether the tail still holds every step after that revision."""
        return self.rev - len(self._tail) <= rev <= self.rev

    def drop_tail(self) -> None:
        """Keep only the value; every later update is a snapshot."""
        self._before = _Step((), self._written, self._open_bytes)
        self._tail.clear()
        self._updates.clear()

    def update(self, view: View, since: int | None = None) -> Update:
        """Return the encoded update from a revision to now.

        Args:
            view: how the watch wants to see it.
            since: the watch's revision in this epoch; None when it has none yet.

        Returns:
            A snapshot where the view asks for one, where the tail is too short, or where it is smaller by the running
            byte counts (of a part: both are made where the whole's is); else a folded patch.
        """
        asked = since, view
        update = self._updates.get(asked)
        if update is not None:
            return update
        if since is None or not self._is_patch_smaller(view, since):
            view, since = view._replace(encoding=Encoding.SNAPSHOT), None  # one snapshot for all who get one
            update = self._updates.get((since, view))
        if update is None:
            self.encoded_updates += 1
            update = self._snapshot(view) if since is None else self._patch(view, since)
        if len(self._updates) >= _KEPT_UPDATES:
            self._updates.clear()
        self._updates[asked] = self._updates[since, view] = update
        return update

    def has_shown(self, projection: Projection, since: int, *, progress: bool) -> bool:
        """Tell whether a part has changed since a revision, or may have; with `progress` also how far it is."""
        if not self.can_fold_from(since):
            return True
        for operation in self._operations_since(since):
            is_told = progress or operation.kind not in SILENT
            if is_told and projection.operation(operation, self._is_list) is not None:
                return True
        return False

    def value_copy(self) -> JsonValue:
        """Return a copy of the value at `rev`."""
        return fresh(self._growing.value)

    def operations_since(self, rev: int) -> list[Operation]:
        """Return the folded operations from a revision that `can_fold_from` holds for."""
        return fold(self._operations_since(rev))

    def progress_since(self, rev: int | None) -> dict[str, JsonValue]:
        """Return how far the model is (PROTOCOL.md §4, `progress`).

        Args:
            rev: what became complete after that revision is named; None, or one that fell off the tail: the complete
                places that stand in no complete place.
        """
        is_whole = self.rev == self.final_rev
        active = None if is_whole else active_after(self._last)
        told: dict[str, JsonValue] = {"active": active}
        if rev is None or not self.can_fold_from(rev):
            told["completed"] = list(maximal(self.value, active, self._placeholders)) if self.rev else []
            if self.rev and (absent := list(left_out(active, self._placeholders))):
                told["absent"] = list(absent)
            return told | self._states_of(self._states)
        steps = self._steps_since(rev)
        operations = list(chain.from_iterable(steps))
        told["completed"] = list(completed_in(operations))
        if reopened := reopened_in(chain.from_iterable(steps[:-1] if is_whole else steps)):
            told["reopened"] = list(reopened)
        return told | self._states_of(operation.pointer for operation in operations)

    def plain_value(self) -> JsonValue:
        """Return a copy of the value without what the model has not written."""
        if self._is_unopened:
            return None
        return self._plain(self._growing.value, "")

    def _states_of(self, pointers: Iterable[str]) -> dict[str, JsonValue]:
        found: JsonValue = {pointer: self._states[pointer] for pointer in pointers if pointer in self._states}
        return {"states": found} if found else {}

    def _note_states(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            if operation.kind is BEGIN and operation.value:
                self._states[operation.pointer] = "partial"
            elif self._states and operation.pointer in self._states and completes(operation):
                self._states[operation.pointer] = "complete"

    def _take(self, operations: Iterable[Operation], taken: list[Operation], most_bytes: float) -> bool:
        """Apply operations, put them into `taken`, and tell whether the value changed."""
        has_changed = False
        growing = self._growing
        for operation in operations:
            taken.append(operation)
            kind = operation.kind
            if kind is APPEND:
                has_changed = True
                self._count_growth(operation.pointer, growing.append(operation.pointer, operation.value))
            elif kind is CLOSE or kind is BEGIN:
                self._open_bytes = 0  # only the innermost value grows: no string does any more
                self._has_states |= operation.value is True
                continue
            else:
                has_changed = True
                self._apply(operation)
            if growing.encoded_bytes > most_bytes:
                break
        return has_changed

    def _apply(self, operation: Operation) -> None:
        kind, pointer, value = operation.kind, operation.pointer, operation.value
        if kind is REPLACE and self._placeholders:
            self._forget_placeholders(pointer, self._growing.at(pointer))
        self._growing.apply(kind, pointer, value)
        size = 0 if kind is REMOVE else encoded_size(value)
        self._open_pointer, self._open_bytes = pointer, size if isinstance(value, str) else 0
        self._written += _OPERATION_BYTES + len(pointer) + size
        self._note_placeholders(operation)

    def _count_growth(self, pointer: str, size: int) -> None:
        if pointer != self._open_pointer:
            self._open_pointer, self._open_bytes = pointer, 0
            self._written += _OPERATION_BYTES + len(pointer)
        self._open_bytes += size
        self._written += size

    def _note_placeholders(self, operation: Operation) -> None:
        pointer = operation.pointer
        if not pointer:
            self._is_unopened = False
        if operation.kind is FILL and pointer:
            head, _, token = pointer.rpartition("/")
            self._placeholders[head].discard(unescape(token))
        if operation.opened and isinstance(operation.value, dict) and operation.value:
            self._placeholders[pointer] = set(operation.value)

    def _forget_placeholders(self, pointer: str, value: JsonValue) -> None:
        """Forget what was unwritten in a value that is about to be replaced; costs the length of that value."""
        if isinstance(value, dict):
            self._placeholders.pop(pointer, None)
            for key, member in value.items():
                self._forget_placeholders(append(pointer, key), member)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._forget_placeholders(append(pointer, index), item)

    def _counts_at(self, rev: int) -> _Step:
        index = rev - (self.rev - len(self._tail)) - 1
        return self._before if index < 0 else self._tail[index]

    def _is_patch_smaller(self, view: View, since: int) -> bool:
        if view.encoding is Encoding.SNAPSHOT or not self.can_fold_from(since):
            return False
        if not view.skeleton and self.final_rev is not None and since < self.final_rev:
            return False  # the last step starts from a value with placeholders, which this view does not have
        if view.projection is not None:
            return True  # the counts are of the whole value: `_patch` compares the sizes of the part
        start = self._counts_at(since)
        cost = self._written - start.written + _OPERATION_BYTES
        if view.encoding is Encoding.PATCH:
            cost += start.open_bytes  # plain RFC 6902 has to give the whole string again
        return cost <= self.value_bytes or since == self.rev

    def _snapshot(self, view: View) -> Update:
        value = self.value if view.skeleton else self.plain_value()
        if view.projection is not None:
            value = view.projection.part(value)
        epoch, encoded = _encode(self.epoch).decode(), _encode(value).decode()
        told = self._told(None, view.projection) if view.progress else ""
        return self._finished("snapshot", f'"epoch":{epoch},"rev":{self.rev},"value":{encoded}{told}')

    def _patch(self, view: View, since: int) -> Update:
        operations = self._operations_since(since)
        folded = fold(operations if view.skeleton else map(plain, operations))
        if (projection := view.projection) is not None:
            parts = (projection.operation(operation, self._is_list) for operation in folded)
            folded = [part for part in parts if part is not None]
        wire = [self._wire(operation, view.encoding) for operation in folded]
        told = self._told(since, view.projection) if view.progress else ""
        patch = self._finished("patch", f'"from":{since},"rev":{self.rev},"ops":{_encode(wire).decode()}{told}')
        if projection is None or self._is_patch_smaller(view._replace(projection=None), since):
            return patch
        return min(patch, self.update(view), key=lambda update: len(update.body))

    def _is_list(self, pointer: str) -> bool:
        try:
            return isinstance(self._growing.at(pointer), list)
        except LookupError:  # what stood there was replaced in the same steps
            return False

    def _told(self, since: int | None, projection: Projection | None) -> str:
        progress = self.progress_since(since)
        return f',"progress":{_encode(progress if projection is None else projection.progress(progress)).decode()}'

    def _operations_since(self, rev: int) -> Iterator[Operation]:
        return chain.from_iterable(self._steps_since(rev))

    def _steps_since(self, rev: int) -> list[Sequence[Operation]]:
        steps = list(islice(reversed(self._tail), self.rev - rev))  # from the right: the tail may be long
        return [step.operations for step in reversed(steps)]

    def _wire(self, operation: Operation, encoding: Encoding) -> dict[str, JsonValue]:
        """Return the operation as it is sent (RFC 6902, and `append`)."""
        kind, pointer, value = operation.kind, operation.pointer, operation.value
        if kind is REMOVE:
            return {"op": "remove", "path": pointer}
        if kind is APPEND and (encoding is Encoding.PATCH or not pointer):
            kind, value = REPLACE, self._growing.at(pointer)
        elif kind is FILL:
            kind = REPLACE
        return {"op": kind.value, "path": pointer, "value": value}

    def _finished(self, type_: str, body: str) -> Update:
        if self.rev == self.final_rev:
            body += ',"final":true'
        return Update(type_, self.rev, body + "}")

    def _plain(self, value: JsonValue, pointer: str) -> JsonValue:
        if isinstance(value, list):
            return [self._plain(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        unwritten = self._placeholders.get(pointer, ())
        return {key: self._plain(member, append(pointer, key)) for key, member in value.items() if key not in unwritten}
