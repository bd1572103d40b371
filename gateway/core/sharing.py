"""A value that grows by path copying: the receiving side's, whose readers keep what they were given.

1. What has been handed out never changes.
2. What an operation did not touch is shared with the value before it: the same object.
3. A step is taken as a whole, or, where it does not fit, not at all.
"""

from collections.abc import Iterable
from typing import TypeAlias

from gateway.core.growing import fresh
from gateway.core.pointer import JsonValue, index_of, split

__all__ = ["Change", "SharedValue"]

Change: TypeAlias = "tuple[str, str, JsonValue]"
"""What happened (`add fill replace append remove`), at which pointer, and the new value or text."""

Container: TypeAlias = "dict[str, JsonValue] | list[JsonValue]"


class SharedValue:
    """One value, replaced along the path of each change.

    Attributes:
        value: the newest one; it never changes itself.
    """

    __slots__ = ("_owned", "value")

    def __init__(self, value: JsonValue) -> None:
        """Start from a value that nobody changes."""
        self.value = value
        self._owned: dict[int, Container] = {}  # the containers this step made, which it may change

    def apply(self, changes: Iterable[Change]) -> None:
        """Take one step.

        Costs the new text and the containers on the way to it, not the value.

        Raises:
            LookupError, TypeError, ValueError: there is no such place for such a change; the value stays.
        """
        value = self.value
        try:
            for kind, pointer, new in changes:
                value = self._changed(value, split(pointer), kind, new)
        finally:
            self._owned = {}
        self.value = value

    def _changed(self, root: JsonValue, tokens: list[str], kind: str, new: JsonValue) -> JsonValue:
        if not tokens:
            return _grown(root, kind, new)
        root = place = self._own(root)
        for token in tokens[:-1]:
            place = self._own_child(place, token)
        if isinstance(place, dict):
            _change_member(place, tokens[-1], kind, new)
        else:
            _change_item(place, tokens[-1], kind, new)
        return root

    def _own_child(self, container: Container, token: str) -> Container:
        if isinstance(container, dict):
            child = container[token] = self._own(container[token])
            return child
        index = index_of(token, len(container) - 1)
        child = container[index] = self._own(container[index])
        return child

    def _own(self, container: JsonValue) -> Container:
        """Return the container itself where this step made it, else a copy that this step may change."""
        if not isinstance(container, dict | list):
            raise TypeError(f"no container stands here, but a {type(container).__name__}")
        if id(container) in self._owned:
            return container
        copy: Container = container.copy()
        self._owned[id(copy)] = copy
        return copy


def _change_member(members: dict[str, JsonValue], key: str, kind: str, new: JsonValue) -> None:
    if kind != "add" and key not in members:
        raise KeyError(key)
    if kind == "remove":
        del members[key]
    else:
        members[key] = _grown(members.get(key), kind, new)


def _change_item(items: list[JsonValue], token: str, kind: str, new: JsonValue) -> None:
    if kind == "add":
        items.insert(len(items) if token == "-" else index_of(token, len(items)), fresh(new))  # noqa: S105
        return
    index = index_of(token, len(items) - 1)
    if kind == "remove":
        del items[index]
    else:
        items[index] = _grown(items[index], kind, new)


def _grown(before: JsonValue, kind: str, new: JsonValue) -> JsonValue:
    match kind:
        case "add" | "fill" | "replace":
            return fresh(new)
        case "append" if isinstance(before, str) and isinstance(new, str):
            return before + new
        case "append":
            raise TypeError("append takes a string, where a string stands")
        case "remove":
            return None
        case _:
            raise ValueError(f"no such operation: {kind!r}")
