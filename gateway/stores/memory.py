"""Extractions kept in this process: those that run, and those that ended not too long ago (PROTOCOL.md §5)."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.errors import NotFound

__all__ = ["MemoryStore"]

T = TypeVar("T")


class MemoryStore(Generic[T]):
    """Running extractions without a bound of its own, ended ones oldest first until they fit.

    Args:
        now_s: reads a monotonic clock.
        retain_s: how long an ended extraction is kept.
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
        raise NotFound("extraction: expected one that runs or ended lately, got another", param="extraction")

    def retire(self, id_: str, size_bytes: int) -> None:
        """Take note that an extraction ended; its value has that many bytes."""
        extraction = self._running.pop(id_)
        self._ended[id_] = (extraction, self._now_s() + self._retain_s, size_bytes)
        self._bytes += size_bytes
        self.evict()

    def running(self) -> list[T]:
        """Return the extractions that run."""
        return list(self._running.values())

    def next_eviction_s(self) -> float | None:
        """Return when the oldest of what has ended is too old, on the store's clock; None where nothing is kept."""
        return next((until_s for _, until_s, _ in self._ended.values()), None)

    def evict(self) -> None:
        """Let go of what is too old or too much."""
        now_s = self._now_s()
        while self._ended:
            extraction, until_s, size_bytes = next(iter(self._ended.values()))
            if until_s > now_s and len(self._ended) <= self._most and self._bytes <= self._most_bytes:
                return
            self._ended.popitem(last=False)
            self._bytes -= size_bytes
            self._on_evict(extraction)
