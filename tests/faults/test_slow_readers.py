"""One who reads slowly and one who does not read at all, beside 99 who do: nobody else notices."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

import pytest

from tests.faults.child import Part
from tests.faults.children import Child, child
from tests.faults.conftest import Report
from tests.faults.proxy import proxied
from tests.faults.raw import Ended, RawSocket, upgraded
from tests.faults.size import is_soak, size
from tests.faults.weather import Fate, Weather

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(300)]

FAST = 99
SLOW_BYTES_PER_S = 1_024
WINDOW_BYTES = 2_304  # of a slow reader's kernel: else that takes in megabytes for it
GONE_WITHIN_S = 15
PADDING_CHARS = 4_000  # beside each tick: snapshots of all so far outgrow what kernels hold
NOISE_S = 0.030  # a machine that is shared has its own pauses
NOISE_RATIO = 2.0
GROWTH_BYTES = 8 << 20

_TICK = re.compile(r"(\d+\.\d{6}) x")
_TICKS = {"type": "object", "properties": {"ticks": {"type": "array", "items": {"type": "string"}}}}


@dataclass(frozen=True, slots=True)
class Show:
    """What is shown to everybody: how often, and how long the model writes."""

    ticks: int
    every_s: float

    def asks(self, **fields: Any) -> str:
        """Return the `extract` of the first watcher; the others join it by its key."""
        part = asdict(Part(ticks=self.ticks, every_s=self.every_s, padding_chars=PADDING_CHARS))
        asked = {"type": "extract", "id": "a", "schema": _TICKS, "input": json.dumps(part), "interval_ms": 0, **fields}
        return json.dumps(asked)


async def latencies(socket: RawSocket) -> list[float]:
    """Read to the terminal, and return how old each tick was when it came."""
    ages = []
    while (text := await socket.receive_text()).startswith(('{"type":"s', '{"type":"p')):
        now_s = time.monotonic()
        if text.startswith('{"type":"patch"') and (times := _TICK.findall(text)):
            ages.append(now_s - float(times[-1]))
    assert text.startswith('{"type":"completed"'), text[:200]
    return ages


@asynccontextmanager
async def stuck(gateway: Child, asks: str) -> AsyncGenerator["asyncio.Task[float]"]:
    """Give a watcher that never reads, as the time until the server has let go of it."""
    async with upgraded(gateway.port) as socket:
        socket.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, WINDOW_BYTES)
        await socket.send_text(asks)
        socket.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport of a socket has it
        yield asyncio.create_task(_gone(gateway, socket), name="stuck")


async def _gone(gateway: Child, socket: RawSocket) -> float:
    """Look at the kernel's table until the server's side of a connection is not there any more."""
    began_s = time.monotonic()
    local = socket.writer.get_extra_info("sockname")[1]
    far = f"0100007F:{gateway.port:04X} 0100007F:{local:04X} 01"
    while far in await asyncio.to_thread(_connections):
        await asyncio.sleep(0.05)
    return time.monotonic() - began_s


def _connections() -> str:
    with open("/proc/net/tcp") as table:  # noqa: PTH123 - no file
        return table.read()


async def p99_s(gateway: Child, show: Show, key: str) -> float:
    """Show it to the fast ones, and return how late the latest but one in a hundred ticks came."""
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(upgraded(gateway.port)) for _ in range(FAST)]
        for socket in sockets:
            await socket.send_text(show.asks(key=key, encoding="append"))
        ages = await asyncio.gather(*(latencies(socket) for socket in sockets))
    flat = sorted(age for each in ages for age in each[1:])
    assert len(flat) > FAST * show.ticks * 0.5
    return flat[len(flat) * 99 // 100]


async def test_two_who_hardly_read(report: Report) -> None:
    """The fast ones' p99 is what it is beside two who read, one is gone in time, one stays, memory is given back."""
    stall_s = 10.0 if is_soak() else 3.0
    show = Show(ticks=size("ticks", short=50, long=200), every_s=0.05)
    slowly = iter([Fate(weather=Weather(bytes_per_s=SLOW_BYTES_PER_S, slice_bytes=512, window_bytes=WINDOW_BYTES))])
    async with child(send_stall_s=stall_s) as gateway:
        await p99_s(gateway, Show(ticks=10, every_s=0.02), "warm")
        async with upgraded(gateway.port) as one, upgraded(gateway.port) as two:
            readers = [asyncio.create_task(_read(socket), name="reads") for socket in (one, two)]
            for socket in (one, two):
                await socket.send_text(show.asks(key="alone", encoding="snapshot"))
            alone_s = await p99_s(gateway, show, "alone")
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        await gateway.until(sessions=0, connections=0)
        before_bytes = gateway.rss_bytes()
        asks = show.asks(key="beside", encoding="snapshot")
        async with (
            proxied(gateway.port, slowly) as proxy,
            upgraded(proxy.port) as slow,
            stuck(gateway, asks) as gone,
        ):
            await slow.send_text(asks)
            reading = asyncio.create_task(_read(slow), name="slow")
            beside_s = await p99_s(gateway, show, "beside")
            gone_s = await asyncio.wait_for(gone, GONE_WITHIN_S)
            is_slow_there = (await gateway.report())["sessions"] == 1 and not reading.done()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await gateway.until(sessions=0, connections=0)
        growth_bytes = gateway.rss_bytes() - before_bytes
    report(
        f"p99 beside two who read {alone_s * 1e3:.1f} ms, beside a stuck and a slow one {beside_s * 1e3:.1f} ms "
        f"({beside_s / alone_s - 1:+.0%}); the stuck one gone after {gone_s:.1f} s; {growth_bytes / 1e6:+.1f} MB"
    )
    assert beside_s < max(NOISE_RATIO * alone_s, alone_s + NOISE_S)
    assert gone_s < GONE_WITHIN_S
    assert is_slow_there
    assert growth_bytes < GROWTH_BYTES


async def _read(socket: RawSocket) -> None:
    try:
        while True:
            await socket.receive()
    except Ended:
        pass
