"""One watch as its user sees it: the newest value, the values in turn, the result."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar

from gateway.client.asking import Asking
from gateway.core.values import JsonValue
from gateway.errors import Closed

__all__ = ["Bell", "Watch"]

_TOLD_S = 2.0
"""How long a server that does not read is waited for, to hear that nobody looks any more."""

T_co = TypeVar("T_co", covariant=True)


class Bell:
    """Wakes everybody who waits; nobody has to be taken off a list."""

    def __init__(self) -> None:
        """Begin silent."""
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits now."""
        self._event.set()
        self._event = asyncio.Event()

    async def heard(self) -> None:
        """Wait for the next ring."""
        await self._event.wait()


class Watch(Generic[T_co]):
    """A view of one extraction; made by `Session.extract` and `Session.watch`.

    `async for value in watch` gives ever fuller values as plain JSON, whole at every step. A slow loop sees fewer.
    It ends after the last one, and raises where the extraction failed, as `result` does; where this side closed the
    watch or the session it just ends. Values share what is equal in them, so copy one before you change it.

    Args:
        asking: what it asks of the server.
        bell: rings when something has changed.
        speak: says that there is something to send.
        made: makes the result of the validated value.
    """

    def __init__(
        self, asking: Asking, bell: Bell, *, speak: Callable[[], None], made: Callable[[JsonValue], T_co]
    ) -> None:
        """Know whom to ask."""
        self._asking = asking
        self._bell = bell
        self._speak = speak
        self._made = made

    @property
    def extraction(self) -> str | None:
        """The name of the extraction, good for `Session.watch` on any connection; None until the server gave one."""
        return self._asking.extraction

    @property
    def value(self) -> JsonValue:
        """The newest value as plain JSON; None before the first."""
        return self._asking.value

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """How far the model is, as the newest update told it (PROTOCOL.md §4); None where it was not asked for."""
        return self._asking.progress

    @property
    def reasoning(self) -> str:
        """What the model has thought aloud so far, where it was asked for."""
        return self._asking.reasoning

    @property
    def terminal(self) -> Mapping[str, Any] | None:
        """The server's last message, with `usage` and `timing` (PROTOCOL.md §4); None until it has come."""
        return self._asking.terminal

    def __aiter__(self) -> AsyncIterator[JsonValue]:
        return _Values(self._asking, self._bell)

    async def started(self) -> str:
        """Wait for the name of the extraction.

        Raises:
            GatewayError: it was refused, or there is no connection any more.
        """
        while self._asking.extraction is None:
            self._raise_error()
            await self._bell.heard()
        return self._asking.extraction

    async def result(self) -> T_co:
        """Wait for the validated value; of the type that was given as schema, else plain JSON.

        Raises:
            GatewayError: there is none; its `code` says why, its `value` is what had been reached. Besides the codes
                of PROTOCOL.md §9 those are `incomplete`, `cancelled`, `closed` (this side stopped looking) and
                `disconnected` (there never was a connection, or the server does not want this client back).
        """
        while not self._asking.is_ended:
            await self._bell.heard()
        self._raise_error()
        return self._made(self._asking.whole)

    async def cancel(self) -> None:
        """End the extraction for everybody who watches it; returns once it has ended, however it did."""
        self._asking.cancel()
        self._tell()
        while not self._asking.is_ended:
            await self._bell.heard()

    async def close(self) -> None:
        """Stop looking; the extraction goes on. Returns once the server has been told, or does not listen."""
        self._asking.close()
        self._tell()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TOLD_S):
                while not self._asking.is_over:
                    await self._bell.heard()

    def _tell(self) -> None:
        self._bell.ring()
        self._speak()

    def _raise_error(self) -> None:
        if self._asking.error is not None:
            raise self._asking.error.with_traceback(None)


class _Values(AsyncIterator[JsonValue]):
    """The values of a watch from now on; leaving it early leaves nothing behind."""

    def __init__(self, asking: Asking, bell: Bell) -> None:
        self._asking = asking
        self._bell = bell
        self._seen = 0

    async def __anext__(self) -> JsonValue:
        while self._seen == self._asking.updates:
            if self._asking.is_ended:
                self._raise_ending()
            await self._bell.heard()
        self._seen = self._asking.updates
        return self._asking.value

    def _raise_ending(self) -> None:
        error = self._asking.error
        if error is None or isinstance(error, Closed):
            raise StopAsyncIteration
        raise error.with_traceback(None)
