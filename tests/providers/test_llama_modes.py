"""Modes as a live llama.cpp server answers them, asked as any other server is and not by the local provider.

What it enforces: of `json_schema` the schema, of `json` that there is one JSON object. This model's chat template knows
no tools and drops them without a word, so that `tools` and `md_json` are left to a toy-sized model.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.core.extraction import Extraction, State
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.models import has_runtime, installed_model
from gateway.ports import Delta, Finish, Mode, ProviderRequest, Text, Usage
from gateway.providers.llama import LlamaServer
from gateway.providers.openai import OpenAIProvider
from gateway.runner import Run
from gateway.slots import Place, Slots
from tests.fakes.audience import Nobody

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

_SCHEMA = Schema.from_json(
    {
        "type": "object",
        "properties": {"email": {"type": "string"}},
        "required": ["email"],
        "additionalProperties": False,
    },
    limits=Limits(),
)
_CHAT = ({"role": "user", "content": "Write to Ann Lee: ann@lee.example."},)


class _Heard:
    """Hands on a provider's deltas, and keeps them."""

    name = "heard"

    def __init__(self, provider: OpenAIProvider) -> None:
        self._provider = provider
        self.deltas: list[Delta] = []

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        async for delta in self._provider.stream(request):
            self.deltas.append(delta)
            yield delta

    async def close(self) -> None:
        pass


@pytest.fixture
async def llama() -> AsyncGenerator[_Heard]:
    """A provider that asks a llama.cpp server with the small model, as it would ask any other server."""
    model = await asyncio.to_thread(installed_model)
    if model is None or not has_runtime():
        pytest.fail("no local model here: run make test, which installs llama.cpp and the small model")
    server = await LlamaServer.start(model.path, slots=1, context_tokens=1_024, threads=1)
    provider = await asyncio.to_thread(OpenAIProvider.at, server.base_url, key=server.key, model=model.path.stem)
    yield _Heard(provider)
    await provider.close()
    await server.stop()


async def _ended(provider: _Heard, mode: Mode) -> Extraction:
    request = ProviderRequest(
        messages=_CHAT,
        schema=_SCHEMA.provider_schema,
        strict=_SCHEMA.strict,
        mode=mode,
        params={"temperature": 0, "max_tokens": 60},
    )
    extraction = Extraction(_SCHEMA, epoch="e", limits=Limits(), created_s=0)
    run = Run("x", extraction, request, limits=Limits(), now_s=asyncio.get_running_loop().time, new_id=str)
    await run.execute(provider, Place(Slots(1, 1, "full")), Nobody())
    return extraction


@pytest.mark.parametrize("mode", [Mode.TOOLS, Mode.JSON_SCHEMA, Mode.JSON, Mode.MD_JSON])
async def test_a_mode_comes_to_one_of_the_endings(llama: _Heard, mode: Mode) -> None:
    """A valid value, an invalid one that fails as such, or the length limit; never a fault of the server's or ours."""
    extraction = await _ended(llama, mode)
    terminal: Any = extraction.terminal
    match extraction.state:
        case State.COMPLETED:
            assert _SCHEMA.validate(extraction.document.value) == extraction.document.value
            assert (terminal.usage.estimated, [type(delta) for delta in llama.deltas[-2:]]) == (False, [Usage, Finish])
        case State.FAILED:
            assert terminal.error.code == "invalid_output"
        case _:
            assert extraction.state is State.INCOMPLETE


async def test_a_schema_is_enforced(llama: _Heard) -> None:
    """In the mode json_schema the value is of the schema, whatever the model would write."""
    extraction = await _ended(llama, Mode.JSON_SCHEMA)
    assert extraction.state is State.COMPLETED
    assert isinstance(extraction.document.value, dict)
    assert list(extraction.document.value) == ["email"]


async def test_an_object_is_enforced(llama: _Heard) -> None:
    """In the mode json it is a JSON object, of whatever form."""
    await _ended(llama, Mode.JSON)
    text = "".join(delta.text for delta in llama.deltas if isinstance(delta, Text))
    assert llama.deltas[-1] == Finish("length") or isinstance(json.loads(text), dict)
