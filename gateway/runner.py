"""Runs one extraction: a provider's deltas go into the core, and whoever watches is told (PROTOCOL.md §4, §9).

A run waits for a provider slot, reads the stream under one deadline that is moved forward by every delta, and comes
to exactly one ending; cancelling moves the deadline to now, so that the upstream request closes at once.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, assert_never

from gateway.core.extraction import Ending, Extraction, State
from gateway.core.limits import Limits
from gateway.core.pointer import JsonValue
from gateway.errors import GatewayError, Internal, InvalidOutput, OverCapacity, ProviderTimeout, ShuttingDown
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning, Refusal, Text, Usage

__all__ = ["Audience", "Run", "Slots", "take"]

_log = logging.getLogger("gateway")

_THREAD_BYTES = 32_768
"""Values above this are validated and digested in a thread: 170 KB take 30 ms."""


_REST_S = 2.0
"""How long to wait for the provider's token count once the answer is whole."""


class Audience(Protocol):
    """Whoever watches a run."""

    def grown(self) -> None:
        """The value has changed."""
        ...

    def ended(self) -> None:
        """The terminal is there."""
        ...


class Slots:
    """How many provider calls may run at once, and how many may wait.

    Args:
        calls: at once.
        queue: waiting for one.
    """

    def __init__(self, calls: int, queue: int) -> None:
        """Begin with all free."""
        self._free = asyncio.Semaphore(calls)
        self._queue = queue
        self._waiting = 0

    def check(self) -> None:
        """Make sure that one more may come.

        Raises:
            OverCapacity: as many as may wait are waiting.
        """
        if self._free.locked() and self._waiting >= self._queue:
            raise OverCapacity("as many extractions as may wait are waiting for the provider", retry_after_ms=1_000)

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[None]:
        """Wait for a slot and hold it."""
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


def take(extraction: Extraction, delta: Delta, now_s: float) -> bool:
    """Give a delta to the core.

    Returns:
        Whether the value changed.

    Raises:
        ParseError, OutputTooLarge: the text cannot be used; the extraction is to end as failed.
    """
    match delta:
        case Text(text):
            return extraction.feed(text, now_s)
        case Usage(input_tokens, output_tokens):
            extraction.count(input_tokens, output_tokens)
        case Finish(reason):
            extraction.note_finish(reason)
        case Refusal():
            extraction.refuse()
        case Reasoning():
            pass
        case _:
            assert_never(delta)
    return False


class Run:
    """One extraction as it runs on this node.

    Args:
        id_: unguessable name of the extraction.
        extraction: its core.
        request: what the provider is asked.
        limits: the time-outs apply.
        now_s: reads a monotonic clock.
    """

    def __init__(
        self, id_: str, extraction: Extraction, request: ProviderRequest, *, limits: Limits, now_s: Callable[[], float]
    ) -> None:
        """Get ready; nothing runs before `execute`."""
        self.id = id_
        self.extraction = extraction
        self._request: ProviderRequest | None = request
        self._limits = limits
        self._now_s = now_s
        self._deadline: asyncio.Timeout | None = None  # while the stream is read
        self._total_until = 0.0  # on the loop's clock
        self._has_delta = False
        self._stop: GatewayError | State | None = None  # why the stream was stopped from outside

    def cancel(self) -> None:
        """Cancel the extraction for everyone; without effect when it has ended."""
        self._halt(State.CANCELLED)

    def shut_down(self) -> None:
        """End the extraction because this process ends."""
        self._halt(ShuttingDown("the server is shutting down"))

    async def execute(self, provider: Provider, slots: Slots, audience: Audience) -> None:
        """Run to the ending; the audience is told of every change."""
        outcome = await self._outcome(provider, slots, audience) if self._stop is None else self._stop
        try:
            ending = await self._ending(outcome)
        except Exception:  # noqa: BLE001 - a fault of ours ends one extraction, never the server
            _log.exception("extraction %s: judging the answer failed", self.id)
            ending = self.extraction.ending(State.FAILED, Internal("the answer could not be judged"))
        self.extraction.end(ending, self._now_s())
        if ending.error is not None and not isinstance(ending.error, ShuttingDown):
            _log.warning("extraction %s failed: %s", self.id, _loggable(ending.error))
        audience.ended()

    def _halt(self, reason: GatewayError | State) -> None:
        if self._stop is None and not self.extraction.state.is_ended:
            self._stop = reason
            if self._deadline is not None and not self._deadline.expired():
                self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _outcome(self, provider: Provider, slots: Slots, audience: Audience) -> GatewayError | State:
        """Return what the stream led to; every failure becomes a value here."""
        try:
            async with asyncio.timeout(None) as self._deadline, slots.taken():
                await self._stream(provider, self._deadline, audience)
        except (TimeoutError, GatewayError) as error:
            if self._stop is not None:
                return self._stop
            if not self.extraction.is_whole:  # what follows a whole answer cannot spoil it
                return error if isinstance(error, GatewayError) else self._timed_out()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # this process ends
            return Internal("the provider's stream was cancelled from elsewhere")
        except Exception:  # noqa: BLE001 - a fault of ours ends one extraction, never the server
            _log.exception("extraction %s failed", self.id)
            return Internal("an internal error ended the extraction")
        finally:
            self._deadline = self._request = None  # the input is not kept for those who come later
        return self.extraction.close()

    async def _stream(self, provider: Provider, deadline: asyncio.Timeout, audience: Audience) -> None:
        loop, limits = asyncio.get_running_loop(), self._limits
        self.extraction.start(self._now_s())
        self._total_until = loop.time() + limits.total_timeout_s
        if self._stop is None:  # a deadline that was moved to now stays there
            deadline.reschedule(min(self._total_until, loop.time() + limits.first_delta_timeout_s))
        was_whole = False
        if self._request is None:
            raise RuntimeError("a run is executed once")
        async with aclosing(provider.stream(self._request)) as deltas:
            async for delta in deltas:
                self._has_delta = True
                if take(self.extraction, delta, self._now_s()):
                    audience.grown()
                if self._stop is None and not was_whole:
                    was_whole = self.extraction.is_whole
                    silence_s = _REST_S if was_whole else limits.idle_timeout_s
                    deadline.reschedule(min(self._total_until, loop.time() + silence_s))

    def _timed_out(self) -> ProviderTimeout:
        if asyncio.get_running_loop().time() >= self._total_until:
            return ProviderTimeout(f"the provider took longer than {self._limits.total_timeout_s:g} s", phase="total")
        if self._has_delta:
            silence_s, phase = self._limits.idle_timeout_s, "idle"
        else:
            silence_s, phase = self._limits.first_delta_timeout_s, "first_delta"
        return ProviderTimeout(f"the provider was silent for {silence_s:g} s", phase=phase)

    async def _ending(self, outcome: GatewayError | State) -> Ending:
        extraction = self.extraction
        value: JsonValue = extraction.document.value  # joined here, so that a thread only reads
        is_large = extraction.document.value_bytes > _THREAD_BYTES and value is not None
        match outcome:
            case State.COMPLETED:
                is_slow = is_large or extraction.is_doubtful
                return await asyncio.to_thread(extraction.judge) if is_slow else extraction.judge()
            case State():
                state, error = outcome, None
            case _:
                state, error = State.FAILED, outcome
        if is_large:
            return await asyncio.to_thread(extraction.ending, state, error)
        return extraction.ending(state, error)


def _loggable(error: GatewayError) -> str:
    """Return what a log may say of a failure: an invalid output's message quotes the output."""
    return error.code if isinstance(error, InvalidOutput) else f"{error.code}: {error.message}"
