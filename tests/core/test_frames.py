"""Reading clients' messages: every good form, and every field's bad one."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import frames
from gateway.errors import BadRequest

WATCH_OPTIONS: dict[str, Any] = {
    "encoding": "append",
    "interval_ms": 0,
    "progress": True,
    "reasoning": True,
    "grounding": True,
    "skeleton": False,
    "paths": ["/a"],
}
GOOD: dict[str, dict[str, Any]] = {
    "hello": {"token": "t", "ticket": "i", "client": "js/0.1"},
    "extract": {
        "id": "a-Z.0_:",
        "extractor": "conference",
        "schema": {"type": "object", "properties": {"a": {"enum": [1, None, 1.5]}}},
        "many": True,
        "input": "text\n\u0000é😀",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}, {"role": "system", "content": "y"}],
        "model": "m",
        "mode": "json",
        "params": {"temperature": 0, "top_p": 1, "max_tokens": 1, "seed": -1, "stop": ["a", "b"]},
        "retries": 2,
        "key": "k",
        "busy": "queue",
        "cancel_after_ms": 0,
        "channel": "c",
        **WATCH_OPTIONS,
    },
    "watch": {"id": "a", "extraction": "x", "from": {"epoch": "e", "rev": 0}, **WATCH_OPTIONS},
    "unwatch": {"id": "a"},
    "adjust": {"id": "a", "interval_ms": 1000},
    "cancel": {"id": "a", "extraction": "x"},
    "follow": {"id": "a", "channel": "c"},
    "unfollow": {"id": "a"},
    "credential": {"token": "t", "ticket": "i"},
    "ping": {"nonce": 5},
    "pong": {"nonce": "n"},
}
REQUIRED = {
    "extract": ["id"],
    "watch": ["id", "extraction"],
    "unwatch": ["id"],
    "adjust": ["id"],
    "follow": ["id", "channel"],
    "unfollow": ["id"],
}

# One bad value for each kind of field; the type is wrong, or the bound is passed.
BAD: dict[str, list[Any]] = {
    "id": [5, None, "", "x" * 65, "a b", "a\n", "é", ["a"]],
    "extraction": [5, "", "x" * 201],
    "extractor": [5, "", "x" * 201],
    "model": [5, ""],
    "key": [5, ""],
    "channel": [5, ""],
    "token": [5, ["t"]],
    "ticket": [5],
    "client": [5],
    "input": [5, ["x"]],
    "messages": ["x", [5]],
    "mode": [5],
    "busy": [5],
    "many": ["yes", 1],
    "params": [
        5,
        {"temperature": "hot"},
        {"temperature": 2.1},
        {"top_p": 0},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"seed": "s"},
        {"stop": [5]},
        {"unknown": 1},
    ],
    "retries": [-1, 11, 1.5, "2"],
    "cancel_after_ms": [-1, "5"],
    "encoding": [5],
    "interval_ms": [-1, 1001, 0.5, "40"],
    "progress": [1],
    "reasoning": ["true"],
    "grounding": [0],
    "skeleton": ["no"],
    "paths": ["x", [5]],
    "from": [
        5,
        None,
        {"epoch": "e"},
        {"epoch": 5, "rev": 0},
        {"epoch": "e", "rev": -2},
        {"epoch": "e", "rev": 0, "x": 1},
    ],
    "nonce": [1.5, [1], {"a": 1}],
}


def read(frame: Any) -> Any:
    """Read a frame given as a value."""
    return frames.read(json.dumps(frame), max_depth=64)


def refused(frame: Any) -> BadRequest:
    """Return why a frame was refused."""
    with pytest.raises(BadRequest) as caught:
        read(frame)
    return caught.value


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_message_is_read_whole(kind: str) -> None:
    """Written again it says the same: nothing is dropped or changed."""
    message = read({"type": kind, **GOOD[kind]})
    assert type(message).__name__.lower() == kind
    assert msgspec.to_builtins(message) == {"type": kind, **GOOD[kind]}


@pytest.mark.parametrize("kind", GOOD)
def test_only_what_is_required_is(kind: str) -> None:
    """Without one of its required fields a message is refused by the field's name, with them it is read."""
    least = {name: GOOD[kind][name] for name in REQUIRED.get(kind, [])}
    assert read({"type": kind, **least})
    for name in least:
        rest = {key: value for key, value in least.items() if key != name}
        assert refused({"type": kind, **rest}).param == name


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, name, value) for kind, fields in GOOD.items() for name in fields if name in BAD for value in BAD[name]],
)
def test_a_bad_field_is_named_with_what_was_expected_and_what_came(kind: str, name: str, value: Any) -> None:
    """Unless the field may be null or anything, in which case there is nothing to refuse."""
    if value is None and name == "id" and kind == "cancel":
        assert read({"type": kind, "id": None}).id is None
        return
    error = refused({"type": kind, **GOOD[kind], name: value})
    assert (error.param or "").split(".")[0].split("[")[0] == name
    assert error.message.startswith(f"{error.param}: ")
    is_bare = "there is no such field" in error.message or "this field is required" in error.message
    assert is_bare or ("expected" in error.message and "got" in error.message)
    assert len(error.message) < 300


@pytest.mark.parametrize("kind", GOOD)
def test_an_unknown_field_is_an_error_and_not_a_wish(kind: str) -> None:
    """Its name is given back, cut where it is long."""
    assert refused({"type": kind, **GOOD[kind], "intervall_ms": 5}).param == "intervall_ms"
    assert len(refused({"type": kind, **GOOD[kind], "x" * 1000: 5}).message) < 200


@pytest.mark.parametrize("kind", ["", "Hello", "HELLO", "welcome", "started", 5, None, ["hello"], {}])
def test_an_unknown_type(kind: Any) -> None:
    """The message lists what there is."""
    error = refused({"type": kind, "id": "a"})
    assert (error.param, "unwatch" in error.message) == ("type", True)


def test_no_type_at_all() -> None:
    """As an unknown one."""
    assert refused({}).param == "type"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"type": "ping"',
        '{"type": "ping"} x',
        "{type: 1}",
        '{"type": "ping", "nonce": NaN}',
        '{"type": "ping", "nonce": -Infinity}',
        '{"type": "ping", "nonce": 1e999}',
        '{"type": "ping", "nonce": 01}',
        '{"type": "ping", "nonce": "\n"}',
        '{"type": "ping", "nonce": "\\ud800"}',
        '{"type": "ping", "nonce": "\ud800"}',
    ],
)
def test_text_that_is_not_json(text: str) -> None:
    """Broken, not a number, out of range, half a character: our error, nothing else."""
    with pytest.raises(BadRequest, match="expected one JSON object"):
        frames.read(text, max_depth=64)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[1]", "an array"), ('"x"', "a string"), ("true", "a boolean"), ("null", "null"), ("1", "a number")],
)
def test_json_that_is_no_object(text: str, kind: str) -> None:
    """The message says what came."""
    with pytest.raises(BadRequest, match=f"expected a JSON object, got {kind}"):
        frames.read(text, max_depth=64)


def test_depth() -> None:
    """The object itself is the first level."""
    deepest = '{"type": "extract", "id": "a", "schema": ' + "[" * 7 + "]" * 7 + "}"
    assert outcome(deepest, 8) == ""
    assert "at most 7 levels" in outcome(deepest, 7)
    assert "at most 7 levels" in outcome("[" * 100_000, 7)


@pytest.mark.parametrize(
    ("frame", "id_"),
    [
        ({"type": "unwatch", "id": "a", "x": 1}, "a"),
        ({"type": "dance", "id": "a"}, "a"),
        ({"type": "unwatch", "id": "a\n"}, None),
        ({"type": "unwatch", "id": 5}, None),
        ({"type": "unwatch"}, None),
    ],
)
def test_the_answers_id(frame: Any, id_: str | None) -> None:
    """A frame's own, where it can be used in an answer."""
    assert getattr(refused(frame), "frame_id", None) == id_


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(JSON)
def test_no_json_makes_it_raise_anything_else(frame: Any) -> None:
    """Whatever comes, it is a message or a bad request, which is short."""
    for value in (frame, {"type": "extract", "id": "a", "schema": frame, "params": frame}):
        assert len(outcome(json.dumps(value))) < 400


def outcome(text: str, max_depth: int = 64) -> str:
    """Return what is said of a frame: nothing where it is a message."""
    try:
        frames.read(text, max_depth=max_depth)
    except BadRequest as error:
        return error.message
    return ""


@given(st.text())
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    """Likewise."""
    assert 0 < len(outcome(text + "x")) < 400
