"""Streams as servers really sent them, through a whole run: each comes to the ending that its manifest states."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.core.extraction import Extraction, State
from gateway.core.limits import Limits
from gateway.core.messages import Failed
from gateway.core.schema import Schema
from gateway.ports import Delta, Mode, ProviderRequest, Refusal
from gateway.providers.answer import AnswerReader
from gateway.runner import Run
from gateway.slots import Place, Slots
from tests.fakes.audience import Nobody
from tests.fakes.recorded_streams import CASES, needs_streams, recorded_body

pytestmark = pytest.mark.anyio

# Where the manifest leaves it to the reader: what the text says, by hand.
_LEFT_OPEN: dict[str, dict[str, Any]] = {
    "live-transformers-smollm2-tool_call-text": {
        "name": "save_person",
        "arguments": {"name": "Alice Jones", "age": 34, "city": "Paris"},
    },
    "openai-gpt4o-json_schema-n3": {"city": "San Francisco", "temperature": 65, "units": "f"},
    "openrouter-gpt41mini-tool-truncated": {
        "summary": "The cache warmer raced the artifact uploader, the retry storm saturated the"
    },
}

# Rebuilt from frames that bug reports quote; what must come of them, alone and with `many`, by hand.
_REBUILT: dict[str, list[dict[str, Any]]] = {
    "gemini-parallel-index0-new-ids": [{"city": "Beijing"}, {"city": "Shanghai"}, {"city": "Guangzhou"}],
    "gemini-relay-parallel-same-index": [
        {"path": "", "pattern": "**/*"},
        {"path": "content/wiki", "pattern": ""},
    ],
    "gemini-tool-no-index": [{"offset": 1, "limit": 100, "path": "/a.md"}],
    "sglang-second-call-index0": [{"a": 1}, {"b": 2}],
}

_ANYTHING = Schema.from_json({}, limits=Limits())
_cut = pytest.mark.parametrize("piece_bytes", [1, 7, 0], ids=["bytes", "sevens", "whole"])


class _Replay:
    """A provider that reads a recorded body in pieces; the words of refusals are kept."""

    name = "replay"

    def __init__(self, stream: str, piece_bytes: int) -> None:
        self._body = recorded_body(stream)
        self._piece_bytes = piece_bytes or len(self._body)
        self.refusal = ""

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        reader = AnswerReader.of(request)
        for start in range(0, len(self._body), self._piece_bytes):
            for delta in reader.feed(self._body[start : start + self._piece_bytes]):
                self.refusal += delta.text if isinstance(delta, Refusal) else ""
                yield delta
        for delta in reader.finish():
            yield delta

    async def close(self) -> None:
        pass


async def _ended(provider: _Replay, mode: Mode, *, many: bool = False) -> Extraction:
    """Run a recorded answer to its ending, with a schema that allows everything."""
    schema = _ANYTHING.many() if many else _ANYTHING
    request = ProviderRequest(
        messages=(), schema=schema.provider_schema, mode=mode, wrapper=schema.wrapper, is_list=many
    )
    extraction = Extraction(schema, epoch="e", limits=Limits(), created_s=0)
    run = Run("x", extraction, request, limits=Limits(), now_s=lambda: 0, new_id=str)
    await run.execute(provider, Place(Slots(1, 1, "full")), Nobody())
    return extraction


def _outcome(extraction: Extraction) -> str:
    terminal = extraction.terminal
    return f"failed {terminal.error.code}" if isinstance(terminal, Failed) else extraction.state.value


def _cases(having: str) -> list[Any]:
    cases = [case for case in CASES if having in case and case["outcome"] != "lenient"]
    return [pytest.param(case, id=case["name"]) for case in cases]


@needs_streams
@_cut
@pytest.mark.parametrize("case", _cases("outcome"))
async def test_a_recorded_stream_comes_to_its_ending(case: dict[str, Any], piece_bytes: int) -> None:
    """However it is cut: the outcome, the value of one that completes, the words of a refusal."""
    provider = _Replay(case["name"], piece_bytes)
    extraction = await _ended(provider, Mode(case["mode"]))
    assert _outcome(extraction) == case["outcome"]
    assert extraction.state is not State.COMPLETED or extraction.document.value == case["value"]
    assert provider.refusal == case["refusal"]


@needs_streams
@_cut
@pytest.mark.parametrize("case", _cases("values"))
async def test_the_calls_of_a_recorded_stream_are_a_list(case: dict[str, Any], piece_bytes: int) -> None:
    """With `many` every call is an item, and nothing had to be forgiven."""
    extraction = await _ended(_Replay(case["name"], piece_bytes), Mode.TOOLS, many=True)
    assert (_outcome(extraction), extraction.document.value) == ("completed", case["values"])
    assert extraction.terminal is not None
    assert extraction.terminal.repairs == []


@needs_streams
@_cut
@pytest.mark.parametrize("name", list(_LEFT_OPEN))
async def test_a_recorded_stream_that_is_read_to_its_sense(name: str, piece_bytes: int) -> None:
    """A call as text, interleaved choices, and arguments that were cut though the server says it made a call."""
    mode = next(Mode(case["mode"]) for case in CASES if case["name"] == name)
    extraction = await _ended(_Replay(name, piece_bytes), mode)
    assert (_outcome(extraction), extraction.document.value) == ("completed", _LEFT_OPEN[name])


@needs_streams
@_cut
@pytest.mark.parametrize("name", _REBUILT)
async def test_calls_that_are_hard_to_tell_apart(name: str, piece_bytes: int) -> None:
    """The first one counts, or each is an item."""
    for many, value in ((False, _REBUILT[name][0]), (True, _REBUILT[name])):
        extraction = await _ended(_Replay(f"reconstructed/{name}", piece_bytes), Mode.TOOLS, many=many)
        assert (_outcome(extraction), extraction.document.value) == ("completed", value)
