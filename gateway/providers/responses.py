"""The events of the Responses API, as deltas.

1. The text of every message is the answer, but for one that is marked as commentary.
2. A call counts where there is one and no text that could be JSON came before it; prose waits to see.
3. What came in pieces is not taken again from the events that repeat it whole.
"""

from typing import Any, ClassVar

import msgspec

from gateway.providers.calls import Calls
from gateway.providers.chat import count
from gateway.providers.chunks import Call, Function, decoded_tolerantly, failure_of
from gateway.providers.deltas import Deltas
from gateway.providers.sse import Event

__all__ = ["ResponseAnswer"]

_MAX_PROSE_CHARS = 1 << 16  # of what may precede a call; a longer text is the answer itself


class _Part(msgspec.Struct, frozen=True):
    """A piece of a message: text or a refusal."""

    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, frozen=True):
    """What the model puts out: a message, a call, or its reasoning."""

    type: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    phase: str | None = None
    content: list[_Part] | None = None


class _Details(msgspec.Struct, frozen=True):
    reason: str | None = None


class _Tokens(msgspec.Struct, frozen=True):
    input_tokens: int | float | None = None
    output_tokens: int | float | None = None


class _Response(msgspec.Struct, frozen=True):
    """The answer as a whole, as it stands in the last event, or alone where nothing is streamed."""

    status: str | None = None
    output: list[_Item] | None = None
    incomplete_details: _Details | None = None
    usage: _Tokens | None = None
    error: Any = None


class _Event(msgspec.Struct, frozen=True):
    """One event; `object` is there where it is no event but a response."""

    type: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    delta: Any = None
    item: _Item | None = None
    part: _Part | None = None
    text: str | None = None
    arguments: str | None = None
    refusal: str | None = None
    response: _Response | None = None
    error: Any = None
    code: Any = None
    object: Any = None


_decoder = msgspec.json.Decoder(_Event)


class ResponseAnswer:
    """Reads the events of a response, or a whole one.

    Attributes:
        has_begun: whether an event was part of a response.
    """

    __slots__ = (
        "_calls",
        "_commentary",
        "_given",
        "_given_parts",
        "_has_call",
        "_held",
        "_held_chars",
        "_is_json",
        "has_begun",
    )

    def __init__(self, calls: Calls) -> None:
        """Start before the first event; `calls` is what to make of function calls."""
        self._calls = calls
        self._commentary: set[int] = set()  # by output index, as the following
        self._given: set[int] = set()
        self._given_parts: set[tuple[int, int]] = set()  # of messages: by output index and content index
        self._held: list[str] = []  # prose, until it is clear whether a call comes
        self._held_chars = 0
        self._has_call = self._is_json = self.has_begun = False

    @property
    def is_answered(self) -> bool:
        """Whether the model wrote all it was asked for, though some text waits."""
        return self._calls.is_answered

    def read(self, event: Event, deltas: Deltas) -> None:
        """Add what an event holds; ProviderFailure where it is an error."""
        for decoded in _decoded(event.content):
            kind = decoded.type or event.name.decode("ascii", "replace")  # some say it in one place only
            if decoded.error or kind == "error":
                raise failure_of(decoded.error or {"code": decoded.code})
            if decoded.object == "response":
                self._read_document(event, deltas)
            elif (read := self._READ.get(kind)) is not None:
                self.has_begun = True
                read(self, decoded if decoded.type else msgspec.structs.replace(decoded, type=kind), deltas)
            elif kind.startswith("response.reasoning") and kind.endswith(".delta"):
                deltas.reasoning(_string(decoded.delta))

    def rest(self, *, is_cut: bool) -> str:
        """Return the text that waited for the end."""
        if self._has_call:
            return self._calls.finish(is_cut=is_cut)
        prose = "".join(self._held)
        self._held.clear()
        return prose

    def _text_delta(self, event: _Event, deltas: Deltas) -> None:
        index = event.output_index or 0
        self._given.add(index)
        self._given_parts.add((index, event.content_index or 0))
        if index not in self._commentary:
            self._add_text(_string(event.delta), deltas)

    def _call_delta(self, event: _Event, deltas: Deltas) -> None:
        index = event.output_index or 0
        self._given.add(index)
        self._add_call(index, _Item(arguments=_string(event.delta)), deltas)

    def _refusal_delta(self, event: _Event, deltas: Deltas) -> None:
        self._given.add(event.output_index or 0)
        self._given_parts.add((event.output_index or 0, event.content_index or 0))
        deltas.refusal(_string(event.delta))

    def _added(self, event: _Event, deltas: Deltas) -> None:
        index, item = event.output_index or 0, event.item or _Item()
        if item.phase == "commentary":
            self._commentary.add(index)
        if item.type == "function_call":
            if item.arguments:
                self._given.add(index)
            self._add_call(index, item, deltas)

    def _part_done(self, event: _Event, deltas: Deltas) -> None:
        """Take a part whole, where it did not come in pieces."""
        part = event.part or _Part(event.text, event.refusal)
        self._add_part(event.output_index or 0, event.content_index or 0, part, deltas)

    def _arguments_done(self, event: _Event, deltas: Deltas) -> None:
        self._add_item(event.output_index or 0, _Item(type="function_call", arguments=event.arguments), deltas)

    def _item_done(self, event: _Event, deltas: Deltas) -> None:
        self._add_item(event.output_index or 0, event.item or _Item(), deltas)

    def _ended(self, event: _Event, deltas: Deltas) -> None:
        response = event.response or _Response()
        self._end(response, response.status or (event.type or "").removeprefix("response."), deltas)

    def _read_document(self, event: Event, deltas: Deltas) -> None:
        self.has_begun = True
        for response in decoded_tolerantly(event.content, _Response):
            self._end(response, response.status or "", deltas)

    def _end(self, response: _Response, status: str, deltas: Deltas) -> None:
        if status in ("failed", "cancelled"):
            raise failure_of(response.error)
        for index, item in enumerate(response.output or ()):
            self._add_item(index, item, deltas)
        if (tokens := response.usage) is not None:
            deltas.usage(count(tokens.input_tokens), count(tokens.output_tokens))
        if status == "incomplete":
            reason = response.incomplete_details.reason if response.incomplete_details is not None else None
            deltas.finish("content_filter" if reason == "content_filter" else "length")
        else:
            deltas.finish("stop")
        deltas.is_done = True

    def _add_item(self, index: int, item: _Item, deltas: Deltas) -> None:
        """Take an item whole, where nothing of it came before."""
        if item.type == "function_call":
            if index not in self._given:
                self._given.add(index)
                self._add_call(index, item, deltas)
        elif item.type in (None, "message") and item.phase != "commentary":
            for number, part in enumerate(item.content or ()):
                self._add_part(index, number, part, deltas)

    def _add_part(self, index: int, number: int, part: _Part, deltas: Deltas) -> None:
        """Take a part of a message whole, where nothing of it came before."""
        if index in self._commentary or (index, number) in self._given_parts or not (part.text or part.refusal):
            return
        self._given.add(index)
        self._given_parts.add((index, number))
        if part.refusal:
            deltas.refusal(part.refusal)
        self._add_text(part.text or "", deltas)

    def _add_text(self, text: str, deltas: Deltas) -> None:
        if self._is_json:
            deltas.text(text)
        elif not self._has_call:
            self._held.append(text)
            self._held_chars += len(text)
            if "{" in text or "[" in text or self._held_chars > _MAX_PROSE_CHARS:
                self._is_json = True
                deltas.text("".join(self._held))
                self._held.clear()

    def _add_call(self, index: int, item: _Item, deltas: Deltas) -> None:
        if self._is_json:
            return
        self._has_call = True
        self._held.clear()
        call = Call(index=index, id=item.call_id, function=Function(item.name, item.arguments))
        deltas.text(self._calls.read([call]))

    _READ: ClassVar = {
        "response.output_text.delta": _text_delta,
        "response.output_text.done": _part_done,
        "response.content_part.done": _part_done,
        "response.function_call_arguments.delta": _call_delta,
        "response.function_call_arguments.done": _arguments_done,
        "response.refusal.delta": _refusal_delta,
        "response.refusal.done": _part_done,
        "response.output_item.added": _added,
        "response.output_item.done": _item_done,
        "response.completed": _ended,
        "response.incomplete": _ended,
        "response.failed": _ended,
        "response.cancelled": _ended,
    }


def _decoded(content: bytes) -> list[_Event]:
    try:
        return [_decoder.decode(content)]
    except msgspec.DecodeError:
        return decoded_tolerantly(content, _Event)


def _string(piece: Any) -> str:
    return piece if isinstance(piece, str) else ""
