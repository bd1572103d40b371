"""The arguments of one call, where each member of a union is a tool and the call's name says which it is."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.union import Member
from gateway.providers.calls import FirstCall
from gateway.providers.chunks import Call
from gateway.providers.nesting import Nesting, begins_with, compact

__all__ = ["UnionCall"]


class UnionCall:
    """The text is that of the first call inside the wrapper; its name says which member of the union it is.

    A constant of that member which the model left out is added, for the name has said it. What the model wrote stays as
    it is, whatever the name.
    """

    __slots__ = ("_call", "_constants", "_is_open", "_is_plain", "_members", "_nesting", "_pieces", "_wrapper")

    def __init__(self, members: Sequence[Member], wrapper: str) -> None:
        """Begin without a call.

        Args:
            members: of the union, each a tool.
            wrapper: what the value stands in.
        """
        self._call = FirstCall()
        self._members = {member.name: member for member in members}
        self._wrapper = wrapper
        self._constants: Mapping[str, Any] | None = None
        self._nesting = Nesting()
        self._pieces: list[str] = []  # of the arguments, until it is clear which constants they hold
        self._is_open = False
        self._is_plain = False  # what follows passes as it is

    @property
    def is_answered(self) -> bool:
        """See `Calls`: nothing waits."""
        return False

    def read(self, calls: Sequence[Call]) -> str:
        """See `Calls`."""
        text = self._call.read(calls)
        if (member := self._members.get(self._call.name)) is not None:
            self._constants = member.constants
        return self._wrapped(text)

    def finish(self, *, is_cut: bool) -> str:
        """See `Calls`."""
        text = self._wrapped(self._call.finish(is_cut=is_cut))
        if self._is_open or self._is_plain or not self._pieces:
            return text
        return f'{{"{self._wrapper}":{"".join(self._pieces)}'

    def _wrapped(self, text: str) -> str:
        if not text or self._is_plain:
            return text
        self._pieces.append(text)
        if self._is_open:
            return self._closed(text)
        start = "".join(self._pieces)
        match self._begins_with_wrapper(start):
            case None:
                self._pieces = [compact(start)]
                return ""
            case True:
                self._is_plain = True
                return start
            case _:
                self._is_open = True
                return f'{{"{self._wrapper}":{self._closed(start)}'

    def _begins_with_wrapper(self, text: str) -> bool | None:
        """Tell whether the model wrote the wrapper itself, where no member could mean that; None: not clear yet."""
        if any(self._wrapper in member.keys for member in self._members.values()):
            return False
        return begins_with(compact(text), f'{{"{self._wrapper}":')

    def _closed(self, text: str) -> str:
        """Close the wrapper behind the arguments' end, where the text has it."""
        end = self._nesting.end_in(text)
        if end is None:
            return text
        self._is_plain = True
        missing = self._missing("".join(self._pieces).removesuffix(text) + text[:end])
        self._pieces.clear()
        last = f"{text[: end - 1]}{missing}}}" if missing else text[:end]
        return f"{last}}}{text[end:]}"

    def _missing(self, arguments: str) -> str:
        """Return the constants that arguments lack, as members to stand behind their last."""
        try:
            written = json.loads(arguments)
        except ValueError:
            return ""  # the core will say so
        if not isinstance(written, dict):
            return ""
        lacking = {key: value for key, value in (self._constants or {}).items() if key not in written}
        members = json.dumps(lacking)[1:-1]
        return f", {members}" if members and written else members
