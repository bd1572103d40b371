"""How many connections somebody has, and how often an address comes (PROTOCOL.md §10)."""

from collections import Counter, OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network

from gateway.core.limits import Limits
from gateway.core.throttle import Bucket
from gateway.errors import OverCapacity

__all__ = ["Arrivals", "Headcount", "network_of"]

_REMEMBERED = 4_096
"""Addresses whose arrivals are remembered; whoever was longest not there is forgotten."""

_SUBSCRIBER_BITS = 64
"""Of an IPv6 address: one subscriber has all that begin alike."""


def network_of(address: str) -> str:
    """Return what an address is counted as: itself, or the network of a subscriber."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    mapped = parsed.ipv4_mapped
    return str(ip_network((parsed, _SUBSCRIBER_BITS), strict=False)) if mapped is None else str(mapped)


class Headcount:
    """Counts those who are there, by a name.

    Args:
        most: with the same name at once; None for no limit.
        expected: says what that is.
    """

    def __init__(self, most: int | None, expected: str) -> None:
        """Begin with nobody there."""
        self._most = most
        self._expected = expected
        self._there: Counter[str] = Counter()

    def __len__(self) -> int:
        """Count the names."""
        return len(self._there)

    def enter(self, name: str) -> None:
        """Count one more.

        Raises:
            OverCapacity: there are as many as may be.
        """
        if self._most is not None and self._there[name] >= self._most:
            raise OverCapacity(f"expected at most {self._most} {self._expected}", retry_after_ms=5_000)
        self._there[name] += 1

    def leave(self, name: str) -> None:
        """Count one less."""
        self._there[name] -= 1
        if not self._there[name]:
            del self._there[name]


class Arrivals:
    """How often each address comes.

    Args:
        limits: `handshakes_per_address_per_s` and `handshakes_burst` apply.
    """

    def __init__(self, limits: Limits) -> None:
        """Begin with nobody."""
        self._limits = limits
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def arrive(self, address: str, now_s: float) -> float:
        """Return 0 where somebody from an address may enter, else the seconds to wait."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = Bucket(self._limits.handshakes_per_address_per_s, self._limits.handshakes_burst, now_s)
            self._buckets[address] = bucket
            if len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        return bucket.take(now_s)
