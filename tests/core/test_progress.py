"""How far the model is: which places are complete, which one is being written (PROTOCOL.md §4, `progress`)."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Document, Encoding, View
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.operations import difference
from gateway.core.parser import Parser
from gateway.core.schema import ANY, Schema, Shape
from tests.core.strategies import json_values


class Written:
    """A value's text, and where in it each place begins and is complete; naive, without a parser."""

    def __init__(self, value: Any) -> None:
        """Write a value."""
        self.text = ""
        self.begins: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self._numbers: list[str] = []
        self._write(value, "")
        for pointer in self._numbers:
            self.ends[pointer] = len(self.text)

    def _write(self, value: Any, pointer: str) -> None:
        if isinstance(value, dict | list):
            self._put("{" if isinstance(value, dict) else "[")
            self.begins[pointer] = len(self.text)
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for at, (key, member) in enumerate(entries):
                self._put(("," if at else "") + (json.dumps(key) + ":" if isinstance(value, dict) else ""))
                self._write(member, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
            self._put("}" if isinstance(value, dict) else "]")
            self.ends[pointer] = len(self.text)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._put(json.dumps(value))
            self._numbers.append(pointer)
        else:
            if isinstance(value, str):
                self.begins[pointer] = len(self.text) + 1
            self._put(json.dumps(value))
            self.ends[pointer] = len(self.text)

    def _put(self, text: str) -> None:
        """Write on; a number is complete with the first character behind it."""
        for pointer in self._numbers:
            self.ends[pointer] = len(self.text) + 1
        self._numbers = []
        self.text += text

    def complete_at(self, offset: int) -> set[str]:
        """Return the places that are complete where so much of the text has come."""
        return {pointer for pointer, end in self.ends.items() if end <= offset}

    def active_at(self, offset: int) -> str | None:
        """Return the innermost place that is open there."""
        open_ = [pointer for pointer, begin in self.begins.items() if begin <= offset < self.ends[pointer]]
        return max(open_, key=lambda pointer: self.begins[pointer], default=None)


def maximal(pointers: set[str]) -> set[str]:
    """Return those that stand in no other one."""
    return {pointer for pointer in pointers if not any(pointer.startswith(other + "/") for other in pointers)}


def written_to(shape: Shape) -> tuple[Document, Any]:
    """Return a document, and a function that writes on."""
    parser, growth, document = Parser(), Growth(shape), Document("e", shape.placeholder())
    return document, lambda text: document.publish(growth.shaped(parser.feed(text) if text else parser.finish()))


@given(json_values, st.lists(st.integers(0, 200), max_size=8))
def test_what_is_complete_and_what_is_active(value: Any, cuts: list[int]) -> None:
    """Invariants 1 to 3, against the places where a naive writer has put them, however the text is cut."""
    written = Written(value)
    document, write = written_to(ANY)
    places = sorted({min(cut, len(written.text)) for cut in cuts} | {len(written.text)})
    before = 0
    seen: set[Any] = set()
    for place in places:
        rev = document.rev
        if place > before:
            write(written.text[before:place])
        new = document.progress_since(rev)["completed"]
        assert isinstance(new, list)
        assert not seen & set(new)
        seen |= set(new)
        before = place
        if place == len(written.text):
            break
        assert seen == written.complete_at(place)
        whole: Any = document.progress_since(None)
        assert set(whole["completed"]) == maximal(seen)
        assert whole["active"] == written.active_at(place)


CASE = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array"}}}


def test_the_last_sibling_is_complete_at_its_closing_token() -> None:
    """Not with what follows it: a string at its quote, a list at its bracket, each level of its own."""
    document, write = written_to(Schema.from_json(CASE, limits=Limits()).shape)
    told = []
    for piece in ('{"a":"x', '"', ',"b":[1,[true', "]", "]", "}"):
        rev = document.rev
        write(piece)
        told.append(document.progress_since(rev))
    assert told == [
        {"active": "/a", "completed": []},
        {"active": "", "completed": ["/a"]},
        {"active": "/b/1", "completed": ["/b/0", "/b/1/0"]},
        {"active": "/b", "completed": ["/b/1"]},
        {"active": "", "completed": ["/b"]},
        {"active": None, "completed": [""]},
    ]


def test_a_key_that_comes_twice_is_reopened() -> None:
    """It is complete again with all that is in it."""
    document, write = written_to(ANY)
    write('{"a":{"b":1},')
    rev = document.rev
    write('"a":{"c":[2]}')
    assert document.progress_since(rev) == {
        "active": "",
        "completed": ["/a/c/0", "/a/c", "/a"],
        "reopened": ["/a"],
    }


def test_the_last_step_completes_what_it_touches() -> None:
    """Behind it everything is complete, and nothing is active or reopened."""
    document, write = written_to(ANY)
    write('{"a":"1","b":2}')
    rev = document.rev
    document.publish(tuple(difference(document.value, {"a": 1, "c": {"d": "x"}})), final=True)
    assert document.progress_since(rev) == {"active": None, "completed": ["/a", "/c/d", "/c"]}
    assert document.progress_since(None) == {"active": None, "completed": [""]}


def test_progress_is_told_to_those_who_ask() -> None:
    """In snapshots and patches of every encoding, and to nobody else."""
    document, write = written_to(ANY)
    write('{"a":"x","b":[1')
    for encoding in Encoding:
        for since in (None, 0):
            assert '"progress"' not in document.update(View(encoding), since).body
            body = json.loads("{" + document.update(View(encoding, progress=True), since).body)
            assert body["progress"]["active"] == "/b"
            assert "/a" in body["progress"]["completed"]
    assert document.encoded_updates == 2  # a snapshot is smaller here: one with, one without


def test_what_fell_off_the_tail_is_told_as_a_whole() -> None:
    """The complete places that stand in no complete one, as in any snapshot."""
    document, write = written_to(ANY)
    write('{"a":{"b":"x"}')
    document.drop_tail()
    write(',"c":"y"')
    assert document.progress_since(0) == {"active": "", "completed": ["/a", "/c"]}


def test_a_snapshot_tells_null_from_absent() -> None:
    """Of what is complete: what the model left out is named, what it wrote as null is not; nor is what may yet come."""
    row = {"type": "object", "properties": {"id": {"type": "integer"}, "a": {"type": ["string", "null"]}}}
    schema = Schema.from_json({"type": "object", "properties": {"l": {"type": "array", "items": row}}}, limits=Limits())
    document, feed = written_to(schema.shape)
    feed('{"l":[{"id":1},{"id":2,"a":null},{"id":3')
    assert document.progress_since(None)["absent"] == ["/l/0/a"]
    feed("}")
    assert document.progress_since(None)["absent"] == ["/l/0/a", "/l/2/a"]
    assert "absent" not in document.progress_since(0)
