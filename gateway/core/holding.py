"""What is open while a value grows, and what of it is held back (PROTOCOL.md §4, "Partial value").

A hold keeps the parser's own operations. Once what it waits for has come they are shaped as if they came only now, so
that whatever is held inside is held on.
"""

from collections.abc import Callable

from gateway.core.operations import ADD, CLOSE, Operation
from gateway.core.pointer import JsonValue, unescape
from gateway.core.schema import Shape

__all__ = ["Hold", "Open"]


class Open:
    """An open container.

    Attributes:
        shape: of it; narrowed by what its members tell where it may be one of several.
        choice: its shape before its members told anything.
        declared: its shape as it was declared, whatever it is in.
        is_settled: nothing more will tell which one it is.
        placeholders: the members that are still placeholders; None for a list.
        waiting: operations of members that only some variants have.
    """

    __slots__ = ("choice", "declared", "is_settled", "placeholders", "shape", "waiting")

    def __init__(self, shape: Shape, opened: JsonValue, choice: Shape, declared: Shape) -> None:
        """Open it, with what its skeleton shows."""
        self.shape = shape
        self.choice = choice
        self.declared = declared
        self.is_settled = False
        self.placeholders = set(opened) if isinstance(opened, dict) else None
        self.waiting: list[Operation] = []

    def child(self, token: str) -> Shape:
        """Return the shape of a member or item."""
        shape = self.shape
        return shape.item(int(token)) if self.placeholders is None else shape.member(unescape(token))

    def declared_child(self, token: str) -> Shape:
        """Return the shape of a member or item, whichever variant this and what it is in turn out to be."""
        shape = self.declared
        return shape.item(int(token)) if self.placeholders is None else shape.member(unescape(token))


class Hold:
    """Something that is being written and not shown yet; the operations are the parser's own.

    Attributes:
        pointer: of the value that is held.
        shape: of it; that of one union member, once the discriminator is complete.
        choice: of it, as it was declared.
        operations: what has come so far.
        owner: the open object that the value waits in, where it is a member that only some variants have.
    """

    __slots__ = (
        "_awaited",
        "_covers",
        "_discriminator",
        "_is_whole",
        "_text",
        "choice",
        "operations",
        "owner",
        "pointer",
        "shape",
    )

    def __init__(
        self,
        first: Operation,
        shape: Shape,
        owner: Open | None = None,
        *,
        covers: Callable[[Shape, JsonValue], bool] | None = None,
    ) -> None:
        """Begin with the value's appearance; `covers` tells what is redacted, where anything is."""
        self._covers = covers
        self.pointer = first.pointer
        self.shape = self.choice = shape
        self.operations = [first]
        self.owner = owner
        is_object = first.opened and isinstance(first.value, dict)
        self._is_whole = owner is not None or not is_object or shape.policy.hold
        self._discriminator = self._place(shape.discriminator if is_object and shape.is_choice else None)
        self._awaited = {self._place(key) for key in shape.awaited} if is_object else set()
        self._text: list[str] = []  # of the discriminator so far

    def take(self, operation: Operation) -> bool:
        """Take one more operation, and tell whether what is held can be shown."""
        self.operations.append(operation)
        kind, pointer = operation.kind, operation.pointer
        if pointer == self.pointer:
            return kind is CLOSE
        if pointer == self._discriminator:
            self._discriminate(operation)
        elif pointer in self._awaited and self._is_there(operation):
            self._awaited.discard(pointer)
        return not (self._is_whole or self._awaited or self._discriminator)

    def _place(self, key: str | None) -> str | None:
        return None if key is None else f"{self.pointer}/{key.replace('~', '~0').replace('/', '~1')}"

    def _discriminate(self, operation: Operation) -> None:
        """Find out which object this is, once the discriminator is complete."""
        value: JsonValue = operation.value
        if operation.kind is CLOSE:
            value = "".join(self._text)
        elif isinstance(value, str):
            return self._text.append(value)
        elif operation.opened:
            value = None
        self.shape = self.shape.discriminated(value)
        self._discriminator = None
        awaited = {self._place(key) for key in self.shape.awaited}
        seen = {held.pointer for held in self.operations if self._is_there(held)}
        self._awaited = awaited - seen
        return None

    def _is_there(self, operation: Operation) -> bool:
        """Tell whether an awaited member is there: null is not, and what is held itself is when it is complete."""
        if operation.kind is CLOSE:
            return True
        if operation.kind is not ADD or operation.value is None:
            return False
        member = self.shape.member(unescape(operation.pointer.rpartition("/")[2]))
        return not self._is_held(member, operation)

    def _is_held(self, member: Shape, operation: Operation) -> bool:
        """Tell whether what has begun is not shown yet."""
        value = operation.value
        if operation.opened:
            is_object = isinstance(value, dict)
            chooses = is_object and member.is_choice and member.discriminator is not None
            return member.policy.hold or chooses or (is_object and bool(member.awaited))
        if not isinstance(value, str):
            return False
        return member.policy.hold or member.held or (self._covers is not None and self._covers(member, value))
