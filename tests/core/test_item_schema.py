"""Which schema the item of a list has, wherever the list is; an item that cannot be judged alone is valid."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, RootModel
from typing_extensions import TypedDict

from gateway.core.item_schema import _KEPT_SCHEMAS, ItemSchemas
from gateway.core.item_types import item_types
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.core.shape import Shape
from gateway.errors import InvalidOutput


class Leaf(BaseModel):
    """One without lists."""

    n: int


class Typed(TypedDict):
    """A dictionary with known keys."""

    leaves: list[Leaf]


@dataclasses.dataclass
class Plain:
    """A class of the standard library."""

    leaves: "list[Leaf]"


class Rooted(RootModel[list[Leaf]]):
    """A model that is a list in JSON."""


class Node(BaseModel):
    """A model with lists in every way they can be declared."""

    optional: list[Leaf] | None = None
    aliased: list[Leaf] = Field(default=[], validation_alias="other-name")
    choices: list[Leaf] = Field(default=[], validation_alias=AliasChoices("one", "two"))
    annotated: Annotated[Sequence[Annotated[int, Field(gt=3)]] | None, Field(description="some")] = None
    by_key: Mapping[str, tuple[Leaf, ...]] = {}
    pair: tuple[int, str] = (0, "")
    bag: set[str] = set()
    child: "Node | None" = None
    typed: Typed = {"leaves": []}
    plain: Plain | None = None
    rooted: Rooted | None = None
    either: list[int] | dict[str, list[str]] = []
    bare: list = []  # type: ignore[type-arg] # as people write it
    word: Literal["a"] | list[bool] = "a"
    anything: Any = None


@pytest.mark.parametrize(
    ("path", "index", "types"),
    [
        ("optional", 0, [Leaf]),
        ("other-name", 0, [Leaf]),
        ("two", 0, [Leaf]),
        ("by_key/any", 3, [Leaf]),
        ("pair", 0, [int]),
        ("pair", 1, [str]),
        ("pair", 2, []),
        ("bag", 0, [str]),
        ("child/child/optional", 0, [Leaf]),
        ("typed/leaves", 0, [Leaf]),
        ("typed/unknown", 0, []),
        ("plain/leaves", 0, [Leaf]),
        ("rooted", 0, [Leaf]),
        ("either", 0, [int]),
        ("either/key", 0, [str]),
        ("bare", 0, []),
        ("word", 0, [bool]),
        ("anything", 0, []),
        ("anything/deep", 0, []),
        ("unknown", 0, []),
    ],
)
def test_the_type_of_an_item(path: str, index: int, types: list[Any]) -> None:
    """It is found through aliases, unions, containers and nested models; none where nothing is known."""
    assert list(item_types(Node, path.split("/"), index)) == types


def test_the_items_of_a_value_that_is_a_list() -> None:
    """Its own annotation says."""
    assert item_types(list[Leaf] | None, [], 0) == (Leaf,)
    assert item_types(Rooted, [], 0) == (Leaf,)
    assert item_types(list[int | str], [], 0) == (int | str,)


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("/annotated", 4, 3),
        ("/optional", {"n": 1}, {"n": "x"}),
        ("/either/k", "x", 1),
        ("/pair", 1, "x"),
    ],
)
def test_an_item_of_a_model(path: str, good: Any, bad: Any) -> None:
    """What is annotated to the item holds for it alone."""
    item = Schema.from_model(Node).item(path, 0)
    assert item.validate(good) == good
    with pytest.raises(InvalidOutput):
        item.validate(bad)


@pytest.mark.parametrize("path", ["/bare", "/anything", "/unknown", "/unknown/deep"])
def test_what_is_not_known_is_valid(path: str) -> None:
    """The judgement of the whole value decides."""
    assert Schema.from_model(Node).item(path, 0).validate({"x": [1]}) == {"x": [1]}


INLINE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "maybe": {"anyOf": [{"type": "null"}, {"$ref": "#/definitions/Leaves"}]},
        "row": {"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": False},
        "both": {"allOf": [{"items": {"minimum": 2}}, {"items": {"maximum": 4}}], "type": "array"},
        "either": {"oneOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {}}]},
        "again": {"type": "array", "items": {"$ref": "#/properties/both"}},
    },
    "additionalProperties": {"type": "array", "items": {"type": "boolean"}},
    "definitions": {
        "Leaves": {"type": "array", "items": {"$ref": "#/definitions/Leaf"}},
        "Leaf": {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "d": {"default": 5}, "more": {"$ref": "#/definitions/Leaves"}},
            "required": ["n"],
        },
    },
}


@pytest.mark.parametrize(
    ("path", "index", "good", "bad", "where"),
    [
        ("/maybe", 0, {"n": 1, "d": 5}, {"n": "x"}, "/n"),
        ("/maybe", 9, {"n": 1, "d": 1, "more": [{"n": 2, "d": 5}]}, {"n": 1, "more": [{}]}, "/more/0/n"),
        ("/row", 0, 1, "x", ""),
        ("/row", 1, "x", 1, ""),
        ("/both", 0, 3, 1, ""),
        ("/both", 0, 2, 5, ""),
        ("/again", 0, [3], [5], "/0"),
        ("/other", 0, True, 1, ""),
    ],
)
def test_an_item_of_an_inline_schema(path: str, index: int, good: Any, bad: Any, where: str) -> None:
    """What stands under `items` holds for it, through references and combinations; errors are relative to it."""
    item = Schema.from_json(INLINE, limits=Limits()).item(path, index)
    assert item.validate(good) == good
    with pytest.raises(InvalidOutput) as caught:
        item.validate(bad)
    assert caught.value.errors[0]["path"] == where


def test_defaults_are_filled_and_null_can_be_absent() -> None:
    """As in the whole value."""
    item = Schema.from_json(INLINE, limits=Limits()).item("/maybe", 0)
    assert item.validate({"n": 1, "more": None}) == {"n": 1, "d": 5}


@pytest.mark.parametrize(("path", "index"), [("/row", 2), ("/either", 0)])
def test_what_an_inline_schema_leaves_open_is_valid(path: str, index: int) -> None:
    """Where there is no schema, or a union of which one member takes anything."""
    assert Schema.from_json(INLINE, limits=Limits()).item(path, index).validate("x") == "x"


def test_a_schema_is_made_once() -> None:
    """However many lists and items have it; those that are made anew each time do not pile up."""
    schema = Schema.from_json(INLINE, limits=Limits())
    assert len({id(schema.item(f"/key{number}", number).validator) for number in range(100)}) == 1
    items = ItemSchemas({}, Shape.of({}), dict[str, Typed])
    for number in range(2 * _KEPT_SCHEMAS):
        items.at(f"/{number}/leaves", 0)
    assert len(items._made) <= _KEPT_SCHEMAS
