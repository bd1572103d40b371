"""Candidates: how unions, conjunctions and types combine."""

import pytest

from gateway.core.candidates import candidates_of, types_of, value_types
from gateway.core.pointer import JsonValue


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        (True, {"null", "boolean", "integer", "number", "string", "array", "object"}),
        (False, set()),
        ({"type": "number"}, {"number", "integer"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"type": "string", "nullable": True}, {"string", "null"}),
        ({"properties": {}}, {"object"}),
        ({"enum": ["a", 1, 2.5, None]}, {"string", "integer", "number", "null"}),
        ({"type": "string", "enum": ["a", 1]}, {"string"}),
        ({"const": [1]}, {"array"}),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["integer", "null"]}]}, {"null"}),
        ({"anyOf": [{"type": "string"}, {"type": "array"}], "type": ["array", "object"]}, {"array"}),
        ({"$ref": "#"}, {"null", "boolean", "integer", "number", "string", "array", "object"}),
    ],
)
def test_the_types_a_schema_permits(schema: JsonValue, types: set[str]) -> None:
    """Types come from declarations, enums and constants, and meet where several hold."""
    assert types_of(candidates_of(schema, schema)) == types


def test_a_union_has_a_candidate_per_member_that_survives() -> None:
    """Members that contradict what stands beside them are gone."""
    schema: JsonValue = {"type": ["string", "null"], "oneOf": [{"minLength": 1}, {"type": "array"}, {"const": "a"}]}
    assert len(candidates_of(schema, schema)) == 2


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"anyOf": [{"const": f"{part}{number}"} for number in range(9)]} for part in range(90)]},
        {"allOf": [{"properties": {str(number): True}} for number in range(900)]},
        {"anyOf": [{"properties": {str(number): True}} for number in range(900)]},
    ],
)
def test_candidates_are_few_and_short(schema: JsonValue) -> None:
    """Unions that multiply, and conjunctions without end, are known by their types only."""
    found = candidates_of(schema, schema)
    assert len(found) <= 65
    assert max(len(candidate.nodes) for candidate in found) <= 32


def test_the_types_of_a_long_union_are_all_known() -> None:
    """What comes after the first members still counts for what is permitted."""
    members: list[JsonValue] = [{"const": str(number)} for number in range(99)]
    schema: JsonValue = {"anyOf": [*members, {"type": "null"}]}
    assert types_of(candidates_of(schema, schema)) == {"string", "null"}


@pytest.mark.parametrize(
    ("value", "types"),
    [
        (1, {"integer", "number"}),
        (1.0, {"integer", "number"}),
        (1.5, {"number"}),
        (True, {"boolean"}),
        (None, {"null"}),
    ],
)
def test_the_types_of_a_value(value: JsonValue, types: set[str]) -> None:
    """A whole number is an integer and a number; a boolean is neither."""
    assert value_types(value) == types
