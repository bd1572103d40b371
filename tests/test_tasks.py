"""Named tasks that end together."""

import asyncio
import logging

import pytest

from gateway.tasks import Tasks

pytestmark = pytest.mark.anyio


async def test_a_task_that_ends_is_forgotten() -> None:
    """It has its name while it runs."""
    tasks, event = Tasks(), asyncio.Event()
    task = tasks.start(event.wait(), name="waiting")
    assert (task.get_name(), len(tasks)) == ("waiting", 1)
    event.set()
    await task
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_closing_cancels_all_and_waits_for_them() -> None:
    """Also those that take a while to end."""
    tasks, ended = Tasks(), []

    async def slow_to_end(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    for number in range(3):
        _ = tasks.start(slow_to_end(number), name=f"slow {number}")
    await asyncio.sleep(0)
    await tasks.close()
    assert (sorted(ended), len(tasks)) == ([0, 1, 2], 0)


async def test_patience() -> None:
    """What can end by itself in time is not cancelled, what cannot is."""
    tasks, event = Tasks(), asyncio.Event()
    ends, stays = tasks.start(event.wait(), name="ends"), tasks.start(asyncio.Event().wait(), name="stays")
    event.set()
    await tasks.close(patience_s=0.01)
    assert (ends.cancelled(), stays.cancelled(), len(tasks)) == (False, True, 0)


async def test_a_failure_is_logged_under_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    """The others go on."""
    tasks = Tasks()

    async def fail() -> None:
        raise ValueError("broken")

    failing, waiting = tasks.start(fail(), name="failing"), tasks.start(asyncio.Event().wait(), name="waiting")
    await asyncio.wait([failing])
    await asyncio.sleep(0)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "task failing failed")
    ]
    assert not waiting.done()
    await tasks.close()


async def test_cancelling_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged."""
    tasks = Tasks()
    _ = tasks.start(asyncio.Event().wait(), name="waiting")
    await tasks.close()
    assert caplog.records == []
