"""Judges the items of a run while somebody watches them: small ones at once, large ones in a thread."""

import asyncio
from collections.abc import Callable
from functools import partial

from gateway.core.extraction import Extraction
from gateway.core.items import Items

__all__ = ["Judging"]

_THREAD_CHARS = 32_768
"""Text of the model above this is judged in a thread: 170 KB take 30 ms and more."""


class Judging:
    """The judge of one run's items.

    Args:
        extraction: whose items.
    """

    def __init__(self, extraction: Extraction) -> None:
        """Judge nothing before `go_on`."""
        self._extraction = extraction
        self._thread: asyncio.Future[list[str]] | None = None
        self._judged: tuple[Items | None, int] = (None, 0)  # up to where, in characters of the model's text

    def go_on(self, tell: Callable[[], None]) -> None:
        """Judge what has closed since the last time; where a thread is at it, it goes on by itself.

        Args:
            tell: called when there are more items to show, which may be before this returns.
        """
        items, end = self._extraction.items, self._extraction.written_chars
        if self._thread is not None or items.judged == items.closed:
            return
        if end - self._start(items) <= _THREAD_CHARS:
            self._settle(items, items.verdicts(), end)
            tell()
        else:
            self._thread = asyncio.get_running_loop().run_in_executor(None, items.verdicts)
            self._thread.add_done_callback(partial(self._go_on_behind, items, end, tell))

    def _start(self, items: Items) -> int:
        """Return how much of the text has been judged: none where the items are those of another attempt."""
        judged, chars = self._judged
        return chars if judged is items else 0

    def _go_on_behind(
        self, items: Items, end: int, tell: Callable[[], None], done: "asyncio.Future[list[str]]"
    ) -> None:
        self._thread = None
        self._settle(items, done.result(), end)
        tell()
        self.go_on(tell)

    def _settle(self, items: Items, verdicts: list[str], end: int) -> None:
        items.settle(verdicts)
        self._judged = items, end
