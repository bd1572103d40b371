"""Extraction in process: partials, their end, and what leaving early does."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from copy import deepcopy
from typing import Any, assert_type

import httpx2
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

import gateway as package
from gateway import Check, Gateway
from gateway.errors import BadRequest, GatewayError, InvalidOutput
from gateway.models import installed_model
from gateway.ports import Finish
from gateway.providers.local import LocalProvider
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from gateway.recordings import CONFERENCE_TEXT, Conference
from gateway.settings import Settings
from gateway.streaming import Partial
from tests.fakes.gateways import no_task_left

pytestmark = pytest.mark.anyio

PIECES = ['{"people": [{"name": "A', "nn", '", "age": "4', '1"}], "n', 'ote": "x"}']


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class Note(BaseModel):
    """What is extracted."""

    people: list[Person]
    note: str
    kind: str = "plain"


def gateway_with(*script: Any) -> Gateway:
    """Return a gateway whose model writes a script."""
    return Gateway(provider=ScriptedProvider(list(script)), settings=Settings())


def gated(*pieces: str) -> tuple[list[Any], list[asyncio.Event]]:
    """Return a script that waits for an event before each piece, and the events."""
    events = [asyncio.Event() for _ in pieces]
    script = [step for event, piece in zip(events, pieces, strict=True) for step in (Gate(event), piece)]
    return [*script, Finish("stop")], events


async def test_partials_grow_and_the_last_is_validated() -> None:
    """Each is whole and usable, none changes later, and the last is the model with defaults and coercions."""
    script, events = gated(*PIECES)
    gateway = gateway_with(*script)
    seen: list[tuple[Partial[Note], Any]] = []
    async with aclosing(gateway.stream(Note, "text", interval=0)) as partials:
        for event in events:
            event.set()
            partial = await anext(partials)
            seen.append((partial, deepcopy(partial.value)))
        seen.extend([(partial, deepcopy(partial.value)) async for partial in partials])
    await gateway.close()
    assert [partial.value for partial, _ in seen] == [value for _, value in seen]
    assert seen[0][0].model.people[0].name == "A"
    assert seen[1][0].model.people[0].name == "Ann"
    assert [partial.is_final for partial, _ in seen] == [False] * (len(seen) - 1) + [True]
    assert seen[-1][0].model == Note(people=[Person(name="Ann", age=41)], note="x", kind="plain")


async def test_the_last_partial_has_what_came_of_checks() -> None:
    """Those of fields and those of the extractor; the partials before it have none."""
    gateway = gateway_with('{"people": [], ', '"note": "x"}', Finish("stop"))
    gateway.extractor(checks=[Check("has_people", lambda note: note.people, "nobody was there")])(Note)
    partials = [partial async for partial in gateway.stream(Note, "text", interval=0)]
    await gateway.close()
    report = {"path": "", "name": "has_people", "passed": False, "message": "nobody was there"}
    assert [partial.checks for partial in partials[:-1]] == [[]] * (len(partials) - 1)
    assert partials[-1].checks == [report]


async def test_the_last_partial_comes_also_where_the_caller_is_slow() -> None:
    """The extraction ends while the caller is busy with an earlier one."""
    script, events = gated(*PIECES)
    gateway = gateway_with(*script)
    async with aclosing(gateway.stream(Note, "text", interval=0)) as partials:
        events[0].set()
        await anext(partials)
        for event in events:
            event.set()
        while gateway.hub.running():  # noqa: ASYNC110 - the hub has no event for it
            await asyncio.sleep(0)
        rest = [partial.is_final async for partial in partials]
    await gateway.close()
    assert rest == [True]


async def test_what_did_not_change_is_shared() -> None:
    """A later partial has the earlier one's objects wherever nothing grew."""
    script, events = gated('{"people": [{"name": "a", "age": 1}, {"name": "b', 'c"')
    gateway = gateway_with(*script)
    async with aclosing(gateway.stream(Note, "text", interval=0)) as partials:
        values: list[Any] = []
        for event in events:
            event.set()
            values.append((await anext(partials)).value)
    await gateway.close()
    assert values[1]["people"][0] is values[0]["people"][0]
    assert values[0]["people"][1]["name"] == "b"


async def test_progress_where_it_is_asked_for() -> None:
    """What became complete since the partial before; a partial that is the first tells all."""
    script, events = gated(*PIECES)
    gateway = gateway_with(*script)
    told: list[Any] = []
    async with gateway, aclosing(gateway.stream(Note, "text", interval=0, progress=True)) as partials:
        for event in events:
            event.set()
            told.append((await anext(partials)).progress)
        told += [partial.progress async for partial in partials]
        assert [partial.progress async for partial in gateway.stream(Note, "text")][-1:] == [None]
    assert told[:3] == [
        {"active": "/people/0/name", "completed": []},
        {"active": "/people/0/name", "completed": []},
        {"active": "/people/0/age", "completed": ["/people/0/name"]},
    ]
    assert told[-1] == {"active": None, "completed": ["/note", "", "/people/0/age"]}


async def test_a_loop_that_is_slow_sees_the_last_one() -> None:
    """Also where the extraction ends while nobody asks."""
    script, events = gated(*PIECES)
    async with gateway_with(*script) as gateway, aclosing(gateway.stream(Note, "text", interval=0)) as partials:
        events[0].set()
        await anext(partials)
        (run,) = gateway.hub.running()
        for event in events:
            event.set()
        await gateway.tasks.close(patience_s=5)
        assert run.extraction.state.is_ended
        assert [partial.is_final async for partial in partials] == [True]


async def test_leaving_the_loop_stops_the_model() -> None:
    """The provider's stream is closed, and nothing runs on."""
    script, events = gated(*PIECES)
    gateway = gateway_with(*script)
    events[0].set()
    async with aclosing(gateway.stream(Note, "text", interval=0)) as partials:
        await anext(partials)
    await gateway.tasks.close(patience_s=1)
    assert isinstance(gateway.provider, ScriptedProvider)
    assert (gateway.provider.open_streams, gateway.hub.running()) == (0, [])
    await gateway.close()


async def test_a_partial_that_begins_anew() -> None:
    """Where an answer is not valid the next partial is that of the next attempt; the last one is validated."""
    answers: list[list[Step]] = [['{"people": "none"}', Finish("stop")], [*PIECES, Finish("stop")]]
    gateway = Gateway(provider=ScriptedProvider(lambda _: answers.pop(0)), settings=Settings())
    async with gateway:
        partials = [partial async for partial in gateway.stream(Note, "text", retries=1, interval=0)]
    assert [partial.attempt for partial in partials] == sorted(partial.attempt for partial in partials)
    assert (partials[-1].attempt, partials[-1].is_final, partials[-1].model.note) == (2, True, "x")


async def test_a_budget_in_process() -> None:
    """What the model had written stays the last partial; the error says what cut it off."""
    async with gateway_with('{"people": [', '{"name": "' + "x" * 100, Gate(asyncio.Event())) as gateway:
        with pytest.raises(GatewayError, match="budget of tokens") as raised:
            _ = [partial async for partial in gateway.stream(Note, "text", budget_tokens=10)]
    assert raised.value.code == "incomplete"


@pytest.mark.parametrize(
    ("script", "code", "people"),
    [
        (['{"people": "no"}', Finish("stop")], "invalid_output", "no"),
        (['{"people": [', Finish("length")], "incomplete", []),
        (['{"people": ['], "provider_error", []),
    ],
)
async def test_what_goes_wrong_is_raised_with_its_code(script: list[Any], code: str, people: Any) -> None:
    """After the partials that there were, with the last of them."""
    gateway = gateway_with(*script)
    with pytest.raises(GatewayError) as raised:
        assert [partial.is_final async for partial in gateway.stream(Note, "text")] == [False]
    await gateway.close()
    assert raised.value.code == code
    assert raised.value.value == {"people": people, "note": None, "kind": "plain"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"params": {"temperature": 9}}, "temperature"),
        ({"interval": -1}, "interval: expected 0 to 1 s, got -1"),
        ({"interval": float("nan")}, "interval: expected 0 to 1 s, got nan"),
    ],
)
async def test_a_wrong_option_is_refused_before_anything_runs(options: Any, words: str) -> None:
    """With the field's name, as on the wire."""
    async with gateway_with() as gateway:
        with pytest.raises(GatewayError, match=words):
            gateway.stream(Note, "text", **options)
        assert gateway.hub.running() == []


async def test_a_type_that_is_no_class() -> None:
    """Inside a TypeAdapter: partials have its models as far as they go, the last one is its instance."""
    adapter = TypeAdapter[Person | None](Person | None)
    async with gateway_with('{"value": {"name": "A', 'nn", "age": "4', '1"}}', Finish("stop")) as gateway:
        partials = [partial async for partial in gateway.stream(adapter, "text", interval=0)]
        assert_type(partials[-1], Partial[Person | None])
    first = next(partial.model for partial in partials if partial.model is not None)
    assert (isinstance(first, Person), partials[-1].model) == (True, Person(name="Ann", age=41))


async def test_an_adapter_validates_as_it_is_configured() -> None:
    """What it holds back, the model's own type would let through."""
    adapter = TypeAdapter[list[int]](list[int], config=ConfigDict(strict=True))
    async with gateway_with('{"value": ["4"]}', Finish("stop")) as gateway:
        assert [partial.model async for partial in gateway.stream(list[int], "text")][-1] == [4]
        with pytest.raises(InvalidOutput):
            assert [partial.value async for partial in gateway.stream(adapter, "text")]


async def test_an_adapter_of_what_is_registered() -> None:
    """Is that extractor: its instructions hold."""
    gateway = gateway_with('{"people": [], "note": "x"}', Finish("stop"))
    gateway.extractor(instructions="Do it.")(Note)
    async with gateway:
        notes = [partial async for partial in gateway.stream(TypeAdapter(Note), "text")]
        assert_type(notes[-1].model, Note)
    assert isinstance(gateway.provider, ScriptedProvider)
    assert [request.messages[0]["content"] for request in gateway.provider.requests] == ["Do it."]


def test_what_the_types_say() -> None:
    """Every way to ask knows what it gives: of a class, of an adapter, with async and without."""
    gateway = gateway_with('{"people": [], "note": "x"}', Finish("stop"))
    adapter = TypeAdapter[Note | None](Note | None)
    assert_type([partial.model for partial in gateway.stream_sync(Note, "text")], list[Note])
    assert_type(package.stream(Note, "text"), AsyncGenerator[Partial[Note], None])
    assert_type(package.stream(adapter, "text"), AsyncGenerator[Partial[Note | None], None])
    assert_type(package.stream_sync(adapter, "text"), Generator[Partial[Note | None], None, None])


async def test_a_text_with_nothing_in_it_asks_no_model() -> None:
    """It is refused by its name, in the words of the command."""
    async with gateway_with() as gateway:
        with pytest.raises(BadRequest, match=r"^input: expected a text to extract from, got nothing$") as refused:
            gateway.stream(Note, " ")
    assert refused.value.param == "input"


async def test_nothing_runs_before_the_first_step() -> None:
    """Who never iterates has asked nothing of the model."""
    async with gateway_with(*PIECES, Finish("stop")) as gateway:
        partials = gateway.stream(Note, "text")
        await asyncio.sleep(0)
        assert gateway.hub.running() == []
        await partials.aclose()
        assert [partial.is_final async for partial in gateway.stream(Note, "text")][-1]


def test_a_gateway_in_one_loop_after_another(recorded: None) -> None:
    """What the loop before has left is made anew; a provider that was given belongs to its loop."""

    async def last(gateway: Gateway) -> Any:
        return [partial async for partial in gateway.stream(Conference, CONFERENCE_TEXT)][-1].model

    gateway = Gateway()
    assert asyncio.run(last(gateway)) == asyncio.run(last(gateway))
    given = gateway_with('{"people": [], "note": "x"}', Finish("stop"))
    asyncio.run(_used(given))
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(_used(given))


async def _used(gateway: Gateway) -> None:
    assert [partial.is_final async for partial in gateway.stream(Note, "text")][-1]


_INTERRUPTED = """
import gateway, os, signal, threading
from gateway.recordings import CONFERENCE_TEXT, Conference

interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
try:
    for partial in gateway.stream_sync(Conference, CONFERENCE_TEXT, interval=0):
        if partial.rev > 3 and interrupt.ident is None:
            interrupt.start()
except KeyboardInterrupt:
    interrupt.join()
    print("interrupted", threading.active_count())
"""


@pytest.mark.e2e
@pytest.mark.parametrize("provider", ["recorded", "local"])
def test_an_interrupted_loop_ends_with_everything_it_started(provider: str) -> None:
    """Ctrl-C in a notebook's cell is a KeyboardInterrupt there; no thread, no task and no process stays behind."""
    environment = {**os.environ, "GATEWAY_PROVIDER": provider, "GATEWAY_SPEED": "0.2", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", _INTERRUPTED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted 1\n", "")


def test_the_synchronous_twin() -> None:
    """The same partials in a plain loop; leaving early ends it too."""
    gateway = gateway_with(*PIECES, Finish("stop"))
    partials = list(gateway.stream_sync(Note, "text"))
    assert partials[-1].model.people == [Person(name="Ann", age=41)]
    for partial in gateway.stream_sync(Note, "text", interval=0):
        assert partial.value
        break


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment ask for the recordings."""
    monkeypatch.setenv("GATEWAY_PROVIDER", "recorded")
    monkeypatch.setenv("GATEWAY_SPEED", "0")


async def test_the_function_of_the_module(recorded: None) -> None:
    """Needs no gateway: it takes the environment's provider, and closes what it opened."""
    async with no_task_left():
        partials = [partial async for partial in package.stream(Conference, CONFERENCE_TEXT)]
    assert isinstance(partials[-1].model, Conference)
    assert [user.name for user in partials[-1].model.users][::3] == ["John Doe", "Emily Clark"]


def test_the_function_of_the_module_without_async(recorded: None) -> None:
    """The same in a script."""
    *_, last = package.stream_sync(Conference, CONFERENCE_TEXT)
    assert (last.is_final, last.model.budget) == (True, 50_000)


async def test_a_gateway_is_closed_by_its_block() -> None:
    """`async with` ends what runs."""
    script, events = gated(*PIECES)
    events[0].set()
    async with no_task_left(), gateway_with(*script) as gateway:
        async for _ in gateway.stream(Note, "text", interval=0):
            break
    assert isinstance(gateway.provider, ScriptedProvider)
    assert gateway.provider.open_streams == 0


@pytest.mark.e2e
async def test_leaving_the_loop_leaves_the_models_own_server_idle() -> None:
    """llama.cpp itself says that it writes nothing any more."""
    model = await asyncio.to_thread(installed_model)
    assert model is not None, "no local model here: run make test, which installs it"
    provider = await asyncio.to_thread(LocalProvider, model.path)
    async with Gateway(provider=provider, settings=Settings()) as gateway:
        async for partial in gateway.stream(Conference, CONFERENCE_TEXT):
            if partial.rev > 3:
                assert await _is_writing(provider)
                break
        async with asyncio.timeout(5):
            while await _is_writing(provider):
                pass


async def _is_writing(provider: LocalProvider) -> bool:
    """Ask the child process about its slots."""
    running = provider._running
    assert running is not None
    address = running.server.base_url.removesuffix("/v1")
    async with httpx2.AsyncClient(trust_env=False) as client:
        slots = (await client.get(f"{address}/slots", headers={"Authorization": f"Bearer {running.server.key}"})).json()
    return any(slot["is_processing"] for slot in slots)
