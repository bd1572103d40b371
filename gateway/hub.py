"""Who watches what on this node, and when they are told (PROTOCOL.md §6).

A watch is a position and a dirty flag: it holds no queue, however slow its connection is. All watches of a run with
the same interval share one timer, so that they ask for the same update and it is encoded once.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from gateway.core import messages
from gateway.core.document import Position, View
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.parts import Shown, cursors
from gateway.errors import IdempotencyConflict
from gateway.jobs import Job
from gateway.judging import Judging
from gateway.ports import Provider
from gateway.runner import Run, Slots
from gateway.stores.memory import MemoryStore
from gateway.tasks import Tasks

__all__ = ["Audience", "Hub", "Listener", "Watch"]


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
        rev: the last revision that was written; None before the first update.
        is_over: whether the terminal has been written.
    """

    __slots__ = (
        "_cursors",
        "_is_dirty",
        "_opening",
        "_wake",
        "audience",
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
        audience: "Audience",
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
        self._cursors = cursors(shows)
        self._wake = wake
        self._is_dirty = False
        self._opening: Callable[[], list[str]] | None = None  # the frames that come before the first update

    def mark(self) -> None:
        """Say that there is something to write."""
        if not self._is_dirty and not self.is_over:
            self._is_dirty = True
            self._wake(self)

    def open(self, opening: Callable[[], list[str]], rev: int | None) -> None:
        """Say what is to be written first, and which revision the client has.

        `opening` is asked when it is written, so that what it says of the state fits the update behind it.
        """
        self._opening = opening
        self.rev = rev if Shown.VALUE in self.shows else None
        self.mark()

    def skip(self) -> None:
        """Leave out the items, text and reasoning there are already."""
        for cursor in self._cursors:
            cursor.skip(self.audience.run.extraction)

    def frames(self) -> Iterator[str]:
        """Yield the frames that bring the client up to now; a terminal comes right behind its update."""
        self._is_dirty = False
        opening, self._opening = self._opening, None
        if opening is not None:
            yield from opening()
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
            yield _named(extraction.terminal_text, self.id)
        elif any(cursor.has_more(extraction) for cursor in self._cursors):
            self.mark()

    def _is_last(self, extraction: Extraction) -> bool:
        """Tell whether the terminal comes now: it waits for items that have not been shown."""
        return extraction.terminal is not None and all(cursor.is_at_end(extraction) for cursor in self._cursors)

    def _shows_state(self, is_last: bool) -> bool:
        return Shown.VALUE in self.shows or (is_last and Shown.ITEMS in self.shows)

    def _frame(self, type_: str, body: str) -> str:
        return f'{{"type":"{type_}","id":"{self.id}",{body}'


def _named(frame: str, id_: str) -> str:
    """Put a watch's id behind the frame's type, which comes first."""
    head, comma, rest = frame.partition(",")
    return f'{head}{comma}"id":"{id_}",{rest}'


class Listener(Protocol):
    """Whoever wants to hear that a run has something new: a watch, or somebody in this process."""

    @property
    def interval_ms(self) -> int:
        """Least time between two times of hearing."""
        ...

    @property
    def shows(self) -> Shown:
        """What it wants to hear of."""
        ...

    def mark(self) -> None:
        """Say that there is something new."""
        ...


class _Pace:
    """The listeners of one run that share an interval and hear of the same parts."""

    __slots__ = ("_due", "_timer", "interval_s", "listeners")

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.listeners: set[Listener] = set()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def grown(self) -> None:
        """Tell the watches now, or when the interval since the last time is over."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._due:
            self.tell()
        else:
            self._timer = loop.call_at(self._due, self.tell)

    def tell(self) -> None:
        self.stop()
        self._due = asyncio.get_running_loop().time() + self.interval_s
        for listener in self.listeners:
            listener.mark()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Audience:
    """A run, and the watches that see it.

    Args:
        run: what is watched.
        on_end: called once, when the run has ended.

    Attributes:
        run: likewise.
    """

    def __init__(self, run: Run, on_end: Callable[["Audience"], None]) -> None:
        """Begin with nobody watching."""
        self.run = run
        self._on_end = on_end
        self._paces: dict[tuple[int, Shown], _Pace] = {}
        self._judging = Judging(run.extraction)

    def attach(self, watch: Watch, *, deduplicated: bool) -> None:
        """Begin to watch as the answer to `extract`."""
        self._join(watch)
        watch.open(partial(self._started, watch, deduplicated), None)

    def attach_from(self, watch: Watch, position: Position | None) -> None:
        """Begin to watch as the answer to `watch`, or go on from a position (PROTOCOL.md §5)."""
        self._join(watch)
        recovered, rev = (None, None) if position is None else self._recovery(position)
        watch.open(partial(self._watching, watch, recovered), rev)

    def listen(self, listener: Listener) -> None:
        """Begin to hear of growth, without frames."""
        self._join(listener)

    def detach(self, listener: Listener) -> None:
        """Stop watching, or listening."""
        self._leave(listener)
        self._settle()

    def adjust(self, watch: Watch, interval_ms: int) -> None:
        """Change a watch's interval."""
        self._leave(watch)
        watch.interval_ms = interval_ms
        self._join(watch)
        watch.mark()

    def grown(self, parts: Shown) -> None:
        """Tell everyone who sees one of these parts, each at its pace; of items, once they are judged."""
        for pace in self._paces_of(parts & ~Shown.ITEMS):
            pace.grown()
        if parts & Shown.ITEMS:
            self._judge()

    def ended(self) -> None:
        """Tell everyone at once that the terminal is there."""
        self._judge()
        for pace in list(self._paces.values()):
            pace.tell()
        self._settle()
        self._on_end(self)

    def _settle(self) -> None:
        """Let go of the steps once nobody can ask for them: an ended extraction keeps its value only (§5)."""
        if not self._paces and self.run.extraction.state.is_ended:
            self.run.extraction.drop_history()

    def _join(self, listener: Listener) -> None:
        key = listener.interval_ms, listener.shows
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = _Pace(listener.interval_ms / 1000)
        pace.listeners.add(listener)
        self._judge()

    def _leave(self, listener: Listener) -> None:
        key = listener.interval_ms, listener.shows
        pace = self._paces.get(key)
        if pace is not None:
            pace.listeners.discard(listener)
            if not pace.listeners:
                pace.stop()
                del self._paces[key]

    def _paces_of(self, parts: Shown) -> list[_Pace]:
        return [pace for (_, shows), pace in self._paces.items() if shows & parts]

    def _judge(self) -> None:
        """Judge the items that have closed, where somebody watches them."""
        if self._paces_of(Shown.ITEMS):
            self.run.extraction.recall_items()
            self._judging.go_on(self._judged)

    def _judged(self) -> None:
        """Tell those who see items that there are more; at once where nothing else will come."""
        is_ended = self.run.extraction.state.is_ended
        for pace in self._paces_of(Shown.ITEMS):
            if is_ended:
                pace.tell()
            else:
                pace.grown()

    def _started(self, watch: Watch, deduplicated: bool) -> list[str]:
        extraction = self.run.extraction
        started = messages.Started(
            id=watch.id,
            extraction=self.run.id,
            epoch=extraction.document.epoch,
            state=extraction.state.value,
            deduplicated=deduplicated,
        )
        return [messages.encode(started)]

    def _watching(self, watch: Watch, recovered: str | None) -> list[str]:
        extraction = self.run.extraction
        epoch = extraction.document.epoch
        watching = messages.Watching(
            id=watch.id,
            extraction=self.run.id,
            epoch=epoch,
            rev=extraction.document.rev,
            state=extraction.state.value,
            recovered=recovered,
        )
        if recovered != "reset":
            return [messages.encode(watching)]
        reset = messages.Reset(id=watch.id, epoch=epoch, attempt=1, reason="unknown_position")
        return [messages.encode(watching), messages.encode(reset)]

    def _recovery(self, position: Position) -> tuple[str, int | None]:
        document = self.run.extraction.document
        if position.epoch != document.epoch or position.rev > document.rev:
            return "reset", None
        if document.can_fold_from(position.rev):
            return "tail", position.rev
        return "state", None


class Hub:
    """Every extraction of this node, from `extract` to the end of its retention.

    Args:
        provider: where the text comes from.
        limits: what may run at once, and how long what ended is kept.
        tasks: where runs live.
        now_s: reads a monotonic clock.
        new_id: makes an unguessable name.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        limits: Limits,
        tasks: Tasks,
        now_s: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Begin with no extraction."""
        self._provider = provider
        self._limits = limits
        self._tasks = tasks
        self._now_s = now_s
        self._new_id = new_id
        self._slots = Slots(limits.provider_calls, limits.provider_queue)
        self._keys: dict[tuple[str, str], tuple[str, Audience]] = {}  # key → what was asked, the run
        self._key_of: dict[str, tuple[str, str]] = {}  # extraction → key
        self._eviction: asyncio.TimerHandle | None = None
        self._store: MemoryStore[Audience] = MemoryStore(
            now_s,
            retain_s=limits.retain_s,
            retained_extractions=limits.retained_extractions,
            retained_bytes=limits.retained_bytes,
            on_evict=self._forget,
        )

    def start(self, job: Job) -> tuple[Audience, bool]:
        """Start an extraction, or join the one that the same key has started.

        Returns:
            The run with its audience, and whether it existed before.

        Raises:
            IdempotencyConflict: the key was used for another job.
            OverCapacity: as many extractions as may wait for the provider are waiting.
        """
        self._store.evict()
        if job.key is not None and job.key in self._keys:
            body, audience = self._keys[job.key]
            if body != job.body:
                raise IdempotencyConflict("key: expected the same request as before, got another", param="key")
            return audience, True
        self._slots.check()
        audience = self._new_run(job)
        if job.key is not None:
            self._keys[job.key] = (job.body, audience)
            self._key_of[audience.run.id] = job.key
        return audience, False

    def find(self, id_: str) -> Audience:
        """Return an extraction that runs or is retained.

        Raises:
            NotFound: unknown, expired or not permitted.
        """
        return self._store.get(id_)

    def running(self) -> list[Run]:
        """Return the extractions that have not ended."""
        return [audience.run for audience in self._store.running()]

    def _new_run(self, job: Job) -> Audience:
        extraction = Extraction(
            job.schema,
            epoch=self._new_id(),
            limits=self._limits,
            created_s=self._now_s(),
            input_chars=job.input_chars,
        )
        run = Run(self._new_id(), extraction, job.request, limits=self._limits, now_s=self._now_s)
        audience = Audience(run, self._retire)
        self._store.add(run.id, audience)
        _ = self._tasks.start(run.execute(self._provider, self._slots, audience), name=f"extraction {run.id}")
        return audience

    def close(self) -> None:
        """Let go of what has ended."""
        if self._eviction is not None:
            self._eviction.cancel()
            self._eviction = None

    def _retire(self, audience: Audience) -> None:
        extraction = audience.run.extraction
        self._store.retire(audience.run.id, extraction.document.value_bytes + len(extraction.terminal_text))
        self._evict_later()

    def _evict_later(self) -> None:
        """See to it that nothing outlives its time, also where nobody comes and asks."""
        until_s = self._store.next_eviction_s()
        if self._eviction is None and until_s is not None:
            self._eviction = asyncio.get_running_loop().call_later(until_s - self._now_s(), self._evict)

    def _evict(self) -> None:
        self._eviction = None
        self._store.evict()
        self._evict_later()

    def _forget(self, audience: Audience) -> None:
        key = self._key_of.pop(audience.run.id, None)
        if key is not None:
            del self._keys[key]
