"""What is counted and told of one connection: who closed, why it was dropped, how it began."""

import logging

import pytest

from gateway.accounts import ConnectionAccount
from gateway.errors import CloseCode
from gateway.figures import Figures


def ended(account: ConnectionAccount, figures: Figures, meant: CloseCode | None = None) -> tuple[str, str, str, str]:
    """End a connection; return code, who closed, how it began, and why it was dropped."""
    account.end(1.5, meant)
    (((code, by), closed),) = figures.closed.items()
    ((greeting, greetings),) = figures.greetings.items()
    assert (closed, greetings) == (1, 1)
    return code, by, greeting, " ".join((+figures.dropped).elements())


@pytest.mark.parametrize(
    ("word", "by_server", "meant", "expected"),
    [
        (1000, False, None, ("1000", "client", "left", "")),
        (1005, False, None, ("1005", "client", "left", "")),
        (4321, False, None, ("other", "client", "left", "")),
        (1009, False, None, ("1009", "server", "violated", "")),
        (1012, False, None, ("1012", "server", "left", "")),
        (4408, True, CloseCode.HELLO_TIMEOUT, ("4408", "server", "timed_out", "")),
        (4500, True, CloseCode.FAULT, ("4500", "server", "internal", "")),
        (4413, True, CloseCode.TOO_SLOW, ("4413", "server", "violated", "too_slow")),
        (4413, False, None, ("4413", "client", "left", "")),
        (None, False, CloseCode.BINARY, ("1003", "server", "violated", "")),
        (None, False, CloseCode.TOO_SLOW, ("4413", "server", "violated", "too_slow")),
        (None, False, None, ("1006", "client", "left", "")),
    ],
)
def test_who_closed(
    word: int | None, by_server: bool, meant: CloseCode | None, expected: tuple[str, str, str, str]
) -> None:
    """The first word counts; without one, what we meant to say; without that it was lost."""
    figures = Figures()
    account = ConnectionAccount(figures, 0, {})
    if word is not None:
        account.close(word, by_server=by_server)
        account.close(1001, by_server=False)
    assert ended(account, figures, meant) == expected


@pytest.mark.parametrize("why", ["stalled", "silent"])
def test_the_server_underneath_says_why_it_dropped_a_peer(why: str) -> None:
    """It looks like a lost connection, and was us; what was said before that stands."""
    figures, below = Figures(), {"dropped": why}
    account = ConnectionAccount(figures, 0, below)
    account.admitted("s")
    account.close(1005, by_server=False)
    assert ended(account, figures) == ("1006", "server", "admitted", why)
    said = Figures()
    account = ConnectionAccount(said, 0, below := dict[str, str]())
    account.close(CloseCode.PROTOCOL_VIOLATION, by_server=True)
    below["dropped"] = why
    assert ended(account, said) == ("4400", "server", "violated", "")


def test_frames_are_counted_in_bytes_of_utf_8(caplog: pytest.LogCaptureFixture) -> None:
    """By type; the line at the end has the sum of all."""
    caplog.set_level(logging.INFO)
    figures = Figures()
    account = ConnectionAccount(figures, 0, {})
    frames = ['{"type":"ping"}', '{"type":"patch","id":"w","ops":["é😀"]}', '{"type":"ping"}']
    for frame in frames:
        account.wrote(frame)
    account.end(1.5, None)
    size = sum(len(frame.encode()) for frame in frames)
    assert {type_: each.frames for type_, each in figures.written.items()} == {"ping": 2, "patch": 1}
    assert sum(each.bytes for each in figures.written.values()) == size
    assert f"total_ms=1500 messages_in=0 frames_out=3 bytes_out={size} watches=0" in caplog.text
