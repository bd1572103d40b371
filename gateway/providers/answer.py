"""The bytes of one chat-completions stream as the deltas of `gateway.ports`.

Each rule is here because a server in use needs it:

1. Only choice 0 counts, and in tools mode only its first call.
2. A call continues under its index; a new id *with a name* begins another call, a new id alone does not.
3. Arguments that are missing, empty or `null` mean `{}`, unless the answer was cut.
4. In tools mode content counts only if no call came by the end.
5. `Finish` comes once and last, so that an error after a finish reason is still an error.
6. Half a surrogate pair at the end of a piece waits for its other half.
"""

import json
import math
from collections.abc import Iterator

from gateway.errors import OutputTooLarge, ProviderError
from gateway.ports import Delta, Finish, Mode, Reasoning, Refusal, Text, Usage
from gateway.providers.chunks import Call, Choice, Chunk, Function, Message, Part, Tokens, read_chunk
from gateway.providers.sse import Event, EventStreamDecoder, EventTooLarge

__all__ = ["AnswerReader"]

_MAX_HELD_CHARS = 1 << 22  # content kept in tools mode until it is clear whether a call comes

_FINISH_REASONS = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
}
_FAILED_REASONS = frozenset({"abort", "error", "insufficient_system_resource", "network_error"})


class AnswerReader:
    """Reads one answer: pieces of the body in, deltas out.

    `is_done` turns true at `[DONE]`; nothing after it is read.
    """

    __slots__ = (
        "_call",
        "_events",
        "_finish_reason",
        "_has_bytes",
        "_has_events",
        "_reasoning",
        "_text",
        "is_done",
    )

    def __init__(self, mode: Mode) -> None:
        """Start before the first byte of a body."""
        self._events = EventStreamDecoder()
        self._call = _CallText() if mode is Mode.TOOLS else None
        self._text = _PairJoiner()
        self._reasoning = _PairJoiner()
        self._finish_reason = ""
        self._has_bytes = self._has_events = False
        self.is_done = False

    @property
    def has_finish_reason(self) -> bool:
        """Whether the model has said why it stopped: nothing that matters can follow."""
        return bool(self._finish_reason)

    @property
    def has_begun(self) -> bool:
        """Whether anything of a body has come."""
        return self._has_bytes

    def feed(self, piece: bytes) -> Iterator[Delta]:
        """Return an iterator over the deltas that `piece` completes, to be exhausted before the next call.

        Raises:
            ProviderError: an error object, or an event that is not a chunk; the iterator raises it behind the
                deltas that came before.
            OutputTooLarge: more content than is kept while a call may still come.
        """
        self._has_bytes = self._has_bytes or bool(piece)
        try:
            return self._read(self._events.feed(piece))
        except EventTooLarge:
            raise ProviderError("the provider sent an event that is too large") from None

    def finish(self) -> Iterator[Delta]:
        """Yield what was held back until the end, `Finish` last if a finish reason came.

        Raises:
            ProviderError: as `feed`, and for a body that is not an event stream.
        """
        if not self.is_done:
            yield from self._read(self._events.finish())
        if self._has_bytes and not self._has_events:
            raise ProviderError("the provider did not answer with an event stream")
        rest = self._call.finish(self._finish_reason) if self._call is not None else ""
        if text := self._text.join(rest) + self._text.finish():
            yield Text(text)
        if self._finish_reason:
            yield Finish(self._finish_reason)

    def _read(self, events: list[Event]) -> Iterator[Delta]:
        for event in events:
            self._has_events = True
            if event.content == b"[DONE]":
                self.is_done = True
                break
            if event.content:
                yield from self._read_chunk(read_chunk(event))

    def _read_chunk(self, chunk: Chunk) -> list[Delta]:
        deltas: list[Delta] = []
        for choice in chunk.choices or ():
            if not choice.index:
                self._read_choice(choice, deltas)
                break
        if chunk.usage is not None:
            deltas.append(_usage(chunk.usage))
        return deltas

    def _read_choice(self, choice: Choice, deltas: list[Delta]) -> None:
        if choice.delta is not None:
            self._read_message(choice.delta, deltas)
        if reason := choice.finish_reason:
            if reason in _FAILED_REASONS:
                raise ProviderError("the provider broke off its answer")
            self._finish_reason = _FINISH_REASONS.get(reason, "stop")

    def _read_message(self, message: Message, deltas: list[Delta]) -> None:
        thought = message.reasoning_content or message.reasoning
        if isinstance(message.content, list):
            thought = thought or _thought_of(message.content)
        if thought and (thought := self._reasoning.join(thought)):
            deltas.append(Reasoning(thought))
        if message.refusal:
            deltas.append(Refusal(message.refusal))
        text = _content_of(message) if self._call is None else self._call.read(message)
        if text and (text := self._text.join(text)):
            deltas.append(Text(text))


class _CallText:
    """The answer is the arguments of the first call, or the content if there is none (rules 2, 3 and 4)."""

    __slots__ = (
        "_content",
        "_content_chars",
        "_has_call",
        "_id",
        "_index",
        "_is_first",
        "_is_open",
        "_start",
    )

    def __init__(self) -> None:
        self._content: list[str] = []
        self._content_chars = 0
        self._has_call = self._is_open = False
        self._index: int | None = None
        self._id: str | None = None
        self._is_first = True
        self._start = ""

    def read(self, message: Message) -> str:
        calls = message.tool_calls
        if not calls and message.function_call is not None:
            calls = [Call(function=message.function_call)]
        if calls:
            return "".join([self._read_call(call) for call in calls])
        if not self._has_call:
            self._hold(_content_of(message))
        return ""

    def finish(self, finish_reason: str) -> str:
        if not self._has_call:
            return "".join(self._content)
        if self._is_open or finish_reason != "stop":
            return ""
        return "{}" if self._start.strip() in ("", "null") else self._start

    def _read_call(self, call: Call) -> str:
        function = call.function or Function()
        if not self._is_of_first_call(call, function):
            return ""
        text = _arguments_of(function)
        if self._is_open:
            return text
        self._start += text
        self._is_open = not "null".startswith(self._start.strip())
        return self._start if self._is_open else ""

    def _is_of_first_call(self, call: Call, function: Function) -> bool:
        if not self._has_call:
            self._has_call, self._index, self._id = True, call.index, call.id
            self._content.clear()
        if None not in (call.index, self._index) and call.index != self._index:
            return False
        if call.id and call.id == self._id:
            self._is_first = True
        elif call.id and function.name:
            self._is_first = False
        return self._is_first

    def _hold(self, content: str) -> None:
        self._content_chars += len(content)
        if self._content_chars > _MAX_HELD_CHARS:
            raise OutputTooLarge("the provider wrote too much without calling the tool it was given")
        self._content.append(content)


class _PairJoiner:
    """Joins surrogate pairs that a server cut in two; half a pair that stays alone becomes U+FFFD."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def join(self, piece: str) -> str:
        if not self._half and piece.isascii():
            return piece
        text, self._half = self._half + piece, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def finish(self) -> str:
        return "\ufffd" if self._half else ""


def _content_of(message: Message) -> str:
    content = message.content
    if isinstance(content, list):
        return "".join([part.text or "" for part in content])
    return content or ""


def _thought_of(parts: list[Part]) -> str:
    thoughts = [part.thinking for part in parts]
    return "".join([_thought_of_part(thought) for thought in thoughts if thought])


def _thought_of_part(thought: list[Part] | str) -> str:
    return thought if isinstance(thought, str) else "".join([part.text or "" for part in thought])


def _arguments_of(function: Function) -> str:
    arguments = function.arguments
    if isinstance(arguments, dict):
        return json.dumps(arguments) if arguments else ""
    return arguments or ""


def _usage(tokens: Tokens) -> Usage:
    return Usage(_count(tokens.prompt_tokens), _count(tokens.completion_tokens))


def _count(tokens: float | None) -> int:
    return int(tokens) if tokens and math.isfinite(tokens) else 0
