"""What a client does after a close: one table, and how long it waits (PROTOCOL.md §8). Clock and chance come in."""

from enum import StrEnum

from gateway.errors import CloseCode

__all__ = ["LOST", "REACTIONS", "Reaction", "Recovery", "backoff_s", "code_of_status", "reaction"]

LOST = 1006
"""The code of a connection that ended without one."""

_FIRST_S = 0.5
_LONGEST_S = 20.0
_SETTLED_S = 30.0  # after this long connected the next break counts as the first


class Reaction(StrEnum):
    """What follows a close."""

    STOP = "stop"
    WAIT = "wait"
    """Back off, resume."""
    REFRESH = "refresh"
    """As `wait`, once, where there is another credential to be had."""
    SLOWER = "slower"
    """As `wait`, and be satisfied with fewer updates."""


REACTIONS: dict[int, Reaction] = {
    CloseCode.DONE: Reaction.STOP,
    CloseCode.BROKEN: Reaction.STOP,
    CloseCode.BINARY: Reaction.STOP,
    CloseCode.NOT_UTF8: Reaction.STOP,
    CloseCode.TOO_BIG: Reaction.STOP,
    CloseCode.PROTOCOL_VIOLATION: Reaction.STOP,
    CloseCode.UNAUTHENTICATED: Reaction.REFRESH,
    CloseCode.FORBIDDEN: Reaction.STOP,
    CloseCode.SUBPROTOCOL: Reaction.STOP,
    CloseCode.TOO_SLOW: Reaction.SLOWER,
    CloseCode.CREDENTIAL_EXPIRED: Reaction.REFRESH,
}
"""Codes that are not here: `wait`."""

_PASSING_STATUSES = frozenset({408, 425, 429})


def reaction(code: int) -> Reaction:
    """Return what follows a close with this code."""
    return REACTIONS.get(code, Reaction.WAIT)


def code_of_status(status: int) -> CloseCode:
    """Return the close code that says what an HTTP status says in place of the upgrade."""
    if status == 401:
        return CloseCode.UNAUTHENTICATED
    is_ours = 400 <= status < 500 and status not in _PASSING_STATUSES
    return CloseCode.FORBIDDEN if is_ours else CloseCode.OVER_CAPACITY


def backoff_s(attempt: int, *, retry_after_ms: int, chance: float) -> float:
    """Return how long to wait before try number `attempt` (0, 1, …): what the server asks for, and full jitter.

    Args:
        attempt: tries since the last connection that lasted.
        retry_after_ms: what the server asked for; 0: nothing.
        chance: 0 to 1.
    """
    ceiling_s = min(_LONGEST_S, _FIRST_S * float(2 ** min(attempt, 16)))
    return retry_after_ms / 1000 + chance * ceiling_s


class Recovery:
    """Remembers, from one connection to the next, what the wait between them depends on.

    Args:
        can_refresh: another credential is to be had.
    """

    def __init__(self, *, can_refresh: bool) -> None:
        """Begin without a connection."""
        self._can_refresh = can_refresh
        self._attempt = 0
        self._retry_after_ms = 0
        self._has_refreshed = False
        self._opened_s: float | None = None

    def open(self, now_s: float) -> None:
        """Take note of a `welcome`."""
        self._opened_s = now_s
        self._retry_after_ms = 0
        self._has_refreshed = False

    def heed(self, retry_after_ms: int) -> None:
        """Take note of when the server wants to see us again."""
        self._retry_after_ms = retry_after_ms

    def lose(self, code: int, *, now_s: float, chance: float) -> float | None:
        """Return how many seconds to wait after a close; None: it was the last one."""
        what = reaction(code)
        if what is Reaction.STOP or (what is Reaction.REFRESH and (self._has_refreshed or not self._can_refresh)):
            return None
        self._has_refreshed |= what is Reaction.REFRESH
        if self._opened_s is not None and now_s - self._opened_s >= _SETTLED_S:
            self._attempt = 0
        self._opened_s = None
        delay_s = backoff_s(self._attempt, retry_after_ms=self._retry_after_ms, chance=chance)
        self._attempt += 1
        return delay_s
