"""The life of one extraction: what a model can do, and how each of it ends."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from typing import Any, Literal

import pytest
import rfc8785
from hypothesis import given
from pydantic import BaseModel, Field

from gateway.core.document import Encoding, View
from gateway.core.extraction import Ending, Extraction, State
from gateway.core.lexical import ParseError
from gateway.core.limits import Limits
from gateway.core.messages import Cancelled, Completed, Failed, Incomplete, Terminal
from gateway.core.parser import MAX_DEPTH
from gateway.core.schema import Schema
from gateway.core.values import JsonValue
from gateway.errors import BadRequest, GatewayError, Internal, OutputTooLarge, ProviderError, ProviderTimeout
from tests.core.oracles import canonical, loaded
from tests.core.strategies import cut_texts, rendered


class Item(BaseModel):
    """A pydantic model whose validation changes values."""

    name: str
    price: float = 1.5
    tags: list[str] = Field(default_factory=list)
    kind: Literal["new", "used"] | None = None


class Order(BaseModel):
    """One with an object and a list inside."""

    title: str
    items: list[Item] = Field(default_factory=list)
    paid: bool = False


LIMITS = Limits()
ITEM = Schema.from_model(Item)
ANYTHING = Schema.from_json({"type": "object"}, limits=LIMITS)


def begun(schema: Schema = ITEM, limits: Limits = LIMITS) -> Extraction:
    """Return a running extraction."""
    extraction = Extraction(schema, epoch="e", limits=limits, created_s=10.0, input_chars=9)
    extraction.start(10.5)
    return extraction


def ended(extraction: Extraction, pieces: Sequence[str], finish: str | None) -> Terminal:
    """Play a model's answer to its end as the runner does, and return the terminal."""
    for piece in pieces:
        extraction.feed(piece, 11.0)
    if finish is not None:
        extraction.note_finish(finish)
    outcome = extraction.close()
    match outcome:
        case State.COMPLETED:
            ending = extraction.judge()
        case State():
            ending = extraction.ending(outcome)
        case error:
            ending = extraction.ending(State.FAILED, error)
    extraction.end(ending, 12.0)
    assert extraction.terminal is not None
    assert extraction.state.is_ended
    return extraction.terminal


def failure(terminal: Terminal) -> str:
    """Return the code of a failure."""
    assert isinstance(terminal, Failed)
    return terminal.error.code


WHOLE = '{"name":"A","price":2.5,"tags":["x"],"kind":"new"}'
OTHER = WHOLE.replace("2.5", "9.5")


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "tool_calls", None])
def test_a_closed_root_is_judged_whatever_the_finish_says(finish: str | None) -> None:
    """The answer is whole, so it counts."""
    extraction = begun()
    terminal = ended(extraction, [WHOLE], finish)
    assert isinstance(terminal, Completed)
    assert extraction.document.value == json.loads(WHOLE)
    assert terminal.repairs == []


def test_a_refusal_after_a_whole_answer_changes_nothing() -> None:
    """A closed root counts before anything else."""
    extraction = begun()
    extraction.refuse("I cannot help with that.")
    seen = [(extraction.feed(piece, 11.0), extraction.is_whole) for piece in (WHOLE[:-1], WHOLE[-1])]
    assert seen == [(True, False), (False, True)]
    assert isinstance(ended(extraction, [], "stop"), Completed)


@pytest.mark.parametrize(
    ("pieces", "open_pointers"),
    [
        (['{"title":"A","items":[{"name":"B'], ["/items/0/name", "/items/0", "/items", ""]),
        (['{"title":"A","items":[{"name":"B"},'], ["/items", ""]),
        (['{"title"'], [""]),
        (["  "], [""]),
        ([], [""]),
    ],
)
def test_an_answer_that_was_cut_is_incomplete(pieces: list[str], open_pointers: list[str]) -> None:
    """The provider said length: the value stays as it was written, with the pointers that were open."""
    extraction = begun(Schema.from_model(Order))
    terminal = ended(extraction, pieces, "length")
    assert isinstance(terminal, Incomplete)
    assert (terminal.reason, terminal.open) == ("length", open_pointers)
    assert extraction.document.final_rev is None


@pytest.mark.parametrize(
    ("text", "open_pointers"),
    [
        ('{"items":[{"name":"B', ["/0/name", "/0", ""]),
        ('{"items":[', [""]),
        ('{"items_note":"x', [""]),
        ('[{"name":"B', ["/0/name", "/0", ""]),
    ],
)
def test_open_pointers_are_those_of_the_value(text: str, open_pointers: list[str]) -> None:
    """A wrapper, and whatever stands beside the value in it, is not named."""
    terminal = ended(begun(ITEM.many()), [text], "length")
    assert isinstance(terminal, Incomplete)
    assert terminal.open == open_pointers


def test_an_answer_that_stopped_is_closed() -> None:
    """The provider said stop: what is open is closed, listed in the repairs, and judged."""
    extraction = begun()
    terminal = ended(extraction, ['{"name":"A","tags":["x'], "stop")
    assert isinstance(terminal, Completed)
    assert terminal.repairs == [{"kind": "closed", "offset": 22}]
    assert extraction.document.value == {"name": "A", "price": 1.5, "tags": ["x"], "kind": None}


@pytest.mark.parametrize(
    ("pieces", "finish", "code"),
    [
        (['{"name":"A'], None, "provider_error"),
        ([], None, "provider_error"),
        (['{"name":"A'], "content_filter", "refused"),
        ([], "content_filter", "refused"),
        ([], "stop", "invalid_output"),
        (["  "], "stop", "invalid_output"),
        (["-"], "stop", "invalid_output"),
        (["{"], "stop", "invalid_output"),
        (['{"name":1}'], "stop", "invalid_output"),
        (['{"name":"A","kind":"us'], "stop", "invalid_output"),
        (["[1]"], "stop", "invalid_output"),
    ],
)
def test_answers_that_fail(pieces: list[str], finish: str | None, code: str) -> None:
    """Each with its code; the value is what there was."""
    extraction = begun()
    terminal = ended(extraction, pieces, finish)
    assert failure(terminal) == code
    assert extraction.document.final_rev is None
    assert terminal.rev == extraction.document.rev


@pytest.mark.parametrize("finish", ["stop", "length", None])
def test_a_refusal(finish: str | None) -> None:
    """A model that refused has failed, however it stopped."""
    extraction = begun()
    extraction.refuse("I cannot help with that.")
    assert failure(ended(extraction, [], finish)) == "refused"


def test_what_is_invalid_is_named() -> None:
    """The errors of a value that does not fit say where."""
    schema = Schema.from_json(
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}, "required": ["b"]},
        limits=LIMITS,
    )
    terminal = ended(begun(schema), ['{"a":[1,"x"]}'], "stop")
    assert isinstance(terminal, Failed)
    assert isinstance(terminal.error.errors, list)
    assert {error["path"] for error in terminal.error.errors} == {"/a/1", "/b"}


def test_a_validated_number_that_no_double_holds() -> None:
    """What only the validation made too large is invalid as well: it could not be digested."""
    terminal = ended(begun(Schema.from_model(dict[str, int])), [f'{{"a":"{"9" * 400}"}}'], "stop")
    assert failure(terminal) == "invalid_output"


def test_text_around_the_answer() -> None:
    """What follows the closed root is forgiven and listed."""
    terminal = ended(begun(), [WHOLE, "\n", "That is all."], "stop")
    assert isinstance(terminal, Completed)
    assert terminal.repairs == [{"kind": "trailing_text", "offset": len(WHOLE) + 1}]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (f"Here it is:\n```json\n{WHOLE}\n```", ["leading_text", "trailing_text"]),
        (f"<think>{{}}</think>{WHOLE}", ["thinking"]),
        (WHOLE.replace('"', "'"), ["quotes"] * 7),
        (json.dumps(WHOLE), ["leading_text", "rewritten"]),
        ('{"name":"A","price":2.5,"tags":["x"],"kind":"new"', ["closed"]),
        (f'{{"price":9}}\nWith all of it:\n```json\n{WHOLE}\n```\n', ["trailing_text", "rewritten"]),
        (f"{OTHER}, I think.</think>\n{WHOLE}", ["trailing_text", "rewritten"]),
        (f"Maybe {OTHER}◁/think▷ Sure: {WHOLE} {OTHER}", ["leading_text", "trailing_text", "rewritten"]),
        (f"{WHOLE} {OTHER}", ["trailing_text"]),
        (f'{WHOLE}</think>{{"price":9}}', ["trailing_text"]),
        (f"{WHOLE}</think>", ["trailing_text"]),
        (f'{{"price": 1 : 2}} no.</think> {WHOLE}', ["rewritten"]),
        (WHOLE.replace('"kind":"new"', "\"kind':'new'"), ["closed", "rewritten"]),
        ('{"name":"A" "price":2.5 "tags":["x"] stray "kind":"new"}', ["missing_comma", "missing_comma", "rewritten"]),
    ],
)
def test_text_that_is_not_quite_json(text: str, kinds: list[str]) -> None:
    """It gives the same value as clean text, whole or in pieces, and the terminal lists what was forgiven."""
    for pieces in ([text], list(text)):
        extraction = begun()
        terminal = ended(extraction, pieces, "stop")
        assert isinstance(terminal, Completed)
        assert extraction.document.value == json.loads(WHOLE)
        assert [repair["kind"] for repair in terminal.repairs] == kinds


def test_what_cannot_be_read_is_read_once_more_as_a_whole() -> None:
    """However the text was cut: a part behind the fault is not taken for the root."""
    for size in (1, 3, 99):
        extraction, text = begun(ANYTHING), '{"a": 1 stray "b": {"c": 2}}'
        ended(extraction, [text[start : start + size] for start in range(0, len(text), size)], "stop")
        assert extraction.document.value == {"a": 1, "b": {"c": 2}}


def test_text_behind_thinking_that_fails() -> None:
    """Where neither what was thought nor what follows is valid, it says what is wrong with the first."""
    terminal = ended(begun(), ['{"price":2.5}</think>{"price":"much"}'], "stop")
    assert isinstance(terminal, Failed)
    assert [fault["path"] for fault in terminal.error.errors or []] == ["/name"]


def test_what_could_not_be_read_comes_with_the_last_step() -> None:
    """What was visible before the fault stays until then; the rest is one revision, marked as the last."""
    extraction = begun()
    seen = [extraction.feed(piece, 11.0) for piece in ('{"name":"A"', " : ?, ", '"price":2.5}')]
    assert (seen, extraction.document.value["name"]) == ([True, False, False], "A")  # type: ignore[index, call-overload]
    rev = extraction.document.rev
    assert isinstance(ended(extraction, [], "stop"), Completed)
    assert (extraction.document.rev, extraction.document.final_rev) == (rev + 1, rev + 1)
    assert extraction.document.value["price"] == 2.5  # type: ignore[index, call-overload]


@pytest.mark.parametrize("text", ['{"a":1,"b":12', "{'a':1,'b':12", '{"a":1,"b":12 ', '{"a":1,"b":[12'])
def test_a_number_at_the_end_is_one(text: str) -> None:
    """The model said that it was done: a closer is missing, and not the rest of a number."""
    extraction = begun(ANYTHING)
    assert isinstance(ended(extraction, list(text), "stop"), Completed)
    assert extraction.document.value in ({"a": 1, "b": 12}, {"a": 1, "b": [12]})


@pytest.mark.parametrize("text", ['{"a":1,"b":12.', '{"a":1,"b":1e', "{'a':1,'b':-", '{"a":1,"b":nul', '{"a":1,"b":'])
def test_what_may_be_cut_is_no_value(text: str) -> None:
    """A member that was cut in the middle is missing, however the text is read."""
    schema = Schema.from_json(
        {"type": "object", "properties": {"b": {"type": ["number", "string", "null"]}}, "required": ["b"]},
        limits=LIMITS,
    )
    terminal = ended(begun(schema), [text], "stop")
    assert failure(terminal) == "invalid_output"


@pytest.mark.parametrize(("finish", "kind"), [("length", Incomplete), ("stop", Failed), (None, Failed)])
def test_what_cannot_be_read_at_all(finish: str | None, kind: type[Terminal]) -> None:
    """It ends as the provider says; what is said of it is why reading it failed."""
    terminal = ended(begun(), ['{"price": 1:', "2, and more of this"], finish)
    assert isinstance(terminal, kind)


def test_what_is_too_long_to_be_read_once_more() -> None:
    """It fails as soon as that is clear."""
    extraction = begun()
    assert extraction.feed('{"name":"A" : 1, ', 11.0)
    assert not any(extraction.feed("x" * 1_000, 11.0) for _ in range(65))
    with pytest.raises(ParseError):
        extraction.feed("x" * 1_000, 11.0)


def test_what_a_model_thinks_is_not_its_answer() -> None:
    """Also where the answer never comes."""
    terminal = ended(begun(), [f"<think>Maybe {WHOLE}"], "stop")
    assert failure(terminal) == "invalid_output"


def test_a_terminal_is_small_whatever_was_repaired() -> None:
    """Its text is made once and lists no more than a hundred repairs."""
    extraction = begun(ANYTHING)
    terminal = ended(extraction, ['{"a":0' + ',"a":1' * 9_999 + "}"], "stop")
    assert len(terminal.repairs) == 100
    assert len(extraction.terminal_text) < 6_000
    assert json.loads(extraction.terminal_text)["repairs"] == terminal.repairs


def test_a_value_that_is_too_large() -> None:
    """The piece that makes the value larger than allowed is an error."""
    extraction = begun(limits=Limits(value_bytes=100))
    extraction.feed('{"name":"' + "x" * 20, 11.0)
    with pytest.raises(OutputTooLarge, match="100 bytes"):
        extraction.feed("é" * 30, 11.0)


def test_an_answer_that_is_too_long() -> None:
    """White space without end is an error as well, though the value does not grow."""
    extraction = begun(limits=Limits(value_bytes=100))
    for _ in range(4):
        extraction.feed(" " * 100, 11.0)
    with pytest.raises(OutputTooLarge, match="400 characters"):
        extraction.feed(" ", 11.0)


def test_the_last_step_leads_to_the_validated_value() -> None:
    """Coercions and defaults reach the document in one last step, marked as such."""
    extraction = begun()
    ended(extraction, ['{"name":"A","price":"3","extra":[', "1]}"], "stop")
    document = extraction.document
    assert document.final_rev == document.rev == 3
    update = document.update(View(Encoding.SNAPSHOT))
    assert json.loads("{" + update.body)["final"] is True
    assert document.value == {"name": "A", "price": 3.0, "tags": [], "kind": None}


def test_the_skeleton_is_never_validated() -> None:
    """A placeholder is no answer: a required member that was not written is missing."""
    assert failure(ended(begun(Schema.from_model(Order)), ["{}"], "stop")) == "invalid_output"


def test_an_unwritten_member_is_removed() -> None:
    """At the end a placeholder keeps a declared default or goes."""
    schema = Schema.from_json(
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"default": 5}, "c": {"type": "array"}}},
        limits=LIMITS,
    )
    extraction = begun(schema)
    assert extraction.document.value == {"a": None, "b": 5, "c": []}
    ended(extraction, ["{}"], "stop")
    assert extraction.document.value == {"b": 5}


@pytest.mark.parametrize("text", ['{"items":[{"name":"A"}]}', '[{"name":"A"}]'])
def test_the_bare_list_is_the_value(text: str) -> None:
    """The value, the digest and the document are those of the list, with its wrapper or without."""
    extraction = begun(ITEM.many())
    terminal = ended(extraction, list(text), "stop")
    assert extraction.document.value == [{"name": "A", "price": 1.5, "tags": [], "kind": None}]
    canonical_text = b'[{"kind":null,"name":"A","price":1.5,"tags":[]}]'
    assert terminal.digest == hashlib.sha256(canonical_text).hexdigest()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"people":[{"name":"A"},{"name":"B"}]}', ["A", "B"]),
        ('{"name":"A"}', ["A"]),
        ('{"name":"A"}\n{"name":"B"}\n', ["A", "B"]),
        ('```json\n{"name":"A"}\n```\nand\n```json\n{"name":"B"}\n```', ["A", "B"]),
    ],
)
def test_a_list_without_its_member(text: str, names: list[str]) -> None:
    """What is asked for is the member `items`; models also call it otherwise, or write the items one by one."""
    for pieces in ([text], list(text)):
        extraction = begun(ITEM.many())
        terminal = ended(extraction, pieces, "stop")
        assert isinstance(terminal, Completed)
        assert [item["name"] for item in json.loads(json.dumps(extraction.document.value))] == names
        assert {"kind": "rewritten", "offset": 0} in terminal.repairs


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ({"type": ["object", "null"]}, 'None of them.\n{"value": {"x":"q"}}', {"x": "q"}),
        ({"type": "number"}, '1. First\n{"value": 12.5}', 12.5),
        ({"type": "boolean"}, 'true or false? {"value": false}', False),
        ({"type": "number"}, "12 is the answer", 12),
    ],
)
def test_a_word_in_front_of_what_was_asked_for(type_: dict[str, Any], text: str, value: Any) -> None:
    """The value in the wrapper counts, and one without it where there is no other."""
    schema = Schema.from_json(type_, limits=LIMITS)
    for pieces in ([text], list(text)):
        extraction = begun(schema)
        assert isinstance(ended(extraction, pieces, "stop"), Completed)
        assert extraction.document.value == value


@pytest.mark.parametrize("pieces", [1, 4, 99])
@pytest.mark.parametrize("front", ["Sure: ", "Here is a draft.\n```json\n"])
def test_a_draft_is_not_stopped(front: str, pieces: int) -> None:
    """Where words are in front of it, another one may follow, however the text comes in."""
    schema = Schema.from_json(
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}, "s": {"type": "string"}}},
        limits=LIMITS,
    )
    text = f'{front}{{"n":-5,"s":"x"}}\n```\nWait, no:\n{{"n":5,"s":"x"}}'
    extraction = begun(schema)
    assert isinstance(
        ended(extraction, [text[at : at + pieces] for at in range(0, len(text), pieces)], "stop"), Completed
    )
    assert extraction.document.value == {"n": 5, "s": "x"}


CALL = '{"name":"extract","arguments":{"name":"A"}}'


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (ITEM, CALL, {"name": "A", "price": 1.5, "tags": [], "kind": None}),
        (ITEM, f"<tool_call>\n{CALL}\n</tool_call>", {"name": "A", "price": 1.5, "tags": [], "kind": None}),
        (ITEM, f"[TOOL_CALLS][{CALL}]", {"name": "A", "price": 1.5, "tags": [], "kind": None}),
        (ITEM.many(), f"<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>", 2),
        (ITEM.many(), f"[TOOL_CALLS][{CALL},{CALL}]", 2),
        (ANYTHING, CALL, json.loads(CALL)),
    ],
)
def test_a_call_that_was_written_as_text(schema: Schema, text: str, value: Any) -> None:
    """Its arguments count where the schema knows them, and no `arguments`."""
    for pieces in ([text], list(text)):
        extraction = begun(schema)
        assert isinstance(ended(extraction, pieces, "stop"), Completed)
        shown = json.loads(json.dumps(extraction.document.value))
        assert (shown if isinstance(value, dict) else [item["name"] for item in shown]) == (
            value if isinstance(value, dict) else ["A"] * value
        )


@pytest.mark.parametrize("text", ['{"error":"none"}', '{"a":[],"b":[]}', "{}".join(["", *[" "] * 101, ""])])
def test_what_is_no_list_either(text: str) -> None:
    """An object that has something else is no item, and two lists are not one."""
    assert failure(ended(begun(ITEM.many()), [text], "stop")) == "invalid_output"


@given(cut_texts(rendered(repeats=True)))
def test_a_completed_value_is_the_validated_one(pieces: list[str]) -> None:
    """Invariant 3: the document's value and the digest are those of what the model wrote."""
    extraction = begun(ANYTHING)
    terminal = ended(extraction, ['{"a":', *pieces, "}"], "stop")
    value = {"a": loaded("".join(pieces))}
    assert isinstance(terminal, Completed)
    assert canonical(extraction.document.value) == canonical(value)
    doubles = json.loads(json.dumps(value), parse_int=float)
    assert terminal.digest == hashlib.sha256(rfc8785.dumps(doubles)).hexdigest()


@pytest.mark.parametrize(
    "nested", ['{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH, "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)]
)
def test_the_deepest_value(nested: str) -> None:
    """What the parser lets through can be validated, compared, encoded in every view, and digested."""
    text = nested if nested[0] == "{" else f'{{"a":{nested}}}'
    extraction = begun(ANYTHING)
    assert isinstance(ended(extraction, [text], "stop"), Completed)
    for encoding, skeleton in product(Encoding, [True, False]):
        extraction.document.update(View(encoding, skeleton), 0)


@pytest.mark.parametrize(("state", "message"), [(State.CANCELLED, Cancelled), (State.FAILED, Failed)])
@pytest.mark.parametrize("is_running", [True, False])
def test_ended_from_outside(state: State, message: type[Terminal], is_running: bool) -> None:
    """An extraction may be cancelled, or fail, before it runs and while it does."""
    extraction = Extraction(ITEM, epoch="e", limits=LIMITS, created_s=1.0)
    if is_running:
        extraction.start(2.0)
        extraction.feed('{"name":"A', 2.0)
    extraction.end(extraction.ending(state, ProviderError("gone")), 3.0)
    assert isinstance(extraction.terminal, message)
    assert extraction.document.value == {"name": "A" if is_running else None, "price": 1.5, "tags": [], "kind": None}


def test_the_terminal_s_own_words() -> None:
    """Epoch, revision, usage by the provider's count, times from the clock that was given."""
    extraction = begun()
    extraction.count(100, 20)
    terminal = ended(extraction, [WHOLE[:9], WHOLE[9:]], "stop")
    assert (terminal.epoch, terminal.rev, terminal.attempts) == ("e", 3, 1)
    usage, timing = terminal.usage, terminal.timing
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.estimated) == (100, 20, 120, False)
    assert (timing.queued_ms, timing.first_delta_ms, timing.total_ms) == (500, 500, 2_000)


def test_usage_is_estimated_where_the_provider_did_not_count() -> None:
    """Nine characters in and fifty out, four to a token, rounded up."""
    usage = ended(begun(), [WHOLE], "stop").usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.estimated) == (3, 13, 16, True)


def test_a_time_out_says_its_phase() -> None:
    """The terminal of a time-out carries the phase and that a retry may help."""
    extraction = begun()
    extraction.end(extraction.ending(State.FAILED, ProviderTimeout("silent", phase="idle")), 12.0)
    assert isinstance(extraction.terminal, Failed)
    error = extraction.terminal.error
    assert (error.code, error.phase, error.retryable) == ("provider_timeout", "idle", True)


def test_a_request_that_turns_out_wrong_says_its_field() -> None:
    """The terminal names what to change, as an error about a message does."""
    extraction = begun()
    extraction.end(extraction.ending(State.FAILED, BadRequest("no model is chosen", param="model")), 12.0)
    assert isinstance(extraction.terminal, Failed)
    error = extraction.terminal.error
    assert (error.code, error.param, error.retryable) == ("bad_request", "model", False)


ALLOWED = {
    (State.QUEUED, State.RUNNING),
    (State.QUEUED, State.FAILED),
    (State.QUEUED, State.CANCELLED),
    (State.RUNNING, State.COMPLETED),
    (State.RUNNING, State.INCOMPLETE),
    (State.RUNNING, State.FAILED),
    (State.RUNNING, State.CANCELLED),
}


@pytest.mark.parametrize(("before", "after"), [*product(State, State)], ids=str)
def test_every_pair_of_states(before: State, after: State) -> None:
    """Invariant 1: the state moves only as the table says; what has ended stays."""
    extraction = Extraction(ITEM, epoch="e", limits=LIMITS, created_s=0.0)
    extraction.state = before
    if (before, after) in ALLOWED:
        extraction._move(after)
        assert extraction.state is after
    else:
        with pytest.raises(RuntimeError):
            extraction._move(after)
        assert extraction.state is before


def test_there_is_one_terminal() -> None:
    """Invariant 1: a second ending is refused and leaves the first."""
    extraction = begun()
    terminal = ended(extraction, [WHOLE], "stop")
    with pytest.raises(RuntimeError):
        extraction.end(Ending(State.FAILED, "", error=Internal("late")), 13.0)
    assert extraction.terminal is terminal
    assert extraction.document.rev == terminal.rev


def test_a_long_delta_makes_several_revisions() -> None:
    """What one step holds is bounded, however much text a provider sends at once."""
    extraction = Extraction(Schema.from_json({}, limits=Limits()), epoch="e", limits=Limits(), created_s=0)
    extraction.start(0)
    extraction.feed(json.dumps(["x" * 1_000] * 20), 0)
    assert 5 <= extraction.document.rev <= 6
    assert extraction.document.value == ["x" * 1_000] * 20


def test_what_came_before_an_error_is_shown_however_the_text_is_cut() -> None:
    """A delta that stops being JSON in its middle grows the value up to there."""
    for pieces in (['{"a": 1, x'], list('{"a": 1, x')):
        extraction = Extraction(Schema.from_json({}, limits=Limits()), epoch="e", limits=Limits(), created_s=0)
        extraction.start(0)
        with suppress(ParseError):
            for piece in pieces:
                extraction.feed(piece, 0)
        assert extraction.document.value == {"a": 1}


def in_attempt(number: int, *, retries: int, budget_tokens: int | None = None) -> tuple[Extraction, Ending]:
    """Return an extraction that had that many answers of 16 characters, none valid, and the last one's ending."""
    extraction = Extraction(
        ITEM, epoch="e1", limits=LIMITS, created_s=0, input_chars=8, retries=retries, budget_tokens=budget_tokens
    )
    extraction.start(0)
    ending = judged(extraction)
    for attempt in range(2, number + 1):
        extraction.ask_again(ending, f"e{attempt}")
        ending = judged(extraction)
    return extraction, ending


def judged(extraction: Extraction) -> Ending:
    """Let the model answer what is not valid, and return what that would end with."""
    extraction.feed('{"name":1234567}', 1)
    extraction.note_finish("stop")
    assert extraction.close() is State.COMPLETED
    return extraction.judge()


EMPTY_ITEM: JsonValue = {"name": None, "price": 1.5, "tags": [], "kind": None}


@pytest.mark.parametrize(
    ("attempt", "retries", "budget_tokens", "can"),
    [
        (1, 0, None, False),
        (1, 1, None, True),
        (2, 1, None, False),
        (2, 2, None, True),
        (1, 1, 5, True),
        (1, 1, 4, False),
        (2, 9, 9, True),
        (2, 9, 8, False),
    ],
)
def test_when_a_model_may_be_asked_again(attempt: int, retries: int, budget_tokens: int | None, can: bool) -> None:
    """As often as was allowed, and as long as the budget of four tokens an answer is not used up."""
    extraction, ending = in_attempt(attempt, retries=retries, budget_tokens=budget_tokens)
    assert extraction.can_ask_again(ending) is can


@pytest.mark.parametrize("error", [ProviderError("gone"), Internal("ours"), OutputTooLarge("long"), None])
def test_only_invalid_output_is_asked_for_again(error: GatewayError | None) -> None:
    """Neither a failure of the provider nor an answer that was cut off."""
    extraction, _ = in_attempt(1, retries=9)
    ending = Ending(State.FAILED if error else State.INCOMPLETE, "", error=error)
    assert not extraction.can_ask_again(ending)
    with pytest.raises(TypeError):
        extraction.ask_again(ending, "e2")


def test_another_attempt_is_another_document() -> None:
    """Invariant 4: from its skeleton at revision 0, with why the one before was void; the cost adds up."""
    extraction, ending = in_attempt(1, retries=1)
    before = extraction.document
    said, told = extraction.ask_again(ending, "e2")
    document = extraction.document
    assert (document.epoch, document.rev, document.value) == ("e2", 0, EMPTY_ITEM)
    assert (before.epoch, before.value["name"] if isinstance(before.value, dict) else None) == ("e1", 1234567)
    assert (extraction.attempt, extraction.is_past("e1"), extraction.is_past("e2")) == (2, True, False)
    assert ([fault["path"] for fault in extraction.faults], said["content"]) == (["/name"], '{"name":1234567}')
    terminal = ended(extraction, [WHOLE], "stop")
    assert isinstance(terminal, Completed)
    read = 2 + -(-(8 + len(said["content"]) + len(told["content"])) // 4)
    assert (terminal.attempts, terminal.usage.input_tokens, terminal.usage.output_tokens) == (2, read, 4 + 13)


def test_a_budget_that_is_used_up() -> None:
    """What is open is named, with the reason; thinking counts, and what has finished is not cut."""
    extraction = Extraction(ITEM, epoch="e", limits=LIMITS, created_s=0, budget_tokens=4)
    extraction.start(0)
    extraction.feed('{"name":"ab', 1)
    before = extraction.is_over_budget
    extraction.think("hm, hm")
    assert (before, extraction.is_over_budget) == (False, True)
    terminal = ended(extraction, [], "budget")
    assert isinstance(terminal, Incomplete)
    assert (terminal.reason, terminal.open, terminal.usage.output_tokens) == ("budget", ["/name", ""], 5)


class Choice(BaseModel):
    """A word of a few, inside and on its own."""

    note: str = ""
    kind: Literal["new", "newest"] | None = None
    inner: "Choice | None" = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"note": "a", "kind": "ne', {"note": "a"}),
        ('{"inner": {"note": "a", "kind": "newe', {"inner": {"note": "a"}}),
        ('{"kind": "newest", "note": "a', {"note": "a", "kind": "newest", "inner": None}),
    ],
)
def test_a_word_of_a_few_that_the_end_cut_is_never_shown(text: str, value: dict[str, object]) -> None:
    """The model stopped inside it: it would be another word, or none."""
    for pieces in ([text], list(text)):
        extraction = begun(Schema.from_model(Choice))
        ended(extraction, pieces, "stop")
        assert json.loads(json.dumps(extraction.document.plain_value())) == value
