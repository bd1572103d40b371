"""How a process goes away without anybody losing anything (PROTOCOL.md §10).

1. It says so first: `/readyz`, then a `goaway` to every session; what is asked anew is refused from there on.
2. A connection is closed once all its watches have their terminals, and no sooner; not all at the same time.
3. What runs may come to its ending, until the grace is over. Each wait is over as soon as there is nothing left to
   wait for.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from random import shuffle
from typing import Protocol

from gateway.core import messages
from gateway.core.limits import Limits
from gateway.errors import CloseCode

__all__ = ["Departing", "drained"]

_TICK_S = 0.05
"""How often it is looked who can be closed; also the time between two closings where there are few."""

_LAST_WORDS_S = 1.0
"""For what ended in the end to be written."""

_RETRY_AFTER_MS = 1_000
"""When to come back: another process is there by then, or this one's successor."""

_log = logging.getLogger("gateway")


class Departing(Protocol):
    """A connection that is to be closed."""

    @property
    def is_busy(self) -> bool:
        """Whether it has watches without a terminal, or something to write."""
        ...

    def go_away(self, message: messages.GoAway) -> None:
        """Tell its session that it will be closed, once there is one."""
        ...

    def shut(self, code: CloseCode, reason: str) -> None:
        """Close it."""
        ...


async def drained(
    connections: Callable[[], Collection[Departing]],
    *,
    limits: Limits,
    is_running: Callable[[], bool],
    refuse: Callable[[], None],
    end_runs: Callable[[], None],
    has_balancer: bool,
) -> None:
    """Wait until everybody is gone.

    Args:
        connections: those there are now.
        limits: `drain_delay_s`, `drain_window_s` and `drain_grace_s` apply.
        is_running: whether an extraction has not ended.
        refuse: called when nothing new may begin any more.
        end_runs: called when what still runs has to end.
        has_balancer: somebody may have to learn first that nobody is to be sent here.
    """
    loop = asyncio.get_running_loop()

    async def waited(until_s: float, is_over: Callable[[], bool]) -> None:
        while loop.time() < until_s and not is_over():  # noqa: ASYNC110 - it is about many others' states
            await asyncio.sleep(_TICK_S)

    def is_done() -> bool:
        return not connections() and not is_running()

    if has_balancer:
        await waited(loop.time() + limits.drain_delay_s, is_done)
    refuse()
    if not is_done():
        _log.info("draining: %d connections", len(connections()))
    deadline_s = loop.time() + limits.drain_grace_s
    for connection in connections():
        connection.go_away(_goodbye(limits))
    await _closed(connections, limits.drain_window_s, deadline_s)
    await waited(deadline_s, is_done)
    end_runs()
    await waited(loop.time() + _LAST_WORDS_S, lambda: not any(each.is_busy for each in connections()))
    for connection in connections():
        connection.shut(CloseCode.RESTART, "restart")
    await waited(loop.time() + _LAST_WORDS_S, is_done)


async def _closed(connections: Callable[[], Collection[Departing]], window_s: float, deadline_s: float) -> None:
    """Close who is not busy, in no order, as evenly as the window has it; come back when nobody is left."""
    loop = asyncio.get_running_loop()
    count = len(connections())
    per_tick = max(1.0, count * _TICK_S / window_s) if window_s else float(count)
    budget = 1.0
    closed: set[Departing] = set()
    while loop.time() < deadline_s and connections():
        ready = [each for each in connections() if each not in closed and not each.is_busy]
        shuffle(ready)
        for connection in ready[: int(budget)]:
            connection.shut(CloseCode.RESTART, "restart")
            closed.add(connection)
        budget = min(budget - min(int(budget), len(ready)) + per_tick, per_tick + 1)
        await asyncio.sleep(_TICK_S)


def _goodbye(limits: Limits) -> messages.GoAway:
    return messages.GoAway(
        reason="restart", retry_after_ms=_RETRY_AFTER_MS, deadline_ms=round(limits.drain_grace_s * 1000)
    )
