"""What a watch asks and makes of the answers: transcripts, without a socket."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client.asking import Asking, Event, Phase, error_of
from gateway.core.replica import digest
from gateway.errors import Closed, GatewayError, InvalidOutput, NotFound

REQUEST = {"extractor": "x", "input": "text", "key": "k", "encoding": "append", "skeleton": False}
STARTED = {"type": "started", "id": "a", "extraction": "X", "epoch": "e", "state": "running"}
WATCHING = {**STARTED, "type": "watching", "rev": 1}
SNAPSHOT = {"type": "snapshot", "id": "a", "epoch": "e", "rev": 1, "value": {"n": 1}}
GAP = {"type": "patch", "id": "a", "from": 5, "rev": 6, "ops": []}
COMPLETED = {"type": "completed", "id": "a", "epoch": "e", "rev": 1, "digest": digest({"n": 1})}
EXTRACT = {"type": "extract", "id": "a", **REQUEST}
RESUME = {
    "type": "watch",
    "id": "a",
    "extraction": "X",
    "from": {"epoch": "e", "rev": 1},
    "encoding": "append",
    "skeleton": False,
}


def asking(*frames: dict[str, Any], **request: Any) -> Asking:
    """Return a watch that has asked, and has taken frames."""
    asking = Asking("a", {**REQUEST, **request})
    assert asking.say() is not None
    for frame in frames:
        asking.take(frame)
    return asking


@pytest.mark.parametrize(("phase", "event"), list(product(Phase, Event)))
def test_every_pair_of_phase_and_event(phase: Phase, event: Event) -> None:
    """Over stays over; leaving leaves; a lost line asks again for what is live, and only for that."""
    then = Asking.TABLE.get((phase, event), phase)
    is_live = phase not in {Phase.LEAVING, Phase.OVER}

    assert phase is not Phase.OVER or then is Phase.OVER
    assert event is not Event.LEAVE or then in {Phase.LEAVING, Phase.OVER}
    assert event is not Event.LOSE or then is (Phase.DUE if is_live else Phase.OVER)
    assert (then is Phase.ASKED) == (
        (event is Event.SAY and phase in {Phase.DUE, Phase.GAP}) or then is phase is Phase.ASKED
    )


def test_it_is_asked_once_and_answered() -> None:
    """Then there is nothing more to say, and the value is there."""
    watch = Asking("a", REQUEST)
    assert (watch.say(), watch.say()) == (EXTRACT, None)
    watch.take(STARTED)
    watch.take(SNAPSHOT)

    assert (watch.extraction, watch.value, watch.updates, watch.say()) == ("X", {"n": 1}, 1, None)


def test_a_lost_line_asks_by_key_and_then_by_position() -> None:
    """The key finds what was started, as long as its name is not known."""
    watch = asking()
    watch.lose()
    assert watch.say() == EXTRACT
    watch.take(STARTED)
    watch.take(SNAPSHOT)
    watch.lose()

    assert watch.say() == RESUME


def test_what_comes_before_the_answer_is_dropped() -> None:
    """It belongs to what was asked before."""
    watch = asking(SNAPSHOT)
    assert watch.updates == 0
    watch.take(STARTED)
    watch.take({**SNAPSHOT, "value": {"n": 2}})

    assert watch.value == {"n": 2}


def test_five_gaps_in_a_row_are_borne() -> None:
    """The sixth is a failure, of which the server hears; an update in between begins the count anew."""
    watch = asking(STARTED, SNAPSHOT)
    for _ in range(5):
        watch.take(GAP)
        assert watch.say() == RESUME
        watch.take(WATCHING)
    watch.take({**SNAPSHOT, "rev": 2})
    for _ in range(5):
        watch.take({**GAP})
        assert watch.say() == {**RESUME, "from": {"epoch": "e", "rev": 2}}
        watch.take(WATCHING)
    watch.take(GAP)

    assert (watch.error and watch.error.code, watch.say()) == ("internal", {"type": "unwatch", "id": "a"})


@pytest.mark.parametrize(
    "frame",
    [{"type": "snapshot", "rev": 9}, {**GAP, "rev": None}, {**GAP, "from": 1, "ops": [{"op": "add", "path": 7}]}],
)
def test_a_malformed_update_is_a_gap(frame: dict[str, Any]) -> None:
    """What was known is no longer trusted."""
    watch = asking(STARTED, SNAPSHOT, frame)

    assert watch.say() == {**RESUME, "from": "start"}
    assert watch.value == {"n": 1}


FIELDS = ["extraction", "epoch", "rev", "from", "ops", "value", "digest", "error"]
ANYTHING = st.recursive(
    st.none() | st.integers(-1, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["op", "path", "code"]), inner),
)
FRAMES = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(["started", "watching", "snapshot", "patch", "reset", "completed", "failed", "cancelled", "?"]),
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING),
)
ORDINARY = st.sampled_from([STARTED, WATCHING, SNAPSHOT, GAP, COMPLETED, {**GAP, "from": 1, "rev": 2}])


@given(st.lists(FRAMES | ORDINARY))
def test_whatever_a_server_says_is_taken(frames: list[dict[str, Any]]) -> None:
    """Nothing is raised, there is never more than one thing to say, and what has ended stays so."""
    watch = asking()
    for frame in frames:
        was_ended = (watch.is_ended, watch.error, watch.value)
        watch.take(frame)
        assert not was_ended[0] or was_ended == (watch.is_ended, watch.error, watch.value)
        assert watch.say() is None or watch.say() is None


def test_completed_is_a_claim_until_its_digest_holds() -> None:
    """Then it is over, and there is nothing to say."""
    watch = asking(STARTED, SNAPSHOT, COMPLETED)
    assert (watch.claim, watch.is_ended) == (digest({"n": 1}), False)
    watch.verify(is_so=True)

    assert (watch.is_over, watch.error, watch.say()) == (True, None, None)


def test_a_part_has_no_digest_to_hold() -> None:
    """A watch with `paths` ends with its terminal, whatever that says; what it asks again names the same paths."""
    watch = asking(STARTED, SNAPSHOT, paths=["/n"])
    watch.lose()
    assert watch.say() == {**RESUME, "paths": ["/n"]}
    watch.take(WATCHING)
    watch.take({**COMPLETED, "digest": "of the whole"})

    assert (watch.claim, watch.is_over, watch.error, watch.value) == (None, True, None, {"n": 1})


def test_a_claim_that_does_not_hold_is_asked_for_as_a_whole() -> None:
    """Once; the second time it is a failure."""
    watch = asking(STARTED, SNAPSHOT, COMPLETED)
    watch.verify(is_so=False)
    assert (watch.terminal, watch.say()) == (None, {**RESUME, "from": "start"})
    for frame in (WATCHING, SNAPSHOT, COMPLETED):
        watch.take(frame)
    watch.verify(is_so=False)

    assert (watch.error and watch.error.code, watch.updates) == ("internal", 2)


def test_a_line_lost_before_the_digest_was_checked_asks_for_the_whole() -> None:
    """Whatever was being checked then, the next connection gives it again."""
    watch = asking(STARTED, SNAPSHOT, COMPLETED)
    watch.lose()
    watch.verify(is_so=True)

    assert (watch.is_ended, watch.say()) == (False, {**RESUME, "from": "start"})


@pytest.mark.parametrize(
    ("terminal", "code"),
    [
        ({"type": "incomplete", "reason": "length"}, "incomplete"),
        ({"type": "cancelled"}, "cancelled"),
        ({"type": "failed", "error": {"code": "invalid_output", "message": "m"}}, "invalid_output"),
        ({"type": "failed"}, "internal"),
    ],
)
def test_other_endings_are_errors(terminal: dict[str, Any], code: str) -> None:
    """With the value so far; a late frame changes nothing."""
    watch = asking(STARTED, SNAPSHOT, {**COMPLETED, **terminal}, {**SNAPSHOT, "rev": 2, "value": 2})

    assert watch.error is not None
    assert (watch.error.code, watch.error.value, watch.value) == (code, {"n": 1}, {"n": 1})
    assert (watch.is_over, watch.say()) == (True, None)


def test_cancel_waits_for_the_answer() -> None:
    """It is said once on each connection, and never before `started`."""
    watch = asking()
    watch.cancel()
    assert watch.say() is None
    watch.take(STARTED)
    assert (watch.say(), watch.say()) == ({"type": "cancel", "id": "a"}, None)
    watch.lose()
    assert watch.say() == {**RESUME, "from": "start"}
    watch.take(WATCHING)

    assert (watch.say(), watch.is_ended) == ({"type": "cancel", "id": "a"}, False)


def test_cancel_before_anything_was_sent() -> None:
    """Nobody has started it; one that exists is ended all the same."""
    unsent, existing = Asking("a", REQUEST), Asking("b", {"extraction": "X"})
    unsent.cancel()
    existing.cancel()

    assert (unsent.error and unsent.error.code, unsent.say()) == ("cancelled", None)
    assert (existing.say() or {})["type"] == "watch"


def test_close_is_told_where_the_watch_is_known() -> None:
    """Not on a connection that has never heard of it."""
    known, unknown = asking(STARTED), asking(STARTED)
    known.close()
    unknown.lose()
    unknown.close()

    assert isinstance(known.error, Closed)
    assert (known.is_ended, known.is_over, known.say()) == (True, False, {"type": "unwatch", "id": "a"})
    assert (unknown.is_over, unknown.say()) == (True, None)


def test_a_refusal_ends_what_was_asked_and_nothing_else() -> None:
    """An error about a later message (a cancel that crossed the end) is no reason to stop looking."""
    refused, answered = asking(), asking(STARTED)
    for watch in (refused, answered):
        watch.refuse(NotFound("gone"))

    assert (refused.is_over, answered.is_ended) == (True, False)


@pytest.mark.parametrize(("asked_ms", "then_ms"), [(0, 80), (50, 100), (700, 1_000)])
def test_too_slow_asks_for_half_as_much(asked_ms: int, then_ms: int) -> None:
    """Up to a second."""
    watch = asking(STARTED, SNAPSHOT, interval_ms=asked_ms)
    watch.slow_down()
    watch.lose()

    assert (watch.say() or {})["interval_ms"] == then_ms


def test_an_error_has_the_class_of_its_code() -> None:
    """With all that the wire says of it; a code that is not known is carried as it is."""
    known = error_of({"code": "invalid_output", "message": "m", "errors": [{"path": "/a", "message": "b"}]})
    unknown = error_of({"code": "brand_new", "message": "m", "retryable": True, "retry_after_ms": 5})

    assert (type(known), known.errors) == (InvalidOutput, ({"path": "/a", "message": "b"},))
    assert (type(unknown), unknown.code, unknown.retryable, unknown.retry_after_ms) == (
        GatewayError,
        "brand_new",
        True,
        5,
    )
    assert (GatewayError.code, error_of({}).code) == ("internal", "internal")
