"""The arguments of an answer's calls as one JSON text: here of the first call, which is the one that counts.

1. A call continues under its id, else under its index, else as the last one; a new id *with a name* begins another
   call, a new id alone does not.
2. Arguments that are missing, empty or `null` mean `{}`, unless the answer was cut. Where arguments follow a `{}`, they
   count: some relays begin with one.
"""

import json
from collections.abc import Sequence
from typing import Protocol

from gateway.errors import OutputTooLarge
from gateway.providers.chunks import Call, Function
from gateway.providers.nesting import compact

__all__ = ["MAX_HELD_CHARS", "CallNumbers", "Calls", "FirstCall", "arguments_of", "name_of"]

MAX_HELD_CHARS = 1 << 22
"""What is kept of an answer until it is clear what it means."""

_MAX_CALLS = 1 << 16

_NO_FUNCTION = Function()
_NO_ID = (None, "", "null")


class Calls(Protocol):
    """Turns pieces of calls into pieces of one JSON text."""

    def read(self, calls: Sequence[Call]) -> str:
        """Take the calls of one chunk, and return the text that is sure because of them."""
        ...

    def finish(self, *, is_cut: bool) -> str:
        """Return the rest; `is_cut` where the model has not said that it is done."""
        ...

    @property
    def is_answered(self) -> bool:
        """Whether the model wrote all that it was asked for, though the text waits for further calls."""
        ...


class CallNumbers:
    """Tells the calls of an answer apart, and numbers them from 0 (rule 1)."""

    __slots__ = ("_by_id", "_by_index", "_ids")

    def __init__(self) -> None:
        """Begin without a call."""
        self._by_id: dict[str, int] = {}
        self._by_index: dict[int, int] = {}
        self._ids: list[str | None] = []  # of each call, where it has one

    def number(self, call: Call, *, may_begin: bool = False) -> int:
        """Return the number of the call that a piece belongs to.

        Args:
            call: the piece.
            may_begin: one that neither id nor index tell from the last call begins another, if it has a name.
        """
        index, id_ = call.index, call.id if call.id not in _NO_ID else None
        if id_ is None and index is not None and (number := self._by_index.get(index)) is not None:
            return number
        if id_ is not None and (number := self._by_id.get(id_)) is not None:
            return number
        last = len(self._ids) - 1
        number = self._by_index.get(index, -1) if index is not None else last
        if number < 0 or (name_of(call) and self._is_other(number, call, may_begin)):
            return self.begin(index, id_)
        if id_ is not None and self._ids[number] is None:
            self._name(number, id_)
        return number

    def begin(self, index: int | None, id_: str | None) -> int:
        """Number one more call.

        Raises:
            OutputTooLarge: there are too many.
        """
        number = len(self._ids)
        if number >= _MAX_CALLS:
            raise OutputTooLarge("the provider made too many calls")
        self._ids.append(None)
        if index is not None:
            self._by_index[index] = number
        if id_ is not None:
            self._name(number, id_)
        return number

    def _is_other(self, number: int, call: Call, may_begin: bool) -> bool:
        """Tell whether a piece with a name is of another call than the one its index leads to."""
        if call.id in _NO_ID:
            return may_begin and call.index is None
        return self._ids[number] is not None

    def _name(self, number: int, id_: str) -> None:
        self._ids[number] = id_
        self._by_id[id_] = number


class FirstCall:
    """The text is that of the first call, as it is.

    Attributes:
        name: of the call, as far as it has come; some servers give it again with every piece.
    """

    __slots__ = ("_is_open", "_numbers", "_start", "name")

    def __init__(self) -> None:
        """Begin without a call."""
        self.name = ""
        self._numbers = CallNumbers()
        self._start = ""
        self._is_open = False

    @property
    def is_answered(self) -> bool:
        """See `Calls`: nothing waits."""
        return False

    def read(self, calls: Sequence[Call]) -> str:
        """See `Calls`."""
        if len(calls) == 1:
            if self._numbers.number(calls[0]):
                return ""
            self._take_name(calls[0])
            text = arguments_of(calls[0])
            return text if self._is_open else self._opened(text)
        numbers = [self._numbers.number(call, may_begin=position > 0) for position, call in enumerate(calls)]
        first = [call for call, number in zip(calls, numbers, strict=True) if number == 0]
        for call in first:
            self._take_name(call)
        return "".join([self._opened(arguments_of(call)) for call in first])

    def finish(self, *, is_cut: bool) -> str:
        """See `Calls`."""
        if self._is_open:
            return ""
        is_nothing = "null".startswith(self._start)
        if is_cut:
            return "" if is_nothing else self._start
        return "{}" if self._start in ("", "null") else self._start

    def _take_name(self, call: Call) -> None:
        name = name_of(call)
        if not self._is_open and not self._start:
            self.name = name if name.startswith(self.name) else self.name + name

    def _opened(self, text: str) -> str:
        """Hold back what may yet turn out to be null, or an empty object in front of the arguments."""
        if self._is_open:
            return text
        start = self._start + text
        self._start = start.strip()
        head = compact(start)
        self._is_open = not ("null".startswith(head) or head == "{}")
        if not self._is_open:
            return ""
        return start[start.index("}") + 1 :] if head.startswith("{}{") else start


def name_of(call: Call) -> str:
    """Return the name a piece of a call gives, which may be empty."""
    return (call.function or _NO_FUNCTION).name or ""


def arguments_of(call: Call) -> str:
    """Return the arguments as text, which some servers give as an object."""
    arguments = None if call.function is None else call.function.arguments
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments) if arguments else ""
