"""One timer that beats for all connections (PROTOCOL.md §7)."""

import asyncio
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from gateway.figures import Histogram

__all__ = ["Heartbeat"]


class _Beating(Protocol):
    def beat(self, silent_since: float) -> None:
        """Say something if nothing has been said since then (the loop's clock)."""
        ...


T = TypeVar("T", bound=_Beating)


class Heartbeat(Generic[T]):
    """Sends an application `ping` to every connection that has been silent for an interval (PROTOCOL.md §7).

    Args:
        interval_s: of silence.
        lag_s: takes how late the event loop is.
    """

    def __init__(self, interval_s: float, lag_s: Histogram | None = None) -> None:
        """Begin without a timer; it runs while there are connections."""
        self.interval_s = interval_s
        self._lag_s = lag_s
        self._connections: set[T] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._connections)

    def __iter__(self) -> Iterator[T]:
        """Go through the connections."""
        return iter(tuple(self._connections))

    def attach(self, connection: T) -> None:
        """Beat for a connection."""
        self._connections.add(connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1, self._beat)

    def detach(self, connection: T) -> None:
        """Beat for it no longer."""
        self._connections.discard(connection)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if self._lag_s is not None and self._timer is not None:
            self._lag_s.observe(max(0.0, loop.time() - self._timer.when()))
        self._timer = loop.call_later(1, self._beat)
        for connection in tuple(self._connections):
            connection.beat(loop.time() - self.interval_s)
