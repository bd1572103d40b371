"""Shapes: skeletons, held strings, recursion (PROTOCOL.md §4, "Partial value")."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from gateway.core.pointer import JsonValue
from gateway.core.shape import ANY, Shape


class Address(BaseModel):
    """A nested object."""

    street: str
    kind: Literal["home", "work"]


class Person(BaseModel):
    """A model with a bit of everything."""

    name: str
    address: Address
    second: Address | None
    tags: list[str]
    addresses: list[Address]
    notes: dict[str, Address]
    pair: tuple[int, Address]
    level: int = 3
    labels: list[str] = ["new"]
    city: Literal["Wien"]


class Node(BaseModel):
    """A recursive model with an optional, a required and a repeated reference."""

    value: int
    next: "Node | None"
    children: list["Node"]


class Dog(BaseModel):
    """One variant."""

    kind: Literal["dog"]
    bark: str


class Cat(BaseModel):
    """Another variant."""

    kind: Literal["cat"]
    bark: Literal["never"]


class Owner(BaseModel):
    """A discriminated union."""

    pet: Annotated[Dog | Cat, Field(discriminator="kind")]


ADDRESS = {"street": None, "kind": None}
PERSON = {
    "name": None,
    "address": ADDRESS,
    "second": None,
    "tags": [],
    "addresses": [],
    "notes": {},
    "pair": [],
    "level": 3,
    "labels": ["new"],
    "city": None,
}


def of_model(model: type[BaseModel]) -> Shape:
    """Give the shape of a model's values."""
    return Shape.of(model.model_json_schema())


@pytest.mark.parametrize(
    ("schema", "placeholder"),
    [
        (True, None),
        (False, None),
        ({}, None),
        ({"type": "string"}, None),
        ({"const": "only"}, None),
        ({"enum": ["only"]}, None),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": ["string", "null"], "default": None}, None),
        ({"type": "array"}, []),
        ({"type": "array", "default": [1]}, [1]),
        ({"type": "array", "prefixItems": [{"type": "object"}]}, []),
        ({"type": ["array", "null"]}, None),
        ({"type": "object"}, {}),
        ({"type": ["object", "null"], "properties": {"a": {}}}, None),
        ({"properties": {"a": {"type": "array"}}}, {"a": []}),
        ({"anyOf": [{"type": "array"}, {"type": "null"}]}, None),
        ({"anyOf": [{"type": "array"}, {"type": "null"}], "default": [1]}, [1]),
        ({"anyOf": [{"type": "array"}]}, []),
        ({"oneOf": [{"type": "array"}, {"type": "object"}]}, None),
        ({"type": "array", "nullable": True}, None),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {"default": 1}}}]}, {"a": None, "b": 1}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"default": 7}}}, 7),
        ({"$ref": "#/$defs/a", "default": 8, "$defs": {"a": {"default": 7}}}, 8),
        ({"$ref": "#/$defs/a%20b~1c", "$defs": {"a b/c": {"type": "array"}}}, []),
        ({"type": "string", "anyOf": [{"type": "array"}, {"minLength": 1}]}, None),
        ({"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": None}),
    ],
)
def test_what_stands_before_the_model_writes(schema: JsonValue, placeholder: JsonValue) -> None:
    """Defaults, empty lists and nested objects are shown; nothing is guessed."""
    assert Shape.of(schema).placeholder() == placeholder


def test_the_skeleton_of_a_model() -> None:
    """Every declared member is there, with its own placeholder."""
    assert of_model(Person).placeholder() == PERSON


def test_skeletons_are_made_afresh() -> None:
    """Whoever gets a skeleton may change it, at any depth."""
    shape = of_model(Person)
    for make in (shape.placeholder, lambda: shape.opened(array=False)):
        made: Any = make()
        made["address"]["street"] = "x"
        made["labels"].append("x")
        made["tags"].append("x")
        assert make() == PERSON


@pytest.mark.parametrize(
    ("keys", "opened"),
    [
        (["second"], ADDRESS),
        (["addresses", 4], ADDRESS),
        (["notes", "any"], ADDRESS),
        (["pair", 1], ADDRESS),
        (["pair", 0], {}),
        (["unknown"], {}),
    ],
)
def test_an_object_gets_its_skeleton_when_it_opens(keys: list[str | int], opened: JsonValue) -> None:
    """Items and optional objects have theirs as soon as the model opens one."""
    shape = of_model(Person)
    for key in keys:
        shape = shape.item(key) if isinstance(key, int) else shape.member(key)
    assert shape.opened(array=False) == opened
    assert shape.opened(array=True) == []


def test_the_default_of_a_whole_object_does_not_appear_when_it_opens() -> None:
    """An object that the model writes starts from its members, not from what stands there instead of it."""
    shape = Shape.of({"type": "object", "properties": {"a": {"default": 1}, "b": {}}, "default": {"b": 2}})
    assert shape.placeholder() == {"b": 2}
    assert shape.opened(array=False) == {"a": 1, "b": None}


def test_recursion_stops_at_null() -> None:
    """A reference back to an object that is being laid out stands at null; when it opens it has its skeleton."""
    shape = of_model(Node)
    skeleton: JsonValue = {"value": None, "next": None, "children": []}
    for _ in range(50):
        assert shape.opened(array=False) == skeleton
        shape = shape.member("next").member("children").item(0)


def test_a_required_recursion_stops_at_null() -> None:
    """Two objects that require each other are laid out once each."""
    schema: JsonValue = {
        "$defs": {
            "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}, "required": ["b"]},
            "b": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]},
        },
        "$ref": "#/$defs/a",
    }
    assert Shape.of(schema).placeholder() == {"b": {"a": None}}


def test_shapes_of_a_recursive_schema_are_shared() -> None:
    """Walking on does not make ever new shapes: a schema that lives long does not grow."""
    shape = of_model(Node)
    deep = shape.member("next")
    assert deep.member("next").member("next") is deep
    assert shape.member("children").item(5) is shape.member("children").item(9_999)


def test_a_discriminated_union_guesses_nothing() -> None:
    """No member of a variant is shown before the model has written it."""
    pet = of_model(Owner).member("pet")
    assert (pet.placeholder(), pet.opened(array=False)) == (None, {})


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        ({"type": "string"}, False),
        (True, False),
        (False, False),
        ({"const": "a"}, True),
        ({"const": 1}, False),
        ({"enum": [1, "a"]}, True),
        ({"enum": [1, 2]}, False),
        ({"enum": []}, False),
        ({"anyOf": [{"type": "string"}, {"const": "a"}]}, True),
        ({"anyOf": [{"type": "integer"}, {"const": "a"}]}, True),
        ({"type": "string", "anyOf": [{"enum": [1, 2]}, {"minLength": 1}]}, False),
        ({"allOf": [{"type": "string"}, {"enum": ["a"]}]}, True),
        ({"type": "integer", "enum": ["a"]}, False),
        ({"$ref": "#/$defs/e", "$defs": {"e": {"enum": ["a"], "type": "string"}}}, True),
        ({"anyOf": [{"const": str(number)} for number in range(500)] + [{"type": "null"}]}, True),
    ],
)
def test_which_strings_are_held(schema: JsonValue, held: bool) -> None:
    """A string is held where a surviving union member that permits strings restricts it."""
    assert Shape.of(schema).held is held


def test_members_of_variants_are_held_together() -> None:
    """Where one variant restricts a member, it is held for all of them."""
    pet = of_model(Owner).member("pet")
    assert (pet.member("kind").held, pet.member("bark").held, pet.member("other").held) == (True, True, False)


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        ({"additionalProperties": {"enum": ["a"]}}, True),
        ({"additionalProperties": False}, False),
        ({"additionalProperties": True}, False),
        ({"patternProperties": {"^x": {"enum": ["a"]}}}, True),
        ({"patternProperties": {"^x": {"enum": ["a"]}}, "additionalProperties": {"type": "string"}}, False),
        ({"unevaluatedProperties": {"enum": ["a"]}}, True),
        ({"properties": {"key": {"enum": ["a"]}}, "additionalProperties": {"type": "string"}}, True),
        ({"properties": {"other": {}}, "additionalProperties": {"enum": ["a"]}}, True),
        ({}, False),
    ],
)
def test_members_that_are_not_declared(schema: dict[str, JsonValue], held: bool) -> None:
    """What is said about the rest holds for every member without a schema of its own."""
    assert Shape.of({"type": "object", **schema}).member("key").held is held


@pytest.mark.parametrize("keywords", [("prefixItems", "items"), ("items", "additionalItems")])
def test_items_with_schemas_of_their_own(keywords: tuple[str, str]) -> None:
    """Items at the start have their own shapes, those after them share one; in the older drafts too."""
    prefix, rest = keywords
    shape = Shape.of({"type": "array", prefix: [{"type": "string"}, {"const": "a"}], rest: {"enum": ["b"]}})
    assert [shape.item(index).held for index in range(4)] == [False, True, True, True]


def test_nothing_is_known_about_any() -> None:
    """ANY answers every question with nothing, and leads to itself."""
    assert (ANY.held, ANY.placeholder(), ANY.opened(array=True), ANY.opened(array=False)) == (False, None, [], {})
    assert ANY.member("x") is ANY
    assert ANY.item(3) is ANY


def test_nulls_that_mean_absent_are_left_out() -> None:
    """Only a declared, not required and not nullable member counts as absent by null; the value is not changed."""
    schema: JsonValue = {
        "type": "object",
        "properties": {
            "required": {"type": "string"},
            "optional": {"type": "string"},
            "nullable": {"type": ["string", "null"]},
            "list": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["required"],
        "additionalProperties": {"type": "integer"},
    }
    value: JsonValue = {
        "required": None,
        "optional": None,
        "nullable": None,
        "other": None,
        "list": [{"optional": None}],
    }
    kept: JsonValue = {"required": None, "nullable": None, "other": None, "list": [{}]}
    assert Shape.of(schema).without_absent(value) == kept
    assert isinstance(value, dict)
    assert "optional" in value


def test_defaults_fill_what_is_absent() -> None:
    """Declared defaults appear in every object that is there, and in none that is not."""
    schema: JsonValue = {
        "type": "object",
        "properties": {"a": {"default": [1]}, "b": {}, "next": {"$ref": "#"}, "all": {"items": {"$ref": "#"}}},
    }
    value: JsonValue = {"b": 1, "next": {"a": 2}, "all": [{}]}
    filled = {"a": [1], "b": 1, "next": {"a": 2}, "all": [{"a": [1]}]}
    assert Shape.of(schema).with_defaults(value) == filled
    assert value == {"b": 1, "next": {"a": 2}, "all": [{}]}


def test_a_skeleton_that_doubles_is_bounded() -> None:
    """References that double at each level do not make a skeleton of exponential size."""
    defs: dict[str, JsonValue] = {
        f"d{level}": {"type": "object", "properties": {key: {"$ref": f"#/$defs/d{level + 1}"} for key in "ab"}}
        for level in range(40)
    }
    defs["d40"] = {"type": "object", "properties": {}}
    skeleton = Shape.of({"$defs": defs, "$ref": "#/$defs/d0"}).placeholder()
    assert len(repr(skeleton)) < 200_000


def test_a_default_that_is_shown_often_is_bounded() -> None:
    """A large default behind many references is shown as long as there is room, then as null."""
    members: dict[str, JsonValue] = {f"m{number}": {"$ref": "#/$defs/d"} for number in range(400)}
    default: list[JsonValue] = ["y" * 1_000] * 10
    schema: JsonValue = {"$defs": {"d": {"default": default}}, "type": "object", "properties": members}
    skeleton: Any = Shape.of(schema).placeholder()
    assert skeleton["m0"] == default
    assert skeleton["m399"] is None


SCHEMAS: st.SearchStrategy[JsonValue] = st.deferred(
    lambda: (
        st.booleans()
        | st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["object", "array", "string", "number", ["object", "null"]]),
                "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/properties/x"]),
                "properties": st.dictionaries(st.sampled_from("xyz"), SCHEMAS, max_size=2),
                "items": SCHEMAS,
                "anyOf": st.lists(SCHEMAS, min_size=1, max_size=2),
                "allOf": st.lists(SCHEMAS, min_size=1, max_size=2),
                "additionalProperties": SCHEMAS,
                "enum": st.lists(st.sampled_from(["a", 1, None]), max_size=2),
                "default": st.sampled_from([None, 1, [], {"x": []}]),
            },
        )
    )
)


@given(
    root=st.fixed_dictionaries({"properties": st.fixed_dictionaries({"x": SCHEMAS})}, optional={"items": SCHEMAS}),
    a=SCHEMAS,
    b=SCHEMAS,
    path=st.lists(st.sampled_from(["x", "y", "zz", 0, 7]), max_size=6),
)
def test_a_shape_always_answers(root: dict[str, JsonValue], a: JsonValue, b: JsonValue, path: list[str | int]) -> None:
    """No schema, however it refers to itself, makes a shape raise or run on."""
    shape = Shape.of({**root, "$defs": {"a": a, "b": b}})
    for token in path:
        shape = shape.item(token) if isinstance(token, int) else shape.member(token)
        assert isinstance(shape.held, bool)
        assert isinstance(shape.opened(array=False), dict)
        assert shape.placeholder() == shape.placeholder()
