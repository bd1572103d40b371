"""What ends an extraction and what does not: a cancel, at once; a lost line, never; time, where it was asked for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.client import CheckedWatch, Client, greeted
from tests.fakes.gateways import Served, gateway_with, provider_of, served
from tests.fakes.openai_server import FakeOpenAI, FakeRequest
from tests.fakes.pieces import FINAL, Gates, asked
from tests.faults.conftest import Report
from tests.faults.raw import Opcode, framed, upgraded
from tests.faults.size import size

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(120)]

CLIENTS = 10
TURNS = 10  # on one connection: so many messages are nobody's flood
PROMPT_S = 0.25


@asynccontextmanager
async def stage() -> AsyncGenerator[tuple[Served, FakeOpenAI]]:
    """Give a gateway in front of a fake server, on real sockets both."""
    async with (
        FakeOpenAI() as fake,
        provider_of(fake) as provider,
        served(gateway_with(provider)) as gateway,
    ):
        yield gateway, fake


def port_of(gateway: Served) -> int:
    """Return where it listens."""
    return int(gateway.url.rpartition(":")[2])


def call_of(fake: FakeOpenAI, text: str) -> FakeRequest:
    """Return what the provider was asked for a text."""
    (call,) = [call for call in fake.calls if call.body["messages"][-1]["content"] == text]
    return call


async def begun(client: Client, id_: str, **fields: Any) -> CheckedWatch:
    """Start an extraction and wait until its model has been heard."""
    watch = await client.extract(id_, **asked(input=id_, **fields))
    await client.reach(1, watch)
    return watch


async def test_a_cancel_reaches_the_provider(report: Report) -> None:
    """Within 250 ms for 99 of 100, from the client's socket to the end of the provider's connection."""
    each = size("cancels", short=100, long=1_000) // CLIENTS
    loop = asyncio.get_running_loop()

    async def cancel(gateway: Served, fake: FakeOpenAI, number: int) -> list[float]:
        took_s: list[float] = []
        while len(took_s) < each:
            took_s += await cancel_some(gateway, fake, f"c{number}.{len(took_s)}")
        return took_s

    async def cancel_some(gateway: Served, fake: FakeOpenAI, name: str) -> list[float]:
        took_s = []
        async with upgraded(port_of(gateway), is_greeted=False) as socket:
            client = await greeted(socket)
            for turn in range(TURNS):
                watch = await begun(client, f"{name}.{turn}")
                call, began_s = call_of(fake, watch.id), loop.time()
                await client.say(type="cancel", id=watch.id)
                await call.disconnected.wait()
                assert call.disconnected_at is not None
                took_s.append(call.disconnected_at - began_s)
                await client.finish(watch)
                assert (watch.terminal or {})["type"] == "cancelled"
        return took_s

    async with stage() as (gateway, fake):
        gates = Gates()
        gates.open(0)
        fake.route(lambda _: gates.reply())
        took = await asyncio.gather(*(cancel(gateway, fake, number) for number in range(CLIENTS)))
    took_s = sorted(seconds for each_client in took for seconds in each_client)
    p99_s = took_s[len(took_s) * 99 // 100 - 1]
    report(f"{len(took_s)} cancels, p50 {took_s[len(took_s) // 2] * 1e3:.1f} ms, p99 {p99_s * 1e3:.1f} ms")
    assert p99_s < PROMPT_S


async def test_a_lost_line_never_cancels() -> None:
    """However it ends: with a close frame, in order, by reset, in the middle of a frame; the value is there later."""
    async with stage() as (gateway, fake):
        gates = Gates()
        gates.open(0)
        fake.route(lambda _: gates.reply())
        farewells = {"closed": framed(b"\x03\xe8", Opcode.CLOSE), "gone": b"", "halfway": framed("{}")[:3], "odd": b"?"}
        names = {}
        for how, farewell in farewells.items():
            async with upgraded(port_of(gateway), is_greeted=False) as socket:
                names[how] = (await begun(await greeted(socket), how)).extraction
                await socket.send(farewell)
                if how == "gone":
                    socket.writer.write_eof()
        async with asyncio.timeout(5):
            while len(gateway.gateway.heartbeat):
                await asyncio.sleep(0.01)
        assert not any(call.disconnected.is_set() for call in fake.calls)
        gates.open_all()
        async with upgraded(port_of(gateway), is_greeted=False) as socket:
            client = await greeted(socket)
            watches = [await client.watch(how, name) for how, name in names.items()]
            await client.finish(*watches)
    assert [(watch.terminal or {})["type"] for watch in watches] == ["completed"] * len(farewells)
    assert [watch.value for watch in watches] == [FINAL] * len(farewells)
    assert len(fake.calls) == len(farewells)


async def test_nobody_watches_for_as_long_as_was_said() -> None:
    """Then it is cancelled, not earlier; whoever comes back in time stops that."""
    async with stage() as (gateway, fake):
        gates = Gates()
        gates.open(0)
        fake.route(lambda _: gates.reply())
        loop = asyncio.get_running_loop()
        async with upgraded(port_of(gateway), is_greeted=False) as socket:
            client = await greeted(socket)
            await begun(client, "left", cancel_after_ms=200)
            kept = await begun(client, "kept", cancel_after_ms=200)
        left_s = loop.time()
        async with upgraded(port_of(gateway), is_greeted=False) as socket:
            again = await (client := await greeted(socket)).resume("kept", kept)
            left = call_of(fake, "left")
            await left.disconnected.wait()
            assert left.disconnected_at is not None
            assert 0.19 <= left.disconnected_at - left_s < 0.2 + PROMPT_S
            gates.open_all()
            await client.finish(again)
    assert (again.value, call_of(fake, "kept").disconnected.is_set()) == (FINAL, False)
