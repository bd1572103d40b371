"""One extraction as it runs: slots, deadlines, cancelling, and exactly one ending."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from gateway.core.extraction import Ending, Extraction, State
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.errors import GatewayError, OverCapacity, ProviderError, ProviderRateLimited
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning, Text, Usage
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from gateway.runner import Run, Slots

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
REQUEST = ProviderRequest(messages=({"role": "user", "content": "x"},), schema=SCHEMA)
WHOLE: list[Step] = ['{"a": ', '"x"}', Usage(3, 4), Finish("stop")]


class Audience:
    """Counts what it is told."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.growths = 0
        self.endings = 0
        self.has_grown = asyncio.Event()

    def grown(self) -> None:
        """The value has changed."""
        self.growths += 1
        self.has_grown.set()

    def ended(self) -> None:
        """The terminal is there."""
        self.endings += 1


def new_run(**limits: Any) -> Run:
    """Return a run that has not begun."""
    bounds = Limits(**limits)
    schema = Schema.from_json(SCHEMA, limits=bounds)
    extraction = Extraction(schema, epoch="e", limits=bounds, created_s=0, input_chars=8)
    return Run("x", extraction, REQUEST, limits=bounds, now_s=asyncio.get_running_loop().time)


async def executed(run: Run, provider: Provider, slots: Slots | None = None) -> Audience:
    """Run to the ending; it comes once, whatever happens."""
    audience = Audience()
    await run.execute(provider, slots or Slots(1, 1), audience)
    assert audience.endings == 1
    assert run.extraction.state.is_ended
    return audience


def failure_of(run: Run) -> tuple[str, object]:
    """Return code and phase of a failed run."""
    terminal: Any = run.extraction.terminal
    assert run.extraction.state is State.FAILED
    return terminal.error.code, terminal.error.phase


async def test_to_the_end() -> None:
    """Every delta that makes the value grow is told; what the provider counted is kept."""
    run = new_run()
    audience = await executed(run, ScriptedProvider([Reasoning("hm"), *WHOLE]))
    terminal: Any = run.extraction.terminal
    assert (run.extraction.state, run.extraction.document.value) == (State.COMPLETED, {"a": "x"})
    assert (audience.growths, terminal.usage.total_tokens, terminal.usage.estimated) == (2, 7, False)


class Noting(Extraction):
    """Notes which threads judge it."""

    judges: set[int]

    def judge(self) -> Ending:
        """Judge as ever."""
        self.judges.add(threading.get_ident())
        return super().judge()

    def ending(self, state: State, error: GatewayError | None = None) -> Ending:
        """End as ever."""
        self.judges.add(threading.get_ident())
        return super().ending(state, error)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
@pytest.mark.parametrize(("letters", "is_large"), [(16_000, False), (17_000, True)])
async def test_a_large_answer_is_judged_in_a_thread(letters: int, is_large: bool, finish: str) -> None:
    """One of more than 32 KiB, whatever became of it, so that the others do not wait; it comes to the same."""
    extraction = Noting(Schema.from_json(SCHEMA, limits=Limits()), epoch="e", limits=Limits(), created_s=0)
    extraction.judges = set()
    run = Run("x", extraction, REQUEST, limits=Limits(), now_s=asyncio.get_running_loop().time)
    end = '"}' if finish == "stop" else ""
    await executed(run, ScriptedProvider(['{"a": "', "é" * letters, end, Finish(finish)]))
    assert extraction.document.value == {"a": "é" * letters}
    assert (len(extraction.judges), threading.get_ident() in extraction.judges) == (1, not is_large)


async def test_a_large_answer_that_is_cancelled() -> None:
    """Its digest is made in a thread, too."""
    run, gate = new_run(), asyncio.Event()
    provider = ScriptedProvider(['{"a": "' + "x" * 40_000, Gate(gate)])
    audience = Audience()
    running = asyncio.create_task(run.execute(provider, Slots(1, 1), audience))
    await audience.has_grown.wait()
    run.cancel()
    await running
    assert (run.extraction.state, provider.open_streams) == (State.CANCELLED, 0)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([ProviderRateLimited("wait", retry_after_ms=5)], "provider_rate_limited"),
        (['{"a": ', ProviderError("gone")], "provider_error"),
        (['{"a": '], "provider_error"),
        (['{"a": ', "nothing"], "provider_error"),
        (["nothing", Finish("stop")], "invalid_output"),
        (['{"a": 5}', Finish("stop")], "invalid_output"),
        ([Finish("content_filter")], "refused"),
    ],
)
async def test_failures(steps: list[Step], code: str) -> None:
    """A failure of the provider and one of its output are both endings."""
    run = new_run()
    await executed(run, ScriptedProvider(steps))
    assert failure_of(run)[0] == code


@pytest.mark.parametrize(
    ("limits", "steps", "phase"),
    [
        ({"first_delta_timeout_s": 0.01}, [], "first_delta"),
        ({"idle_timeout_s": 0.01}, ['{"a": '], "idle"),
        ({"total_timeout_s": 0.01}, ['{"a": '], "total"),
        ({"total_timeout_s": 0.01, "first_delta_timeout_s": 60}, [], "total"),
    ],
)
async def test_silence(limits: dict[str, float], steps: list[Step], phase: str) -> None:
    """The time-out says in which phase; the stream is closed."""
    run = new_run(**limits)
    provider = ScriptedProvider([*steps, Gate(asyncio.Event())])
    await executed(run, provider)
    assert (failure_of(run), provider.open_streams) == (("provider_timeout", phase), 0)


class Talkative(ScriptedProvider):
    """Never stops, and is never silent."""

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Give one string that only grows."""
        self.open_streams += 1
        try:
            yield Text('{"a": "')
            while True:
                await asyncio.sleep(0)
                yield Text("x")
        finally:
            self.open_streams -= 1


async def test_a_stream_that_does_not_stop() -> None:
    """The time for all of it is up, though it was never silent; what it said so far stays."""
    run, provider = new_run(total_timeout_s=0.02), Talkative([])
    async with asyncio.timeout(2):
        await executed(run, provider)
    assert (failure_of(run), provider.open_streams) == (("provider_timeout", "total"), 0)
    value: Any = run.extraction.document.value
    assert set(value["a"]) == {"x"}


async def test_a_provider_that_cancels_itself() -> None:
    """A cancellation nobody asked for ends the extraction as failed, not its task."""

    def script(_: ProviderRequest) -> list[Step]:
        raise asyncio.CancelledError

    run = new_run()
    await executed(run, ScriptedProvider(script))
    assert failure_of(run) == ("internal", msgspec.UNSET)


async def test_a_task_that_is_cancelled() -> None:
    """The process ends: the cancellation goes through, the stream is closed and the slot given back."""
    run, slots, audience = new_run(), Slots(1, 0), Audience()
    provider = ScriptedProvider(['{"a": "x', Gate(asyncio.Event())])
    running = asyncio.create_task(run.execute(provider, slots, audience))
    await audience.has_grown.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    slots.check()
    assert (provider.open_streams, audience.endings, run.extraction.terminal) == (0, 0, None)


async def test_a_whole_answer_does_not_wait_for_its_finish_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short rest for the count of tokens, then it is judged; an error after it spoils nothing."""
    monkeypatch.setattr("gateway.runner._REST_S", 0.01)
    for last in (Gate(asyncio.Event()), ProviderError("gone")):
        run = new_run()
        await executed(run, ScriptedProvider(['{"a": "x"}', last]))
        assert run.extraction.state is State.COMPLETED


async def test_cancelling_before_it_begins() -> None:
    """The provider is not asked."""
    run, provider = new_run(), ScriptedProvider(WHOLE)
    run.cancel()
    await executed(run, provider)
    assert (run.extraction.state, provider.requests) == (State.CANCELLED, [])


async def test_cancelling_while_it_waits_for_a_slot() -> None:
    """It leaves the queue at once, and the slot to the next."""
    slots, gate, audience = Slots(1, 1), asyncio.Event(), Audience()
    first, second = new_run(), new_run()
    provider = ScriptedProvider([Gate(gate), *WHOLE])
    running = [asyncio.create_task(run.execute(provider, slots, audience)) for run in (first, second)]
    await asyncio.sleep(0)
    with pytest.raises(OverCapacity):
        slots.check()
    assert second.extraction.state is State.QUEUED
    second.cancel()
    await running[1]
    slots.check()
    gate.set()
    await running[0]
    assert (second.extraction.state, first.extraction.state) == (State.CANCELLED, State.COMPLETED)
    assert len(provider.requests) == 1


async def test_cancelling_at_the_moment_a_slot_is_free() -> None:
    """The cancel is not lost in the beginning of the stream."""
    slots, run, provider = Slots(1, 1), new_run(), ScriptedProvider([Gate(asyncio.Event())])
    async with slots.taken():
        running = asyncio.create_task(run.execute(provider, slots, Audience()))
        await asyncio.sleep(0)
    run.cancel()
    async with asyncio.timeout(1):
        await running
    assert (run.extraction.state, provider.open_streams) == (State.CANCELLED, 0)


async def test_cancelling_in_the_middle_twice_and_after_the_end() -> None:
    """The first one counts; the value is what there was."""
    run, audience = new_run(), Audience()
    provider = ScriptedProvider(['{"a": "x', Gate(asyncio.Event())])
    running = asyncio.create_task(run.execute(provider, Slots(1, 1), audience))
    await audience.has_grown.wait()
    run.cancel()
    run.shut_down()
    run.cancel()
    await running
    run.cancel()
    assert (run.extraction.state, run.extraction.document.value) == (State.CANCELLED, {"a": "x"})


async def test_cancelling_when_the_time_is_up_already() -> None:
    """Between the deadline and its work a cancel changes nothing, and breaks nothing."""
    run = new_run(first_delta_timeout_s=0.01)
    audience = Audience()

    class Stubborn(ScriptedProvider):
        """Cancels its own run while it is being closed."""

        async def _play(self, step: Step) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                run.cancel()

    await run.execute(Stubborn(["x"]), Slots(1, 1), audience)
    assert (run.extraction.state.is_ended, audience.endings) == (True, 1)


async def test_shutting_down() -> None:
    """What runs fails with a code that says try again."""
    run, audience = new_run(), Audience()
    running = asyncio.create_task(
        run.execute(ScriptedProvider(['{"a": "x', Gate(asyncio.Event())]), Slots(1, 1), audience)
    )
    await audience.has_grown.wait()
    run.shut_down()
    await running
    assert failure_of(run)[0] == "shutting_down"


async def test_slots_are_given_back(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever became of the run that held one."""
    slots = Slots(1, 1)
    for steps in (WHOLE, [ProviderError("x")], lambda _: 1 / 0, WHOLE):
        await executed(new_run(), ScriptedProvider(steps), slots)  # type: ignore[arg-type] # one of them is broken
    slots.check()
    faults = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert faults == ["extraction x failed"]
