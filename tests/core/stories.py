"""Random stories of one attempt, and watches that follow them as an ordinary JSON Patch library would."""

import json
from typing import Any

import jsonpatch
from hypothesis import strategies as st

from gateway.core.document import Document, Encoding, Update, View
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import Operation, difference
from gateway.core.parser import Parser
from gateway.core.schema import ANY, Schema
from tests.core.oracles import applied
from tests.core.strategies import conforming, cut_texts, grown_values, rendered, schemas

__all__ = ["BALLAST", "Watcher", "frame", "stories"]

BALLAST = "x" * 3_000
"""Makes a value so large that patches are smaller than snapshots."""


def frame(update: Update) -> dict[str, Any]:
    """Return an update as it is sent, without a watch's id."""
    sent: dict[str, Any] = json.loads("{" + update.body)
    assert sent["rev"] == update.rev
    return sent | {"type": update.type}


class Watcher:
    """A watch as an ordinary JSON Patch library would keep it."""

    def __init__(self, view: View) -> None:
        """Begin without a position."""
        self.view = view
        self.rev: int | None = None
        self.value: Any = None
        self.is_final = False

    def catch_up(self, document: Document) -> dict[str, Any]:
        """Take the update from the own position to now, and return its frame."""
        update = frame(document.update(self.view, self.rev))
        if update["type"] == "snapshot":
            assert update["epoch"] == document.epoch
            self.value = update["value"]
        else:
            assert update["from"] == self.rev
            patch = jsonpatch.JsonPatchWithAppend if self.view.encoding is Encoding.APPEND else jsonpatch.JsonPatch
            self.value = patch(update["ops"]).apply(self.value)
        self.rev, self.is_final = update["rev"], update.get("final", False)
        return update


@st.composite
def stories(draw: st.DrawFn) -> tuple[Any, list[list[Operation]]]:
    """Give a skeleton and the steps of one attempt: every piece's growth, and the one to a validated value."""
    if draw(st.booleans()):
        inner = draw(schemas())
        schema = {"type": "object", "properties": {"a": inner, "ballast": {}, "never": {}}}
        shape, texts = Schema.from_json(schema, limits=Limits()).shape, st.just(json.dumps(draw(conforming(inner))))
    else:
        shape, texts = ANY, rendered(repeats=True)
    ballast = draw(st.sampled_from(["", BALLAST]))
    pieces = [f'{{"ballast":"{ballast}","a":', *draw(cut_texts(texts)), "}"]
    parser, growth = Parser(), Growth(shape)
    steps = [list(growth.shaped(parser.feed(piece))) for piece in pieces] + [list(growth.shaped(parser.finish()))]
    value = applied(shape.placeholder(), [operation for step in steps for operation in step])
    final = draw(grown_values(value))
    return shape.placeholder(), [*filter(None, steps), list(difference(value, final))]
