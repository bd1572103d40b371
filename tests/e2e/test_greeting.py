"""How a real connection begins and ends: welcome, limits, close codes, and the end of the server."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.e2e.conftest import Serve
from tests.fakes.client import connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.pieces import ENCODINGS, FINAL, Gates, asked

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


async def close_code(socket: ClientConnection) -> int:
    """Read until the server closes, and return its code."""
    with suppress(ConnectionClosedError):
        async for _ in socket:
            pass
    assert socket.close_code is not None
    return socket.close_code


def bare(url: str, **options: Any) -> connect:
    """Connect without saying hello."""
    options = {"subprotocols": ["extraction.v1"], "proxy": None, **options}
    return connect(url.replace("http://", "ws://") + "/v1/ws", **options)


async def test_the_welcome_says_what_is_offered(serve: Serve) -> None:
    """Protocol, limits as they are set, encodings, and that schemas may be brought along."""
    async with serve(watches_per_connection=3) as gateway, connected(gateway.url, hello={"client": "test"}) as client:
        welcome = client.welcome
    assert (welcome["protocol"], welcome["inline_schemas"]) == ("extraction.v1", True)
    assert welcome["encodings"] == [*ENCODINGS, "items", "text"]
    assert (welcome["limits"]["watches_per_connection"], welcome["limits"]["message_bytes"]) == (3, 262_144)
    assert welcome["heartbeat_ms"] == 15_000


@pytest.mark.parametrize("limit", [{"watches_per_connection": 1}, {"extractions_per_connection": 1}])
async def test_limits_are_what_the_settings_say(serve: Serve, fake: FakeOpenAI, limit: dict[str, int]) -> None:
    """The second one is over capacity where one is allowed."""
    fake.default = Gates().reply()
    async with serve(**limit) as gateway, connected(gateway.url) as client:
        await client.reach(0, await client.extract("a", **asked()))
        error = await client.ask(type="extract", id="b", busy="reject", **asked())
        await client.say(type="cancel", id="a")
        await client.finish(client.watches["a"])
    assert error["code"] == "over_capacity"


async def test_no_hello_in_time(serve: Serve) -> None:
    """4408."""
    async with serve(hello_timeout_s=0.02) as gateway, bare(gateway.url) as socket:
        assert await close_code(socket) == 4408


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (['{"type": "ping"}'], 4400),
        (["not JSON"], 4400),
        (['{"type": "hello"}', '{"type": "hello"}'], 4400),
        ([b"\x00"], 1003),
        (['{"type": "hello"}', b'{"type": "ping"}'], 1003),
        ([json.dumps({"type": "hello", "client": "x" * 20_000})], 1009),
        (['{"type": "hello"}', "x" * 10_000_000], 1009),
    ],
    ids=["other first", "no JSON first", "second hello", "binary first", "binary", "long hello", "10 MB"],
)
async def test_what_closes_a_connection(gateway: Served, frames: list[str | bytes], code: int) -> None:
    """A violated greeting, a binary frame, one that is too big: each its close code."""
    async with bare(gateway.url, max_size=None) as socket:
        with suppress(ConnectionClosedError):  # it may close before the last byte is sent
            for frame in frames:
                await socket.send(frame)
        assert await close_code(socket) == code


async def test_text_that_is_not_utf8(gateway: Served) -> None:
    """1007."""
    async with bare(gateway.url) as socket:
        await socket.send('{"type": "hello"}')
        await socket.send(b"\xff\xfe", text=True)
        assert await close_code(socket) == 1007


async def test_one_connection_that_is_closed_leaves_the_others(gateway: Served, fake: FakeOpenAI) -> None:
    """A 10 MB frame on one socket; an extraction on another goes on."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client, bare(gateway.url) as socket:
        watch = await client.extract("a", **asked())
        with suppress(ConnectionClosedError):
            await socket.send("x" * 10_000_000)
        assert await close_code(socket) == 1009
        gates.open_all()
        await client.finish(watch)
    assert watch.value == FINAL


@pytest.mark.parametrize(("offered", "echoed"), [(["other.v9", "x"], "other.v9"), (None, None)])
async def test_another_subprotocol(gateway: Served, offered: list[str] | None, echoed: str | None) -> None:
    """The first name is echoed, so that a browser gets to see 4406; where none is offered, none is."""
    async with bare(gateway.url, subprotocols=offered) as socket:
        assert (socket.subprotocol, await close_code(socket)) == (echoed, 4406)


async def test_origins(gateway: Served) -> None:
    """A local page may come from any port; another is refused before the upgrade, with a 403."""
    async with connected(gateway.url, origin="http://localhost:5173") as client:
        assert client.welcome["type"] == "welcome"
    with pytest.raises(InvalidStatus) as refused:
        await bare(gateway.url, origin="https://example.org")
    assert refused.value.response.status_code == 403


async def test_too_many_connections(serve: Serve) -> None:
    """The next one is told when to come back, before the upgrade."""
    async with serve(max_connections=1) as gateway, connected(gateway.url):
        with pytest.raises(InvalidStatus) as refused:
            await bare(gateway.url)
    assert (refused.value.response.status_code, refused.value.response.headers["retry-after"]) == (503, "5")


async def test_credentials(serve: Serve) -> None:
    """One rides as a second subprotocol, which is never echoed; without one there is an error, then 4401."""
    offered = ["extraction.v1", "bearer.czNjcmV0LcOp"]
    async with serve(settings={"tokens": ("s3cret-é",)}) as gateway:
        async with bare(gateway.url, subprotocols=offered) as socket:
            await socket.send('{"type": "hello"}')
            assert (json.loads(await socket.recv())["type"], socket.subprotocol) == ("welcome", "extraction.v1")
        async with bare(gateway.url) as socket:
            await socket.send('{"type": "hello"}')
            assert (json.loads(await socket.recv())["code"], await close_code(socket)) == ("unauthenticated", 4401)


async def test_the_server_stops_at_once_with_a_client_in_the_middle(serve: Serve, fake: FakeOpenAI) -> None:
    """A live extraction and an open connection hold nothing up; the client sees 1012, upstream is hung up on."""
    fake.reply((gates := Gates()).reply())
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(serve())
        socket = await stack.enter_async_context(bare(gateway.url))
        await socket.send('{"type": "hello"}')
        await socket.send(json.dumps({"type": "extract", "id": "a", **asked()}))
        gates.open(0)
        (call,) = await fake.wait_for_calls(1)
        async with asyncio.timeout(2):
            gateway.server.should_exit = True
            assert await close_code(socket) == 1012
            await call.disconnected.wait()
