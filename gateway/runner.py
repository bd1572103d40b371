"""Runs one extraction: a provider's deltas go into the core, and whoever watches is told (PROTOCOL.md §4, §9).

A run waits for its place, reads each attempt's stream under one deadline that is moved forward by every delta, asks
again where an answer is not valid and may be asked for again, and comes to exactly one ending. Cancelling moves the
deadline to now, so that the upstream request closes at once.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import product
from math import inf
from typing import Protocol, assert_never

from gateway.core.extraction import Ending, Extraction, State
from gateway.core.limits import Limits
from gateway.core.parts import Shown
from gateway.core.pointer import JsonValue
from gateway.errors import GatewayError, Internal, InvalidOutput, ProviderTimeout, ShuttingDown
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning, Refusal, Text, Usage
from gateway.slots import Place

__all__ = ["Audience", "Run", "take"]

_log = logging.getLogger("gateway")

_THREAD_BYTES = 32_768
"""Values above this are validated and digested in a thread: 170 KB take 30 ms."""


_REST_S = 2.0
"""How long a provider may be silent once the answer is whole: its token count may follow."""

_TRAIL_S = 10.0
"""How long it may go on writing then: what looked whole may have been a draft, with the answer behind it."""


class Audience(Protocol):
    """Whoever watches a run."""

    def started(self) -> None:
        """The provider is being called for the first time."""
        ...

    def grown(self, parts: Shown) -> None:
        """These parts have something new."""
        ...

    def retrying(self, error: GatewayError) -> None:
        """The answer is not valid, and the model is about to be asked again; the value is still the old one."""
        ...

    def reset(self) -> None:
        """A new attempt begins, with a new document."""
        ...

    def ended(self) -> None:
        """The terminal is there."""
        ...


def take(extraction: Extraction, delta: Delta, now_s: float) -> Shown:
    """Give a delta to the core.

    Returns:
        The parts that have something new.

    Raises:
        ParseError, OutputTooLarge: the text cannot be used; the extraction is to end as failed.
    """
    match delta:
        case Text(text):
            return _take_text(extraction, text, now_s)
        case Usage(input_tokens, output_tokens):
            extraction.count(input_tokens, output_tokens)
        case Finish(reason):
            extraction.note_finish(reason)
        case Refusal(text):
            extraction.refuse(text)
        case Reasoning(text):
            extraction.think(text)
            return Shown.REASONING
        case _:
            assert_never(delta)
    return Shown(0)


_GROWN = {
    (value, progress, items): Shown.TEXT
    | (Shown.VALUE if value else Shown(0))
    | (Shown.PROGRESS if progress else Shown(0))
    | (Shown.ITEMS if items else Shown(0))
    for value, progress, items in product((False, True), repeat=3)
}
"""What has grown with a text: the value, which places are complete, the items. Flag's operators cost 0.4 µs each."""


def _take_text(extraction: Extraction, text: str, now_s: float) -> Shown:
    items, document = extraction.items, extraction.document
    closed, rev = items.closed, document.rev
    has_value = extraction.feed(text, now_s)
    return _GROWN[has_value, document.rev > rev, items.closed > closed]


class Run:
    """One extraction as it runs on this node.

    Args:
        id_: unguessable name of the extraction.
        extraction: its core.
        request: what the provider is asked.
        limits: the time-outs apply.
        now_s: reads a monotonic clock.
        new_id: makes the epoch of a further attempt.
    """

    def __init__(
        self,
        id_: str,
        extraction: Extraction,
        request: ProviderRequest,
        *,
        limits: Limits,
        now_s: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Get ready; nothing runs before `execute`."""
        self.id = id_
        self.extraction = extraction
        self._request: ProviderRequest | None = request
        self._limits = limits
        self._now_s = now_s
        self._new_id = new_id
        self._deadline: asyncio.Timeout | None = None  # while something is waited for
        self._total_until = 0.0  # on the loop's clock
        self._has_delta = False
        self._stop: GatewayError | State | None = None  # why the run was stopped from outside

    def cancel(self) -> None:
        """Cancel the extraction for everyone; without effect when it has ended."""
        self._halt(State.CANCELLED)

    def shut_down(self) -> None:
        """End the extraction because this process ends."""
        self._halt(ShuttingDown("the server is shutting down"))

    async def execute(self, provider: Provider, place: Place, audience: Audience) -> None:
        """Run to the ending; the audience is told of every change."""
        try:
            ending = await self._to_ending(provider, place, audience)
        finally:
            place.release()
            self._request = None  # the input is not kept for those who come later
        self._end(ending)
        if ending.error is not None and not isinstance(ending.error, ShuttingDown):
            _log.warning("extraction %s failed: %s", self.id, _loggable(ending.error))
        for name, fault in {(result.check.name, result.fault) for result in ending.checks or () if result.fault}:
            _log.warning("extraction %s: the check %s raised %s", self.id, name, fault)
        audience.ended()

    def _end(self, ending: Ending) -> None:
        """Come to the ending; whatever goes wrong there, whoever watches is told of one."""
        try:
            self.extraction.end(ending, self._now_s())
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one extraction, never the server
            self._complain("could not be ended", error)
            self.extraction.break_off(Internal("the extraction could not be ended"), self._now_s())

    def _halt(self, reason: GatewayError | State) -> None:
        if self._stop is None and not self.extraction.state.is_ended:
            self._stop = reason
            if self._deadline is not None and not self._deadline.expired():
                self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _to_ending(self, provider: Provider, place: Place, audience: Audience) -> Ending:
        """Wait for the place, then ask until an answer is valid or may not be asked for again."""
        failure = await self._guarded(place.acquire)
        if (failure := failure or self._stop) is not None:  # a stop may come with the place: then nobody is called
            return await self._ending(failure)
        loop = asyncio.get_running_loop()
        self.extraction.start(self._now_s())
        self._total_until = loop.time() + self._limits.total_timeout_s
        audience.started()
        ending = await self._attempt(provider, audience)
        while self.extraction.can_ask_again(ending):
            if self._stop is not None or loop.time() >= self._total_until:
                return await self._ending(self._stop or self._timed_out())
            self._ask_again(ending, audience)
            ending = await self._attempt(provider, audience)
        return ending

    async def _attempt(self, provider: Provider, audience: Audience) -> Ending:
        """Ask once."""
        outcome = await self._guarded(partial(self._stream, provider, audience))
        is_whole = self._stop is None and self.extraction.is_whole
        if outcome is None or is_whole:  # what follows a whole answer cannot spoil it
            outcome = self.extraction.close()
        return await self._ending(outcome)

    def _ask_again(self, ending: Ending, audience: Audience) -> None:
        if ending.error is None or self._request is None:
            raise RuntimeError("a run is executed once, and asks again only after a failure")
        _log.info("extraction %s: attempt %d was not valid, asking again", self.id, self.extraction.attempt)
        audience.retrying(self.extraction.shown(ending.error))
        going_on = self.extraction.ask_again(ending, self._new_id())
        self._request = replace(self._request, follow_up=(*self._request.follow_up, *going_on))
        audience.reset()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> GatewayError | State | None:
        """Wait for something unless the run was stopped; None is success."""
        return self._stop if self._stop is not None else await self._caught(work)

    async def _caught(self, work: Callable[[], Awaitable[None]]) -> GatewayError | State | None:
        """Wait for something that can be stopped; every failure becomes a value here."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                await work()
        except (TimeoutError, GatewayError) as error:
            if self._stop is not None:
                return self._stop
            return error if isinstance(error, GatewayError) else self._timed_out()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # this process ends
            return Internal("the provider's stream was cancelled from elsewhere")
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one extraction, never the server
            self._complain("failed", error)
            return Internal("an internal error ended the extraction")
        finally:
            self._deadline = None
        return None

    def _complain(self, what: str, error: Exception) -> None:
        """Log a fault with its traceback; its message only where nothing is redacted, since it may quote the answer."""
        if self.extraction.is_redacted:
            frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            _log.error("extraction %s %s: %s (message redacted)\n%s", self.id, what, type(error).__name__, frames)
        else:
            _log.error("extraction %s %s", self.id, what, exc_info=error)

    async def _stream(self, provider: Provider, audience: Audience) -> None:
        """Read one answer: to its end, or until it has cost what it may."""
        if self._request is None:
            raise RuntimeError("a run is executed once")
        self._has_delta = False
        trail_until = inf
        self._wait(self._limits.first_delta_timeout_s)
        async with aclosing(provider.stream(self._request)) as deltas:
            async for delta in deltas:
                self._has_delta = True
                if parts := take(self.extraction, delta, self._now_s()):
                    audience.grown(parts)
                if self.extraction.is_over_budget:
                    self.extraction.note_finish("budget")
                    return  # which cancels the call
                if self.extraction.is_spoiled:
                    _log.info("extraction %s: attempt %d is stopped early", self.id, self.extraction.attempt)
                    return
                if not self.extraction.is_whole:
                    self._wait(self._limits.idle_timeout_s)
                elif trail_until == inf:
                    trail_until = asyncio.get_running_loop().time() + _TRAIL_S
                    self._wait(_REST_S)
                elif isinstance(delta, Text) and not delta.text.isspace():
                    self._wait(_REST_S, trail_until)

    def _wait(self, silence_s: float, until: float = inf) -> None:
        """Move the deadline: the provider may be silent for so long, and all of it has its own."""
        if self._deadline is not None and self._stop is None:  # a deadline that was moved to now stays there
            self._deadline.reschedule(min(self._total_until, until, asyncio.get_running_loop().time() + silence_s))

    def _timed_out(self) -> ProviderTimeout:
        if asyncio.get_running_loop().time() >= self._total_until:
            return ProviderTimeout(f"the provider took longer than {self._limits.total_timeout_s:g} s", phase="total")
        if self._has_delta:
            silence_s, phase = self._limits.idle_timeout_s, "idle"
        else:
            silence_s, phase = self._limits.first_delta_timeout_s, "first_delta"
        return ProviderTimeout(f"the provider was silent for {silence_s:g} s", phase=phase)

    async def _ending(self, outcome: GatewayError | State) -> Ending:
        """Return what an outcome leads to; a whole answer is judged."""
        try:
            return await self._judged(outcome)
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one extraction, never the server
            self._complain("could not be judged", error)
            return self.extraction.ending(State.FAILED, Internal("the answer could not be judged"))

    async def _judged(self, outcome: GatewayError | State) -> Ending:
        extraction = self.extraction
        value: JsonValue = extraction.document.value  # joined here, so that a thread only reads
        is_large = extraction.document.value_bytes > _THREAD_BYTES and value is not None
        match outcome:
            case State.COMPLETED:
                is_slow = is_large or extraction.is_doubtful or extraction.has_checks
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
