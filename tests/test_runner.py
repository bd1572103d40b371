"""One extraction as it runs: slots, deadlines, cancelling, and exactly one ending."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from itertools import count
from typing import Any

import msgspec
import pytest

from gateway.core.checks import Check
from gateway.core.extraction import Ending, Extraction, State
from gateway.core.limits import Limits
from gateway.core.parts import Shown
from gateway.core.schema import Schema
from gateway.errors import GatewayError, ProviderError, ProviderRateLimited
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning, Text, Usage
from gateway.providers.scripted import Gate, Pause, ScriptedProvider, Step
from gateway.runner import Run
from gateway.slots import Place, Slots

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
REQUEST = ProviderRequest(messages=({"role": "user", "content": "x"},), schema=SCHEMA)
WHOLE: list[Step] = ['{"a": ', '"x"}', Usage(3, 4), Finish("stop")]


class Audience:
    """Counts what it is told."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.starts = 0
        self.growths = 0
        self.retries: list[str] = []
        self.resets = 0
        self.endings = 0
        self.was_started = asyncio.Event()
        self.has_grown = asyncio.Event()
        self.was_reset = asyncio.Event()

    def started(self) -> None:
        """The provider is being called."""
        self.starts += 1
        self.was_started.set()

    def retrying(self, error: GatewayError) -> None:
        """It is about to be called again."""
        self.retries.append(error.code)

    def reset(self) -> None:
        """There is a new document."""
        self.resets += 1
        self.has_grown.clear()
        self.was_reset.set()

    def grown(self, parts: Shown) -> None:
        """Something is new, the value say."""
        if Shown.VALUE in parts:
            self.growths += 1
            self.has_grown.set()

    def ended(self) -> None:
        """The terminal is there."""
        self.endings += 1


def new_run(*, retries: int = 0, budget_tokens: int | None = None, **limits: Any) -> Run:
    """Return a run that has not begun."""
    bounds = Limits(**limits)
    schema, now_s = Schema.from_json(SCHEMA, limits=bounds), asyncio.get_running_loop().time
    extraction = Extraction(
        schema,
        epoch="e1",
        limits=bounds,
        created_s=now_s(),
        input_chars=8,
        retries=retries,
        budget_tokens=budget_tokens,
    )
    return run_of(extraction, bounds)


def run_of(extraction: Extraction, limits: Limits) -> Run:
    """Return a run of an extraction; its further epochs are e2, e3 and so on."""
    epochs = count(2)
    now_s = asyncio.get_running_loop().time
    return Run("x", extraction, REQUEST, limits=limits, now_s=now_s, new_id=lambda: f"e{next(epochs)}")


def new_slots(queue: int = 1) -> Slots:
    """Return one place."""
    return Slots(1, queue, "full")


async def executed(run: Run, provider: Provider, slots: Slots | None = None) -> Audience:
    """Run to the ending; it comes once, whatever happens."""
    audience = Audience()
    await run.execute(provider, Place(slots or new_slots()), audience)
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
    run = run_of(extraction, Limits())
    end = '"}' if finish == "stop" else ""
    await executed(run, ScriptedProvider(['{"a": "', "é" * letters, end, Finish(finish)]))
    assert extraction.document.value == {"a": "é" * letters}
    assert (len(extraction.judges), threading.get_ident() in extraction.judges) == (1, not is_large)


async def test_a_large_answer_that_is_cancelled() -> None:
    """Its digest is made in a thread, too."""
    run, gate = new_run(), asyncio.Event()
    provider = ScriptedProvider(['{"a": "' + "x" * 40_000, Gate(gate)])
    audience = Audience()
    running = asyncio.create_task(run.execute(provider, Place(new_slots()), audience))
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
async def test_silence(limits: dict[str, Any], steps: list[Step], phase: str) -> None:
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
    run, slots, audience = new_run(), new_slots(0), Audience()
    provider = ScriptedProvider(['{"a": "x', Gate(asyncio.Event())])
    running = asyncio.create_task(run.execute(provider, Place(slots), audience))
    await audience.has_grown.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert slots.has_free
    assert (provider.open_streams, audience.endings, run.extraction.terminal) == (0, 0, None)


async def test_a_whole_answer_does_not_wait_for_its_finish_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short rest for the count of tokens, then it is judged; an error after it spoils nothing."""
    monkeypatch.setattr("gateway.runner._REST_S", 0.01)
    for last in (Gate(asyncio.Event()), ProviderError("gone")):
        run = new_run()
        await executed(run, ScriptedProvider(['{"a": "x"}', last]))
        assert run.extraction.state is State.COMPLETED


async def test_a_draft_is_followed_to_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looked whole is a draft: as long as the model writes on, it is read."""
    monkeypatch.setattr("gateway.runner._REST_S", 0.3)
    run = new_run()
    words = [step for _ in range(4) for step in (" no,", Pause(0.1))]
    await executed(run, ScriptedProvider(['{"b": 1}', *words, '{"a": "x"}', Finish("stop")]))
    assert (run.extraction.state, run.extraction.document.value) == (State.COMPLETED, {"a": "x"})


@pytest.mark.parametrize("word", ["so", "\n"])
async def test_a_model_that_never_stops_is_stopped_behind_its_answer(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White space keeps nobody waiting for longer than silence does, words not for ever."""
    monkeypatch.setattr("gateway.runner._REST_S", 0.05 if word.isspace() else 5.0)
    monkeypatch.setattr("gateway.runner._TRAIL_S", 5.0 if word.isspace() else 0.05)
    run = new_run()
    words = [step for _ in range(1_000) for step in (word, Pause(0.01))]
    await executed(run, ScriptedProvider(['{"a": "x"}', *words]))
    assert run.extraction.state is State.COMPLETED
    assert run.extraction.written_chars < 1_000


async def test_an_ending_that_cannot_be_told_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches hears of one, and the place is given back."""

    def fail(*_: object) -> None:
        raise AttributeError("of ours")

    monkeypatch.setattr("gateway.core.extraction.check_reports", fail)
    run = new_run()
    audience = await executed(run, ScriptedProvider(WHOLE))
    assert (run.extraction.state, audience.endings) == (State.FAILED, 1)
    assert '"code":"internal"' in run.extraction.terminal_text


async def test_cancelling_before_it_begins() -> None:
    """The provider is not asked."""
    run, provider = new_run(), ScriptedProvider(WHOLE)
    run.cancel()
    await executed(run, provider)
    assert (run.extraction.state, provider.requests) == (State.CANCELLED, [])


async def test_cancelling_while_it_waits_for_a_slot() -> None:
    """It leaves the queue at once, and the slot to the next."""
    slots, gate, audience = new_slots(), asyncio.Event(), Audience()
    first, second = new_run(), new_run()
    provider = ScriptedProvider([Gate(gate), *WHOLE])
    running = [asyncio.create_task(run.execute(provider, Place(slots), audience)) for run in (first, second)]
    await audience.was_started.wait()
    assert second.extraction.state is State.QUEUED
    second.cancel()
    await running[1]
    assert slots.reserve().is_held is False
    gate.set()
    await running[0]
    assert (second.extraction.state, first.extraction.state) == (State.CANCELLED, State.COMPLETED)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(("stop", "state"), [("cancel", State.CANCELLED), ("shut_down", State.FAILED)])
async def test_stopping_at_the_moment_a_slot_is_free(stop: str, state: State) -> None:
    """It was queued to its end: nobody is called, and nothing is paid for."""
    slots, run, provider, audience = new_slots(), new_run(), ScriptedProvider([Gate(asyncio.Event())]), Audience()
    held = slots.reserve()
    running = asyncio.create_task(run.execute(provider, Place(slots), audience))
    await asyncio.sleep(0)
    held.release()
    getattr(run, stop)()
    async with asyncio.timeout(1):
        await running
    terminal: Any = run.extraction.terminal
    assert (run.extraction.state, provider.requests, audience.starts) == (state, [], 0)
    assert (terminal.attempts, terminal.usage.input_tokens, terminal.usage.estimated) == (0, 0, False)
    assert slots.reserve().is_held


async def test_cancelling_in_the_middle_twice_and_after_the_end() -> None:
    """The first one counts; the value is what there was."""
    run, audience = new_run(), Audience()
    provider = ScriptedProvider(['{"a": "x', Gate(asyncio.Event())])
    running = asyncio.create_task(run.execute(provider, Place(new_slots()), audience))
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

    await run.execute(Stubborn(["x"]), Place(new_slots()), audience)
    assert (run.extraction.state.is_ended, audience.endings) == (True, 1)


async def test_shutting_down() -> None:
    """What runs fails with a code that says try again."""
    run, audience = new_run(), Audience()
    running = asyncio.create_task(
        run.execute(ScriptedProvider(['{"a": "x', Gate(asyncio.Event())]), Place(new_slots()), audience)
    )
    await audience.has_grown.wait()
    run.shut_down()
    await running
    assert failure_of(run)[0] == "shutting_down"


async def test_slots_are_given_back(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever became of the run that held one."""
    slots = new_slots()
    for steps in (WHOLE, [ProviderError("x")], lambda _: 1 / 0, WHOLE):
        await executed(new_run(), ScriptedProvider(steps), slots)  # type: ignore[arg-type] # one of them is broken
    assert slots.has_free
    faults = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert faults == ["extraction x failed"]


WRONG: list[Step] = ['{"a": 5}', Finish("stop")]


def in_turn(*answers: list[Step]) -> ScriptedProvider:
    """Return a provider that writes one answer after the other, the last one for ever."""
    left = list(answers)
    return ScriptedProvider(lambda _: left.pop(0) if len(left) > 1 else left[0])


async def test_asking_again_until_it_is_valid() -> None:
    """The chat goes on, each attempt has an epoch of its own, and the slot is held once for all."""
    run, provider = new_run(retries=5), in_turn(WRONG, ['{"a": [', "no", Finish("stop")], WHOLE)
    audience = await executed(run, provider, new_slots(0))
    terminal: Any = run.extraction.terminal
    assert (run.extraction.state, terminal.epoch, terminal.attempts) == (State.COMPLETED, "e3", 3)
    assert (audience.starts, audience.retries, audience.resets) == (1, ["invalid_output"] * 2, 2)
    assert [len(request.chat) for request in provider.requests] == [1, 3, 5]
    assert [request.messages for request in provider.requests] == [REQUEST.messages] * 3


@pytest.mark.parametrize("retries", [1, 3])
async def test_asking_again_has_an_end(retries: int) -> None:
    """After so many times the last error stands."""
    run, provider = new_run(retries=retries), in_turn(WRONG)
    await executed(run, provider)
    assert (failure_of(run)[0], len(provider.requests)) == ("invalid_output", 1 + retries)


async def test_a_failure_of_the_second_attempt() -> None:
    """It is the ending; a provider that fails is not asked again by this."""
    run, provider = new_run(retries=5), in_turn(WRONG, [ProviderError("gone")])
    await executed(run, provider)
    assert (failure_of(run)[0], len(provider.requests)) == ("provider_error", 2)


@pytest.mark.parametrize(("stop", "state"), [("cancel", State.CANCELLED), ("shut_down", State.FAILED)])
async def test_stopping_in_the_second_attempt(stop: str, state: State) -> None:
    """At once, and its stream is closed."""
    run, audience = new_run(retries=1), Audience()
    provider = in_turn(WRONG, ['{"a": "x', Gate(asyncio.Event())])
    running = asyncio.create_task(run.execute(provider, Place(new_slots()), audience))
    await audience.was_reset.wait()
    await audience.has_grown.wait()
    getattr(run, stop)()
    await running
    assert (run.extraction.state, run.extraction.document.value) == (state, {"a": "x"})
    assert (provider.open_streams, run.extraction.attempt, audience.endings) == (0, 2, 1)


class Judged(Extraction):
    """Does something while it is judged."""

    act: Any

    def judge(self) -> Ending:
        """Judge as ever, then act."""
        ending = super().judge()
        self.act()
        return ending


async def test_cancelling_while_an_answer_is_judged() -> None:
    """The model is not asked again."""
    extraction = Judged(Schema.from_json(SCHEMA, limits=Limits()), epoch="e", limits=Limits(), created_s=0, retries=5)
    run, provider = run_of(extraction, Limits()), in_turn(WRONG)
    extraction.act = run.cancel
    await executed(run, provider)
    assert (extraction.state, len(provider.requests)) == (State.CANCELLED, 1)


async def test_the_total_time_is_that_of_all_attempts() -> None:
    """An attempt that begins late has what is left; where nothing is left, none begins."""
    run = new_run(retries=9, total_timeout_s=0.05)
    provider = in_turn(WRONG, ['{"a": "x', Gate(asyncio.Event())])
    await executed(run, provider)
    assert (failure_of(run), run.extraction.attempt) == (("provider_timeout", "total"), 2)
    limits = Limits(total_timeout_s=1e-9)
    late = Judged(Schema.from_json(SCHEMA, limits=limits), epoch="e", limits=limits, created_s=0, retries=5)
    late.act = lambda: None
    run, provider = run_of(late, limits), in_turn(WRONG)
    await executed(run, provider)
    assert (failure_of(run), len(provider.requests)) == (("provider_timeout", "total"), 1)


LINES = Schema.from_json(
    {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "integer"}}}}, limits=Limits()
)


async def test_an_invalid_item_stops_the_call_and_the_model_is_asked_again() -> None:
    """At the item: nothing behind it is read, and the second attempt is a whole one."""
    never = Gate(asyncio.Event())
    answers: list[list[Step]] = [['{"lines": [1, ', '"two"', ", ", never, "3]}"], ['{"lines": [1]}', Finish("stop")]]
    limits, provider = Limits(), in_turn(*answers)
    run = run_of(Extraction(LINES, epoch="e1", limits=limits, created_s=0, retries=2), limits)
    audience = await executed(run, provider)
    assert (run.extraction.state, run.extraction.attempt, audience.resets) == (State.COMPLETED, 2, 1)
    assert (provider.open_streams, len(provider.requests)) == (0, 2)
    assert [error["path"] for error in run.extraction.faults] == ["/lines/1"]
    assert provider.requests[1].chat[1]["content"] == '{"lines": [1, "two"'
    assert '"saved_tokens":0' in run.extraction.terminal_text  # the whole answer is shorter


async def test_checks_run_in_a_thread_and_a_fault_in_one_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """They are the application's, and may wait; its words in an exception are kept out of the log."""
    threads: list[int] = []

    def look(_: object) -> bool:
        threads.append(threading.get_ident())
        raise ValueError("a secret")

    limits = Limits()
    checks = [Check("looks", look)]
    run = run_of(Extraction(LINES, epoch="e1", limits=limits, created_s=0, checks=checks), limits)
    await executed(run, ScriptedProvider(['{"lines": []}', Finish("stop")]))
    assert run.extraction.state is State.COMPLETED
    assert threads
    assert threading.get_ident() not in threads
    assert ("the check looks raised ValueError" in caplog.text, "secret" in caplog.text) == (True, False)


async def test_a_budget_cancels_the_call() -> None:
    """As soon as more has been written; the stream is closed and what is open is named."""
    run = new_run(budget_tokens=5)
    provider = ScriptedProvider(['{"a": "', "x" * 20, Gate(asyncio.Event())])
    await executed(run, provider)
    terminal: Any = run.extraction.terminal
    assert (terminal.reason, terminal.open, provider.open_streams) == ("budget", ["/a", ""], 0)
    assert run.extraction.document.value == {"a": "x" * 20}


async def test_a_budget_that_a_whole_answer_used_up() -> None:
    """It counts where it is valid; where it is not, the model is not asked again."""
    run = new_run(budget_tokens=2)
    await executed(run, ScriptedProvider(['{"a": "x"}', "and more", Gate(asyncio.Event())]))
    assert run.extraction.state is State.COMPLETED
    run, provider = new_run(budget_tokens=2, retries=5), in_turn(WRONG)
    await executed(run, provider)
    assert (failure_of(run)[0], len(provider.requests)) == ("invalid_output", 1)
