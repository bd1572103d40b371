"""Final validation: what is returned, and the words of what is refused."""

import threading
import time
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from gateway.core.limits import Limits
from gateway.core.pointer import JsonValue
from gateway.core.schema import Schema
from gateway.core.validation import InlineValidator
from gateway.core.values import JsonObject
from gateway.errors import InvalidOutput, SchemaInvalid

FORM: JsonObject = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 3},
        "day": {"type": "string", "format": "date"},
        "number": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "word": {"enum": ["a", "b"]},
        "kind": {
            "oneOf": [
                {"properties": {"k": {"const": "x"}, "q": {"type": "integer"}}, "required": ["k", "q"]},
                {"properties": {"k": {"const": "y"}}, "required": ["k"]},
            ]
        },
        "list": {"type": "array", "items": {"type": "string", "minLength": 2}},
        "pair": {"prefixItems": [{"type": "integer"}], "items": {"type": "boolean"}},
        "all": {"allOf": [{"type": "string"}, {"$ref": "#/$defs/long"}]},
        "map/~": {"additionalProperties": {"type": "integer"}},
        "not": {"not": {"const": 1}},
    },
    "required": ["count"],
    "additionalProperties": False,
    "$defs": {"long": {"maxLength": 1}},
}


def inline(schema: JsonObject) -> Schema:
    """Make an inline schema."""
    return Schema.from_json(schema, limits=Limits())


def errors_of(schema: Schema, value: JsonValue) -> dict[str, str]:
    """Give the errors of a value that is refused, by place."""
    with pytest.raises(InvalidOutput) as caught:
        schema.validate(value)
    return {error["path"]: error["message"] for error in caught.value.errors}


class Colour(StrEnum):
    """An enum."""

    RED = "red"


class Strict(BaseModel):
    """A model whose Python and JSON validation differ."""

    model_config = ConfigDict(strict=True)

    day: date
    colour: Colour
    price: Decimal
    pair: tuple[int, int]
    words: set[str]
    alias: int = Field(alias="wireName", default=1)


class Circle(BaseModel):
    """One variant."""

    kind: Literal["circle"]
    radius: float


class Square(BaseModel):
    """Another variant."""

    kind: Literal["square"]
    side: int

    @field_validator("side")
    @classmethod
    def is_even(cls, side: int) -> int:
        """Refuse odd sides."""
        if side % 2:
            raise ValueError("a side is even")
        return side


class Drawing(BaseModel):
    """Nested unions."""

    model_config = ConfigDict(extra="forbid")

    shape: Annotated[Circle | Square, Field(discriminator="kind")]
    sizes: dict[str, list[int | str]] = {}


def test_a_model_validates_as_it_validates_json_text() -> None:
    """Dates, enums, tuples and sets come from their JSON forms even in a strict model; defaults are added."""
    value: JsonValue = {"day": "2026-01-02", "colour": "red", "price": "1.5", "pair": [1, 2], "words": ["a"]}
    assert Schema.from_model(Strict).validate(value) == {**value, "wireName": 1}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        ({}, "/shape", "required, got none"),
        ({"shape": {"kind": "circle"}}, "/shape/radius", "required, got none"),
        ({"shape": {"kind": "circle", "radius": "x"}}, "/shape/radius", 'got "x"'),
        ({"shape": {"kind": "oval"}}, "/shape", "'circle', 'square'"),
        ({"shape": {"kind": "square", "side": 3}}, "/shape/side", "a side is even; got 3"),
        ({"shape": {"kind": "square", "side": 2}, "sizes": {"a/b": [1, []]}}, "/sizes/a~1b/1", "an array of 0 items"),
        ({"shape": {"kind": "square", "side": 2}, "x": 1}, "/x", "got 1"),
        ([], "", "an array of 0 items"),
    ],
)
def test_where_and_why_a_model_refuses(value: JsonValue, place: str, words: str) -> None:
    """The place is that of the value, without the names of union members; the message says what came."""
    assert words in errors_of(Schema.from_model(Drawing), value)[place]


def test_a_model_that_makes_a_number_infinite_is_refused() -> None:
    """Pydantic reads the text "inf" as a number; JSON has no such number."""
    errors = errors_of(Schema.from_model(Circle), {"kind": "circle", "radius": "inf"})
    assert errors == {"/radius": "expected a finite number, got NaN or an infinity"}


def test_integers_of_any_size_reach_a_model() -> None:
    """An integer beyond 64 bits is the same integer afterwards."""
    assert Schema.from_model(int).validate(10**30) == 10**30


@pytest.mark.parametrize(
    ("member", "place", "message"),
    [
        ({"count": 1}, "/count", "the value is less than the minimum of 3; got 1"),
        ({"count": None}, "/count", 'the value is not of type "integer"; got null'),
        ({"day": "x"}, "/day", 'the value is not a "date"; got "x"'),
        ({"number": "x"}, "/number", 'expected integer or null, got "x"'),
        ({"word": "c"}, "/word", 'the value is not one of "a" or "b"; got "c"'),
        ({"kind": {"k": "x"}}, "/kind/q", "expected a member that is required, got none"),
        ({"kind": {"k": "x", "q": ""}}, "/kind/q", 'the value is not of type "integer"; got ""'),
        ({"kind": {"k": "z"}}, "/kind", "expected one of 2 alternatives, got an object with 1 member"),
        ({"list": ["ab", "c"]}, "/list/1", 'the value is shorter than 2 characters; got "c"'),
        ({"pair": [1, 2]}, "/pair/1", 'the value is not of type "boolean"; got 2'),
        ({"pair": [True]}, "/pair/0", 'the value is not of type "integer"; got true'),
        ({"all": "ab"}, "/all", 'the value is longer than 1 character; got "ab"'),
        ({"map/~": {"/": "x"}}, "/map~1~0/~1", 'the value is not of type "integer"; got "x"'),
        ({"not": 1}, "/not", "expected what the schema says at /properties/not, got 1"),
        ({"extra": 1}, "/extra", "expected no member of this name, got one"),
    ],
)
def test_where_and_why_an_inline_schema_refuses(member: JsonObject, place: str, message: str) -> None:
    """The deepest place that is wrong is named, with what was expected and what came."""
    assert errors_of(inline(FORM), {"count": 3, **member}) == {place: message}


def test_a_value_that_fits_comes_back_as_it_was() -> None:
    """Nothing is coerced by an inline schema."""
    value: JsonValue = {"count": 3.0, "day": "2026-01-02", "kind": {"k": "y"}, "pair": [1, True]}
    assert inline(FORM).validate(value) == value


def test_the_older_drafts_keep_their_meaning() -> None:
    """In draft 7 a list of items describes the first ones."""
    schema: JsonObject = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    assert inline(schema).validate([1, "x"]) == [1, "x"]
    assert errors_of(inline(schema), ["x"]) == {"/0": 'the value is not of type "integer"; got "x"'}


@pytest.mark.parametrize(
    "schema", [inline({"type": "array", "items": {"type": "integer"}}), Schema.from_model(list[int])]
)
def test_errors_are_few_and_short(schema: Schema) -> None:
    """However much is wrong, at most 20 short errors are reported, and the message says there are more."""
    with pytest.raises(InvalidOutput, match=r"^the value at /0: .*more\)$") as caught:
        schema.validate(["x" * 10_000] * 1_000)
    assert len(caught.value.errors) == 20
    assert max(len(error["message"]) for error in caught.value.errors) <= 301
    assert len(caught.value.message) < 500


def test_a_recursive_union_is_judged_and_explained_at_once() -> None:
    """Two variants that hold each other, and a value 60 levels deep that fits neither: no exponential search."""
    variants: list[JsonValue] = [
        {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}, "end": {"const": number}}} for number in (1, 2)
    ]
    schema = inline({"$defs": {"n": {"anyOf": variants}}, "properties": {"root": {"$ref": "#/$defs/n"}}})
    value: JsonValue = {"end": 3}
    for _ in range(60):
        value = {"next": value}
    before = time.process_time()
    assert errors_of(schema, {"root": value}) == {
        "/root": "expected one of 2 alternatives, got an object with 1 member"
    }
    assert time.process_time() - before < 0.5


def test_a_deep_chain_is_explained_at_its_end() -> None:
    """The place of the error is found below 60 levels of references."""
    schema = inline({"type": "object", "properties": {"next": {"$ref": "#"}, "end": {"type": "integer"}}})
    value: JsonValue = {"end": "x"}
    for _ in range(60):
        value = {"next": value}
    assert list(errors_of(schema, value)) == ["/next" * 60 + "/end"]


def test_a_pattern_takes_linear_time() -> None:
    """A pattern that stalls a backtracking engine is matched at once."""
    schema = inline({"type": "string", "pattern": "^(a+)+$"})
    before = time.process_time()
    errors_of(schema, "a" * 500_000 + "b")
    assert time.process_time() - before < 0.5


def test_a_schema_is_used_in_any_thread() -> None:
    """A large value may be judged in a thread other than the one that compiled the schema."""
    schema, found = inline({"type": "array", "items": {"type": "integer"}}), []
    thread = threading.Thread(target=lambda: found.append(errors_of(schema, ["x"])))
    thread.start()
    thread.join()
    assert found == [{"/0": 'the value is not of type "integer"; got "x"'}]


def test_a_reference_that_slipped_through_is_not_followed(tmp_path: Any) -> None:
    """The compiler itself fetches nothing: a second lock behind the check of references."""
    outside = tmp_path / "schema.json"
    outside.write_text("{}")
    with pytest.raises(SchemaInvalid, match="nothing is fetched"):
        InlineValidator({"$ref": outside.as_uri()})


def test_items_are_validated_each_on_its_own() -> None:
    """The items of `many` are coerced one by one, and an error names its item."""
    many = Schema.from_model(Circle).many()
    circle: JsonObject = {"kind": "circle", "radius": "2"}
    assert many.validate([circle]) == [{"kind": "circle", "radius": 2.0}]
    assert list(errors_of(many, [circle, {"kind": "circle"}])) == ["/1/radius"]
    assert errors_of(many, {}) == {"": "expected an array, got an object with 0 members"}


def test_the_model_decides_like_pydantic() -> None:
    """What comes back is what pydantic makes of the same text."""
    text = '{"shape": {"kind": "square", "side": "4"}, "sizes": {"a": ["1", 2]}}'
    adapter = TypeAdapter(Drawing)
    expected = adapter.dump_python(adapter.validate_json(text), mode="json")
    value: JsonValue = {"shape": {"kind": "square", "side": "4"}, "sizes": {"a": ["1", 2]}}
    assert Schema.from_model(Drawing).validate(value) == expected
