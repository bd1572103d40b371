"""Chat completions, in chunks or whole, as typed structs, and an event's JSON into them.

Only what is used has a name, and everything is optional: servers leave out, null, rename and double at will.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from gateway.errors import ProviderError, ProviderFailure, ProviderRateLimited, Refused
from gateway.providers.sse import Event

__all__ = [
    "Call",
    "Choice",
    "Chunk",
    "Function",
    "Message",
    "Part",
    "Tokens",
    "decoded_tolerantly",
    "failure_of",
    "is_filter",
    "read_chunks",
]

_NOT_AN_ANSWER = "the provider sent an event that is no part of an answer"
_T = TypeVar("_T")

_FAILED = "the provider reported an error while it was answering"

_TOO_MANY = (429, "429", "rate_limit_exceeded", "rate_limit_error", "rate_limit", "too_many_requests")
"""Servers' words for "too many requests", in the place of a status."""


# msgspec structs: a chunk is decoded into them in 1 µs, into the SDK's own objects in 200.
class Function(msgspec.Struct, frozen=True):
    """A piece of a call; some servers give the arguments as an object, or an empty list, instead of its text."""

    name: str | None = None
    arguments: str | dict[str, Any] | list[Any] | None = None


class Call(msgspec.Struct, frozen=True):
    """A piece of one tool call."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Part(msgspec.Struct, frozen=True):
    """A piece of content from a server that sends content as a list."""

    text: str | None = None
    thinking: list["Part"] | str | None = None


class Message(msgspec.Struct, frozen=True):
    """What one choice gained; `function_call` is the form before tool calls, one call alone that of some servers."""

    content: str | list[Part | str] | dict[str, Any] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: str | None = None
    tool_calls: list[Call] | Call | None = None
    function_call: Function | None = None


class Choice(msgspec.Struct, frozen=True):
    """One of the answers the model writes side by side; `message` is a whole one."""

    index: int | None = None
    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    error: Any = None


class Tokens(msgspec.Struct, frozen=True):
    """Tokens counted so far."""

    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None


class Groq(msgspec.Struct, frozen=True):
    """Where one server puts its tokens."""

    usage: Tokens | None = None


class Chunk(msgspec.Struct, frozen=True):
    """One event of a chat completion, or all of it."""

    choices: list[Choice] | None = None
    usage: Tokens | None = None
    x_groq: Groq | None = None
    error: Any = None
    object: Any = None
    type: Any = None
    code: Any = None

    @property
    def tokens(self) -> Tokens | None:
        """The tokens, wherever they stand."""
        return self.x_groq.usage if self.usage is None and self.x_groq is not None else self.usage


_decoder = msgspec.json.Decoder(Chunk)


def read_chunks(event: Event) -> Sequence[Chunk]:
    """Return the chunks an event holds: one, or several where a server forgot the blank lines between them.

    Raises:
        ProviderFailure: the event is an error, or cannot be read.
    """
    try:
        chunks: Sequence[Chunk] = (_decoder.decode(event.content),)
    except msgspec.DecodeError:
        chunks = decoded_tolerantly(event.content, Chunk)
    if event.name or not chunks or chunks[0].error or not chunks[0].choices:
        _require_no_error(event.name, chunks)
    return chunks


def _require_no_error(name: bytes, chunks: Sequence[Chunk]) -> None:
    """Raise what an event says that is an error itself; one in a choice is looked for where that is read."""
    for chunk in chunks:
        if chunk.error or chunk.object == "error" or chunk.type == "error":
            raise failure_of(chunk.error or {"code": chunk.code})
    if name == b"error":
        raise failure_of({"code": chunks[0].code} if chunks else None)


def decoded_tolerantly(content: bytes, kind: type[_T]) -> list[_T]:
    """Read what is a little off: half a surrogate pair, NaN, bytes that are not UTF-8, an index as text.

    What does not even begin like an object is skipped, for it cannot hold a part of the answer.

    Raises:
        ProviderError: it begins like one, and is none.
    """
    text = content.decode("utf-8", "replace")
    try:
        return [_converted(text, kind)] if text.lstrip().startswith("{") else []
    except json.JSONDecodeError:
        lines = text.split("\n")
        if len(lines) == 1:
            raise ProviderError(_NOT_AN_ANSWER) from None
        return [decoded for line in lines for decoded in decoded_tolerantly(line.encode(), kind)]
    except (ValueError, RecursionError, msgspec.ValidationError):
        raise ProviderError(_NOT_AN_ANSWER) from None


def _converted(text: str, kind: type[_T]) -> _T:
    return msgspec.convert(json.loads(text), kind, strict=False)


def failure_of(error: Any) -> ProviderFailure:
    """Our own words for a provider's error object: its status where it has one, none of its text."""
    fields = error if isinstance(error, dict) else {}
    code = fields.get("code")
    if is_filter(code):
        return Refused("a content filter stopped the model")
    if any(fields.get(field) in _TOO_MANY for field in ("code", "status_code", "type")):
        return ProviderRateLimited("the provider asked to wait while it was answering (status 429)")
    for status in (fields.get("status_code"), code):
        if isinstance(status, int) and 400 <= status <= 599:
            return ProviderError(f"{_FAILED} (status {status})")
    return ProviderError(_FAILED)


def is_filter(code: object) -> bool:
    """Tell whether an error's code is that of a content filter."""
    return code in ("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation")
