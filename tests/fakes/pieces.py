"""A document cut in pieces, what is seen after each, and gates that let them out one by one."""

import asyncio
from typing import Any

from tests.fakes.client import CheckedWatch, Client
from tests.fakes.openai_server import Reply

__all__ = ["ANN", "ENCODINGS", "FINAL", "PIECES", "SCHEMA", "SEEN", "Gates", "asked", "play", "replace", "watch_many"]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "people": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
            },
        },
        "open": {"type": "boolean"},
    },
    "required": ["title", "people", "open"],
}

# What the model writes, piece by piece, and what is seen after each: written by hand.
PIECES = [
    '{"title": "Gr',
    "eat \\u00",
    "e9\\ud83d",
    '\\ude00"',
    ', "people": [{"name": "Ann"',
    ', "age": 42}',
    ', {"name": "B',
    'o", "age": 7}], "open": true',
    "}",
]
ANN: dict[str, Any] = {"name": "Ann", "age": 42}
SEEN: list[dict[str, Any]] = [
    {"title": None, "people": [], "open": None},
    {"title": "Gr", "people": [], "open": None},
    {"title": "Great ", "people": [], "open": None},
    {"title": "Great é", "people": [], "open": None},
    {"title": "Great é😀", "people": [], "open": None},
    {"title": "Great é😀", "people": [{"name": "Ann", "age": None}], "open": None},
    {"title": "Great é😀", "people": [ANN], "open": None},
    {"title": "Great é😀", "people": [ANN, {"name": "B", "age": None}], "open": None},
    {"title": "Great é😀", "people": [ANN, {"name": "Bo", "age": 7}], "open": True},
]
FINAL = SEEN[-1]
ENCODINGS = ["snapshot", "patch", "append"]


class Gates:
    """Lets the fake write one piece at a time."""

    def __init__(self, count: int = len(PIECES) + 1) -> None:
        """Begin closed: nothing is written."""
        self.events = {number: asyncio.Event() for number in range(count)}

    def reply(self, pieces: list[str] = PIECES) -> Reply:
        """Return a reply behind these gates."""
        return Reply(pieces, gates=self.events)

    def open(self, number: int) -> None:
        """Let one piece out."""
        self.events[number].set()

    def open_all(self) -> None:
        """Let everything out."""
        for event in self.events.values():
            event.set()


def asked(**fields: Any) -> dict[str, Any]:
    """Return what an `extract` asks for, with every update at once."""
    return {"schema": SCHEMA, "input": "text", "interval_ms": 0, **fields}


async def play(gates: Gates, client: Client, *watches: CheckedWatch, start: int = 1, end: int = len(SEEN)) -> None:
    """Let pieces out one by one, each once all watches have seen the one before."""
    for rev in range(start, end):
        gates.open(rev - 1)
        await client.reach(rev, *watches)


def replace(path: str, value: Any) -> dict[str, Any]:
    """Return an operation as it is sent."""
    return {"op": "replace", "path": path, "value": value}


async def watch_many(client: Client, extraction: str, count: int) -> None:
    """Watch an extraction so many times on one connection: w1, w2 and so on."""
    for number in range(1, count + 1):
        await client.watch(f"w{number}", extraction, interval_ms=0)
