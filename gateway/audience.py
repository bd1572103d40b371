"""One run with all who watch it, and when they are told (PROTOCOL.md §6).

All watches of a run with the same interval share one timer: they ask for the same update, which is encoded once.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from gateway.accounts import ExtractionAccount
from gateway.channels import Entry
from gateway.core import messages
from gateway.core.document import Document, Position
from gateway.core.extraction import State
from gateway.core.parts import Shown
from gateway.core.projection import Projection
from gateway.errors import GatewayError
from gateway.hooks import Reporter
from gateway.judging import Judging
from gateway.runner import Run
from gateway.watching import Watch

__all__ = ["Audience", "Listener"]


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
    partial: list["_Pace"]
    has_items: bool
    has_value: bool


class _Pace:
    """The listeners of one run that share an interval, hear of the same parts and see the same of the value."""

    __slots__ = ("_due", "_looked", "_timer", "interval_s", "listeners", "projection", "shows")

    def __init__(self, interval_s: float, shows: Shown, projection: Projection | None, position: Position) -> None:
        self.interval_s = interval_s
        self.shows = shows
        self.projection = projection
        self.listeners: set[Listener] = set()
        self._looked = position  # up to where it is known whether the projection shows anything new
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def look(self, document: Document) -> None:
        """Do as `grown` where a step since the last look shows anything in the projection; each is looked at once."""
        looked, self._looked = self._looked, document.position
        since = looked.rev if looked.epoch == document.epoch else 0
        has_progress = Shown.PROGRESS in self.shows
        if self.projection is None or document.has_shown(self.projection, since, progress=has_progress):
            self.grown()

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


_PaceKey: TypeAlias = tuple[int, Shown, Projection | None]


def _pace_key(listener: Listener) -> _PaceKey:
    projection = listener.view.projection if isinstance(listener, Watch) else None
    return listener.interval_ms, listener.shows, projection


class Audience:
    """A run, and the watches that see it.

    Args:
        run: what is watched.
        on_end: called once, when the run has ended.
        reporter: tells the application's hooks, where there are some.
        cancel_after_s: the run is cancelled when nobody has watched for so long since the last one left; None: never.
        realm: whose it is.
        entry: where it is announced, if anywhere.
        announce: tells those who follow its channel.
        account: of the run.

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
        entry: Entry | None = None,
        announce: Callable[[State], None] | None = None,
        account: ExtractionAccount | None = None,
    ) -> None:
        """Begin with nobody watching."""
        self.entry = entry
        self._announce = announce
        self.run = run
        self.realm = realm
        self._on_end = on_end
        self._reporter = reporter
        self._cancel_after_s = cancel_after_s
        self._cancelling: asyncio.TimerHandle | None = None
        self._paces: dict[_PaceKey, _Pace] = {}
        self._told_of: dict[Shown, _Told] = {}  # worked out once: Flag's operators cost 0.4 µs each
        self._judging = Judging(run.extraction)
        self._account = account or ExtractionAccount(run.id)

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
        """Tell the hooks, and those who follow the channel, that the provider is being called."""
        if self._announce is not None:
            self._announce(self.run.extraction.state)
        if self._reporter is not None:
            self._reporter.started()

    def grown(self, parts: Shown) -> None:
        """Tell everyone who sees one of these parts, each at its pace; of items, once they are judged."""
        told = self._told_of.get(parts)
        if told is None:
            paces = self._paces_of(parts & ~Shown.ITEMS)
            whole = [pace for pace in paces if pace.projection is None]
            partial = [pace for pace in paces if pace.projection is not None]
            told = _Told(whole, partial, bool(parts & Shown.ITEMS), bool(parts & Shown.VALUE))
            self._told_of[parts] = told
        for pace in told.paces:
            pace.grown()
        for pace in told.partial:
            pace.look(self.run.extraction.document)
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
        self._account.end(self.run.extraction)
        if self._announce is not None:
            self._announce(self.run.extraction.state)
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
        key = _pace_key(listener)
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = _Pace(
                listener.interval_ms / 1000, *key[1:], self.run.extraction.document.position
            )
            self._told_of.clear()
        pace.listeners.add(listener)
        self._account.joined()
        self._judge()

    def _leave(self, listener: Listener) -> None:
        key = _pace_key(listener)
        pace = self._paces.get(key)
        if pace is not None and listener in pace.listeners:
            pace.listeners.discard(listener)
            self._account.left()
            if not pace.listeners:
                pace.stop()
                del self._paces[key]
                self._told_of.clear()

    def _paces_of(self, parts: Shown) -> list[_Pace]:
        return [pace for pace in self._paces.values() if pace.shows & parts]

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
