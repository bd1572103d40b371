"""What a whole answer means: the value that is valid, as it was read, or as its text may mean besides (PROTOCOL.md §4).

1. What was read counts where it is valid; but for what is likelier: behind the end of thinking, with a comment or a
   key's quote ended elsewhere, in the wrapper that was asked for, as the arguments of a call.
2. Where it is not valid, the readings of the text are tried in turn, and the first that is valid counts.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from gateway.core.parser import ParseError, Parser
from gateway.core.pointer import JsonValue
from gateway.core.rewriting import called, concluded, later, listed, reread, rewritten
from gateway.core.schema import Schema
from gateway.core.sieve import Dropped, sifted
from gateway.errors import GatewayError, InvalidOutput

__all__ = ["Conclusion", "Valid"]


class Valid(NamedTuple):
    """A value that is valid.

    Attributes:
        written: as it was written, without what was left out of it.
        validated: as the schema has it.
        dropped: what was left out.
    """

    written: JsonValue
    validated: JsonValue
    dropped: Dropped


class Conclusion:
    """Finds the value of one answer.

    Args:
        schema: what it is to fit.
        parser: has read the answer.
        text: of the answer; empty where it is too long to be read once more.
        fault: why it could not be read to its end, where it could not.
        is_wrapped: the value is inside the schema's wrapper.
        is_sifted: invalid items may be left out.
    """

    def __init__(
        self,
        schema: Schema,
        parser: Parser,
        *,
        text: str,
        fault: ParseError | None,
        is_wrapped: bool,
        is_sifted: bool,
    ) -> None:
        """Take what is known of the answer."""
        self._schema = schema
        self._parser = parser
        self._fault = fault
        self._is_wrapped = is_wrapped
        self._is_sifted = is_sifted
        shape, wrapper = schema.shape, schema.wrapper
        self._types = shape.types | (set() if wrapper is None else {"object"})
        self._is_list = wrapper is not None and shape.may_be_array
        is_doubtful = bool(parser.repairs) or fault is not None
        self._text = text[parser.begin :] if is_doubtful or self._is_list else ""
        # Where a fault comes first, how far was read depends on how the text was cut; where it is does not.
        end = parser.end if fault is None else fault.offset
        self._behind = self._text[end - parser.begin :]

    def found(self) -> tuple[Valid, bool]:
        """Return the valid value, and whether the text had to be read once more for it.

        Raises:
            InvalidOutput: there is none.
        """
        try:
            if (found := self._first_valid(self._likelier())) is not None:
                return found, True
            if self._fault is not None:
                raise self._fault
            return self._valid(self._written()), False
        except InvalidOutput:
            if (found := self._first_valid(self._others())) is None:
                raise
            return found, True

    def _likelier(self) -> Iterator[JsonValue]:
        return chain(
            concluded(self._behind, self._types),
            reread(self._text, self._types, self._parser.ended_in),
            self._wrapped_behind(),
            self._arguments(),
        )

    def _others(self) -> Iterator[JsonValue]:
        corrections = later(self._behind, self._types) if self._fault is None else ()
        lists = listed(self._text, self._schema.shape.item(0).declares) if self._is_list else ()
        return chain(corrections, rewritten(self._text, self._types), lists)

    def _wrapped_behind(self) -> Iterator[JsonValue]:
        """Yield what stands in the wrapper that was asked for, where something bare in front of it was taken for it."""
        wrapper = self._schema.wrapper
        if wrapper is None or self._is_wrapped:
            return
        for value in later(self._behind, {"object"}):
            if isinstance(value, dict) and wrapper in value:
                yield value

    def _arguments(self) -> Iterator[JsonValue]:
        """Yield the arguments of calls written as text, where the schema knows these and no `arguments`."""
        value = self._parser.value
        is_list = isinstance(value, list)
        shape = self._schema.shape.item(0) if is_list else self._schema.shape
        calls = [called(held) for held in (value if isinstance(value, list) else [value])]
        keys = [list(call) for call in calls if isinstance(call, dict)]
        if not keys or len(keys) < len(calls) or shape.declares("arguments") is not False:
            return
        if all(any(shape.declares(key) is not False for key in each) for each in keys):
            yield calls if is_list else calls[0]

    def _first_valid(self, values: Iterable[JsonValue]) -> Valid | None:
        wrapper = self._schema.wrapper
        for value in values:
            inner = value[wrapper] if wrapper is not None and isinstance(value, dict) and wrapper in value else value
            with suppress(GatewayError):
                return self._valid(inner)
        return None

    def _valid(self, written: JsonValue) -> Valid:
        dropped: Dropped = {}
        kept = sifted(self._schema, written, dropped) if self._is_sifted else written
        return Valid(kept, self._schema.validate(kept), dropped)

    def _written(self) -> JsonValue:
        """Return what the model wrote, without the wrapper it was asked for."""
        value, wrapper = self._parser.value, self._schema.wrapper
        if wrapper is None or not self._is_wrapped or not isinstance(value, dict):
            return value
        if wrapper not in value:
            raise InvalidOutput(f"expected an object with the member {wrapper!r}, got one without")
        return value[wrapper]
