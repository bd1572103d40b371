"""Nothing is left behind: no task, no timer, no socket."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from tests.fakes.gateways import no_task_left

__all__ = ["nothing_left", "sockets"]

_LOOKS = 100  # 10 ms apart: a transport that was closed lets go of its socket in its own turn


@asynccontextmanager
async def nothing_left() -> AsyncGenerator[None]:
    """Fail where a task, a timer of this loop or a socket of this process outlives the block."""
    count, timers = sockets(), _timers()
    async with no_task_left():
        yield
    looks = 0
    while sockets() > count or _timers() - timers:
        looks += 1
        assert looks < _LOOKS, f"left behind: {sockets() - count} sockets, timers {_timers() - timers}"
        await asyncio.sleep(0.01)


def sockets() -> int:
    """Count the sockets this process has open."""
    count = 0
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - a descriptor may be gone before a Path is made of it
        with suppress(OSError):
            count += stat.S_ISSOCK(os.fstat(int(name)).st_mode)
    return count


def _timers() -> set[asyncio.TimerHandle]:
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined] # the only way
    return {handle for handle in scheduled if not handle.cancelled()}
