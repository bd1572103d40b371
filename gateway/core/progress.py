"""Which places of a value are complete, and which one is being written (PROTOCOL.md §4, `progress`).

1. A place is complete from the step on in which the model closed it; only a key that comes twice is written again.
2. `completed_in` names every place that became complete in a run of steps, leaves and containers, in that order.
3. `maximal` names the complete places that stand in no complete one: what is written beside the way to the active one.
4. Nothing is kept for it while nobody asks: the last operation tells which place is active, the value all the rest.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from gateway.core.operations import ADD, BEGIN, CLOSE, FILL, REPLACE, Operation
from gateway.core.pointer import JsonValue, append, split

__all__ = ["active_after", "completed_in", "completes", "left_out", "maximal", "reopened_in"]

_APPEARANCES = (ADD, FILL, REPLACE)


def active_after(last: Operation | None) -> str | None:
    """Return the innermost place that is being written behind an operation; None before the first, and at the end."""
    if last is None:
        return None
    if not completes(last):
        return last.pointer
    return last.pointer.rpartition("/")[0] if last.pointer else None


def completes(operation: Operation) -> bool:
    """Tell whether the place of an operation is complete behind it."""
    if operation.kind in _APPEARANCES:
        return operation.kind is REPLACE or not (operation.opened or isinstance(operation.value, str))
    return operation.kind is CLOSE


def completed_in(operations: Iterable[Operation]) -> list[str]:
    """Return the places that became complete in a run of steps, in order, each once."""
    return list(dict.fromkeys(_completed(operations)))


def reopened_in(operations: Iterable[Operation]) -> list[str]:
    """Return the places that the model has written again: a key that came twice."""
    return list(dict.fromkeys(operation.pointer for operation in operations if operation.kind is REPLACE))


def maximal(value: JsonValue, active: str | None, unwritten: Mapping[str, Collection[str]]) -> list[str]:
    """Return the complete places that stand in no complete place.

    Args:
        value: with the placeholders of its skeleton.
        active: the place that is being written; None where the whole value is complete.
        unwritten: the members of an object that are placeholders, by its pointer.
    """
    if active is None:
        return [""]
    found: list[str] = []
    pointer = ""
    for token in [*split(active), None]:
        children = _children(value)
        left_out = unwritten.get(pointer, ())
        found += (append(pointer, key) for key in children if key != token and key not in left_out)
        if token is None or token not in children:
            break
        pointer, value = append(pointer, token), children[token]
    return found


def left_out(active: str | None, unwritten: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield the placeholders in complete objects: members that the model left out.

    Args:
        active: the place that is being written; None where the whole value is complete.
        unwritten: the members of an object that are placeholders, by its pointer.
    """
    for pointer, keys in unwritten.items():
        if active is None or not f"{active}/".startswith(f"{pointer}/"):
            yield from (append(pointer, key) for key in sorted(keys))


def _children(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return the members or items of a value, by their tokens."""
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _completed(operations: Iterable[Operation]) -> Iterator[str]:
    for operation in operations:
        if operation.kind is CLOSE:
            yield operation.pointer
        elif operation.kind is not BEGIN and completes(operation):
            yield from _within(operation.value, operation.pointer)


def _within(value: JsonValue, pointer: str) -> Iterator[str]:
    """Yield every place of a value that appeared whole, a container behind what is in it."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _within(member, append(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _within(item, append(pointer, index))
    yield pointer
