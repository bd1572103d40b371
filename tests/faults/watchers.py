"""Clients that come back until they have the end, and check everything on the way (PROTOCOL.md §4, §5).

1. Within an epoch revisions only grow, and each update starts from the one before, over any number of connections.
2. At equal revision all watchers of an extraction have the same value.
3. There is one terminal, and its digest is the value's.
4. A value only ever grows: no part of it comes twice.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from gateway.client import Session
from tests.fakes.client import CheckedWatch, Client, digest
from tests.faults.raw import Ended, RawSocket, closing

__all__ = ["STATES", "ClientWatcher", "HandWatcher", "History", "grows"]

STATES = frozenset({"snapshot", "patch", "append"})
"""The encodings that carry the value at each revision."""

_ID = "a"


class History:
    """What the watchers of one extraction have seen at each revision."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.seen: dict[tuple[str, int], str] = {}

    def note(self, epoch: str, rev: int, value: Any) -> None:
        """Compare a value with what others saw at that revision."""
        text = json.dumps(value, sort_keys=True)
        assert self.seen.setdefault((epoch, rev), text) == text, f"two values at revision {rev}"


def grows(before: Any, after: Any) -> bool:
    """Tell whether a value can have come of another by writing on."""
    if before is None:
        return True
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    if isinstance(before, list):
        return isinstance(after, list) and len(before) <= len(after) and all(map(grows, before, after))
    if isinstance(before, dict):
        return isinstance(after, dict) and all(key in after and grows(part, after[key]) for key, part in before.items())
    return bool(before == after)


class HandWatcher:
    """Speaks the wire itself, and resumes by hand.

    Args:
        port: where it connects.
        asks: the fields of `extract`, with a key and without `id`.
        history: of the extraction.
        silence_s: after so long without a frame the line counts as dead.

    Attributes:
        watch: what it has seen on its newest connection.
        visits: connections it began.
    """

    def __init__(self, port: int, asks: dict[str, Any], history: History, *, silence_s: float) -> None:
        """Begin with nothing asked."""
        self.watch = CheckedWatch(_ID, asks["encoding"])
        self.visits = 0
        self._port = port
        self._asks = asks
        self._history = history
        self._silence_s = silence_s
        self._carries_state = asks["encoding"] in STATES

    async def follow(self) -> None:
        """Watch to the end, however often the line is lost."""
        while self.watch.terminal is None:
            self.visits += 1
            with suppress(Ended, OSError, TimeoutError):
                async with closing(await RawSocket.dialled(self._port)) as socket:
                    await self._visit(socket)

    async def _visit(self, socket: RawSocket) -> None:
        async with asyncio.timeout(self._silence_s) as silence:
            await socket.upgrade()
            client = Client(socket)
            await client.greet()
            before, self.watch = self.watch, self._next_watch()
            client.watches[_ID] = self.watch
            try:
                await client.say(**self._question(before))
                while self.watch.terminal is None:
                    silence.reschedule(asyncio.get_running_loop().time() + self._silence_s)
                    await self._hear(client)
            finally:
                self._compare(before)

    def _next_watch(self) -> CheckedWatch:
        before = self.watch
        if not self._carries_state or before.rev is None:
            return CheckedWatch(_ID, before.encoding)
        return CheckedWatch(_ID, before.encoding, rev=before.rev, value=before.value, epoch=before.epoch)

    def _question(self, before: CheckedWatch) -> dict[str, Any]:
        if before.opening is None:
            return {"type": "extract", "id": _ID, **self._asks}
        has_value = self._carries_state and before.rev is not None
        start: Any = {"epoch": before.epoch, "rev": before.rev} if has_value else "start"
        options = {name: self._asks[name] for name in ("encoding", "interval_ms")}
        return {"type": "watch", "id": _ID, "extraction": before.extraction, "from": start, **options}

    async def _hear(self, client: Client) -> None:
        before = self.watch.value
        frame = await client.hear()
        assert frame["type"] != "error", frame
        if frame["type"] in {"snapshot", "patch"}:
            assert self.watch.rev is not None
            self._history.note(self.watch.epoch, self.watch.rev, self.watch.value)
            assert grows(before, self.watch.value) or self._begins_anew(), "a value shrank"

    def _begins_anew(self) -> bool:
        return len(self.watch.frames) > 1 and self.watch.frames[-2]["type"] == "reset"

    def _compare(self, before: CheckedWatch) -> None:
        """Compare with the connection before; where nothing was answered, that one still counts."""
        now = self.watch
        if now.opening is None:
            self.watch = before
            return
        if before.opening is not None and before.epoch == now.epoch:
            assert now.rev is None or before.rev is None or now.rev >= before.rev
            texts = sorted((before.texts["text"], now.texts["text"]), key=len)
            assert texts[1].startswith(texts[0])
            items = [{**item, "id": ""} for item in before.items], [{**item, "id": ""} for item in now.items]
            assert all(map(dict.__eq__, *items))

    def check(self, *, value: Any, text: str) -> None:
        """Compare the end with what the model wrote."""
        watch = self.watch
        assert watch.terminal is not None
        assert watch.terminal["type"] == "completed", watch.terminal
        if watch.encoding == "text":
            assert watch.texts["text"] == text
        else:
            assert watch.value == value
            assert watch.terminal["digest"] == digest(value)
        if watch.encoding == "items":
            assert [item["value"] for item in watch.items] == value["people"]


class ClientWatcher:
    """The Python client, which resumes by itself.

    Args:
        port: where it connects.
        asks: the fields of `extract`.
        history: of the extraction.
        silence_s: after so long without a frame the line counts as dead.
    """

    def __init__(self, port: int, asks: dict[str, Any], history: History, *, silence_s: float) -> None:
        """Begin with nothing asked."""
        self._session = Session(
            f"ws://127.0.0.1:{port}/v1/ws", chance=lambda: 0.0, timeout_s=None, silence_s=silence_s, proxy=None
        )
        self._asks = asks
        self._history = history
        self._result: Any = None
        self._terminal: dict[str, Any] = {}
        self._last: Any = None

    async def follow(self) -> None:
        """Watch to the end, however often the line is lost."""
        async with self._session as session:
            watch = session.extract(**self._asks)
            epoch = None
            async for value in watch:
                replica = watch._asking._replica
                assert grows(self._last, value) or replica.epoch != epoch, "a value shrank"
                self._last, epoch = value, replica.epoch
                if self._asks["encoding"] in STATES:
                    assert replica.epoch is not None
                    assert replica.rev is not None
                    self._history.note(replica.epoch, replica.rev, value)
            self._result = await watch.result()
            self._terminal = dict(watch.terminal or {})

    def check(self, *, value: Any, text: str) -> None:
        """Compare the end with what the model wrote."""
        encoding = self._asks["encoding"]
        assert self._terminal["type"] == "completed"
        if encoding == "text":
            assert self._result == text
        else:
            assert self._result == value
            assert self._terminal["digest"] == digest(value)
        if encoding == "items":
            assert [item["value"] for item in self._last] == value["people"]
