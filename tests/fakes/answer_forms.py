"""How a scripted answer looks on the wire: as a chat completion, or as events of the Responses API."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

__all__ = ["Form", "form_of"]

Event: TypeAlias = Mapping[str, Any] | str


class Form(Protocol):
    """Events for the parts of an answer."""

    def opening(self) -> Event:
        """Return what comes first."""
        ...

    def reasoning(self, words: str) -> Event:
        """Return a thought."""
        ...

    def refusal(self, words: str) -> Event:
        """Return a piece of a refusal."""
        ...

    def piece(self, piece: str, number: int) -> Event:
        """Return a piece of the document."""
        ...

    def ending(self, finish_reason: str | None, usage: tuple[int, int] | None) -> Sequence[Event]:
        """Return what comes last, without `[DONE]`."""
        ...


def form_of(path: str, body: Mapping[str, Any]) -> Form:
    """Return the form in which a request wants its answer."""
    return _Response() if path.endswith("/responses") else _Chat(body)


class _Chat:
    """The document comes as arguments of the tool or function that was given, else as content."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def opening(self) -> Event:
        return _chunk({"role": "assistant", "content": None})

    def reasoning(self, words: str) -> Event:
        return _chunk({"reasoning_content": words})

    def refusal(self, words: str) -> Event:
        return _chunk({"refusal": words})

    def piece(self, piece: str, number: int) -> Event:
        if "functions" in self._body:
            name = {} if number else {"name": self._body["functions"][0]["name"]}
            return _chunk({"function_call": {**name, "arguments": piece}})
        if "tools" not in self._body:
            return _chunk({"content": piece})
        function: dict[str, Any] = {"arguments": piece}
        call: dict[str, Any] = {"index": 0, "function": function}
        if number == 0:
            function["name"] = self._body["tools"][0]["function"]["name"]
            call |= {"id": "call_1", "type": "function"}
        return _chunk({"tool_calls": [call]})

    def ending(self, finish_reason: str | None, usage: tuple[int, int] | None) -> Sequence[Event]:
        events: list[Event] = []
        if finish_reason:
            events.append(_chunk({}, self._auto() if finish_reason == "auto" else finish_reason))
        if usage:
            prompt, completion = usage
            tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
            events.append({**_chunk({}), "choices": [], "usage": tokens})
        return events

    def _auto(self) -> str:
        return next((said for asked, said in _SAID.items() if asked in self._body), "stop")


_SAID = {"tools": "tool_calls", "functions": "function_call"}


class _Response:
    """The document comes as the text of one message."""

    def opening(self) -> Event:
        return {"type": "response.created", "response": {"object": "response", "status": "in_progress", "output": []}}

    def reasoning(self, words: str) -> Event:
        return {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": words}

    def refusal(self, words: str) -> Event:
        return {"type": "response.refusal.delta", "output_index": 1, "content_index": 0, "delta": words}

    def piece(self, piece: str, number: int) -> Event:
        place = {"output_index": 1, "content_index": 0, "sequence_number": number}
        return {"type": "response.output_text.delta", **place, "delta": piece}

    def ending(self, finish_reason: str | None, usage: tuple[int, int] | None) -> Sequence[Event]:
        if not finish_reason:
            return []
        tokens = None if usage is None else {"input_tokens": usage[0], "output_tokens": usage[1]}
        response: dict[str, Any] = {"object": "response", "usage": tokens, "status": "completed"}
        if finish_reason not in ("auto", "stop"):
            reason = "max_output_tokens" if finish_reason == "length" else finish_reason
            response |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
        return [{"type": f"response.{response['status']}", "response": response}]


def _chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fake-model",
        "choices": [choice],
    }
