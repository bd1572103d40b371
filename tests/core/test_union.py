"""A union of objects as tools: which there are, what each is called, what each knows by its name."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from gateway.core.limits import Limits
from gateway.core.schema import Schema

CAT: dict[str, Any] = {
    "title": "Cat",
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    "required": ["kind", "lives"],
}
DOG: dict[str, Any] = {"type": "object", "properties": {"barks": {"type": "boolean"}}, "required": ["barks"]}


class Circle(BaseModel):
    """A model with a discriminator that has a default."""

    kind: Literal["circle"] = "circle"
    radius: float


class Square(BaseModel):
    """A model with a constant that is no discriminator."""

    kind: Literal["square"]
    unit: Literal["m"] = "m"
    side: float
    note: str | None = None


def members(schema: Any) -> list[tuple[str, bool, dict[str, Any]]]:
    """Return name, strictness and constants of each member of an inline schema."""
    made = Schema.from_json(schema, limits=Limits())
    return [(member.name, member.strict, dict(member.constants)) for member in made.members]


def test_a_union_of_models() -> None:
    """Each model is a tool by its name, strict where it has a strict form, and knows its constants."""
    schema = Schema.from_model(Annotated[Circle | Square, Field(discriminator="kind")])
    circle, square = schema.members
    assert (circle.name, square.name, circle.strict, square.strict) == ("Circle", "Square", True, True)
    assert (circle.constants, square.constants) == ({"kind": "circle"}, {"kind": "square", "unit": "m"})
    assert circle.schema["required"] == ["kind", "radius"]
    assert square.keys == {"kind", "unit", "side", "note"}
    assert schema.wrapper == "value"


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize("beside", [{}, {"type": "object"}, {"description": "d"}], ids=str)
def test_an_inline_union(keyword: str, beside: dict[str, Any]) -> None:
    """Names come from the title, else from the reference, else from nothing at all."""
    schema = {keyword: [CAT, {"$ref": "#/$defs/Hound"}, DOG], "$defs": {"Hound": DOG}, **beside}
    assert members(schema) == [("Cat", True, {"kind": "cat"}), ("Hound", True, {}), ("extract", True, {})]


def test_names_are_unlike_and_short() -> None:
    """Equal titles are numbered, and what a tool's name may not hold is replaced."""
    titled = [{**DOG, "title": title} for title in ("a b", "a b", "é" * 90, "x" * 90, "x" * 90)]
    assert [name for name, _, _ in members({"anyOf": titled})] == ["a_b", "a_b_2", "_", "x" * 64, f"{'x' * 61}_2"]


def test_a_member_without_a_strict_form_is_sent_as_declared() -> None:
    """One open object does not make the others less strict."""
    is_open = {**DOG, "title": "Open", "additionalProperties": True}
    assert [(name, strict) for name, strict, _ in members({"anyOf": [CAT, is_open]})] == [
        ("Cat", True),
        ("Open", False),
    ]


def test_a_constant_that_need_not_be_there_is_not_known() -> None:
    """A flag that may be left out says something by being there."""
    flagged = {**DOG, "properties": {**DOG["properties"], "urgent": {"const": True}}}
    assert members({"anyOf": [CAT, flagged]})[1] == ("extract", True, {})


@pytest.mark.parametrize(
    "schema",
    [
        CAT,
        {"anyOf": [CAT]},
        {"anyOf": [CAT, {"type": "null"}]},
        {"anyOf": [CAT, {"type": "object"}]},
        {"anyOf": [CAT, {"type": ["object", "null"], "properties": {}}]},
        {"anyOf": [CAT, DOG], "properties": {"a": {}}},
        {"anyOf": [CAT, DOG], "oneOf": [CAT, DOG]},
        {"type": "array", "items": {"anyOf": [CAT, DOG]}},
        {"anyOf": [DOG] * 33},
    ],
    ids=str,
)
def test_what_is_no_union_of_objects(schema: dict[str, Any]) -> None:
    """It has no members, and is asked for as it was."""
    assert members(schema) == []


def test_a_list_of_a_union_has_no_members() -> None:
    """One call holds the whole list: a model that makes one call only would lose the rest."""
    assert Schema.from_json({"anyOf": [CAT, DOG]}, limits=Limits()).many().members == ()
