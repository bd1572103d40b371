"""What a terminal shows of an extraction: a view that fills in while the model writes, and the value at the end.

The view is never taller than the terminal: of a larger value it shows the lines around the place of growth. It is
wiped away at the end, so that what stays in the terminal is written once.
"""

import os
import sys
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from gateway.core.document import Document
from gateway.core.pointer import split
from gateway.core.values import JsonValue
from gateway.drawing import CARET, UNWRITTEN, Glyphs, Tracking, drawn
from gateway.printable import printable

__all__ = ["Follower", "LiveView", "Progress", "Terminal", "coloured"]

_SPINS_PER_S = 10
_DIM = Style(dim=True)
_STRONG = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an extraction is.

    Attributes:
        stage: what it is doing, in words.
        elapsed_s: since it was asked for.
        facts: what else there is to say, the more important first.
    """

    stage: str
    elapsed_s: float
    facts: tuple[str, ...] = ()


class Terminal:
    """A stream that is a terminal.

    Attributes:
        is_live: whether lines can be written over: a dumb terminal only takes text.
    """

    def __init__(self, stream: TextIO) -> None:
        """Take the stream; `NO_COLOR`, `TERM` and the stream's encoding say what it can show."""
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._glyphs = Glyphs.of(stream.encoding or "ascii")
        self.is_live = self._console.is_interactive

    def show(self, value: JsonValue, written: object) -> None:
        """Write a whole value; what the model has not written is a placeholder."""
        tracking = Tracking(written, None, sys.maxsize, sys.maxsize)
        self._console.print(drawn(value, width=self._console.width, glyphs=self._glyphs, tracking=tracking))

    def close(self, word: str, facts: tuple[str, ...], *, colour: str) -> None:
        """Write the line that says how it ended."""
        line = Text(printable(word, self._glyphs.encoding), Style(color=colour))
        for fact in facts:
            line.append(self._glyphs.between + printable(fact, self._glyphs.encoding), _DIM)
        self._console.print(line)

    def live(self) -> "LiveView":
        """Return a view that fills in."""
        return LiveView(self._console, self._glyphs)


class LiveView:
    """Lines that are written over again and again; a context manager, which leaves nothing behind."""

    def __init__(self, console: Console, glyphs: Glyphs) -> None:
        """Show nothing yet."""
        self._console = console
        self._glyphs = glyphs
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(Text(), refresh=False)
        self._live.stop()

    @property
    def lines(self) -> int:
        """How many lines fit; the last one stays free, for a line that ends there would scroll."""
        return max(2, self._console.height - 1)

    @property
    def most_chars(self) -> int:
        """How many characters of one string fit."""
        return self.lines * self._console.width

    def update(self, progress: Progress, value: JsonValue, tracking: Tracking) -> None:
        """Show how far it is."""
        body = drawn(value, width=self._console.width, glyphs=self._glyphs, tracking=tracking)
        self._live.update(_Window(self._header(progress), body, self.lines), refresh=True)

    def _header(self, progress: Progress) -> Text:
        spinner = self._glyphs.spinner
        spin = spinner[int(progress.elapsed_s * _SPINS_PER_S) % len(spinner)]
        header = Text(f"{spin} {progress.stage}", _STRONG, no_wrap=True, overflow="ellipsis")
        for fact in (f"{progress.elapsed_s:.1f} s", *progress.facts):
            header.append(self._glyphs.between + printable(fact, self._glyphs.encoding).replace("\n", " "), _DIM)
        return header


@dataclass(frozen=True, slots=True)
class _Window:
    """A header, and below it as many lines as fit, the growing one among them."""

    header: Text
    body: RenderableType
    height: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        header = console.render_lines(self.header, options, pad=False)[:1]
        lines = console.render_lines(self.body, options.update(height=None), pad=False)
        room = self.height - 1
        grows_at = next((index for index, line in enumerate(lines) if _has_caret(line)), 0)
        start = max(0, grows_at + 1 - room)
        for line in [*header, *islice(lines, start, start + room)]:
            yield from line
            yield Segment.line()


def _has_caret(line: list[Segment]) -> bool:
    return any(segment.style is not None and segment.style.meta.get(CARET) for segment in line)


class Follower:
    """Follows a document as it grows: which parts are written, and where it grows."""

    def __init__(self, document: Document) -> None:
        """Begin at the document's revision."""
        self._document = document
        self._rev = document.rev
        self._at: tuple[str | int, ...] | None = None

    def tracking(self, view: LiveView, *, is_growing: bool) -> Tracking:
        """Return what is known now; costs the length of the value."""
        document = self._document
        written: object = document.plain_value() if document.rev else UNWRITTEN
        if document.rev != self._rev and document.can_fold_from(self._rev):
            changes = document.operations_since(self._rev)
            self._at = _way(written, changes[-1].pointer) if changes else self._at
        self._rev = document.rev
        return Tracking(written, self._at if is_growing else None, view.lines, view.most_chars)


def _way(value: object, pointer: str) -> tuple[str | int, ...] | None:
    """Return the keys and indices on the way to a pointer, and on to the last thing that is written there."""
    way: list[str | int] = []
    for token in split(pointer):
        step: str | int = int(token) if isinstance(value, list) else token
        value = _child(value, step)
        way.append(step)
    while isinstance(value, dict | list) and value:
        step = len(value) - 1 if isinstance(value, list) else list(value)[-1]
        value = _child(value, step)
        way.append(step)
    return tuple(way)


def _child(value: object, step: str | int) -> object:
    """Return a part of a value; what is removed while it is looked for is nothing."""
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


_COLOURS = {"ok": "32", "warn": "33", "fail": "31"}


def coloured(verdict: str, word: str, stream: TextIO) -> str:
    """Return a word in the colour of its verdict, where the stream is a terminal that has colours."""
    has_colours = stream.isatty() and Console(file=stream).color_system is not None
    return f"\x1b[{_COLOURS[verdict]}m{word}\x1b[0m" if has_colours and not os.environ.get("NO_COLOR") else word
