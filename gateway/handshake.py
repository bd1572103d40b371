"""From an upgrade request to a served connection: origin, capacity, subprotocol, credential (PROTOCOL.md §2)."""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from starlette.requests import HTTPConnection

from gateway.access import Access
from gateway.accounts import ConnectionAccount
from gateway.connection import Connection, Receive, Send
from gateway.core import messages
from gateway.core.limits import Limits
from gateway.core.session import Judge, Session
from gateway.errors import CloseCode, OverCapacity
from gateway.figures import Figures
from gateway.headcount import Arrivals, Headcount, network_of
from gateway.heartbeat import Heartbeat
from gateway.hub import Hub
from gateway.jobs import Jobs
from gateway.origins import Origins
from gateway.principal import Principal
from gateway.tasks import Tasks
from gateway.tickets import Tickets

__all__ = ["STALL_EXTENSION", "Handshake"]

STALL_EXTENSION = "gateway.stall"
"""ASGI extension of a server that itself ends a peer which takes no bytes for `send_stall_s`.

Its value is a dictionary, in which the server leaves under `dropped` why it gave a peer up (`figures.DROPS`).
"""

_BEARER = "bearer."

_log = logging.getLogger("gateway")


class Handshake:
    """The ASGI application at `/v1/ws`.

    Args:
        origins: which web pages may connect.
        access: who may enter.
        tickets: who may enter once.
        hub: where extractions run.
        jobs: checks what is asked.
        limits: of connections and messages.
        tasks: where writers live.
        heartbeat: beats for every connection.
        figures: of the gateway.
        new_id: makes a session's name.
        welcome: what every `welcome` says, but for the session's name.
        is_private: only this machine can come here, and nobody is asked who it is: no address and nobody is bounded.
    """

    def __init__(
        self,
        *,
        origins: Origins,
        access: Access,
        tickets: Tickets,
        hub: Hub,
        jobs: Jobs,
        limits: Limits,
        tasks: Tasks,
        heartbeat: Heartbeat[Connection],
        figures: Figures,
        new_id: Callable[[], str],
        welcome: Callable[[], Mapping[str, Any]],
        is_private: bool = False,
    ) -> None:
        """Know what every connection shares."""
        most_of_address = None if is_private else limits.max_connections_per_address
        most_of_principal = None if is_private else limits.max_connections_per_principal
        self._arrivals = None if is_private else Arrivals(limits)
        self._addresses = Headcount(most_of_address, "connections of one address")
        self._principals = Headcount(most_of_principal, "connections with one credential")
        self._origins = origins
        self._access = access
        self._tickets = tickets
        self._hub = hub
        self._jobs = jobs
        self._limits = limits
        self._tasks = tasks
        self._heartbeat = heartbeat
        self._figures = figures
        self._new_id = new_id
        self._welcome = welcome

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        if (await receive())["type"] != "websocket.connect":
            return
        origin = _origin(scope)
        if not self._origins.allows(origin):
            _log.warning("a connection from origin %.200r was refused; GATEWAY_ORIGINS lists who may", origin)
            self._figures.refused["origin"] += 1
            await _refuse(scope, send, 403, "this origin is not allowed")
        elif self._hub.is_closing:
            self._figures.refused["draining"] += 1
            await _refuse(scope, send, 503, "the server is about to restart", retry_after_s=1)
        elif len(self._heartbeat) >= self._limits.max_connections:
            self._figures.refused["capacity"] += 1
            await _refuse(scope, send, 503, "too many connections", retry_after_s=5)
        else:
            await self._enter(scope, receive, send)

    async def _enter(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one WebSocket from an address that comes and has come neither too often nor too many times at once."""
        client = scope.get("client")
        if not client or not client[0]:
            await self._accept(scope, receive, send)  # by a local socket: nobody knows who is at its other end
            return
        address = network_of(client[0])
        wait_s = 0.0 if self._arrivals is None else self._arrivals.arrive(address, time.monotonic())
        if wait_s:
            self._figures.refused["address_rate"] += 1
            await _refuse(scope, send, 429, "too many handshakes from this address", retry_after_s=ceil(wait_s))
            return
        try:
            self._addresses.enter(address)
        except OverCapacity as error:
            self._figures.refused["address_connections"] += 1
            await _refuse(scope, send, 429, error.message, retry_after_s=5)
            return
        try:
            await self._accept(scope, receive, send)
        finally:
            self._addresses.leave(address)

    async def _accept(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        offered = list(scope.get("subprotocols") or ())
        if messages.PROTOCOL not in offered:
            self._figures.refused["subprotocol"] += 1
            # A browser fails a handshake that echoes none of its names, and would then see no close code.
            echoed = next((name for name in offered if not name.startswith(_BEARER)), None)
            await send({"type": "websocket.accept", "subprotocol": echoed})
            reason = f"expected the subprotocol {messages.PROTOCOL}"
            await send({"type": "websocket.close", "code": int(CloseCode.SUBPROTOCOL), "reason": reason})
            return
        await send({"type": "websocket.accept", "subprotocol": messages.PROTOCOL})
        below = scope.get("extensions", {}).get(STALL_EXTENSION)
        counted: list[str] = []

        async def authenticate(asked: Judge) -> Principal:
            principal = await self._principal(scope, asked)
            if principal.name:
                self._principals.enter(principal.name)
                counted.append(principal.name)
            return principal

        connection = Connection(
            receive,
            send,
            session=Session(limits=self._limits, credential=_credential(offered)),
            authenticate=authenticate,
            welcome=self._welcomed,
            hub=self._hub,
            jobs=self._jobs,
            limits=self._limits,
            tasks=self._tasks,
            account=ConnectionAccount(self._figures, asyncio.get_running_loop().time(), {} if below is None else below),
            watches_stalls=below is not None,
        )
        self._heartbeat.attach(connection)
        try:
            await connection.serve()
        finally:
            self._heartbeat.detach(connection)
            for name in counted:
                self._principals.leave(name)

    async def _principal(self, scope: dict[str, Any], asked: Judge) -> Principal:
        """Return who asks; a ticket that does not hold is not made up for by anything else."""
        if asked.ticket is None:
            return await self._access.principal(HTTPConnection(scope), asked.credential)
        principal = self._tickets.spend(asked.ticket, time.monotonic())
        self._figures.tickets_spent += 1
        return principal

    def _welcomed(self) -> messages.Welcome:
        return messages.Welcome(session=self._new_id(), **self._welcome())


def _origin(scope: dict[str, Any]) -> str | None:
    return {name: value.decode("latin-1") for name, value in scope["headers"]}.get(b"origin")


def _credential(offered: list[str]) -> str | None:
    """Return the credential among the offered subprotocols: `bearer.` and base64url."""
    entries = [name.removeprefix(_BEARER) for name in offered if name.startswith(_BEARER)]
    if not entries:
        return None
    encoded = entries[0]
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


async def _refuse(
    scope: dict[str, Any], send: Send, status: int, reason: str, *, retry_after_s: int | None = None
) -> None:
    """Answer the upgrade with an HTTP status, where the server can; else close, which is a 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": int(CloseCode.FORBIDDEN), "reason": reason})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reason.encode()})
