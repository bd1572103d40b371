"""The incremental parser: its numbered invariants, and JSON's usual horrors cut at every position."""

import json
import re
from collections.abc import Iterable
from itertools import chain
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.operations import ADD, APPEND, CLOSE, REPLACE, Operation, fold
from gateway.core.parser import ParseError, Parser, Repair
from gateway.errors import InvalidOutput, OutputTooLarge
from tests.core.oracles import applied, canonical, enlarged, every_cut, loaded, parsed, refusal, rfc6902
from tests.core.strategies import cut_texts, rendered


@given(cut_texts(rendered(repeats=True)))
def test_a_text_may_be_cut_anywhere(pieces: list[str]) -> None:
    """Invariant 1: the value, the folded operations and the repairs are the same as for the whole text."""
    parser, operations = parsed(pieces)
    whole, whole_operations = parsed(["".join(pieces)])
    assert canonical(parser.value) == canonical(loaded("".join(pieces)))
    assert fold(operations) == fold(whole_operations)
    assert parser.repairs == whole.repairs
    assert parser.is_closed
    assert parser.offset == len("".join(pieces))


@given(cut_texts(rendered(repeats=True)))
def test_operations_say_all_that_happens(pieces: list[str]) -> None:
    """Invariant 2: after each piece, the operations so far give the value, naively and by plain jsonpatch."""
    parser, naive, patched = Parser(), None, None
    for operations in chain(map(parser.feed, pieces), (parser.finish() for _ in range(1))):
        naive = applied(naive, operations)
        patched = jsonpatch.apply_patch(patched, rfc6902(fold(operations), parser.value))
        assert canonical(naive) == canonical(parser.value) == canonical(patched)


@given(cut_texts(rendered()))
def test_only_what_is_complete_or_a_growing_string_is_seen(pieces: list[str]) -> None:
    """Invariant 3: from piece to piece the value only grows at its open end; no number is seen unfinished."""
    parser, seen, is_open = Parser(), None, False
    for piece in pieces:
        parser.feed(piece)
        value = json.loads(json.dumps(parser.value))
        assert seen is None or enlarged(seen, value, is_open=is_open)
        seen, is_open = value, not parser.is_closed
    parser.finish()
    assert seen is None or enlarged(seen, loaded("".join(pieces)), is_open=is_open)


@given(cut_texts(st.text() | st.text('[]{}:,"\\u019.-eE+ truefalsn\n\ud83d\x00')))
def test_any_text_is_json_or_refused(pieces: list[str]) -> None:
    """Invariant 5: arbitrary text gives a value or a `ParseError`, and `json.loads` agrees on which."""
    text = "".join(pieces)
    try:
        value = parsed(pieces)[0].value
    except ParseError:
        assert not is_json(text)
    else:
        assert canonical(value) == canonical(loaded(text))


@given(cut_texts(st.binary(max_size=40).map(lambda noise: noise.decode("utf-8", "surrogateescape"))))
def test_any_bytes_are_json_or_refused(pieces: list[str]) -> None:
    """Invariant 5 for bytes that were never meant to be text, and for closing what they opened."""
    parser = Parser(lenient=True, max_chars=30)
    try:
        operations = [operation for piece in pieces for operation in parser.feed(piece)] + parser.finish(close=True)
    except (ParseError, OutputTooLarge):
        return
    assert canonical(applied(None, operations)) == canonical(parser.value)


def is_json(text: str) -> bool:
    """Tell whether `json.loads` takes a text, without NaN, infinities and what is beyond a double."""
    try:
        return not re.search("NaN|Infinity", json.dumps(json.loads(text)))
    except ValueError:
        return False


@given(cut_texts(rendered()), st.sampled_from("x]}\"'\x00"))
def test_what_was_complete_before_an_error_stays(pieces: list[str], wrong: str) -> None:
    """Invariant 5: an error takes nothing back, and comes again on every later call."""
    parser = Parser()
    for piece in pieces:
        parser.feed(piece)
    if not parser.is_closed:
        return
    error = refusal(lambda: parser.feed(wrong))
    assert error.offset == len("".join(pieces))
    assert refusal(lambda: parser.feed(" ")) is error
    assert refusal(parser.finish) is error
    assert canonical(parser.value) == canonical(loaded("".join(pieces)))


def test_operations_before_an_error_are_not_taken_back() -> None:
    """What earlier pieces said is still the value's own history."""
    parser = Parser()
    operations = parser.feed('{"a":"x","b":[1')
    refusal(lambda: parser.feed(",]"))
    assert applied(None, operations) == {"a": "x", "b": []}
    assert parser.value == {"a": "x", "b": [1]}


def seen(pieces: Iterable[str]) -> list[Any]:
    """Return the value after each piece."""
    parser, values = Parser(), []
    for piece in pieces:
        parser.feed(piece)
        values.append(json.loads(json.dumps(parser.value)))
    return values


def test_a_number_in_five_pieces() -> None:
    """12.5 is never seen as 1, 12 or 12."""
    assert seen(["[", "1", "2", ".", "5", ","]) == [[], [], [], [], [], [12.5]]


def test_a_root_number_is_complete_at_the_end() -> None:
    """Only the end of the text, or white space, tells that a root number is whole."""
    parser = Parser()
    assert (parser.feed("1"), parser.feed("2"), parser.is_closed, parser.value) == ([], [], False, None)
    assert parser.finish() == [Operation(ADD, "", 12)]
    assert (parser.is_closed, parser.value) == (True, 12)
    assert seen(["4", "2", " "]) == [None, None, 42]


def test_a_literal_in_pieces() -> None:
    """True is not seen before its last letter."""
    assert seen(["[t", "r", "u", "e", ",nu", "ll]"]) == [[], [], [], [True], [True], [True, None]]


def test_a_string_in_pieces() -> None:
    """A string starts with its first text, or with its quote at the end of a piece, and grows."""
    assert seen(['["', "a", "\\", "n", "\\u00", '41"', "]"]) == [
        [""],
        ["a"],
        ["a"],
        ["a\n"],
        ["a\n"],
        ["a\nA"],
        ["a\nA"],
    ]
    assert seen(['"', "a", '"']) == ["", "a", "a"]


def test_a_surrogate_pair_in_pieces() -> None:
    """An escaped pair appears at once, however it is cut; a lone half is U+FFFD."""
    assert seen(['["', "\\ud8", "3d\\ud", "e42", "\\ud83d", 'x"]']) == [[""], [""], [""], ["🙂"], ["🙂"], ["🙂\ufffdx"]]


def test_a_key_is_not_seen_before_its_value() -> None:
    """A key alone shows nothing."""
    assert seen(['{"', "a", '"', ":", '"']) == [{}, {}, {}, {}, {"a": ""}]


def test_steps_of_growth() -> None:
    """One operation for each thing that grew, with its pointer; every string and container closes."""
    parser = Parser()
    assert parser.feed('{"a/b":{"~":"x') == [
        Operation(ADD, "", {}, opened=True),
        Operation(ADD, "/a~1b", {}, opened=True),
        Operation(ADD, "/a~1b/~0", "x"),
    ]
    assert parser.feed("y") == [Operation(APPEND, "/a~1b/~0", "y")]
    assert parser.feed('"},"":[null') == [
        Operation(CLOSE, "/a~1b/~0"),
        Operation(CLOSE, "/a~1b"),
        Operation(ADD, "/", [], opened=True),
        Operation(ADD, "//0", None),
    ]
    assert parser.feed(" ") == []
    assert parser.feed("]}") == [Operation(CLOSE, "/"), Operation(CLOSE, "")]


def test_an_operation_does_not_grow_afterwards() -> None:
    """What was handed out is not changed by what comes later."""
    parser = Parser()
    opened = parser.feed('{"a":[')
    parser.feed('1,2],"b":3}')
    assert [operation.value for operation in opened] == [{}, []]


def test_open_pointers() -> None:
    """What is open is told innermost first: the string that grows and the containers around it."""
    parser = Parser()
    parser.feed('{"a":[{"b":"x')
    assert parser.open_pointers == ["/a/0/b", "/a/0", "/a", ""]
    parser.feed('"}')
    assert parser.open_pointers == ["/a", ""]
    parser.feed("]}")
    assert parser.open_pointers == []


def test_a_duplicate_key_is_held_until_its_value_is_closed() -> None:
    """Invariant 6: the earlier value stays meanwhile; one step replaces it; it is listed where it begins."""
    parser = Parser()
    parser.feed('{"a":"old","a":{"b":"ne')
    assert parser.value == {"a": "old"}
    assert parser.feed('w"') == []
    assert parser.feed("}") == [Operation(REPLACE, "/a", {"b": "new"}), Operation(CLOSE, "/a")]
    parser.feed(',"a":1,"a":2}')
    assert parser.value == {"a": 2}
    assert parser.repairs == [Repair("duplicate_key", offset) for offset in (15, 31, 37)]


def test_a_key_that_is_repeated_for_ever() -> None:
    """The last value counts, and the first hundred repeats are listed."""
    parser = parsed(['{"a":0', *[',"a":1'] * 9_999, ',"a":2}'])[0]
    assert parser.value == {"a": 2}
    assert parser.repairs == [Repair("duplicate_key", offset) for offset in range(11, 611, 6)]


def test_duplicates_inside_a_held_value() -> None:
    """Inside a value that is held, the last one wins unseen; all are listed."""
    parser = Parser()
    operations = parser.feed('{"a":0,"a":{"b":1,"b":[1],"b":"x"},"c":{"d":1,"d":"y"}}')
    assert parser.value == {"a": {"b": "x"}, "c": {"d": "y"}}
    assert [operation.pointer for operation in operations if operation.kind is REPLACE] == ["/a", "/c/d"]
    assert len(parser.repairs) == 4


def test_a_duplicate_key_in_the_items_of_a_list() -> None:
    """A held value is held only as long as its own object is."""
    parser = Parser()
    parser.feed('[{"a":1,"a":[2,3')
    assert parser.value == [{"a": 1}]
    parser.feed(']},{"a":4}]')
    assert parser.value == [{"a": [2, 3]}, {"a": 4}]


def test_keys_that_are_equal_once_they_are_read() -> None:
    """Escapes, and lone surrogates that become the same character, make the same key."""
    assert parsed(['{"A":1,"\\u0041":2}'])[0].repairs == [Repair("duplicate_key", 16)]
    assert parsed(['{"\\ud800":1,"\\udc00":2}'])[0].value == {"\ufffd": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[", []),
        ("[1", [1]),
        ("[1,", [1]),
        ("[1.5e", []),
        ("[-", []),
        ("[tru", []),
        ('{"a', {}),
        ('{"a"', {}),
        ('{"a":', {}),
        ('{"a":1,"b', {"a": 1}),
        ('{"a":fals', {}),
        ('{"a":{"b":[{"c":"x', {"a": {"b": [{"c": "x"}]}}),
        ('["a\\', ["a"]),
        ('["a\\u00e', ["a"]),
        ('["a\\ud83d', ["a"]),
        ('["a\\ud83d\\ude', ["a"]),
        ('{"price":12', {"price": 12}),
        ('{"price":12 ', {"price": 12}),
        ('{"l":[10,20', {"l": [10, 20]}),
        ('{"a":1,"a":2', {"a": 2}),
        ('"a', "a"),
        ('"', ""),
        ('{"a":1,"a":[2,3', {"a": [2, 3]}),
        ('{"a":1,"a":"tw', {"a": "tw"}),
        ('{"a":1,"a":{"b":1,"b":', {"a": {"b": 1}}),
        ('{"a":1,"a":', {"a": 1}),
        ('{"a":1,"a":-', {"a": 1}),
        ('{"a":1,"a":nul', {"a": 1}),
        ('{"a":{"b":1,"b":-', {"a": {"b": 1}}),
        ('{"a":1,"a":{"b":[tr', {"a": {"b": []}}),
    ],
)
def test_closing_what_is_open(text: str, value: Any) -> None:
    """Asked to, the parser closes what is open, leaves out what was cut, and lists that once, however it was cut."""
    for pieces in every_cut(text):
        parser = Parser()
        operations = [operation for piece in pieces for operation in parser.feed(piece)]
        operations += parser.finish(close=True)
        assert (parser.value, parser.is_closed, parser.open_pointers) == (value, True, [])
        assert applied(None, operations) == value
        assert operations[-1] == Operation(CLOSE, "")
        assert [repair for repair in parser.repairs if repair.kind == "closed"] == [Repair("closed", len(text))]


@pytest.mark.parametrize("text", ["12", "true", '"x"', "[1]", " {} "])
def test_nothing_is_closed_that_is_whole(text: str) -> None:
    """A whole value needs no repair."""
    parser = Parser()
    parser.feed(text)
    parser.finish(close=True)
    assert (parser.value, parser.repairs) == (json.loads(text), [])


@pytest.mark.parametrize("text", ["", "  ", "-", "1.", "tru"])
def test_what_cannot_be_closed(text: str) -> None:
    """Where no value can be told, closing does not help."""
    parser = Parser()
    parser.feed(text)
    refusal(lambda: parser.finish(close=True))


def test_white_space_may_follow_the_root() -> None:
    """After the closed root, only white space is text."""
    parser = Parser()
    parser.feed("[]")
    assert (parser.feed(" \n"), parser.feed(""), parser.finish(), parser.finish()) == ([], [], [], [])
    assert refusal(lambda: parser.feed(" x")).offset == 5


def test_text_after_the_root_is_forgiven_when_lenient() -> None:
    """The first text after the root is listed once and changes nothing."""
    parser = Parser(lenient=True)
    parser.feed("[1]\n ")
    assert [parser.feed(piece) for piece in ["\nHope", ' that helps: {"', "]"]] == [[], [], []]
    assert (parser.value, parser.repairs) == ([1], [Repair("trailing_text", 6)])


def test_the_depth_can_be_set() -> None:
    """The container that is one too many is refused where it opens."""
    parser = Parser(max_depth=2)
    parser.feed('{"a":[')
    assert refusal(lambda: parser.feed(" {")).offset == 7
    assert parser.value == {"a": []}


def test_the_length_can_be_set() -> None:
    """One character too many is another error, which also stays."""
    parser = Parser(max_chars=4)
    parser.feed("[1,")
    with pytest.raises(OutputTooLarge) as first:
        parser.feed("2]")
    with pytest.raises(OutputTooLarge) as again:
        parser.feed("2")
    assert again.value is first.value
    assert parser.value == [1]


def test_a_long_number_is_refused_before_it_ends() -> None:
    """A number that never ends is not kept."""
    parser = Parser()
    parser.feed("[" + "1" * 1_024)
    error = refusal(lambda: parser.feed("1"))
    assert (error.offset, "at most 1024 characters" in error.message) == (1, True)


def test_errors_are_the_gateway_s_own() -> None:
    """A text that is no JSON is the provider's failure, with what was expected and what came."""
    error = refusal(lambda: Parser().feed('{"a" 1}'))
    assert isinstance(error, InvalidOutput)
    assert error.message == "expected a colon, got '1' at offset 5"


def test_a_long_pointer_is_refused_where_something_opens_below_it() -> None:
    """Every operation carries its pointer: a long key is free for a scalar, and too dear for a container."""
    key = "k" * 4_100
    assert Parser().feed(json.dumps({key: 1}))
    with pytest.raises(ParseError, match="pointers of at most 4096 characters"):
        Parser().feed(json.dumps({key: {"a": 1}}))
