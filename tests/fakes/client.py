"""A client that believes nothing: every frame of a watch is checked against PROTOCOL.md §4 as it comes.

Revisions follow on from each other, patches apply with an ordinary library, the terminal comes once, and its digest
is the value's. `CheckedWatch` is the check, `Client` speaks over any line that carries text.
"""

import copy
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import jsonpatch
import rfc8785
from websockets.asyncio.client import ClientConnection, connect

__all__ = ["CheckedWatch", "Client", "Line", "connected", "digest", "greeted"]

TERMINALS = frozenset({"completed", "incomplete", "failed", "cancelled"})
_ANSWERS = frozenset({"error", "pong"})
_TEXTS = frozenset({"text", "reasoning"})
_OPENINGS = frozenset({"started", "watching"})
_VARYING = frozenset({"id", "extraction", "epoch", "timing"})


class Line(Protocol):
    """Whatever carries text."""

    async def send_text(self, text: str) -> None:
        """Send one frame."""
        ...

    async def receive_text(self) -> str:
        """Receive one frame."""
        ...


class CheckedWatch:
    """One watch as its client sees it.

    Attributes:
        id: the client's name for it.
        encoding: what was asked for.
        is_part: it sees a part of the value, of which there is no digest.
        frames: all that came, in order.
        values: the value at each revision that was reached, newest epoch only.
        items: those that came, in order, newest epoch only.
        texts: what came of `text` and `reasoning`, likewise.
        rev: the revision reached; None before the first update.
        opening: the latest `started` or `watching`.
        terminal: once it has come.
    """

    def __init__(
        self, id_: str, encoding: str, *, rev: int | None = None, value: Any = None, epoch: str | None = None
    ) -> None:
        """Begin without a value, or where another watch of the same extraction left off."""
        self.id = id_
        self.encoding = encoding
        self.is_part = False
        self.frames: list[dict[str, Any]] = []
        self.values: dict[int, Any] = {}
        self.items: list[dict[str, Any]] = []
        self.texts = {"text": "", "reasoning": ""}
        self.rev = rev
        self.opening: dict[str, Any] | None = None
        self.terminal: dict[str, Any] | None = None
        self._value = copy.deepcopy(value)
        self._epoch = epoch

    @property
    def extraction(self) -> str:
        """The extraction's name."""
        assert self.opening is not None
        return str(self.opening["extraction"])

    @property
    def epoch(self) -> str:
        """The epoch of the value."""
        assert self._epoch is not None
        return self._epoch

    @property
    def value(self) -> Any:
        """The value as it is now."""
        return self._value

    def plain_frames(self) -> list[dict[str, Any]]:
        """Return what came, without what differs from run to run."""
        return [{key: value for key, value in frame.items() if key not in _VARYING} for frame in self.frames]

    def take(self, frame: dict[str, Any]) -> None:
        """Check a frame and apply it."""
        assert self.terminal is None, f"a frame behind the terminal: {frame}"
        self.frames.append(frame)
        kind = frame["type"]
        if kind in _OPENINGS:
            self.opening, self._epoch = frame, self._epoch or frame["epoch"]
        elif kind == "reset":
            self.rev, self._epoch, self.values = None, frame["epoch"], {}
            self.items, self.texts = [], {"text": "", "reasoning": ""}
        elif kind == "snapshot":
            self._take_snapshot(frame)
        elif kind == "patch":
            self._take_patch(frame)
        elif kind == "item":
            self._take_item(frame)
        elif kind in _TEXTS:
            self._take_text(frame)
        elif kind in TERMINALS:
            self._take_terminal(frame)
        else:
            assert kind == "error", frame

    def _take_snapshot(self, frame: dict[str, Any]) -> None:
        assert frame["epoch"] == self._epoch
        assert self.encoding != "text"
        assert self.rev is None or (frame["rev"] > self.rev and self.encoding != "items")
        self._reach(frame["rev"], frame["value"])

    def _take_patch(self, frame: dict[str, Any]) -> None:
        assert self.encoding in {"patch", "append"}
        assert (frame["from"], frame["rev"] > frame["from"]) == (self.rev, True)
        with_append = self.encoding == "append"
        assert {op["op"] for op in frame["ops"]} <= {"add", "replace", "remove", *(["append"] if with_append else [])}
        patch = jsonpatch.JsonPatchWithAppend if with_append else jsonpatch.JsonPatch
        self._reach(frame["rev"], patch(frame["ops"]).apply(self._value))

    def _take_item(self, frame: dict[str, Any]) -> None:
        assert (self.encoding, self.rev) == ("items", None)
        assert frame["key"] == f"{frame['path']}/{frame['index']}"
        assert frame["key"] not in {item["key"] for item in self.items}
        assert frame["valid"] is ("errors" not in frame)
        self.items.append(frame)

    def _take_text(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        assert kind == "reasoning" or self.encoding == "text"
        before = self.texts[kind].encode("utf-16-le")
        assert (frame["epoch"], frame["at"]) == (self._epoch, len(before) // 2)
        self.texts[kind] += frame["text"]

    def _take_terminal(self, frame: dict[str, Any]) -> None:
        assert frame["epoch"] == self._epoch
        if self.encoding != "text":
            assert frame["rev"] == self.rev
            assert frame.get("digest") == (None if self.is_part else digest(self._value))
        self.terminal = frame

    def _reach(self, rev: int, value: Any) -> None:
        self.rev, self._value = rev, value
        self.values[rev] = copy.deepcopy(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical form, every number a double."""
    return hashlib.sha256(rfc8785.dumps(json.loads(json.dumps(value), parse_int=float))).hexdigest()


class Client:
    """Speaks `extraction.v1` over a line and hands each frame to the watch it names.

    Attributes:
        line: carries the text.
        welcome: the server's greeting.
        watches: by id.
    """

    def __init__(self, line: Line) -> None:
        """Begin without a greeting."""
        self.line = line
        self.welcome: dict[str, Any] = {}
        self.watches: dict[str, CheckedWatch] = {}

    async def greet(self, **fields: Any) -> None:
        """Say hello and wait for the answer."""
        await self.say(type="hello", **fields)
        self.welcome = await self.hear()
        assert self.welcome["type"] == "welcome", self.welcome

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.line.send_text(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """Receive a frame; a watch's own is checked first."""
        frame: dict[str, Any] = json.loads(await self.line.receive_text())
        watch = self.watches.get(frame.get("id", ""))
        if watch is not None:
            watch.take(frame)
        return frame

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message and return the next frame that is an `error` or a `pong`."""
        await self.say(**message)
        while (frame := await self.hear())["type"] not in _ANSWERS:
            pass
        return frame

    async def extract(self, id_: str, **fields: Any) -> CheckedWatch:
        """Start an extraction; returns once it is answered."""
        return await self._open("extract", id_, fields, CheckedWatch(id_, fields.get("encoding", "patch")))

    async def watch(self, id_: str, extraction: str, **fields: Any) -> CheckedWatch:
        """Watch an extraction; returns once it is answered."""
        watch = CheckedWatch(id_, fields.get("encoding", "patch"))
        return await self._open("watch", id_, {"extraction": extraction, **fields}, watch)

    async def resume(self, id_: str, before: CheckedWatch, **fields: Any) -> CheckedWatch:
        """Watch again from where a watch left off; returns once it is answered."""
        watch = CheckedWatch(id_, before.encoding, rev=before.rev, value=before.value)
        position = {"epoch": before.epoch, "rev": before.rev}
        fields = {"extraction": before.extraction, "encoding": before.encoding, "from": position, **fields}
        return await self._open("watch", id_, fields, watch)

    async def reach(self, rev: int, *watches: CheckedWatch) -> None:
        """Hear until the watches have reached a revision."""
        await self._until(lambda: all((watch.rev or 0) >= rev for watch in watches))

    async def finish(self, *watches: CheckedWatch) -> None:
        """Hear until the watches have their terminals."""
        await self._until(lambda: all(watch.terminal is not None for watch in watches))

    async def _open(self, kind: str, id_: str, fields: dict[str, Any], watch: CheckedWatch) -> CheckedWatch:
        self.watches[id_], watch.is_part = watch, "paths" in fields
        await self.say(type=kind, id=id_, **fields)
        await self._until(lambda: bool(watch.frames))
        assert watch.opening is not None, watch.frames
        return watch

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self.hear()


class _SocketLine:
    """A line over a real WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send_text(self, text: str) -> None:
        await self._socket.send(text, text=True)

    async def receive_text(self) -> str:
        return str(await self._socket.recv(decode=True))


async def greeted(line: Line) -> Client:
    """Return a client that has said hello over a line."""
    client = Client(line)
    await client.greet()
    return client


@asynccontextmanager
async def connected(
    url: str, *, subprotocols: Sequence[str] = ("extraction.v1",), hello: dict[str, Any] | None = None, **options: Any
) -> AsyncGenerator[Client]:
    """Connect to `http://…` and say hello."""
    address = url.replace("http://", "ws://") + "/v1/ws"
    async with connect(address, subprotocols=list(subprotocols), proxy=None, **options) as socket:  # type: ignore[arg-type] # names are strings
        client = Client(_SocketLine(socket))
        await client.greet(**(hello or {}))
        yield client
