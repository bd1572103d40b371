"""Parts of a value by pointer patterns: at every revision the part that a naive walk over the whole value gives."""

import json
from itertools import cycle, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Document, Encoding, View
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import APPEND, FILL, REMOVE, SILENT, Operation, difference, plain
from gateway.core.parser import Parser
from gateway.core.projection import Place, Projection
from gateway.core.schema import ANY, Schema, Shape
from gateway.errors import BadRequest
from tests.core.oracles import applied, canonical, counted, included, projected
from tests.core.stories import BALLAST, Watcher, frame, stories
from tests.core.strategies import keys, turns

PEOPLE = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "users": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "email": {"type": "string"}}},
        },
    },
}


def written_as(token: str) -> str:
    """Return a member's name as a pattern has it."""
    return token.replace("~", "~0").replace("/", "~1").replace("*", "~2")


def places(value: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return every place of a value, by the tokens that lead to it."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(place for key, member in entries for place in places(member, (*above, str(key))))]


@st.composite
def patterns_for(draw: st.DrawFn, value: Any) -> list[str]:
    """Give patterns that select something of a value, or would if there were more of it."""
    names = st.sampled_from(["0", "1", "a", "*"]) | keys
    place = st.sampled_from(places(value)) | st.lists(names, max_size=3).map(tuple)
    chosen = draw(st.lists(place, min_size=1, max_size=3))
    return [
        "".join("/*" if draw(st.integers(0, 2)) == 0 else f"/{written_as(token)}" for token in tokens)
        for tokens in chosen
    ]


@given(stories(), turns, st.data(), st.sampled_from([{}, {"tail_steps": 2}]))
def test_every_watcher_sees_the_same_part(
    story: tuple[Any, list[list[Operation]]], served: list[bool], drawn: st.DataObject, bounds: dict[str, int]
) -> None:
    """Invariants 1 and 2: whatever was folded, in every encoding it is the part of the value at that revision."""
    placeholder, steps = story
    whole, bare = applied(placeholder, []), None
    patterns = drawn.draw(patterns_for(applied(whole, [operation for step in steps for operation in step])))
    turn, document = cycle(served), Document("e", placeholder, **bounds)
    views = [
        View(encoding, skeleton, False, Projection(patterns)) for encoding, skeleton in product(Encoding, [True, False])
    ]
    watchers = [Watcher(view) for view in views]
    for rev, step in enumerate(steps, 1):
        is_final = rev == len(steps)
        whole = applied(whole, step)
        bare = whole if is_final else applied(bare, map(plain, step))
        document.publish(step, final=is_final)
        for watcher in watchers:
            if is_final or next(turn):
                watcher.catch_up(document)
                seen = projected(whole if watcher.view.skeleton else bare, patterns)
                assert canonical(watcher.value) == canonical(seen)
                assert (watcher.rev, watcher.is_final) == (rev, is_final)


@given(stories(), st.data())
def test_who_sees_nothing_new_is_not_told(story: tuple[Any, list[list[Operation]]], drawn: st.DataObject) -> None:
    """A step that changes the part is said to show something, and one outside of it is not."""
    placeholder, steps = story
    whole = applied(placeholder, [])
    patterns = drawn.draw(patterns_for(applied(whole, [operation for step in steps for operation in step])))
    projection, document = Projection(patterns), Document("e", placeholder)
    for rev, step in enumerate(steps):
        before, whole = projected(whole, patterns), applied(whole, step)
        document.publish(step, final=rev == len(steps) - 1)
        has_shown = document.has_shown(projection, rev, progress=False)
        touches = [operation.pointer for operation in step if operation.kind not in SILENT]
        assert has_shown or canonical(projected(whole, patterns)) == canonical(before)
        if not any(
            included(pointer.rpartition("/")[0], patterns) or included(pointer, patterns) for pointer in touches
        ):
            assert not has_shown


def written(shape: Shape, *pieces: str) -> Document:
    """Return a document of which each piece is a revision."""
    parser, growth, document = Parser(), Growth(shape), Document("e", shape.placeholder())
    for piece in pieces:
        document.publish(growth.shaped(parser.feed(piece)))
    return document


def people(*pieces: str) -> Document:
    """Return a document of people, whose title is long."""
    shape = Schema.from_json(PEOPLE, limits=Limits()).shape
    return written(shape, f'{{"title":"{BALLAST}', '","users":[', *pieces)


def view(*patterns: str, encoding: Encoding = Encoding.APPEND, skeleton: bool = True, progress: bool = False) -> View:
    """Return a view of a part."""
    return View(encoding, skeleton, progress, Projection(patterns))


def operations(document: Document, since: int, *patterns: str) -> Any:
    """Return the operations of the update to a part."""
    return frame(document.update(view(*patterns), since))["ops"]


NAMES = "/users/*/name"


def test_what_is_above_stays_and_what_is_beside_is_absent() -> None:
    """Objects and lists on the way to a selected place are there; a list keeps its length."""
    document = people('{"name":"Ann","email":"a@"},{"name":"Bo"')
    assert frame(document.update(view(NAMES)))["value"] == {"users": [{"name": "Ann"}, {"name": "Bo"}]}
    assert frame(document.update(view("/users/1")))["value"] == {"users": [None, {"name": "Bo", "email": None}]}
    assert frame(document.update(view("/users/1/name", "/users/5", "/other")))["value"] == {
        "users": [None, {"name": "Bo"}]
    }
    assert frame(document.update(view("")))["value"] == document.value
    assert frame(document.update(view("/*/*/email")))["value"] == {
        "title": None,
        "users": [{"email": "a@"}, {"email": None}],
    }


def test_the_operations_of_a_part() -> None:
    """An item appears with what is selected of its skeleton, and growth beside it is no operation."""
    document = people('{"name":"A', 'nn","email":"', 'a@"},{', '"name":"Bo"}')
    assert operations(document, 2, NAMES) == [
        {"op": "add", "path": "/users/0", "value": {"name": "Ann"}},
        {"op": "add", "path": "/users/1", "value": {"name": "Bo"}},
    ]
    assert operations(document, 3, NAMES) == [
        {"op": "append", "path": "/users/0/name", "value": "nn"},
        {"op": "add", "path": "/users/1", "value": {"name": "Bo"}},
    ]
    assert operations(document, 4, "/users/0/name") == [{"op": "add", "path": "/users/1", "value": None}]
    assert operations(document, 4, "/title", "/other/*") == []


def test_a_list_loses_items_that_are_not_seen() -> None:
    """At its end, with the last step: then its part has as many as the whole."""
    document = written(ANY, f'{{"ballast":"{BALLAST}","a":["x","y"')
    document.publish([Operation(REMOVE, "/a/1")], final=True)
    update = document.update(view("/a/0", encoding=Encoding.PATCH), 1)
    assert document.has_shown(Projection(["/a/0"]), 1, progress=False)
    assert frame(update)["ops"] == [{"op": "remove", "path": "/a/1"}]


def test_an_update_that_shows_nothing_is_a_step_of_the_chain() -> None:
    """Asked for, it goes from the watch's revision to now, without operations."""
    document = people('{"name":"Ann","email":"', "a@")
    assert frame(document.update(view(NAMES), 3)) == {"type": "patch", "from": 3, "rev": 4, "ops": []}


def test_the_smaller_update_is_sent() -> None:
    """Growth beside the part makes no snapshot of it, however much it is; much growth within it does."""
    document = people('{"name":"Ann","email":"')
    document.publish([Operation(APPEND, "/users/0/email", BALLAST * 3)])
    document.publish([Operation(APPEND, "/users/0/name", "a")])
    assert operations(document, 3, NAMES) == [{"op": "append", "path": "/users/0/name", "value": "a"}]
    ages = written(ANY, '{"ages":[' + "1," * 200)
    before = ages.rev
    ages.publish(list(difference(ages.value, {"ages": [2] * 200})))
    update = ages.update(view("/ages/*"), before)
    assert (update.type, update) == ("snapshot", ages.update(view("/ages/*")))


def test_watches_of_one_part_share_their_updates() -> None:
    """The same patterns, in whatever order and however often, are one projection; others are another."""
    document = people('{"name":"A', "nn")
    some = [view(NAMES, "/title"), view("/title", NAMES), view("/title", NAMES, "/title")]
    assert len({id(document.update(seen, 3)) for seen in some}) == document.encoded_updates == 1
    document.update(view(NAMES), 3)
    assert document.encoded_updates == 2
    assert (Projection(["/a"]) == "/a", len({Projection(["/a"]), Projection(["/b"])})) == (False, 2)


@pytest.mark.parametrize(
    ("pattern", "value", "part"),
    [
        ("/*", {"a": 1, "*": 2}, {"a": 1, "*": 2}),
        ("/~2", {"a": 1, "*": 2}, {"*": 2}),
        ("/a*", {"a": 1, "a*": 2}, {"a*": 2}),
        ("/~02", {"~2": 1, "*": 2}, {"~2": 1}),
        ("/~2~1~0", {"*/~": 1, "*": 2}, {"*/~": 1}),
        ("/", {"": 1, "*": 2}, {"": 1}),
        ("/0", {"0": 1, "00": 2}, {"0": 1}),
        ("/00", [1], [None]),
        ("/-", [1], [None]),
        ("/*/a", "text", None),
        ("/*/a", [{"a": 1}, "a", [7]], [{"a": 1}, None, [None]]),
    ],
)
def test_tokens(pattern: str, value: Any, part: Any) -> None:
    """A whole token `*` is the wildcard, `~2` the character; else tokens are those of RFC 6901."""
    assert Projection([pattern]).part(value) == part == projected(value, [pattern])


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("", Place.ABOVE),
        ("/users/7", Place.ABOVE),
        ("/users/7/name/x", Place.SELECTED),
        ("/title", Place.BESIDE),
        ("/title/x", Place.OUTSIDE),
        ("/users/7/email", Place.BESIDE),
        ("/users/7/email/x", Place.OUTSIDE),
    ],
)
def test_where_a_place_stands(pointer: str, place: Place) -> None:
    """Selected and all below, above, right beside what is above, and all else."""
    assert Projection([NAMES]).place(pointer) is place


@pytest.mark.parametrize(
    "patterns",
    [[], ["/a"] * 33, ["/" + "a" * 1_024], ["/a" * 33], ["a"], ["*"], ["/~"], ["/~3"], ["/~~2"], ["/a", "/b~"]],
)
def test_what_are_no_patterns(patterns: list[str]) -> None:
    """The error names the field and its bounds."""
    with pytest.raises(BadRequest, match=r"^paths: expected ") as refused:
        Projection(patterns)
    assert refused.value.param == "paths"


def test_as_many_and_as_long_as_may_be() -> None:
    """32 patterns, 1,024 characters, 32 tokens."""
    assert Projection([*(f"/{number}" for number in range(31)), "/" + "a" * 1_023]).part({"7": 1, "x": 2}) == {"7": 1}
    assert Projection(["/a" * 32]).includes("/a" * 40)


@given(stories(), st.data())
def test_progress_names_places_of_the_part(story: tuple[Any, list[list[Operation]]], drawn: st.DataObject) -> None:
    """Those of the whole that are selected or above, in their order; the active one is cut to the innermost of them."""
    placeholder, steps = story
    patterns = drawn.draw(patterns_for(applied(placeholder, [operation for step in steps for operation in step])))
    document = Document("e", placeholder)
    for rev, step in enumerate(steps):
        document.publish(step, final=rev == len(steps) - 1)
        for since in (None, rev):
            told = json.loads("{" + document.update(view(*patterns, progress=True), since).body)
            whole: Any = document.progress_since(told.get("from"))
            for name in ("completed", "reopened", "states"):
                seen = [pointer for pointer in whole.get(name, ()) if included(pointer, patterns)]
                assert list(told["progress"].get(name, ())) == seen
            assert told["progress"]["active"] == innermost(whole["active"], patterns)


def innermost(pointer: str | None, patterns: list[str]) -> str | None:
    """Return the longest beginning of a pointer that is included, token by token."""
    while pointer and not included(pointer, patterns):
        pointer = pointer.rpartition("/")[0]
    return pointer


def test_progress_of_a_part() -> None:
    """Where the model writes beside the part, what stands around is active; what is complete there is not named."""
    document = people('{"name":"Ann","email":"', 'a@"},')
    update = frame(document.update(view(NAMES, progress=True), 2))
    assert update["progress"] == {"active": "/users", "completed": ["/users/0/name", "/users/0"]}
    assert frame(document.update(view(NAMES, progress=True), 3))["progress"]["completed"] == ["/users/0"]
    assert document.has_shown(Projection([NAMES]), 3, progress=True)
    assert not document.has_shown(Projection([NAMES]), 3, progress=False)


def test_what_fell_off_the_tail_may_have_shown_something() -> None:
    """Then nobody can tell, and the watch is told."""
    document = people('{"name":"Ann","email":"', "a@")
    assert not document.has_shown(Projection([NAMES]), 3, progress=False)
    document.drop_tail()
    assert document.has_shown(Projection([NAMES]), 3, progress=False)


def test_what_stood_in_a_list_that_is_none_any_more() -> None:
    """Steps of a place that was replaced meanwhile are looked at without it."""
    document = written(ANY, '{"a":["x"')
    document.publish([Operation(REMOVE, "/a/0"), Operation(REMOVE, "/a")])
    document.publish([Operation(FILL, "", 5)])
    assert document.has_shown(Projection(["/a/7"]), 1, progress=False)
    assert frame(document.update(view("/a/7", encoding=Encoding.PATCH), 1))["value"] is None


@pytest.mark.parametrize("patterns", [[NAMES], [f"/users/{number}/name" for number in range(32)]])
def test_a_part_costs_what_grew(patterns: list[str]) -> None:
    """Ten times the items cost ten times as much, to follow as well as to look whether there is anything to follow."""
    costs = [calls_of_following(patterns, count) for count in (40, 400)]
    assert costs[1] < 11 * costs[0]


def calls_of_following(patterns: list[str], count: int) -> int:
    """Count the calls that following the growth of so many items makes, each in a step of its own."""
    document, projection, watcher = people(), Projection(patterns), Watcher(view(*patterns))
    watcher.catch_up(document)
    item = '{"name":"Ann","email":"a@"}'
    parser, growth = Parser(), Growth(Schema.from_json(PEOPLE, limits=Limits()).shape)
    list(growth.shaped(parser.feed(f'{{"title":"{BALLAST}","users":[')))
    total = 0
    for _ in range(count):
        document.publish(growth.shaped(parser.feed(f"{item},")))
        with counted() as calls:
            if document.has_shown(projection, document.rev - 1, progress=False):
                watcher.rev = document.update(watcher.view, watcher.rev).rev
        total += calls.total()
    return total
