"""Every extraction of this node, from `extract` to the end of its retention (PROTOCOL.md §3, §5)."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

from gateway.accounts import ExtractionAccount
from gateway.audience import Audience
from gateway.channels import Channels, Entry
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.errors import IdempotencyConflict, ShuttingDown
from gateway.figures import Figures
from gateway.hooks import Hooks, Reporter
from gateway.jobs import Busy, Job
from gateway.ports import Provider
from gateway.runner import Run
from gateway.slots import Place, Slot, Slots
from gateway.stores.memory import MemoryStore
from gateway.tasks import Tasks

__all__ = ["Hub", "Load"]


class Load(NamedTuple):
    """What is on a node now.

    Attributes:
        running: extractions that hold one of the places of `provider_calls`.
        queued: that wait for one.
        retained: that have ended and are kept.
        retained_bytes: of their values.
    """

    running: int
    queued: int
    retained: int
    retained_bytes: int


class Hub:
    """Every extraction of this node, from `extract` to the end of its retention.

    Args:
        provider: where the text comes from.
        limits: what may run at once, and how long what ended is kept.
        tasks: where runs live.
        now_s: reads a monotonic clock.
        new_id: makes an unguessable name.
        hooks: the application's.
        figures: of the gateway.

    Attributes:
        is_closing: nothing new may begin.
        channels: whoever follows them.
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
        figures: Figures | None = None,
    ) -> None:
        """Begin with no extraction."""
        self.is_closing = False
        self._provider = provider
        self._limits = limits
        self._tasks = tasks
        self._now_s = now_s
        self._new_id = new_id
        self._hooks = Hooks() if hooks is None else hooks
        self._figures = Figures() if figures is None else figures
        self._calls = Slots(
            limits.provider_calls,
            limits.provider_queue,
            "as many extractions as may wait are waiting for the provider",
        )
        self.channels = Channels()
        self._shares: WeakValueDictionary[str, Slots] = WeakValueDictionary()  # of the provider's places, by principal
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
            ShuttingDown: nothing new may begin.
        """
        self._store.evict()
        if job.key is not None and job.key in self._keys:
            body, audience = self._keys[job.key]
            if body != job.body:
                raise IdempotencyConflict("key: expected the same request as before, got another", param="key")
            return audience, True
        if self.is_closing:
            raise ShuttingDown("the server is about to restart", retry_after_ms=1_000)
        turn = None if turns is None else _turn(turns, job.busy)
        audience = self._new_run(job, Place(self._calls, turn, self._share_of(job.principal)))
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

    @property
    def load(self) -> Load:
        """How much runs, waits and is kept now."""
        kept, running = self._store.kept, self._calls.held
        return Load(running, max(0, kept.running - running), kept.ended, kept.ended_bytes)

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
        entry = None if job.channel is None else Entry(job.realm, job.channel, run.id, job.extractor)
        announce = None if entry is None else partial(self.channels.tell, entry)
        audience = Audience(
            run,
            partial(self._retire, job.retain_s),
            reporter=self._reporter(job, run),
            cancel_after_s=job.cancel_after_s,
            realm=job.realm,
            entry=entry,
            announce=announce,
            account=ExtractionAccount(run.id, job.extractor, self._figures),
        )
        self._store.add(run.id, audience)
        if announce is not None:
            announce(extraction.state)
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

    def _share_of(self, principal: str) -> Slots | None:
        """Return the provider's places that somebody may have; None for all of them, where nobody says who it is."""
        most, queue = self._limits.provider_calls_per_principal, self._limits.provider_queue
        if not principal:
            return None
        share = self._shares.get(principal)
        if share is None:
            full = "as many extractions as may wait for this credential's provider calls are waiting"
            share = self._shares[principal] = Slots(most, queue, full)
        return share  # it lives as long as a place has it

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
        if audience.entry is not None:
            self.channels.forget(audience.entry)
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
