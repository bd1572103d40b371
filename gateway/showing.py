"""The ways to look at a run from inside its process: as lines of JSON, as a view that fills in, or at its end only.

Each listens like a watch. What may block, a pipe that nobody reads or a terminal that is held, is written in a thread:
it must not hold up the run, whose deadlines go on.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from gateway.audience import Audience
from gateway.core import messages
from gateway.core.document import Encoding, View
from gateway.core.extraction import State
from gateway.core.parts import Shown
from gateway.ports import ModelHost, ModelState, Provider
from gateway.printable import unsteering
from gateway.terminal import Follower, LiveView, Progress, Terminal

__all__ = ["Show", "write"]

_TICK_S = 0.1
"""How often the clock and the model's state are shown anew."""

_WAITING_CHARS = 8 << 20
"""Of lines that a slow reader has not taken; then revisions are left out, as for a slow watch (PROTOCOL.md §6)."""

_TELLING_S = 1.0
"""A speed is told once it has been measured for so long."""


class _News:
    """Hears of every revision, as a watch does."""

    shows = Shown.VALUE

    def __init__(self, interval_ms: int) -> None:
        self.interval_ms = interval_ms
        self._news = asyncio.Event()

    def mark(self) -> None:
        self._news.set()

    async def heard(self, within_s: float | None = None) -> None:
        """Wait for news, so long at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), within_s)
        self._news.clear()


class _Lines(_News):
    """Snapshots as lines of JSON, but for those that show nothing new; what a slow reader leaves waiting is bounded."""

    def __init__(self, audience: Audience, interval_ms: int) -> None:
        super().__init__(interval_ms)
        self._extraction = audience.run.extraction
        self._rev: int | None = None
        self._shown = ""
        self._waiting: deque[str] = deque()
        self._waiting_chars = 0

    def mark(self) -> None:
        if self._waiting_chars < _WAITING_CHARS or self._extraction.state.is_ended:
            self._take()
        super().mark()

    def taken(self) -> str:
        """Return the lines that wait."""
        lines = "".join(self._waiting)
        self._waiting.clear()
        self._waiting_chars = 0
        return lines

    def _take(self) -> None:
        document, terminal = self._extraction.document, self._extraction.terminal_text
        if self._rev != document.rev:
            update = document.update(View(Encoding.SNAPSHOT), self._rev)
            self._rev = update.rev
            shown = update.body.partition('"value":')[2]  # with the mark of the final one
            if shown != self._shown:
                self._shown = shown
                self._put(f'{{"type":"{update.type}",{update.body}')
        if terminal:
            self._put(terminal)

    def _put(self, frame: str) -> None:
        line = f"{unsteering(frame)}\n"
        self._waiting.append(line)
        self._waiting_chars += len(line)


class Show:
    """One run, and the ways to look at it.

    Args:
        audience: of the run.
        provider: where the text comes from.
        model: its model, where there is one to name.
        interval_ms: least time between two updates.
    """

    def __init__(self, audience: Audience, provider: Provider, model: str | None, interval_ms: int) -> None:
        """Begin the clock."""
        self._audience = audience
        self._extraction = audience.run.extraction
        self._provider = provider
        self._name = provider.name if model is None else f"{provider.name} {model}"
        self._interval_ms = interval_ms
        self._began_s = time.monotonic()
        self._first_s: float | None = None

    async def lines(self) -> None:
        """Write each update as a line, and the ending."""
        lines = _Lines(self._audience, self._interval_ms)
        self._audience.listen(lines)
        lines.mark()
        is_over = False
        while not is_over:
            await lines.heard()
            is_over = self._extraction.state.is_ended
            await asyncio.to_thread(write, lines.taken())
        self._audience.detach(lines)

    async def live(self, terminal: Terminal, is_stopped: Callable[[], bool]) -> None:
        """Show the value as it grows, until it has ended or the view is stopped."""
        news, follower = _News(self._interval_ms), Follower(self._extraction.document)
        self._audience.listen(news)
        with terminal.live() as view:
            while not (self._extraction.state.is_ended or is_stopped()):
                await asyncio.to_thread(self._painting(view, follower))
                await news.heard(within_s=_TICK_S)
        self._audience.detach(news)

    async def ending(self) -> messages.Terminal:
        """Wait for the end."""
        news = _News(0)
        self._audience.listen(news)
        while (terminal := self._extraction.terminal) is None:
            await news.heard()
        self._audience.detach(news)
        return terminal

    def facts(self, ending: messages.Terminal) -> tuple[str, ...]:
        """Return what there is to say of an ending besides how it was."""
        usage = ending.usage
        tokens = f"{usage.output_tokens:,} tokens{' (estimated)' if usage.estimated else ''}"
        return tokens, f"{ending.rev:,} revisions", self._name

    def _painting(self, view: LiveView, follower: Follower) -> Callable[[], None]:
        """Return what paints the value as it is now, for a thread: a terminal may block."""
        document = self._extraction.document
        is_growing = self._extraction.state is State.RUNNING and not self._extraction.is_whole
        tracking = follower.tracking(view, is_growing=is_growing)
        return partial(view.update, self._progress(tracking.written), document.value_copy(), tracking)

    def _progress(self, written: object) -> Progress:
        now_s, rev = time.monotonic(), self._extraction.document.rev
        facts: tuple[str, ...] = (self._name,)
        if rev:
            self._first_s = self._first_s or now_s
            facts = (f"revision {rev:,}", *self._speed(written, now_s - self._first_s), self._name)
        return Progress(self._stage(), now_s - self._began_s, facts)

    def _speed(self, written: object, seconds: float) -> list[str]:
        """Say how many characters of JSON come in a second, once that can be told."""
        return (
            [f"{len(msgspec.json.encode(written).decode()) / seconds:,.0f} characters/s"]
            if seconds > _TELLING_S
            else []
        )

    def _stage(self) -> str:
        is_loading = isinstance(self._provider, ModelHost) and self._provider.state is not ModelState.READY
        match self._extraction.state:
            case State.QUEUED:
                return "queued"
            case State.RUNNING if self._extraction.document.rev:
                return "checking" if self._extraction.is_whole else "writing"
            case State.RUNNING:
                return "loading the model" if is_loading else "waiting for the first word"
            case state:
                return state.value


def write(text: str) -> None:
    """Write to stdout, in UTF-8 whatever its own encoding is."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
