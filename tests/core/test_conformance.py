"""RFC 8259: what must be accepted is, what must be refused is, wherever the text is cut."""

from functools import partial

import pytest

from gateway.core.operations import fold
from gateway.core.parser import MAX_DEPTH
from tests.core.oracles import applied, canonical, every_cut, loaded, parsed, refusal

ACCEPTED = {
    "array with several null": "[1,null,null,null,2]",
    "array with trailing space": "[2] ",
    "array of an empty array": "[[]   ]",
    "empty array": "[]",
    "empty string in array": '[""]',
    "false": "[false]",
    "heterogeneous": '[null, 1, "1", {}]',
    "newlines between": "[1\n,\r\n\t2]",
    "number 0e+1": "[0e+1]",
    "number 0e1": "[0e1]",
    "number after space": "[ 4]",
    "number very close to zero": f"[-0.{'0' * 80}1]",
    "number minus zero": "[-0]",
    "number real exponent": "[123e45]",
    "number real capital exponent": "[1E22]",
    "number real negative exponent": "[1E-2]",
    "number fraction exponent": "[123.456e78]",
    "number underflows": "[123e-10000000]",
    "number with many digits": "[" + "1" * 300 + ".5]",
    "object": '{"asd":"sdf", "dfg":"fgh"}',
    "object duplicated key": '{"a":"b","a":"c"}',
    "object duplicated key and value": '{"a":"b","a":"b"}',
    "object empty": "{}",
    "object empty key": '{"":0}',
    "object escaped null in key": '{"foo\\u0000bar": 42}',
    "object extreme numbers": '{ "min": -1.0e+28, "max": 1.0e+28 }',
    "object nested": '{"a":{"b":[{"c":{}}]}}',
    "object with newlines": '{\n"a": "b"\n}',
    "object keys of pointers": '{"a/b":1,"m~n":2,"~1":{"/":3}}',
    "object prototype keys": '{"__proto__":{"polluted":true},"constructor":1}',
    "string 1 2 3 bytes": '["\\u0060\\u012a\\u12AB"]',
    "string accepted surrogate pair": '["\\uD801\\udc37"]',
    "string accepted surrogate pairs": '["\\ud83d\\ude39\\ud83d\\udc8d"]',
    "string allowed escapes": '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    "string backslash and u escaped zero": '["\\\\u0000"]',
    "string comments": '["a/*b*/c/*d//e"]',
    "string double escape a": '["\\\\a"]',
    "string escaped control character": '["\\u0012"]',
    "string delete character": '["\x7f"]',
    "string in array with leading space": '[ "asd"]',
    "string lone high surrogate": '["\\uD800"]',
    "string lone low surrogate": '["\\uDd1e\\uD834"]',
    "string high surrogate and escape": '["\\uD800\\n"]',
    "string high surrogate and character": '["\\uD888\\u1234x"]',
    "string non-characters": '["\U0010ffff\uffff"]',
    "string null escape": '["\\u0000"]',
    "string line separators": '["\u2028\u2029"]',
    "string unescaped astral": '["🙂𝄞"]',
    "string with byte order mark inside": '["\ufeff"]',
    "string with brackets": '["[{]},:"]',
    "root false": "false",
    "root integer": "42",
    "root negative real": "-0.1",
    "root null": "null",
    "root string": '"asd"',
    "root true": "true",
    "root empty string": '""',
    "white space around": " [] ",
    "depth": "[" * MAX_DEPTH + "]" * MAX_DEPTH,
    "depth of objects": '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH,
}

REFUSED = {
    "array 1 true without comma": ("[1 true]", 3),
    "array colon instead of comma": ('["": 1]', 3),
    "array comma after close": ('[""],', 4),
    "array comma and number": ("[,1]", 1),
    "array double comma": ("[1,,2]", 3),
    "array extra close": ('["x"]]', 5),
    "array extra comma": ('["",]', 4),
    "array just comma": ("[,]", 1),
    "array just minus": ("[-]", 1),
    "array missing value": ("[   , 1]", 4),
    "array spaces vertical tab": ('["\x0ba"]', 2),
    "array star inside": ("[*]", 1),
    "array closed as an object": ("[1}", 2),
    "incomplete false": ("[fals]", 5),
    "incomplete null": ("[nul]", 4),
    "incomplete true": ("[tru]", 4),
    "capitalised true": ("[True]", 1),
    "true with more": ("[truee]", 5),
    "literal in capitals": ("[nULL]", 2),
    "number ++": ("[++1234]", 1),
    "number +1": ("[+1]", 1),
    "number -01": ("[-01]", 1),
    "number -1.0.": ("[-1.0.]", 1),
    "number .-1": ("[.-1]", 1),
    "number 0.3e": ("[0.3e]", 1),
    "number 0E+": ("[0E+]", 1),
    "number 1.": ("[2.]", 1),
    "number 1 000": ("[1 000.0]", 3),
    "number 1eE2": ("[1eE2]", 1),
    "number hexadecimal": ("[0x1]", 2),
    "number expression": ("[1+2]", 1),
    "number Infinity": ("[Infinity]", 1),
    "number -Infinity": ("[-Infinity]", 1),
    "number NaN": ("[NaN]", 1),
    "number -NaN": ("[-NaN]", 1),
    "number full-width digit": ("[\uff11]", 1),
    "number with leading zero": ("[012]", 1),
    "number with a letter": ("[1a]", 2),
    "number beyond a double": ("[1e999]", 1),
    "number beyond a double, negative": ("[-1e999]", 1),
    "number of 5,000 digits": ("[" + "1" * 5_000 + "]", 1),
    "object bad value": ('["x", truth]', 9),
    "object bracket key": ('{[: "x"}', 1),
    "object comma instead of colon": ('{"x", null}', 4),
    "object double colon": ('{"x"::"b"}', 5),
    "object key without quotes": ('{a: "b"}', 1),
    "object missing colon": ('{"a" b}', 5),
    "object missing key": ('{:"b"}', 1),
    "object missing value": ('{"a":}', 5),
    "object non-string key": ("{1:1}", 1),
    "object several trailing commas": ('{"id":0,,,,,}', 8),
    "object single quotes": ("{'a':0}", 1),
    "object trailing comma": ('{"id":0,}', 8),
    "object comment": ('{"a":"b"}/**/', 9),
    "object closed as an array": ('{"a":1]', 6),
    "object closed after a comma": ('{"a":1,]', 7),
    "string escape x": ('["\\x00"]', 3),
    "string escaped emoji": ('["\\🌀"]', 3),
    "string escaped tab": ('["\\\t"]', 3),
    "string incomplete escape": ('["\\u00A"]', 7),
    "string incomplete surrogate escape": ('["\\uD834\\uDd"]', 12),
    "string invalid u escape": ('["\\uqqqq"]', 4),
    "string newline": ('["new\nline"]', 5),
    "string tab": ('["\t"]', 2),
    "string null character": ('["a\x00a"]', 3),
    "string single quotes": ("['single']", 1),
    "string without quotes": ("abc", 0),
    "structure angle bracket": ("<.>", 0),
    "structure two values": ("[][]", 2),
    "structure ends with brackets": ("]", 0),
    "structure object and array": ("{}[]", 2),
    "structure double array": ("[1]x", 3),
    "structure byte order mark": ("\ufeff{}", 0),
    "structure non-breaking space": ("[\u00a0]", 1),
    "structure form feed": ("[\f]", 1),
    "structure capitalised": ("[NULL]", 1),
    "too deep": ("[" * (MAX_DEPTH + 1), MAX_DEPTH),
    "too deep in objects": ('{"a":' * (MAX_DEPTH + 1), 5 * MAX_DEPTH),
}

ENDED_EARLY = [
    *["", " ", "[", "[1", "[1,", "[-", "-", "1.", "1e", "tru", "[nul"],
    *["{", '{"', '{"a', '{"a"', '{"a":', '{"a":1', '{"a":1,'],
    *['"', '"abc', '["', '["a', '["\\', '["\\u', '["\\ud83d'],
]


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_what_must_be_accepted_is(text: str) -> None:
    """RFC 8259 text is read as `json.loads` reads it, wherever it is cut."""
    expected = canonical(loaded(text))
    for pieces in every_cut(text):
        parser, operations = parsed(pieces)
        assert canonical(parser.value) == expected
        assert canonical(applied(None, fold(operations))) == expected


@pytest.mark.parametrize(("text", "offset"), REFUSED.values(), ids=REFUSED)
def test_what_must_be_refused_is(text: str, offset: int) -> None:
    """Anything else is refused in the same words at the same offset, wherever it is cut."""
    errors = [refusal(partial(parsed, pieces)) for pieces in every_cut(text)]
    assert {error.offset for error in errors} == {offset}
    assert len({str(error) for error in errors}) == 1


@pytest.mark.parametrize("text", ENDED_EARLY)
def test_a_text_that_ends_too_early(text: str) -> None:
    """Without its end, a text is refused at its end, or where the number that is cut begins."""
    for pieces in every_cut(text):
        error = refusal(partial(parsed, pieces))
        assert error.offset in {len(text), text.rfind("1"), text.rfind("-")}
