"""Extraction in process: partials, their end, and what leaving early does."""

import asyncio
from contextlib import aclosing
from copy import deepcopy
from typing import Any

import pytest
from pydantic import BaseModel

from gateway import Gateway
from gateway.errors import GatewayError
from gateway.ports import Finish
from gateway.providers.scripted import Gate, ScriptedProvider
from gateway.settings import Settings
from gateway.streaming import Partial

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


async def test_a_wrong_option_is_refused_before_anything_runs() -> None:
    """With the field's name, as on the wire."""
    gateway = gateway_with()
    with pytest.raises(GatewayError, match="temperature"):
        gateway.stream(Note, "text", params={"temperature": 9})
    await gateway.close()


def test_the_synchronous_twin() -> None:
    """The same partials in a plain loop; leaving early ends it too."""
    gateway = gateway_with(*PIECES, Finish("stop"))
    partials = list(gateway.stream_sync(Note, "text"))
    assert partials[-1].model.people == [Person(name="Ann", age=41)]
    for partial in gateway.stream_sync(Note, "text", interval=0):
        assert partial.value
        break
