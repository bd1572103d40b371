"""A JSON value under construction: every change of it, and the operation that says so.

1. Applying every operation to null, in order, gives `value`.
2. A value that comes again, or goes on after it was closed, is held until it is closed, then replaces in one step.
3. An operation does not change after it was handed out.
"""

from typing import TypeAlias

import msgspec

from gateway.core.growing import fresh
from gateway.core.lexical import LimitExceeded
from gateway.core.operations import ADD, APPEND, CLOSE, REPLACE, Operation
from gateway.core.pointer import JsonValue, escape

__all__ = ["MAX_DEPTH", "MAX_REPAIRS", "REPAIR_KINDS", "Building", "Container", "Repair"]

MAX_DEPTH = 256
"""Containers inside containers; encoders and patch libraries recurse, and stop working at about 500."""

MAX_POINTER_CHARS = 4_096
"""Of a container's pointer: every operation below carries it, so a long key would be paid for again and again."""

MAX_REPAIRS = 100
"""How many are listed, the first ones: a model that repeats a key for ever says nothing new."""

REPAIR_KINDS = (
    *("leading_text", "thinking", "trailing_text", "closed", "duplicate_key"),
    *("trailing_comma", "extra_comma", "missing_comma", "colon", "missing_colon", "missing_value"),
    *("missing_closer", "wrong_closer", "extra_closer", "comment", "ellipsis", "white_space"),
    *("quotes", "inner_quote", "unquoted_key", "unquoted_value", "control_character", "escape"),
    *("literal", "non_finite", "number", "rewritten"),
)
"""Everything that is forgiven, or unusual, by the name it is listed under (PROTOCOL.md §4, "Lenient reading")."""

Container: TypeAlias = dict[str, JsonValue] | list[JsonValue]


class Repair(msgspec.Struct, frozen=True):
    """Something that was forgiven or unusual: what, and at which offset (code points of the whole text)."""

    kind: str
    offset: int


class Frame:
    """An open container: where it stands, and the key whose value comes next."""

    __slots__ = ("container", "key", "pointer")

    def __init__(self, container: Container, pointer: str) -> None:
        """Begin with no member."""
        self.container = container
        self.pointer = pointer
        self.key = ""


class Building:
    """Keeps the value so far, what is open in it, and what grew.

    Args:
        max_depth: containers inside containers.

    Attributes:
        frames: the open containers, outermost first.
        operations: what grew and has not been taken.
        pointer: of the value that is being read.
        reopened: the container whose member comes again, or goes on: what grows in it is held.
        repairs: what was forgiven or unusual so far, in order; the first `MAX_REPAIRS`.
    """

    __slots__ = ("_held", "_max_depth", "_root", "_shown", "frames", "operations", "pointer", "reopened", "repairs")

    def __init__(self, max_depth: int) -> None:
        """Begin with nothing said: the value is None."""
        self.frames: list[Frame] = []
        self.operations: list[Operation] = []
        self.pointer = ""
        self.repairs: list[Repair] = []
        self._max_depth = max_depth
        self._root: JsonValue = None
        self._shown: list[str] = []  # what is visible of the open string, in pieces; joined when looked at
        self.reopened: Frame | None = None
        self._held: JsonValue = None  # that member's value

    @property
    def value(self) -> JsonValue:
        """The value, live. Costs the length of the string that is open."""
        if len(self._shown) > 1:
            self._shown = ["".join(self._shown)]
            self._replace_last(self._shown[0])
        return self._root

    def take(self) -> list[Operation]:
        """Return what grew and has not been taken."""
        operations, self.operations = self.operations, []
        return operations

    def note(self, kind: str, offset: int) -> None:
        """List a repair."""
        if len(self.repairs) < MAX_REPAIRS:
            self.repairs.append(Repair(kind, offset))

    def note_once(self, kind: str, offset: int) -> None:
        """List a repair unless one of its kind is listed."""
        if not any(repair.kind == kind for repair in self.repairs):
            self.note(kind, offset)

    def enter(self, offset: int) -> None:
        """Find the pointer of the value that begins here, and whether its key has been here before."""
        if not self.frames:
            return
        frame = self.frames[-1]
        if isinstance(frame.container, list):
            self.pointer = f"{frame.pointer}/{len(frame.container)}"
            return
        self.pointer = f"{frame.pointer}/{escape(frame.key)}"
        if frame.key in frame.container:
            self.note("duplicate_key", offset)
            self.reopened = self.reopened or frame

    def set(self, value: JsonValue) -> None:
        """Put a complete value where `enter` found its place."""
        self._grow(value)
        if self.reopened is not None:  # asked here and not behind a call: 50 ns of 300
            self._leave()

    def open(self, container: Container, offset: int) -> None:
        """Put an empty container at the next place, and go on inside it.

        Raises:
            LimitExceeded: it is nested too deep, or its pointer is too long.
        """
        if len(self.frames) >= self._max_depth:
            raise LimitExceeded(f"expected at most {self._max_depth} levels, got more", offset)
        self.enter(offset)
        if len(self.pointer) > MAX_POINTER_CHARS:
            raise LimitExceeded(
                f"expected pointers of at most {MAX_POINTER_CHARS} characters, got a longer one", offset
            )
        self._grow(container, opened=True)
        self.frames.append(Frame(container, self.pointer))

    def close(self) -> None:
        """Close the innermost container."""
        pointer = self.frames.pop().pointer
        if self.reopened is None:
            self.operations.append(Operation(CLOSE, pointer))
        else:
            self._leave()

    def show(self, text: str) -> None:
        """Make the new text of the open string visible: it starts, or it grows."""
        if not self._shown:
            self._grow(text)
        elif text:
            self.operations.append(Operation(APPEND, self.pointer, text))
        else:
            return
        self._shown.append(text)

    def grow(self, text: str) -> bool:
        """Let the open string grow where it is visible; False where it is not, and nothing has changed."""
        if not self._shown or self.reopened is not None or not text:
            return False
        self.operations.append(Operation(APPEND, self.pointer, text))
        self._shown.append(text)
        return True

    def end(self, text: str) -> None:
        """Close the open string with its last text."""
        if self.reopened is not None:
            self._grow(text)
            self._leave()
            return
        self.show(text)
        if len(self._shown) > 1:
            self._replace_last("".join(self._shown))
        self._shown.clear()
        self.operations.append(Operation(CLOSE, self.pointer))

    def last(self) -> JsonValue:
        """Return the value that was put last into the innermost container; None where there is none."""
        frame = self.frames[-1]
        if isinstance(frame.container, dict):
            return frame.container.get(frame.key)
        return frame.container[-1] if frame.container else None

    def reopen(self) -> str:
        """Go on with the string that was put last, which is returned; it is held until it is closed again."""
        text = str(self.last())
        frame = self.frames[-1]
        if self.reopened is None:
            self.reopened = frame
        elif isinstance(frame.container, list):
            frame.container.pop()  # it is not visible, and comes again
        return text

    def drop(self) -> None:
        """Leave out a value that never began: an earlier one of the same key stays."""
        if self.frames and self.frames[-1] is self.reopened:
            self.reopened = None

    def abandon(self) -> None:
        """Leave the open containers as they are, and begin a new root."""
        self.frames.clear()
        self.pointer = ""
        self.reopened = None

    def _grow(self, value: JsonValue, *, opened: bool = False) -> None:
        """Put a value where `enter` found its place, and say so unless it is held."""
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame is self.reopened:
            self._held = value
        elif frame is None:
            self._root = value
        elif isinstance(frame.container, dict):
            frame.container[frame.key] = value
        else:
            frame.container.append(value)
        if self.reopened is None:
            if opened:  # the operation does not grow with the value
                value = [] if isinstance(value, list) else {}
            self.operations.append(Operation(ADD, self.pointer, value, opened))

    def _replace_last(self, value: JsonValue) -> None:
        """Give the value that was put last its full length."""
        if not self.frames:
            self._root = value
        elif isinstance(container := self.frames[-1].container, dict):
            container[self.frames[-1].key] = value
        else:
            container[-1] = value

    def _leave(self) -> None:
        """Go on behind a complete value; where it was the one that is held, it replaces the earlier one now."""
        frame = self.frames[-1]
        if frame is not self.reopened:
            return
        self.reopened = None
        self._replace_last(self._held)
        is_list = isinstance(frame.container, list)
        pointer = f"{frame.pointer}/{len(frame.container) - 1 if is_list else escape(frame.key)}"
        self.operations += (Operation(REPLACE, pointer, fresh(self._held)), Operation(CLOSE, pointer))
