"""What a client, an address or a principal may do at most (PROTOCOL.md §10): the code each gets that does more."""

import asyncio
from contextlib import AsyncExitStack, suppress
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from gateway.core import messages
from gateway.core.document import View
from gateway.core.extraction import State
from gateway.errors import OverCapacity
from gateway.ports import Finish
from gateway.principal import Principal
from gateway.providers.scripted import Gate, ScriptedProvider
from gateway.watching import Watch
from tests.fakes.client import Client, connected, greeted
from tests.fakes.gateways import gateway_with, opened, served
from tests.fakes.transport import Closed, joined

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {"type": "object"}
OK = ScriptedProvider(['{"a": 1}', Finish("stop")])
GUARDED: dict[str, Any] = {"tokens": ("one", "two")}


async def flood(client: Client, count: int) -> list[dict[str, Any]]:
    """Send so many pings, and return the answers."""
    for number in range(count):
        await client.say(type="ping", nonce=number)
    return [await client.hear() for _ in range(count)]


async def test_too_many_messages_are_refused_and_the_session_stays() -> None:
    """Each that is refused is answered so, and names when to come again."""
    async with opened(OK, messages_burst=5, messages_per_s=20) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        answers = await flood(client, 8)
        assert [answer["type"] for answer in answers] == ["pong"] * 5 + ["error"] * 3
        assert (answers[5]["code"], answers[5]["retryable"]) == ("rate_limited", True)
        await asyncio.sleep(answers[7]["retry_after_ms"] / 1000)
        assert await client.ask(type="ping") == {"type": "pong"}


async def test_a_refused_message_names_its_id() -> None:
    """So that a client knows which one was not heard; what is no message counts as well."""
    provider = ScriptedProvider(['{"a": 1}'])
    async with opened(provider, messages_burst=1, messages_per_s=0.1) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        await socket.send_text("[]")
        assert (await client.hear())["code"] == "bad_request"
        answer = await client.ask(type="extract", id="x", schema=SCHEMA, input="x")
        assert (answer["code"], answer["id"], provider.requests) == ("rate_limited", "x", [])


async def test_whoever_does_not_stop_is_shut_out() -> None:
    """4429 behind the hundredth refusal."""
    async with opened(OK, messages_burst=1, messages_per_s=0.1) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        for number in range(101):
            await client.say(type="ping", nonce=number)
        answers = [await client.hear() for _ in range(101)]
        with pytest.raises(Closed) as closed:
            await client.hear()
        assert (closed.value.code, answers[-1]["code"]) == (4429, "rate_limited")


async def test_resuming_every_watch_costs_no_messages() -> None:
    """As many watches as there may be, at once."""
    async with opened(OK, messages_burst=1, messages_per_s=0.1, watches_per_connection=40) as gateway:
        async with joined(gateway.app) as socket:
            client = await greeted(socket)
            await client.finish(first := await client.extract("a", schema=SCHEMA, input="x"))
        async with joined(gateway.app) as socket:
            client = await greeted(socket)
            watches = [await client.watch(f"w{number}", first.extraction) for number in range(40)]
            await client.finish(*watches)


async def refused(url: str, **options: Any) -> tuple[int, str | None]:
    """Return the status that an upgrade is answered with, and when to come again."""
    with pytest.raises(InvalidStatus) as refusal:
        async with connected(url, **options):
            pass
    return refusal.value.response.status_code, refusal.value.response.headers.get("retry-after")


async def test_an_address_may_have_so_many_connections() -> None:
    """429 where somebody must say who it is; whoever leaves makes room."""
    hello = {"token": "one"}
    async with served(gateway_with(OK, settings=GUARDED, max_connections_per_address=2)) as gateway:
        async with connected(gateway.url, hello=hello), connected(gateway.url, hello={"token": "two"}):
            assert await refused(gateway.url) == (429, "5")
        await asyncio.sleep(0.1)
        async with connected(gateway.url, hello=hello):
            pass


async def test_an_address_may_come_so_often() -> None:
    """429, and when to come again."""
    settings = gateway_with(OK, settings=GUARDED, handshakes_burst=2, handshakes_per_address_per_s=0.5)
    async with served(settings) as gateway:
        for _ in range(2):
            async with connected(gateway.url, hello={"token": "one"}):
                pass
        assert await refused(gateway.url) == (429, "2")


async def test_on_ones_own_machine_nobody_is_counted() -> None:
    """Where nobody is asked who it is, and only this machine can come."""
    open_gateway = gateway_with(OK, handshakes_burst=1, max_connections_per_address=1)
    async with served(open_gateway) as gateway, AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(connected(gateway.url))


async def test_a_credential_may_have_so_many_connections() -> None:
    """1013 behind an error that says when to come again; another credential's are its own."""
    async with opened(OK, settings=GUARDED, max_connections_per_principal=1) as gateway:
        async with joined(gateway.app) as first, joined(gateway.app) as second, joined(gateway.app) as third:
            await Client(first).greet(token="one")
            await Client(third).greet(token="two")
            client = Client(second)
            await client.say(type="hello", token="one")
            answer = await client.hear()
            with pytest.raises(Closed) as closed:
                await client.hear()
            assert (answer["code"], answer["retry_after_ms"], closed.value.code) == ("over_capacity", 5_000, 1013)
        async with joined(gateway.app) as again:
            await Client(again).greet(token="one")


async def test_a_credential_may_have_so_many_calls() -> None:
    """What is beyond them waits, and others pass it."""
    gate = asyncio.Event()
    provider = ScriptedProvider([Gate(gate), '{"a": 1}', Finish("stop")])
    async with opened(provider, provider_calls_per_principal=1) as gateway:

        def begun(principal: Principal) -> Watch:
            extract = messages.Extract(id="x", schema=SCHEMA, input="x")
            audience, _ = gateway.hub.start(gateway._jobs.job(extract, principal=principal))
            audience.attach(watch := Watch("x", audience, View(), 0, lambda _: None), deduplicated=False)
            return watch

        names = ("ann", "ann", "bo")
        runs = [begun(Principal(name)).audience.run for name in names]
        await asyncio.sleep(0.05)
        assert [run.extraction.state for run in runs] == [State.RUNNING, State.QUEUED, State.RUNNING]
        gate.set()
        await asyncio.sleep(0.05)
        assert ([run.extraction.state for run in runs], len(gateway.hub._shares)) == ([State.COMPLETED] * 3, 0)


async def test_a_share_is_one_as_long_as_somebody_waits_for_it() -> None:
    """Not two, whose calls would be counted apart; and none is kept of those who were refused."""
    gate = asyncio.Event()
    provider = ScriptedProvider([Gate(gate), '{"a": 1}', Finish("stop")])
    async with opened(provider, provider_calls_per_principal=1, provider_queue=0) as gateway:
        extract = messages.Extract(id="x", schema=SCHEMA, input="x")
        job = gateway._jobs.job(extract, principal=Principal("ann"))
        turns = gateway.hub.new_turns()
        first, _ = gateway.hub.start(job, turns)
        for number in range(100):
            with suppress(OverCapacity):
                gateway.hub.start(gateway._jobs.job(extract, principal=Principal("ann")))
            assert len(gateway.hub._shares) == 1, number
        gate.set()
        await asyncio.sleep(0.05)
        assert (first.run.extraction.state, len(gateway.hub._shares)) == (State.COMPLETED, 0)


async def test_as_many_calls_of_a_credential_wait_as_may() -> None:
    """The provider's queue is the bound of that one too."""
    async with opened(
        ScriptedProvider([Gate(asyncio.Event())]), provider_calls_per_principal=1, provider_queue=1
    ) as gateway:
        job = gateway._jobs.job(messages.Extract(id="x", schema=SCHEMA, input="x"), principal=Principal("ann"))
        gateway.hub.start(job)
        gateway.hub.start(job)
        with pytest.raises(OverCapacity, match="for this credential"):
            gateway.hub.start(job)


async def closed_by(url: str, *frames: Frame) -> tuple[int, str]:
    """Send frames as they are, and return how the server closes."""
    address = url.replace("http://", "ws://") + "/v1/ws"
    async with connect(address, subprotocols=[Subprotocol("extraction.v1")], proxy=None) as socket:
        socket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(5):
                await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_a_message_in_too_many_pieces() -> None:
    """1009; as many as may be are put together."""
    pieces = [Frame(Opcode.CONT, b" ", fin=False)] * 62
    hello = [Frame(Opcode.TEXT, b'{"type":"hello"}', fin=False), *pieces, Frame(Opcode.CONT, b" ")]
    async with served(gateway_with(OK, hello_timeout_s=0.2)) as gateway:
        code, reason = await closed_by(gateway.url, hello[0], *pieces, *pieces)
        assert (code, reason) == (1009, "expected at most 64 fragments a message")
        async with connect(
            gateway.url.replace("http", "ws") + "/v1/ws", subprotocols=[Subprotocol("extraction.v1")], proxy=None
        ) as socket:
            socket.transport.write(b"".join(frame.serialize(mask=True) for frame in hello))
            assert '"type":"welcome"' in str(await socket.recv())


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
async def test_too_many_control_frames(opcode: Opcode) -> None:
    """4429 behind the burst, however many come at once."""
    async with served(gateway_with(OK)) as gateway:
        code, reason = await closed_by(gateway.url, *[Frame(opcode, b"x")] * 10_000)
        assert (code, reason) == (4429, "expected at most 10 control frames a second")


@pytest.mark.parametrize("head", [b"", b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgra"])
async def test_a_request_whose_head_does_not_come(head: bytes) -> None:
    """408 within the time that `hello` has, also behind an answer on the same connection."""
    whole = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served(gateway_with(OK, hello_timeout_s=0.2)) as gateway:
        for before in (b"", whole):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
            writer.write(before)
            if before:
                await reader.readuntil(b"}")
                writer.write(head or b"G")
            else:
                writer.write(head)
            async with asyncio.timeout(5):
                assert b"408" in await reader.read()
            writer.close()


async def test_an_answer_that_nobody_takes() -> None:
    """Over HTTP too a peer that takes nothing for `send_stall_s` is let go."""
    async with served(gateway_with(OK, send_stall_s=0.2)) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]), limit=1)
        writer.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, 4_096)
        writer.transport.pause_reading()  # type: ignore[attr-defined] # it has it
        await asyncio.sleep(0)
        (protocol,) = gateway.server.server_state.connections
        protocol.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, 4_096)
        writer.write(b"GET /static/style.css HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        async with asyncio.timeout(5):
            while gateway.server.server_state.connections:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.05)
        writer.transport.abort()
