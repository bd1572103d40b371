"""One connection that comes back (PROTOCOL.md §2, §7, §8): socket, hello and welcome, silence, the way back.

What the messages mean is not known here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from inspect import isawaitable
from math import inf
from typing import Any, Protocol, TypeAlias

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from gateway.client.asking import Message, error_of
from gateway.client.reconnect import LOST, Reaction, Recovery, code_of_status, reaction
from gateway.core.messages import PROTOCOL
from gateway.core.throttle import Bucket
from gateway.errors import (
    CloseCode,
    Closed,
    Disconnected,
    Forbidden,
    GatewayError,
    InputTooLarge,
    Internal,
    Unauthenticated,
)
from gateway.reasons import why_not_reached
from gateway.version import __version__

__all__ = ["FIRST_S", "SILENCE_S", "Connection", "Owner", "Token"]

Token: TypeAlias = str | Callable[[], str | Awaitable[str | None] | None] | None
"""A credential, or what is asked for one before each connection (it must not block); None: none. A ticket likewise."""

FIRST_S = 30.0
"""For the first connection: a wrong address or port is not waited for without end."""

SILENCE_S = 25.0  # PROTOCOL.md §7
_CAUTION = 0.9  # of what the server takes: what is sent evenly does not arrive so
_FAREWELL_S = 2.0  # for the server to answer our close
_LARGEST_FRAME_BYTES = 16 << 20
_LARGEST_ADVICE_MS = 600_000  # a server's slip must not send us away for good
_TOO_LARGE = {"type": "error", "code": InputTooLarge.code}
_REFUSALS: dict[int, type[GatewayError]] = {401: Unauthenticated, 403: Forbidden}

_log = logging.getLogger("gateway.client")
_wire_log = logging.getLogger("gateway.client.wire")
_wire_log.setLevel(logging.INFO)  # websockets logs whole frames at debug, and the first one holds the credential


class _NoCredential(Exception):
    """What gives the token or ticket failed."""


class Owner(Protocol):
    """What a connection works for."""

    def open(self, welcome: Message) -> None:
        """Hear that there is a connection."""

    async def receive(self, message: Message) -> bool:
        """Take a message that is not about the connection itself, and tell whether something is due now."""
        ...

    def due(self) -> Iterator[Message]:
        """Give what is to be said, until there is nothing more."""
        ...

    def lose(self, *, is_slow: bool) -> None:
        """Hear that the connection is gone; another one follows."""

    def end(self, error: GatewayError) -> None:
        """Hear that there will be no connection any more."""


class Connection:
    """Dials, speaks for its owner, and dials again.

    Args:
        url: `ws://` or `wss://`.
        owner: whom it works for.
        token: the credential.
        ticket: in its place, one that is good for one connection (PROTOCOL.md §2).
        client: free text for the server's log.
        chance: gives 0 to 1, for the jitter of waits.
        timeout_s: for the first connection; None: without end, as it is for every later one.
        silence_s: without any frame for so long, the line counts as dead.
        socket_options: of `websockets.asyncio.client.connect`, such as `ssl` and `proxy`.

    Raises:
        ValueError: that is no such URL, or there are both a token and a ticket.
    """

    def __init__(
        self,
        url: str,
        owner: Owner,
        *,
        token: Token,
        ticket: Token,
        client: str | None,
        chance: Callable[[], float],
        timeout_s: float | None,
        silence_s: float,
        socket_options: dict[str, Any],
    ) -> None:
        """Begin without a socket."""
        try:
            address = parse_uri(url)
        except WebSocketException as fault:
            raise ValueError(f"expected a URL such as ws://127.0.0.1:8080/v1/ws, got {url[:200]!r}") from fault
        if token is not None and ticket is not None:
            raise ValueError("expected either a token or a ticket, got both")
        self._url = url
        self._place = f"{address.host}:{address.port}{address.path}"  # for logs: without a user and a password
        self._owner = owner
        self._given = {"token": token, "ticket": ticket}  # fields of `hello`
        self._client = f"python/{__version__}" if client is None else client
        self._chance = chance
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._socket_options = socket_options
        self._recovery = Recovery(can_refresh=callable(token) or callable(ticket))
        self._socket: ClientConnection | None = None
        self._due = asyncio.Event()
        self._is_open = self._was_open = False
        self._reason: GatewayError | None = None  # why there is no connection, in the server's words where it has some
        self._first: asyncio.Timeout | None = None  # runs until there was a connection
        self._largest_bytes: float = inf  # that the server takes
        self._pace: Bucket | None = None  # how often it wants to hear from us

    async def run(self) -> None:
        """Be connected until the server does not want us back, or this is cancelled."""
        error: GatewayError = Closed("the session was closed")
        try:
            async with asyncio.timeout(self._timeout_s) as self._first:
                error = await self._stay()
        except TimeoutError:
            error = self._given_up()
        except Exception:  # noqa: BLE001 - nobody who waits for a value is left waiting, whatever it was
            _log.exception("the connection to %s failed", self._place)
            error = Internal("a fault of the client; the log has the trace")
        finally:
            self._owner.end(error)

    def speak(self) -> None:
        """Say what the owner has to say, as soon as there is a connection."""
        if self._is_open:
            self._due.set()

    def interrupt(self) -> None:
        """Drop the socket as a bad line would; the way back is the usual one."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _stay(self) -> GatewayError:
        """Connect, and connect again; return why that ends."""
        now_s = asyncio.get_running_loop().time
        while True:
            code = await self._visit()
            self._reason = self._reason or Disconnected(_ended_with(code))
            delay_s = self._recovery.lose(code, now_s=now_s(), chance=self._chance())
            if delay_s is None:
                return self._reason
            self._owner.lose(is_slow=reaction(code) is Reaction.SLOWER)
            _log.warning("%s: %s; next try in %.1f s", self._place, self._reason.message, delay_s)
            await asyncio.sleep(delay_s)

    def _given_up(self) -> GatewayError:
        """Return what to say where there never was a connection."""
        why = "no answer" if self._reason is None else self._reason.message
        return Disconnected(f"no connection to {self._place} within {self._timeout_s:g} s: {why}")

    async def _visit(self) -> int:
        """Be connected once, and return the code it ended with."""
        try:
            credential = await self._asked_credential()
            async with self._dialled() as socket:
                self._socket = socket
                try:
                    return await self._converse(socket, credential)
                except asyncio.CancelledError:
                    await socket.close()  # a farewell, and not the fault that leaving by an exception would be
                    raise
        except _NoCredential as fault:
            self._reason = Unauthenticated(str(fault))
            self._reason.__cause__ = fault.__cause__
            return LOST if self._was_open else CloseCode.UNAUTHENTICATED  # a line that was there is not given up
        except InvalidStatus as refusal:
            return self._refused(refusal)
        except ConnectionClosed as closed:
            return _code_of(closed)
        except (OSError, WebSocketException) as fault:
            self._reason = Disconnected(_why(fault))
            return LOST
        finally:
            self._socket, self._is_open = None, False
            self._due.clear()

    def _dialled(self) -> dial:
        options: dict[str, Any] = {
            "subprotocols": [Subprotocol(PROTOCOL)],
            "compression": None,  # the server has it off
            "max_size": _LARGEST_FRAME_BYTES,
            "close_timeout": _FAREWELL_S,
            "ping_interval": None,  # the silence limit tells a dead line
            "logger": _wire_log,
        }
        return dial(self._url, **(options | self._socket_options))

    async def _asked_credential(self) -> dict[str, str]:
        """Return the fields of `hello` that say who we are."""
        fresh = {name: await _asked(name, given) for name, given in self._given.items()}
        return {name: text for name, text in fresh.items() if text is not None}

    def _refused(self, refusal: InvalidStatus) -> int:
        """Return the code of a refused upgrade."""
        status, after_s = refusal.response.status_code, refusal.response.headers.get("Retry-After", "")
        self._heed(int(after_s) * 1000 if after_s.isdecimal() and len(after_s) < 9 else 0)
        self._reason = _REFUSALS.get(status, Disconnected)(f"the server answered {status} in place of the upgrade")
        return code_of_status(status)

    async def _converse(self, socket: ClientConnection, credential: dict[str, str]) -> int:
        self._reason = None
        await socket.send(_encoded({"type": "hello", "client": self._client, **credential}), text=True)
        # Two tasks: a server that waits for us to read does not read what we would wait to send.
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(socket), name="gateway.client writer")
            code = await self._read(socket)
            writer.cancel()
        return code

    async def _read(self, socket: ClientConnection) -> int:
        """Read until the line is closed or dead, and return the code."""
        now_s = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._silence_s) as silence:
                while True:
                    frame = await socket.recv()
                    silence.reschedule(now_s() + self._silence_s)
                    await self._take(socket, frame)
        except TimeoutError:
            socket.transport.abort()
            return LOST
        except ConnectionClosed as closed:
            return _code_of(closed)

    async def _write(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while await self._due.wait():
                self._due.clear()
                for message in self._owner.due():
                    await self._take_turn(message)
                    await self._send(socket, message)

    async def _take_turn(self, message: Message) -> None:
        """Wait as long as the server would refuse a message; resuming costs nothing (PROTOCOL.md §10)."""
        if self._pace is None or message["type"] == "watch":
            return
        now_s = asyncio.get_running_loop().time
        while wait_s := self._pace.take(now_s()):  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(wait_s)

    async def _send(self, socket: ClientConnection, message: Message) -> None:
        frame = _encoded(message)
        if len(frame) <= self._largest_bytes:
            await socket.send(frame, text=True)
            return
        # The server would close the connection, and with it every other watch (1009).
        words = f"expected a message of at most {self._largest_bytes} bytes, got {len(frame)}"
        _ = await self._owner.receive({**_TOO_LARGE, "id": message["id"], "message": words})

    async def _take(self, socket: ClientConnection, frame: str | bytes) -> None:
        message = _decoded(frame)
        match message.get("type"):
            case "welcome":
                self._open(socket, message)
            case "goaway":
                self._heed(message.get("retry_after_ms"))
            case "error" if "id" not in message:
                error = error_of(message)
                self._reason = None if self._is_open else error
                if error.retry_after_ms is not None:  # what a goaway has said stands
                    self._heed(error.retry_after_ms)
                _log.warning("the server says %s: %s", error.code, error.message)
            case _:
                if await self._owner.receive(message):
                    self.speak()

    def _open(self, socket: ClientConnection, welcome: Message) -> None:
        self._recovery.open(asyncio.get_running_loop().time())
        self._is_open = self._was_open = True
        if self._first is not None and not self._first.expired():
            self._first.reschedule(None)
        per_s, burst = _limit(welcome, "messages_per_s", 0), _limit(welcome, "messages_burst", 0)
        paced_s = asyncio.get_running_loop().time()
        self._pace = Bucket(_CAUTION * per_s, max(1, _CAUTION * burst), paced_s) if per_s and burst else None
        value_bytes, self._largest_bytes = _limit(welcome, "value_bytes", 0), _limit(welcome, "message_bytes", inf)
        # A snapshot is the value and an envelope, a patch rarely more.
        socket.protocol.max_message_size = max(_LARGEST_FRAME_BYTES, 2 * int(value_bytes))
        self._owner.open(welcome)
        self.speak()

    def _heed(self, retry_after_ms: object) -> None:
        advice_ms = retry_after_ms if isinstance(retry_after_ms, int) else 0
        self._recovery.heed(min(max(advice_ms, 0), _LARGEST_ADVICE_MS))


async def _asked(name: str, given: Token) -> str | None:
    if not callable(given):
        return given
    try:
        answer = given()
        return await answer if isawaitable(answer) else answer
    except Exception as fault:  # whatever it raises, there is none now: as bad a line as any
        raise _NoCredential(f"there was no {name} to be had") from fault


def _code_of(closed: ConnectionClosed) -> int:
    """Return the server's code, else ours (what it sent was too big, say), else that of a lost line."""
    close = closed.rcvd or closed.sent
    return LOST if close is None else close.code


def _ended_with(code: int) -> str:
    return "the connection was lost" if code == LOST else f"the server closed the connection ({code})"


def _why(fault: OSError | WebSocketException) -> str:
    """Say why a connection was not made."""
    return why_not_reached(fault) if isinstance(fault, OSError) else str(fault)


def _limit(welcome: Message, name: str, default: float) -> float:
    limits = welcome.get("limits")
    limit = limits.get(name) if isinstance(limits, dict) else None
    return limit if isinstance(limit, int | float) else default


def _encoded(message: Message) -> bytes:
    return msgspec.json.encode(message)


def _decoded(frame: str | bytes) -> Message:
    """Return the message of a frame; an empty one where it is none, which everybody ignores."""
    try:
        message = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return message if isinstance(message, dict) else {}
