"""The receiving side of one watch: apply what follows on, drop what is old, notice gaps (PROTOCOL.md §4).

The states of a watch form a chain: each update names the revision it starts from and the one it reaches.
"""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

import rfc8785

from gateway.core.pointer import JsonValue
from gateway.core.sharing import SharedValue
from gateway.core.utf16 import behind, units

__all__ = ["Receipt", "Replica", "digest"]

_LARGEST_EXACT = 2**53 - 1
_ANSWERS = frozenset({"started", "watching"})
_ITEM_FIELDS = ("key", "path", "index", "value", "valid", "errors")


class Receipt(StrEnum):
    """What became of a frame."""

    APPLIED = "applied"
    DROPPED = "dropped"
    """It was old, or not about the value."""
    GAP = "gap"
    """It does not follow on: watch again from `position`."""
    ENDED = "ended"


class Replica:
    """One watch's value, kept up to date frame by frame.

    1. An update is applied exactly when it starts at our revision; what we have already is dropped.
    2. After a gap nothing is applied until the server has answered the new `watch`.
    3. There is one ending, at our revision; nothing after it.
    4. Of text, reasoning and items, which may be repeated, what we have already changes nothing.

    Args:
        encoding: of the watch.

    Attributes:
        epoch: None before the first snapshot; of `items` and `text`, before the first answer.
        rev: the revision of the value; None while there is no value of this epoch.
        snapshot: of `items`, the value it ends with.
        terminal: the terminal frame, once it has come.
    """

    def __init__(self, encoding: str = "patch") -> None:
        """Begin without a value."""
        self.epoch: str | None = None
        self.rev: int | None = None
        self.snapshot: JsonValue = None
        self.terminal: Mapping[str, Any] | None = None
        self._encoding = encoding
        self._shared = SharedValue(None)
        self._items: dict[str, JsonValue] = {}
        self._text, self._reasoning = _Text(), _Text()
        self._has_gap = False

    @property
    def value(self) -> JsonValue:
        """The value at `rev`, which never changes itself; after a reset the old one, until the new one comes.

        Of `text` it is the text so far, of `items` a list of `{key, path, index, value, valid, errors?}`.
        """
        match self._encoding:
            case "text":
                return self._text.text
            case "items":
                return list(self._items.values())
            case _:
                return self._shared.value

    @property
    def reasoning(self) -> str:
        """What the model has thought aloud so far, where the watch asked for it."""
        return self._reasoning.text

    @property
    def position(self) -> dict[str, JsonValue] | None:
        """What to give as `from` to watch again; None where only the start will do."""
        return None if self.rev is None else {"epoch": self.epoch, "rev": self.rev}

    def take(self, frame: Mapping[str, Any]) -> Receipt:
        """Take one server frame of this watch and say what became of it."""
        kind = frame["type"]
        if kind in _ANSWERS:
            self._has_gap = False
            self._begin(frame["epoch"])
        if self.terminal is not None or self._has_gap:
            return Receipt.DROPPED
        take = self._TAKERS.get(kind)
        if take is None:
            return Receipt.APPLIED if kind in _ANSWERS else Receipt.DROPPED
        return take(self, frame)

    def _take_snapshot(self, frame: Mapping[str, Any]) -> Receipt:
        if self.rev is not None and frame["epoch"] != self.epoch:
            return self._gap()
        if self.rev is not None and frame["rev"] <= self.rev:
            return Receipt.DROPPED
        self.epoch, self.rev = frame["epoch"], frame["rev"]
        if self._encoding == "items":
            self.snapshot = frame["value"]
        else:
            self._shared = SharedValue(frame["value"])
        return Receipt.APPLIED

    def _begin(self, epoch: str) -> None:
        """Take the epoch of an answer, which is that of the items, text and reasoning behind it."""
        if epoch != self.epoch:
            self._items, self._text, self._reasoning = {}, _Text(), _Text()
            if self._encoding in {"items", "text"}:
                self.epoch, self.rev = epoch, None
        self._text.is_answered = self._reasoning.is_answered = True

    def _take_item(self, frame: Mapping[str, Any]) -> Receipt:
        item = {name: frame[name] for name in _ITEM_FIELDS if name in frame}
        if self._items.get(frame["key"]) == item:
            return Receipt.DROPPED
        self._items[frame["key"]] = item
        return Receipt.APPLIED

    def _take_patch(self, frame: Mapping[str, Any]) -> Receipt:
        if self.rev is None:
            return self._gap()
        if frame["rev"] <= self.rev:
            return Receipt.DROPPED
        if frame["from"] != self.rev:
            return self._gap()
        try:
            self._shared.apply((change["op"], change["path"], change.get("value")) for change in frame["ops"])
        except (LookupError, TypeError, ValueError):
            self.rev = None  # it does not fit: our value is not what it should be
            return self._gap()
        self.rev = frame["rev"]
        return Receipt.APPLIED

    def _take_terminal(self, frame: Mapping[str, Any]) -> Receipt:
        is_ours = frame["epoch"] == self.epoch and (frame["rev"] == self.rev or self._encoding == "text")
        if not is_ours and (self.rev is not None or frame["type"] == "completed"):
            return self._gap()
        self.terminal = frame
        return Receipt.ENDED

    def _take_text(self, frame: Mapping[str, Any]) -> Receipt:
        return self._take_passage(self._text, frame)

    def _take_reasoning(self, frame: Mapping[str, Any]) -> Receipt:
        return self._take_passage(self._reasoning, frame)

    def _take_passage(self, text: "_Text", frame: Mapping[str, Any]) -> Receipt:
        receipt = text.take(frame)
        return self._gap() if receipt is Receipt.GAP else receipt

    def _take_reset(self, frame: Mapping[str, Any]) -> Receipt:
        self.epoch, self.rev = frame["epoch"], None
        self._items, self._text, self._reasoning = {}, _Text(), _Text()
        return Receipt.APPLIED

    def _gap(self) -> Receipt:
        self._has_gap = True
        return Receipt.GAP

    _TAKERS: ClassVar[Mapping[str, "_Taker"]] = {
        "snapshot": _take_snapshot,
        "patch": _take_patch,
        "item": _take_item,
        "text": _take_text,
        "reasoning": _take_reasoning,
        "reset": _take_reset,
        **dict.fromkeys(("completed", "incomplete", "failed", "cancelled"), _take_terminal),
    }


_Taker: TypeAlias = Callable[[Replica, Mapping[str, Any]], Receipt]


class _Text:
    """A text that grows by frames with `at` and `text`, some of which may come again."""

    def __init__(self) -> None:
        self.text = ""
        self._end = 0  # in UTF-16 code units, as `at` is
        self.is_answered = False
        """Nothing came since the answer: the first may begin later, where the oldest is kept no longer."""

    def take(self, frame: Mapping[str, Any]) -> Receipt:
        is_first, self.is_answered = self.is_answered, False
        if frame["at"] > self._end and not is_first:
            return Receipt.GAP
        new = behind(frame["text"], max(0, self._end - frame["at"]))
        if not new:
            return Receipt.DROPPED
        self.text += new
        self._end = frame["at"] + units(frame["text"])
        return Receipt.APPLIED


def digest(value: JsonValue) -> str:
    """Return the SHA-256, in lower-case hex, of the value's canonical form (RFC 8785), numbers as IEEE doubles.

    Costs about 30 ms for 170 KB: larger values off the event loop.

    Raises:
        ValueError: a number beyond the range of a double, or not a number.
    """
    try:
        canonical = rfc8785.dumps(_as_doubles(value))
    except (OverflowError, rfc8785.CanonicalizationError) as error:
        raise ValueError("expected numbers that a double can hold") from error
    return hashlib.sha256(canonical).hexdigest()


def _as_doubles(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _as_doubles(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_doubles(item) for item in value]
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_EXACT
    return float(value) if is_large and isinstance(value, int) else value
