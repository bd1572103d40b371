"""Places that a bounded number may hold and a bounded number may wait for, in order (PROTOCOL.md §3 `busy`, §10).

A place is reserved in the call that accepts an extraction, not when its task first runs: however many are accepted in
one turn of the event loop, no more wait than may.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from gateway.errors import OverCapacity

__all__ = ["Slot", "Slots"]


def _stay() -> None:
    """Stands for a holder that cannot be asked to leave yet."""


class Slot:
    """A place that is held, or waited for.

    Attributes:
        leave: asks whoever has it to give it back.
        is_leaving: whether that has been asked.
    """

    def __init__(self, slots: "Slots") -> None:
        """Wait; `Slots` makes these."""
        self.leave: Callable[[], None] = _stay
        self.is_leaving = False
        self._slots = slots
        self._granted = asyncio.Event()

    @property
    def is_held(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._granted.is_set()

    async def acquire(self) -> None:
        """Wait until the place is held."""
        await self._granted.wait()

    def grant(self) -> None:
        """Give the place to whoever waits for it."""
        self._granted.set()

    def release(self) -> None:
        """Give the place back, or leave the queue; without effect the second time."""
        self._slots.remove(self)


class Slots:
    """A number of places.

    Args:
        places: to be held at once.
        queue: that may be waited for.
        full: why one more is refused.
    """

    def __init__(self, places: int, queue: int, full: str) -> None:
        """Begin with all free."""
        self._free = places
        self._queue = queue
        self._full = full
        self._held: OrderedDict[Slot, None] = OrderedDict()
        self._waiting: OrderedDict[Slot, None] = OrderedDict()

    @property
    def has_free(self) -> bool:
        """Whether the next one need not wait."""
        return self._free > 0

    @property
    def held(self) -> int:
        """How many are held."""
        return len(self._held)

    def reserve(self, *, is_first: bool = False, is_accepted: bool = False) -> Slot:
        """Return a place that is held, or waited for.

        Args:
            is_first: whether it is waited for in front of all others.
            is_accepted: whether it may wait however many do: it has been promised before.

        Raises:
            OverCapacity: as many as may wait are waiting.
        """
        if not self._free and len(self._waiting) >= self._queue and not is_accepted:
            raise self.refusal()
        slot = Slot(self)
        self._waiting[slot] = None
        if is_first:
            self._waiting.move_to_end(slot, last=False)
        self._grant_next()
        return slot

    def replace(self) -> Slot:
        """Ask whoever has held a place longest to leave, and return the place that comes free.

        Raises:
            OverCapacity: all are leaving already, or as many as may wait are waiting.
        """
        staying = (slot for slot in (*self._held, *self._waiting) if not slot.is_leaving)
        oldest = next(staying, None)
        if oldest is None:
            raise self.refusal()
        slot = self.reserve(is_first=True)
        oldest.is_leaving = True
        oldest.leave()
        return slot

    def refusal(self) -> OverCapacity:
        """Return the error that says why one more is refused."""
        return OverCapacity(self._full, retry_after_ms=1_000)

    def remove(self, slot: Slot) -> None:
        """Take a place back, and give it to the next."""
        if slot in self._held:
            del self._held[slot]
            self._free += 1
            self._grant_next()
        else:
            self._waiting.pop(slot, None)

    def _grant_next(self) -> None:
        while self._free and self._waiting:
            slot, _ = self._waiting.popitem(last=False)
            self._free -= 1
            self._held[slot] = None
            slot.grant()


class Place:
    """A provider call's place, for which a session's own limit, and that of who asks, may have to be waited for first.

    Args:
        calls: the provider's places.
        turn: one of the session's, where a session asks.
        share: the places of who asks, where they are bounded.

    Raises:
        OverCapacity: as many as may wait are waiting; the turn has been given back.
    """

    def __init__(self, calls: Slots, turn: Slot | None = None, share: Slots | None = None) -> None:
        """Reserve what is next in turn, and what follows as long as there is nothing to wait for."""
        self._turn = turn
        self._stages = [calls] if share is None else [share, calls]
        self._slots: list[Slot] = []
        if turn is not None and not turn.is_held:
            return
        try:
            while len(self._slots) < len(self._stages) and all(slot.is_held for slot in self._slots):
                self._reserve(is_accepted=False)
        except OverCapacity:
            self.release()
            raise

    async def acquire(self) -> None:
        """Wait until the provider may be called."""
        if self._turn is not None:
            await self._turn.acquire()
        for number in range(len(self._stages)):
            if number == len(self._slots):
                self._reserve(is_accepted=True)
            await self._slots[number].acquire()

    def release(self) -> None:
        """Give everything back; without effect the second time."""
        for slot in reversed(self._slots):
            slot.release()
        if self._turn is not None:
            self._turn.release()

    def _reserve(self, *, is_accepted: bool) -> None:
        self._slots.append(self._stages[len(self._slots)].reserve(is_accepted=is_accepted))
