"""The watches and follows of one session, as its connection speaks for them: who is due, who is meant, who is done."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.client.asking import Asking, Message, error_of
from gateway.client.follow import Following
from gateway.client.watch import Bell
from gateway.core.replica import digest
from gateway.core.values import JsonValue
from gateway.errors import GatewayError

__all__ = ["Watches"]

_QUICK_BYTES = 8_192  # a digest of so much takes 2 ms; a larger one is made in a thread


class Watches:
    """What a connection works for.

    Attributes:
        bell: rings when the connection has come or gone.
        welcome: the newest one.
        error: why there will be no connection any more.
        is_open: there is a connection.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.bell = Bell()
        self.welcome: Mapping[str, Any] | None = None
        self.error: GatewayError | None = None
        self.is_open = False
        self._names = 0
        self._live: dict[str, tuple[Asking, Bell]] = {}
        self._follows: dict[str, tuple[Following, Bell]] = {}

    def add(self, request: Message) -> tuple[Asking, Bell]:
        """Begin a watch."""
        self._names += 1
        asking, bell = Asking(f"w{self._names}", request), Bell()
        self._live[asking.id] = asking, bell
        if self.error is not None:
            self.end(self.error)
        return asking, bell

    def follow(self, channel: str) -> tuple[Following, Bell]:
        """Begin to follow a channel."""
        self._names += 1
        following, bell = Following(f"f{self._names}", channel), Bell()
        self._follows[following.id] = following, bell
        if self.error is not None:
            following.fail(self.error)
        return following, bell

    def open(self, welcome: Message) -> None:
        """Hear that there is a connection."""
        self.welcome, self.is_open = welcome, True
        self.bell.ring()

    async def receive(self, message: Message) -> bool:
        """Hand a message to the watch it names, and tell whether that has something to say now."""
        kind, id_ = message.get("type"), message.get("id")
        if isinstance(id_, str) and id_ in self._follows:
            self._hear(*self._follows[id_], message)
            return False
        if not isinstance(kind, str) or not isinstance(id_, str) or id_ not in self._live:
            return False
        asking, bell = self._live[id_]
        if kind == "error":
            asking.refuse(error_of(message))
        else:
            asking.take(message)
        if (claim := asking.claim) is not None:
            asking.verify(is_so=await _has_digest(asking.whole, claim))
        self._settle(asking, bell)
        return asking.is_due

    def _hear(self, following: Following, bell: Bell, message: Message) -> None:
        """Hand a message to a follow."""
        match message.get("type"):
            case "announcement":
                following.take(message)
            case "error":
                following.fail(error_of(message))
            case _:
                return
        bell.ring()

    def due(self) -> Iterator[Message]:
        """Give what the watches have to say, until there is nothing more."""
        for asking, bell in list(self._live.values()):
            while (message := asking.say()) is not None:
                yield message
            self._settle(asking, bell)
        for following, _ in list(self._follows.values()):
            if (message := following.say()) is not None:
                yield message
            if following.is_over:
                del self._follows[following.id]

    def lose(self, *, is_slow: bool) -> None:
        """Hear that the connection is gone; another one follows."""
        self.is_open = False
        for asking, bell in list(self._live.values()):
            asking.lose()
            if is_slow:
                asking.slow_down()
            self._settle(asking, bell)
        for following, _ in self._follows.values():
            following.lose()

    def end(self, error: GatewayError) -> None:
        """Hear that there will be no connection any more."""
        self.error, self.is_open = self.error or error, False
        for asking, bell in list(self._live.values()):
            asking.lose()
            asking.fail(self.error)
            self._settle(asking, bell)
        for following, bell in self._follows.values():
            following.lose()
            following.fail(self.error)
            bell.ring()
        self._follows.clear()
        self.bell.ring()

    def _settle(self, asking: Asking, bell: Bell) -> None:
        bell.ring()
        if asking.is_over:
            self._live.pop(asking.id, None)


async def _has_digest(value: JsonValue, claim: str) -> bool:
    if len(msgspec.json.encode(value)) > _QUICK_BYTES:
        return await asyncio.to_thread(_digest, value) == claim
    return _digest(value) == claim


def _digest(value: JsonValue) -> str | None:
    try:
        return digest(value)
    except ValueError:  # a number that no double holds
        return None
