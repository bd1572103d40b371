"""One follow as its user sees it: the announcements of a channel, in turn (PROTOCOL.md §3, `follow`)."""

from collections.abc import Callable, Mapping
from typing import Any, Self

from gateway.client.asking import Message
from gateway.client.watch import Bell
from gateway.errors import Closed, GatewayError

__all__ = ["Follow", "Following"]

_REMEMBERED = 8_192
"""Extractions whose state is known, so that coming back tells nothing twice."""


class Following:
    """What one follow asks of the server, and what it has heard; it knows no socket.

    Args:
        id_: its name on the wire.
        channel: what is followed.

    Attributes:
        waiting: announcements that nobody has taken, the newest of each extraction.
        error: why there will be none any more.
    """

    def __init__(self, id_: str, channel: str) -> None:
        """Begin with nothing asked."""
        self.id = id_
        self.channel = channel
        self.waiting: dict[str, Mapping[str, Any]] = {}
        self.error: GatewayError | None = None
        self._states: dict[str, str] = {}  # that are known, so that coming back tells nothing twice
        self._is_asked = self._is_leaving = False

    @property
    def is_over(self) -> bool:
        """Whether the server need not hear of it any more."""
        return self.error is not None and not self._is_leaving

    def say(self) -> Message | None:
        """Return the next message to send, if there is one; it counts as sent."""
        if self._is_leaving:
            self._is_leaving = False
            return {"type": "unfollow", "id": self.id}
        if self._is_asked or self.error is not None:
            return None
        self._is_asked = True
        return {"type": "follow", "id": self.id, "channel": self.channel}

    def take(self, announcement: Mapping[str, Any]) -> None:
        """Take one announcement."""
        name, state = str(announcement.get("extraction")), str(announcement.get("state"))
        if self.error is None and self._states.get(name) != state:
            self._states[name] = state
            if len(self._states) > _REMEMBERED:
                del self._states[next(iter(self._states))]
            self.waiting.pop(name, None)
            self.waiting[name] = announcement
            if len(self.waiting) > _REMEMBERED:
                del self.waiting[next(iter(self.waiting))]

    def lose(self) -> None:
        """Hear that the connection is gone; it is asked for on the next one."""
        self._is_asked = self._is_leaving = False

    def fail(self, error: GatewayError) -> None:
        """Hear that there will be no announcement any more."""
        self.error = self.error or error

    def close(self) -> None:
        """Stop hearing of it."""
        if self.error is None:
            self._is_leaving = self._is_asked
            self.fail(Closed("nobody follows this any more"))


class Follow:
    """The announcements of a channel as they come, for `async for`; of those that wait, the newest of each extraction.

    It goes on over lost connections, and ends with `aclose`, or with the session.
    """

    def __init__(self, following: Following, bell: Bell, *, speak: Callable[[], None]) -> None:
        """Made by `Session.follow`."""
        self._following = following
        self._bell = bell
        self._speak = speak

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        following = self._following
        while not following.waiting:
            if isinstance(following.error, Closed):
                raise StopAsyncIteration
            if following.error is not None:
                raise following.error.with_traceback(None)
            await self._bell.heard()
        return following.waiting.pop(next(iter(following.waiting)))

    async def aclose(self) -> None:
        """Stop hearing of it."""
        self._following.close()
        self._bell.ring()
        self._speak()
