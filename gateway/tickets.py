"""One-time tickets (PROTOCOL.md §2, §11): who may enter gets one, and who brings it enters as they would, once.

1. A ticket is spent by the first `hello` that brings it, whatever becomes of that, and good for `ticket_s`.
2. What was given holds: where as many are open as may be, the next one is refused; none is pushed out by others.
3. A ticket is 128 bits of chance or more and is looked up, not compared; no ticket has a timer.
"""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from gateway.core.limits import Limits
from gateway.errors import OverCapacity, RateLimited, Unauthenticated
from gateway.headcount import Arrivals, network_of
from gateway.principal import Principal

__all__ = ["Tickets"]


class Tickets:
    """Those that are open.

    Args:
        limits: `ticket_s` and `max_tickets` apply; those of handshakes to an address and a principal likewise.
        new_ticket: makes one that nobody can guess.
        is_private: only this machine can come here, and nobody is asked who it is: how often is not bounded.
    """

    def __init__(self, limits: Limits, new_ticket: Callable[[], str], *, is_private: bool = False) -> None:
        """Begin with none."""
        self._limits = limits
        self._new_ticket = new_ticket
        self._addresses = None if is_private else Arrivals(limits)
        self._principals = None if is_private else Arrivals(limits)
        # In the order they were given, which is that in which they expire.
        self._open: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    def __len__(self) -> int:
        """Count those that are kept; an expired one is until the next is given."""
        return len(self._open)

    def ask(self, address: str, now_s: float) -> None:
        """Count that somebody from an address asks for one; before it is known who it is.

        Raises:
            RateLimited: that was too often.
        """
        _count(self._addresses, network_of(address), now_s, "this address")

    def give(self, principal: Principal, now_s: float) -> str:
        """Return a ticket that stands for somebody.

        Raises:
            RateLimited: they had too many in a short time.
            OverCapacity: as many are open as may be.
        """
        if principal.name:
            _count(self._principals, principal.name, now_s, "this credential")
        self._forget_expired(now_s)
        if len(self._open) >= self._limits.max_tickets:
            raise OverCapacity(
                f"expected at most {self._limits.max_tickets} tickets to be open", retry_after_ms=self._wait_ms(now_s)
            )
        ticket = self._new_ticket()
        self._open[ticket] = (principal, now_s + self._limits.ticket_s)
        return ticket

    def spend(self, ticket: str, now_s: float) -> Principal:
        """Return whom a ticket stands for, and have it open nothing any more.

        Raises:
            Unauthenticated: it is unknown, spent or expired: the same for all three.
        """
        principal, until_s = self._open.pop(ticket, (None, 0.0))
        if principal is None or now_s >= until_s:
            raise Unauthenticated("expected a ticket that is open: each is good once, and not for long", param="ticket")
        return principal

    def _forget_expired(self, now_s: float) -> None:
        while self._open and now_s >= self._first_until_s():
            self._open.popitem(last=False)

    def _wait_ms(self, now_s: float) -> int:
        """Return when there is room at the latest."""
        return ceil((self._first_until_s() - now_s) * 1000)

    def _first_until_s(self) -> float:
        _, until_s = next(iter(self._open.values()))
        return until_s


def _count(arrivals: Arrivals | None, name: str, now_s: float, whose: str) -> None:
    wait_s = 0.0 if arrivals is None else arrivals.arrive(name, now_s)
    if wait_s:
        raise RateLimited(f"too many requests for tickets from {whose}", retry_after_ms=ceil(wait_s * 1000))
