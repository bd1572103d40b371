"""What a delta costs, counted and not timed: nothing on its path depends on what came before it."""

import json
import tracemalloc
from collections import Counter
from contextlib import suppress
from itertools import pairwise

import jsonpatch
import pytest

from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.parser import ParseError, Parser
from gateway.core.schema import Schema
from gateway.errors import OutputTooLarge
from tests.core.oracles import counted

ROW = {"title": "Großes Treffen", "name": "Ada", "about": "text " * 20, "scores": [1, 2.5, None, True], "kind": "new"}
TABLE = Schema.from_json(
    {
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"title": {"type": "string"}, "kind": {"enum": ["new", "old"]}, "more": {}},
                },
            }
        },
    },
    limits=Limits(),
)


def begun() -> Extraction:
    """Return a running extraction of such a table."""
    extraction = Extraction(TABLE, epoch="e", limits=Limits(), created_s=10.0)
    extraction.start(10.5)
    return extraction


def deltas_of(rows: int) -> list[str]:
    """Return a document in pieces, twenty to a row, each row cut alike."""
    row = json.dumps(ROW, ensure_ascii=False) + ","
    places = [len(row) * count // 20 for count in range(21)]
    pieces = [row[begin:end] for begin, end in pairwise(places)]
    return ['{"rows":[', *pieces * rows]


def test_nothing_is_diffed_copied_or_read_whole() -> None:
    """On the path of a delta there is no diff, no deep copy, no reading of a whole text; a row is validated once."""
    extraction = begun()
    with counted() as calls:
        jsonpatch.make_patch({}, json.loads("{}"))
    assert {"jsonpatch.make_patch", "json.loads", "copy.deepcopy"} <= set(calls)

    deltas = deltas_of(10)
    with counted() as calls:
        for delta in deltas:
            extraction.feed(delta, 11.0)
    assert extraction.document.rev > 100
    modules = {name.partition(".")[0] for name in calls}
    assert not modules & {"jsonpatch", "json", "copy", "_json", "jiter", "orjson", "pydantic_core", "pydantic"}
    assert not [name for name in calls if "decode" in name or "difference" in name]
    assert {name: times for name, times in calls.items() if "validate" in name} == {
        "gateway.core.validation.InlineValidator.validate": 10  # each row, once it has closed
    }


def calls_by_tenth(extraction: Extraction, deltas: list[str]) -> list[Counter[str]]:
    """Feed 2,000 deltas, and count the calls that each 200 of them make."""
    tenths: list[Counter[str]] = []
    for tenth in range(10):
        with counted() as calls:
            for delta in deltas[tenth * 200 : (tenth + 1) * 200]:
                extraction.feed(delta, 11.0)
        tenths.append(calls)
    return tenths


def test_the_last_deltas_make_as_many_calls_as_the_first() -> None:
    """Work is proportional to the new text: the same deltas make the same calls, however much came before."""
    begun().feed("".join(deltas_of(1)), 11.0)  # a schema's shapes are made when they are first needed
    extraction, (opening, *deltas) = begun(), deltas_of(100)
    extraction.feed(opening, 11.0)
    tenths = calls_by_tenth(extraction, deltas)
    packing = (tenths[1] - tenths[-1]) | (tenths[-1] - tenths[1])  # of the raw text, in blocks of 4,096 characters
    assert packing.total() < 20
    assert tenths[0].total() == pytest.approx(tenths[-1].total(), rel=0.01)


def test_the_last_deltas_take_as_much_memory_as_the_first() -> None:
    """No delta copies what came before it, in Python or in C: what it allocates at its peak does not grow."""
    extraction, (opening, *deltas) = begun(), deltas_of(200)
    extraction.feed(opening, 11.0)
    rows = [[peak_of(extraction, delta) for delta in deltas[begin : begin + 20]] for begin in range(0, 4_000, 20)]
    first, last = ([min(peaks) for peaks in zip(*part, strict=True)] for part in (rows[:10], rows[-10:]))
    copied = extraction.document.value_bytes / 10
    assert all(after < before + copied for before, after in zip(first, last, strict=True))


def peak_of(extraction: Extraction, delta: str) -> int:
    """Return the most memory that was in use at once while a delta was read, in bytes."""
    tracemalloc.start()
    try:
        extraction.feed(delta, 11.0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_string_grows_in_constant_steps() -> None:
    """A string of a thousand pieces makes the same calls for each."""
    extraction = begun()
    extraction.feed('{"rows":[{"title":"', 11.0)
    counts = []
    for _ in range(1_000):
        with counted() as calls:
            extraction.feed("some text", 11.0)
        counts.append(calls.total())
    steady = min(counts[10:])
    packing = [count - steady for count in counts[10:] if count != steady]  # of the raw text, every hundredth delta
    assert len(packing) <= 10
    assert max(packing) < 40
    assert extraction.document.value == {"rows": [{"title": "some text" * 1_000, "kind": None, "more": None}]}


def dirty_deltas_of(rows: int) -> list[str]:
    """Return such a table with a fault in every place, cut like the clean one."""
    row = (
        '{title: \'it\'s "so"\' /* , */ name = “Ada”, "about": "a "b" c\\x41\n" '
        "'scores': [+1, .5,, None True,] kind: new},\n"
    )
    places = [len(row) * count // 20 for count in range(21)]
    return ["```json\n{'rows':[", *[row[begin:end] for begin, end in pairwise(places)] * rows]


def test_lenient_reading_costs_the_new_text() -> None:
    """However much was forgiven before: the same deltas make the same calls."""
    begun().feed("".join(dirty_deltas_of(1)), 11.0)
    extraction, (opening, *deltas) = begun(), dirty_deltas_of(100)
    extraction.feed(opening, 11.0)
    tenths = calls_by_tenth(extraction, deltas)
    assert len(extraction.document.value["rows"]) == 100  # type: ignore[index, arg-type, call-overload]
    assert tenths[2] == tenths[-1]


@pytest.mark.parametrize(
    "text",
    [
        "so " + "{a" * 4_000,
        "so " + ("{" + "a" * 200) * 40,
        'so {"' + "a" * 8_000,
        "so " + "<" * 8_000,
        "<think>" + "</thin" * 1_300,
        '{"a": "x"y" ' + " " * 8_000,
        '["x"y ' + ('" ' + " " * 62 + "z") * 120,
        "[" + ("abc " * 60 + ", ") * 33,
        "[" + '{"a":[1}, ' * 800,
        "[" * 250 + "True, " * 1_300,
    ],
)
def test_what_is_looked_at_again_is_bounded(text: str) -> None:
    """In single characters, hostile text makes no more calls for its second half than for its first."""
    parser, half = Parser(lenient=True), len(text) // 2
    counts = []
    for part in (text[:half], text[half:]):
        with counted() as calls, suppress(ParseError):
            for character in part:
                parser.feed(character)
        counts.append(calls.total())
    assert counts[1] <= counts[0] * 1.1 + 1_000
    assert sum(counts) < len(text) * 60


def test_a_delta_that_opens_very_much_stops_at_the_limit() -> None:
    """A thousand objects open in one delta, each with a large default: only as many are made and encoded as fit."""
    item = {"type": "object", "properties": {"a": {"default": list(range(2_000))}}}
    table = {"type": "object", "properties": {"rows": {"type": "array", "items": item}}}
    schema = Schema.from_json(table, limits=Limits())
    extraction = Extraction(schema, epoch="e", limits=Limits(value_bytes=100_000), created_s=10.0)
    extraction.start(10.5)
    tracemalloc.start()
    try:
        with counted() as calls, pytest.raises(OutputTooLarge):
            extraction.feed('{"rows":[' + "{}," * 1_300, 11.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 100_000 < extraction.document.value_bytes < 100_000 + len(json.dumps(item))
    assert (calls["gateway.core.growing.encoded_size"] < 60, peak < 2_000_000) == (True, True)
