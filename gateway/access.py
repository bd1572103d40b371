"""Who may enter, judged once for each connection: a token an operator has set, or whoever the application knows.

The application's own word is a function of the upgrade request and the credential (PROTOCOL.md §2).
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from typing import TypeAlias

from anyio import to_thread
from starlette.requests import HTTPConnection

from gateway.errors import Unauthenticated

__all__ = ["Access", "Authenticate"]

Authenticate: TypeAlias = Callable[[HTTPConnection, str | None], "str | Awaitable[str | None] | None"]
"""Given the upgrade request and the credential of `hello` or `bearer.…`, returns the name of who it is, or None.

A GatewayError that it raises is what the client is told. It may be asynchronous; a plain function runs in a thread.
"""


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

    async def principal(self, connection: HTTPConnection, credential: str | None) -> str:
        """Return the name of who asks; empty where everybody may enter.

        Raises:
            GatewayError: who asks may not enter.
        """
        if not self._tokens and self._authenticate is None:
            return ""
        name = self._holder(credential) or await self._known(connection, credential)
        if name:
            return name
        what = "a credential that this server knows" if credential else "a credential (hello.token, or bearer.…)"
        raise Unauthenticated(f"expected {what}", param="token")

    def _holder(self, credential: str | None) -> str | None:
        """Return the name of a token's holder, in the same time whichever it is."""
        given = (credential or "").encode(errors="replace")
        if not sum(hmac.compare_digest(given, token) for token in self._tokens):
            return None
        return f"token-{hashlib.sha256(given).hexdigest()[:12]}"

    async def _known(self, connection: HTTPConnection, credential: str | None) -> str | None:
        if self._authenticate is None:
            return None
        if iscoroutinefunction(self._authenticate):
            return _checked(await self._authenticate(connection, credential))
        answer = await to_thread.run_sync(self._authenticate, connection, credential, abandon_on_cancel=True)
        return _checked(await answer if isawaitable(answer) else answer)


def _checked(name: object) -> str | None:
    """Make sure that a hook which answers with True, or with a user, is heard of and lets nobody in by accident."""
    if name is None or isinstance(name, str):
        return name or None
    raise TypeError(f"authenticate: expected the name of who it is, or None; got {type(name).__name__}")
