"""Steps of growth: folded, seen without a skeleton, and from one value to another."""

import json
import os
import subprocess
import sys
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.growing import GrowingValue
from gateway.core.operations import (
    ADD,
    APPEND,
    CLOSE,
    FILL,
    REMOVE,
    REPLACE,
    Operation,
    difference,
    fold,
    plain,
)
from gateway.core.parser import Parser
from tests.core.oracles import applied, canonical, counted, loaded, parsed, rfc6902, with_append
from tests.core.strategies import cut_texts, grown_values, json_values, rendered


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Operation], int, int]:
    """Give all operations of a text and of a last step to a changed value, and a range of them."""
    pieces = draw(cut_texts(rendered(repeats=True)))
    operations, value = parsed(pieces)[1], loaded("".join(pieces))
    operations += difference(value, draw(grown_values(value)))
    begin = draw(st.integers(0, len(operations)))
    return operations, begin, draw(st.integers(begin, len(operations)))


@given(histories())
def test_a_fold_has_the_same_effect(history: tuple[list[Operation], int, int]) -> None:
    """Invariant 2, for any range: applied naively, by jsonpatch, by jsonpatch with append, and in place."""
    operations, begin, end = history
    before = applied(None, operations[:begin])
    after = applied(before, operations[begin:end])
    folded = fold(operations[begin:end])

    assert canonical(applied(before, folded)) == canonical(after)
    assert canonical(jsonpatch.apply_patch(before, rfc6902(folded, after))) == canonical(after)
    appended = jsonpatch.JsonPatchWithAppend(with_append(folded, after)).apply(before)
    assert canonical(appended) == canonical(after)


@given(histories())
def test_a_fold_names_each_pointer_once(history: tuple[list[Operation], int, int]) -> None:
    """Invariant 2: no pointer comes twice, nothing is closed, and nothing grows in what has just appeared."""
    operations, begin, end = history
    folded = fold(operations[begin:end])
    pointers = [operation.pointer for operation in folded]
    appeared = [operation.pointer + "/" for operation in folded if operation.kind in {ADD, FILL, REPLACE}]

    assert len(set(pointers)) == len(pointers)
    assert CLOSE not in {operation.kind for operation in folded}
    assert not [pointer for pointer in pointers if pointer.startswith(tuple(appeared))]


@given(histories())
def test_folds_can_be_folded(history: tuple[list[Operation], int, int]) -> None:
    """A range may be folded in parts, and the parts again."""
    operations, begin, end = history
    parts = [*fold(operations[:begin]), *fold(operations[begin:end]), *fold(operations[end:])]
    assert canonical(applied(None, fold(parts))) == canonical(applied(None, operations))


@given(histories())
def test_indices_never_shift(history: tuple[list[Operation], int, int]) -> None:
    """Invariant 3: whatever happens to a list's length happens at its end."""
    operations, begin, end = history
    growing = GrowingValue(applied(None, operations[:begin]))
    for operation in fold(operations[begin:end]):
        head, _, token = operation.pointer.rpartition("/")
        place = growing.at(head) if operation.pointer else None
        if isinstance(place, list) and operation.kind in {ADD, REMOVE}:
            assert int(token) == len(place) - (operation.kind is REMOVE)
        growing.apply(operation.kind, operation.pointer, operation.value)


@given(json_values, st.data())
def test_a_difference_leads_from_one_value_to_the_other(before: Any, drawn: st.DataObject) -> None:
    """Invariant 1 for the last step, related values or not, by jsonpatch too; 1 and 1.0 and true are told apart."""
    after = drawn.draw(grown_values(before) | json_values)
    operations = list(difference(before, after))
    assert canonical(applied(before, operations)) == canonical(after)
    assert canonical(jsonpatch.apply_patch(before, rfc6902(operations, after))) == canonical(after)


@pytest.mark.parametrize(("before", "after"), [(1, 1.0), (1.0, 1), (True, 1), (0, False), ("1", 1), (None, False)])
def test_what_is_written_differently_differs(before: Any, after: Any) -> None:
    """An integer that became a fraction, or a truth value a number, is another value on the wire."""
    assert list(difference([before], [after])) == [Operation(REPLACE, "/0", after)]


@given(json_values)
def test_no_difference(value: Any) -> None:
    """What did not change is not named."""
    assert list(difference(value, json.loads(json.dumps(value)))) == []


def test_a_difference_is_small_and_in_a_settled_order() -> None:
    """Only what changed is named: members that go first, lists at their end."""
    before: dict[str, Any] = {"b": 1, "a": 2, "same": {"x": [1, 2]}, "list": [1, 2, 3], "more": []}
    after: dict[str, Any] = {"same": {"x": [1, 2]}, "list": [1, 5], "more": [0], "new": None, "~/": 1}
    assert list(difference(before, after)) == [
        Operation(REMOVE, "/b"),
        Operation(REMOVE, "/a"),
        Operation(REPLACE, "/list/1", 5),
        Operation(REMOVE, "/list/2"),
        Operation(ADD, "/more/0", 0),
        Operation(ADD, "/new", None),
        Operation(ADD, "/~0~1", 1),
    ]


def test_a_difference_does_not_hang_on_the_hash_seed() -> None:
    """Every replica writes the same frame for the same last step."""
    code = (
        "from gateway.core.operations import difference;"
        "print([str(step) for step in difference(dict.fromkeys('abcdefgh', 1), {})])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "12"
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("operations", "folded"),
    [
        ([Operation(ADD, "/a", "x"), Operation(APPEND, "/a", "y")], [Operation(ADD, "/a", "xy")]),
        ([Operation(APPEND, "/a", "x"), Operation(APPEND, "/a", "y")], [Operation(APPEND, "/a", "xy")]),
        ([Operation(FILL, "/a", "x"), Operation(APPEND, "/a", "y")], [Operation(FILL, "/a", "xy")]),
        ([Operation(APPEND, "/a", "x"), Operation(CLOSE, "/a")], [Operation(APPEND, "/a", "x")]),
        ([Operation(APPEND, "/a", "x"), Operation(REPLACE, "/a", 1)], [Operation(REPLACE, "/a", 1)]),
        ([Operation(ADD, "/a", 1), Operation(REPLACE, "/a", 2)], [Operation(ADD, "/a", 2)]),
        ([Operation(ADD, "/a", 1), Operation(REMOVE, "/a")], []),
        ([Operation(FILL, "/a", 1), Operation(REMOVE, "/a")], [Operation(REMOVE, "/a")]),
        ([Operation(REMOVE, "/a"), Operation(ADD, "/a", 1)], [Operation(REPLACE, "/a", 1)]),
        ([Operation(ADD, "/a/b", 1), Operation(REPLACE, "/a", 2)], [Operation(REPLACE, "/a", 2)]),
        (
            [Operation(ADD, "/ab", 1), Operation(REPLACE, "/a", 2)],
            [Operation(ADD, "/ab", 1), Operation(REPLACE, "/a", 2)],
        ),
        ([Operation(ADD, "/a/b", 1), Operation(REMOVE, "/a")], [Operation(REMOVE, "/a")]),
        (
            [Operation(ADD, "", {}, opened=True), Operation(ADD, "/a", [], opened=True), Operation(ADD, "/a/0", 1)],
            [Operation(ADD, "", {"a": [1]})],
        ),
        ([], []),
    ],
    ids=str,
)
def test_what_a_fold_makes_of_a_run(operations: list[Operation], folded: list[Operation]) -> None:
    """The rules one by one."""
    assert fold(operations) == folded


def test_a_fold_changes_no_operation() -> None:
    """Operations are shared by many folds: none of them grows."""
    operations = [
        Operation(ADD, "", {"a": []}, opened=True),
        Operation(ADD, "/a/0", "x"),
        Operation(APPEND, "/a/0", "y"),
    ]
    assert fold(operations) == fold(operations)
    assert operations[0].value == {"a": []}


@pytest.mark.parametrize(
    ("operation", "seen"),
    [
        (Operation(FILL, "/a", 1), Operation(ADD, "/a", 1)),
        (Operation(FILL, "/a", {"b": None}, opened=True), Operation(ADD, "/a", {}, opened=True)),
        (Operation(ADD, "/a/0", {"b": None}, opened=True), Operation(ADD, "/a/0", {}, opened=True)),
        (Operation(FILL, "/a", [], opened=True), Operation(ADD, "/a", [], opened=True)),
        (Operation(REPLACE, "/a", {"b": 1}), Operation(REPLACE, "/a", {"b": 1})),
        (Operation(APPEND, "/a", "x"), Operation(APPEND, "/a", "x")),
    ],
    ids=str,
)
def test_the_view_without_a_skeleton(operation: Operation, seen: Operation) -> None:
    """What opens is empty and what is filled is added; everything else is the same."""
    assert plain(operation) == seen


def test_a_key_that_is_repeated_is_folded_in_linear_time() -> None:
    """Each repeat replaces a value whose members once grew: only the first one looks for what to forget."""
    calls = {}
    for count in (100, 1_000):
        parser = Parser()
        parser.feed('{"k":{"a":1')
        repeated = "".join(f',"k":1,"m{number}":1' for number in range(count))
        operations = parser.feed(f',"b":2}}{repeated}}}')
        with counted() as calls[count]:
            folded = fold(operations)
        assert len(folded) == count + 1
    assert calls[1_000].total() < 11 * calls[100].total()
