"""A value that grows by path copying."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given

from gateway.core.growing import fresh
from gateway.core.operations import CLOSE, difference
from gateway.core.sharing import Change, SharedValue
from tests.core.oracles import applied, canonical, parsed
from tests.core.strategies import cut_texts, json_values, rendered


@given(cut_texts(rendered(repeats=True)))
def test_what_was_handed_out_never_changes(pieces: list[str]) -> None:
    """Invariant 1: every value is the naively applied one, at its time and still at the end."""
    shared, naive, kept = SharedValue(None), None, []
    for operation in parsed(pieces)[1]:
        if operation.kind is not CLOSE:
            shared.apply([(operation.kind, operation.pointer, operation.value)])
            naive = applied(deepcopy(naive), [operation])
            kept.append((shared.value, canonical(naive)))
    assert [canonical(value) for value, _ in kept] == [text for _, text in kept]


@given(json_values, json_values)
def test_a_step_of_many_changes(before: Any, after: Any) -> None:
    """Any change, also removal and change of type, leads from one value to the other and leaves the first alone."""
    shared, text = SharedValue(fresh(before)), canonical(before)
    first = shared.value
    shared.apply([(operation.kind, operation.pointer, operation.value) for operation in difference(before, after)])
    assert (canonical(shared.value), canonical(first)) == (canonical(after), text)


def test_what_a_change_does_not_touch_is_shared() -> None:
    """Invariant 2: a change of one row leaves the other rows the same objects."""
    shared = SharedValue({"users": [{"name": "a"}, {"name": "b"}], "tags": []})
    before: Any = shared.value
    shared.apply([("append", "/users/1/name", "!")])
    after: Any = shared.value
    assert after["users"][0] is before["users"][0]
    assert after["tags"] is before["tags"]
    assert after["users"][1] == {"name": "b!"}


@pytest.mark.parametrize(
    "change",
    [
        ("replace", "/c", 1),
        ("remove", "/c", None),
        ("append", "/a", "x"),
        ("append", "/b", 5),
        ("add", "/l/2", 1),
        ("add", "/l/01", 1),
        ("replace", "/l/1", 1),
        ("remove", "/l/-", None),
        ("add", "/b/x", 1),
        ("add", "b", 1),
        ("move", "/b", None),
        ("test", "", None),
    ],
)
def test_a_step_that_does_not_fit_is_not_taken(change: Change) -> None:
    """Invariant 3: after a change that has no place, the value is what it was before the whole step."""
    shared = SharedValue({"a": 1, "b": "s", "l": [0]})
    before = shared.value
    with pytest.raises((LookupError, TypeError, ValueError)):
        shared.apply([("add", "/new", 1), change])
    assert shared.value is before
    assert before == {"a": 1, "b": "s", "l": [0]}
