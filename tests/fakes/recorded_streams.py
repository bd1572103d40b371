"""Streams as servers really sent them, where this machine has the folder that holds them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["CASES", "needs_streams", "recorded_body"]

_STREAMS = Path(os.environ.get("GATEWAY_STREAMS") or Path(__file__).parents[3] / "shared" / "streams")
_MANIFEST = _STREAMS / "manifest.json"

CASES: list[dict[str, Any]] = json.loads(_MANIFEST.read_text()) if _MANIFEST.exists() else []
"""What the manifest says of each: how it was asked for, what it comes to."""

needs_streams = pytest.mark.skipif(not CASES, reason=f"no recorded streams at {_STREAMS}: set GATEWAY_STREAMS")


def recorded_body(name: str) -> bytes:
    """Return the body of an answer, as it was sent."""
    return (_STREAMS / f"{name}.sse").read_bytes()
