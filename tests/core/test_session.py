"""The session: transcripts of messages in and commands out, and every pair of phase and message."""

from typing import Any

import pytest
from msgspec import UNSET

from gateway.core import frames, messages
from gateway.core.limits import Limits
from gateway.core.messages import ClientMessage
from gateway.core.session import (
    Attach,
    Change,
    Close,
    Command,
    Detach,
    End,
    Follow,
    Judge,
    Phase,
    Send,
    Session,
    Start,
    Unfollow,
)
from gateway.errors import (
    BadRequest,
    CloseCode,
    Forbidden,
    GatewayError,
    Internal,
    NotFound,
    OverCapacity,
    RateLimited,
    Unauthenticated,
)

WELCOME = messages.Welcome(
    session="s",
    protocol="extraction.v1",
    server="test",
    heartbeat_ms=15_000,
    limits={},
    extractors=[],
    encodings=["patch"],
    inline_schemas=True,
    provider={},
)
HELLO = messages.Hello()
VIOLATION = CloseCode.PROTOCOL_VIOLATION


def new_session(credential: str | None = None, **limits: Any) -> Session:
    """Return a session that waits for hello."""
    return Session(limits=Limits(**limits), credential=credential)


def open_session(**limits: Any) -> Session:
    """Return a session that has been greeted."""
    session = new_session(**limits)
    session.receive(HELLO)
    session.admit(WELCOME)
    return session


def extract(id_: str = "a") -> messages.Extract:
    """Return a request for an extraction."""
    return messages.Extract(id=id_, extractor="x", input="x")


def watch(id_: str = "a", extraction: str = "x1") -> messages.Watch:
    """Return a request for a watch."""
    return messages.Watch(id=id_, extraction=extraction)


def running(session: Session, id_: str = "a", extraction: str = "x1") -> Session:
    """Let a session start an extraction."""
    session.receive(extract(id_))
    session.attached(id_, extraction)
    return session


def error(commands: list[Command]) -> tuple[str, object]:
    """Return code and id of the one error that was answered."""
    (command,) = commands
    assert isinstance(command, Send)
    assert isinstance(command.message, messages.Error)
    return command.message.code, command.message.id


def test_a_whole_session() -> None:
    """Greeting, an extraction, another interval, the end by cancel, another watch of it, and its end."""
    session, asked, again = new_session(), extract(), watch("b")
    assert session.receive(HELLO) == [Judge(None)]
    assert session.admit(WELCOME) == [Send(WELCOME)]
    assert session.receive(asked) == [Start(asked)]
    session.attached("a", "x1")
    assert session.receive(messages.Adjust(id="a", interval_ms=500)) == [Change("a", 500)]
    assert session.receive(messages.Ping(nonce="n")) == [Send(messages.Pong(nonce="n"))]
    assert session.receive(again) == [Attach(again)]
    session.attached("b", "x1")
    assert session.receive(messages.Cancel(id="a")) == [End("x1", "a")]
    session.finished("a")
    assert session.receive(messages.Cancel(id="a")) == []
    assert session.receive(messages.Unwatch(id="b")) == [Detach("b")]
    assert session.receive(messages.Unwatch(id="b")) == []
    assert session.phase is Phase.OPEN


EVERY_MESSAGE: list[ClientMessage] = [
    HELLO,
    extract(),
    watch(),
    messages.Unwatch(id="live"),
    messages.Adjust(id="live", interval_ms=1),
    messages.Cancel(id="live"),
    messages.Follow(id="f", channel="c"),
    messages.Unfollow(id="followed"),
    messages.Credential(token="t"),
    messages.Ping(),
    messages.Pong(),
]
IN_OPEN: dict[type[Any], tuple[str, Phase]] = {
    messages.Hello: ("Close", Phase.CLOSED),
    messages.Extract: ("Start", Phase.OPEN),
    messages.Watch: ("Attach", Phase.OPEN),
    messages.Unwatch: ("Detach", Phase.OPEN),
    messages.Adjust: ("Change", Phase.OPEN),
    messages.Cancel: ("End", Phase.OPEN),
    messages.Follow: ("Follow", Phase.OPEN),
    messages.Unfollow: ("Unfollow", Phase.OPEN),
    messages.Credential: ("Send", Phase.OPEN),
    messages.Ping: ("Send", Phase.OPEN),
    messages.Pong: ("", Phase.OPEN),
}


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("phase", list(Phase))
def test_every_message_in_every_phase(phase: Phase, message: ClientMessage) -> None:
    """One entry each: before hello only hello, after the close nothing, between as the protocol says."""
    session = new_session()
    if phase is not Phase.GREETING:
        session.receive(HELLO)
    if phase in {Phase.OPEN, Phase.CLOSED}:
        session.admit(WELCOME)
        running(session, "live", "x0")
        session.receive(messages.Follow(id="followed", channel="c"))
    if phase is Phase.CLOSED:
        session.receive(HELLO)
    kinds = [type(command).__name__ for command in session.receive(message)]
    expected: dict[Phase, tuple[str, Phase]] = {
        Phase.GREETING: ("Judge", Phase.JUDGING) if message == HELLO else ("Close", Phase.CLOSED),
        Phase.JUDGING: ("Close", Phase.CLOSED),
        Phase.OPEN: IN_OPEN[type(message)],
        Phase.CLOSED: ("", Phase.CLOSED),
    }
    assert (" ".join(kinds), session.phase) == expected[phase]


def test_follows_and_watches_share_their_ids() -> None:
    """One id, one thing; what was unfollowed may be named again, and unfollowing twice is ignored."""
    session = open_session(watches_per_connection=2)
    follow, unfollow = messages.Follow(id="f", channel="c"), messages.Unfollow(id="f")
    assert error(session.receive(unfollow)) == ("not_found", "f")
    assert session.receive(follow) == [Follow("f", "c")]
    for message in (follow, extract("f"), watch("f")):
        assert error(session.receive(message)) == ("duplicate_id", "f")
    assert error(session.receive(messages.Unwatch(id="f"))) == ("not_found", "f")
    running(session, "a")
    assert error(session.receive(messages.Follow(id="g", channel="c"))) == ("over_capacity", "g")
    assert [session.receive(unfollow), session.receive(unfollow)] == [[Unfollow("f")], []]
    assert error(session.receive(messages.Follow(id="a", channel="c"))) == ("duplicate_id", "a")
    assert session.receive(follow) == [Follow("f", "c")]


def test_the_reason_of_a_violation_names_what_came() -> None:
    """Code 4400 and both sides of the misunderstanding."""
    session = new_session()
    assert session.receive(messages.Ping()) == [Close(VIOLATION, "expected hello first, got ping")]
    assert open_session().receive(HELLO) == [Close(VIOLATION, "expected one hello only, got hello")]


def test_a_frame_that_is_no_message() -> None:
    """As the first one it ends the session; later it is answered, under its own id where it has one."""
    session = new_session()
    greeting = session.reject(BadRequest("no"))
    assert [type(command).__name__ for command in greeting] == ["Send", "Close"]
    with pytest.raises(BadRequest) as rejected:
        frames.read('{"type": "watch", "id": "a"}', max_depth=9)
    later = open_session()
    assert error(later.reject(rejected.value)) == ("bad_request", "a")
    assert (session.phase, later.phase) == (Phase.CLOSED, Phase.OPEN)


def test_hello_in_time_or_not() -> None:
    """Only a session that still waits for hello expires."""
    session = new_session(hello_timeout_s=5)
    assert session.expire() == [Close(CloseCode.HELLO_TIMEOUT, "expected hello within 5 s")]
    assert (session.expire(), open_session().expire()) == ([], [])
    judging = new_session()
    judging.receive(HELLO)
    assert [type(command) for command in judging.expire()] == [Close]


@pytest.mark.parametrize(
    ("credential", "token", "asked"), [(None, None, None), ("c", None, "c"), (None, "t", "t"), ("c", "t", "t")]
)
def test_which_credential_counts(credential: str | None, token: str | None, asked: str | None) -> None:
    """Hello's, else the handshake's."""
    session = new_session(credential)
    assert session.receive(messages.Hello(token=token)) == [Judge(asked)]
    assert session.phase is Phase.JUDGING


@pytest.mark.parametrize("credential", [None, "c"])
def test_a_ticket_alone_is_judged(credential: str | None) -> None:
    """Whatever came with the handshake; also an empty one, which is one that does not hold."""
    for ticket in ("t", ""):
        session = new_session(credential)
        assert session.receive(messages.Hello(ticket=ticket)) == [Judge(None, ticket)]
        assert session.phase is Phase.JUDGING


def test_a_token_beside_a_ticket_is_a_violation() -> None:
    """Nobody can say which of the two is meant; nothing is judged."""
    session = new_session()
    said, closed = session.receive(messages.Hello(token="t", ticket="i"))
    assert (error([said]), closed) == (("bad_request", UNSET), Close(CloseCode.PROTOCOL_VIOLATION, "expected hello"))
    assert isinstance(said, Send)
    assert isinstance(said.message, messages.Error)
    assert (said.message.param, session.phase) == ("ticket", Phase.CLOSED)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Unauthenticated("no"), CloseCode.UNAUTHENTICATED),
        (Forbidden("no"), CloseCode.FORBIDDEN),
        (OverCapacity("no"), CloseCode.OVER_CAPACITY),
        (RateLimited("no"), CloseCode.RATE_ABUSE),
        (Internal("no"), CloseCode.FAULT),
    ],
)
def test_whoever_may_not_enter_is_told_why(failure: GatewayError, code: CloseCode) -> None:
    """The error, then the close code that says what to do about it; nothing after it."""
    session = new_session()
    session.receive(HELLO)
    said, closed = session.deny(failure)
    assert error([said]) == (failure.code, UNSET)
    assert (closed, session.phase) == (Close(code, failure.code), Phase.CLOSED)


def test_a_live_id_is_not_given_twice() -> None:
    """Not to another extraction, nor to a watch of another one; the same extraction repositions the watch."""
    session = running(open_session())
    assert error(session.receive(extract("a"))) == ("duplicate_id", "a")
    assert error(session.receive(watch("a", "x2"))) == ("duplicate_id", "a")
    assert session.receive(again := watch("a", "x1")) == [Attach(again)]


def test_a_refused_id_was_never_live() -> None:
    """It may be used at once, and cancelling it is an error."""
    session = open_session()
    session.receive(extract("a"))
    assert error(session.refused("a", NotFound("none"))) == ("not_found", "a")
    assert error(session.receive(messages.Cancel(id="a"))) == ("not_found", "a")
    assert session.receive(again := extract("a")) == [Start(again)]


def test_a_refused_repositioning_leaves_the_watch_live() -> None:
    """The id still names its extraction."""
    session = running(open_session())
    session.receive(watch("a", "x1"))
    session.refused("a", BadRequest("no such encoding"))
    assert session.receive(messages.Cancel(id="a")) == [End("x1", "a")]


@pytest.mark.parametrize("message", [messages.Unwatch(id="a"), messages.Adjust(id="a"), messages.Cancel(id="a")])
def test_what_is_finished_is_ignored_and_what_never_was_is_an_error(message: ClientMessage) -> None:
    """Messages cross terminals on the wire."""
    session = running(open_session())
    session.finished("a")
    assert session.receive(message) == []
    assert error(open_session().receive(message)) == ("not_found", "a")


def test_a_finished_id_may_be_used_again() -> None:
    """It is live again then."""
    session = running(open_session())
    session.finished("a")
    running(session, "a", "x2")
    assert session.receive(messages.Cancel(id="a")) == [End("x2", "a")]


def test_finished_ids_are_remembered_for_a_while_only() -> None:
    """Memory is bounded: after a thousand more the first is unknown."""
    session = open_session()
    for number in range(1_025):
        session.receive(watch(f"w{number}"))
        session.attached(f"w{number}", "x1")
        session.finished(f"w{number}")
    assert error(session.receive(messages.Cancel(id="w0"))) == ("not_found", "w0")
    assert session.receive(messages.Cancel(id="w1")) == []


def test_room_for_watches() -> None:
    """Extractions' own watches count too; a watch that moves does not count twice."""
    session = running(open_session(watches_per_connection=2))
    session.receive(watch("b"))
    assert error(session.receive(watch("c"))) == ("over_capacity", "c")
    assert error(session.receive(extract("c"))) == ("over_capacity", "c")
    assert session.receive(again := watch("a", "x1")) == [Attach(again)]
    session.receive(messages.Unwatch(id="b"))
    assert session.receive(more := watch("c")) == [Attach(more)]


@pytest.mark.parametrize("message", [messages.Cancel(), messages.Cancel(id="a", extraction="x1")])
def test_cancel_needs_one_name(message: ClientMessage) -> None:
    """Either the watch or the extraction."""
    assert error(running(open_session()).receive(message))[0] == "bad_request"


def test_cancel_by_extraction_needs_no_watch() -> None:
    """Whether it exists is the hub's to say."""
    assert open_session().receive(messages.Cancel(extraction="x9")) == [End("x9", None)]


def test_adjusting_nothing_changes_nothing() -> None:
    """Without an interval there is nothing to do."""
    assert running(open_session()).receive(messages.Adjust(id="a")) == []
