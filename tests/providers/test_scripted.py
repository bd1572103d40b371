"""The scripted provider plays its script and nothing else."""

import asyncio
from contextlib import aclosing

import pytest

from gateway.errors import ProviderTimeout
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Text, Usage
from gateway.providers.scripted import Gate, Pause, ScriptedProvider, written

pytestmark = pytest.mark.anyio

_REQUEST = ProviderRequest(messages=({"role": "user", "content": "x"},), schema={})


async def _read(provider: Provider) -> list[Delta]:
    return [delta async for delta in provider.stream(_REQUEST)]


async def test_steps_in_order() -> None:
    """Strings become text, deltas pass, pauses are slept."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    provider = ScriptedProvider(["{", Pause(3), "}", Usage(1, 2), Finish("stop")], sleep=sleep)
    assert await _read(provider) == [Text("{"), Text("}"), Usage(1, 2), Finish("stop")]
    assert (pauses, provider.requests) == ([3], [_REQUEST])


async def test_a_script_may_depend_on_the_request() -> None:
    """A function of the request is asked anew each time."""
    provider = ScriptedProvider(lambda request: [str(len(request.messages))])
    assert await _read(provider) == [Text("1")]


async def test_an_error_is_raised_where_it_stands() -> None:
    """Deltas before an error are given first."""
    deltas = ScriptedProvider(["{", ProviderTimeout("silent", phase="idle")]).stream(_REQUEST)
    assert await anext(deltas) == Text("{")
    with pytest.raises(ProviderTimeout):
        await anext(deltas)


async def test_a_gate_holds_the_stream() -> None:
    """Nothing passes a gate before its event is set."""
    opened = asyncio.Event()
    provider = ScriptedProvider(["a", Gate(opened), "b"])
    async with aclosing(provider.stream(_REQUEST)) as deltas:
        await anext(deltas)
        waiting = asyncio.ensure_future(anext(deltas))
        assert not (await asyncio.wait([waiting], timeout=0))[0]
        opened.set()
        assert (await waiting, provider.open_streams) == (Text("b"), 1)
    assert provider.open_streams == 0


def test_written() -> None:
    """A document is cut into pieces of one size and stops."""
    assert written('{"a":1}', 3) == ['{"a', '":1', "}", Finish("stop")]
