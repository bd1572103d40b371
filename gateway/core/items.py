"""The finished items of the outermost lists of a value, each validated on its own (PROTOCOL.md §4, `item`).

1. Items are numbered from 0 in the order they close; the items of one list close in the order of their indices.
2. A list inside another list is part of an item. A duplicate key's lists come again, under the keys they had.
3. An item is judged and encoded once for all who see it, and only after somebody asked.
4. What is redacted is so here too, and an error does not quote it.
5. Nothing is kept of an item that nobody asked for but a reference to the parser's own value, and its revision.
"""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from gateway.core.operations import APPEND, CLOSE, Operation
from gateway.core.pointer import JsonValue, append, resolve
from gateway.core.projection import ABOVE, SELECTED, Projection
from gateway.core.redaction import Redaction
from gateway.core.schema import Schema
from gateway.core.sieve import Dropped
from gateway.errors import InvalidOutput

__all__ = ["Items", "Part"]

_encode = msgspec.json.encode

_ANY_DEPTH = sys.maxsize

_KEPT_PARTS = 64

_VALID = ',"valid":true}'
_NOT_JUDGED = [{"path": "", "message": "the item could not be judged"}]


class Part(NamedTuple):
    """A part of the value that has closed: an item, or a member of the root.

    Attributes:
        pointer: where the model wrote it.
        value: what it wrote, live.
        is_item: it is an item.
    """

    pointer: str
    value: JsonValue
    is_item: bool


class _Run:
    """Items of one list that closed one after the other, from index 0 on."""

    __slots__ = ("first", "path", "revs", "values")

    def __init__(self, path: str, first: int, values: list[JsonValue], revs: "array[int]") -> None:
        self.path = path
        self.first = first  # the number of its first item
        self.values = values  # the list itself, as the parser has it
        self.revs = revs  # the revision at which each closed


class Items:
    """The items that have closed so far in one attempt.

    Args:
        schema: of the value; None where its items are known to be valid.
        redaction: of what the model writes; None where the items are as they may be shown.
        runs: items that are there already.
        dropped: the items that are left out of the value, which grow in number as the value does.

    Attributes:
        closed: how many items there are.
        parts: what has closed and nobody has looked at yet.
    """

    def __init__(
        self,
        schema: Schema | None,
        redaction: Redaction | None = None,
        runs: Iterable[_Run] = (),
        dropped: Dropped | None = None,
    ) -> None:
        """Begin with none, or with those of another one."""
        self._schema = schema
        self._dropped = {} if dropped is None else dropped
        self._redaction = redaction
        self._runs = list(runs)
        self.closed = sum(len(run.revs) for run in self._runs)
        self.parts: list[Part] = []
        self._list: str | None = None  # the outermost list that is open
        self._depth = _ANY_DEPTH  # what stands deeper is inside an item: it is its pointer's last "/" that counts
        self._run: _Run | None = None  # its items
        self._verdicts: list[str] = []  # the last members of each item's frame, encoded
        self._parts: dict[tuple[int, Projection], str] = {}  # likewise, of items of which a part is seen

    @property
    def judged(self) -> int:
        """How many of them have been judged: those that can be shown."""
        return len(self._verdicts)

    def note(self, operations: Iterable[Operation], rev: int, written: Callable[[str], JsonValue]) -> None:
        """Take note of what closed.

        Args:
            operations: of one step.
            rev: the revision that it led to.
            written: gives what the model wrote at a place, live.
        """
        for operation in operations:
            if operation.pointer.rfind("/") <= self._depth and operation.kind is not APPEND:
                self._note(operation, rev, written)
        if self._dropped:
            self._note_dropped(rev, written)

    def verdicts(self) -> list[str]:
        """Judge and encode the items that have not been; only reads, so it may run in a thread, once at a time."""
        return [self._verdict(number) for number in range(self.judged, self.closed)]

    def settle(self, verdicts: list[str]) -> None:
        """Take what `verdicts` has returned: these items can be shown."""
        self._verdicts += verdicts

    def body(self, number: int, projection: Projection | None = None) -> str:
        """Return the frame of a judged item behind its `type` and `id`; empty where a projection shows none of it."""
        run, index = self._place(number)
        pointer = append(run.path, index)
        verdict = self._verdicts[number]
        if projection is not None:
            place = projection.place(pointer)
            if place is not SELECTED and place is not ABOVE:
                return ""
            verdict = verdict if place is SELECTED else self._part(number, pointer, projection)
        path, key = _text(run.path), _text(pointer)
        return f'"rev":{run.revs[index]},"key":{key},"path":{path},"index":{index},{verdict}'

    def _part(self, number: int, pointer: str, projection: Projection) -> str:
        """Return the last members of an item's frame with a part of its value; a few are kept, for other watches."""
        part = self._parts.get((number, projection))
        if part is None:
            verdict = msgspec.json.decode("{" + self._verdicts[number])
            part = _text({**verdict, "value": projection.part(verdict["value"], pointer)})[1:]
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            self._parts[number, projection] = part
        return part

    def places(self) -> "Items":
        """Return where these items are, without them; `recalled` finds them again in a value."""
        places = [_Run(run.path, run.first, [], run.revs) for run in self._runs]
        return Items(self._schema, self._redaction, places, self._dropped)

    def recalled(self, value: JsonValue, *, is_valid: bool) -> "Items":
        """Return the items that stand in a value where these were; those that are not there any more are left out.

        Args:
            value: what is kept of the attempt.
            is_valid: it has been validated as a whole, and its items with it.
        """
        runs: list[_Run] = []
        first = 0
        if self._redaction is not None and self._redaction.is_needed and not is_valid:
            return Items(None)  # nobody can judge what was hidden
        for path, revs in {run.path: run.revs for run in self._runs}.items():
            values = _with_gaps(_list_at(value, path), self._dropped.get(path, {}))
            runs.append(_Run(path, first, values, revs[: len(values)]))
            first += len(runs[-1].revs)
        return Items(None if is_valid else self._schema, self._redaction, runs, self._dropped)

    def _note(self, operation: Operation, rev: int, written: Callable[[str], JsonValue]) -> None:
        kind, pointer, value = operation.kind, operation.pointer, operation.value
        if self._list is None:
            if operation.opened:
                if isinstance(value, list):
                    self._list, self._depth, self._run = pointer, len(pointer), None
            else:
                if pointer.rfind("/") == 0 and operation.ends_value:
                    self.parts.append(Part(pointer, written(pointer), is_item=False))
                if kind is not CLOSE and isinstance(value, dict | list):
                    is_as_written = not self._dropped and (self._redaction is None or not self._redaction.is_needed)
                    self._note_lists(value, value if is_as_written else written(pointer), pointer, rev)
        elif kind is CLOSE and pointer == self._list:
            self._note_dropped(rev, written)
            self._list, self._depth = None, _ANY_DEPTH
        elif pointer.rfind("/") == len(self._list) and operation.ends_value:  # an item's, and not below it
            self._note_dropped(rev, written)
            run = self._run or self._begun(self._list, written)
            if len(run.revs) == len(run.values):
                return  # a duplicate key has replaced the list in the same step, and is told of instead
            index = len(run.revs)
            self.parts.append(Part(f"{self._list}/{index}", run.values[index], is_item=True))
            run.revs.append(rev)
            self.closed += 1

    def _note_dropped(self, rev: int, written: Callable[[str], JsonValue]) -> None:
        """Take note of the items that were left out where the open list goes on."""
        dropped = None if self._list is None else self._dropped.get(self._list)
        if not dropped or self._list is None:
            return
        run = self._run or self._begun(self._list, written)
        while len(run.revs) in dropped:
            run.revs.append(rev)
            self.closed += 1

    def _begun(self, path: str, written: Callable[[str], JsonValue]) -> _Run:
        values = written(path)
        self._run = self._new_run(path, values if isinstance(values, list) else [])
        return self._run

    def _note_lists(self, shown: JsonValue, value: JsonValue, pointer: str, rev: int) -> None:
        """Take note of the outermost lists in a value that appeared whole: a duplicate key's.

        Args:
            shown: what is shown of it, which tells what is hidden.
            value: as it was written.
            pointer: where it stands.
            rev: the revision at which it appeared.
        """
        if isinstance(shown, dict) and isinstance(value, dict):
            for key, member in shown.items():
                self._note_lists(member, value.get(key), append(pointer, key), rev)
        elif isinstance(shown, list) and isinstance(value, list) and (shown or self._may_be_left_out(pointer)):
            self._new_run(pointer, value).revs.extend([rev] * len(value))
            self.closed += len(value)

    def _may_be_left_out(self, path: str) -> bool:
        """Tell whether a list that is shown empty is so because its items were left out, not because it is hidden."""
        first = append(path, 0)
        return path in self._dropped and (self._redaction is None or self._redaction.place(first) == first)

    def _new_run(self, path: str, values: list[JsonValue]) -> _Run:
        run = _Run(path, self.closed, values, array("L"))
        self._runs.append(run)
        return run

    def _place(self, number: int) -> tuple[_Run, int]:
        run = self._runs[bisect_right(self._runs, number, key=lambda run: run.first) - 1]
        return run, number - run.first

    def _verdict(self, number: int) -> str:
        run, index = self._place(number)
        item = run.values[index]
        if errors := self._dropped.get(run.path, {}).get(index):
            start = len(append(run.path, index))
            relative = [{**error, "path": error["path"][start:]} for error in errors]
            return _invalid(self._shown(run, index, item), self._told(run, index, relative))
        try:
            value = item if self._schema is None else self._schema.item(run.path, index).validate(item)
        except InvalidOutput as fault:
            return _invalid(self._shown(run, index, item), self._told(run, index, list(fault.errors)))
        except Exception:  # noqa: BLE001 - an application's validator may fail; the whole value's judgement says so
            return _invalid(self._shown(run, index, item), _NOT_JUDGED)
        if self._redaction is not None and self._redaction.is_renaming:
            value = item  # under the names by which it is known what may be shown
        return f'"value":{_text(self._shown(run, index, value))}{_VALID}'

    def _shown(self, run: _Run, index: int, item: JsonValue) -> JsonValue:
        """Return an item as it may be shown."""
        redaction = self._redaction
        if redaction is None or not redaction.is_needed or self._schema is None:
            return item
        return redaction.item(run.path, index, item)

    def _told(self, run: _Run, index: int, errors: list[dict[str, str]]) -> list[dict[str, str]]:
        """Return errors as they may be told: a message quotes what came, and a path may name a key."""
        if self._redaction is None or not self._redaction.is_needed:
            return errors
        return self._redaction.told(errors, append(run.path, index))


def _invalid(item: JsonValue, errors: list[dict[str, str]]) -> str:
    return f'"value":{_text(item)},"valid":false,"errors":{_text(errors)}}}'


def _list_at(value: JsonValue, path: str) -> list[JsonValue]:
    try:
        found = resolve(value, path)
    except LookupError:
        return []
    return found if isinstance(found, list) else []


def _with_gaps(values: list[JsonValue], dropped: Iterable[int]) -> list[JsonValue]:
    """Return items at the indices that the model gave them, null where one was left out: it is kept no longer."""
    filled = list(values)
    for index in sorted(dropped):
        filled.insert(index, None)
    return filled


def _text(value: object) -> str:
    return _encode(value).decode()
