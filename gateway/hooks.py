"""What an application hears of its extractions: start, update, retry, error, end (docs/design.md, "Hooks").

1. A hook delays and breaks nothing: each run tells its hooks in a task of its own, and what one raises is logged.
2. Reports of a run come one after the other, in order. `start`, `retry`, `error` and `end` are all told.
3. Of `update` the latest wins: one that was not told yet when something else happened is left out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable, iscoroutinefunction
from typing import Literal, TypeAlias, get_args

from gateway.core.extraction import Extraction, State
from gateway.core.follower import Follower
from gateway.core.messages import Timing, Usage
from gateway.core.values import JsonValue
from gateway.errors import GatewayError
from gateway.tasks import Tasks

__all__ = ["Hook", "HookEvent", "Hooks", "Report", "Reporter"]

_log = logging.getLogger("gateway")

_HOOK_S = 30.0
"""How long a hook may take: what never returns would keep its task, and everything it was told, for ever."""

HookEvent = Literal["start", "update", "retry", "error", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a hook is told.

    Attributes:
        event: what happened. `start`: the provider is being called. `update`: the value has grown. `retry`: an answer
            was not valid and the model is asked again. `error`: the extraction failed. `end`: it ended, however.
        extraction: its name on the wire.
        extractor: the extractor's name, or `inline`.
        attempt: the attempt it is about, from 1.
        state: as in `started` (PROTOCOL.md §4).
        rev: the document's revision.
        value: as plain JSON at that revision, by `retry` that of the answer which was not valid. Reports share what is
            equal in them, so copy it before you change it.
        error: of `retry`, and of an extraction that failed.
        usage: tokens of all attempts so far.
        timing: of all attempts so far.
    """

    event: HookEvent
    extraction: str
    extractor: str
    attempt: int
    state: str
    rev: int
    value: JsonValue
    error: GatewayError | None
    usage: Usage
    timing: Timing


Hook: TypeAlias = Callable[[Report], Awaitable[None] | None]
"""May be asynchronous; a plain function runs in a thread."""


class Hooks:
    """An application's hooks, by what they want to hear of."""

    def __init__(self) -> None:
        """Begin with none."""
        self._hooks: dict[HookEvent, list[Hook]] = {event: [] for event in get_args(HookEvent)}

    def add(self, event: HookEvent, hook: Hook) -> None:
        """Call a hook whenever that happens.

        Raises:
            ValueError: there is no such event.
        """
        if event not in self._hooks:
            raise ValueError(f"event: expected one of {', '.join(self._hooks)}; got {event!r}")
        self._hooks[event].append(hook)

    def of(self, event: HookEvent) -> tuple[Hook, ...]:
        """Return the hooks of one event."""
        return tuple(self._hooks[event])

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return any(self._hooks.values())


class Reporter:
    """Tells the hooks of one run.

    Args:
        hooks: the application's.
        tasks: where they are called.
        now_s: reads a monotonic clock.
        name: the extraction's name.
        extractor: the extractor's.
        extraction: what is reported of.
    """

    def __init__(
        self,
        hooks: Hooks,
        tasks: Tasks,
        now_s: Callable[[], float],
        *,
        name: str,
        extractor: str,
        extraction: Extraction,
    ) -> None:
        """Begin with nothing to tell."""
        self._hooks = hooks
        self._tasks = tasks
        self._now_s = now_s
        self._name = name
        self._extractor = extractor
        self._extraction = extraction
        self._follower = Follower(extraction.document)
        self._reports: deque[Report] = deque()  # at most one start, one retry for each attempt, one error and one end
        self._has_grown = False
        self._task: asyncio.Task[None] | None = None

    def started(self) -> None:
        """Tell that the provider is being called."""
        self._put("start", None)

    def grown(self) -> None:
        """Tell that the value has grown, as soon as nothing else is to be told."""
        if self._hooks.of("update"):
            self._has_grown = True
            self._wake()

    def retrying(self, error: GatewayError) -> None:
        """Tell that an answer was not valid, while its value is still there."""
        self._put("retry", error)

    def ended(self) -> None:
        """Tell how it ended."""
        error = self._extraction.error
        if self._extraction.state is State.FAILED:
            self._put("error", error)
        self._put("end", error)

    def _put(self, event: HookEvent, error: GatewayError | None) -> None:
        self._has_grown = False
        if self._hooks.of(event):
            self._reports.append(self._report(event, error))
            self._wake()

    def _wake(self) -> None:
        if self._task is None:
            self._task = self._tasks.start(self._tell(), name=f"hooks of {self._name}")

    async def _tell(self) -> None:
        """Call the hooks until there is nothing left to tell."""
        while (report := self._next()) is not None:
            for hook in self._hooks.of(report.event):
                await self._call(hook, report)
        self._task = None

    def _next(self) -> Report | None:
        if self._reports:
            return self._reports.popleft()
        has_grown, self._has_grown = self._has_grown, False
        return self._report("update", None) if has_grown else None

    def _report(self, event: HookEvent, error: GatewayError | None) -> Report:
        extraction = self._extraction
        self._follower.catch_up(extraction.document)
        return Report(
            event=event,
            extraction=self._name,
            extractor=self._extractor,
            attempt=extraction.attempt,
            state=extraction.state.value,
            rev=self._follower.rev,
            value=self._follower.value,
            error=error,
            usage=extraction.usage,
            timing=extraction.timing(self._now_s()),
        )

    async def _call(self, hook: Hook, report: Report) -> None:
        try:
            async with asyncio.timeout(_HOOK_S):
                if iscoroutinefunction(hook):
                    await hook(report)
                elif isawaitable(answer := await asyncio.to_thread(hook, report)):
                    await answer
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # this process ends
            _log.warning("extraction %s: a hook of %s was cancelled from elsewhere", self._name, report.event)
        except Exception:  # noqa: BLE001 - an application's fault ends nothing of ours, and is heard of
            _log.exception("extraction %s: a hook of %s failed", self._name, report.event)
