"""What is held back until it can be shown: field policies, discriminated unions, plain unions (PROTOCOL.md §4)."""

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from gateway import Stream
from gateway.core.document import Document, View
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import fold
from gateway.core.parser import Parser
from gateway.core.schema import Schema
from gateway.core.shape import Shape
from gateway.errors import SchemaInvalid
from tests.core.oracles import applied, canonical, enlarged, loaded
from tests.core.strategies import cut_texts, texts


class Card(BaseModel):
    """Paid by card."""

    type: Literal["card"]
    number: str
    year: int = 2030


class Transfer(BaseModel):
    """Paid by transfer."""

    type: Literal["transfer"]
    iban: str


class Order(BaseModel):
    """Something bought."""

    payment: Annotated[Card | Transfer, Field(discriminator="type")]
    note: str


def states(shape: Shape, text: str, size: int = 1) -> list[Any]:
    """Return the different values that are seen while a text is written piece by piece."""
    return [value for value, _ in steps(shape, [text[at : at + size] for at in range(0, len(text), size)])]


def steps(shape: Shape, pieces: list[str]) -> list[tuple[Any, dict[str, Any]]]:
    """Return the different values with the progress since the one before."""
    parser, growth, document = Parser(), Growth(shape), Document("e", shape.placeholder())
    seen, rev = [(document.value_copy(), document.progress_since(None))], 0
    for piece in pieces:
        if document.publish(growth.shaped(parser.feed(piece))):
            seen.append((document.value_copy(), document.progress_since(rev)))
            rev = document.rev
    document.publish(growth.shaped(parser.finish()))
    return [step for at, step in enumerate(seen) if not at or step[0] != seen[at - 1][0]]


def shape_of(declared: Any) -> Shape:
    """Return the shape of a model's value, or of an inline schema's."""
    if isinstance(declared, dict):
        return Schema.from_json(declared, limits=Limits()).shape
    return Schema.from_model(declared).shape


def test_a_discriminated_object_is_shown_once_it_is_known_which_one_it_is() -> None:
    """With the skeleton of its variant; until then the placeholder stands."""
    seen = states(shape_of(Order), '{"payment":{"type":"card","number":"1"},"note":"n"}')
    assert seen == [
        {"payment": None, "note": None},
        {"payment": {"type": "card", "number": None, "year": 2030}, "note": None},
        {"payment": {"type": "card", "number": "", "year": 2030}, "note": None},
        {"payment": {"type": "card", "number": "1", "year": 2030}, "note": None},
        {"payment": {"type": "card", "number": "1", "year": 2030}, "note": ""},
        {"payment": {"type": "card", "number": "1", "year": 2030}, "note": "n"},
    ]


def test_a_discriminator_that_comes_last() -> None:
    """No member of a variant appears before it."""
    seen = states(shape_of(Order), '{"payment":{"number":"1","type":"card"},"note":"n"}')
    assert seen[1] == {"payment": {"type": "card", "number": "1", "year": 2030}, "note": None}


@pytest.mark.parametrize("text", ['{"payment":{"type":"cash","number":"1"}}', '{"payment":{"number":"1"}}'])
def test_a_discriminator_that_no_variant_has(text: str) -> None:
    """What was written is shown at the latest when it closes; the validation will say what is wrong with it."""
    assert states(shape_of(Order), text)[-1]["payment"]["number"] == "1"


class Square(BaseModel):
    """By its side."""

    name: str
    side: int


class Circle(BaseModel):
    """By its radius."""

    name: str
    radius: int
    label: str = ""


def test_a_plain_union_shows_what_its_members_share() -> None:
    """What only one of them has tells which one it is."""
    shape = shape_of(list[Square | Circle])
    seen = states(shape, '[{"name":"a","radius":2,"label":"b"}]')
    assert seen == [
        [],
        [{}],
        [{"name": ""}],
        [{"name": "a"}],
        [{"name": "a", "radius": 2}],
        [{"name": "a", "radius": 2, "label": ""}],
        [{"name": "a", "radius": 2, "label": "b"}],
    ]


A: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "integer"}}}
B: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "string"}, "z": {"type": "string"}}}
C: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "integer"}, "z": {"type": "string"}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"z":"1","x":"s"}', [None, {}, {"z": "1", "x": ""}, {"z": "1", "x": "s"}]),
        ('{"z":"1","x":5}', [None, {}, {"z": "1", "x": 5}]),
        ('{"x":5,"z":"1"}', [None, {}, {"x": 5}, {"x": 5, "z": ""}, {"x": 5, "z": "1"}]),
        ('{"z":"1"}', [None, {}, {"z": "1"}]),
        ('{"z":"1","z":"2"}', [None, {}, {"z": "2"}]),
        ('{"z":{"a":[1]},"o":true}', [None, {}, {"o": True}, {"o": True, "z": {"a": [1]}}]),
        ('{"y":1,"z":"1"}', [None, {}, {"y": 1}, {"y": 1, "z": ""}, {"y": 1, "z": "1"}]),
    ],
)
def test_what_only_some_variants_have_waits(text: str, expected: list[Any]) -> None:
    """Until one variant is left, or the object closes; a type narrows as a name does."""
    assert states(shape_of({"anyOf": [A, B, C]}), text) == expected


class Product(BaseModel):
    """Something for sale."""

    name: str
    sku: Annotated[str, Stream(hold=True, hold_parent=True)]
    tags: Annotated[list[str], Stream(hold=True)] = []
    price: Annotated[float | None, Stream(state=True)] = None


def test_a_held_member_is_shown_whole() -> None:
    """A string and a list at once; what stands beside them grows as ever."""
    shape = shape_of(Product)
    seen = states(shape, '{"sku":"ab","name":"x","tags":["p","q"]}')
    bare: dict[str, Any] = {"name": None, "sku": None, "tags": [], "price": None}
    assert seen == [
        bare,
        {**bare, "sku": "ab"},
        {**bare, "sku": "ab", "name": ""},
        {**bare, "sku": "ab", "name": "x"},
        {**bare, "sku": "ab", "name": "x", "tags": ["p", "q"]},
    ]


def test_an_object_is_held_for_a_member() -> None:
    """A row appears with its number, at the latest when it closes; the list's indices never shift."""
    seen = states(shape_of(list[Product]), '[{"name":"a","sku":"1"},{"name":"b"},{"sku":null},{"sku":"4","name":"d"}]')
    rows = [[(row["name"], row["sku"]) for row in value] for value in seen]
    assert rows == [
        [],
        [("a", "1")],
        [("a", "1"), ("b", None)],
        [("a", "1"), ("b", None), (None, None)],
        [("a", "1"), ("b", None), (None, None), (None, "4")],
        [("a", "1"), ("b", None), (None, None), ("", "4")],
        [("a", "1"), ("b", None), (None, None), ("d", "4")],
    ]


def test_the_state_of_a_member_is_told() -> None:
    """Pending where it is not named, then partial, then complete; also of what is held."""
    declared = {"x-stream": {"state": True, "hold": True}, "type": "string"}
    shape = shape_of({"type": "object", "properties": {"a": declared, "b": {"type": "string"}}})
    parser, growth, document = Parser(), Growth(shape), Document("e", shape.placeholder())
    told = []
    for piece in ('{"b":"', 'x","a":"y', 'z"', "}"):
        rev = document.rev
        document.publish(growth.shaped(parser.feed(piece)))
        told.append(document.progress_since(rev).get("states"))
    assert told == [None, {"/a": "partial"}, {"/a": "complete"}, None]
    assert document.progress_since(None)["states"] == {"/a": "complete"}


def test_policies_inside_what_is_held() -> None:
    """They hold once it is shown; everything in it is there at once."""
    item = {"type": "object", "properties": {"k": {"enum": ["one", "two"]}, "v": {"x-stream": {"hold": True}}}}
    shape = shape_of({"type": "array", "items": {**item, "x-stream": {"hold": True}}})
    assert states(shape, '[{"k":"one","v":{"a":[1,2]}}]') == [[], [{"k": "one", "v": {"a": [1, 2]}}]]


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        (True, "/x-stream"),
        ({"holds": True}, "/x-stream"),
        ({"hold": 1}, "/x-stream/hold"),
        ({"on_invalid": True}, "/x-stream/on_invalid"),
        ({"on_invalid": ["drop"]}, "/x-stream/on_invalid"),
    ],
)
def test_a_policy_that_is_none(policy: Any, place: str) -> None:
    """It is refused by its place, with what was expected."""
    with pytest.raises(SchemaInvalid, match=f"the schema at {place}: expected"):
        Schema.from_json({"type": "string", "x-stream": policy}, limits=Limits())


def test_a_provider_hears_nothing_of_policies() -> None:
    """They are the gateway's; the declared schema keeps them."""
    schema = Schema.from_model(Product)
    assert "x-stream" not in json.dumps(schema.provider_schema)
    assert "x-stream" in json.dumps(schema.json_schema)


names = st.sampled_from(["a", "b", "c", "type"])
policies = st.fixed_dictionaries({}, optional={name: st.booleans() for name in ("hold", "hold_parent", "state")})


@st.composite
def held_schemas(draw: st.DrawFn, depth: int = 3) -> dict[str, Any]:
    """Make a schema with policies and unions at any place."""
    kinds = ["string", "enum", "integer", "object", "array", "union", "choice"] if depth else ["string", "integer"]
    policy: dict[str, Any] = draw(st.sampled_from([{}, {}, {"x-stream": draw(policies)}]))
    match draw(st.sampled_from(kinds)):
        case "object":
            members = draw(st.dictionaries(names, held_schemas(depth - 1), max_size=3))
            return {"type": "object", "properties": members, **policy}
        case "array":
            return {"type": "array", "items": draw(held_schemas(depth - 1)), **policy}
        case "union":
            return {"anyOf": draw(st.lists(held_schemas(depth - 1), min_size=2, max_size=3)), **policy}
        case "choice":
            return {"anyOf": [draw(_variant(kind, depth)) for kind in ("x", "y")], **policy}
        case "enum":
            return {"enum": ["one", "other"], **policy}
        case kind:
            return {"type": kind, **policy}


@st.composite
def _variant(draw: st.DrawFn, kind: str, depth: int) -> dict[str, Any]:
    members = draw(st.dictionaries(names, held_schemas(depth - 1), max_size=2))
    return {"type": "object", "properties": {**members, "type": {"const": kind}}}


held_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts | st.sampled_from(["one", "x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def held_cases(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """Give a schema and the pieces of a text, which need not follow it, and may repeat keys."""
    text = json.dumps(draw(held_values))
    if draw(st.booleans()):
        text = text.replace('"b":', '"a":')
    return draw(held_schemas()), draw(cut_texts(st.just(text)))


@given(held_cases())
def test_whatever_is_held_comes_out_in_the_end(case: tuple[dict[str, Any], list[str]]) -> None:
    """In every view: the value is what the text says, from null on without skeletons."""
    schema, pieces = case
    shape = shape_of(schema)
    parser, growth, document = Parser(), Growth(shape), Document("e", shape.placeholder())
    operations = []
    for piece in [*pieces, None]:
        grown = list(growth.shaped(parser.finish() if piece is None else parser.feed(piece)))
        operations += grown
        document.publish(grown)
    assert canonical(document.plain_value()) == canonical(loaded("".join(pieces)))
    assert canonical(document.value) == canonical(applied(shape.placeholder(), fold(operations)))
    json.loads("{" + document.update(View(progress=True), 0).body)


@given(held_cases())
def test_what_is_shown_only_grows(case: tuple[dict[str, Any], list[str]]) -> None:
    """Held or not: strings only grow, what was complete stays, and no type changes; placeholders and repeats aside."""
    schema, pieces = case
    text = "".join(pieces)
    if any(text.count(f'"{name}":') > 1 for name in ("a", "b", "c", "type")):
        return
    parser, growth, document = Parser(), Growth(shape_of(schema)), Document("e", None)
    before: Any = None
    for piece in pieces:
        document.publish(growth.shaped(parser.feed(piece)))
        after = document.plain_value()
        assert before is None or _is_growth(before, after), (before, after)
        before = json.loads(json.dumps(after))


def _is_growth(before: Any, after: Any) -> bool:
    """Tell whether a value is another one grown, members that waited in between."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(key in after and _is_growth(member, after[key]) for key, member in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) <= len(after) and all(map(_is_growth, before, after))
    return enlarged(before, after, is_open=True)


CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "meow": {"type": "string"}}, "required": ["kind"]}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "bark": {"type": "string"}}, "required": ["kind"]}
PART = {"type": "object", "properties": {"i": {"type": "integer", "x-stream": {"hold_parent": True}}}}


@pytest.mark.parametrize(
    ("member", "text", "shown"),
    [
        ({"anyOf": [CAT, DOG]}, '{"meow":"x","kind":"cat"}', {"kind": "cat", "meow": "x"}),
        (PART, '{"t":"x","i":1}', {"i": 1, "t": "x"}),
        ({"type": "string", "x-stream": {"redact": True}}, '"sec"', "[redacted]"),
        ({"type": "string", "enum": ["one", "two"]}, '"one"', "one"),
    ],
)
def test_an_object_is_held_for_a_member_that_is_held_itself(member: dict[str, Any], text: str, shown: Any) -> None:
    """A member that nobody sees yet is not there: the object appears together with it."""
    member = {**member, "x-stream": {**member.get("x-stream", {}), "hold_parent": True}}
    row = {"type": "object", "properties": {"z": {"type": "string"}, "u": member}}
    seen = states(shape_of({"type": "array", "items": row}), f'[{{"z":"ab","u":{text}}}]')
    assert [value for value in seen if value] == [[{"z": "ab", "u": shown}]]
