"""Extractions kept in this process: those that run, and those that ended not too long ago (PROTOCOL.md §5)."""

from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Generic, NamedTuple, TypeVar

from gateway.errors import NotFound

__all__ = ["Kept", "MemoryStore"]

T = TypeVar("T")


class Kept(NamedTuple):
    """How many extractions run, how many that ended are kept, and how many bytes these have."""

    running: int
    ended: int
    ended_bytes: int


class MemoryStore(Generic[T]):
    """Running extractions without a bound of its own, ended ones for their time, oldest first until they fit.

    Args:
        now_s: reads a monotonic clock.
        retain_s: how long an ended extraction is kept that does not say so itself.
        retained_extractions: how many of them at most.
        retained_bytes: how many bytes of values at most.
        on_evict: told of each that is kept no longer.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        *,
        retain_s: float,
        retained_extractions: int,
        retained_bytes: int,
        on_evict: Callable[[T], None],
    ) -> None:
        """Begin empty."""
        self._now_s = now_s
        self._retain_s = retain_s
        self._most = retained_extractions
        self._most_bytes = retained_bytes
        self._on_evict = on_evict
        self._running: dict[str, T] = {}
        self._ended: OrderedDict[str, tuple[T, float, int]] = OrderedDict()
        self._bytes = 0
        self._next_s = inf  # when the first of what has ended is too old

    def add(self, id_: str, extraction: T) -> None:
        """Keep a running extraction."""
        self._running[id_] = extraction

    def get(self, id_: str) -> T:
        """Return an extraction that runs or is retained.

        Raises:
            NotFound: unknown, or expired: the same answer for both.
        """
        self.evict()
        if id_ in self._running:
            return self._running[id_]
        if id_ in self._ended:
            return self._ended[id_][0]
        raise self.not_found()

    @staticmethod
    def not_found() -> NotFound:
        """Return the one answer for what is unknown, expired or somebody else's."""
        return NotFound("extraction: expected one that runs or ended lately, got another", param="extraction")

    def retire(self, id_: str, size_bytes: int, retain_s: float | None = None) -> None:
        """Take note that an extraction ended; its value has that many bytes, and may have a time of its own."""
        extraction = self._running.pop(id_)
        until_s = self._now_s() + (self._retain_s if retain_s is None else retain_s)
        self._ended[id_] = (extraction, until_s, size_bytes)
        self._next_s = min(self._next_s, until_s)
        self._bytes += size_bytes
        self.evict()

    def running(self) -> list[T]:
        """Return the extractions that run."""
        return list(self._running.values())

    @property
    def kept(self) -> Kept:
        """How much there is."""
        return Kept(len(self._running), len(self._ended), self._bytes)

    def next_eviction_s(self) -> float | None:
        """Return when the first of what has ended is too old, on the store's clock; None where nothing is kept."""
        return self._next_s if self._ended else None

    def evict(self) -> None:
        """Let go of what is too old, then of the oldest while there is too much."""
        if self._next_s <= (now_s := self._now_s()):
            for id_ in [id_ for id_, (_, until_s, _) in self._ended.items() if until_s <= now_s]:
                self._forget(id_)
            self._next_s = min((until_s for _, until_s, _ in self._ended.values()), default=inf)
        while len(self._ended) > self._most or self._bytes > self._most_bytes:
            self._forget(next(iter(self._ended)))

    def _forget(self, id_: str) -> None:
        extraction, _, size_bytes = self._ended.pop(id_)
        self._bytes -= size_bytes
        self._on_evict(extraction)
