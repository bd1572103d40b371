"""Who may enter, judged once for each connection: a token an operator has set, or whoever the application knows.

The application's own word is a function of the request and the credential (PROTOCOL.md §2).
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from inspect import isawaitable, iscoroutinefunction
from typing import TypeAlias

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from gateway.errors import Forbidden, GatewayError, Unauthenticated
from gateway.principal import ANYBODY, Principal

__all__ = ["Access", "Authenticate"]

Authenticate: TypeAlias = Callable[[HTTPConnection, str | None], "str | Awaitable[str | None] | None"]
"""Given a request and the credential it brings, returns the name of who it is, or None.

The request is the upgrade, with the credential of `hello` or `bearer.…`, or one for a ticket (`POST /v1/tickets`), with
that of `Authorization: Bearer`.

A GatewayError that it raises is what the client is told, and so is an HTTPException of 401 or 403. It may be
asynchronous; a plain function runs in a thread.
"""

_REFUSALS: dict[int, type[GatewayError]] = {401: Unauthenticated, 403: Forbidden}

_THREADS = 8
"""For plain functions: a slow one must not take the threads that serve files."""


class Access:
    """Judges who may enter.

    Args:
        tokens: the credentials there are.
        authenticate: the application's own word, where it has one. Without either everybody may enter.
    """

    def __init__(self, tokens: tuple[str, ...] = (), authenticate: Authenticate | None = None) -> None:
        """Know the credentials."""
        self._tokens = [token.encode() for token in tokens]
        self._authenticate = authenticate

    @cached_property
    def _limiter(self) -> CapacityLimiter:
        return CapacityLimiter(_THREADS)

    async def principal(self, connection: HTTPConnection, credential: str | None) -> Principal:
        """Return who asks.

        Raises:
            GatewayError: who asks may not enter.
        """
        if not self._tokens and self._authenticate is None:
            return ANYBODY
        if (holder := self._holder(credential)) is not None:
            return holder
        if name := await self._known(connection, credential):
            return Principal(f"user:{name}", realm=f"user:{name}")
        what = (
            "a credential that this server knows"
            if credential
            else "a credential (hello.token or bearer.…; over HTTP Authorization)"
        )
        raise Unauthenticated(f"expected {what}", param="token")

    def _holder(self, credential: str | None) -> Principal | None:
        """Return a token's holder, in the same time whichever it is."""
        given = (credential or "").encode(errors="replace")
        if not sum(hmac.compare_digest(given, token) for token in self._tokens):
            return None
        return Principal(f"token:{hashlib.sha256(given).hexdigest()[:12]}")

    async def _known(self, connection: HTTPConnection, credential: str | None) -> str | None:
        if self._authenticate is None:
            return None
        try:
            return _checked(await self._asked(self._authenticate, connection, credential))
        except HTTPException as refusal:  # what an application's own dependencies raise
            if refusal.status_code not in _REFUSALS:
                raise
            raise _REFUSALS[refusal.status_code]("the application does not let this client in") from None

    async def _asked(self, authenticate: Authenticate, connection: HTTPConnection, credential: str | None) -> object:
        if iscoroutinefunction(authenticate):
            return await authenticate(connection, credential)
        ask = partial(authenticate, connection, credential)
        answer = await to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._limiter)
        return await answer if isawaitable(answer) else answer


def _checked(name: object) -> str | None:
    """Make sure that a hook which answers with True, or with a user, is heard of and lets nobody in by accident."""
    if name is None or isinstance(name, str):
        return name or None
    raise TypeError(f"authenticate: expected the name of who it is, or None; got {type(name).__name__}")
