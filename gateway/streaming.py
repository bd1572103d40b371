"""Extraction in process: ever fuller partials of a model, the last one validated; the same engine, no server."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Generic, TypedDict, TypeVar

import msgspec
from anyio.from_thread import start_blocking_portal
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from gateway.audience import Audience
from gateway.core.extraction import State
from gateway.core.follower import Follower
from gateway.core.messages import Cancelled, Completed, Failed, Incomplete, Terminal
from gateway.core.parts import Shown
from gateway.core.values import JsonValue
from gateway.errors import ERRORS, CancelledExtraction, GatewayError, IncompleteExtraction, Internal
from gateway.hydration import annotation_of, hydrated
from gateway.ports import Mode

__all__ = [
    "CancelledExtraction",
    "IncompleteExtraction",
    "Partial",
    "StreamOptions",
    "blocking",
    "partials",
    "validated_by",
]

T = TypeVar("T")

_CUTS = {"length": "length limit", "budget": "budget of tokens"}


class StreamOptions(TypedDict, total=False):
    """What may be said about an extraction in process; see `Gateway.stream`."""

    instructions: str | None
    model: str | None
    mode: Mode | str | None
    params: Mapping[str, Any] | None
    retries: int | None
    budget_tokens: int | None
    interval: float
    progress: bool


class Partial(Generic[T]):
    """What the model has said so far; it stays as it is, however the extraction goes on.

    Attributes:
        value: as plain JSON. Partials share what is equal in them, so copy it before you change it.
        rev: the document's revision (PROTOCOL.md §1), counted anew in each attempt.
        attempt: from 1. Where an answer was not valid and the model is asked again, the next partial is that of the
            next attempt, and begins anew: what the ones before showed is void.
        is_final: whether this is the validated value, the last partial.
        progress: `{active, completed, reopened?, states?}` since the partial before (PROTOCOL.md §4), where it was
            asked for.
        checks: of the last partial, what came of the soft checks: `{path, name, passed, message?}` each.
    """

    def __init__(
        self,
        value: JsonValue,
        rev: int,
        hydrate: Callable[[JsonValue], T],
        *,
        is_final: bool,
        attempt: int = 1,
        progress: Mapping[str, JsonValue] | None = None,
        checks: Sequence[Mapping[str, JsonValue]] = (),
    ) -> None:
        """Keep the value; the model is made when it is asked for."""
        self.value = value
        self.rev = rev
        self.attempt = attempt
        self.is_final = is_final
        self.progress = progress
        self.checks = checks
        self._hydrate = hydrate

    def __repr__(self) -> str:
        return f"Partial(rev={self.rev}, value={self.value!r})"

    @cached_property
    def model(self) -> T:
        """The value as an instance of the model: validated in the last partial, before that as far as it is there."""
        return self._hydrate(self.value)


class _Listener:
    """Hears that there is something new, as a watch does."""

    shows = Shown.VALUE

    def __init__(self, interval_ms: int) -> None:
        self.interval_ms = interval_ms
        self.news = asyncio.Event()

    def mark(self) -> None:
        self.news.set()


async def partials(
    start: Callable[[], Audience],
    annotation: Any,
    validated: Callable[[JsonValue], T],
    *,
    interval_ms: int,
    has_progress: bool = False,
) -> AsyncGenerator[Partial[T]]:
    """Yield partials of a run until it ends; leaving early cancels it.

    Args:
        start: starts the run; called by the first step, so that nothing runs that nobody looks at.
        annotation: the type of the value.
        validated: makes the instance of the final value.
        interval_ms: least time between two partials.
        has_progress: whether partials tell how far the model is.

    Raises:
        GatewayError: the extraction failed, with the code of the failure; or it was cut off, or cancelled.
    """
    audience = start()
    extraction = audience.run.extraction
    follower = Follower(extraction.document)
    listener = _Listener(interval_ms)
    has_begun, attempt = False, extraction.attempt
    audience.listen(listener)
    try:
        while True:
            if not (is_ended := extraction.state.is_ended):
                await listener.news.wait()
            listener.news.clear()
            before = follower.rev if has_begun and extraction.attempt == attempt else None
            if not follower.catch_up(extraction.document):
                if is_ended:
                    break
            else:
                has_begun, attempt = True, extraction.attempt
                progress = extraction.document.progress_since(before) if has_progress else None
                is_final = extraction.state is State.COMPLETED
                hydrate = validated if is_final else partial(hydrated, annotation)
                value, rev = follower.value, follower.rev
                yield Partial(
                    value,
                    rev,
                    hydrate,
                    is_final=is_final,
                    attempt=attempt,
                    progress=progress,
                    checks=_checks(extraction.terminal),
                )
    finally:
        audience.detach(listener)
        audience.run.cancel()
    if (failure := _failure(extraction.terminal, extraction.error)) is not None:
        failure.value = follower.value
        raise failure


def _checks(terminal: Terminal | None) -> list[dict[str, JsonValue]]:
    return msgspec.to_builtins(terminal.checks or []) if isinstance(terminal, Completed) else []


def _failure(terminal: Terminal | None, cause: GatewayError | None) -> GatewayError | None:
    """Return what to raise for an ending other than `completed`; the cause knows what the wire is not told."""
    if isinstance(terminal, Incomplete):
        return IncompleteExtraction(f"the model was cut off by its {_CUTS[terminal.reason]}")
    if isinstance(terminal, Cancelled):
        return CancelledExtraction("the extraction was cancelled")
    if isinstance(terminal, Failed):
        failure = terminal.error
        error = ERRORS.get(failure.code, Internal)
        detail = "" if cause is None else cause.detail
        return error(failure.message, phase=failure.phase or None, errors=tuple(failure.errors or ()), detail=detail)
    return None


def validated_by(declared: Any) -> Callable[[JsonValue], Any]:
    """Return what makes the instance of a final value.

    The value is the validated model's own JSON; where that does not validate again (an alias that only applies to
    one direction), the instance is made without validation.
    """
    adapter: TypeAdapter[Any] = declared if isinstance(declared, TypeAdapter) else TypeAdapter(declared)

    def instance(value: JsonValue) -> Any:
        try:
            return adapter.validate_json(to_json(value))
        except ValidationError:
            return hydrated(annotation_of(declared), value)

    return instance


def blocking(start: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
    """Iterate over an asynchronous generator from synchronous code; its loop runs in a thread of its own.

    Works in scripts and in notebooks alike, whose own loop is busy. Leaving early closes the generator, and so does
    Ctrl-C while it waits.
    """
    with start_blocking_portal() as portal:
        steps = _Steps(portal.call(_started, start))
        try:
            while True:
                yield portal.call(steps.next)
        except StopAsyncIteration:
            return
        finally:
            portal.call(steps.close)


class _Steps(Generic[T]):
    """An asynchronous generator, step by step, that can be closed while one is being waited for."""

    def __init__(self, items: AsyncGenerator[T]) -> None:
        self._items = items
        self._step: asyncio.Task[T] | None = None

    async def next(self) -> T:
        self._step = asyncio.ensure_future(anext(self._items))
        return await self._step

    async def close(self) -> None:
        """Let a step that is under way come to rest, and close the generator."""
        if self._step is not None and not self._step.done():
            self._step.cancel()  # once: what the generator closes then must not be cancelled again
            await asyncio.wait([self._step])
        await self._items.aclose()


async def _started(start: Callable[[], AsyncGenerator[T]]) -> AsyncGenerator[T]:
    return start()
