"""The forms of a schema that a provider is sent."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from gateway.core.limits import Limits
from gateway.core.pointer import JsonValue
from gateway.core.schema import Schema
from gateway.core.strict import declared_form, strict_form
from gateway.core.subschemas import parts
from gateway.core.values import JsonObject

LIST_OF_KEYWORDS = {
    "$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum", "multipleOf", "pattern",
    "properties", "required", "title", "type",
}  # fmt: skip


def of_members(*required: str, **members: JsonValue) -> JsonObject:
    """Give the schema of an object."""
    return {"type": "object", "properties": members, "required": list(required)}


def closed(**members: JsonValue) -> JsonObject:
    """Give the strict schema of an object."""
    return {**of_members(*members, **members), "additionalProperties": False}


def strict(schema: JsonObject) -> JsonObject | None:
    """Give the strict form of a whole schema."""
    return strict_form(schema, schema)


def schemas_in(schema: JsonValue) -> Iterator[JsonObject]:
    """Walk through every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
        for part in parts(schema):
            yield from schemas_in(part.schema)


@pytest.mark.parametrize(
    ("member", "form"),
    [
        ({"type": "string", "minLength": 1, "default": "x", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "password"}, {"type": "string"}),
        ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^a"}),
        ({"type": "integer", "minimum": 1, "title": "T"}, {"type": "integer", "minimum": 1, "title": "T"}),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"], "type": "string"}),
        ({"const": 1}, {"const": 1, "type": "integer"}),
        ({"enum": ["a", None]}, {"enum": ["a", None], "type": ["null", "string"]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}], "discriminator": {"propertyName": "k"}},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"allOf": [{"type": "string"}], "description": "D"}, {"type": "string", "description": "D"}),
        (
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            {"type": "array", "items": {"type": "string"}},
        ),
        (of_members("a", a={"type": "null"}), closed(a={"type": "null"})),
        ({"type": "string", "x-stream": {"hold": True}}, {"type": "string"}),
    ],
)
def test_what_stays_in_the_strict_form(member: JsonValue, form: JsonValue) -> None:
    """Structure and the listed keywords stay, everything else is left to the final validation."""
    assert strict(of_members("m", m=member)) == closed(m=form)


@pytest.mark.parametrize(
    ("member", "form"),
    [
        ({"type": "string", "default": "d"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        ),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ],
)
def test_a_member_that_need_not_be_there_may_be_null(member: JsonValue, form: JsonValue) -> None:
    """Every member is required; one that was not is nullable, so that the model can leave it out."""
    assert strict(of_members(m=member)) == closed(m=form)


@pytest.mark.parametrize(
    "member",
    [
        {},
        True,
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {**of_members(a={"type": "null"}), "additionalProperties": True},
        {**of_members(a={"type": "null"}), "unevaluatedProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "patternProperties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {}, "required": ["undeclared"]},
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"type": "string", "not": {"const": "a"}},
        {"type": "string", "if": {"const": "a"}},
        {"allOf": [{"type": "string"}, {"type": "string"}]},
        {"allOf": [{"minLength": 1}], "minLength": 2},
        {"anyOf": [{"type": "string"}], "oneOf": [{"type": "string"}]},
        {"anyOf": [{"type": "string"}], "type": "string"},
        {"description": "anything"},
    ],
)
def test_schemas_without_a_strict_form(member: JsonValue) -> None:
    """What strictness has no word for is sent as declared."""
    schema = of_members("m", m=member)
    assert strict(schema) is None
    made = Schema.from_json(schema, limits=Limits())
    assert (made.strict, made.provider_schema) == (False, schema)


def test_references_stand_alone_and_lead_to_definitions() -> None:
    """Whatever a reference named, it names a definition; its description stands around it."""
    schema: JsonObject = {
        "type": "object",
        "definitions": {"a b": {"type": "string"}},
        "properties": {
            "one": {"$ref": "#/definitions/a%20b", "description": "D", "default": "x"},
            "two": {"$ref": "#/properties/one"},
            "self": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        },
        "required": ["one", "two", "self"],
    }
    members: JsonObject = {
        "one": {"anyOf": [{"$ref": "#/$defs/a_b"}], "description": "D"},
        "two": {"$ref": "#/$defs/one"},
        "self": {"anyOf": [{"$ref": "#/$defs/root"}, {"type": "null"}]},
    }
    definitions: JsonObject = {"a_b": {"type": "string"}, "one": members["one"], "root": closed(**members)}
    assert strict(schema) == {**closed(**members), "$defs": definitions}


def test_definitions_of_the_same_name_stay_apart() -> None:
    """Two schemas that references name alike get two names."""
    schema = of_members("a", "b", a={"$ref": "#/$defs/x"}, b={"$ref": "#/definitions/x"})
    schema |= {"$defs": {"x": {"type": "string"}}, "definitions": {"x": {"type": "integer"}}}
    form = strict(schema)
    assert form is not None
    assert form["$defs"] == {"x": {"type": "string"}, "x_2": {"type": "integer"}}


def test_the_root_is_an_object_and_no_reference() -> None:
    """A reference at the very top is replaced by what it leads to."""
    node = of_members("next", next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})
    schema: JsonObject = {"$defs": {"Node": node}, "$ref": "#/$defs/Node"}
    form = strict(schema)
    assert form == {**closed(**node["properties"]), "$defs": {"Node": closed(**node["properties"])}}  # type: ignore[arg-type]


def test_the_declared_form_keeps_what_was_declared() -> None:
    """Only what is meant for the gateway is left out; a member may have any name."""
    schema: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/s",
        "type": "object",
        "properties": {"x-stream": {"type": "string", "x-stream": {"hold": True}}, "$id": {"const": {"$id": 1}}},
        "patternProperties": {"^a": {"items": [{"x-stream": 1}, True]}},
        "dependencies": {"a": ["b"], "c": {"x-stream": 1}},
        "default": {"x-stream": 1},
    }
    assert declared_form(schema, schema) == {
        "type": "object",
        "properties": {"x-stream": {"type": "string"}, "$id": {"const": {"$id": 1}}},
        "patternProperties": {"^a": {"items": [{}, True]}},
        "dependencies": {"a": ["b"], "c": {}},
        "default": {"x-stream": 1},
    }


def test_the_strict_form_of_a_large_schema_keeps_every_rule() -> None:
    """In every object of the form all members are required and nothing else is permitted; no other keyword is used."""
    inner = of_members("k", k={"const": "x"}, n={"type": "number", "maximum": 3}, r={"$ref": "#"})
    schema = of_members(
        "a", a={"type": "array", "items": {"oneOf": [inner, {"type": "null"}]}}, b={"$ref": "#/properties/a"}
    )
    form = strict(schema)
    assert form is not None
    for found in schemas_in(form):
        assert found.keys() <= LIST_OF_KEYWORDS
        if found.get("type") == "object":
            members: Any = found["properties"]
            assert found["required"] == list(members)
            assert found["additionalProperties"] is False


def test_what_the_strict_form_permits_the_declared_schema_permits() -> None:
    """An answer in the strict form, its nulls taken as absent, is valid by the declared schema."""
    schema = of_members(
        "a", a={"type": "integer"}, b={"type": "string", "default": "d"}, c={"type": "array", "items": {"$ref": "#"}}
    )
    made = Schema.from_json(schema, limits=Limits())
    answer: JsonValue = {"a": 1, "b": None, "c": [{"a": 2, "b": "x", "c": None}]}
    assert jsonschema_rs.is_valid(made.provider_schema, answer)
    assert made.validate(answer) == {"a": 1, "b": "d", "c": [{"a": 2, "b": "x"}]}
