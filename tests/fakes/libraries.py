"""Frames of a watch by other people's JSON Patch libraries in JavaScript, and by both clients' replicas."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from gateway.core.replica import Receipt, Replica
from tools import node

__all__ = ["JAVASCRIPT", "Run", "by_replica", "replayed"]

Run: TypeAlias = tuple[str, Sequence[dict[str, Any]]]
"""An encoding, and the frames of a watch in it."""

Reached: TypeAlias = list[list[Any]]
"""Revisions, each with its value; at last `["error", words]` where a library cannot go on."""

JAVASCRIPT = frozenset({"fast-json-patch", "rfc6902", "ours"})

_REPLAY = Path(__file__).parent.parent / "static" / "replay.mjs"


def replayed(runs: Sequence[Run]) -> list[dict[str, Reached]]:
    """Return what each library in JavaScript makes of each run, by its name; one process for all of them."""
    asked = json.dumps([{"encoding": encoding, "frames": list(frames)} for encoding, frames in runs])
    answer = subprocess.run(
        [*node.command("node"), str(_REPLAY)], input=asked, capture_output=True, text=True, check=True
    )
    found: list[dict[str, Reached]] = json.loads(answer.stdout)
    assert all(made.keys() == JAVASCRIPT for made in found)
    return found


def by_replica(run: Run) -> Reached:
    """Return what the Python client's replica makes of a run; it never has to ask again."""
    encoding, frames = run
    replica, reached = Replica(encoding), []
    for frame in frames:
        assert replica.take(frame) in {Receipt.APPLIED, Receipt.ENDED}, frame
        if frame["type"] in {"snapshot", "patch"}:
            reached.append([replica.rev, replica.value])
    return reached
