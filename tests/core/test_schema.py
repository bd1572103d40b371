"""Schemas as extractions use them: names, wrappers, lists, defaults."""

from typing import Any

import pytest
from pydantic import BaseModel, RootModel

from gateway.core.limits import Limits
from gateway.core.pointer import JsonValue
from gateway.core.schema import ANY, Schema, Shape
from gateway.core.values import JsonObject
from gateway.errors import SchemaInvalid


class User(BaseModel):
    """A small model."""

    name: str
    age: int = 3


class Tree(BaseModel):
    """A recursive model."""

    children: list["Tree"]


class Names(RootModel[list[str]]):
    """A model that is a list."""


USER: JsonObject = {
    "title": "User",
    "description": "A small model.",
    "type": "object",
    "properties": {
        "name": {"title": "Name", "type": "string"},
        "age": {"anyOf": [{"title": "Age", "type": "integer"}, {"type": "null"}]},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def inline(schema: object, name: str | None = None) -> Schema:
    """Make an inline schema."""
    return Schema.from_json(schema, limits=Limits(), name=name)


def test_the_schema_of_a_model() -> None:
    """Everything an extraction needs is derived from the model."""
    schema = Schema.from_model(User)
    assert (schema.name, schema.wrapper, schema.strict) == ("User", None, True)
    assert schema.json_schema == User.model_json_schema(mode="validation")
    assert schema.provider_schema == USER
    assert schema.shape.placeholder() == {"name": None, "age": 3}
    assert schema.validate({"name": "Ada", "age": None}) == {"name": "Ada", "age": 3}


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (Schema.from_model(User, name="people of Wien"), "people_of_Wien"),
        (Schema.from_model(list[User]), "list"),
        (Schema.from_model(User | None), "extract"),
        (inline({"title": "Ordner für Übung"}), "Ordner_f_r_bung"),
        (inline({"title": "x" * 100}), "x" * 64),
        (inline({}), "extract"),
        (inline({"title": ""}, name="given"), "given"),
        (inline({"title": "x" * 64}).many(), "x" * 59 + "_list"),
    ],
)
def test_names_are_those_a_provider_accepts(schema: Schema, name: str) -> None:
    """A name comes from the caller, the model or the title, and has 1 to 64 plain characters."""
    assert schema.name == name


@pytest.mark.parametrize("model", [list[User], Names, str, User | Tree, dict[str, int], None])
def test_what_is_no_object_is_asked_for_in_a_wrapper(model: Any) -> None:
    """A provider is asked for an object with the one member `value`; shape and validation are those of the value."""
    schema = Schema.from_model(model)
    is_object = model == dict[str, int]
    assert schema.wrapper == (None if is_object else "value")
    assert schema.provider_schema["type"] == "object"
    if not is_object:
        assert schema.provider_schema["required"] == ["value"]


def test_definitions_of_a_wrapped_schema_stand_at_the_root() -> None:
    """References still lead somewhere when the schema has moved into a wrapper."""
    schema = Schema.from_model(list[User])
    properties: JsonValue = {"value": {"type": "array", "items": {"$ref": "#/$defs/User"}}}
    assert schema.strict
    assert schema.provider_schema["properties"] == properties
    assert schema.provider_schema["$defs"] == {"User": USER}


def test_many_is_a_bare_array_asked_for_as_items() -> None:
    """The value is the array; the provider is asked for an object with `items`."""
    many = Schema.from_model(User).many()
    assert (many.wrapper, many.strict, many.name) == ("items", True, "User_list")
    assert many.json_schema == {"type": "array", "items": User.model_json_schema()}
    assert many.provider_schema == {
        "type": "object",
        "properties": {"items": {"type": "array", "items": USER}},
        "required": ["items"],
        "additionalProperties": False,
    }
    assert many.shape.placeholder() == []
    assert many.shape.item(0).opened(array=False) == {"name": None, "age": 3}
    assert many.validate([{"name": "Ada", "age": None}]) == [{"name": "Ada", "age": 3}]


def test_many_of_a_recursive_schema_keeps_its_references() -> None:
    """A schema that refers to its own root still does so inside a list."""
    schema: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#"}, "x": {"const": "a"}}}
    many = inline(schema).many()
    root: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#/$defs/root"}, "x": {"const": "a"}}}
    assert many.json_schema == {"type": "array", "items": root, "$defs": {"root": root}}
    assert many.shape.item(0).member("next").member("x").held
    assert many.many().shape.item(0).item(0).member("x").held


def test_a_recursive_model_is_asked_for_as_an_object() -> None:
    """Pydantic puts a recursive model behind a reference; a tool's parameters have to be an object."""
    schema = Schema.from_model(Tree)
    assert (schema.wrapper, schema.strict) == (None, True)
    assert schema.provider_schema["type"] == "object"
    assert schema.provider_schema["properties"] == {
        "children": {"items": {"$ref": "#/$defs/Tree"}, "title": "Children", "type": "array"}
    }


def test_an_inline_schema_keeps_declared_defaults_of_what_was_never_written() -> None:
    """A member that is absent, or null where null is not permitted, has its default in the end."""
    schema = inline({"properties": {"a": {"type": "integer", "default": 1}, "b": {"type": "string"}}})
    assert schema.validate({"a": None}) == {"a": 1}
    assert schema.validate({"b": "x"}) == {"a": 1, "b": "x"}


def test_field_policies_are_not_sent_to_a_provider() -> None:
    """`x-stream` is for the gateway; what was declared still has it."""
    declared: JsonObject = {"type": "object", "properties": {"a": {"x-stream": {"hold": True}}}}
    schema = inline(declared)
    assert schema.json_schema == declared
    assert schema.provider_schema == {"type": "object", "properties": {"a": {}}}


def test_a_model_without_a_json_schema_is_refused() -> None:
    """What has no JSON form cannot be extracted, and the refusal says so."""
    with pytest.raises(SchemaInvalid, match="expected a model that has a JSON Schema"):
        Schema.from_model(type("Opaque", (), {}))


def test_shapes_are_named_here_too() -> None:
    """Whoever uses a schema finds the shape beside it."""
    assert isinstance(ANY, Shape)
