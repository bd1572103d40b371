"""A WebSocket in memory: an ASGI application on one side, a peer that can stop reading on the other."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp

__all__ = ["Closed", "MemorySocket", "joined"]

Event = MutableMapping[str, Any]


class Closed(Exception):
    """The application closed the connection, or refused it.

    Attributes:
        code: the close code, or the HTTP status of a refusal.
        reason: the words beside it.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        """Keep why."""
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class MemorySocket:
    """The peer's side; `receive` and `send` are the application's.

    Attributes:
        reading: cleared while the peer does not read: what the application sends then waits.
        blocked: set while something waits to be sent.
        ended: set when the application is done with this connection.
        accepted: the application's answer to the upgrade.
    """

    def __init__(self, first_event: str = "websocket.connect") -> None:
        """Begin with a peer that reads."""
        self.reading = asyncio.Event()
        self.reading.set()
        self.blocked = asyncio.Event()
        self.ended = asyncio.Event()
        self.accepted: Event | None = None
        self._to_application: asyncio.Queue[Event] = asyncio.Queue()
        self._to_application.put_nowait({"type": first_event})
        self._to_peer: asyncio.Queue[Event] = asyncio.Queue()
        self._asked = asyncio.Event()
        self._is_gone = False

    async def receive(self) -> Event:
        """Give the application the next event."""
        if self._to_application.empty():
            self._asked.set()
        event = await self._to_application.get()
        self._asked.clear()
        return event

    async def send(self, event: Event) -> None:
        """Take an event of the application; waits while the peer does not read."""
        if not self.reading.is_set():
            self.blocked.set()
            await self.reading.wait()
            self.blocked.clear()
        if self._is_gone:
            raise OSError("the peer is gone")
        if event["type"] == "websocket.accept":
            self.accepted = event
        else:
            self._to_peer.put_nowait(event)

    async def send_text(self, text: str) -> None:
        """Say something."""
        self._to_application.put_nowait({"type": "websocket.receive", "text": text})

    async def send_bytes(self, content: bytes) -> None:
        """Say something that is not text."""
        self._to_application.put_nowait({"type": "websocket.receive", "bytes": content})

    async def receive_text(self) -> str:
        """Hear the next frame.

        Raises:
            Closed: there is none any more.
        """
        event = await self._to_peer.get()
        if event["type"] == "websocket.close":
            raise Closed(event["code"], event["reason"])
        if event["type"] == "websocket.http.response.start":
            raise Closed(event["status"])
        return str(event["text"])

    def heard(self) -> int:
        """Count the frames that wait to be read."""
        return self._to_peer.qsize()

    async def idle(self) -> None:
        """Wait until the application has taken everything and asks for more."""
        await self._asked.wait()

    def leave(self) -> None:
        """Go away without a word."""
        self._is_gone = True
        self.reading.set()
        self._to_application.put_nowait({"type": "websocket.disconnect", "code": 1006})


@asynccontextmanager
async def joined(
    app: ASGIApp,
    *,
    subprotocols: Sequence[str] = ("extraction.v1",),
    headers: Mapping[str, str] | None = None,
    path: str = "/v1/ws",
    extensions: Sequence[str] = ("websocket.http.response",),
    first_event: str = "websocket.connect",
) -> AsyncGenerator[MemorySocket]:
    """Connect to an application; on leaving, the connection is gone and the application has ended."""
    socket = MemorySocket(first_event)
    scope = {
        "type": "websocket",
        "path": path,
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "query_string": b"",
        "subprotocols": list(subprotocols),
        "extensions": {name: {} for name in extensions},
        "client": ("127.0.0.1", 1),
    }
    serving = asyncio.create_task(_run(app, scope, socket), name="application")
    try:
        yield socket
    finally:
        socket.leave()
        await serving


async def _run(app: ASGIApp, scope: MutableMapping[str, Any], socket: MemorySocket) -> None:
    await app(scope, socket.receive, socket.send)
    socket.ended.set()
