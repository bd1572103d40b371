"""Lenient reading: what models do to JSON, wherever it is cut, and the numbered invariants of the parser for it."""

import json
from itertools import chain
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.building import REPAIR_KINDS
from gateway.core.operations import ADD, APPEND, CLOSE, REPLACE, Operation, fold
from gateway.core.parser import ParseError, Parser
from gateway.core.remedies import LOOK_CHARS
from gateway.errors import OutputTooLarge
from tests.core.dirty import dirty_texts
from tests.core.oracles import applied, canonical, enlarged, every_cut, loaded, refusal, rfc6902
from tests.core.strategies import cut_texts, rendered

CONTAINERS = {"object", "array"}
ANY = CONTAINERS | {"string", "number", "boolean", "null"}


def read(pieces: list[str], types: set[str] | None = None) -> tuple[Parser, list[Operation]]:
    """Return a parser that has read all pieces leniently and closed what was open, and everything it said grew."""
    parser = Parser(lenient=True, types=types)
    operations = [operation for piece in pieces for operation in parser.feed(piece)]
    return parser, operations + parser.finish(close=True)


def kinds(parser: Parser) -> list[str]:
    """Return what was forgiven, in order."""
    return [repair.kind for repair in parser.repairs]


MENDED: dict[str, tuple[str, Any, list[tuple[str, int]]]] = {
    "trailing comma in an object": ('{"a":1,}', {"a": 1}, [("trailing_comma", 7)]),
    "trailing comma in an array": ("[1, 2,\n]", [1, 2], [("trailing_comma", 7)]),
    "doubled comma": ("[1,,2]", [1, 2], [("extra_comma", 3)]),
    "doubled comma between members": ('{"a":1,,"b":2}', {"a": 1, "b": 2}, [("extra_comma", 7)]),
    "leading comma": ("[,1]", [1], [("extra_comma", 1)]),
    "missing comma between members": ('{"a":1 "b":2}', {"a": 1, "b": 2}, [("missing_comma", 7)]),
    "missing comma behind a string": ('{"a":"x"\n"b":"y"}', {"a": "x", "b": "y"}, [("missing_comma", 9)]),
    "missing comma between strings": ('["a" "b"]', ["a", "b"], [("missing_comma", 5)]),
    "missing comma between a string and a number": ('["a" 2]', ["a", 2], [("missing_comma", 5)]),
    "missing comma between objects": ("[{}{}]", [{}, {}], [("missing_comma", 3)]),
    "missing comma before a key without quotes": (
        '{"a":"x"\n b: 2}',
        {"a": "x", "b": 2},
        [("missing_comma", 10), ("unquoted_key", 10)],
    ),
    "line comment": ('{"a":1, // one, {two}\n"b":2}', {"a": 1, "b": 2}, [("comment", 8)]),
    "block comment": ("[1 /* ] */, 2]", [1, 2], [("comment", 3)]),
    "hash comment": ("[1, # ]\n2]", [1, 2], [("comment", 4)]),
    "markup comment": ("[1, <!-- ] -->2]", [1, 2], [("comment", 4)]),
    "comment behind a string": ('["a" // b\n]', ["a"], [("comment", 5)]),
    "comment behind a number": ("[1/**/,2]", [1, 2], [("comment", 2)]),
    "ellipsis": ("[1, 2, ...]", [1, 2], [("ellipsis", 7), ("trailing_comma", 10)]),
    "no-break space": ('{"a":\u00a01}', {"a": 1}, [("white_space", 5)]),
    "single quotes": ("{'a':'b'}", {"a": "b"}, [("quotes", 1), ("quotes", 5)]),
    "single quotes with an apostrophe": ("['it's']", ["it's"], [("quotes", 1), ("inner_quote", 4)]),
    "single quotes around double ones": ("['say \"x\"']", ['say "x"'], [("quotes", 1)]),
    "typographic quotes": ("{“a”:“b”}", {"a": "b"}, [("quotes", 1), ("quotes", 5)]),
    "German quotes": ("[„a“]", ["a"], [("quotes", 1)]),
    "typographic apostrophe": ("[‘it’s’]", ["it’s"], [("quotes", 1), ("inner_quote", 4)]),
    "backticks": ("[`a`]", ["a"], [("quotes", 1)]),
    "inner quotes": ('{"a":"say "hi" now"}', {"a": 'say "hi" now'}, [("inner_quote", 10), ("inner_quote", 13)]),
    "inner quote before a comma": ('["x "y", z",1]', ['x "y", z', 1], [("inner_quote", 4), ("inner_quote", 6)]),
    "inner quote in an array": ('["a 24" screen"]', ['a 24" screen'], [("inner_quote", 6)]),
    "inner quotes in a key": ('{"a"b"c":1}', {'a"b"c': 1}, [("inner_quote", 3), ("inner_quote", 5)]),
    "unquoted key": ("{a: 1, b_2: 2}", {"a": 1, "b_2": 2}, [("unquoted_key", 1), ("unquoted_key", 7)]),
    "unquoted key with a space": ("{my key: 1}", {"my key": 1}, [("unquoted_key", 1)]),
    "half a quoted key": ('{a":1}', {"a": 1}, [("unquoted_key", 1)]),
    "unquoted value": ('{"a": New York, "b": 1}', {"a": "New York", "b": 1}, [("unquoted_value", 6)]),
    "unquoted date": ('{"a": 2024-01-31}', {"a": "2024-01-31"}, [("unquoted_value", 6)]),
    "equals sign": ('{"a" = 1}', {"a": 1}, [("colon", 5)]),
    "arrow": ('{"a" => 1}', {"a": 1}, [("colon", 5)]),
    "missing colon": ('{"a" 1}', {"a": 1}, [("missing_colon", 5)]),
    "missing colon before a string": ('{"a" "b"}', {"a": "b"}, [("missing_colon", 5)]),
    "missing value": ('{"a":,"b":}', {"a": None, "b": None}, [("missing_value", 5), ("missing_value", 10)]),
    "Python's literals": ("[True,False,None]", [True, False, None], [("literal", 1), ("literal", 6), ("literal", 12)]),
    "undefined": ("[undefined]", [None], [("literal", 1)]),
    "no numbers": ("[NaN,-Infinity]", [None, None], [("non_finite", 1), ("non_finite", 5)]),
    "numbers without a digit": ("[.5,5.,-.5]", [0.5, 5.0, -0.5], [("number", 1), ("number", 4), ("number", 7)]),
    "plus sign": ("[+1]", [1], [("number", 1)]),
    "digits in groups": ("[1_000.5]", [1000.5], [("number", 1)]),
    "hexadecimal number": ("[0x1F]", [31], [("number", 1)]),
    "leading zeros": ("[007, -01.5]", [7, -1.5], [("number", 1), ("number", 6)]),
    "number without its exponent": ("[1e,2]", [1, 2], [("number", 1)]),
    "control characters": ('["a\nb\tc"]', ["a\nb\tc"], [("control_character", 3), ("control_character", 5)]),
    "escaped apostrophe": ("[\"it\\'s\"]", ["it's"], [("escape", 5)]),
    "escaped underscore": ('["a\\_b"]', ["a_b"], [("escape", 4)]),
    "escape of a pattern": ('["\\d+"]', ["\\d+"], [("escape", 3)]),
    "hexadecimal escape": ('["\\x41"]', ["A"], [("escape", 3)]),
    "half an escape": ('["\\u00g"]', ["\\u00g"], [("escape", 6)]),
    "missing closer": ('{"a":[1,2}', {"a": [1, 2]}, [("missing_closer", 9)]),
    "missing closers of two": ('[{"a":{"b":1]', [{"a": {"b": 1}}], [("missing_closer", 12)]),
    "missing closer before an item": ('[{"a":1,{}]', [{"a": 1}, {}], [("missing_closer", 8), ("missing_comma", 8)]),
    "the other closer": ('{"a":["x"},"b":1}', {"a": ["x"], "b": 1}, [("wrong_closer", 9)]),
    "a closer of nothing": ('{"a":1],"b":2}', {"a": 1, "b": 2}, [("extra_closer", 6)]),
    "a fence inside": ('{"a":"x"\n```', {"a": "x"}, [("missing_closer", 9), ("trailing_text", 9)]),
    "cut string": ('{"a":"x', {"a": "x"}, [("closed", 7)]),
    "cut literal": ('{"a":1,"b":Fal', {"a": 1}, [("closed", 14)]),
    "cut word": ('["a", New Yo', ["a", "New Yo"], [("unquoted_value", 6), ("closed", 12)]),
    "cut number": ("{'a':[1,2", {"a": [1, 2]}, [("quotes", 1), ("closed", 9)]),
    "cut hexadecimal number": ("[1,0x", [1], [("closed", 5)]),
    "hexadecimal number at the end": ("[1,0x1", [1], [("closed", 6)]),
    "number with a plus at the end": ("[1,+1", [1], [("closed", 5)]),
    "cut number behind a string": ('["a" 12', ["a", 12], [("missing_comma", 5), ("closed", 7)]),
    "cut word behind a quote": ('["a "n', ['a "n'], [("inner_quote", 4), ("closed", 6)]),
    "a quote behind a number": (
        '{"a": 5", "b": 6" }',
        {"a": 5, "b": 6},
        [("unquoted_value", 6), ("unquoted_value", 15)],
    ),
    "a string behind a number": ('[5"a", 1]', [5, "a", 1], [("missing_comma", 2)]),
    "no number, with a sign": ("[1,+NaN]", [1, None], [("non_finite", 3)]),
    "a root in single quotes": ("'a b'", "a b", [("quotes", 0)]),
    "a root in typographic quotes": ("“a” b", "a", [("quotes", 0), ("trailing_text", 4)]),
    "a root behind a backtick": ("`a", "a", [("quotes", 0), ("closed", 2)]),
    "a root with a plus sign": ("+70", 70, [("number", 0)]),
    "a root without its fraction": ("8.", 8.0, [("number", 0)]),
    "a root without its exponent": ("-3.5e+", -3.5, [("number", 0)]),
    "a root that begins with a point": (".5 of it", 0.5, [("number", 0), ("trailing_text", 3)]),
    "a hexadecimal root": ("0xAe", 174, [("number", 0)]),
    "undefined at the root": ("undefined", None, [("literal", 0)]),
    "no number at the root": ("-inf", None, [("non_finite", 0)]),
    "a root behind other white space": ("\ufeff \u00a07", 7, [("leading_text", 0)]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "value", "repairs"), MENDED.values(), ids=MENDED)
def test_what_is_forgiven(text: str, value: Any, repairs: list[tuple[str, int]]) -> None:
    """Each fault is mended and listed where it is, wherever the text is cut."""
    for pieces in every_cut(text):
        parser, operations = read(pieces)
        assert canonical(parser.value) == canonical(value)
        assert canonical(applied(None, operations)) == canonical(value)
        assert [(repair.kind, repair.offset) for repair in parser.repairs] == repairs


ROOTS: dict[str, tuple[str, set[str], Any, list[tuple[str, int]]]] = {
    "words": ('Here it is: {"a":1}', {"object"}, {"a": 1}, [("leading_text", 0)]),
    "words in brackets": ('Here is [the] answer: {"a":1}', CONTAINERS, {"a": 1}, [("leading_text", 0)]),
    "words in braces": ('With {care}: {"a":1}', {"object"}, {"a": 1}, [("leading_text", 0)]),
    "quoted words in braces": ('With {"care"}: {"a":1}', {"object"}, {"a": 1}, [("leading_text", 0)]),
    "braces at the start": ('{thinking} {"a":1}', {"object"}, {"a": 1}, [("leading_text", 1)]),
    "brackets at the start": ("[note] [1,2]", {"array"}, [1, 2], [("leading_text", 1)]),
    "doubled braces": ('{{"a":1}}', {"object"}, {"a": 1}, [("leading_text", 1), ("trailing_text", 8)]),
    "a footnote": ("As in [1]: the list is [3, 4]", {"array"}, [3, 4], [("leading_text", 0)]),
    "an array around": ('[{"a":1}]', {"object"}, {"a": 1}, [("leading_text", 0), ("trailing_text", 8)]),
    "a word like a literal": ('not quite: {"a":1}', {"null", "object"}, {"a": 1}, [("leading_text", 0)]),
    "a fence": ('```json\n{"a":1}\n```', {"object"}, {"a": 1}, [("leading_text", 0), ("trailing_text", 16)]),
    "another language's fence": ('```python\nx = {"a":2}\n```\n{"a":1}', {"object"}, {"a": 1}, [("leading_text", 0)]),
    "a byte order mark": ('\ufeff{"a":1}', {"object"}, {"a": 1}, [("leading_text", 0)]),
    "a comment": ('// it is {\n{"a":1}', {"object"}, {"a": 1}, [("leading_text", 0)]),
    "thinking": ('<think>{"a":2}</think>\n{"a":1}', {"object"}, {"a": 1}, [("thinking", 0)]),
    "thinking twice": ("<THINK>[</THINK><thought>{</thought>{}", {"object"}, {}, [("thinking", 0), ("thinking", 16)]),
    "thinking of another kind": ('[THINK]{"a":2}[/THINK]{"a":1}', {"object"}, {"a": 1}, [("thinking", 0)]),
    "thinking that begins like an array": ("[THINK][2][/THINK][1]", {"array"}, [1], [("thinking", 1)]),
    "a channel": ('<|channel|>analysis<|message|>{"a":2}<|end|>{"a":1}', {"object"}, {"a": 1}, [("thinking", 0)]),
    "a quote around an object": ("'{\"a\":1}'", ANY, {"a": 1}, [("leading_text", 0), ("trailing_text", 8)]),
    "backticks around an object": ('`{"a":1}`', ANY, {"a": 1}, [("leading_text", 0), ("trailing_text", 8)]),
    "a fence around a string": ("```\n'a'\n```", ANY, "a", [("leading_text", 0), ("quotes", 4), ("trailing_text", 8)]),
    "points before the root": ('... {"a":1}', ANY, {"a": 1}, [("leading_text", 0)]),
    "a word like no number": ("In all: [1]", ANY, [1], [("leading_text", 0)]),
    "a tool call": ("<tool_call>{}</tool_call>", {"object"}, {}, [("leading_text", 0), ("trailing_text", 13)]),
    "two roots": ('{"a":1}{"a":2}', {"object"}, {"a": 1}, [("trailing_text", 7)]),
    "a list of tasks": ('- [ ] read\n- [x] write\n[5]', {"array"}, [5], [("leading_text", 0)]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "types", "value", "repairs"), ROOTS.values(), ids=ROOTS)
def test_what_stands_around_the_root(text: str, types: set[str], value: Any, repairs: list[tuple[str, int]]) -> None:
    """The root is found behind whatever stands before it, wherever the text is cut."""
    for pieces in every_cut(text):
        parser, operations = read(pieces, types)
        assert canonical(parser.value) == canonical(value)
        assert canonical(applied(None, operations)) == canonical(value)
        assert [(repair.kind, repair.offset) for repair in parser.repairs] == repairs


@pytest.mark.parametrize("text", ["", "words", "{words}", '<think>{"a":1}', "[1]", "```python\n{'a':1}"])
def test_where_no_root_is(text: str) -> None:
    """What is no object, or only thought of, is not taken for one."""
    for pieces in every_cut(text) if text else [[]]:
        assert refusal(lambda pieces=pieces: read(pieces, {"object"})).offset == len(text)  # type: ignore[misc]


@pytest.mark.parametrize("text", ["-", "+", "0x", "1.2.3", "tru", "nil", "inf.", "``"])
def test_a_root_that_is_no_value(text: str) -> None:
    """Half a literal, or what no language takes for a number, is not guessed at."""
    for pieces in every_cut(text):
        assert refusal(lambda pieces=pieces: read(pieces)).offset == len(text)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ('{"a":truee}', 9),
        ('{"a":5 apples}', 7),
        ('{"a":"b":1}', 8),
        ('["a":{}]', 4),
        ('{"a":1,2,"b":3}', 7),
    ],
)
def test_what_is_not_decided(text: str, offset: int) -> None:
    """Where a guess could be wrong there is none: the text is refused there, wherever it is cut."""
    for pieces in every_cut(text):
        assert refusal(lambda pieces=pieces: read(pieces)).offset == offset  # type: ignore[misc]


def test_each_kind_is_shown() -> None:
    """What is forgiven is listed under a documented name, and each name has its case."""
    mended = {kind for _, _, repairs in MENDED.values() for kind, _ in repairs}
    shown = mended | {kind for _, _, _, repairs in ROOTS.values() for kind, _ in repairs}
    assert shown | {"duplicate_key", "rewritten"} == set(REPAIR_KINDS)


@st.composite
def cut_dirty_texts(draw: st.DrawFn) -> tuple[list[str], Any]:
    """Make such a text in pieces, with what it means."""
    text, meant = draw(dirty_texts())
    return draw(cut_texts(st.just(text))), meant


@given(cut_dirty_texts())
def test_faults_do_not_change_the_value(dirty: tuple[list[str], Any]) -> None:
    """Whatever the faults, the text around, and the cuts: the value is what was meant."""
    pieces, meant = dirty
    value = read(pieces, CONTAINERS)[0].value
    assert canonical(value) == canonical(loaded(json.dumps(meant)))


@given(cut_dirty_texts())
def test_only_what_is_complete_or_a_growing_string_is_seen(dirty: tuple[list[str], Any]) -> None:
    """From piece to piece the value only grows at its open end; the operations so far give it."""
    pieces = dirty[0]
    parser, seen, naive, patched = Parser(lenient=True, types=CONTAINERS), None, None, None
    for operations in chain(map(parser.feed, pieces), (parser.finish(close=True) for _ in range(1))):
        naive = applied(naive, operations)
        patched = jsonpatch.apply_patch(patched, rfc6902(fold(operations), parser.value))
        value = json.loads(json.dumps(parser.value))
        assert canonical(naive) == canonical(value) == canonical(patched)
        assert seen is None or enlarged(seen, value, is_open=True)
        seen = value


@given(cut_texts(st.text("[]{}:,\"'\\u019.-eExX_+ truefalsnNT/*#`<>=|\n“’\ud83d") | st.text()))
def test_any_text_is_read_or_refused(pieces: list[str]) -> None:
    """No text makes lenient reading raise anything of its own, and the cuts do not matter."""
    outcomes = []
    for cut in (pieces, ["".join(pieces)]):
        parser, value = Parser(lenient=True, max_chars=60), None
        try:
            operations = [operation for piece in cut for operation in parser.feed(piece)] + parser.finish(close=True)
        except ParseError as error:
            outcomes.append(("refused", error.offset, kinds(parser)))
        except OutputTooLarge:
            return
        else:
            value = applied(None, operations)
            assert canonical(value) == canonical(parser.value)
            outcomes.append((canonical(value), parser.offset, kinds(parser)))
    assert outcomes[0] == outcomes[1]


@given(cut_texts(rendered(repeats=True)))
def test_json_is_read_alike(pieces: list[str]) -> None:
    """Invariant 7: what is JSON gives the same operations, piece by piece, as where reading is strict."""
    strict, lenient = Parser(), Parser(lenient=True)
    for piece in pieces:
        assert strict.feed(piece) == lenient.feed(piece)
    assert strict.finish() == lenient.finish()
    assert (strict.repairs, strict.is_closed) == (lenient.repairs, lenient.is_closed)


def test_a_string_that_was_closed_too_early() -> None:
    """It is held until it is closed again, then replaced in one step; later ones grow, and close when that is sure."""
    parser = Parser(lenient=True)
    parser.feed('["say "')
    assert parser.feed('hi"') == []
    assert parser.feed(" now") == []
    assert parser.value == ["say "]
    assert parser.feed('",') == []
    assert parser.feed('"an') == [
        Operation(REPLACE, "/0", 'say "hi" now'),
        Operation(CLOSE, "/0"),
        Operation(ADD, "/1", "an"),
    ]
    assert parser.feed('other "') == [Operation(APPEND, "/1", "other ")]
    assert parser.feed("word") == [Operation(APPEND, "/1", '"word')]
    assert parser.feed('"') == []
    assert parser.feed("]") == [Operation(CLOSE, "/1"), Operation(CLOSE, "")]


def test_what_was_taken_for_the_root_keeps_its_type() -> None:
    """A container that opened at the very start and was none is given up empty; another type may not follow it."""
    parser = Parser(lenient=True, types=CONTAINERS)
    assert parser.feed("[the] ") == [Operation(ADD, "", [], opened=True)]
    assert parser.feed('{"a": [1]}') == [
        Operation(ADD, "", [], opened=True),
        Operation(ADD, "/0", 1),
        Operation(CLOSE, ""),
    ]


def test_what_cannot_be_judged_yet_is_bounded() -> None:
    """A value without quotes that does not end is refused, not kept."""
    parser = Parser(lenient=True)
    parser.feed("[1, " + "ab " * (LOOK_CHARS // 3))
    assert parser.value == [1]
    assert refusal(lambda: parser.feed("ab ")).offset == 4
