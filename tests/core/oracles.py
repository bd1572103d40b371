"""What the core is compared with: separate and naive, slow where that is plainer."""

import gc
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from types import FrameType
from typing import Any

import pytest

from gateway.core.operations import Operation
from gateway.core.parser import ParseError, Parser

__all__ = [
    "applied",
    "canonical",
    "counted",
    "enlarged",
    "every_cut",
    "included",
    "loaded",
    "parsed",
    "projected",
    "refusal",
    "rfc6902",
    "with_append",
]

_SURROGATE = re.compile("[\ud800-\udfff]")


def loaded(text: str) -> Any:
    """Return what `json.loads` says, with a lone surrogate given as U+FFFD."""
    return _mended(json.loads(text, object_pairs_hook=lambda pairs: {_mended(key): item for key, item in pairs}))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return {key: _mended(item) for key, item in value.items()} if isinstance(value, dict) else value


def canonical(value: Any) -> str:
    """Return text that is equal for the same JSON only: it tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def applied(value: Any, operations: Iterable[Operation]) -> Any:
    """Return the value after all operations, one by one, as their kinds' docstrings say."""
    holder = {"root": deepcopy(value)}
    for operation in operations:
        _apply(holder, str(operation.kind), ["root", *_tokens(operation.pointer)], deepcopy(operation.value))
    return holder["root"]


def _tokens(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _apply(holder: Any, kind: str, path: list[str], value: Any) -> None:
    for token in path[:-1]:
        holder = holder[int(token)] if isinstance(holder, list) else holder[token]
    place: Any = int(path[-1]) if isinstance(holder, list) else path[-1]
    match kind:
        case "add" if isinstance(holder, list):
            holder.insert(place, value)
        case "add" | "fill" | "replace":
            holder[place] = value
        case "append":
            holder[place] += value
        case "remove":
            del holder[place]
        case _:
            pass


def rfc6902(operations: Iterable[Operation], value: Any) -> list[dict[str, Any]]:
    """Return plain JSON Patch; a string that grew is replaced by what it is in `value`, the state reached."""
    return [
        {"op": "replace", "path": operation["path"], "value": _at(value, operation["path"])}
        if operation["op"] == "append"
        else operation
        for operation in with_append(operations, value)
    ]


def with_append(operations: Iterable[Operation], value: Any) -> list[dict[str, Any]]:
    """Return JSON Patch with `append`; the root is never appended to."""
    return [_wire(operation, value) for operation in operations if operation.kind not in {"close", "begin"}]


def _wire(operation: Operation, value: Any) -> dict[str, Any]:
    kind = {"fill": "replace"}.get(operation.kind, str(operation.kind))
    if kind == "append" and not operation.pointer:
        return {"op": "replace", "path": "", "value": value}
    if kind == "remove":
        return {"op": kind, "path": operation.pointer}
    return {"op": kind, "path": operation.pointer, "value": operation.value}


def _at(value: Any, pointer: str) -> Any:
    for token in _tokens(pointer):
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value


def projected(value: Any, patterns: Iterable[str]) -> Any:
    """Return the part of a value that pointer patterns select, with what stands above it."""
    return _projected(value, [_pattern(pattern) for pattern in patterns])


def included(pointer: str, patterns: Iterable[str]) -> bool:
    """Tell whether a place is selected, below one that is, or above one that may be."""
    tokens = _tokens(pointer)
    return any(all(map(_fits, _pattern(pattern), tokens)) for pattern in patterns)


def _projected(value: Any, patterns: list[list[str | None]]) -> Any:
    if [] in patterns:
        return value
    if isinstance(value, dict):
        members = {key: _below(patterns, key) for key in value}
        return {key: _projected(value[key], below) for key, below in members.items() if below}
    if isinstance(value, list):
        items = [(item, _below(patterns, str(index))) for index, item in enumerate(value)]
        return [_projected(item, below) if below else None for item, below in items]
    return None


def _below(patterns: list[list[str | None]], token: str) -> list[list[str | None]]:
    return [pattern[1:] for pattern in patterns if _fits(pattern[0], token)]


def _fits(wanted: str | None, token: str) -> bool:
    return wanted in (None, token)


def _pattern(pattern: str) -> list[str | None]:
    """Return the tokens of a pattern, None for any."""
    tokens = [token.replace("~2", "*").replace("~1", "/").replace("~0", "~") for token in pattern.split("/")[1:]]
    return [None if written == "*" else token for written, token in zip(pattern.split("/")[1:], tokens, strict=True)]


def enlarged(before: Any, after: Any, *, is_open: bool) -> bool:
    """Tell whether `after` is `before` grown at its open end only: what was visible and complete stands.

    Args:
        before: a value that is being written.
        after: the same value later on.
        is_open: whether `before` itself was unfinished.
    """
    match before, after:
        case dict(), dict() if is_open and list(after)[: len(before)] == list(before):
            pairs = [(before[key], after[key]) for key in before]
        case list(), list() if is_open and len(before) <= len(after):
            pairs = list(zip(before, after, strict=False))
        case str(), str() if is_open:
            return after.startswith(before)
        case _:
            return canonical(before) == canonical(after)
    return all(enlarged(old, new, is_open=place == len(pairs)) for place, (old, new) in enumerate(pairs, 1))


def parsed(pieces: Iterable[str], *, lenient: bool = False) -> tuple[Parser, list[Operation]]:
    """Return a parser that has read all pieces to their end, and everything it said grew."""
    parser = Parser(lenient=lenient)
    operations = [operation for piece in pieces for operation in parser.feed(piece)]
    return parser, operations + parser.finish()


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count every call inside the block, of Python's functions and of C's, by module and name."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            calls[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] += 1
        elif event == "c_call":
            calls[f"{argument.__module__}.{argument.__qualname__}"] += 1

    previous = sys.getprofile()
    gc.disable()  # others' callbacks run when it collects
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(previous)
        gc.enable()


def every_cut(text: str) -> Iterable[list[str]]:
    """Give the text whole, cut once at every position, and in single characters."""
    yield [text]
    yield list(text)
    step = 1 if len(text) < 300 else len(text) // 12
    yield from ([text[:place], text[place:]] for place in range(1, len(text), step))


def refusal(read: Callable[[], object]) -> ParseError:
    """Return the error that reading raises."""
    with pytest.raises(ParseError) as error:
        read()
    return error.value
