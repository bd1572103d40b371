"""The tasks that outlive the call that starts them: runs, writers, timers' work.

A TaskGroup would be ended by its first failing child and needs a scope around it, which an application that mounts the
gateway does not have to give. Here each task has a name, a failure is logged, and `close` ends them all.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["Tasks"]

_log = logging.getLogger("gateway")


class Tasks:
    """A set of named tasks that are ended together."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Count the tasks that run."""
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self, *, patience_s: float = 0) -> None:
        """Give every task that long to end by itself, cancel the others, and wait until all have ended."""
        if self._tasks and patience_s:
            await asyncio.wait(self._tasks, timeout=patience_s)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task %s failed", task.get_name(), exc_info=error)
