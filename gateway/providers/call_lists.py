"""The arguments of several calls as one array, where the value is a list.

1. Each call is an item, in the order they began; one that writes the wrapper it was asked for, or a bare array, gives
   the items inside.
2. Calls whose pieces come interleaved wait for the earlier ones to be whole.
3. The array is closed when the model has said that it is done, since another call may follow until then.
"""

from collections.abc import Sequence

from gateway.errors import InvalidOutput, OutputTooLarge
from gateway.providers.calls import MAX_HELD_CHARS, CallNumbers, arguments_of
from gateway.providers.chunks import Call
from gateway.providers.nesting import Nesting, begins_with, compact

__all__ = ["ListedCalls"]


class ListedCalls:
    """The text is an array: of the arguments of every call, or of the items they hold in the wrapper."""

    __slots__ = ("_has_items", "_held_chars", "_items", "_numbers", "_turn", "_wrapper")

    def __init__(self, wrapper: str) -> None:
        """Begin without a call.

        Args:
            wrapper: the member with the array that each call was asked for.
        """
        self._numbers = CallNumbers()
        self._items: list[_Items] = []  # by number of the call
        self._turn = 0  # the call whose items are given; later ones are held
        self._held_chars = 0
        self._has_items = False
        self._wrapper = wrapper

    @property
    def is_answered(self) -> bool:
        """See `Calls`: a call with the whole list may be followed by others, but need not."""
        return bool(self._items) and self._items[0].is_inner and all(items.is_whole for items in self._items)

    def read(self, calls: Sequence[Call]) -> str:
        """See `Calls`."""
        return "".join([self._read_call(call, position) for position, call in enumerate(calls)])

    def finish(self, *, is_cut: bool) -> str:
        """See `Calls`.

        Raises:
            InvalidOutput: there is a call behind one that the model left open.
        """
        pending = self._items[self._turn :]
        if not pending or (is_cut and not self.is_answered):
            return ""
        for items in pending:
            items.close()
        if not all(items.is_whole for items in pending[:-1]):
            raise InvalidOutput("expected each call's arguments to be whole, got open ones in front of another call")
        texts = [self._shown(items) for items in pending]
        end = ("]" if self._has_items else "[]") if pending[-1].is_whole else ""
        return "".join(texts) + end

    def _read_call(self, call: Call, position: int) -> str:
        text = arguments_of(call)
        is_next = bool(self._items) and self._items[-1].is_whole
        number = self._numbers.number(call, may_begin=position > 0 or is_next)
        if number < len(self._items) and self._items[number].is_whole and text.lstrip()[:1] == "{":
            number = self._numbers.begin(call.index, None)  # a relay lost what told the two calls apart
        if number == len(self._items):
            self._items.append(_Items(self._wrapper))
        self._items[number].add(text)
        if number == self._turn:
            return self._given()
        self._held_chars += len(text)
        if self._held_chars > MAX_HELD_CHARS:
            raise OutputTooLarge("the provider wrote too much in calls that wait for an earlier one")
        return ""

    def _given(self) -> str:
        """Return what is there of the call whose turn it is, and of those behind it as long as each is whole."""
        texts = [self._shown(self._items[self._turn])]
        while self._items[self._turn].is_whole and self._turn + 1 < len(self._items):
            self._turn += 1
            texts.append(self._shown(self._items[self._turn]))
        return "".join(texts)

    def _shown(self, items: "_Items") -> str:
        text = items.take()
        if items.has_shown:
            return text
        text = text.lstrip()
        if not text:
            return ""
        lead = "," if self._has_items else "["
        items.has_shown = self._has_items = True
        return lead + text


class _Items:
    """What one call adds to an array.

    Attributes:
        has_shown: whether the array has something of it.
        is_inner: it holds an array itself, with or without the wrapper.
        is_whole: it has been closed.
    """

    __slots__ = ("_head", "_is_known", "_nesting", "_ready", "_wrapper", "has_shown", "is_inner", "is_whole")

    def __init__(self, wrapper: str) -> None:
        self._wrapper = wrapper
        self._head = ""  # without white space, until it is clear what it is the beginning of
        self._ready: list[str] = []
        self._nesting = Nesting()
        self._is_known = self.has_shown = self.is_inner = self.is_whole = False

    def add(self, text: str) -> None:
        """Take a piece of the arguments; what follows their end is dropped."""
        if not self._is_known:
            text = self._begun(text)
        if not text or self.is_whole:
            return
        end = self._nesting.end_in(text)
        self.is_whole = end is not None
        self._ready.append(text if end is None else text[: end - self.is_inner])

    def take(self) -> str:
        """Return what has been added since the last time."""
        text = "".join(self._ready)
        self._ready.clear()
        return text

    def close(self) -> None:
        """Say that no more arguments come."""
        if not self._is_known:
            self._is_known, self.is_whole = True, self._head in ("", "null")
            self._ready.append("{}" if self.is_whole else self._head)

    def _begun(self, text: str) -> str:
        text = self._head + text
        head = compact(text)
        is_wrapper = begins_with(head, f'{{"{self._wrapper}":[')
        if is_wrapper is None or "null".startswith(head):
            self._head = head
            return ""
        self._is_known = True
        self.is_inner = is_wrapper or head.startswith("[")
        if not self.is_inner:
            return text
        self._nesting.enter()
        return text[text.index("[") + 1 :]
