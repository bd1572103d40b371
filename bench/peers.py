"""Others who make partial objects, one at a time, in an environment of their own; run by path, needs no gateway.

Reads the pieces as a JSON list from standard input and writes `{"cpu_s", "results", "value"}` as JSON. Each peer is
imported where it runs: what one brings along would weigh on the other's garbage collection.
"""

import json
import sys
from collections.abc import Iterator
from time import process_time
from typing import Any

from pydantic import BaseModel

__all__ = ["PEERS"]


class Person(BaseModel):
    """One of the people."""

    name: str
    email: str
    twitter: str


class Conference(BaseModel):
    """The document, as a user of the peers declares it."""

    users: list[Person]
    date: str
    location: str
    budget: float
    deadline: str


def jiter_patches(pieces: list[str]) -> Iterator[Any]:
    """Parse the whole text again for every piece, and write the patch from the value before."""
    import jiter  # noqa: PLC0415
    import jsonpatch  # noqa: PLC0415

    text, before = "", None
    for piece in pieces:
        text += piece
        after = jiter.from_json(text.encode(), partial_mode="trailing-strings")
        json.dumps(jsonpatch.make_patch(before, after).patch)
        before = after
        yield after


def instructor_partials(pieces: list[str]) -> Iterator[Any]:
    """Give the pieces to instructor's own partial parser; it makes objects, and nothing is written of them."""
    import instructor  # noqa: PLC0415

    partials: Iterator[Any] = instructor.Partial[Conference].model_from_chunks(iter(pieces))
    return partials


PEERS = {"jiter + make_patch": jiter_patches, "instructor": instructor_partials}


def main() -> None:
    """Measure the peer that is named."""
    results = PEERS[sys.argv[1]](json.load(sys.stdin))
    begin_s, count, last = process_time(), 0, None
    for result in results:
        count, last = count + 1, result
    cpu_s = process_time() - begin_s
    value = last.model_dump(mode="json") if isinstance(last, BaseModel) else last
    json.dump({"cpu_s": cpu_s, "results": count, "value": value}, sys.stdout)


if __name__ == "__main__":
    main()
