"""One frame of a client becomes a message, or an error that says which field, what was expected, what came (§2.4)."""

import re
from typing import Any

import msgspec

from gateway.core.messages import CLIENT_MESSAGES, ClientMessage
from gateway.core.values import JsonValue
from gateway.errors import BadRequest

__all__ = ["FrameError", "read"]

_JSON_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
}
_PYTHON_END = r"\\Z"
_WHERE = re.compile(r" - at `\$\.?(?P<path>.*)`$")


def read(text: str, *, max_depth: int) -> ClientMessage:
    """Read one frame of a client.

    Args:
        text: the frame's text; its size has been checked.
        max_depth: containers inside containers.

    Raises:
        BadRequest: not a JSON object of a known type; says which field, what was expected, what came. `frame_id`
            is set where the frame carried a usable `id`.
    """
    frame = _decoded(text, max_depth)
    try:
        return _typed(frame)
    except BadRequest as error:
        raise FrameError(error.message, param=error.param, frame_id=_usable_id(frame)) from None


class FrameError(BadRequest):
    """A frame that is JSON, but not a message.

    Attributes:
        frame_id: the frame's own `id`, where it can be used in the answer.
    """

    def __init__(self, message: str, *, param: str | None = None, frame_id: str | None = None) -> None:
        """Keep the id the answer is for."""
        super().__init__(message, param=param)
        self.frame_id = frame_id


def _decoded(text: str, max_depth: int) -> dict[str, Any]:
    try:
        frame = msgspec.json.decode(text)
    except RecursionError:
        raise BadRequest(f"expected at most {max_depth} levels of nesting, got more") from None
    except (msgspec.DecodeError, UnicodeError, ValueError):
        raise BadRequest("expected one JSON object (RFC 8259) per frame, got text that is not") from None
    if not isinstance(frame, dict):
        raise BadRequest(f"expected a JSON object, got {_kind(frame)}")
    if not _is_shallow(frame, max_depth):
        raise BadRequest(f"expected at most {max_depth} levels of nesting, got more")
    return frame


def _is_shallow(value: JsonValue, max_depth: int) -> bool:
    """Tell whether nothing is nested deeper; level by level, so that no depth can exhaust the stack."""
    level = [value]
    for _ in range(max_depth):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _children(node: JsonValue) -> Any:
    return node.values() if isinstance(node, dict) else node


def _typed(frame: dict[str, Any]) -> ClientMessage:
    name = frame.get("type")
    if not isinstance(name, str) or name not in CLIENT_MESSAGES:
        known = ", ".join(sorted(CLIENT_MESSAGES))
        raise BadRequest(f"type: expected one of {known}; got {_excerpt(name)}", param="type")
    try:
        message: ClientMessage = msgspec.convert(frame, CLIENT_MESSAGES[name])
    except msgspec.ValidationError as error:
        raise _explained(str(error), frame) from None
    return message


def _explained(text: str, frame: dict[str, Any]) -> BadRequest:
    """Turn the decoder's complaint into field, expectation and what came."""
    match = _WHERE.search(text)
    path = match["path"] if match else ""
    complaint = text[: match.start()] if match else text
    unknown = re.search(r"unknown field `([^`]*)`|missing required field `([^`]*)`", complaint)
    if unknown:
        field = _cut(".".join(filter(None, [path, unknown[1] or unknown[2]])))
        problem = "there is no such field" if unknown[1] else "this field is required"
        return BadRequest(f"{field}: {problem}", param=field)
    return BadRequest(f"{path}: {_in_json_words(complaint)}; got {_excerpt(_at(frame, path))}", param=path)


def _in_json_words(complaint: str) -> str:
    """Say what was expected as JSON says it: `Expected `str | null`, got `int`` → `expected a string or null`."""
    expected = re.sub(r", got `[^`]*`$", "", complaint)
    pattern = re.fullmatch(r"Expected `str` matching regex '(?P<regex>.*)'", expected)
    if pattern:
        return f"expected a string matching {pattern['regex'].replace(_PYTHON_END, '$')}"
    words = re.sub(r"`([^`]*)`", lambda match: " or ".join(map(_json_word, match[1].split(" | "))), expected)
    return words[:1].lower() + words[1:]


def _json_word(name: str) -> str:
    return _JSON_WORDS.get(name, name)


def _at(frame: Any, path: str) -> Any:
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(frame, list):
            frame = frame[int(step)] if step.isdecimal() and int(step) < len(frame) else None
        else:
            frame = frame.get(step) if isinstance(frame, dict) else None
    return frame


def _excerpt(value: Any) -> str:
    """Return the beginning of what came."""
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    """Return at most 60 characters: an answer is never as long as what it answers."""
    return text if len(text) <= 60 else f"{text[:59]}…"


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _usable_id(frame: dict[str, Any]) -> str | None:
    name = frame.get("id")
    return name if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", name) else None
