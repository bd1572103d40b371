"""What an application hears of its extractions, and that nobody has to wait for it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from gateway import Gateway
from gateway.errors import GatewayError
from gateway.hooks import HookEvent, Report
from gateway.ports import Finish, Usage
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from gateway.settings import Settings
from tests.fakes.client import greeted
from tests.fakes.gateways import no_task_left, opened
from tests.fakes.transport import joined

pytestmark = pytest.mark.anyio

EVENTS: tuple[HookEvent, ...] = ("start", "update", "retry", "error", "end")
WRONG: list[Step] = ['{"name": 5}', Finish("stop")]
RIGHT: list[Step] = ['{"name": "A', 'nn"}', Usage(3, 4), Finish("stop")]


class Person(BaseModel):
    """Somebody."""

    name: str


@asynccontextmanager
async def gateway_of(*answers: Sequence[Step]) -> AsyncGenerator[Gateway]:
    """Give a gateway whose model writes one answer after the other."""
    left = list(answers)
    async with no_task_left():
        gateway = Gateway(provider=ScriptedProvider(lambda _: left.pop(0)), settings=Settings())
        yield gateway
        await gateway.close()


def heard(gateway: Gateway, *events: HookEvent) -> list[Report]:
    """Return a list to which every report of these events is added."""
    reports: list[Report] = []

    async def hear(report: Report) -> None:
        reports.append(report)

    for event in events or EVENTS:
        gateway.on(event)(hear)
    return reports


async def run(gateway: Gateway, **options: Any) -> GatewayError | None:
    """Extract once in process, let the hooks hear of it, and return what went wrong."""
    try:
        async for _ in gateway.stream(Person, "text", interval=0, **options):
            pass
    except GatewayError as error:
        return error
    finally:
        await gateway.tasks.close(patience_s=1)
    return None


async def test_an_extraction_from_start_to_end() -> None:
    """What happened, in which attempt, with value and cost as they were then."""
    async with gateway_of(WRONG, RIGHT) as gateway:
        reports = heard(gateway, "start", "retry", "error", "end")
        await run(gateway, retries=1)
    told = [(report.event, report.attempt, report.state, report.value) for report in reports]
    assert told == [
        ("start", 1, "running", {"name": None}),
        ("retry", 1, "running", {"name": 5}),
        ("end", 2, "completed", {"name": "Ann"}),
    ]
    assert [report.error and report.error.code for report in reports] == [None, "invalid_output", None]
    assert (reports[-1].extractor, len({report.extraction for report in reports})) == ("inline", 1)
    assert (reports[-1].usage.output_tokens, reports[-1].usage.estimated) == (3 + 4, True)
    assert reports[-1].timing.total_ms >= reports[-1].timing.queued_ms


async def test_a_failure() -> None:
    """Told as an error, then as an end, both with what it was."""
    async with gateway_of(WRONG) as gateway:
        gateway.extractor(name="somebody")(Person)
        reports = heard(gateway, "error", "end")
        error = await run(gateway)
    assert error is not None
    told = [(report.event, report.extractor, report.error and report.error.code) for report in reports]
    assert told == [("error", "somebody", "invalid_output"), ("end", "somebody", "invalid_output")]


async def test_of_updates_the_latest_wins() -> None:
    """While a hook is slow the value goes on; it is told where it is then, and never again where it was."""
    gates, is_let = [asyncio.Event(), asyncio.Event()], asyncio.Event()
    values: list[Any] = []
    was_told = asyncio.Event()
    async with gateway_of(
        ['{"name": "A', "n", Gate(gates[0]), "n", "y", Gate(gates[1]), '"}', Finish("stop")]
    ) as gateway:

        @gateway.on("update")
        async def hear(report: Report) -> None:
            values.append(report.value)
            was_told.set()
            await is_let.wait()

        partials = gateway.stream(Person, "text", interval=0)
        first = await anext(partials)
        await was_told.wait()
        gates[0].set()
        while first.value != {"name": "Anny"}:
            first = await anext(partials)
        assert values == [{"name": "An"}]
        was_told.clear()
        is_let.set()
        await was_told.wait()
        assert values == [{"name": "An"}, {"name": "Anny"}]
        gates[1].set()
        async for _ in partials:
            pass
        await gateway.tasks.close(patience_s=1)


async def test_a_hook_that_never_returns_delays_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extraction ends; the hook is given up after its time, and the next one is called."""
    monkeypatch.setattr("gateway.hooks._HOOK_S", 0.02)
    async with gateway_of(RIGHT) as gateway:

        @gateway.on("start")
        async def hang(_: Report) -> None:
            await asyncio.Event().wait()

        reports = heard(gateway, "end")
        async with asyncio.timeout(2):
            await run(gateway)
    assert [report.state for report in reports] == ["completed"]


async def test_what_a_hook_raises_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, the other hooks are called, and the value comes."""
    async with gateway_of(RIGHT) as gateway:

        @gateway.on("end")
        def fail(_: Report) -> None:
            raise RuntimeError("of the application")

        reports = heard(gateway, "end")
        assert await run(gateway) is None
    assert [
        record.exc_text or str(record.exc_info) for record in caplog.records if "a hook of end failed" in record.message
    ]
    assert len(reports) == 1


async def test_a_hook_that_is_cancelled_from_elsewhere_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What an application cancels itself is a fault of its hook, as any other: those that follow are told."""
    async with gateway_of(RIGHT) as gateway:

        @gateway.on("start")
        async def wait(_: Report) -> None:
            task = asyncio.create_task(asyncio.sleep(10))
            task.cancel()
            await task

        reports = heard(gateway, "end")
        assert await run(gateway) is None
    assert len(reports) == 1
    assert "a hook of start was cancelled from elsewhere" in caplog.text


async def test_a_plain_function_runs_in_a_thread() -> None:
    """It may block; one that returns something to await is awaited."""
    threads: list[int] = []
    reports: list[Report] = []

    def plain(report: Report) -> None:
        threads.append(threading.get_ident())

    class Asynchronous:
        """Not a coroutine function, but called like one."""

        async def __call__(self, report: Report) -> None:
            reports.append(report)

    async with gateway_of(RIGHT) as gateway:
        gateway.on("end")(plain)
        gateway.on("end")(Asynchronous())
        await run(gateway)
    assert (len(threads), threading.get_ident() in threads, len(reports)) == (1, False, 1)


async def test_an_extraction_over_the_wire() -> None:
    """The same hooks; the name is the one on the wire."""
    async with opened(ScriptedProvider(RIGHT)) as gateway, joined(gateway.app) as socket:
        reports = heard(gateway, "start", "end")
        client = await greeted(socket)
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        await client.finish(watch := await client.extract("a", schema=schema, input="x"))
        await gateway.tasks.close(patience_s=0.2)
    assert [(report.event, report.extraction) for report in reports] == [
        ("start", watch.extraction),
        ("end", watch.extraction),
    ]


def test_an_event_that_does_not_exist() -> None:
    """Is an error of the application, and says which there are."""
    wrong: Callable[..., Any] = Gateway(provider=ScriptedProvider([]), settings=Settings()).on
    with pytest.raises(ValueError, match="start, update, retry, error, end; got 'stop'"):
        wrong("stop")(print)
