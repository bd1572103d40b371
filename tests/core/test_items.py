"""The items of the outermost lists, one by one, compared with what `json.loads` says of the whole text."""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel, Field, field_validator

from gateway.core.extraction import Extraction, State
from gateway.core.limits import Limits
from gateway.core.parts import ItemsCursor
from gateway.core.projection import Projection
from gateway.core.schema import Schema
from tests.core.oracles import canonical, counted, included, loaded, projected
from tests.core.strategies import cut_texts, rendered, turns

LIMITS = Limits()
JUDGING = ("gateway.core.item_schema", "gateway.core.items.Items._verdict", "pydantic.type_adapter")
ANYTHING = Schema.from_json({}, limits=LIMITS)


class Person(BaseModel):
    """Somebody with a name."""

    name: str
    age: int = 18

    @field_validator("name")
    @classmethod
    def has_letters(cls, name: str) -> str:
        """Refuse what is no name, and fail on what nobody thought of."""
        if name == "fault":
            raise RuntimeError("a fault of the application's")
        if not name.isalpha():
            raise ValueError("letters only")
        return name.title()


class Meeting(BaseModel):
    """A value with lists in several places."""

    people: list[Person]
    place: dict[str, list[int]] = Field(default_factory=dict)


MEETING = Schema.from_model(Meeting)


def begun(schema: Schema = MEETING) -> Extraction:
    """Return a running extraction."""
    extraction = Extraction(schema, epoch="e", limits=LIMITS, created_s=0)
    extraction.start(0)
    return extraction


def judge(extraction: Extraction) -> None:
    """Judge what has closed."""
    extraction.items.settle(extraction.items.verdicts())


def shown(extraction: Extraction, cursor: ItemsCursor) -> list[dict[str, Any]]:
    """Return the items that a cursor has not given yet."""
    found: list[dict[str, Any]] = []
    while not found or cursor.has_more(extraction):
        frames = list(cursor.frames(extraction))
        if not frames:
            break
        found += [json.loads("{" + body) for _, body in frames]
    return found


def all_shown(extraction: Extraction) -> list[dict[str, Any]]:
    """Return all items so far, judged."""
    judge(extraction)
    return shown(extraction, ItemsCursor())


def expected(value: Any, path: str = "") -> Iterator[tuple[str, int, Any]]:
    """Walk through a whole value: the items of lists that are in no other list."""
    if isinstance(value, list):
        yield from ((path, index, item) for index, item in enumerate(value))
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from expected(member, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")


def places(items: list[dict[str, Any]]) -> str:
    """Return what can be compared with what is expected."""
    return canonical([[item["path"], item["index"], item["value"]] for item in items])


@given(cut_texts(rendered()), turns)
def test_items_are_those_of_the_whole_text(pieces: list[str], served: list[bool]) -> None:
    """In order and each once, whatever the cuts and the pacing; a late watch gets the same; keys are unique."""
    extraction, cursor = begun(ANYTHING), ItemsCursor()
    seen: list[dict[str, Any]] = []
    for piece, turn in zip(pieces, cycle(served), strict=False):
        extraction.feed(piece, 0)
        if turn:
            judge(extraction)
            seen += shown(extraction, cursor)
    extraction.note_finish("stop")
    extraction.close()
    judge(extraction)
    seen += shown(extraction, cursor)
    assert places(seen) == canonical([list(place) for place in expected(loaded("".join(pieces)))])
    assert seen == all_shown(extraction)
    assert len({item["key"] for item in seen}) == len(seen)
    assert all(item["valid"] and item["rev"] <= extraction.document.rev for item in seen)


def test_an_item_is_there_when_it_closes() -> None:
    """An object at its brace, a string at its quote, a number when the next token tells that it is over."""
    extraction = begun(ANYTHING)
    seen = []
    for piece in ['{"a":[{"b":[1,', "2]", "}", ',"x', '"', ",1", "2", ",null", '],"c":3}']:
        extraction.feed(piece, 0)
        seen.append(extraction.items.closed)
    assert seen == [0, 0, 1, 1, 2, 2, 2, 4, 4]
    assert [(item["rev"], item["key"], item["value"]) for item in all_shown(extraction)] == [
        (3, "/a/0", {"b": [1, 2]}),
        (5, "/a/1", "x"),
        (6, "/a/2", 12),
        (6, "/a/3", None),
    ]


def test_an_item_that_is_held_is_there_when_it_is_shown() -> None:
    """A word of an enum at its quote, a redacted one likewise: as it may be shown, and no error quotes it."""
    schema = {"type": "array", "items": {"enum": ["one", "other"]}}
    extraction = begun(Schema.from_json(schema, limits=LIMITS))
    seen = []
    for piece in ('{"value":["on', 'e"', ',"other","x"', "]"):
        extraction.feed(piece, 0)
        seen.append(extraction.items.closed)
    assert seen == [0, 1, 3, 3]
    assert [(item["value"], item["valid"]) for item in all_shown(extraction)] == [
        ("one", True),
        ("other", True),
        ("x", False),
    ]


def test_what_is_redacted_is_so_in_items_text_and_errors() -> None:
    """The value is masked, errors name the place only, and text and reasoning bring nothing."""
    secret = {"type": "string", "maxLength": 6, "x-stream": {"redact": True}}
    item = {"type": "object", "properties": {"name": {"type": "string"}, "secret": secret}, "required": ["secret"]}
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": item}}}
    extraction = begun(Schema.from_json(schema, limits=LIMITS))
    extraction.think("hunter2 is short")
    extraction.feed('{"rows":[{"name":"a","secret":"hunter"},{"name":"b","secret":"hunter2"}]}', 0)
    items = all_shown(extraction)
    assert [item["value"] for item in items] == [{"name": name, "secret": "[redacted]"} for name in "ab"]
    assert (items[0]["valid"], items[1]["errors"]) == (
        True,
        [{"path": "/secret", "message": "does not fit the schema"}],
    )
    assert (extraction.text.end.chars, extraction.reasoning.end.chars) == (0, 0)


def test_each_item_is_validated_on_its_own() -> None:
    """A valid one is given as its model has it, another one as it was written, with errors relative to itself."""
    extraction = begun()
    extraction.feed('{"people":[{"name":"ann"},{"name":"4","age":"5"},{"age":7},{"name":"fault"}],"place":', 0)
    extraction.feed('{"x":["1","two"]}}', 0)
    first, second, third, fourth, *numbers = all_shown(extraction)
    assert first == {
        "rev": 1,
        "key": "/people/0",
        "path": "/people",
        "index": 0,
        "value": {"name": "Ann", "age": 18},
        "valid": True,
    }
    assert (second["value"], second["valid"], second["errors"][0]["path"]) == (
        {"name": "4", "age": "5"},
        False,
        "/name",
    )
    assert (third["value"], third["errors"]) == (
        {"age": 7},
        [{"path": "/name", "message": "expected a member that is required, got none"}],
    )
    assert (fourth["value"], fourth["errors"]) == (
        {"name": "fault"},
        [{"path": "", "message": "the item could not be judged"}],
    )
    assert [(item["key"], item["value"], item["valid"]) for item in numbers] == [
        ("/place/x/0", 1, True),
        ("/place/x/1", "two", False),
    ]


@pytest.mark.parametrize(
    "text", ['{"items":[{"name":"ann"},{}]}', '[{"name":"ann"},{}]', '{"items":[{"name":"ann"},{}],"more":[1]}']
)
def test_many(text: str) -> None:
    """The wrapper is not seen: the items are those of the bare list, whether the model wrote it or not."""
    extraction = begun(Schema.from_model(Person).many())
    extraction.feed(text, 0)
    assert [(item["key"], item["path"], item["valid"]) for item in all_shown(extraction)] == [
        ("/0", "", True),
        ("/1", "", False),
    ]


def test_a_list_that_is_no_object() -> None:
    """It is asked for in a wrapper of another name."""
    extraction = begun(Schema.from_model(list[Person]))
    extraction.feed('{"value":[{"name":"ann"},{}', 0)
    assert [item["value"] for item in all_shown(extraction)] == [{"name": "Ann", "age": 18}, {}]


def test_a_list_in_a_list_is_part_of_its_item() -> None:
    """Only the outermost ones have items."""
    extraction = begun(ANYTHING)
    extraction.feed('[[1,2],{"a":[3]},[', 0)
    assert [item["value"] for item in all_shown(extraction)] == [[1, 2], {"a": [3]}]


def test_the_lists_of_a_duplicate_key_come_again() -> None:
    """Under the keys they had, with the revision that replaced them; what is inside an item stays inside."""
    extraction = begun(ANYTHING)
    for piece in ('{"a":[1,2],"b":0,', '"a":{"x":[3]', ',"y":[]},"a":[4],', '"c":[{"d":[5],"d":[6]}]}'):
        extraction.feed(piece, 0)
    assert [(item["rev"], item["key"], item["value"]) for item in all_shown(extraction)] == [
        (1, "/a/0", 1),
        (1, "/a/1", 2),
        (2, "/a/x/0", 3),
        (2, "/a/0", 4),
        (3, "/c/0", {"d": [6]}),
    ]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('{"a":{"b":[1]},"a":"x"}', []),
        ('{"a":{"b":[1,2]},"a":{"b":[3]}}', [("/a/b/0", 3), ("/a/b/0", 3)]),
        ('{"a":[1],"a":{"0":2}}', []),
    ],
)
def test_a_list_that_is_replaced_within_one_piece(text: str, items: list[tuple[str, Any]]) -> None:
    """What is not there any more is told by nobody, and ends nothing."""
    extraction = begun(ANYTHING)
    extraction.feed(text, 0)
    assert [(item["key"], item["value"]) for item in all_shown(extraction)] == items


def test_what_nobody_asked_for_is_not_validated() -> None:
    """Nor encoded; once somebody asks, each item is, once for a hundred."""
    extraction = begun()
    with counted() as calls:
        extraction.feed('{"people":[' + ",".join(['{"name":"ann"}'] * 100), 0)
    assert not [name for name in calls if name.startswith(JUDGING)]
    judge(extraction)
    with counted() as calls:
        bodies = [[body for _, body in ItemsCursor().frames(extraction)] for _ in range(100)]
    assert ({len(each) for each in bodies}, len({body for each in bodies for body in each})) == ({100}, 100)
    assert not [name for name in calls if name.startswith(JUDGING)]


def test_a_batch_is_bounded() -> None:
    """A cursor that is far behind gives some 64 KB at a time, and says that there is more."""
    extraction, cursor = begun(ANYTHING), ItemsCursor()
    extraction.feed("[" + ",".join(['"' + "x" * 1_000 + '"'] * 200), 0)
    judge(extraction)
    counts = []
    while not cursor.is_at_end(extraction):
        assert cursor.has_more(extraction)
        counts.append(len(list(cursor.frames(extraction))))
    assert (sum(counts), max(counts) <= 66, cursor.has_more(extraction)) == (200, True, False)


def test_a_cursor_can_begin_at_now() -> None:
    """It leaves out what has closed, judged or not."""
    extraction, cursor = begun(ANYTHING), ItemsCursor()
    extraction.feed("[1,2,", 0)
    cursor.skip(extraction)
    extraction.feed("3,", 0)
    judge(extraction)
    assert [item["value"] for item in shown(extraction, cursor)] == [3]


@pytest.mark.parametrize(
    ("rest", "finish", "state"),
    [
        ("]}", "stop", State.COMPLETED),
        ("", "length", State.INCOMPLETE),
        (',{"age":"x"}]}', "stop", State.FAILED),
    ],
)
def test_items_are_found_again_in_the_value_that_is_kept(rest: str, finish: str, state: State) -> None:
    """After the history was dropped: the same items, each valid or not as it was."""
    extraction = begun()
    extraction.feed('{"people":[{"name":"ann"},{"name":"bo","age":"3"},{"name":"c' + ('"}' if rest else ""), 0)
    extraction.feed(rest, 0)
    before = all_shown(extraction)
    extraction.note_finish(finish)
    outcome = extraction.close()
    extraction.end(extraction.judge() if outcome is State.COMPLETED else extraction.ending(State.INCOMPLETE), 0)
    extraction.drop_history()
    assert (extraction.state, extraction.items.closed, extraction.items.judged) == (state, len(before), 0)
    extraction.recall_items()
    assert all_shown(extraction) == before
    extraction.recall_items()
    assert extraction.items.judged == len(before)


def test_a_list_that_validation_took_away_has_no_items_any_more() -> None:
    """What is found again is what stands in the value."""

    class Fewer(BaseModel):
        """A model that leaves out and shortens."""

        kept: list[int]
        model_config = {"extra": "ignore"}

        @field_validator("kept")
        @classmethod
        def shorten(cls, kept: list[int]) -> list[int]:
            return kept[:1]

    extraction = begun(Schema.from_model(Fewer))
    extraction.feed('{"gone":[1,2],"kept":[3,4]}', 0)
    extraction.end(extraction.judge(), 0)
    extraction.drop_history()
    extraction.recall_items()
    assert [(item["key"], item["value"]) for item in all_shown(extraction)] == [("/kept/0", 3)]


def test_an_item_is_counted_once_however_long_a_held_word_takes() -> None:
    """A step in which nothing is shown closes nothing."""
    schema = Schema.from_json({"type": "array", "items": {"enum": ["alpha", "beta"]}}, limits=Limits())
    extraction = Extraction(schema, epoch="e", limits=Limits(), created_s=0)
    extraction.start(0)
    closed = []
    for piece in ('{"value":["alpha"', ',"b', "e", "t", "a", '"', "]}"):
        extraction.feed(piece, 0)
        closed.append(extraction.items.closed)
    assert closed == [1, 1, 1, 1, 1, 2, 2]


@given(cut_texts(rendered()), turns)
def test_parts_of_items(pieces: list[str], served: list[bool]) -> None:
    """Of each item of which anything may be selected, what a projection shows; the rest of its frame stays."""
    patterns = ["/*/1", "/a/*/*", "/0", "/b"]
    extraction, cursor = begun(ANYTHING), ItemsCursor(Projection(patterns))
    parts: list[dict[str, Any]] = []
    for piece, turn in zip(pieces, cycle(served), strict=False):
        extraction.feed(piece, 0)
        if turn:
            judge(extraction)
            parts += shown(extraction, cursor)
    extraction.note_finish("stop")
    extraction.close()
    judge(extraction)
    parts += shown(extraction, cursor)
    whole = [item for item in all_shown(extraction) if included(item["key"], patterns)]
    assert canonical(parts) == canonical([{**item, "value": part_of(item, patterns)} for item in whole])


def part_of(item: dict[str, Any], patterns: list[str]) -> Any:
    """Return the part of an item that stands where its key says, naively: in a value that holds nothing else."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in item["key"].split("/")[1:]]
    value = item["value"]
    for token in reversed(tokens):
        value = {token: value}
    value = projected(value, patterns)
    for token in tokens:
        value = value[token]
    return value


def test_a_part_of_an_item_is_encoded_once() -> None:
    """For all watches that see the same, and few are kept."""
    extraction = begun()
    extraction.feed(json.dumps({"people": [{"name": "ann", "age": 7}] * 200})[:-1], 0)
    judge(extraction)
    items = extraction.items
    with counted() as calls:
        for number in range(items.closed):
            for _ in range(9):
                body = items.body(number, Projection(["/people/*/name"]))
                assert json.loads("{" + body)["value"] == {"name": "Ann"}
            assert len(items._parts) <= 64
    assert calls["gateway.core.projection.Projection.part"] == items.closed == 200
