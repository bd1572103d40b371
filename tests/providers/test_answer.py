"""Chat completions, as servers really send them, read into deltas; see `test_streams` for recorded ones."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from gateway.errors import OutputTooLarge, ProviderError, ProviderFailure, ProviderRateLimited, Refused
from gateway.ports import Delta, Finish, Mode, Reasoning, Text, Usage
from gateway.providers import chat
from gateway.providers.answer import AnswerReader
from gateway.providers.call_lists import ListedCalls


def _event(chunk: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def _choice(finish_reason: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def _call(arguments: Any, **fields: Any) -> dict[str, Any]:
    name = fields.pop("name", None)
    return {"index": 0, **fields, "function": {"name": name, "arguments": arguments}}


def _read(*chunks: Mapping[str, Any], mode: Mode = Mode.TOOLS) -> list[Delta]:
    reader = AnswerReader(mode)
    return [delta for chunk in chunks for delta in reader.feed(_event(chunk))] + list(reader.finish())


def _text(deltas: Iterable[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def test_the_last_delta_is_the_finish() -> None:
    """Usage may come after the finish reason; the finish is given last and once."""
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    deltas = _read(_choice(content="{}"), _choice("stop"), _choice("stop"), usage, mode=Mode.JSON)
    assert deltas == [Text("{}"), Usage(3, 5), Finish("stop")]


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": None}, {"completion_tokens": float("nan")}], ids=str)
def test_usage_without_numbers(usage: dict[str, Any]) -> None:
    """Counts that are missing or no numbers are nought."""
    assert _read({"usage": usage}) == [Usage(0, 0)]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("tool_calls", "stop"),
        ("function_call", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("content_filter", "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("SAFETY", "content_filter"),
    ],
)
def test_finish_reasons(said: str, meant: str) -> None:
    """Every server's word for the end is one of ours."""
    assert _read(_choice(said), mode=Mode.JSON) == [Finish(meant)]


def test_of_two_finish_reasons_the_one_that_says_more_counts() -> None:
    """A second word, which some gateways add, does not take back that the answer was cut."""
    assert _read(_choice("length"), _choice("stop"), mode=Mode.JSON) == [Finish("length")]
    assert _read(_choice("stop"), _choice("content_filter"), mode=Mode.JSON) == [Finish("content_filter")]


def test_a_stream_without_a_finish_reason_just_ends() -> None:
    """Nothing is made up for an answer that was cut, not even the braces of a call without arguments."""
    assert _read(_choice(tool_calls=[_call("", name="f")])) == []


@pytest.mark.parametrize("pieces", [[""], [None], ["null"], ["nu", "ll"], [" null "], [{}], [[]]])
def test_no_arguments_are_an_empty_object(pieces: list[Any]) -> None:
    """Missing, empty and null arguments stand for an object without members."""
    chunks = [_choice(tool_calls=[_call(piece)]) for piece in pieces]
    assert _text(_read(*chunks, _choice("tool_calls"))) == "{}"


def test_an_empty_object_in_front_of_the_arguments_is_none() -> None:
    """Some relays begin a call with one; alone it is what the model wrote, and cut it is too."""
    chunks = [_choice(tool_calls=[_call(piece)]) for piece in ("{}", '{"a"', ":1}")]
    assert _text(_read(*chunks, _choice("tool_calls"))) == '{"a":1}'
    assert _text(_read(chunks[0], _choice("tool_calls"))) == "{}"
    assert _text(_read(chunks[0], _choice("length"))) == "{}"


def test_a_finish_with_every_chunk() -> None:
    """Some relays say `stop` with each piece of a call, and with each of several calls."""
    chunks = [
        _choice("stop", reasoning_content="hm"),
        _choice("stop", tool_calls=[_call("", name="f", id="1")]),
        _choice("stop", tool_calls=[_call('{"a"')]),
        _choice("stop", tool_calls=[_call(":1}")]),
    ]
    assert _text(_read(*chunks)) == '{"a":1}'
    reader = AnswerReader(Mode.TOOLS, ListedCalls("items"))
    calls = [_choice("stop", tool_calls=[_call(f'{{"a":{n}}}', name="f", id=str(n), index=n)]) for n in range(3)]
    deltas = [delta for chunk in calls for delta in reader.feed(_event(chunk))] + list(reader.finish())
    assert json.loads(_text(deltas)) == [{"a": 0}, {"a": 1}, {"a": 2}]


def test_a_finish_that_is_none() -> None:
    """The word null, as text."""
    chunks = [_choice("null", tool_calls=[_call("{", name="f")]), _choice("null", tool_calls=[_call("}")])]
    assert _read(*chunks, _choice("stop"))[-1] == Finish("stop")
    assert _text(_read(*chunks, _choice("stop"))) == "{}"


@pytest.mark.parametrize("content", ['{"a":1}', {"a": 1}, ['{"a"', ":1}"], [{"text": '{"a"'}, ":1}"]], ids=str)
def test_forms_of_content(content: Any) -> None:
    """Text, an object in place of its text, a list of texts."""
    assert json.loads(_text(_read(_choice("stop", content=content), mode=Mode.JSON))) == {"a": 1}


def test_tokens_that_stand_elsewhere() -> None:
    """Beside the usual place, where that is empty."""
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    assert _read({**_choice("stop", content="{}"), "x_groq": {"usage": usage}}, mode=Mode.JSON)[1] == Usage(3, 5)


def test_arguments_that_begin_like_null_are_kept() -> None:
    """Text held back because it could have become null is not lost."""
    chunks = [_choice(tool_calls=[_call(piece)]) for piece in ("n", "ope")]
    assert _text(_read(*chunks, _choice("stop"))) == "nope"
    assert _text(_read(_choice(tool_calls=[_call("nu")]), _choice("stop"))) == "nu"


def test_arguments_as_an_object() -> None:
    """A server that sends arguments as an object gives the same value."""
    assert json.loads(_text(_read(_choice("stop", tool_calls=[_call({"a": [1]})])))) == {"a": [1]}


@pytest.mark.parametrize(
    "second",
    [
        _call('{"b":2}', index=1, id="call_b", name="f"),
        _call('{"b":2}', index=0, id="call_b", name="f"),
        _call('{"b":2}', index=None, id="call_b", name="f"),
    ],
    ids=["next index", "same index", "no index"],
)
def test_only_the_first_call_counts(second: dict[str, Any]) -> None:
    """A second call is left out, whether its index or only its id tells it apart."""
    first = _call('{"a":1}', id="call_a", name="f")
    one_by_one = [_choice(tool_calls=[first]), _choice(tool_calls=[second])]
    for chunks in (one_by_one, [_choice(tool_calls=[first, second])]):
        assert _text(_read(*chunks, _choice("tool_calls"))) == '{"a":1}'


@pytest.mark.parametrize(
    "fields", [{"id": "call_a", "name": "f"}, {"id": "another"}, {"id": ""}, {"index": None}], ids=str
)
def test_a_call_continues(fields: dict[str, Any]) -> None:
    """Repeated ids and names, new ids without a name, and missing ones continue the call."""
    chunks = [
        _choice(tool_calls=[_call('{"a"', id="call_a", name="f")]),
        _choice(tool_calls=[_call(":1}", **fields)]),
    ]
    assert _text(_read(*chunks)) == '{"a":1}'


def test_the_legacy_function_call_is_a_call() -> None:
    """`function_call` counts where there are no tool calls, is not doubled where there are, and is none where empty."""
    function = {"name": "f", "arguments": "{}"}
    for mode in (Mode.TOOLS, Mode.FUNCTIONS):
        assert _text(_read(_choice(function_call=function), mode=mode)) == "{}"
        assert _text(_read(_choice(function_call=function, tool_calls=[_call("{}")]), mode=mode)) == "{}"
    empty = {"name": "", "arguments": ""}
    assert _text(_read(_choice(content='{"a":1}', function_call=empty), _choice("stop"))) == '{"a":1}'


def test_a_call_that_is_no_list() -> None:
    """One server gives the call itself where a list of calls is due."""
    chunks = [_choice(tool_calls=_call(piece)) for piece in ('{"a"', ":1}")]
    assert _text(_read(*chunks, _choice("stop"))) == '{"a":1}'


def test_many_calls_are_closed_by_the_finish_reason() -> None:
    """The array does not wait for the end of the stream, which some servers leave open."""
    reader = AnswerReader(Mode.TOOLS, ListedCalls("items"))
    first = list(reader.feed(_event(_choice(tool_calls=[_call('{"items": [{"a": 1}]}')]))))
    assert (first, reader.can_end) == ([Text('[{"a": 1}')], True)
    assert list(reader.feed(_event(_choice("tool_calls")))) == [Text("]")]
    assert list(reader.finish()) == [Finish("stop")]


def test_done_without_a_finish_reason_is_an_end() -> None:
    """The server says that nothing follows: calls without arguments are empty objects, a list is closed."""
    for calls, text in ((None, "{}"), (ListedCalls("items"), "[{}]")):
        reader = AnswerReader(Mode.TOOLS, calls)
        body = _event(_choice(tool_calls=[_call("", name="f")])) + b"data: [DONE]\n\n"
        assert [*reader.feed(body), *reader.finish()] == [Text(text)]


def test_content_stands_in_for_a_call_that_never_came() -> None:
    """In tools mode content is the answer only if no call came by the end, and then in one piece."""
    content = [_choice(content='{"a"'), _choice(content=":1}")]
    assert _read(*content, _choice("stop")) == [Text('{"a":1}'), Finish("stop")]
    assert _text(_read(*content, _choice("stop", tool_calls=[_call('{"b":2}')]))) == '{"b":2}'


def test_content_that_waits_for_a_call_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that chatters instead of calling its tool does not fill the memory."""
    monkeypatch.setattr(chat, "MAX_HELD_CHARS", 10)
    with pytest.raises(OutputTooLarge):
        _read(*[_choice(content="12345678")] * 2)


def test_only_choice_zero_counts() -> None:
    """Other choices of the same answer are left out."""
    chunks = [_choice(index=1, content="no"), _choice(content="{}"), _choice("length", index=1)]
    assert _read(*chunks, mode=Mode.JSON) == [Text("{}")]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning(field: str) -> None:
    """Both names of reasoning are reasoning and no part of the text."""
    delta: dict[str, Any] = {field: "hm"}
    assert _read(_choice(**delta), mode=Mode.JSON) == [Reasoning("hm")]


@pytest.mark.parametrize(
    ("delta", "thought"),
    [
        ({"reasoning_details": [{"type": "reasoning.text", "text": "h"}, {"summary": "m"}]}, "hm"),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}, 7]}, ""),
        ({"reasoning": "hm", "reasoning_details": [{"text": "hm"}]}, "hm"),
        ({"reasoning": {"text": "hm"}}, "hm"),
        ({"reasoning_content": 7}, ""),
    ],
    ids=str,
)
def test_reasoning_in_other_forms(delta: dict[str, Any], thought: str) -> None:
    """In details, once where it comes twice; a form that nobody knows does not stop the answer."""
    deltas = _read(_choice(content="{}", **delta), mode=Mode.JSON)
    assert deltas == [*([Reasoning(thought)] if thought else []), Text("{}")]


def test_a_whole_message_beside_the_pieces() -> None:
    """Some servers repeat all they have said in each chunk; it counts only where there is nothing else."""
    chunk = _choice(content="{}")
    chunk["choices"][0]["message"] = {"content": "{}"}
    repeated: dict[str, Any] = {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}
    assert _text(_read(chunk, repeated, mode=Mode.JSON)) == "{}"
    assert _text(_read(repeated, mode=Mode.JSON)) == "{}"


def test_content_in_parts() -> None:
    """Content as a list gives its texts, and its thinking as reasoning."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "{}"},
    ]
    assert _read(_choice(content=parts), mode=Mode.JSON) == [Reasoning("hm"), Text("{}")]


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": None, "usage": None, "error": None},
        {"choices": [{}]},
        {"choices": [{"delta": None, "index": None}]},
        _choice(content=None, tool_calls=None, refusal=None, function_call=None),
        _choice(tool_calls=[]),
    ],
    ids=str,
)
def test_empty_chunks_say_nothing(chunk: dict[str, Any]) -> None:
    """Whatever is missing or null is nothing, in every mode."""
    assert [_read(chunk, mode=mode) for mode in Mode] == [[]] * len(Mode)


@pytest.mark.parametrize(
    ("chunk", "status"),
    [
        ({"error": {"message": "secret", "code": 400}}, "(status 400)"),
        ({"error": {"message": "secret", "status_code": 503, "code": "busy"}}, "(status 503)"),
        ({"error": {"message": "secret", "code": "secret"}}, "answering"),
        ({"error": "secret"}, "answering"),
        ({"choices": [{"error": {"message": "secret", "code": 502}}]}, "(status 502)"),
        ({"object": "error", "message": "secret", "code": 404}, "(status 404)"),
        ({"type": "error", "message": "secret"}, "answering"),
        ({**_choice(content="x"), "error": {"message": "secret", "code": 429}}, "(status 429)"),
        ({"error": {"message": "secret", "type": "rate_limit_error"}}, "(status 429)"),
        (_choice("error"), "broke off"),
        (_choice("function_call_filter: MALFORMED_FUNCTION_CALL"), "broke off"),
    ],
    ids=str,
)
def test_an_error_in_mid_stream(chunk: dict[str, Any], status: str) -> None:
    """An error object in any of its forms is our error, with its status and without its words."""
    with pytest.raises(ProviderFailure) as caught:
        _read(_choice(content="{"), _choice("length"), chunk)
    assert type(caught.value) is (ProviderRateLimited if "429" in status else ProviderError)
    assert caught.value.message.endswith(status) or status in caught.value.message
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("content", [b'{"message": "x"}', b"no JSON", b'{"error": {"message": "x"}}'])
def test_an_event_named_error_is_an_error(content: bytes) -> None:
    """The event's name is enough."""
    with pytest.raises(ProviderError):
        next(AnswerReader(Mode.JSON).feed(b"event: error\ndata: " + content + b"\n\n"))


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_an_error_that_is_a_content_filters(code: str) -> None:
    """It is a refusal, and no fault of the provider's."""
    with pytest.raises(Refused):
        _read({"error": {"code": code, "message": "secret"}})


@pytest.mark.parametrize(
    "noise", [b"data: ping\n\n", b"data: [1]\n\n", b"data\n\n", b"data: null\n\n", b"event: x\n\n"]
)
def test_what_cannot_be_a_chunk_is_skipped(noise: bytes) -> None:
    """Words in an event are no part of an answer."""
    reader = AnswerReader(Mode.JSON)
    body = noise + _event(_choice(content="{")) + noise + _event(_choice("stop", content="}")) + noise
    assert [*reader.feed(body), *reader.finish()] == [Text("{"), Text("}"), Finish("stop")]


def test_events_without_the_blank_lines_between_them() -> None:
    """Each line is a chunk."""
    lines = b"".join(_event(_choice(content=piece)).replace(b"\n\n", b"\n") for piece in ("{", "}"))
    reader = AnswerReader(Mode.JSON)
    assert [*reader.feed(lines + b"data: [DONE]\n\n"), *reader.finish()] == [Text("{"), Text("}")]


def test_a_chunk_in_several_lines_of_data() -> None:
    """They are one chunk, broken where JSON may be."""
    body = b'data: {"choices":\ndata: [{"delta": {"content": "{}"}}]}\n\n'
    assert list(AnswerReader(Mode.JSON).feed(body)) == [Text("{}")]


@pytest.mark.parametrize("body", [b"<html>no</html>", b'{"detail": "secret"}', b"\n\n\n", b"data"[:3]])
def test_a_body_that_is_no_event_stream(body: bytes) -> None:
    """A body that is neither events nor an answer is refused, whatever it calls itself."""
    reader = AnswerReader(Mode.JSON)
    assert list(reader.feed(body)) == []
    with pytest.raises(ProviderError, match="did not answer with an event stream"):
        next(reader.finish())


@pytest.mark.parametrize(
    "event", [b'data: {"choices": \n\n', b'data: {"choices": 7}\n\n', b'data: {}\ndata: {"\n\n', b"data: 1" * 200_000]
)
def test_an_event_that_cannot_be_read(event: bytes) -> None:
    """An object that is cut or of another form may have held text, and one too large is not waited for."""
    with pytest.raises(ProviderError, match="the provider sent an event"):
        next(AnswerReader(Mode.JSON).feed(event))


def test_surrogate_pairs_cut_in_two() -> None:
    """Halves of a pair in two chunks become their character, and a half alone U+FFFD."""
    halves = [_choice(content="a\ud83d"), _choice(content="\ude00b"), _choice(content="\ud83d")]
    assert _text(_read(*halves, mode=Mode.JSON)) == "a😀b\ufffd"


def test_chunks_that_are_not_quite_json() -> None:
    """NaN, an index as text and bytes that are not UTF-8 do not stop an answer."""
    reader = AnswerReader(Mode.JSON)
    event = b'data: {"logprob": NaN, "choices": [{"index": "0", "delta": {"content": "x\xff"}}]}\n\n'
    assert list(reader.feed(event)) == [Text("x\ufffd")]


def test_nothing_after_done_is_read() -> None:
    """`[DONE]` ends the answer, also in the middle of a piece."""
    reader = AnswerReader(Mode.JSON)
    body = _event(_choice("stop")) + b"data: [DONE]\n\ndata: rubbish\n\n"
    assert (list(reader.feed(body)), reader.is_done) == ([], True)
    assert list(reader.finish()) == [Finish("stop")]


def test_what_came_before_an_error_is_given_first() -> None:
    """Deltas that share a piece with an error are not lost."""
    deltas = AnswerReader(Mode.JSON).feed(_event(_choice(content="{")) + _event({"error": "x"}))
    assert next(deltas) == Text("{")
    with pytest.raises(ProviderError):
        next(deltas)
