"""The language-neutral traces of tests/vectors, run by the core; their README says what they mean."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from gateway.core.document import Document, Encoding, View
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import difference
from gateway.core.parser import ParseError, Parser
from gateway.core.replica import Replica, digest
from gateway.core.schema import ANY, Schema
from tests.core.oracles import canonical, loaded
from tests.fakes.libraries import JAVASCRIPT, by_replica, replayed

FOLDER = Path(__file__).parent / "vectors"


def vectors(kind: str) -> list[Any]:
    """Return the vectors of one kind as parameters, named after file and vector."""
    return [
        pytest.param(vector, id=f"{file.stem}: {vector['name']}")
        for file in sorted(FOLDER.glob(f"{kind}-*.json"))
        for vector in json.loads(file.read_text(encoding="utf-8"))
    ]


class Reading:
    """A model's text on its way to a document."""

    def __init__(self, vector: dict[str, Any]) -> None:
        """Begin with the skeleton of the vector's schema."""
        self.schema = Schema.from_json(vector["schema"], limits=Limits()) if "schema" in vector else None
        if self.schema is not None and vector.get("many"):
            self.schema = self.schema.many()
        shape, wrapper = (ANY, None) if self.schema is None else (self.schema.shape, self.schema.wrapper)
        self.parser = Parser(lenient="error" not in vector)
        self.growth = Growth(shape, wrapper)
        self.document = Document("e1", shape.placeholder())

    def feed(self, delta: str) -> Any:
        """Read a delta and return the value then."""
        self.document.publish(self.growth.shaped(self.parser.feed(delta)))
        return json.loads(json.dumps(self.document.value))

    def finish(self, *, close: bool) -> Any:
        """Say that no more text comes, validate, and return the final value."""
        self.document.publish(self.growth.shaped(self.parser.finish(close=close)))
        value = self.document.plain_value()
        final = value if self.schema is None else self.schema.validate(value)
        self.document.publish(list(difference(self.document.value, final)), final=True)
        return self.document.value


@pytest.mark.parametrize("vector", vectors("parse"))
def test_parse(vector: dict[str, Any]) -> None:
    """The value after each delta, the final one and the repairs are those of the vector."""
    reading, steps, error = Reading(vector), [], None
    try:
        for delta in vector["deltas"]:
            steps.append(reading.feed(delta))  # noqa: PERF401 - what came before an error counts
        final = reading.finish(close=vector.get("close", False))
        assert canonical(final) == canonical(vector["final"])
    except ParseError as fault:
        error = {"offset": fault.offset}
    assert canonical(steps) == canonical(vector["steps"])
    assert error == vector.get("error")
    assert [{"kind": repair.kind, "offset": repair.offset} for repair in reading.parser.repairs] == vector.get(
        "repairs", []
    )


@pytest.mark.parametrize("encoding", ["patch", "append"])
def test_parse_by_libraries(encoding: str) -> None:
    """The patches of every text that can be read give the values of its vector, whoever applies them."""
    told = [parameter.values[0] for parameter in vectors("parse")]
    readable = [vector for vector in told if "error" not in vector and not is_beyond_libraries(vector)]
    runs = [(encoding, list(frames_of(vector, View(Encoding(encoding))))) for vector in readable]
    made = replayed(runs)
    assert len([frame for _, frames in runs for frame in frames if frame["type"] == "patch"]) > 100
    for vector, run, values in zip(readable, runs, made, strict=True):
        seen = by_replica(run)
        assert values == dict.fromkeys(JAVASCRIPT, seen), vector["name"]
        assert canonical(seen[-1][1]) == canonical(vector["final"])
        assert all(canonical(value) in [canonical(step) for step in vector["steps"]] for _, value in seen[1:-1])


def is_beyond_libraries(vector: dict[str, Any]) -> bool:
    """Tell whether libraries in JavaScript trip over a name in it (tests/static/libraries.test.mjs)."""
    text = json.dumps([vector["steps"], vector["final"]])
    return any(word in text for word in ("__proto__", "constructor", "prototype"))


def frames_of(vector: dict[str, Any], view: View) -> Iterator[dict[str, Any]]:
    """Give what a watch is sent that is told of every delta."""
    reading, rev = Reading(vector), None
    for delta in ["", *vector["deltas"], None]:
        if delta is None:
            reading.finish(close=vector.get("close", False))
        elif delta:
            reading.feed(delta)
        if reading.document.rev != rev:
            document = reading.document
            update = (
                document.update(view) if rev is None else document._patch(view, rev)
            )  # where a snapshot is smaller too
            yield {**json.loads("{" + update.body), "type": update.type, "epoch": "e1"}
            rev = document.rev


@pytest.mark.parametrize("vector", vectors("watch"))
def test_watch(vector: dict[str, Any]) -> None:
    """The state after each frame is that of the vector."""
    replica = Replica(vector.get("encoding", "patch"))
    for frame, state in zip(vector["frames"], vector["states"], strict=True):
        receipt = replica.take(frame)
        reached = {"epoch": replica.epoch, "rev": replica.rev, "value": replica.value, "receipt": receipt}
        assert canonical(reached) == canonical(state)
    assert canonical(replica.value) == canonical(vector["final"])
    assert canonical(replica.snapshot) == canonical(vector.get("snapshot"))
    assert replica.reasoning == vector.get("reasoning", "")


@pytest.mark.parametrize("vector", vectors("digest"))
def test_digest(vector: dict[str, Any]) -> None:
    """The digest is the hash of the canonical form."""
    assert digest(vector["value"]) == vector["sha256"]


@pytest.mark.parametrize("vector", vectors("parse"))
def test_what_parse_vectors_expect(vector: dict[str, Any]) -> None:
    """Where nothing is repaired or shaped, the final value is what `json.loads` says."""
    text = "".join(vector["deltas"])
    if "error" in vector:
        assert "final" not in vector
        assert len(vector["steps"]) <= len(vector["deltas"])
        with pytest.raises(ValueError, match=r"line|range"):
            refuse_infinities(json.loads(text))
    elif not vector.keys() & {"schema", "close", "repairs"}:
        assert canonical(vector["final"]) == canonical(loaded(text))


def refuse_infinities(value: Any) -> None:
    """Raise ValueError where `json.loads` took a number beyond a double."""
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize("vector", vectors("watch"))
def test_what_watch_vectors_expect(vector: dict[str, Any]) -> None:
    """A patch that is applied leads from state to state by an ordinary JSON Patch library."""
    before = None
    for frame, state in zip(vector["frames"], vector["states"], strict=True):
        if state["receipt"] == "applied" and frame["type"] == "patch":
            patched = jsonpatch.JsonPatchWithAppend(frame["ops"]).apply(before)
            assert canonical(patched) == canonical(state["value"])
        before = state["value"]


@pytest.mark.parametrize("vector", vectors("digest"))
def test_what_digest_vectors_expect(vector: dict[str, Any]) -> None:
    """The hash is that of the canonical form, which is the same JSON with numbers as doubles."""
    assert vector["sha256"] == hashlib.sha256(vector["canonical"].encode()).hexdigest()
    as_doubles = [
        json.loads(json.dumps(value), parse_int=float) for value in (vector["value"], json.loads(vector["canonical"]))
    ]
    assert as_doubles[0] == as_doubles[1]
