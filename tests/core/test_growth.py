"""What watchers are shown of the parser's operations: skeletons, held strings, wrappers."""

import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Document
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import ADD, APPEND, BEGIN, CLOSE, FILL, Operation, fold, plain
from gateway.core.parser import Parser
from gateway.core.schema import ANY, Schema, Shape
from tests.core.oracles import applied, canonical, loaded, rfc6902
from tests.core.strategies import conforming, cut_texts, rendered, schemas


def grown(shape: Shape, pieces: list[str], wrapper: str | None = None) -> tuple[Document, list[Any]]:
    """Return the document that has read all pieces, and its value after each."""
    parser, growth, document, values = Parser(), Growth(shape, wrapper), Document("e", shape.placeholder()), []
    for piece in pieces:
        document.publish(growth.shaped(parser.feed(piece)))
        values.append(json.loads(json.dumps(document.value)))
    document.publish(growth.shaped(parser.finish()))
    return document, values


def shape_of(schema: Any) -> Shape:
    """Return the shape of an inline schema's value."""
    return Schema.from_json(schema, limits=Limits()).shape


def skeleton(schema: dict[str, Any]) -> Any:
    """Return what stands for a value before it is written, naively: schemas without unions and references."""
    match schema:
        case {"default": default}:
            return default
        case {"type": "object", "properties": properties}:
            return {name: skeleton(member) for name, member in properties.items()}
        case {"type": "array"}:
            return []
        case _:
            return None


def shown(schema: dict[str, Any], value: Any) -> Any:
    """Return a written value with the skeletons of all that is open or was left out."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        members = {name: shown(properties.get(name, {}), member) for name, member in value.items()}
        return {name: skeleton(member) for name, member in properties.items()} | members
    return [shown(schema.get("items", {}), item) for item in value] if isinstance(value, list) else value


def visible(schema: dict[str, Any], parser: Parser) -> dict[str, Any]:
    """Return the parser's value as a member, without an open string that may only be one of a few words."""
    root = {"value": json.loads(json.dumps(parser.value))}
    holder: Any = root
    place: Any = "value"
    for token in (parser.open_pointers or [""])[0].split("/")[1:]:
        holder = holder[place]
        key = token.replace("~1", "/").replace("~0", "~")
        place = int(token) if isinstance(holder, list) else key
        schema = schema.get("items", {}) if isinstance(holder, list) else schema.get("properties", {}).get(key, {})
    if "enum" in schema and isinstance(holder[place], str) and not parser.is_closed:
        del holder[place]
    return root


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """Give a schema, and the pieces of a text that conforms to it."""
    schema = draw(schemas())
    text = json.dumps(draw(conforming(schema)), ensure_ascii=draw(st.booleans()))
    return schema, draw(cut_texts(st.just(text)))


@given(written())
def test_skeletons_and_held_strings(case: tuple[dict[str, Any], list[str]]) -> None:
    """Invariants 1 and 2: at every moment the value is what the model wrote, with skeletons, without held strings."""
    schema, pieces = case
    parser = Parser()
    for piece, value in zip(pieces, grown(shape_of(schema), pieces)[1], strict=True):
        parser.feed(piece)
        seen = visible(schema, parser).get("value")
        assert canonical(value) == canonical(skeleton(schema) if seen is None else shown(schema, seen))


@given(written(), st.data())
def test_the_first_growth_of_a_placeholder_replaces_it(case: tuple[Any, list[str]], drawn: st.DataObject) -> None:
    """Invariant 1 in operations: RFC 6902 from the skeleton on, and without one from null on."""
    schema, pieces = case
    shape, parser = shape_of(schema), Parser()
    growth = Growth(shape)
    operations = [step for piece in pieces for step in growth.shaped(parser.feed(piece))]
    operations += growth.shaped(parser.finish())
    value, end = parser.value, drawn.draw(st.integers(0, len(operations)))

    assert canonical(applied(None, map(plain, operations))) == canonical(value)
    state = applied(shape.placeholder(), operations[:end])
    patched = jsonpatch.apply_patch(shape.placeholder(), rfc6902(fold(operations[:end]), state))
    assert canonical(patched) == canonical(state)
    if end == len(operations):
        assert canonical(state) == canonical(shown(schema, value))


@given(cut_texts(rendered(repeats=True)))
def test_nothing_is_added_where_nothing_is_known(pieces: list[str]) -> None:
    """Without a schema the value is what the text says."""
    document, _ = grown(ANY, pieces)
    assert canonical(document.value) == canonical(document.plain_value()) == canonical(loaded("".join(pieces)))


@given(cut_texts(rendered()))
def test_a_wrapper_is_taken_off(pieces: list[str]) -> None:
    """Invariant 3: with a wrapper around it, every value grows through the same states; other members are not shown."""
    bare, bare_values = grown(ANY, pieces)
    wrapped, values = grown(ANY, ['{"items":', *pieces, ',"note":[{}],"more":"x"}'], "items")
    assert canonical(wrapped.value) == canonical(bare.value)
    assert canonical(wrapped.plain_value()) == canonical(bare.plain_value())
    assert canonical(values[1:-1]) == canonical(bare_values)


def operations(schema: Any, *pieces: str, wrapper: str | None = None) -> list[list[Operation]]:
    """Return what watchers are shown of each piece."""
    parser, growth = Parser(), Growth(shape_of(schema), wrapper)
    return [list(growth.shaped(parser.feed(piece))) for piece in pieces]


PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "kind": {"enum": ["human", "robot"]}}}


def test_steps_of_growth() -> None:
    """A declared member is filled, an undeclared one is added, an item appears with its own skeleton."""
    assert operations({"type": "array", "items": PERSON}, '[{"name":"A', 'n","age":3', "}") == [
        [
            Operation(FILL, "", [], opened=True),
            Operation(ADD, "/0", {"name": None, "kind": None}, opened=True),
            Operation(FILL, "/0/name", "A"),
        ],
        [Operation(APPEND, "/0/name", "n"), Operation(CLOSE, "/0/name")],
        [Operation(ADD, "/0/age", 3), Operation(CLOSE, "/0")],
    ]


def test_a_word_is_seen_when_it_is_complete() -> None:
    """Nothing tells of a held string before its closing quote."""
    seen = operations(PERSON, '{"kind":"', "rob", "ot", '"')
    assert seen[0][1:] == [Operation(BEGIN, "/kind")]
    assert seen[1:] == [[], [], [Operation(FILL, "/kind", "robot"), Operation(CLOSE, "/kind")]]


def test_a_word_in_one_piece() -> None:
    """A held string that begins and ends in one piece is one step."""
    assert operations(PERSON, '{"kind":"robot"')[0][1:] == [
        Operation(BEGIN, "/kind"),
        Operation(FILL, "/kind", "robot"),
        Operation(CLOSE, "/kind"),
    ]


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        ({"const": "a"}, True),
        ({"type": "string", "enum": ["a", "b"]}, True),
        ({"anyOf": [{"const": "auto"}, {"type": "string"}]}, True),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}]}, True),
        ({"anyOf": [{"const": 1}, {"type": "string"}]}, False),
        ({"type": "string", "format": "date"}, False),
        ({}, False),
    ],
)
def test_which_strings_are_held(schema: Any, held: bool) -> None:
    """A string is held where any member of a union that permits one restricts it to given words."""
    assert (operations(schema, '"a') == [[Operation(BEGIN, "")]]) is held


def test_a_string_of_the_same_place_in_another_item() -> None:
    """What was held for one item is not mixed with the next one's."""
    schema = {"type": "array", "items": {"enum": ["one", "two"]}}
    pieces = ['["on', 'e"', ',"', 'two"]']
    assert grown(shape_of(schema), pieces)[1] == [[], ["one"], ["one"], ["one", "two"]]


def test_a_duplicate_of_a_declared_member() -> None:
    """A duplicate replaces what filled the placeholder, which is no placeholder any more."""
    document, values = grown(shape_of(PERSON), ['{"name":"A","name":', '{"x":1', "}", "}"])
    assert values == [{"name": "A", "kind": None}, {"name": "A", "kind": None}, *[{"name": {"x": 1}, "kind": None}] * 2]
    assert document.plain_value() == {"name": {"x": 1}}


def test_a_duplicate_of_an_object_with_placeholders() -> None:
    """What was not written in the replaced object is not held against the new one."""
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": PERSON}}}
    document, _ = grown(shape_of(schema), ['{"a":[{}],"a":[{"name":null,"kind":null}]}'])
    assert document.plain_value() == document.value == {"a": [{"name": None, "kind": None}]}


def test_a_wrapper_s_duplicate_replaces_the_whole_value() -> None:
    """The wrapper's own member may come twice; the value is then replaced at once."""
    values = grown(ANY, ['{"items":[1]', ',"items":[2', "]", "}"], "items")[1]
    assert values == [[1], [1], [2], [2]]


def test_nothing_is_kept_of_what_is_closed() -> None:
    """What is remembered is as much as is open, not as much as was written."""
    growth, parser = Growth(shape_of({"type": "array", "items": PERSON})), Parser()
    list(growth.shaped(parser.feed('[{"kind":"human","name":"A"},{"kind":"rob')))
    assert growth._hold is not None
    assert (set(growth._open), growth._hold.pointer) == ({"", "/1"}, "/1/kind")
    list(growth.shaped(parser.feed('ot"}]')))
    held: object = growth._hold
    assert (len(growth._open), held) == (0, None)


def test_a_growing_root_string_in_a_wrapper() -> None:
    """A root string grows at the root."""
    seen = operations({"type": "string"}, '{"value":"a', 'b"}', wrapper="value")
    assert seen == [[Operation(FILL, "", "a")], [Operation(APPEND, "", "b"), Operation(CLOSE, "")]]


LIST = {"type": "array", "items": {"type": "integer"}}
LIST_OR_OBJECT = {"anyOf": [LIST, {"type": "object"}]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (LIST, '{"items":[1]}', [1]),
        (LIST, '{"note":"so","items":[1]}', [1]),
        (LIST, "[1]", [1]),
        (LIST, "5", 5),
        (LIST, '{"itemsets":[1]}', []),
        (LIST, "{}", []),
        (LIST_OR_OBJECT, '{"items":[1],"a":2}', [1]),
        (LIST_OR_OBJECT, '{"a":2,"items":[1]}', {"a": 2, "items": [1]}),
        (LIST_OR_OBJECT, "{}", {}),
    ],
)
def test_a_wrapper_that_was_left_out(schema: Any, text: str, value: Any) -> None:
    """The first member tells whether the model wrote the wrapper; an object that cannot be the value is not shown."""
    for pieces in ([text], list(text)):
        assert grown(shape_of(schema), pieces, "items")[0].value == value
