"""The documents that are streamed, the same in every run (seeded), and the ways to cut them into pieces.

`conference` is a list of people and a few fields behind it, `essay` one long string with escapes, `tree` objects in
lists in objects with every kind of value.
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from gateway.core.limits import Limits
from gateway.core.pointer import JsonValue
from gateway.core.schema import Schema

__all__ = ["CONFERENCE_PEOPLE", "Workload", "conference", "conference_pieces", "conference_sized", "essay", "tree"]

CONFERENCE_PEOPLE = 500

_SEED = 20240315
_PERSON_BYTES = 84  # about; as JSON
_FRAME_BYTES = 150  # what stands around the people

_FIRST_NAMES = ("Elena", "Oskar", "Felix", "Kofi", "Leila", "Yuki", "Priya", "Mateo", "Mina", "Viktor", "Wei", "Jonas")
_LAST_NAMES = ("Weber", "Rahimi", "Haddad", "Haas", "Lindgren", "Dubois", "Nilsen", "Alvarez", "Petrova", "Okafor")
_HOSTS = ("uni.edu", "acme.io", "proton.me", "fastmail.net", "example.org", "email.com")
_WORDS = ("a", "parser", "that", "reads", "the", "whole", "text", "again", "–", 'spends "most"', "of", "its", "time,\n")

_TOKEN = re.compile(r" ?[A-Za-z]+|[0-9]{1,3}|[^A-Za-z0-9 ]+| ")
_WHOLE_WORDS = frozenset({"users", "name", "email", "twitter", "date", "location", "budget", "deadline"})

_STRING: dict[str, JsonValue] = {"type": "string"}
_NUMBER: dict[str, JsonValue] = {"type": "number"}


def _object(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_PERSON = _object(name=_STRING, email=_STRING, twitter=_STRING)
_CONFERENCE = _object(
    users={"type": "array", "items": _PERSON}, date=_STRING, location=_STRING, budget=_NUMBER, deadline=_STRING
)
_ESSAY = _object(title=_STRING, text=_STRING)
_TREE = _object(
    label=_STRING,
    ratio=_NUMBER,
    ok={"type": "boolean"},
    note={"type": ["string", "null"]},
    tags={"type": "array", "items": _STRING},
    children={"type": "array", "items": {"$ref": "#"}},
)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """One document, its schema, and the pieces it arrives in."""

    name: str
    schema: Schema
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole document."""
        return "".join(self.pieces)

    def cut(self, chars: int) -> "Workload":
        """Return the same document in pieces of so many characters."""
        text = self.text
        return replace(self, pieces=tuple(text[at : at + chars] for at in range(0, len(text), chars)))

    def first(self, count: int | None) -> "Workload":
        """Return the beginning of the document, or all of it."""
        if count is None or count >= len(self.pieces):
            return self
        return replace(self, name=f"{self.name}, first {count:,} pieces", pieces=self.pieces[:count])


def conference(people: int, pieces: tuple[str, ...] = ()) -> Workload:
    """Return so many people and the fields behind them, in pieces like a language model's tokens.

    Args:
        people: how many are generated.
        pieces: a tokenised document of the same schema, to be used instead.
    """
    chance = Random(_SEED)
    value: JsonValue = {
        "users": [_person(chance) for _ in range(people)],
        "date": "2024-03-15",
        "location": "Grand Tech Arena located at 4521 Innovation Drive",
        "budget": 50_000,
        "deadline": "2024-02-20",
    }
    return _workload(f"conference-{people}", _CONFERENCE, pieces or _tokens(_written(value), chance))


def conference_pieces(workloads: Path | None, people: int) -> tuple[str, ...]:
    """Return a tokenised conference from a folder of workloads; nothing where there is none."""
    path = workloads / f"conference_{people}.json" if workloads is not None else None
    return tuple(json.loads(path.read_text())) if path is not None and path.is_file() else ()


def conference_sized(size_bytes: int) -> Workload:
    """Return a conference of about so many bytes, in pieces of four characters."""
    people = max(1, (size_bytes - _FRAME_BYTES) // _PERSON_BYTES)
    return replace(conference(people).cut(4), name="list of people")


def essay(size_bytes: int) -> Workload:
    """Return an object with one string of about so many bytes, in pieces of four characters."""
    chance = Random(_SEED)
    words: list[str] = []
    written_bytes = 0
    while written_bytes < size_bytes:
        words.append(chance.choice(_WORDS))
        written_bytes += len(_written(words[-1]).encode()) - 1
    return _workload("one long string", _ESSAY, (_written({"title": "On state", "text": " ".join(words)}),)).cut(4)


def tree(size_bytes: int) -> Workload:
    """Return nested objects and lists of about so many bytes, in pieces of four characters."""
    chance = Random(_SEED)
    children: list[JsonValue] = []
    written_bytes = 0
    while written_bytes < size_bytes:
        children.append(_node(chance, depth=4))
        written_bytes += len(_written(children[-1]).encode())
    return _workload("nested", _TREE, (_written({**_leaf(chance), "children": children}),)).cut(4)


def _workload(name: str, schema: dict[str, JsonValue], pieces: tuple[str, ...]) -> Workload:
    return Workload(name, Schema.from_json(schema, limits=Limits()), pieces)


def _written(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _person(chance: Random) -> JsonValue:
    first, last = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES)
    email = f"{first.lower()}.{last.lower()}{chance.randrange(100)}@{chance.choice(_HOSTS)}"
    handle = chance.choice((f"{first}{last}", f"{first}_{last}", f"{first}{chance.randrange(10_000)}"))
    return {"name": f"{first} {last}", "email": email, "twitter": f"@{handle.lower()}"}


def _leaf(chance: Random) -> dict[str, JsonValue]:
    return {
        "label": " ".join(chance.choices(_LAST_NAMES, k=3)),
        "ratio": round(chance.random(), 5),
        "ok": chance.random() < 0.5,
        "note": None if chance.random() < 0.3 else "A \\ and a \t, as they come.",
        "tags": [chance.choice(_FIRST_NAMES) for _ in range(chance.randrange(4))],
    }


def _node(chance: Random, depth: int) -> dict[str, JsonValue]:
    count = chance.randrange(1, 4) if depth else 0
    return {**_leaf(chance), "children": [_node(chance, depth - 1) for _ in range(count)]}


def _tokens(text: str, chance: Random) -> tuple[str, ...]:
    """Cut as tokenisers do: keys and marks whole, a space with its word, names in bits, digits in threes."""
    return tuple(bit for token in _TOKEN.findall(text) for bit in _bits(token, chance))


def _bits(token: str, chance: Random) -> list[str]:
    if token in _WHOLE_WORDS or not token.strip().isalpha():
        return [token]
    bits = []
    while token:
        size = chance.randint(3, 5) + token.startswith(" ")
        bits.append(token[:size])
        token = token[size:]
    return bits
