"""The receiving side of one watch, as transcripts: frames in, receipts and states out."""

import hashlib
import json
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Document, Encoding, View
from gateway.core.operations import difference
from gateway.core.parser import Parser
from gateway.core.replica import Receipt, Replica, digest
from tests.core.oracles import canonical
from tests.core.strategies import cut_texts, json_values, rendered, turns

APPLIED, DROPPED, GAP, ENDED = Receipt


def snapshot(rev: int, value: Any, epoch: str = "e1") -> dict[str, Any]:
    """Return a snapshot."""
    return {"type": "snapshot", "id": "w", "epoch": epoch, "rev": rev, "value": value}


def patch(begin: int, rev: int, *operations: dict[str, Any]) -> dict[str, Any]:
    """Return a patch."""
    return {"type": "patch", "id": "w", "from": begin, "rev": rev, "ops": list(operations)}


def growth(begin: int, rev: int, text: str) -> dict[str, Any]:
    """Return a patch in which the member `a` grows."""
    return patch(begin, rev, {"op": "append", "path": "/a", "value": text})


def ended(rev: int, kind: str = "completed", epoch: str = "e1") -> dict[str, Any]:
    """Return a terminal."""
    return {"type": kind, "id": "w", "epoch": epoch, "rev": rev}


WATCHING = {"type": "watching", "id": "w", "extraction": "x", "epoch": "e1", "rev": 9, "state": "running"}
RESET = {"type": "reset", "id": "w", "epoch": "e2", "attempt": 2, "reason": "invalid_output"}


def play(*frames: dict[str, Any]) -> tuple[list[Receipt], Replica]:
    """Return what became of each frame, and the replica that took them."""
    replica = Replica()
    return [replica.take(frame) for frame in frames], replica


@given(cut_texts(rendered(repeats=True)), st.sampled_from([Encoding.PATCH, Encoding.APPEND]), turns, json_values)
def test_updates_in_order_lead_to_the_value(
    pieces: list[str], encoding: Encoding, served: list[bool], final: Any
) -> None:
    """A watch that is served now and then has the value of its revision, and at last the validated one."""
    parser, document, replica = Parser(), Document("e", None), Replica()

    def serve() -> None:
        update = document.update(View(encoding), replica.rev)
        assert replica.take(json.loads("{" + update.body) | {"type": update.type}) is not GAP
        assert (replica.rev, canonical(replica.value)) == (document.rev, canonical(document.value))

    for piece, turn in zip(pieces, cycle(served), strict=False):
        document.publish(parser.feed(piece))
        if turn:
            serve()
    document.publish(parser.finish())
    document.publish(list(difference(document.value, final)), final=True)
    serve()
    assert canonical(replica.value) == canonical(final)


def test_a_whole_run() -> None:
    """Updates in order are applied, and the ending ends it."""
    receipts, replica = play(WATCHING, snapshot(0, {"a": ""}), growth(0, 3, "x"), growth(3, 4, "y"), ended(4))
    assert receipts == [APPLIED, APPLIED, APPLIED, APPLIED, ENDED]
    assert (replica.value, replica.position, replica.terminal) == ({"a": "xy"}, {"epoch": "e1", "rev": 4}, ended(4))


def test_nothing_is_there_yet() -> None:
    """Without a snapshot there is no position to go on from."""
    replica = Replica()
    assert (replica.value, replica.position, replica.terminal) == (None, None, None)


def test_what_we_have_already_is_dropped() -> None:
    """An update up to our revision, or an older snapshot, changes nothing."""
    receipts, replica = play(snapshot(3, {"a": "x"}), growth(2, 3, "x"), snapshot(3, {"a": "?"}), snapshot(1, {}))
    assert receipts == [APPLIED, DROPPED, DROPPED, DROPPED]
    assert replica.value == {"a": "x"}


def test_a_gap_is_healed_by_an_answer() -> None:
    """After a gap nothing is applied until the server has answered the new watch."""
    frames = [snapshot(1, {"a": "x"}), growth(2, 3, "z"), growth(1, 2, "y"), ended(3), WATCHING, growth(1, 3, "yz")]
    receipts, replica = play(*frames)
    assert receipts == [APPLIED, GAP, DROPPED, DROPPED, APPLIED, APPLIED]
    assert replica.value == {"a": "xyz"}


@pytest.mark.parametrize(
    "frames",
    [
        [growth(0, 1, "x")],
        [snapshot(2, {"a": "x"}), growth(1, 3, "y")],
        [snapshot(9, {}), snapshot(10, {}, "e2")],
        [snapshot(1, {}), ended(2)],
        [snapshot(1, {}), ended(1, epoch="e2")],
        [ended(0)],
        [snapshot(0, {}), RESET, patch(0, 1)],
    ],
)
def test_what_does_not_follow_on_is_a_gap(frames: list[dict[str, Any]]) -> None:
    """A patch or an ending from elsewhere, and an epoch nobody announced, are not applied."""
    receipts, replica = play(*frames)
    assert receipts[-1] is GAP
    assert replica.terminal is None


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "append", "path": "/a", "value": "x"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "remove", "path": "/b/c"},
        {"op": "move", "path": "/a", "from": "/b"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add"},
    ],
)
def test_a_patch_that_does_not_fit(operation: dict[str, Any]) -> None:
    """It is a gap, and the next watch begins with a whole value."""
    receipts, replica = play(snapshot(0, {"a": 1}), patch(0, 1, operation))
    assert (receipts, replica.position) == ([APPLIED, GAP], None)


def test_a_new_attempt() -> None:
    """A reset voids the position; the snapshot behind it begins the new epoch."""
    receipts, replica = play(snapshot(9, {"a": "old"}), RESET)
    assert (receipts, replica.position, replica.value) == ([APPLIED, APPLIED], None, {"a": "old"})
    assert replica.take(snapshot(0, {"a": ""}, "e2")) is APPLIED
    assert (replica.position, replica.value) == ({"epoch": "e2", "rev": 0}, {"a": ""})


def test_there_is_one_ending() -> None:
    """Nothing is taken after it, another ending neither."""
    receipts, replica = play(snapshot(1, {"a": "x"}), ended(1), growth(1, 2, "y"), RESET, ended(1, "failed"))
    assert receipts == [APPLIED, ENDED, DROPPED, DROPPED, DROPPED]
    assert (replica.value, replica.terminal) == ({"a": "x"}, ended(1))


@pytest.mark.parametrize("kind", ["incomplete", "failed", "cancelled"])
def test_an_ending_without_a_value(kind: str) -> None:
    """What ends before it began has no value to be at."""
    assert play(ended(0, kind))[0] == [ENDED]


def test_unknown_frames_are_ignored() -> None:
    """A newer server may say more than we know."""
    receipts, replica = play(snapshot(0, {"a": ""}), {"type": "grounding", "rev": 0, "spans": []}, growth(0, 1, "x"))
    assert receipts == [APPLIED, DROPPED, APPLIED]
    assert replica.value == {"a": "x"}


@pytest.mark.parametrize(
    ("value", "canonical_text"),
    [
        (None, "null"),
        ({}, "{}"),
        ({"b": 1, "a": [True, False, None]}, '{"a":[true,false,null],"b":1}'),
        ({"\u20ac": 1, "\r": 2, "\U0001f600": 3, "\ufb33": 4, "1": 5}, '{"\\r":2,"1":5,"€":1,"😀":3,"\ufb33":4}'),
        ([1.0, -0.0, 0.1, 1e21, 1e-7, 123456789.5, 4.50], "[1,0,0.1,1e+21,1e-7,123456789.5,4.5]"),
        (
            [2**53, 10**20, 10**21, 333333333.33333329],
            "[9007199254740992,100000000000000000000,1e+21,333333333.3333333]",
        ),
        ([9007199254740993], "[9007199254740992]"),
        ('é"\\/\n\x0f\x7f\u2028', '"é\\"\\\\/\\n\\u000f\x7f\u2028"'),
    ],
)
def test_the_digest_is_that_of_the_canonical_form(value: Any, canonical_text: str) -> None:
    """RFC 8785: keys by UTF-16 code units, numbers as ECMAScript writes doubles, the least of escapes."""
    assert digest(value) == hashlib.sha256(canonical_text.encode()).hexdigest()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [10**400], {"a": [-float("inf")]}])
def test_no_digest_of_what_is_no_double(value: Any) -> None:
    """What JSON numbers as doubles cannot hold is refused."""
    with pytest.raises(ValueError, match="double"):
        digest(value)


def test_a_patch_that_does_not_fit_leaves_the_value_as_it_was() -> None:
    """Half a patch is never shown: the old value stays until the server answers the new watch."""
    replica = Replica()
    replica.take({"type": "snapshot", "epoch": "e", "rev": 1, "value": {"a": 1}})
    changes = [{"op": "add", "path": "/b", "value": 2}, {"op": "replace", "path": "/x", "value": 3}]
    assert replica.take({"type": "patch", "from": 1, "rev": 2, "ops": changes}) is Receipt.GAP
    assert (replica.value, replica.position) == ({"a": 1}, None)


@pytest.mark.parametrize("kind", ["text", "reasoning"])
def test_a_gap_in_a_text_is_asked_for_again(kind: str) -> None:
    """What comes behind it is not taken; the first after an answer may begin later: the oldest is not kept for ever."""
    replica = Replica("text")

    def said() -> Any:
        return replica.value if kind == "text" else replica.reasoning

    started: dict[str, Any] = {"type": "started", "epoch": "e", "state": "running"}
    passages = [{"type": kind, "epoch": "e", "at": at, "text": text} for at, text in ((0, "one "), (8, "three"))]
    assert [replica.take(frame) for frame in (started, *passages)] == [Receipt.APPLIED, Receipt.APPLIED, Receipt.GAP]
    assert said() == "one "
    assert replica.take(passages[1]) is Receipt.DROPPED
    whole = {"type": kind, "epoch": "e", "at": 0, "text": "one two three"}
    assert [replica.take(frame) for frame in (started, whole)] == [Receipt.APPLIED, Receipt.APPLIED]
    later = {"type": kind, "epoch": "e", "at": 20, "text": "five"}
    assert [replica.take(frame) for frame in (started, later)] == [Receipt.APPLIED, Receipt.APPLIED]
    assert said() == "one two threefive"
