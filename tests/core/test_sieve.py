"""Items that are left out: never shown, reported under their own keys, and the rest as if they had never been there."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway import Stream
from gateway.core.extraction import Extraction, State
from gateway.core.limits import Limits
from gateway.core.parts import ItemsCursor
from gateway.core.schema import Schema
from tests.core.strategies import cut_texts

LIMITS = Limits()


class Line(BaseModel):
    """An item."""

    sku: str
    parts: list[int] = []


class Order(BaseModel):
    """Three lists, each with another wish, and one inside an object."""

    dropped: Annotated[list[Line], Stream(on_invalid="drop")] = []
    marked: list[Annotated[Line, Stream(on_invalid="mark")]] = []
    note: str = ""


DROP = {"x-stream": {"on_invalid": "drop"}}
LINE = {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}}, "required": ["n"]}
SCHEMA = Schema.from_json(
    {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {**LINE, **DROP}},
            "b": {"type": "object", "properties": {"c": {"type": "array", "items": LINE, **DROP}}},
        },
    },
    limits=LIMITS,
)
ORDER = Schema.from_model(Order)
HELD = {"x-stream": {"hold": True}}
HOLDING = Schema.from_json(
    {"type": "object", "properties": {"b": {"properties": {"c": {"items": LINE, **DROP}}, **HELD}}}, limits=LIMITS
)

lines: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"n": st.integers(0, 99) | st.just("bad")}, optional={"s": st.sampled_from(["", "x", 'a"b'])}
) | st.sampled_from([1, None, [], {}])
orders = st.fixed_dictionaries({}, optional={"a": st.lists(lines), "b": st.fixed_dictionaries({"c": st.lists(lines)})})


def is_line(item: Any) -> bool:
    """Say by hand what the schema says of an item."""
    return isinstance(item, dict) and isinstance(item.get("n"), int)


def begun(schema: Schema) -> Extraction:
    """Return a running extraction."""
    extraction = Extraction(schema, epoch="e", limits=LIMITS, created_s=0)
    extraction.start(0)
    return extraction


def value_of(extraction: Extraction) -> Any:
    """Return what is shown of the value."""
    return extraction.document.plain_value()


def ended(extraction: Extraction) -> Any:
    """Bring it to its ending; returns the terminal."""
    outcome = extraction.close()
    assert isinstance(outcome, State)
    is_whole = outcome is State.COMPLETED
    extraction.end(extraction.judge() if is_whole else extraction.ending(outcome), 0)
    return json.loads(extraction.terminal_text)


def shown(extraction: Extraction) -> list[dict[str, Any]]:
    """Return the frames of all items."""
    extraction.items.settle(extraction.items.verdicts())
    return [json.loads(f"{{{body}") for _, body in ItemsCursor().frames(extraction)]


@pytest.mark.parametrize("schema", [SCHEMA, HOLDING])
@given(value=orders, data=st.data())
def test_what_is_shown_is_what_is_valid(schema: Schema, value: Any, data: st.DataObject) -> None:
    """At any time a list holds the first valid items, whole; at the end all; each item came once, under its own key."""
    if schema is HOLDING:
        value.pop("a", None)
    extraction = begun(schema)
    kept = {"/a": [item for item in value.get("a", []) if is_line(item)]}
    kept["/b/c"] = [item for item in value.get("b", {}).get("c", []) if is_line(item)]
    for piece in data.draw(cut_texts(st.just(json.dumps(value)))):
        extraction.feed(piece, 0)
        now = value_of(extraction) or {}
        assert kept["/a"][: len(now.get("a", []))] == [_written(item) for item in now.get("a", [])]
        in_b = (now.get("b") or {}).get("c", [])
        assert kept["/b/c"][: len(in_b)] == [_written(item) for item in in_b]
    frames = [(frame["key"], frame["value"], frame["valid"]) for frame in shown(extraction)]
    places = [("/a", value.get("a", [])), ("/b/c", value.get("b", {}).get("c", []))]
    written = [(f"{path}/{index}", item, is_line(item)) for path, items in places for index, item in enumerate(items)]
    assert sorted(frames, key=lambda frame: frame[0]) == sorted(written, key=lambda item: item[0])
    terminal = ended(extraction)
    left_out = [key for key, _, is_valid in written if not is_valid]
    assert sorted(item["path"] for item in terminal.get("dropped", [])) == sorted(left_out)
    assert terminal["type"] == "completed"
    final = value_of(extraction)
    assert [final.get("a", []), (final.get("b") or {}).get("c", [])] == list(kept.values())


def _written(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without the placeholders of its skeleton."""
    return {key: member for key, member in item.items() if member is not None}


TEXT = '{"dropped":[{"sku":"a"},{"sku":7},{"sku":"c"}],"marked":[{"sku":"d"}],"note":"x"}'


def test_what_is_left_out_is_reported() -> None:
    """In its frame with what is wrong, in the terminal with the place; the value is that of the others."""
    extraction = begun(ORDER)
    extraction.feed(TEXT, 0)
    frames = [(frame["key"], frame["index"], frame["valid"]) for frame in shown(extraction)]
    assert frames == [
        ("/dropped/0", 0, True),
        ("/dropped/1", 1, False),
        ("/dropped/2", 2, True),
        ("/marked/0", 0, True),
    ]
    assert shown(extraction)[1]["errors"] == [{"path": "/sku", "message": "Input should be a valid string; got 7"}]
    error = {"path": "/dropped/1/sku", "message": "Input should be a valid string; got 7"}
    assert ended(extraction)["dropped"] == [{"path": "/dropped/1", "errors": [error]}]
    assert [line["sku"] for line in value_of(extraction)["dropped"]] == ["a", "c"]


def test_items_are_found_again_under_their_keys() -> None:
    """After the history was dropped; of one that was left out the value is not kept."""
    extraction = begun(ORDER)
    extraction.feed(TEXT, 0)
    before = [(frame["key"], frame["valid"]) for frame in shown(extraction)]
    ended(extraction)
    extraction.drop_history()
    extraction.recall_items()
    after = shown(extraction)
    assert [(frame["key"], frame["valid"]) for frame in after] == before
    assert [frame["value"] and frame["value"]["sku"] for frame in after] == ["a", None, "c", "d"]


def test_an_item_is_seen_whole_or_not_at_all() -> None:
    """It waits until it is closed; an answer that is cut off in it ends without it."""
    extraction = begun(ORDER)
    extraction.feed('{"dropped":[{"sku":7},{"sku":"a"},{"sku":"b', 0)
    assert [line["sku"] for line in value_of(extraction)["dropped"]] == ["a"]
    extraction.note_finish("length")
    terminal = ended(extraction)
    assert terminal["open"] == ["/dropped/1/sku", "/dropped/1", "/dropped", ""]
    assert [item["path"] for item in terminal["dropped"]] == ["/dropped/0"]


def test_what_is_marked_goes_on_and_fails_at_the_end() -> None:
    """The call is not stopped; the item's frame says that it is not valid."""
    extraction = begun(ORDER)
    extraction.feed('{"marked":[{"sku":7},', 0)
    assert not extraction.is_spoiled
    assert [frame["valid"] for frame in shown(extraction)] == [False]
    extraction.feed('{"sku":"a"}]}', 0)
    assert extraction.close() is State.COMPLETED
    assert extraction.judge().state is State.FAILED


def test_the_lists_of_a_key_that_comes_again() -> None:
    """The later list counts, without what is left out of it."""
    extraction = begun(ORDER)
    extraction.feed('{"dropped":[{"sku":7},{"sku":"a"}],"dropped":[{"sku":"b"},{"sku":8}]}', 0)
    terminal = ended(extraction)
    assert [item["path"] for item in terminal["dropped"]] == ["/dropped/1"]
    assert [line["sku"] for line in value_of(extraction)["dropped"]] == ["b"]


def test_reports_are_bounded() -> None:
    """A hundred are told of; all are left out."""
    extraction = begun(SCHEMA)
    extraction.feed('{"a":[' + ",".join(["0"] * 150) + "]}", 0)
    assert (len(ended(extraction)["dropped"]), value_of(extraction)["a"]) == (100, [])


class Card(BaseModel):
    """Something to be hidden in what is left out."""

    pin: Annotated[int, Stream(redact=True)]


class Wallet(BaseModel):
    """A list of such."""

    cards: Annotated[list[Card], Stream(on_invalid="drop")]


def test_what_is_left_out_is_redacted_as_well() -> None:
    """Its frame masks it, and no error quotes it."""
    extraction = begun(Schema.from_model(Wallet))
    extraction.feed('{"cards":[{"pin":"secret"},{"pin":1}]}', 0)
    frames = shown(extraction)
    assert [(frame["key"], frame["valid"]) for frame in frames] == [("/cards/0", False), ("/cards/1", True)]
    assert "secret" not in json.dumps(frames)
    assert ended(extraction)["dropped"] == [
        {"path": "/cards/0", "errors": [{"path": "/cards/0/pin", "message": "does not fit the schema"}]}
    ]


def test_progress_goes_on_behind_what_is_left_out() -> None:
    """The place that is written is that at which it would be shown; no place is named that is not there."""
    extraction = begun(SCHEMA)
    active = []
    for piece in ('{"a":[', '{"n":', '"bad"}', ',{"n":', "1}", "]}"):
        before = extraction.document.rev
        extraction.feed(piece, 0)
        progress: Any = extraction.document.progress_since(before)
        active.append((progress["active"], progress["completed"]))
    assert active == [
        ("/a", []),
        ("/a/0", []),
        ("/a", []),
        ("/a/0", []),
        ("/a", ["/a/0/n", "/a/0"]),
        (None, ["/a", ""]),
    ]
