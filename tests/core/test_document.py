"""The state of an extraction's value, and the update from any position to now."""

import json
from itertools import cycle, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Document, Encoding, Position, View
from gateway.core.growing import encoded_size
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import ADD, APPEND, CLOSE, FILL, REMOVE, REPLACE, Operation, difference, plain
from gateway.core.parser import Parser
from gateway.core.schema import Schema
from tests.core.oracles import applied, canonical, counted
from tests.core.stories import BALLAST, Watcher, frame, stories
from tests.core.strategies import turns

VIEWS = [View(encoding, skeleton) for encoding, skeleton in product(Encoding, [True, False])]
PATCH, APPENDING, SNAPSHOT = View(Encoding.PATCH), View(Encoding.APPEND), View(Encoding.SNAPSHOT)


@given(stories(), turns, st.sampled_from([{}, {"tail_steps": 2}, {"tail_bytes": 120}]))
def test_every_watcher_sees_the_same(
    story: tuple[Any, list[list[Operation]]], served: list[bool], bounds: dict[str, int]
) -> None:
    """Invariants 1 and 2: however seldom a watch is served, its updates lead to the value of that revision."""
    placeholder, steps = story
    turn, document = cycle(served), Document("e", placeholder, **bounds)
    watchers = [Watcher(view) for view in VIEWS]
    whole, bare = applied(placeholder, []), None
    for rev, step in enumerate(steps, 1):
        is_final = rev == len(steps)
        whole = applied(whole, step)
        bare = whole if is_final else applied(bare, map(plain, step))
        document.publish(step, final=is_final)
        for watcher in watchers:
            if is_final or next(turn):
                watcher.catch_up(document)
                assert canonical(watcher.value) == canonical(whole if watcher.view.skeleton else bare)
                assert (watcher.rev, watcher.is_final) == (rev, is_final)
    assert canonical(document.value) == canonical(document.plain_value()) == canonical(whole)
    assert document.value_bytes == encoded_size(whole)


def written(*steps: list[Operation], value: Any = None, **bounds: int) -> Document:
    """Return a document that has published the steps."""
    document = Document("e", value, **bounds)
    for step in steps:
        document.publish(step)
    return document


def growth_of(*pieces: str) -> Document:
    """Return a document of one large object whose member `a` is a string that grew in pieces."""
    document = written([Operation(ADD, "", {"ballast": BALLAST})], [Operation(ADD, "/a", "")])
    for piece in pieces:
        document.publish([Operation(APPEND, "/a", piece)])
    return document


def test_a_revision_is_a_step() -> None:
    """Each step is one revision, also one that only closes; nothing is none."""
    document = Document("e", None)
    assert (document.position, document.final_rev) == (Position("e", 0), None)
    assert document.publish([Operation(FILL, "", "x"), Operation(APPEND, "", "y")])
    assert not document.publish([])
    assert not document.publish([Operation(CLOSE, "")])
    assert document.position == Position("e", 2)


def test_the_last_step_is_a_revision_even_when_nothing_changes() -> None:
    """The update to the validated value is marked, whether or not it differs."""
    document = written([Operation(FILL, "", [BALLAST])])
    assert not document.publish([], final=True)
    assert frame(document.update(PATCH, 1)) == {"type": "patch", "from": 1, "rev": 2, "ops": [], "final": True}
    snapshot = {"type": "snapshot", "epoch": "e", "rev": 2, "value": [BALLAST], "final": True}
    assert frame(document.update(SNAPSHOT)) == snapshot


def test_the_two_forms_of_growth() -> None:
    """A grown string is sent whole as RFC 6902, and its growth alone with append."""
    document = growth_of("x", "y", "zé")
    assert frame(document.update(PATCH, 3))["ops"] == [{"op": "replace", "path": "/a", "value": "xyzé"}]
    assert frame(document.update(APPENDING, 3))["ops"] == [{"op": "append", "path": "/a", "value": "yzé"}]
    assert frame(document.update(APPENDING, 1))["ops"] == [{"op": "add", "path": "/a", "value": "xyzé"}]


def test_a_grown_root_is_always_replaced() -> None:
    """No library appends to a root."""
    document = written([Operation(FILL, "", BALLAST)], [Operation(APPEND, "", "y")])
    assert frame(document.update(APPENDING, 1))["ops"] == [{"op": "replace", "path": "", "value": BALLAST + "y"}]


def test_placeholders_are_replaced_or_added() -> None:
    """A skeleton's member is replaced; where no skeleton is shown it is added, and what was not written is absent."""
    skeleton: dict[str, Any] = {"a": None, "b": [], "c": {"d": None}, "ballast": None}
    document = Document("e", dict(skeleton))
    document.publish([Operation(FILL, "", skeleton, opened=True), Operation(FILL, "/ballast", BALLAST)])
    document.publish([Operation(CLOSE, "/ballast")])
    document.publish([Operation(FILL, "/c", {"d": None}, opened=True), Operation(FILL, "/a", 1)])
    plain_patch = frame(document.update(View(Encoding.PATCH, skeleton=False), 2))

    assert frame(document.update(PATCH, 2))["ops"] == [
        {"op": "replace", "path": "/c", "value": {"d": None}},
        {"op": "replace", "path": "/a", "value": 1},
    ]
    assert plain_patch["ops"] == [{"op": "add", "path": "/c", "value": {}}, {"op": "add", "path": "/a", "value": 1}]
    assert document.plain_value() == {"ballast": BALLAST, "c": {}, "a": 1}


def test_nothing_is_written_yet() -> None:
    """Before its first growth a skeleton is shown as it is, or as null where it is not wanted."""
    document = Document("e", {"a": None})
    assert frame(document.update(SNAPSHOT))["value"] == {"a": None}
    assert frame(document.update(View(Encoding.SNAPSHOT, skeleton=False)))["value"] is None


@pytest.mark.parametrize("view", VIEWS)
def test_the_validated_value_has_no_placeholders(view: View) -> None:
    """After the last step every view shows the same value, with its nulls."""
    document = Document("e", {"a": None, "b": None})
    document.publish([Operation(FILL, "", {"a": None, "b": None}, opened=True)])
    document.publish([Operation(REMOVE, "/b")], final=True)
    watcher = Watcher(view)
    assert (watcher.catch_up(document)["final"], watcher.value) == (True, {"a": None})


def test_the_smaller_update_is_sent() -> None:
    """A snapshot takes the place of a patch exactly where that costs more."""
    document = written([Operation(ADD, "", {"a": 1})], *([Operation(REPLACE, "/a", number)] for number in range(3)))
    assert document.update(PATCH, 1).type == "snapshot"
    assert document.update(PATCH, 4).type == "patch"
    assert growth_of("x").update(PATCH, 2).type == "patch"


def test_a_long_string_is_not_sent_twice_where_a_snapshot_will_do() -> None:
    """To RFC 6902 growth of the longest string costs that string; with append it costs the growth."""
    document = written(
        [Operation(FILL, "", {"a": ""})], [Operation(REPLACE, "/a", BALLAST)], [Operation(APPEND, "/a", "x")]
    )
    assert document.update(PATCH, 2).type == "snapshot"
    assert document.update(APPENDING, 2).type == "patch"


def test_a_string_that_is_closed_costs_nothing_any_more() -> None:
    """What follows a long string is sent alone."""
    opened = [Operation(FILL, "", {}, opened=True), Operation(ADD, "/a", BALLAST), Operation(CLOSE, "/a")]
    document = written(opened, [Operation(ADD, "/b", 1)])
    assert frame(document.update(PATCH, 1))["ops"] == [{"op": "add", "path": "/b", "value": 1}]


def test_an_update_is_encoded_once() -> None:
    """Invariant 4: all watches with the same position and view share one update; a snapshot knows no position."""
    document = growth_of("x", "y")
    updates = [document.update(view, since) for _ in range(100) for view in (PATCH, APPENDING) for since in (2, 3)]
    assert document.encoded_updates == len({id(update) for update in updates}) == 4
    for since in (None, 1, 2, 3):
        document.update(SNAPSHOT, since)
    assert document.encoded_updates == 5
    document.update(View(Encoding.SNAPSHOT, skeleton=False))
    assert document.encoded_updates == 6


def test_all_who_get_a_snapshot_share_it() -> None:
    """Invariant 4: wherever they come from and whatever they asked for, where the snapshot is the smaller answer."""
    numbers = [[Operation(REPLACE, "/a", number)] for number in range(300)]
    document = written([Operation(FILL, "", {"a": None})], *numbers, tail_steps=200)
    positions = [None, *range(document.rev)]
    updates = [document.update(view, since) for view in (PATCH, APPENDING, SNAPSHOT) for since in positions]
    assert {update.type for update in updates} == {"snapshot"}
    assert document.encoded_updates == len({id(update) for update in updates}) == 1


def test_few_encoded_updates_are_kept() -> None:
    """Watches at very many positions share little: what is kept for them is bounded, and every one is right."""
    document = growth_of(*"x" * 200)
    for since in range(2, 202):
        assert frame(document.update(APPENDING, since))["ops"][0]["value"] == "x" * (202 - since)
        assert len(document._updates) <= 64
    assert document.encoded_updates == 200


def test_a_new_revision_is_encoded_anew() -> None:
    """What was encoded is not kept longer than it is the newest."""
    document = growth_of("x")
    before = document.update(APPENDING, 2)
    document.publish([Operation(APPEND, "/a", "y")])
    assert frame(document.update(APPENDING, 2)) != frame(before)
    assert document.encoded_updates == 2


def test_the_tail_is_bounded_in_steps() -> None:
    """Invariant 3: from a revision that fell off the tail a snapshot leads on."""
    document = Document("e", {"ballast": BALLAST, "a": ""}, tail_steps=2)
    for piece in "vwxyz":
        document.publish([Operation(APPEND, "/a", piece)])
    assert [document.can_fold_from(rev) for rev in range(-1, 8)] == [*[False] * 4, True, True, True, False, False]
    assert [document.update(APPENDING, rev).type for rev in (2, 3, 4)] == ["snapshot", "patch", "patch"]
    assert document.update(APPENDING, 6).type == "snapshot"


def test_the_tail_is_bounded_in_bytes() -> None:
    """Invariant 3: large steps push older ones out."""
    document = Document("e", {"ballast": BALLAST * 10, "a": ""}, tail_bytes=5_000)
    for _ in range(3):
        document.publish([Operation(APPEND, "/a", BALLAST)])
    assert [document.can_fold_from(rev) for rev in range(4)] == [False, False, True, True]


def test_a_step_larger_than_the_tail() -> None:
    """A single step beyond the bound leaves an empty tail, not an endless search."""
    document = Document("e", "", tail_bytes=100)
    document.publish([Operation(APPEND, "", BALLAST)])
    assert not document.can_fold_from(0)
    assert document.can_fold_from(1)


def test_without_its_tail() -> None:
    """An ended document keeps its value; who is up to date needs nothing, everyone else gets a snapshot."""
    document = growth_of("x", "y")
    document.drop_tail()
    assert document.update(APPENDING, 3).type == "snapshot"
    assert frame(document.update(APPENDING, 4))["ops"] == []
    document.publish([Operation(APPEND, "/a", "z")])
    assert frame(document.update(APPENDING, 4))["ops"] == [{"op": "append", "path": "/a", "value": "z"}]


def test_an_update_is_text_of_one_frame() -> None:
    """Whatever stands in the value and in the epoch's name is escaped as JSON wants it."""
    document = Document('"e\\', {"\u2028\n": "</script>\x00🙂"})
    assert frame(document.update(SNAPSHOT)) == {
        "type": "snapshot",
        "epoch": '"e\\',
        "rev": 0,
        "value": {"\u2028\n": "</script>\x00🙂"},
    }


def test_a_last_step_that_touches_everything_is_linear() -> None:
    """Coercing a member of every item costs each item the same, however many there are."""
    schema = Schema.from_json({"type": "array", "items": {"type": "object", "properties": {"n": {}}}}, limits=Limits())
    calls = {count: calls_of_a_last_step(schema, count) for count in (50, 500)}
    assert calls[500] < 11 * calls[50]


def calls_of_a_last_step(schema: Schema, count: int) -> int:
    """Count the calls that a last step and its patch make in a document of `count` items."""
    document, growth = Document("e", []), Growth(schema.shape)
    document.publish(growth.shaped(Parser().feed(json.dumps([{"n": 1, "ballast": BALLAST}] * count))))
    last = list(difference(document.value, [{"n": 1.0, "ballast": BALLAST}] * count))
    with counted() as calls:
        document.publish(last, final=True)
        assert document.update(PATCH, 1).type == "patch"
    return calls.total()
