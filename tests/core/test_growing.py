"""A value that grows in place, and its size."""

import json
from typing import Any

import pytest
from hypothesis import given

from gateway.core.growing import GrowingValue, encoded_size, fresh
from gateway.core.operations import difference
from tests.core.oracles import applied, canonical, parsed
from tests.core.strategies import cut_texts, json_values, rendered


def size(value: Any) -> int:
    """Return the bytes of compact JSON, as the standard library writes it."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@given(cut_texts(rendered(repeats=True)))
def test_growth_in_place(pieces: list[str]) -> None:
    """Invariants 1 and 2: after every operation the value is the naively applied one, and its size is exact."""
    growing, naive = GrowingValue(None), None
    for operation in parsed(pieces)[1]:
        growing.apply(operation.kind, operation.pointer, operation.value)
        naive = applied(naive, [operation])
        assert growing.encoded_bytes == encoded_size(naive)
    assert canonical(growing.value) == canonical(naive)


@given(json_values, json_values)
def test_any_change_in_place(before: Any, after: Any) -> None:
    """Invariant 2 holds for what only a validation does: remove, replace, change of type."""
    growing = GrowingValue(fresh(before))
    for operation in difference(before, after):
        growing.apply(operation.kind, operation.pointer, operation.value)
    assert canonical(growing.value) == canonical(after)
    assert growing.encoded_bytes == encoded_size(after)


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", 'é"\\\n\x7f\u2028🙂', [], [1, "a"], {}, {"a": {}, "é": [None]}]
)
def test_the_size_is_that_of_compact_json(value: Any) -> None:
    """Bytes are counted as any writer of compact UTF-8 JSON would."""
    assert encoded_size(value) == size(value) == GrowingValue(value).encoded_bytes


def test_a_growing_string_is_joined_when_it_is_looked_at() -> None:
    """Growth is kept in pieces; the value and every place in it show the whole string."""
    growing = GrowingValue({"a": ["x"]})
    for piece in "yz":
        growing.apply("append", "/a/0", piece)
    assert growing.at("/a/0") == "xyz"
    growing.apply("append", "/a/0", "!")
    assert growing.value == {"a": ["xyz!"]}


def test_a_growing_root() -> None:
    """The root itself may be a string that grows."""
    growing = GrowingValue("a")
    growing.apply("append", "", "b")
    assert (growing.value, growing.encoded_bytes) == ("ab", 4)


def test_another_container_takes_the_place_of_one_that_was_touched() -> None:
    """The container that is kept at hand is never a replaced one."""
    growing = GrowingValue({"a": {}})
    growing.apply("add", "/a/x", 1)
    growing.apply("replace", "/a", {})
    growing.apply("add", "/a/y", 2)
    growing.apply("replace", "", {"a": {}})
    growing.apply("add", "/a/z", 3)
    assert growing.value == {"a": {"z": 3}}


def test_an_operation_shares_nothing_with_the_value() -> None:
    """What was put in may be changed outside, or come again."""
    given_value: dict[str, Any] = {"in": []}
    growing = GrowingValue({})
    growing.apply("add", "/a", given_value)
    growing.apply("add", "/b", given_value)
    growing.apply("add", "/a/in/0", 1)
    assert (growing.value, given_value) == ({"a": {"in": [1]}, "b": {"in": []}}, {"in": []})


@pytest.mark.parametrize(
    ("kind", "pointer", "value"),
    [
        ("replace", "/missing", 1),
        ("fill", "/missing", 1),
        ("remove", "/missing", None),
        ("append", "/missing", "x"),
        ("append", "/number", "x"),
        ("append", "/text", 1),
        ("add", "/text/0", "x"),
        ("add", "/missing/0", "x"),
        ("add", "/list/2", 1),
        ("add", "/list/01", 1),
        ("add", "/list/x", 1),
        ("add", "/list/-1", 1),
        ("add", "/list/\u0661", 1),
        ("add", "/list/" + "9" * 5_000, 1),
        ("replace", "/list/1", 1),
        ("remove", "/list/-", None),
        ("replace", "list", 1),
        ("move", "/text", 1),
        ("test", "", 1),
    ],
)
def test_what_does_not_fit_changes_nothing(kind: str, pointer: str, value: Any) -> None:
    """A place that is not there is an error of the three promised classes."""
    before: dict[str, Any] = {"list": [0], "text": "a", "number": 1}
    growing = GrowingValue(fresh(before))
    with pytest.raises((LookupError, TypeError, ValueError)):
        growing.apply(kind, pointer, value)
    assert (growing.value, growing.encoded_bytes) == (before, size(before))
