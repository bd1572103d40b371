"""Schemas narrowed to what a text says."""

import copy
import re
from typing import Any

import pytest

from gateway.core.schema import Schema
from gateway.providers.verbatim import narrowed
from gateway.recordings import CONFERENCE_TEXT, Conference

_TEXT = (
    "Ask Ann Lee (ann@lee.example, @annlee) by May 3rd, 2025. It costs $1,200.50 for 12 people. Or Bo: bo@lind.example."
)


def _member(name: str, schema: dict[str, Any], text: str = _TEXT) -> Any:
    return narrowed({"type": "object", "properties": {name: schema}}, text)["properties"][name]


def _spans(text: str, **properties: Any) -> re.Pattern[str]:
    schema = {"type": "object", "properties": {"subject": {"type": "string"}, **properties}}
    return re.compile(narrowed(schema, text)["$defs"]["verbatim"]["pattern"])


@pytest.mark.parametrize(
    ("name", "schema", "choice"),
    [
        ("email", {"type": "string"}, ["ann@lee.example", "bo@lind.example"]),
        ("contact", {"type": "string", "format": "email"}, ["ann@lee.example", "bo@lind.example"]),
        ("twitter", {"type": "string"}, ["@annlee"]),
        ("deadline", {"type": "string"}, ["May 3rd, 2025"]),
        ("people", {"type": "integer"}, [2025, 12]),
        ("cost", {"type": "number", "maximum": 2_000}, [1200.5, 12]),
    ],
)
def test_what_can_be_recognised_is_chosen_from_the_text(name: str, schema: dict[str, Any], choice: list[Any]) -> None:
    """By the member's name, its format or its type."""
    assert _member(name, schema)["enum"] == choice


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("email", {"type": "string", "enum": ["a", "b"]}),
        ("on", {"type": "string", "format": "date"}),
        ("is_open", {"type": "boolean"}),
        ("age", {"type": "integer", "minimum": 5_000}),
        ("any", {}),
    ],
)
def test_what_stays(name: str, schema: dict[str, Any]) -> None:
    """What is narrow already, and what the text has nothing for."""
    assert _member(name, schema) == schema


def test_a_string_is_words_of_the_text() -> None:
    """In a row, from one sentence, without the marks around them."""
    spans = _spans(_TEXT)
    for words in ("Ann Lee", "ann@lee.example, @annlee", "12", "Ask Ann Lee (ann@lee.example, @annlee) by"):
        assert spans.match(words), words
    for words in (
        "",
        "Ann  Lee",
        "Lee Ann",
        "2025. It",
        "annlee)",
        "Carl",
        "Ask Ann Lee (ann@lee.example, @annlee) by May",
    ):
        assert not spans.match(words), words


def test_a_string_does_not_take_what_is_another_members() -> None:
    """Where the schema asks for addresses, a name is none."""
    spans = _spans(_TEXT, email={"type": "string"})
    assert spans.match("Ann Lee")
    assert not spans.match("ann@lee.example")


@pytest.mark.parametrize("text", ["", "word " * 601, "\u6771\u4eac" * 40], ids=["empty", "long", "no spaces"])
def test_without_spans_a_string_still_ends(text: str) -> None:
    """Where there are no words, too many, or a script that does not part them."""
    assert _member("subject", {"type": "string"}, text) == {"type": "string", "maxLength": 300}


def test_a_list_of_people_is_as_long_as_there_are_addresses() -> None:
    """Where every item has to have one; any other list has a bound as well."""
    person = {"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]}
    people = _member("people", {"type": "array", "items": person})
    assert (people["minItems"], people["maxItems"]) == (2, 2)
    loose = _member("people", {"type": "array", "items": {**person, "required": []}})
    assert (loose["minItems"], loose["maxItems"]) == (0, 24)
    assert _member("people", {"type": "array", "items": person, "maxItems": 1})["minItems"] == 1
    assert _member("people", {"type": "array", "items": person, "minItems": 3})["maxItems"] == 3


def test_two_lists_share_the_addresses() -> None:
    """Then nobody knows how many belong to each."""
    person = {"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]}
    people = {"type": "array", "items": person}
    asked = narrowed({"type": "object", "properties": {"speakers": people, "guests": people}}, _TEXT)
    assert [asked["properties"][name]["minItems"] for name in ("speakers", "guests")] == [0, 0]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("For Ann Lee: ann@lee.example; for Bo Lind, bo@lind.example.", ["For Ann Lee", "Bo Lind"]),
        ("Write to Ann (ann@lee.example) or Bo Lind (bo@lind.example).", ["Write", "Ann", "Bo Lind"]),
        ("with Jean-Luc d'Or van der Ley, jl@ley.example", ["Jean-Luc d'Or van der Ley"]),
        ("anna: anna@lee.example", None),
    ],
)
def test_the_name_of_somebody_with_an_address(text: str, choice: list[str] | None) -> None:
    """Is a run of capitalised words; of several where there are enough. Any other name is words of the text."""
    members = {"name": {"type": "string"}, "email": {"type": "string"}}
    person = {"type": "object", "properties": members, "required": ["name", "email"]}
    any_words = {"$ref": "#/$defs/verbatim"}
    expected = any_words if choice is None else {"type": "string", "enum": choice}
    assert narrowed(person, text)["properties"]["name"] == expected
    assert narrowed({**person, "required": ["name"]}, text)["properties"]["name"] == any_words


def test_members_that_may_be_null() -> None:
    """Keep null beside the narrowed string, in either form of saying so."""
    for schema in ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}):
        told = {"anyOf": [{"type": "string", "enum": ["@annlee"]}, {"type": "null"}]}
        assert _member("handle", schema) == told


def test_patterns_go() -> None:
    """llama.cpp drops the whole schema for one that it cannot read; the value is validated anyway."""
    assert "pattern" not in _member("code", {"type": "string", "minLength": 2, "pattern": "(?=x)y"})


def test_the_conference() -> None:
    """Four people at most, each with an address of the text; the schema that was given is as before."""
    schema = Schema.from_model(Conference).provider_schema
    before = copy.deepcopy(schema)
    asked = narrowed(schema, CONFERENCE_TEXT)
    assert asked["properties"]["users"]["maxItems"] == 4
    assert asked["$defs"]["User"]["properties"]["email"]["enum"][3] == "emilyc@email.com"
    assert schema == before
