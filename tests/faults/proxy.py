"""A TCP proxy with weather: bytes pass late, slowly and in small pieces, until the line ends in one of many ways."""

import asyncio
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Any

from tests.faults.weather import Direction, Fate, Fault, Weather

__all__ = ["FaultProxy", "proxied"]

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER for no time: closing sends RST
_UNREAD_BYTES = 2_048  # what a side that does not read still takes in

_STOPPED = {Fault.DEAF_UP: (Direction.UP,), Fault.DEAF_DOWN: (Direction.DOWN,)}
"""What is not passed on any more; of the other faults, nothing is."""

_LINGER_S = 0.4
"""How long a line of which a side was told nothing is kept; then it is reset."""


class FaultProxy:
    """What passes between clients and one server.

    Args:
        server_port: where the server is.
        fates: one for each connection, in order.
        on_strike: called when a fault has happened.
        linger_s: how long a line is kept of which a side was told nothing.

    Attributes:
        port: where clients connect.
        connections: how many there were.
        struck: how often each fault has happened.
    """

    def __init__(
        self, server_port: int, fates: Iterator[Fate], *, on_strike: Callable[[], None], linger_s: float
    ) -> None:
        """Listen nowhere yet."""
        self.port = 0
        self.connections = 0
        self.struck: Counter[Fault] = Counter()
        self._server_port = server_port
        self._fates = fates
        self._on_strike = on_strike
        self._linger_s = linger_s
        self._unspent: deque[Fate] = deque()  # of lines that ended by themselves before
        self._lines: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its fate."""
        self.connections += 1
        fate = self._unspent.popleft() if self._unspent else next(self._fates)
        line = asyncio.create_task(self._carry(fate, reader, writer), name="proxy line")
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def close(self) -> None:
        """End every connection."""
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        for ended in await asyncio.gather(*lines, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _carry(self, fate: Fate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            far_reader, far_writer = await self._far_end(fate.weather)
            writers.append(far_writer)
            async with _line(fate, (reader, writer), (far_reader, far_writer)) as line:
                if await line.reaches_its_fate():
                    self.struck[fate.fault] += 1
                    self._on_strike()
                    await line.strike(self._linger_s)
            if not line.has_struck and fate.fault is not Fault.NONE:
                self._unspent.append(fate)
            if not line.has_struck or fate.fault is Fault.FIN:
                await _close(writers, self._linger_s)
        except OSError:  # the server is not there
            pass
        finally:
            for each in writers:
                _reset(each)

    async def _far_end(self, weather: Weather) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        line = socket.socket()
        line.setblocking(False)
        if weather.window_bytes is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, weather.window_bytes)
        try:
            await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", self._server_port))
        except BaseException:
            line.close()
            raise
        return await asyncio.open_connection(sock=line, limit=_UNREAD_BYTES)


_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Line:
    """One connection through the proxy."""

    def __init__(self, fate: Fate, client: _End, server: _End) -> None:
        self.has_struck = False
        self._fate = fate
        self._client = client[1]
        self._is_due = asyncio.Event()
        self._pumps = {
            Direction.UP: asyncio.create_task(self._pump(Direction.UP, client[0], server[1]), name="proxy up"),
            Direction.DOWN: asyncio.create_task(self._pump(Direction.DOWN, server[0], client[1]), name="proxy down"),
        }

    async def reaches_its_fate(self) -> bool:
        """Carry until the fault is due; false where both ends closed the connection before."""
        is_due = asyncio.create_task(self._is_due.wait(), name="proxy fate")
        pumps = asyncio.gather(*self._pumps.values())
        timeout_s = None if self._fate.fault is Fault.NONE else self._fate.within_s
        try:
            waited: set[asyncio.Future[Any]] = {is_due, pumps}
            await asyncio.wait(waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            self.has_struck = self._fate.fault is not Fault.NONE and not pumps.done()
        finally:
            is_due.cancel()
            if not pumps.done():
                pumps.add_done_callback(_ignored)
        return self.has_struck

    async def strike(self, linger_s: float) -> None:
        """Do what the fate says, and keep the line for as long as somebody is to be left in the dark."""
        fault = self._fate.fault
        await self.stop(_STOPPED.get(fault, tuple(Direction)))
        if fault is Fault.HALF_OPEN:
            _reset(self._client)
        if fault not in {Fault.RESET, Fault.FIN}:
            await asyncio.sleep(linger_s)

    async def stop(self, directions: tuple[Direction, ...]) -> None:
        """Pass nothing on any more."""
        for direction in directions:
            self._pumps[direction].cancel()
        await asyncio.gather(*(self._pumps[direction] for direction in directions), return_exceptions=True)

    async def _pump(self, direction: Direction, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass bytes on as the weather has it, up to where the fault is due."""
        fate, weather = self._fate, self._fate.weather
        left = fate.after_bytes if fate.fault is not Fault.NONE and fate.direction is direction else inf
        with suppress(OSError):
            while content := await source.read(weather.slice_bytes):
                if weather.latency_s or weather.bytes_per_s < inf:
                    await asyncio.sleep(weather.latency_s + len(content) / weather.bytes_per_s)
                sink.write(content if left >= len(content) else content[: int(left)])
                await sink.drain()
                left -= len(content)
                if left <= 0:
                    self._is_due.set()
                    return
            sink.write_eof()


@asynccontextmanager
async def _line(fate: Fate, client: _End, server: _End) -> AsyncGenerator[_Line]:
    line = _Line(fate, client, server)
    try:
        yield line
    finally:
        await line.stop(tuple(Direction))


def _ignored(pumps: asyncio.Future[Any]) -> None:
    """Take note of how the pumps of a struck line ended: they were cancelled."""
    if not pumps.cancelled():
        pumps.exception()


async def _close(writers: list[asyncio.StreamWriter], patience_s: float) -> None:
    """Close in order; whoever does not take what was sent is not waited for."""
    for writer in writers:
        writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(patience_s):
            for writer in writers:
                await writer.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once; where anything is still open, by RST."""
    line = writer.get_extra_info("socket")
    if line is not None and line.fileno() >= 0:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()


@asynccontextmanager
async def proxied(
    server_port: int,
    fates: Iterator[Fate],
    *,
    on_strike: Callable[[], None] = lambda: None,
    linger_s: float = _LINGER_S,
) -> AsyncGenerator[FaultProxy]:
    """Give a proxy in front of a server of this machine; nothing of it is left."""
    proxy = FaultProxy(server_port, fates, on_strike=on_strike, linger_s=linger_s)
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, limit=_UNREAD_BYTES)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
        await listener.wait_closed()
        await asyncio.sleep(0)  # transports close their sockets in their own turn
