"""How often something may happen: a bucket of tokens, and a session's messages (PROTOCOL.md §10).

1. Nothing is counted against a session for what resuming takes: as many watches as it may have are free of charge.
2. What is refused changes nothing; who is refused too often in a short time abuses the server.
"""

from collections import deque
from math import ceil

from gateway.core.limits import Limits
from gateway.errors import RateLimited

__all__ = ["Bucket", "Throttle"]

_ABUSIVE_REFUSALS = 100
_ABUSE_WINDOW_S = 10.0
"""So many refusals in this time are abuse."""


class Bucket:
    """Tokens that come at a rate, up to a burst of them; full at first.

    Args:
        per_s: tokens a second.
        burst: most tokens at once.
        now_s: the monotonic clock.
    """

    __slots__ = ("_at_s", "_burst", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        """Begin full."""
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._at_s = now_s

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or take none and return after how many seconds there will be one."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_s


class Throttle:
    """How often a session may say something.

    Args:
        limits: `messages_per_s`, `messages_burst` and `watches_per_connection` apply.
        now_s: the monotonic clock.

    Attributes:
        is_abused: too much was refused in a short time.
    """

    __slots__ = ("_limits", "_messages", "_refusals", "_watches", "is_abused")

    def __init__(self, limits: Limits, now_s: float) -> None:
        """Begin with nothing said."""
        self._limits = limits
        self._messages = Bucket(limits.messages_per_s, limits.messages_burst, now_s)
        self._watches = Bucket(limits.messages_per_s, limits.watches_per_connection, now_s)
        self._refusals: deque[float] | None = None
        self.is_abused = False

    def take(self, now_s: float, *, is_watch: bool) -> None:
        """Count a message.

        Raises:
            RateLimited: there were too many.
        """
        if is_watch and not self._watches.take(now_s):
            return
        wait_s = self._messages.take(now_s)
        if not wait_s:
            return
        self._refused(now_s)
        most, burst = self._limits.messages_per_s, self._limits.messages_burst
        expected = f"expected at most {most:g} messages a second, and {burst} at once"
        raise RateLimited(expected, retry_after_ms=ceil(wait_s * 1000))

    def _refused(self, now_s: float) -> None:
        if self._refusals is None:
            self._refusals = deque(maxlen=_ABUSIVE_REFUSALS)
        self._refusals.append(now_s)
        is_many = len(self._refusals) == _ABUSIVE_REFUSALS
        self.is_abused = is_many and now_s - self._refusals[0] <= _ABUSE_WINDOW_S
