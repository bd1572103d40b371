"""Partial values as instances of their models."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from gateway.hydration import annotation_of, hydrated


class Inner(BaseModel):
    """A model inside another."""

    name: str
    age: int = 7


class Outer(BaseModel):
    """One of everything."""

    one: Inner
    maybe: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Inner] = {}
    marked: Annotated[list[Inner], Field(max_length=9)] = []
    aliased: str = Field(default="d", alias="also known as")


def test_models_stand_wherever_the_annotation_has_them() -> None:
    """In members, unions with null, lists, mappings and annotations; under aliases."""
    inner = {"name": "a", "age": 1}
    value: Any = {"one": inner, "maybe": inner, "many": [inner], "named": {"k": inner}, "marked": [inner]}
    model = hydrated(Outer, {**value, "also known as": "x"})
    assert model == Outer.model_validate({**value, "also known as": "x"})


def test_what_has_not_come_is_its_default_or_none() -> None:
    """Nothing is validated, and what is there is told from what is not."""
    model = hydrated(Outer, {"one": {"name": None}})
    assert (model.one.name, model.one.age, model.maybe, model.many, model.aliased) == (None, 7, None, [], "d")
    assert model.model_fields_set == {"one"}


@pytest.mark.parametrize("declared", [Inner, Inner | None, list[Inner], int])
def test_the_type_of_an_adapter(declared: Any) -> None:
    """Is the one it was made for, which pydantic has no public name for."""
    assert annotation_of(TypeAdapter(declared)) == annotation_of(declared) == declared


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (list[Inner], [{"name": "a"}], [Inner(name="a")]),
        (list[Inner] | None, [{"name": "a"}], [Inner(name="a")]),
        (Inner | str, "text", "text"),
        (Inner | Outer, {"name": "a"}, {"name": "a"}),
        (Any, {"a": 1}, {"a": 1}),
        (int, 5, 5),
    ],
)
def test_other_roots(annotation: Any, value: Any, expected: object) -> None:
    """Lists, unions and scalars; where several models could be meant nothing is guessed."""
    assert hydrated(annotation, value) == expected
