"""The events of a chat completion, as deltas.

Each rule is here because a server in use needs it:

1. Only choice 0 counts. What its calls make of their arguments stands in `calls`.
2. Where calls are asked for, content counts only if no call came by the end.
3. A whole message counts where it is all there is: some servers repeat it beside the pieces.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from gateway.errors import OutputTooLarge
from gateway.ports import Mode
from gateway.providers.calls import MAX_HELD_CHARS, Calls
from gateway.providers.chunks import Call, Choice, Message, Part, failure_of, read_chunks
from gateway.providers.deltas import Deltas
from gateway.providers.sse import Event

__all__ = ["ChatAnswer", "count"]

_NO_REASON = (None, "", "null")

_CALL_MODES = frozenset({Mode.TOOLS, Mode.FUNCTIONS})


class ChatAnswer:
    """Reads chunks of a chat completion, or a whole one.

    Attributes:
        has_begun: whether an event was part of a chat completion.
    """

    __slots__ = (
        "_asks_for_calls",
        "_calls",
        "_content",
        "_content_chars",
        "_has_call",
        "_has_message",
        "_has_rest",
        "has_begun",
    )

    def __init__(self, mode: Mode, calls: Calls) -> None:
        """Start before the first event.

        Args:
            mode: how JSON was asked for.
            calls: what to make of calls, where they were asked for.
        """
        self._asks_for_calls = mode in _CALL_MODES
        self._calls = calls
        self._content: list[str] = []  # until it is clear whether a call comes
        self._content_chars = 0
        self._has_call = self._has_message = self.has_begun = False
        self._has_rest = True

    @property
    def is_answered(self) -> bool:
        """Whether the model wrote all it was asked for, though some text waits."""
        return self._calls.is_answered

    def read(self, event: Event, deltas: Deltas) -> None:
        """Add what an event holds; ProviderFailure where it is an error."""
        for chunk in read_chunks(event):
            for choice in chunk.choices or ():
                self.has_begun = True
                if not choice.index:
                    self._read_choice(choice, deltas)
                    break
            if (tokens := chunk.tokens) is not None:
                deltas.usage(count(tokens.prompt_tokens), count(tokens.completion_tokens))

    def rest(self, *, is_cut: bool) -> str:
        """Return the text that waited for the end."""
        if self._has_call:
            is_first, self._has_rest = self._has_rest, False
            return self._calls.finish(is_cut=is_cut) if is_first else ""
        content = "".join(self._content)
        self._content.clear()
        return content

    def _read_choice(self, choice: Choice, deltas: Deltas) -> None:
        if choice.error:
            raise failure_of(choice.error)
        message = choice.delta
        if message is None and not self._has_message:
            message = choice.message
        if message is not None:
            self._has_message = True
            self._read_message(message, deltas)
        if choice.finish_reason not in _NO_REASON:
            deltas.finish(str(choice.finish_reason))
            is_alone = message is None or not (message.tool_calls or message.function_call)
            if self._has_call and is_alone and deltas.finish_reason == "stop":
                # No call can follow, though some servers leave the line open; others say so with every chunk.
                deltas.text(self.rest(is_cut=False))

    def _read_message(self, message: Message, deltas: Deltas) -> None:
        content = message.content
        thought = message.reasoning_content or message.reasoning or message.reasoning_details
        if thought:
            deltas.reasoning(_thought_of(thought))
        elif isinstance(content, list):
            deltas.reasoning("".join([_thinking_of(part) for part in content if isinstance(part, Part)]))
        if message.refusal:
            deltas.refusal(message.refusal)
        if self._asks_for_calls:
            deltas.text(self._read_calls(message))
        elif content:
            deltas.text(_text_of(content))

    def _read_calls(self, message: Message) -> str:
        calls = message.tool_calls
        if isinstance(calls, Call):
            calls = [calls]
        elif not calls and (function := message.function_call) is not None and (function.name or function.arguments):
            calls = [Call(function=function)]
        if calls:
            if not self._has_call:
                self._has_call = True
                self._content.clear()
            return self._calls.read(calls)
        if not self._has_call and message.content:
            self._hold(_text_of(message.content))
        return ""

    def _hold(self, content: str) -> None:
        self._content_chars += len(content)
        if self._content_chars > MAX_HELD_CHARS:
            raise OutputTooLarge("the provider wrote too much without calling the tool it was given")
        self._content.append(content)


def count(tokens: float | None) -> int:
    """Return a number of tokens as servers give it: missing, or none at all, it is nought."""
    return int(tokens) if tokens and math.isfinite(tokens) else 0


def _text_of(content: str | Sequence[Part | str] | dict[str, Any]) -> str:
    """Return the words of content: text, parts of it, or an object that some servers give in place of its text."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return json.dumps(content)
    return "".join([part if isinstance(part, str) else part.text or "" for part in content])


def _thinking_of(part: Part) -> str:
    return _text_of(part.thinking or "")


def _thought_of(thought: Any) -> str:
    """Return the words of reasoning: a text, or details of which each has a text or a summary."""
    if isinstance(thought, str):
        return thought
    details = thought if isinstance(thought, list) else [thought]
    words = [detail.get("text") or detail.get("summary") for detail in details if isinstance(detail, dict)]
    return "".join([word for word in words if isinstance(word, str)])
