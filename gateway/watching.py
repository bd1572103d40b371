"""One consumer's view of one run: a position and a dirty flag (PROTOCOL.md §6).

It holds no queue, however slow its connection is.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from gateway.core.document import View
from gateway.core.extraction import Extraction
from gateway.core.parts import Shown, cursors
from gateway.runner import Run

__all__ = ["Watch", "Watched"]


class Watched(Protocol):
    """A run with its watches: see `gateway.audience`."""

    @property
    def run(self) -> Run:
        """What is watched."""
        ...

    def reset_of(self, watch: "Watch") -> list[str]:
        """Return the `reset` of a watch that has shown an earlier attempt."""
        ...

    def adjust(self, watch: "Watch", interval_ms: int) -> None:
        """Change a watch's interval."""
        ...

    def detach(self, listener: "Watch") -> None:
        """Stop watching."""
        ...


class Watch:
    """One consumer's view of one run.

    Args:
        id_: the client's name for it.
        audience: of the run that is watched.
        view: how it wants to see the value.
        interval_ms: least time between two updates.
        wake: called when there is something to write; never twice before `frames` has been called.
        shows: what it sees; where that is not the value, `view` is how it sees the last state behind its items.

    Attributes:
        rev: the last revision that was written; None before the first update of an epoch.
        epoch: what `rev` counts in; None before the first frame.
        is_over: whether the terminal has been written.
    """

    __slots__ = (
        "_cursors",
        "_is_dirty",
        "_opening",
        "_sees_value",
        "_wake",
        "audience",
        "epoch",
        "id",
        "interval_ms",
        "is_over",
        "rev",
        "shows",
        "view",
    )

    def __init__(
        self,
        id_: str,
        audience: Watched,
        view: View,
        interval_ms: int,
        wake: Callable[["Watch"], None],
        *,
        shows: Shown = Shown.VALUE,
    ) -> None:
        """Begin clean; `Audience.attach` makes it dirty."""
        self.id = id_
        self.audience = audience
        self.view = view
        self.interval_ms = interval_ms
        self.is_over = False
        self.rev: int | None = None
        self.shows = shows
        self._cursors = cursors(shows, view.projection)
        self._sees_value = Shown.VALUE in shows  # worked out once: Flag's operators cost 0.4 µs each
        self.epoch: str | None = None
        self._wake = wake
        self._is_dirty = False
        self._opening: Callable[[], list[str]] | None = None  # the frames that come before the first update

    def mark(self) -> None:
        """Say that there is something to write."""
        if not self._is_dirty and not self.is_over:
            self._is_dirty = True
            self._wake(self)

    def open(self, opening: Callable[[], list[str]]) -> None:
        """Say what is to be written first.

        `opening` is asked when it is written, so that what it says of the state fits the update behind it; it also
        puts the watch where the client is, by `stand`.
        """
        self._opening = opening
        self.mark()

    def skip(self) -> None:
        """Leave out the items, text and reasoning there are already."""
        for cursor in self._cursors:
            cursor.skip(self.audience.run.extraction)

    def stand(self, epoch: str, rev: int | None) -> None:
        """Say which revision the client has, or that it has none yet."""
        self.epoch, self.rev = epoch, rev if self._sees_value else None

    def frames(self) -> Iterator[str]:
        """Yield the frames that bring the client up to now; a terminal comes right behind its update."""
        self._is_dirty = False
        opening, self._opening = self._opening, None
        yield from self.audience.reset_of(self) if opening is None else opening()
        extraction = self.audience.run.extraction
        for cursor in self._cursors:
            yield from (self._frame(type_, body) for type_, body in cursor.frames(extraction))
        document, is_last = extraction.document, self._is_last(extraction)
        if self.rev != document.rev and self._shows_state(is_last):
            update = document.update(self.view, self.rev)
            self.rev = update.rev
            yield self._frame(update.type, update.body)
        if is_last:
            self.is_over = True
            is_whole = self.view.projection is None
            yield _named(extraction.terminal_text if is_whole else extraction.part_terminal_text, self.id)
        elif self._cursors and any(cursor.has_more(extraction) for cursor in self._cursors):
            self.mark()

    def _is_last(self, extraction: Extraction) -> bool:
        """Tell whether the terminal comes now: it waits for items that have not been shown."""
        return extraction.terminal is not None and all(cursor.is_at_end(extraction) for cursor in self._cursors)

    def _shows_state(self, is_last: bool) -> bool:
        return self._sees_value or (is_last and Shown.ITEMS in self.shows)

    def _frame(self, type_: str, body: str) -> str:
        return f'{{"type":"{type_}","id":"{self.id}",{body}'


def _named(frame: str, id_: str) -> str:
    """Put a watch's id behind the frame's type, which comes first."""
    head, comma, rest = frame.partition(",")
    return f'{head}{comma}"id":"{id_}",{rest}'
