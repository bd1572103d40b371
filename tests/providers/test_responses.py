"""Streams of the Responses API, read into deltas."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.errors import ProviderError, Refused
from gateway.ports import Delta, Finish, Mode, Reasoning, Refusal, Text, Usage
from gateway.providers import responses
from gateway.providers.answer import AnswerReader
from gateway.providers.call_lists import ListedCalls
from gateway.providers.calls import Calls

_USAGE = {"input_tokens": 3, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}}


def _event(kind: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, "sequence_number": 7, **fields}


def _text(piece: str, index: int = 0) -> dict[str, Any]:
    return _event("output_text.delta", index, item_id="m", content_index=0, delta=piece, logprobs=[])


def _arguments(piece: str, index: int = 0) -> dict[str, Any]:
    return _event("function_call_arguments.delta", index, item_id="f", delta=piece)


def _added(index: int = 0, **item: Any) -> dict[str, Any]:
    return _event("output_item.added", index, item={"id": "i", "status": "in_progress", **item})


def _call(index: int, call_id: str, arguments: str = "") -> dict[str, Any]:
    return _added(index, type="function_call", call_id=call_id, name="f", arguments=arguments)


def _message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": "assistant", "content": [part]}


def _ended(status: str = "completed", **fields: Any) -> dict[str, Any]:
    response = {"object": "response", "status": status, "output": [], "usage": _USAGE, "error": None, **fields}
    return {"type": f"response.{status}", "response": response}


def _read(*events: dict[str, Any], calls: Calls | None = None) -> list[Delta]:
    reader = AnswerReader(Mode.RESPONSES, calls)
    found: list[Delta] = []
    for event in events:
        found += reader.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    return found + list(reader.finish())


def _joined(deltas: Iterable[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def test_a_text() -> None:
    """The text as it comes, the tokens, the finish last; what repeats the text whole is not taken again."""
    whole = _message('{"a": 1}')
    assert _read(
        _event("created", response={"object": "response", "status": "in_progress"}),
        _added(type="message", content=[]),
        _event("content_part.added", part={"type": "output_text", "text": ""}),
        _text('{"a"'),
        _text(": 1}"),
        _event("output_text.done", text='{"a": 1}'),
        _event("content_part.done", part=whole["content"][0]),
        _event("output_item.done", item=whole),
        _ended(output=[whole]),
    ) == [Text('{"a"'), Text(": 1}"), Usage(3, 5), Finish("stop")]


@pytest.mark.parametrize("event", ["output_text.done", "content_part.done"])
def test_parts_that_come_whole(event: str) -> None:
    """Each of a message is taken, once, whichever event has it."""

    def part(number: int, text: str) -> dict[str, Any]:
        whole = {"type": "output_text", "text": text}
        fields: dict[str, Any] = {"text": text} if event == "output_text.done" else {"part": whole}
        return _event(event, output_index=0, content_index=number, **fields)

    item = {"type": "message", "content": [{"text": '{"a": 1,'}, {"text": ' "b": 2}'}]}
    deltas = _read(
        part(0, '{"a": 1,'), part(1, ' "b": 2}'), _event("output_item.done", item=item), _ended(output=[item])
    )
    assert _joined(deltas) == '{"a": 1, "b": 2}'


@pytest.mark.parametrize("kind", ["reasoning_summary_text", "reasoning_text", "reasoning"])
def test_reasoning(kind: str) -> None:
    """Reasoning and its summary are no part of the text, nor is an item of reasoning."""
    item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": None}
    events = [_event(f"{kind}.delta", delta="hm"), _event(f"{kind}.done", text="hm"), _text("{}", 1)]
    assert _read(*events, _ended(output=[item, _message("{}")])) == [
        *(Reasoning("hm"), Text("{}"), Usage(3, 5)),
        Finish("stop"),
    ]


def test_a_refusal() -> None:
    """Arrives as a refusal, once."""
    whole = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}
    for events in (
        [_event("refusal.delta", delta="n"), _event("refusal.delta", delta="o"), _event("refusal.done", refusal="no")],
        [_event("refusal.done", refusal="no")],
        [],
    ):
        deltas = _read(*events, _ended(output=[whole]))
        assert "".join(delta.text for delta in deltas if isinstance(delta, Refusal)) == "no"
        assert _joined(deltas) == ""


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "something"}, "length"),
        (None, "length"),
    ],
    ids=str,
)
def test_an_incomplete_response(details: Any, reason: str) -> None:
    """Says why."""
    assert _read(_text("{"), _ended("incomplete", incomplete_details=details))[-1] == Finish(reason)


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (_ended("failed", error={"code": "server_error", "message": "secret"}), ProviderError, "answering"),
        (_ended("failed", error=None), ProviderError, "answering"),
        (_ended("cancelled"), ProviderError, "answering"),
        ({"type": "error", "code": "server_error", "message": "secret", "param": None}, ProviderError, "answering"),
        ({"type": "error", "error": {"code": 503, "message": "secret"}}, ProviderError, "(status 503)"),
        (_ended("failed", error={"code": "content_filter", "message": "secret"}), Refused, "content filter"),
    ],
)
def test_a_failure(event: dict[str, Any], kind: type[Exception], words: str) -> None:
    """Every form of it, without the provider's words."""
    with pytest.raises(kind) as caught:
        _read(_text("{"), event)
    assert words in str(caught.value)
    assert "secret" not in repr(caught.value)


def test_the_arguments_of_a_call() -> None:
    """They are the answer, and prose in front of them is not; the second call does not count."""
    assert _read(
        *(_text("Let me see."), _call(1, "a"), _arguments('{"a"', 1), _arguments(": 1}", 1)),
        _event("function_call_arguments.done", 1, arguments='{"a": 1}'),
        *(_call(2, "b"), _arguments("{}", 2), _ended()),
    ) == [Text('{"a"'), Text(": 1}"), Usage(3, 5), Finish("stop")]


def test_calls_are_a_list() -> None:
    """With `many` each is an item."""
    events = [_call(0, "a"), _call(1, "b"), _arguments('{"b":2}', 1), _arguments('{"a":1}', 0), _ended()]
    assert _joined(_read(*events, calls=ListedCalls("items"))) == '[{"a":1},{"b":2}]'


def test_prose_without_a_call_is_the_text() -> None:
    """Given when it is clear that no call comes: at the first bracket, or at the end."""
    assert _read(_text("So: "), _text('{"a"'), _text(":1}"))[:2] == [Text('So: {"a"'), Text(":1}")]
    assert _joined(_read(_text("So: "), _text("none"), _ended())) == "So: none"
    assert _joined(_read(_text("{}"), _call(1, "a", '{"b":2}'), _ended())) == "{}"


def test_prose_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is an answer, whatever follows."""
    monkeypatch.setattr(responses, "_MAX_PROSE_CHARS", 3)
    assert _joined(_read(_text("long"), _call(1, "a", "{}"))) == "long"


@pytest.mark.parametrize(
    "events",
    [
        [_event("output_text.done", text="{}")],
        [_event("output_item.done", item=_message("{}"))],
        [_event("function_call_arguments.done", arguments="{}")],
        [_call(0, "a", "{}")],
        [_call(0, "a"), _event("output_item.done", item={"type": "function_call", "call_id": "a", "arguments": "{}"})],
        [],
    ],
)
def test_what_comes_whole(events: list[dict[str, Any]]) -> None:
    """A server that sends no pieces is read by what it does send."""
    assert _joined(_read(*events, _ended(output=[_message("{}")] if not events else []))) == "{}"


def test_a_call_without_arguments() -> None:
    """Is an empty object."""
    assert _joined(_read(_call(0, "a"), _ended())) == "{}"


def test_commentary_is_not_the_answer() -> None:
    """A message of that phase is left out, in pieces and whole."""
    whole = {**_message("[busy]"), "phase": "commentary"}
    added = _added(0, type="message", phase="commentary")
    assert _joined(_read(added, _text("[busy]", 0), _text("{}", 1), _ended(output=[whole]))) == "{}"
    assert _joined(_read(_ended(output=[whole, _message("{}")]))) == "{}"


def test_a_response_in_one_document() -> None:
    """From a server that does not stream."""
    document = json.dumps({"id": "r", **_ended(output=[_message('{"a": 1}')])["response"]}).encode()
    reader = AnswerReader(Mode.RESPONSES)
    assert list(reader.feed(document)) == []
    assert list(reader.finish()) == [Text('{"a": 1}'), Usage(3, 5), Finish("stop")]


def test_a_kind_that_only_the_event_names() -> None:
    """Or only the data: either is enough."""
    reader = AnswerReader(Mode.RESPONSES)
    body = b'event: response.output_text.delta\ndata: {"delta": "{}"}\n\nevent: response.failed\ndata: {}\n\n'
    deltas = reader.feed(body)
    assert next(deltas) == Text("{}")
    with pytest.raises(ProviderError):
        next(deltas)


def test_a_response_that_breaks_off() -> None:
    """Has no finish, and nothing is made up."""
    assert _read(_call(0, "a"), _arguments("")) == []
    assert _read(_text("{")) == [Text("{")]


def test_nothing_after_the_end_is_read() -> None:
    """The last event is the end, without `[DONE]` and with it."""
    reader = AnswerReader(Mode.RESPONSES)
    list(reader.feed(f"data: {json.dumps(_ended())}\n\n".encode()))
    assert (reader.is_done, list(reader.feed(b"data: [DONE]\n\n"))) == (True, [])
