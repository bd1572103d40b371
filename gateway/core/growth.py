"""What the schema makes of the parser's operations before anyone sees them (PROTOCOL.md §4, "Partial value").

1. An opened object shows its skeleton, and the first growth of a placeholder is `fill`.
2. What is held is shown at once and whole: a string that may only be one of a few, what a policy holds, an object of a
   discriminated union until its discriminator is complete, a member that only some objects of a union have until it
   is clear which one this is. What closes is shown at the latest then.
3. A wrapper that the provider was asked for, and the client was not, is taken off the pointers.
4. What is not held is shown in the step it came in.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence

from gateway.core.candidates import value_types
from gateway.core.holding import Hold, Open
from gateway.core.operations import ADD, APPEND, BEGIN, CLOSE, FILL, REPLACE, Kind, Operation
from gateway.core.pointer import JsonValue, unescape
from gateway.core.redaction import Redaction
from gateway.core.schema import ANY, Shape
from gateway.core.screening import Screen
from gateway.core.sieve import Sieve

__all__ = ["Growth"]

_FEW = 8
"""Operations whose skeletons may all be there at once."""


class Growth:
    """Turns what the parser says grew into what the watchers are shown.

    Args:
        shape: of the root value.
        wrapper: the only member of the object the provider was asked for, where the value is that member's.
        redaction: of the same shape; None where there is none.
        sieve: leaves out items; None where no list asks for it.
    """

    def __init__(
        self,
        shape: Shape,
        wrapper: str | None = None,
        redaction: Redaction | None = None,
        sieve: Sieve | None = None,
    ) -> None:
        """Begin with nothing open."""
        self._shape = shape
        self._redaction = redaction or Redaction(shape)
        self._sieve = sieve
        self._prefix = None if wrapper is None else f"/{wrapper}"
        self._root: Operation | None = None  # the opened root, until it is clear whether it is the wrapper
        self._open: dict[str, Open] = {}
        self._hold: Hold | None = None
        self._redacts = self._redaction.is_needed
        self._screen = Screen(shape, self._redaction) if self._redacts else None
        self._has_policies = shape.has_policies or self._redacts
        self._has_waiting = False  # or has had
        self._cut: str | None = None  # the string that the end of the text cut

    @property
    def is_wrapped(self) -> bool:
        """Whether the value is inside a wrapper."""
        return self._prefix is not None

    def shaped(self, operations: Sequence[Operation]) -> Iterable[Operation]:
        """Return the operations as the watchers are shown them, in the same order, one by one where they are many."""
        if self._hold is None and self._is_bare:
            if len(operations) == 1 and operations[0].kind is APPEND:
                return operations  # as of most deltas
            if len(operations) <= _FEW:
                return self._bare(operations)
        return self._shaped(operations)

    def cut(self) -> None:
        """The text has ended, and what is open will be closed for it: a string that is held is never shown then."""
        last = None if self._hold is None else self._hold.operations[-1]
        if last is not None and isinstance(last.value, str) and last.kind in (ADD, APPEND):
            self._cut = last.pointer

    @property
    def _is_bare(self) -> bool:
        """Whether every operation stands where the parser says."""
        return self._prefix is None and self._sieve is None and self._screen is None

    def _bare(self, operations: Iterable[Operation]) -> list[Operation]:
        """Return what is shown of a few operations; it says the same as `_shaped`, without its generators."""
        shown: list[Operation] = []
        for operation in operations:
            plain = self._plainly(operation)
            if plain is None:
                shown.extend(self._taken(operation))
            else:
                shown.append(plain)
        return shown

    def _shaped(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        operations = operations if self._prefix is None else self._unwrapped(operations)
        operations = operations if self._screen is None else self._screen.passed(operations)
        for operation in operations if self._sieve is None else self._sieve.sifted(operations):
            shown = self._plainly(operation)
            if shown is None:
                yield from self._taken(operation)
            else:
                yield shown

    def _plainly(self, operation: Operation) -> Operation | None:
        """Return what is shown of an operation where nothing has to be held or has been; None where it may have.

        It says the same as `_taken`, without a generator for each operation: 0.5 µs of a delta's 4.
        """
        kind, pointer = operation.kind, operation.pointer
        if self._hold is not None or self._has_waiting or self._has_policies:
            return None
        if kind is CLOSE:
            self._open.pop(pointer, None)
        if kind is not ADD:
            return operation
        container, token = self._place(pointer)
        if container is not None and container.shape.is_choice:
            return None
        value = operation.value
        if operation.opened or isinstance(value, str):
            shape = self._shape_of(container, token)
            if shape.held or (shape.is_choice and shape.discriminator is not None):
                return None
            if operation.opened:
                value = shape.opened(isinstance(value, list))
                self._open[pointer] = Open(shape, value, shape, shape)
        kind = _kind(container, token)
        if kind is ADD and value is operation.value:
            return operation
        return Operation(kind, pointer, value, operation.opened)

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

    def _taken(self, operation: Operation) -> Iterator[Operation]:
        hold = self._hold
        if hold is not None:
            if hold.take(operation):
                self._hold = None
                yield from self._released(hold)
        elif operation.kind is ADD:
            yield from self._added(operation)
        elif self._has_waiting and (container := self._waiting_in(operation)) is not None:
            container.waiting.append(operation)
        elif operation.kind is CLOSE:
            yield from self._closed(operation)
        elif operation.kind is REPLACE and self._redacts:
            yield self._replaced(operation)
        else:
            yield operation

    def _replaced(self, operation: Operation) -> Operation:
        """Return a duplicate key's value as it is shown."""
        container, token = self._place(operation.pointer)
        shape = self._declared(container, token)
        value = self._redaction.value(shape, operation.pointer, operation.value)
        return Operation(REPLACE, operation.pointer, value)

    def _waiting_in(self, operation: Operation) -> Open | None:
        """Return the object in which the place of an operation waits for its variant, where it does."""
        container, _ = self._place(operation.pointer)
        waiting = [] if container is None else container.waiting
        return container if any(held.pointer == operation.pointer for held in waiting) else None

    def _added(self, operation: Operation) -> Iterator[Operation]:
        """Show something new, or begin to hold it."""
        pointer, value = operation.pointer, operation.value
        container, token = self._place(pointer)
        if container is not None and token is not None and container.shape.is_choice and not container.is_settled:
            is_waiting = yield from self._narrowed(container, operation, unescape(token))
            if is_waiting:
                return
        if not (operation.opened or isinstance(value, str) or self._has_policies):
            yield self._shown(operation, container, token)
            return
        shape = self._shape_of(container, token)
        if shape.policy.state:
            yield Operation(BEGIN, pointer, True)
        if self._is_held(operation, container, token, shape):
            self._hold = Hold(operation, shape, covers=self._redaction.covers if self._redacts else None)
            yield from () if shape.policy.state else (Operation(BEGIN, pointer),)
        else:
            yield self._shown(operation, container, token, shape)

    def _narrowed(self, container: Open, operation: Operation, key: str) -> Generator[Operation, None, bool]:
        """Learn from a member which object of a union this is; it waits where that is open and only some have it."""
        container.shape = container.shape.narrowed(key, value_types(operation.value))
        if not container.shape.is_choice:
            yield from self._no_longer_waiting(container)
            return False
        if container.choice.declares(key) is not None:
            return False
        yield Operation(BEGIN, operation.pointer)
        self._has_waiting = True
        if operation.opened or isinstance(operation.value, str):
            self._hold = Hold(operation, ANY, container)
        else:
            container.waiting.append(operation)
        return True

    def _closed(self, operation: Operation) -> Iterator[Operation]:
        container = self._open.get(operation.pointer)
        if container is not None:
            container.is_settled = True
            yield from self._no_longer_waiting(container)
            del self._open[operation.pointer]
        yield operation

    def _no_longer_waiting(self, container: Open) -> Iterator[Operation]:
        waiting, container.waiting = container.waiting, []
        for operation in waiting:
            yield from self._taken(operation)

    def _released(self, hold: Hold) -> Iterator[Operation]:
        """Show what was held, or let it wait on in its object."""
        if hold.owner is not None:
            hold.owner.waiting += hold.operations
            return
        if hold.pointer == self._cut:
            return
        first, *rest = hold.operations
        container, token = self._place(hold.pointer)
        if isinstance(first.value, str) and not first.opened:
            text = "".join(str(operation.value) for operation in hold.operations if operation.kind is not CLOSE)
            first, rest = Operation(ADD, first.pointer, text), hold.operations[-1:]
        yield self._shown(first, container, token, hold.shape, hold.choice)
        for operation in rest:
            yield from self._taken(operation)

    def _declared(self, container: Open | None, token: str | None) -> Shape:
        return self._shape if container is None or token is None else container.declared_child(token)

    def _is_covered(self, container: Open | None, token: str | None, value: JsonValue) -> bool:
        """Tell whether a value is redacted: in any variant, since another one's may stand there in error."""
        return self._redacts and self._redaction.covers(self._declared(container, token), value)

    def _is_held(self, operation: Operation, container: Open | None, token: str | None, shape: Shape) -> bool:
        value = operation.value
        if not operation.opened:
            is_restricted = shape.held or shape.policy.hold
            return isinstance(value, str) and (is_restricted or self._is_covered(container, token, value))
        if shape.policy.hold:
            return True
        if not isinstance(value, dict):
            return False
        return (shape.is_choice and shape.discriminator is not None) or (self._has_policies and bool(shape.awaited))

    def _shown(
        self,
        operation: Operation,
        container: Open | None,
        token: str | None,
        shape: Shape = ANY,
        choice: Shape | None = None,
    ) -> Operation:
        """Return what something new is shown as."""
        value = operation.value
        if operation.opened:
            declared = self._declared(container, token) if self._redacts else shape
            is_covered = self._redacts and self._redaction.empties(declared, value)
            value = shape.opened(isinstance(value, list)) if not is_covered else ([] if isinstance(value, list) else {})
            self._open[operation.pointer] = Open(shape, value, choice or shape, declared)
        elif self._is_covered(container, token, value):
            value = self._redaction.leaf(operation.pointer, value)
        kind = _kind(container, token)
        if kind is ADD and value is operation.value:
            return operation
        return Operation(kind, operation.pointer, value, operation.opened)

    def _place(self, pointer: str) -> tuple[Open | None, str | None]:
        """Return the open container a pointer leads into, where there is one, and the last token; the root has none."""
        if not pointer:
            return None, None
        head, _, token = pointer.rpartition("/")
        return self._open.get(head), token

    def _shape_of(self, container: Open | None, token: str | None) -> Shape:
        if token is None:
            return self._shape
        return ANY if container is None else container.child(token)


def _kind(container: Open | None, token: str | None) -> Kind:
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
