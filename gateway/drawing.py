"""A JSON value as a terminal shows it: objects as labels and values, lists of objects as tables, others as bullets.

Text of a value is never read as markup and never reaches the terminal raw (`gateway.printable`). While a model writes,
the drawing also tells what is not written yet, and has a caret where the value grows.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gateway.core.values import JsonObject, JsonValue
from gateway.printable import printable

__all__ = ["CARET", "UNWRITTEN", "Glyphs", "Tracking", "drawn"]

CARET = "caret"
"""The key in a segment's meta by which the place of growth is found again once lines have been broken."""

_LABEL = Style(color="cyan")
_DIM = Style(dim=True)
_CARET = Style(color="green", bold=True, meta={CARET: True})

_COLUMN_CHARS = 14  # a table whose columns would be narrower is drawn as a list of objects
_LABEL_CHARS = 24
_MAX_DEPTH = 8  # what is nested deeper is shown as JSON

UNWRITTEN = object()
"""Stands where the model has not begun."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of our own, and the encoding everything else has to fit into."""

    encoding: str = "utf-8"
    bullet: str = "•"
    pending: str = "…"
    caret: str = "▌"
    between: str = " · "
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    @classmethod
    def of(cls, encoding: str) -> "Glyphs":
        """Return what an encoding can carry."""
        glyphs = cls(encoding)
        try:
            f"{glyphs.bullet}{glyphs.pending}{glyphs.caret}{glyphs.between}{glyphs.spinner}".encode(encoding)
        except UnicodeEncodeError:
            return cls(encoding, "*", "...", "_", " - ", "|/-\\")
        return glyphs

    def text(self, text: str, style: Style | str = "") -> Text:
        """Return somebody's text."""
        return Text(printable(text, self.encoding), style=style, overflow="fold")


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is known of a value that grows.

    Attributes:
        written: the value without what the model has not written; `UNWRITTEN` before it begins.
        at: the way to where it grows, keys and indices; None where it does not.
        most_items: of a container that are worth drawing, those up to where it grows.
        most_chars: likewise of a string.
    """

    written: object
    at: tuple[str | int, ...] | None
    most_items: int
    most_chars: int


def drawn(value: JsonValue, *, width: int, glyphs: Glyphs, tracking: Tracking) -> RenderableType:
    """Return the drawing of a value.

    Args:
        value: whole, placeholders included.
        width: of the terminal, in columns.
        glyphs: what the terminal can show.
        tracking: what is known of a value that grows.
    """
    return _Drawing(glyphs, tracking).block(_Place(value, tracking.written, tracking.at), width, 0)


class _Place:
    """A part of a value: as it is shown, as far as it is written, and the way from here to where it grows."""

    __slots__ = ("at", "value", "written")

    def __init__(self, value: JsonValue, written: object, at: tuple[str | int, ...] | None) -> None:
        self.value = value
        self.written = written
        self.at = at

    @property
    def is_pending(self) -> bool:
        return self.written is UNWRITTEN

    @property
    def is_growing(self) -> bool:
        return self.at == ()

    def member(self, key: str) -> "_Place":
        value = self.value.get(key) if isinstance(self.value, dict) else None
        written = self.written.get(key, UNWRITTEN) if isinstance(self.written, dict) else UNWRITTEN
        return _Place(value, written, self._way(key))

    def item(self, index: int) -> "_Place":
        value = self.value[index] if isinstance(self.value, list) else None
        is_there = isinstance(self.written, list) and index < len(self.written)
        written = self.written[index] if isinstance(self.written, list) and is_there else UNWRITTEN
        return _Place(value, written, self._way(index))

    def _way(self, step: str | int) -> tuple[str | int, ...] | None:
        return self.at[1:] if self.at and self.at[0] == step else None


_Drawn: TypeAlias = list[RenderableType]


class _Drawing:
    def __init__(self, glyphs: Glyphs, tracking: Tracking) -> None:
        self._glyphs = glyphs
        self._tracking = tracking

    def block(self, place: _Place, width: int, depth: int) -> RenderableType:
        """Draw a value on lines of its own."""
        value = place.value
        if depth >= _MAX_DEPTH or not value or not isinstance(value, dict | list):
            return self._inline(place)
        if isinstance(value, dict):
            return self._object(place, value, width, depth)
        if not _is_nested(value):
            return self._bullets(place, value)
        columns = _columns(value)
        if columns and len(columns) * _COLUMN_CHARS <= width:
            return self._table(place, value, columns)
        return self._blocks(place, value, width, depth)

    def _object(self, place: _Place, value: JsonObject, width: int, depth: int) -> RenderableType:
        """Draw an object: scalars beside their labels, containers below theirs."""
        labels, parts = self._labels(place, value)
        label_chars = min(_LABEL_CHARS, width // 3, max(label.cell_len for label in labels.values()))
        grid: Table | None = None
        for key, label in labels.items():
            member = place.member(key)
            if _stands_below(member.value):
                grid = None
                parts += [label, Padding(self.block(member, width - 2, depth + 1), (0, 0, 0, 2))]
                continue
            if grid is None:
                parts.append(grid := _grid(label_chars))
            grid.add_row(label, self._inline(member))
        return Group(*parts)

    def _labels(self, place: _Place, value: JsonObject) -> tuple[dict[str, Text], _Drawn]:
        """Return the members worth drawing, each with its label, and what stands above them."""
        keys = list(value)
        start = 0
        if len(keys) > self._tracking.most_items:
            grows_at = keys.index(str(place.at[0])) if place.at and place.at[0] in value else len(keys) - 1
            start = max(0, grows_at + 1 - self._tracking.most_items)
            keys = keys[start : start + self._tracking.most_items]
        return {key: self._label(key) for key in keys}, self._above(start)

    def _table(self, place: _Place, value: list[JsonValue], columns: Sequence[str]) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style=_LABEL, padding=(0, 1, 0, 0))
        for column in columns:
            table.add_column(self._label(column), overflow="fold")
        start = self._start(value)
        for index in range(start, len(value)):
            item = place.item(index)
            table.add_row(*(self._cell(item, column) for column in columns))
        return Group(*self._above(start), table)

    def _cell(self, item: _Place, column: str) -> Text:
        if isinstance(item.value, dict) and column not in item.value:
            return Text()
        return self._inline(item.member(column))

    def _blocks(self, place: _Place, value: list[JsonValue], width: int, depth: int) -> RenderableType:
        """Draw what makes no table: one item below the other, numbered."""
        start = self._start(value)
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(style=_DIM, justify="right", no_wrap=True)
        grid.add_column(overflow="fold")
        number_chars = len(str(len(value))) + 2
        for index in range(start, len(value)):
            grid.add_row(f"{index + 1}.", self.block(place.item(index), width - number_chars, depth + 1))
        return Group(*self._above(start), grid)

    def _bullets(self, place: _Place, value: list[JsonValue]) -> RenderableType:
        start = self._start(value)
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(style=_DIM, no_wrap=True)
        grid.add_column(overflow="fold")
        for index in range(start, len(value)):
            grid.add_row(self._glyphs.bullet, self._inline(place.item(index)))
        return Group(*self._above(start), grid)

    def _start(self, value: list[JsonValue]) -> int:
        """Return the first item worth drawing: a list grows at its end."""
        return max(0, len(value) - self._tracking.most_items)

    def _above(self, count: int) -> _Drawn:
        return [Text(f"{count} above", style=_DIM)] if count else []

    def _label(self, key: str) -> Text:
        label = self._glyphs.text(key.replace("\n", "\\n"), _LABEL)
        label.no_wrap, label.overflow = True, "ellipsis"
        if label.cell_len > _LABEL_CHARS:
            label.truncate(_LABEL_CHARS, overflow="crop")
        return label

    def _inline(self, place: _Place) -> Text:
        """Draw a value as a piece of text, with the caret where it grows."""
        if place.is_pending:
            text = Text(self._glyphs.pending, style=_DIM)
        elif isinstance(place.value, str) and place.value:
            text = self._glyphs.text(self._tail(place.value))
        elif isinstance(place.value, dict | list) and place.value:
            text = self._glyphs.text(self._tail(_in_short(place.value)))
        elif isinstance(place.value, int | float) and not isinstance(place.value, bool):
            text = Text(json.dumps(place.value))
        else:
            text = Text("" if place.is_growing else _WORDS.get(repr(place.value), ""), style=_DIM)
        if place.at is not None:  # the place itself, or something within it that is drawn in short
            text.append(self._glyphs.caret, _CARET)
        return text

    def _tail(self, text: str) -> str:
        """Return what is worth drawing of a text: it grows at its end."""
        if len(text) <= self._tracking.most_chars:
            return text
        return self._glyphs.pending + text[-self._tracking.most_chars :]


_WORDS = {"None": "null", "True": "true", "False": "false", "''": '""', "[]": "none", "{}": "none"}
"""What stands for a value without text of its own."""


def _grid(label_chars: int) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=label_chars, no_wrap=True, overflow="crop")
    grid.add_column(overflow="fold")
    return grid


def _stands_below(value: JsonValue) -> TypeGuard[JsonObject | list[JsonValue]]:
    return isinstance(value, dict | list) and bool(value)


def _is_nested(items: Iterable[JsonValue]) -> bool:
    return any(isinstance(item, dict | list) for item in items)


def _columns(items: list[JsonValue]) -> list[str]:
    """Return the columns of a table, or none where a list makes no table: other things in it, or too much in a cell."""
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) < len(items) or any(not _fits_cell(member) for item in objects for member in item.values()):
        return []
    return list(dict.fromkeys(key for item in objects for key in item))


def _fits_cell(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return not value
    return not isinstance(value, list) or not _is_nested(value)


def _in_short(value: JsonObject | list[JsonValue]) -> str:
    """Return a list of scalars as words, and anything else as JSON."""
    if isinstance(value, list) and not _is_nested(value):
        return ", ".join(item if isinstance(item, str) else json.dumps(item) for item in value)
    return json.dumps(value, ensure_ascii=False)
