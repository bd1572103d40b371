"""Which call a piece continues, and what becomes of the arguments: of the first call, of a union's, of a list's."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.errors import InvalidOutput, OutputTooLarge
from gateway.providers import call_lists, calls
from gateway.providers.call_lists import ListedCalls
from gateway.providers.call_unions import UnionCall
from gateway.providers.calls import CallNumbers, Calls
from gateway.providers.chunks import Call, Function

_OBJECTS = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5) | st.lists(st.none()), max_size=3)
_CAT = {"type": "object", "title": "Cat", "properties": {"kind": {"const": "cat"}, "lives": {}}, "required": ["kind"]}
_DOG = {"type": "object", "title": "Dog", "properties": {"kind": {"const": "dog"}, "name": {}}, "required": ["kind"]}
_NUMBER = {"type": "object", "title": "Number", "properties": {"value": {"type": "integer"}}, "required": ["value"]}


def _call(arguments: Any, index: int | None = 0, id_: str | None = None, name: str | None = None) -> Call:
    return Call(index=index, id=id_, function=Function(name, arguments))


def _read(reader: Calls, *chunks: Sequence[Call], is_cut: bool = False) -> str:
    return "".join([reader.read(chunk) for chunk in chunks]) + reader.finish(is_cut=is_cut)


def _union(*members: Any) -> UnionCall:
    schema = Schema.from_json({"anyOf": list(members)}, limits=Limits())
    return UnionCall(schema.members, "value")


@pytest.mark.parametrize(
    ("pieces", "numbers"),
    [
        ([_call("", 0, "a", "f"), _call("", 0), _call("", 1, "b", "f"), _call("", 1)], [0, 0, 1, 1]),
        ([_call("", 0, "a", "f"), _call("", 1, "b", "f"), _call("", 0), _call("", 1)], [0, 1, 0, 1]),
        ([_call("", 0, "a", "f"), _call("", 0, "b", "f"), _call("", 0), _call("", 0, "a")], [0, 1, 1, 0]),
        ([_call("", None, "a", "f"), _call("", None), _call("", None, "b", "f"), _call("", None)], [0, 0, 1, 1]),
        ([_call("", 0, "a", "f"), _call("", 0, "b"), _call("", 0, "c")], [0, 0, 0]),
        ([_call("", 0, None, "f"), _call("", 0, "a", "f"), _call("", 0, "b", "f")], [0, 0, 1]),
        ([_call("", 0, "null", "f"), _call("", 1, "null", "f"), _call("", 1, "null")], [0, 1, 1]),
        ([_call("", 3, "a", "f"), _call("", 4, "b", "f")], [0, 1]),
    ],
    ids=["in turn", "interleaved", "one index", "no index", "new ids alone", "late id", "no real id", "from 3"],
)
def test_which_call_a_piece_belongs_to(pieces: list[Call], numbers: list[int]) -> None:
    """By id, else by index, else to the last; by a new id with a name to another."""
    reader = CallNumbers()
    assert [reader.number(piece) for piece in pieces] == numbers


def test_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls without arguments do not fill the memory either."""
    monkeypatch.setattr(calls, "_MAX_CALLS", 2)
    with pytest.raises(OutputTooLarge):
        _read(ListedCalls("items"), *[[_call("", index)] for index in range(3)])


@given(st.data())
def test_every_call_adds_its_items(data: st.DataObject) -> None:
    """However their pieces come, the array holds what each call holds, in the order they began."""
    asked = data.draw(st.lists(st.lists(_OBJECTS, max_size=3) | _OBJECTS, min_size=1, max_size=4))
    texts = [json.dumps({"items": held} if isinstance(held, list) else held, indent=1) for held in asked]
    reader, written = ListedCalls("items"), ""
    for index in range(len(texts)):
        written += reader.read([_call("", index, f"id{index}", "f")])
    while any(texts):
        index = data.draw(st.sampled_from([index for index, text in enumerate(texts) if text]))
        size = data.draw(st.integers(1, 12))
        written += reader.read([_call(texts[index][:size], index)])
        texts[index] = texts[index][size:]
    written += reader.finish(is_cut=False)
    assert json.loads(written) == [item for held in asked for item in (held if isinstance(held, list) else [held])]


def test_a_list_streams() -> None:
    """What is sure is given at once, and the end when the model is done."""
    reader = ListedCalls("items")
    first = [reader.read([_call(piece)]) for piece in ('{"ite', 'ms": [{"a": ', "1}", ", {", "}", "]}")]
    assert first == ["", '[{"a": ', "1}", ", {", "}", ""]
    assert (reader.is_answered, reader.finish(is_cut=False)) == (True, "]")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["", "null", None, {}], "[{},{},{},{}]"),
        (['{"items": []}', '{"items": [ ]}'], "[]"),
        (["[1, 2]", "[3]"], "[1, 2,3]"),
        (['{"a": "x y"} tail', '{"items": "no list"}'], '[{"a": "x y"},{"items": "no list"}]'),
        ([{"a": 1}, {"items": [{"b": 2}]}], '[{"a": 1},{"b": 2}]'),
        (['{"a": "]}\\\\"}', '{"b": "\\""}'], '[{"a": "]}\\\\"},{"b": "\\""}]'),
    ],
    ids=["no arguments", "no items", "bare arrays", "no wrapper", "objects", "brackets in strings"],
)
def test_what_calls_may_hold(arguments: list[Any], text: str) -> None:
    """Whole calls, one after another."""
    chunks = [[_call(held, index, f"id{index}", "f")] for index, held in enumerate(arguments)]
    assert _read(ListedCalls("items"), *chunks) == text


def test_two_calls_that_nothing_tells_apart() -> None:
    """An object behind a whole one is another call's; so is a second one in the same chunk with a name."""
    assert _read(ListedCalls("items"), [_call('{"a":1}')], [_call('{"b":2}')]) == '[{"a":1},{"b":2}]'
    together = [_call('{"a":1}', None, None, "f"), _call('{"b":2}', None, None, "f")]
    assert _read(ListedCalls("items"), together) == '[{"a":1},{"b":2}]'


@pytest.mark.parametrize("arguments", ['{"items":[{"a":1}', '{"a":1}', '{"it', ""])
def test_a_list_that_was_cut_is_left_open(arguments: str) -> None:
    """Nobody knows what was to follow; only the whole wrapper is whole."""
    assert _read(ListedCalls("items"), [_call(arguments)], is_cut=True) in ('[{"a":1}', "")
    assert _read(ListedCalls("items"), [_call('{"items":[{"a":1}]}')], is_cut=True) == '[{"a":1}]'


def test_arguments_that_were_cut_though_the_model_is_done() -> None:
    """They are left open, which the parser closes and tells; behind them there is no place for another call."""
    assert _read(ListedCalls("items"), [_call('{"a": "x')]) == '[{"a": "x'
    with pytest.raises(InvalidOutput):
        _read(ListedCalls("items"), [_call('{"a": "x')], [_call('{"b": 1}', 1, "b", "f")])


def test_calls_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later call does not fill the memory while an earlier one is open."""
    monkeypatch.setattr(call_lists, "MAX_HELD_CHARS", 10)
    with pytest.raises(OutputTooLarge):
        _read(ListedCalls("items"), [_call("{")], *[[_call("12345678", 1)]] * 2)


@pytest.mark.parametrize("size", [1, 3, 99])
@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("Cat", '{"lives": 9}', {"lives": 9, "kind": "cat"}),
        ("Cat", '{"kind": "cat", "lives": 9}', {"kind": "cat", "lives": 9}),
        ("Cat", '{"lives": "}"}', {"lives": "}", "kind": "cat"}),
        ("Dog", "{ }", {"kind": "dog"}),
        ("Dog", "null", {"kind": "dog"}),
        ("Cat", '{"kind": "dog"}', {"kind": "dog"}),
        ("Bird", '{"lives": 9}', {"lives": 9}),
        ("Dog", '{"value": {"kind": "cat"}}', {"kind": "cat"}),
    ],
)
def test_the_name_says_which_member(size: int, name: str, arguments: str, value: Any) -> None:
    """A constant that is left out is added; what the model wrote stays, also where it wrote the wrapper itself."""
    pieces = [arguments[start : start + size] for start in range(0, len(arguments), size)]
    chunks = [[_call(piece, 0, None, None if number else name)] for number, piece in enumerate(pieces)]
    assert json.loads(_read(_union(_CAT, _DOG), *chunks)) == {"value": value}


def test_a_member_with_a_member_of_the_wrappers_name() -> None:
    """It is not taken for the wrapper."""
    assert json.loads(_read(_union(_CAT, _NUMBER), [_call('{"value": 5}', 0, "a", "Number")])) == {
        "value": {"value": 5}
    }


def test_a_unions_value_is_seen_as_it_grows_and_closed_at_once() -> None:
    """Only the wrapper's beginning is waited for; a second call does not count."""
    reader = _union(_CAT, _DOG)
    given = [reader.read([_call(piece, 0, "a", "Cat")]) for piece in ("{", '"liv', 'es": ', "9", "} tail")]
    assert given == ["", '{"value":{"liv', 'es": ', "9", ', "kind": "cat"}} tail']
    assert reader.read([_call("{}", 1, "b", "Dog")]) + reader.finish(is_cut=False) == ""


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_unions_call_that_was_cut(is_cut: bool) -> None:
    """It is left open as far as it came."""
    assert _read(_union(_CAT, _DOG), [_call('{"lives": ')], is_cut=is_cut) == '{"value":{"lives": '
    assert _read(_union(_CAT, _DOG), [_call("{")], is_cut=is_cut) == '{"value":{'
