"""What follows a close, and when: the table, the waits, what is remembered between connections."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client.reconnect import REACTIONS, Reaction, Recovery, backoff_s, code_of_status, reaction
from gateway.errors import CloseCode

ROOT = Path(__file__).parent.parent.parent
WORDS = {"stops": Reaction.STOP, "refreshes": Reaction.REFRESH, "resumes with a longer interval": Reaction.SLOWER}


def test_the_table_is_the_documented_one() -> None:
    """What PROTOCOL.md says the client does after a code is what it does."""
    told = re.findall(r"^\| (\d{4}) \| [^|]+ \| ([^|]+) \| [^|]+ \|$", (ROOT / "PROTOCOL.md").read_text(), re.MULTILINE)

    assert [int(code) for code, _ in told] == list(CloseCode)
    for code, words in told:
        expected = next((what for start, what in WORDS.items() if words.startswith(start)), Reaction.WAIT)
        assert reaction(int(code)) is expected, code


def test_the_table_is_the_javascript_clients() -> None:
    """Both clients do the same."""
    script = (ROOT / "static/client/reconnect.js").read_text()
    lists = {name: re.findall(r"\d{4}", codes) for name, codes in re.findall(r"export const (\w+) = (.*);", script)}
    names = {"FINAL": Reaction.STOP, "UNAUTHENTICATED": Reaction.REFRESH, "TOO_SLOW": Reaction.SLOWER}
    assert {int(code): what for name, what in names.items() for code in lists[name]} == REACTIONS


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, 4401),
        (403, 4403),
        (404, 4403),
        (400, 4403),
        (408, 1013),
        (425, 1013),
        (429, 1013),
        (500, 1013),
        (503, 1013),
    ],
)
def test_a_status_is_as_good_as_a_code(status: int, code: int) -> None:
    """What is wrong with the request stays wrong; anything else passes."""
    assert code_of_status(status) == code


@given(st.integers(0, 10_000), st.integers(0, 60_000), st.floats(0, 1))
def test_a_wait_has_its_bounds(attempt: int, retry_after_ms: int, chance: float) -> None:
    """Never less than the server asks for, never more than that or 20 s."""
    wait_s = backoff_s(attempt, retry_after_ms=retry_after_ms, chance=chance)

    assert retry_after_ms / 1000 <= wait_s <= 20 + retry_after_ms / 1000


def test_waits_double_up_to_twenty_seconds() -> None:
    """The longest that chance can make them, one after the other."""
    waits_s = [backoff_s(attempt, retry_after_ms=0, chance=1) for attempt in range(8)]

    assert waits_s == [0.5, 1, 2, 4, 8, 16, 20, 20]


def test_a_connection_that_lasted_begins_anew() -> None:
    """One of 30 s does, a shorter one does not."""
    recovery = Recovery(can_refresh=False)
    waits_s = []
    for opened_s, lost_s in [(0, 1), (2, 31.9), (40, 70)]:
        recovery.open(opened_s)
        waits_s.append(recovery.lose(1006, now_s=lost_s, chance=1))

    assert waits_s == [0.5, 1, 0.5]


def test_tries_that_fail_are_no_connection_that_lasted() -> None:
    """However long it was down, the waits go on growing."""
    recovery = Recovery(can_refresh=False)
    recovery.open(0)

    assert [recovery.lose(1006, now_s=now_s, chance=1) for now_s in (40, 80, 120)] == [0.5, 1, 2]


def test_what_the_server_asks_for_holds_until_it_welcomes() -> None:
    """Also over several tries."""
    recovery = Recovery(can_refresh=False)
    recovery.heed(3_000)
    asked_s = [recovery.lose(1012, now_s=0, chance=0) for _ in range(2)]
    recovery.open(0)

    assert (asked_s, recovery.lose(1012, now_s=0, chance=0)) == ([3, 3], 0)


@pytest.mark.parametrize("code", [4401, 4440])
def test_a_credential_is_refreshed_once(code: int) -> None:
    """A second time in a row is the end; a welcome between the two makes it the first again."""
    recovery = Recovery(can_refresh=True)
    assert recovery.lose(code, now_s=0, chance=0) == 0
    recovery.open(0)

    assert [recovery.lose(code, now_s=0, chance=0) for _ in range(2)] == [0, None]
    assert Recovery(can_refresh=False).lose(code, now_s=0, chance=0) is None
