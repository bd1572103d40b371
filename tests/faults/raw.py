"""A WebSocket client made of bytes (RFC 6455): it can send whatever no library would, and says what came back.

It shares no code with the server's own library, so that a frame which both would misread is noticed.
"""

import asyncio
import base64
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import NamedTuple, Self

__all__ = ["Ended", "Frame", "Opcode", "RawSocket", "closing", "framed", "raw", "upgrade", "upgraded"]

_MASK = b"\x5a\xa5\x0f\xf0"
_LARGEST_BYTES = 16 << 20  # of a line or frame of a server


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Frame(NamedTuple):
    """A frame as it came."""

    opcode: int
    payload: bytes
    is_final: bool


class Ended(Exception):
    """The server closed the connection.

    Attributes:
        code: of its close frame; 1006 where the line ended without one.
        reason: beside it.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        """Keep why."""
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def framed(
    payload: bytes | str = b"",
    opcode: int = Opcode.TEXT,
    *,
    is_final: bool = True,
    is_masked: bool = True,
    reserved: int = 0,
    length: int | None = None,
) -> bytes:
    """Return the bytes of a client's frame; `length` is what its head claims, `reserved` the bits RSV1 to RSV3."""
    payload = payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload
    claimed = len(payload) if length is None else length
    first, mask_bit = (is_final << 7) | (reserved << 4) | opcode, is_masked << 7
    if claimed < 126:
        head = struct.pack("!BB", first, mask_bit | claimed)
    elif claimed < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, claimed)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, claimed)
    return head + _MASK + _masked(payload) if is_masked else head + payload


def _masked(payload: bytes) -> bytes:
    mask = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(payload), "big")


def upgrade(*, subprotocol: str = "extraction.v1", **headers: str) -> bytes:
    """Return the bytes of an upgrade request; headers are named with `_` for `-`."""
    fields = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": subprotocol,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = ["GET /v1/ws HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode()


class RawSocket:
    """One connection; a line for `tests.fakes.client.Client` as well.

    Attributes:
        head: the server's answer to the upgrade, once it has come.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an open connection."""
        self.reader = reader
        self.writer = writer
        self.head = ""

    @classmethod
    async def dialled(cls, port: int) -> Self:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_LARGEST_BYTES))

    async def send(self, content: bytes) -> None:
        """Send any bytes; waits while the server does not read."""
        self.writer.write(content)
        await self.writer.drain()

    async def send_slowly(self, content: bytes, pause_s: float) -> None:
        """Send byte after byte."""
        for at in range(len(content)):
            await self.send(content[at : at + 1])
            await asyncio.sleep(pause_s)

    async def send_text(self, text: str) -> None:
        """Send one frame of text."""
        await self.send(framed(text))

    async def upgrade(self, request: bytes | None = None) -> None:
        """Ask for the upgrade and read the answer to it.

        Raises:
            Ended: there was no answer.
        """
        await self.send(upgrade() if request is None else request)
        try:
            self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, OSError):
            raise Ended(1006) from None

    async def receive(self) -> Frame:
        """Receive the next frame, whatever it is.

        Raises:
            Ended: there is none any more.
        """
        try:
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "a server does not mask"
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
            payload = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            raise Ended(1006) from None
        assert not first & 0x70, "nothing was agreed on that would use these bits"
        if first & 0x0F == Opcode.CLOSE:
            raise Ended(int.from_bytes(payload[:2], "big"), payload[2:].decode())
        return Frame(first & 0x0F, payload, bool(first & 0x80))

    async def receive_text(self) -> str:
        """Receive the next text; pings between are answered.

        Raises:
            Ended: there is none any more.
        """
        while (frame := await self.receive()).opcode != Opcode.TEXT:
            if frame.opcode == Opcode.PING:
                await self.send(framed(frame.payload, Opcode.PONG))
        assert frame.is_final
        return frame.payload.decode()

    async def ending(self) -> int:
        """Read to the end, and return the code."""
        try:
            while True:
                await self.receive()
        except Ended as ended:
            return ended.code

    def drop(self) -> None:
        """Let go of it, without a word to the server."""
        self.writer.transport.abort()


@asynccontextmanager
async def closing(socket: RawSocket) -> AsyncGenerator[RawSocket]:
    """Drop a connection at the end, whatever happened to it."""
    try:
        yield socket
    finally:
        socket.drop()
        await asyncio.sleep(0)  # the transport closes its socket in its own turn


@asynccontextmanager
async def raw(port: int) -> AsyncGenerator[RawSocket]:
    """Give a connection on which nothing was said."""
    async with closing(await RawSocket.dialled(port)) as socket:
        yield socket


@asynccontextmanager
async def upgraded(port: int, *, is_greeted: bool = True) -> AsyncGenerator[RawSocket]:
    """Give a connection that is a WebSocket, and has been welcomed where that is asked for."""
    async with raw(port) as socket:
        await socket.upgrade()
        assert " 101 " in socket.head, socket.head
        if is_greeted:
            await socket.send_text('{"type": "hello"}')
            assert '"welcome"' in await socket.receive_text()
        yield socket
