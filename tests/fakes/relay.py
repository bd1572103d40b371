"""A real line between a client and a gateway, with weather: it is cut, falls silent, loses and changes frames."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.client.reconnect import LOST

__all__ = ["Frame", "Relay", "relayed"]

Frame = dict[str, Any]

_SUBPROTOCOLS = [Subprotocol("extraction.v1")]


class Relay:
    """What passes between clients and one gateway.

    Attributes:
        url, port: what clients connect to.
        said: what clients have sent, on all connections.
        alter: makes of a frame of the server what is passed on; None loses it.
        connected, lost: how many connections there were, and frames that `alter` lost.
        lines: the clients' ends of those there are.
    """

    def __init__(self, address: str) -> None:
        """Pass everything on."""
        self.url, self.port = "", 0
        self.said: list[Frame] = []
        self.alter: Callable[[Frame], Frame | None] = lambda frame: frame
        self.connected = self.lost = 0
        self.lines: set[ServerConnection] = set()
        self._address = address
        self._news = asyncio.Condition()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so that a connection or a frame can make so."""
        async with self._news:
            await self._news.wait_for(is_so)

    async def cut(self, code: int = LOST) -> None:
        """End every connection: with a code, or, as a bad line does, without."""
        for line in list(self.lines):
            if code == LOST:
                line.transport.abort()
                await line.wait_closed()
            else:
                await line.close(code)

    async def inject(self, frame: str | bytes) -> None:
        """Send clients something the gateway never said."""
        for line in list(self.lines):
            await line.send(frame)

    async def serve(self, line: ServerConnection) -> None:
        """Pass one connection on, both ways, until either end is closed."""
        self.lines.add(line)
        self.connected += 1
        await self._tell()
        try:
            async with connect(self._address, subprotocols=_SUBPROTOCOLS, proxy=None, compression=None) as far:
                upwards = asyncio.create_task(self._pass_up(line, far.send), name="relay upwards")
                await self._pass_down(far.recv, line)
                await line.close(far.close_code if far.close_code not in {None, 1005, LOST} else 1011)
                await upwards
        finally:
            self.lines.discard(line)

    async def _pass_up(self, line: ServerConnection, send: Callable[[str], Any]) -> None:
        with suppress(ConnectionClosed):
            async for text in line:
                self.said.append(json.loads(text))
                await send(cast("str", text))
                await self._tell()

    async def _pass_down(self, receive: Callable[[], Any], line: ServerConnection) -> None:
        closed = asyncio.create_task(line.wait_closed(), name="relay closed")
        with suppress(ConnectionClosed):
            while await _first(coming := asyncio.create_task(receive(), name="relay downwards"), closed):
                frame = self.alter(json.loads(coming.result()))
                if frame is None:
                    self.lost += 1
                else:
                    await line.send(json.dumps(frame))
                await self._tell()
        closed.cancel()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


async def _first(coming: asyncio.Task[Any], closed: asyncio.Task[None]) -> bool:
    """Wait for the next frame; false, and nothing left behind, where the other end is closed before."""
    await asyncio.wait({coming, closed}, return_when=asyncio.FIRST_COMPLETED)
    if not coming.done():
        coming.cancel()
        await asyncio.wait({coming})
    return not coming.cancelled()


@asynccontextmanager
async def relayed(url: str, *, port: int = 0) -> AsyncGenerator[Relay]:
    """Give a relay to the gateway at `http://…`, on a free port or a given one."""
    relay = Relay(url.replace("http://", "ws://") + "/v1/ws")
    async with serve(relay.serve, "127.0.0.1", port, subprotocols=_SUBPROTOCOLS, compression=None) as server:
        relay.port = server.sockets[0].getsockname()[1]
        relay.url = f"ws://127.0.0.1:{relay.port}/v1/ws"
        yield relay
        await relay.cut()
