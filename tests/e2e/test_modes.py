"""Every mode over the wire: the same frames, whatever the provider was asked for; unions and parallel calls."""

from typing import Any

import pytest

from gateway.ports import Mode
from tests.e2e.conftest import Serve
from tests.fakes.client import CheckedWatch, connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import FINAL, PIECES, asked

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

CAT = {
    "title": "Cat",
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    "required": ["kind", "lives"],
}
DOG = {
    "title": "Dog",
    "type": "object",
    "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}},
    "required": ["kind", "name"],
}
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


async def run(gateway: Served, **fields: Any) -> CheckedWatch:
    """Run one extraction to its end."""
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **fields))
    return watch


def said(*calls: tuple[str, str]) -> Reply:
    """Return an answer that makes these calls, each in one chunk."""
    chunks = [
        f'{{"choices": [{{"delta": {{"tool_calls": [{{"index": {index}, "id": "c{index}", "function": '
        f'{{"name": "{name}", "arguments": {arguments}}}}}]}}}}]}}'
        for index, (name, arguments) in enumerate(calls)
    ]
    ending = '{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}'
    return Reply(body="".join(f"data: {chunk}\n\n" for chunk in (*chunks, ending, "[DONE]")).encode())


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("mode", list(Mode))
async def test_every_mode_ends_in_the_same_value(gateway: Served, fake: FakeOpenAI, mode: Mode, many: bool) -> None:
    """Nothing forgiven, the provider's own count of tokens; alone, and as the items of a list."""
    pieces = ['{"items": [', *PIECES, "]}"] if many else PIECES
    fake.reply(Reply(pieces))
    watch = await run(gateway, **asked(mode=mode.value, many=many))
    terminal = watch.terminal or {}
    assert (terminal["type"], watch.value) == ("completed", [FINAL] if many else FINAL)
    assert (terminal["repairs"], terminal["usage"]["total_tokens"]) == ([], 18)


@pytest.mark.parametrize("mode", list(Mode))
async def test_every_mode_is_incomplete_at_the_length_limit(gateway: Served, fake: FakeOpenAI, mode: Mode) -> None:
    """With what is open."""
    fake.reply(Reply(PIECES[:3], finish_reason="length"))
    terminal = (await run(gateway, **asked(mode=mode.value))).terminal or {}
    assert (terminal["type"], terminal["reason"], terminal["open"]) == ("incomplete", "length", ["/title", ""])


async def test_a_union_picks_its_tool(gateway: Served, fake: FakeOpenAI) -> None:
    """The name of the call is enough to know the member: the constant that the model left out is in the value."""
    fake.reply(said(("Dog", '"{\\"name\\": \\"Rex\\"}"')))
    watch = await run(gateway, schema={"anyOf": [CAT, DOG]}, input="x")
    assert [tool["function"]["name"] for tool in fake.calls[0].body["tools"]] == ["Cat", "Dog"]
    assert ((watch.terminal or {})["type"], watch.value) == ("completed", {"name": "Rex", "kind": "dog"})


async def test_parallel_calls_are_a_list(gateway: Served, fake: FakeOpenAI) -> None:
    """With `many`; without, the first one counts."""
    calls = said(("f", '"{\\"name\\": \\"Ann\\"}"'), ("f", '"{\\"name\\": \\"Bo\\"}"'))
    for many, value in ((True, [{"name": "Ann"}, {"name": "Bo"}]), (False, {"name": "Ann"})):
        fake.reply(calls)
        watch = await run(gateway, schema=NAMED, input="x", many=many)
        assert ((watch.terminal or {})["type"], watch.value) == ("completed", value)


async def test_a_list_does_not_wait_for_a_line_that_stays_open(serve: Serve, fake: FakeOpenAI) -> None:
    """The finish reason closes it."""
    fake.reply(Reply(['{"items": [{"name": "Ann"}', "]}"], is_done_sent=False, is_left_open=True))
    async with serve(idle_timeout_s=20) as gateway:
        watch = await run(gateway, schema=NAMED, input="x", many=True)
    assert ((watch.terminal or {})["type"], watch.value) == ("completed", [{"name": "Ann"}])
