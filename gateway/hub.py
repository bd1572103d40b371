"""Who watches what on this node, and when they are told (PROTOCOL.md §6).

A watch is a position and a dirty flag: it holds no queue, however slow its connection is. All watches of a run with
the same interval share one timer, so that they ask for the same update and it is encoded once.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from gateway.core import messages
from gateway.core.document import Position, View
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.parts import Shown, cursors
from gateway.errors import GatewayError, IdempotencyConflict
from gateway.hooks import Hooks, Reporter
from gateway.jobs import Busy, Job
from gateway.judging import Judging
from gateway.ports import Provider
from gateway.runner import Run
from gateway.slots import Place, Slot, Slots
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
        rev: the last revision that was written; None before the first update of an epoch.
        epoch: what `rev` counts in; None before the first frame.
        is_over: whether the terminal has been written.
    """

    __slots__ = (
        "_cursors",
        "_is_dirty",
        "_opening",
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
        self.epoch, self.rev = epoch, rev if Shown.VALUE in self.shows else None

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


class _Told(NamedTuple):
    """Who is told when some parts have grown, and what these are."""

    paces: list["_Pace"]
    has_items: bool
    has_value: bool


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
        reporter: tells the application's hooks, where there are some.
        cancel_after_s: the run is cancelled when nobody has watched for so long since the last one left; None: never.

    Attributes:
        run: likewise.
        realm: whose it is.
    """

    def __init__(
        self,
        run: Run,
        on_end: Callable[["Audience"], None],
        *,
        reporter: Reporter | None = None,
        cancel_after_s: float | None = None,
        realm: str = "",
    ) -> None:
        """Begin with nobody watching."""
        self.run = run
        self.realm = realm
        self._on_end = on_end
        self._reporter = reporter
        self._cancel_after_s = cancel_after_s
        self._cancelling: asyncio.TimerHandle | None = None
        self._paces: dict[tuple[int, Shown], _Pace] = {}
        self._told_of: dict[Shown, _Told] = {}  # worked out once: Flag's operators cost 0.4 µs each
        self._judging = Judging(run.extraction)

    def attach(self, watch: Watch, *, deduplicated: bool) -> None:
        """Begin to watch as the answer to `extract`."""
        self._join(watch)
        watch.open(partial(self._started, watch, deduplicated))

    def attach_from(self, watch: Watch, position: Position | None) -> None:
        """Begin to watch as the answer to `watch`, or go on from a position (PROTOCOL.md §5)."""
        self._join(watch)
        watch.open(partial(self._watching, watch, position))

    def listen(self, listener: Listener) -> None:
        """Begin to hear of growth, without frames."""
        self._join(listener)

    def detach(self, listener: Listener) -> None:
        """Stop watching, or listening."""
        self._leave(listener)
        self._settle()
        self._cancel_later()

    def adjust(self, watch: Watch, interval_ms: int) -> None:
        """Change a watch's interval."""
        self._leave(watch)
        watch.interval_ms = interval_ms
        self._join(watch)
        watch.mark()

    def started(self) -> None:
        """Tell the hooks that the provider is being called."""
        if self._reporter is not None:
            self._reporter.started()

    def grown(self, parts: Shown) -> None:
        """Tell everyone who sees one of these parts, each at its pace; of items, once they are judged."""
        told = self._told_of.get(parts)
        if told is None:
            paces = self._paces_of(parts & ~Shown.ITEMS)
            told = self._told_of[parts] = _Told(paces, bool(parts & Shown.ITEMS), bool(parts & Shown.VALUE))
        for pace in told.paces:
            pace.grown()
        if told.has_items:
            self._judge()
        if told.has_value and self._reporter is not None:
            self._reporter.grown()

    def retrying(self, error: GatewayError) -> None:
        """Tell the hooks that the model is about to be asked again."""
        if self._reporter is not None:
            self._reporter.retrying(error)

    def reset(self) -> None:
        """Tell everyone at once that what was shown is void."""
        for pace in list(self._paces.values()):
            pace.tell()

    def ended(self) -> None:
        """Tell everyone at once that the terminal is there."""
        self._judge()
        for pace in list(self._paces.values()):
            pace.tell()
        self._stop_cancelling()
        self._settle()
        if self._reporter is not None:
            self._reporter.ended()
            self._reporter = None  # what ended keeps its value once
        self._on_end(self)

    def reset_of(self, watch: Watch) -> list[str]:
        """Return the `reset` of a watch that has shown an earlier attempt: one, however many it missed."""
        document, shown = self.run.extraction.document, watch.epoch
        if shown == document.epoch:
            return []
        watch.stand(document.epoch, None)
        return [] if shown is None else [messages.encode(self._reset(watch, "invalid_output"))]

    def _settle(self) -> None:
        """Let go of the steps once nobody can ask for them: an ended extraction keeps its value, not its tail (§5)."""
        if not self._paces and self.run.extraction.state.is_ended:
            self.run.extraction.drop_history()

    def _cancel_later(self) -> None:
        """Cancel in a while if nobody watches any more and nobody comes."""
        if self._cancel_after_s is None or self._paces or self.run.extraction.state.is_ended:
            return
        self._stop_cancelling()
        self._cancelling = asyncio.get_running_loop().call_later(self._cancel_after_s, self.run.cancel)

    def _stop_cancelling(self) -> None:
        if self._cancelling is not None:
            self._cancelling.cancel()
            self._cancelling = None

    def _join(self, listener: Listener) -> None:
        self._stop_cancelling()
        key = listener.interval_ms, listener.shows
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = _Pace(listener.interval_ms / 1000)
            self._told_of.clear()
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
                self._told_of.clear()

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
        watch.stand(extraction.document.epoch, None)
        started = messages.Started(
            id=watch.id,
            extraction=self.run.id,
            epoch=extraction.document.epoch,
            state=extraction.state.value,
            deduplicated=deduplicated,
        )
        return [messages.encode(started)]

    def _watching(self, watch: Watch, position: Position | None) -> list[str]:
        extraction = self.run.extraction
        recovered, rev = (None, None) if position is None else self._recovery(position)
        watch.stand(extraction.document.epoch, rev)
        watching = messages.Watching(
            id=watch.id,
            extraction=self.run.id,
            epoch=extraction.document.epoch,
            rev=extraction.document.rev,
            state=extraction.state.value,
            recovered=recovered,
        )
        if position is None or recovered != "reset":
            return [messages.encode(watching)]
        reason = "invalid_output" if extraction.is_past(position.epoch) else "unknown_position"
        return [messages.encode(watching), messages.encode(self._reset(watch, reason))]

    def _reset(self, watch: Watch, reason: str) -> messages.Reset:
        extraction = self.run.extraction
        has_errors = reason == "invalid_output"
        return messages.Reset(
            id=watch.id,
            epoch=extraction.document.epoch,
            attempt=extraction.attempt,
            reason=reason,
            errors=extraction.faults if has_errors else msgspec.UNSET,
        )

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
        hooks: the application's.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        limits: Limits,
        tasks: Tasks,
        now_s: Callable[[], float],
        new_id: Callable[[], str],
        hooks: Hooks | None = None,
    ) -> None:
        """Begin with no extraction."""
        self._provider = provider
        self._limits = limits
        self._tasks = tasks
        self._now_s = now_s
        self._new_id = new_id
        self._hooks = Hooks() if hooks is None else hooks
        self._calls = Slots(
            limits.provider_calls,
            limits.provider_queue,
            "as many extractions as may wait are waiting for the provider",
        )
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

    def new_turns(self) -> Slots:
        """Return the places of a session, for the extractions that it starts."""
        most = self._limits.extractions_per_connection
        queue = self._limits.queued_per_connection
        return Slots(most, queue, f"expected at most {most} extractions at once on a connection, and {queue} queued")

    def start(self, job: Job, turns: Slots | None = None) -> tuple[Audience, bool]:
        """Start an extraction, or join the one that the same key has started.

        Args:
            job: what is to be extracted.
            turns: those of the session that asks; the job says what to do where none is free.

        Returns:
            The run with its audience, and whether it existed before.

        Raises:
            IdempotencyConflict: the key was used for another job.
            OverCapacity: as many extractions as may run, or as may wait, do.
        """
        self._store.evict()
        if job.key is not None and job.key in self._keys:
            body, audience = self._keys[job.key]
            if body != job.body:
                raise IdempotencyConflict("key: expected the same request as before, got another", param="key")
            return audience, True
        turn = None if turns is None else _turn(turns, job.busy)
        audience = self._new_run(job, Place(self._calls, turn))
        if turn is not None:
            turn.leave = audience.run.cancel
        if job.key is not None:
            self._keys[job.key] = (job.body, audience)
            self._key_of[audience.run.id] = job.key
        return audience, False

    def find(self, id_: str, realm: str = "") -> Audience:
        """Return an extraction of a realm that runs or is retained.

        Raises:
            NotFound: unknown, expired or not permitted, which are the same for whoever asks.
        """
        audience = self._store.get(id_)
        if audience.realm != realm:
            raise self._store.not_found()
        return audience

    def running(self) -> list[Run]:
        """Return the extractions that have not ended."""
        return [audience.run for audience in self._store.running()]

    def _new_run(self, job: Job, place: Place) -> Audience:
        extraction = Extraction(
            job.schema,
            epoch=self._new_id(),
            limits=self._limits,
            created_s=self._now_s(),
            input_chars=job.input_chars,
            retries=job.retries,
            budget_tokens=job.budget_tokens,
            max_tokens=job.request.params.get("max_tokens"),
            redact=job.redact,
            checks=job.checks,
        )
        run = Run(self._new_id(), extraction, job.request, limits=self._limits, now_s=self._now_s, new_id=self._new_id)
        audience = Audience(
            run,
            partial(self._retire, job.retain_s),
            reporter=self._reporter(job, run),
            cancel_after_s=job.cancel_after_s,
            realm=job.realm,
        )
        self._store.add(run.id, audience)
        _ = self._tasks.start(run.execute(self._provider, place, audience), name=f"extraction {run.id}")
        return audience

    def _reporter(self, job: Job, run: Run) -> Reporter | None:
        if not self._hooks:
            return None
        return Reporter(
            self._hooks,
            self._tasks,
            self._now_s,
            name=run.id,
            extractor=job.extractor,
            extraction=run.extraction,
        )

    def close(self) -> None:
        """Let go of what has ended."""
        self._stop_evicting()

    def _retire(self, retain_s: float | None, audience: Audience) -> None:
        extraction = audience.run.extraction
        size_bytes = extraction.document.value_bytes + extraction.text.kept_chars + len(extraction.terminal_text)
        self._store.retire(audience.run.id, size_bytes, retain_s)
        self._evict_later()

    def _evict_later(self) -> None:
        """See to it that nothing outlives its time, also where nobody comes and asks."""
        self._stop_evicting()  # what ended last may be the first to go
        until_s = self._store.next_eviction_s()
        if until_s is not None:
            self._eviction = asyncio.get_running_loop().call_later(until_s - self._now_s(), self._evict)

    def _stop_evicting(self) -> None:
        if self._eviction is not None:
            self._eviction.cancel()
            self._eviction = None

    def _evict(self) -> None:
        self._eviction = None
        self._store.evict()
        self._evict_later()

    def _forget(self, audience: Audience) -> None:
        key = self._key_of.pop(audience.run.id, None)
        if key is not None:
            del self._keys[key]


def _turn(turns: Slots, busy: Busy) -> Slot:
    """Return a session's place for another extraction, by what is to happen where none is free (PROTOCOL.md §3).

    Raises:
        OverCapacity: none is free, and none may be waited for.
    """
    if turns.has_free or busy is Busy.QUEUE:
        return turns.reserve()
    if busy is Busy.REJECT:
        raise turns.refusal()
    return turns.replace()
