"""What a watch shows of an attempt besides the states of its value: items, raw text, reasoning (PROTOCOL.md §4).

A cursor is where one watch stands. It belongs to one attempt: where that is another one, it begins anew.
"""

from collections.abc import Iterator
from enum import Flag, auto
from typing import Protocol

from gateway.core.extraction import Extraction
from gateway.core.items import Items
from gateway.core.projection import Projection
from gateway.core.transcript import Mark, Transcript

__all__ = ["ENCODINGS", "Cursor", "ItemsCursor", "Shown", "TextCursor", "cursors"]

_BATCH_CHARS = 65_536
"""Items of at most so much text are written before other watches have their turn; one item may be longer."""


class Shown(Flag):
    """Parts of an attempt that a watch may show, and that may have grown."""

    VALUE = auto()
    ITEMS = auto()
    TEXT = auto()
    REASONING = auto()
    PROGRESS = auto()
    """Which places are complete: grows also where the value does not."""


ENCODINGS = {
    "snapshot": Shown.VALUE,
    "patch": Shown.VALUE,
    "append": Shown.VALUE,
    "items": Shown.ITEMS,
    "text": Shown.TEXT,
}
"""What each encoding shows."""


class Cursor(Protocol):
    """Where one watch stands in one part of an extraction."""

    def skip(self, extraction: Extraction) -> None:
        """Go to the end: show only what comes."""
        ...

    def frames(self, extraction: Extraction) -> Iterator[tuple[str, str]]:
        """Give the next frames, each its `type` and the body behind `type` and `id`, and go on behind them."""
        ...

    def has_more(self, extraction: Extraction) -> bool:
        """Whether there are further frames to give right away."""
        ...

    def is_at_end(self, extraction: Extraction) -> bool:
        """Whether everything has been given."""
        ...


class TextCursor:
    """Stands in the raw text, or in the reasoning."""

    __slots__ = ("_mark", "_part", "_transcript")

    def __init__(self, part: Shown) -> None:
        """Begin at the start."""
        self._part = part
        self._transcript: Transcript | None = None
        self._mark = Mark()

    def skip(self, extraction: Extraction) -> None:
        """Go to the end: show only what comes."""
        self._mark = self._current(extraction).end

    def frames(self, extraction: Extraction) -> Iterator[tuple[str, str]]:
        """Give one frame with all that is new."""
        transcript = self._current(extraction)
        self._mark = max(self._mark, transcript.start)
        if self._mark != transcript.end:
            passage = transcript.since(self._mark)
            self._mark = passage.end
            yield "text" if self._part is Shown.TEXT else "reasoning", passage.body

    def has_more(self, extraction: Extraction) -> bool:
        """Never behind `frames`: one covers all."""
        return not self.is_at_end(extraction)

    def is_at_end(self, extraction: Extraction) -> bool:
        """Whether everything has been given."""
        return self._mark == self._current(extraction).end

    def _current(self, extraction: Extraction) -> Transcript:
        transcript = extraction.text if self._part is Shown.TEXT else extraction.reasoning
        if transcript is not self._transcript:
            self._transcript, self._mark = transcript, Mark()
        return transcript


class ItemsCursor:
    """Stands behind some number of items; with a projection, those of which nothing is seen are passed over."""

    __slots__ = ("_items", "_number", "_projection")

    def __init__(self, projection: Projection | None = None) -> None:
        """Begin at the start."""
        self._items: Items | None = None
        self._number = 0
        self._projection = projection

    def skip(self, extraction: Extraction) -> None:
        """Go to the end: show only what comes."""
        self._number = self._current(extraction).closed

    def frames(self, extraction: Extraction) -> Iterator[tuple[str, str]]:
        """Give one frame for each judged item, up to so many that others wait not too long."""
        items = self._current(extraction)
        chars = 0
        while self._number < items.judged and chars < _BATCH_CHARS:
            body = items.body(self._number, self._projection)
            chars += len(body)
            self._number += 1
            if body:
                yield "item", body

    def has_more(self, extraction: Extraction) -> bool:
        """Whether there are further items that can be shown."""
        return self._number < self._current(extraction).judged

    def is_at_end(self, extraction: Extraction) -> bool:
        """Whether every item has been given; some may wait to be judged."""
        return self._number >= self._current(extraction).closed

    def _current(self, extraction: Extraction) -> Items:
        if extraction.items is not self._items:
            self._items, self._number = extraction.items, 0
        return extraction.items


def cursors(shown: Shown, projection: Projection | None = None) -> tuple[Cursor, ...]:
    """Return what a watch needs that shows these parts, in the order they are written."""
    made: list[Cursor] = [TextCursor(part) for part in (Shown.REASONING, Shown.TEXT) if part in shown]
    return (*made, ItemsCursor(projection)) if Shown.ITEMS in shown else tuple(made)
