"""Sessions that say nothing: what each costs, and that nothing of them is left."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.faults.children import child, rises_to
from tests.faults.conftest import Report
from tests.faults.raw import RawSocket
from tests.faults.size import size

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(300)]

MOST_BYTES = 24 * 1024
AT_ONCE = 50
DESCRIPTORS_BESIDE = 200  # pipes, files, what Python itself has open


@asynccontextmanager
async def idle(port: int, count: int) -> AsyncGenerator[list[RawSocket]]:
    """Give so many sessions that have been welcomed."""
    sockets: list[RawSocket] = []
    try:
        for _ in range(0, count, AT_ONCE):
            sockets += await asyncio.gather(*(_session(port) for _ in range(min(AT_ONCE, count - len(sockets)))))
        yield sockets
    finally:
        for socket in sockets:
            socket.drop()
        await asyncio.sleep(0)


async def _session(port: int) -> RawSocket:
    socket = await RawSocket.dialled(port)
    await socket.upgrade()
    await socket.send_text('{"type": "hello"}')
    assert json.loads(await socket.receive_text())["type"] == "welcome"
    return socket


async def test_what_an_idle_session_costs(report: Report) -> None:
    """At most 24 KiB of the server's memory each, and all of them are still served."""
    count = size("sessions", short=500, long=5_000)
    rises_to(count + DESCRIPTORS_BESIDE)
    async with child() as gateway:
        async with idle(gateway.port, AT_ONCE):  # what is made once for all is not counted
            await gateway.until(sessions=AT_ONCE)
        await gateway.until(sessions=0, connections=0)
        before_bytes, tasks = gateway.rss_bytes(), (await gateway.report())["tasks"]
        async with idle(gateway.port, count) as sockets:
            told = await gateway.until(sessions=count)
            each_bytes = (gateway.rss_bytes() - before_bytes) / count
            for socket in sockets[:: max(1, count // 20)]:
                await socket.send_text('{"type": "ping", "nonce": 7}')
                while json.loads(await socket.receive_text()) != {"type": "pong", "nonce": 7}:
                    pass
        await gateway.until(sessions=0, connections=0, tasks=tasks)
    report(f"{count} sessions, {each_bytes / 1024:.1f} KiB each, {(told['tasks'] - tasks) / count:.2f} tasks each")
    assert each_bytes <= MOST_BYTES
