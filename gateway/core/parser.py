"""An incremental parser for RFC 8259: text in pieces of any size → a growing value and its steps of growth.

1. However the text is cut, the value and the folded operations are the same, and `json.loads` agrees with the value.
2. Applying every operation emitted so far to null gives `value`.
3. A string is visible while it grows and only grows; a number, boolean or null is visible only when complete.
4. Work is proportional to the new text: nothing is copied or compared, and no more than what cannot be judged yet,
   at most `LOOK_CHARS`, is read twice.
5. No text makes it raise anything but `ParseError` and `OutputTooLarge`, and what was complete before stays.
6. A duplicate key is held until its value is closed, then replaces in one step (PROTOCOL.md §4).
7. Lenient reading begins where strict reading fails: text that is JSON is read alike, and as fast.
"""

from collections.abc import Collection

from gateway.core.building import MAX_DEPTH, Building, Repair
from gateway.core.grammar import ASIDE, END, EXPECTED, NUMBER, START, TEXT, VALUE, State
from gateway.core.lexical import ParseError, is_number, to_number
from gateway.core.operations import Operation
from gateway.core.pointer import JsonValue
from gateway.core.reading import READERS, Reading
from gateway.core.repair import Leniency
from gateway.errors import OutputTooLarge

__all__ = ["MAX_DEPTH", "ParseError", "Parser", "Repair"]


class Parser:
    """Keeps the value that a JSON text, fed piece by piece, has said so far.

    Args:
        lenient: forgive what models do to JSON, and list it in `repairs` (PROTOCOL.md §4, "Lenient reading").
        types: the JSON types the root value may have, by their names in JSON Schema; None for any. Where reading is
            lenient, what is before such a value is skipped.
        max_depth: containers inside containers.
        max_chars: code points of text in all; None for no limit.

    Attributes:
        repairs: what was forgiven or unusual so far, in order; the first hundred.
        ended_in: the state in which the end of the text was closed; None where it was not.
    """

    def __init__(
        self,
        lenient: bool = False,
        *,
        types: Collection[str] | None = None,
        max_depth: int = MAX_DEPTH,
        max_chars: int | None = None,
    ) -> None:
        """Begin with nothing said: the value is None."""
        self._building = Building(max_depth)
        self._leniency = Leniency(types) if lenient else None
        self._reading = Reading(self._building, START if lenient else VALUE, self._leniency)
        self._max_chars = max_chars
        self._error: ParseError | OutputTooLarge | None = None
        self.repairs: list[Repair] = self._building.repairs
        self.ended_in: State | None = None

    @property
    def value(self) -> JsonValue:
        """What the text has said so far, live: copy it to keep it. Costs the length of the string that is open."""
        return self._building.value

    @property
    def offset(self) -> int:
        """Code points fed so far."""
        return self._reading.offset

    @property
    def begin(self) -> int:
        """Code points that cannot be part of the value: what the model thought aloud before it."""
        return 0 if self._leniency is None else self._leniency.begin

    @property
    def end(self) -> int:
        """Code points before what follows the closed root; all of them where nothing does."""
        return next((repair.offset for repair in self.repairs if repair.kind == "trailing_text"), self.offset)

    @property
    def is_closed(self) -> bool:
        """Whether the root value is complete."""
        return self._reading.state is END

    @property
    def open_pointers(self) -> list[str]:
        """The pointers of what is open, innermost first."""
        containers = [frame.pointer for frame in reversed(self._building.frames)]
        return [self._building.pointer, *containers] if self._reading.state is TEXT else containers

    def feed(self, text: str) -> list[Operation]:
        """Read the next piece of text and return what grew.

        Raises:
            ParseError: the text is not JSON; every later call raises the same.
            OutputTooLarge: the text is longer than `max_chars`; likewise.
        """
        if self._error is not None:
            raise self._error
        try:
            if not self._grow(text):
                self._read(text)
        except (ParseError, OutputTooLarge) as error:
            self._error = error
            raise
        return self._building.take()

    def taken(self) -> list[Operation]:
        """Return what grew and has not been returned: after an error, what came before it."""
        return self._building.take()

    def finish(self, *, close: bool = False) -> list[Operation]:
        """Say that no more text comes, and return what grew: a number may be complete only now.

        Args:
            close: close what is open as if the model had, and list that in `repairs`; what was cut in the middle of a
                key, a number or a literal is left out.

        Raises:
            ParseError: the text ended too early and `close` was not asked for.
        """
        if self._error is not None:
            raise self._error
        try:
            if self._leniency is not None:
                self._leniency.finish()
                self._read("")
                self.ended_in = ASIDE if self._reading.state is ASIDE else None
                self._leniency.leave(self._reading)
            if self._reading.state is NUMBER:
                self._end_number(close)
            if not self.is_closed:
                self._end_early(close)
        except ParseError as error:
            self._error = error
            raise
        return self._building.take()

    def _grow(self, text: str) -> bool:
        """Read text that only lets the visible string grow, as most pieces do; anything else is left to `_read`.

        It says the same as `_read`, in half the time.
        """
        reading = self._reading
        if reading.state is not TEXT or reading.pending or not reading.string.is_plain(text):
            return False
        length = reading.offset + len(text)
        if (self._max_chars is not None and length > self._max_chars) or not self._building.grow(text):
            return False
        reading.offset = length
        return True

    def _read(self, text: str) -> None:
        reading = self._reading
        if self._max_chars is not None and reading.offset + len(text) > self._max_chars:
            raise OutputTooLarge(f"the output is longer than {self._max_chars} characters")
        if reading.pending:
            reading.offset -= len(reading.pending)
            text, reading.pending = reading.pending + text, ""
        position, length = 0, len(text)
        while position < length:
            position = READERS[reading.state](reading, text, position)
        if reading.state is TEXT and self._building.reopened is None:
            self._building.show(reading.string.take())
        reading.offset += length

    def _end_number(self, close: bool) -> None:
        reading = self._reading
        if self._leniency is not None and not reading.frames and not is_number(reading.token):
            self._leniency.mend_token(reading, "", 0)
            return
        token, reading.token = reading.token, ""
        number = to_number(token, reading.offset - len(token))
        if number is None and not (close and reading.frames):
            raise ParseError(f"expected a number, got {token[:40]!r}", reading.offset - len(token))
        if number is not None:
            reading.set(number)

    def _end_early(self, close: bool) -> None:
        reading, building = self._reading, self._building
        if not close or not (reading.frames or reading.state is TEXT):
            raise ParseError(f"expected {EXPECTED[reading.state]}, got the end of the text", reading.offset)
        self.repairs.append(Repair("closed", reading.offset))
        self.ended_in = self.ended_in or reading.state
        if reading.state is TEXT:
            reading.string.cut()
            reading.end_text()
        building.drop()
        while reading.frames:
            reading.close()
