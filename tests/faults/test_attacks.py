"""Bytes that no client would send, to a gateway in a process of its own: the code of PROTOCOL.md, never a traceback."""

import asyncio
import json
import struct
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.faults.children import Child, child
from tests.faults.raw import Ended, Opcode, RawSocket, framed, raw, upgrade, upgraded

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

HELLO_TIMEOUT_S = 0.5
HELLO = '{"type": "hello"}'
PONG = {"type": "pong", "nonce": "still there"}


@pytest.fixture(scope="module")
async def gateway() -> AsyncGenerator[Child]:
    """Give a gateway that has little patience with a `hello`; starting one for each attack is slow."""
    async with child(hello_timeout_s=HELLO_TIMEOUT_S) as running:
        yield running


@pytest.fixture(autouse=True)
async def nobody_else_notices(gateway: Child) -> AsyncGenerator[None]:
    """Fail where a bystander is disturbed, where anything of the attack is left, or where the log complains."""
    before = gateway.complaints()
    async with upgraded(gateway.port) as bystander:
        yield
        assert await answer(bystander) == PONG
        await gateway.until(sessions=1, connections=1)
    assert gateway.complaints() == before


async def answer(socket: RawSocket) -> dict[str, Any]:
    """Ask whether the session is still there."""
    await socket.send_text('{"type": "ping", "nonce": "still there"}')
    while (told := json.loads(await socket.receive_text())) == {"type": "ping"}:  # nothing was said for a while
        pass
    return dict(told)


async def rest_of(socket: RawSocket) -> bytes:
    """Read to the end, whether that is in order or not."""
    try:
        return await socket.reader.read()
    except ConnectionResetError:
        return b""


def close(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return framed(struct.pack("!H", code) + reason, Opcode.CLOSE)


PART = framed('{"type": ', is_final=False)
PROTOCOL_ERRORS = {
    "not masked": framed(HELLO, is_masked=False),
    "compressed, as was never agreed on": framed(b"\xaa\x56\x2a\xa9\x2c\x48\x55\xb2\x52\x50\xca\x48", reserved=4),
    "other reserved bits": framed("{}", reserved=3),
    "no such opcode": framed("{}", 3),
    "no such control opcode": framed("", 11),
    "a ping that is too long": framed(b"x" * 126, Opcode.PING),
    "a ping in pieces": framed(b"x", Opcode.PING, is_final=False),
    "a continuation of nothing": framed("{}", Opcode.CONTINUATION),
    "text inside of text": PART + framed("{}"),
    "half a close code": framed(b"\x03", Opcode.CLOSE),
    "a close code that is never sent": close(1005),
}


@pytest.mark.parametrize("attack", PROTOCOL_ERRORS.values(), ids=PROTOCOL_ERRORS)
@pytest.mark.parametrize("is_greeted", [False, True], ids=["before hello", "behind hello"])
async def test_frames_that_are_none(gateway: Child, attack: bytes, *, is_greeted: bool) -> None:
    """What RFC 6455 forbids closes with its own code."""
    async with upgraded(gateway.port, is_greeted=is_greeted) as socket:
        await socket.send(attack)
        assert await socket.ending() == 1002


OTHERS = {
    "binary": (framed(HELLO, Opcode.BINARY), 1003),
    "bad UTF-8": (framed(b'{"type": "\xff"}'), 1007),
    "half a character": (framed(b'{"type": "\xc3'), 1007),
    "surrogates as UTF-8": (framed('{"type": "\ud83d\ude00"}'), 1007),
    "bad UTF-8 in pieces": (framed(b"\xc3", is_final=False) + framed(b"\xc3", Opcode.CONTINUATION), 1007),
    "a reason that is no UTF-8": (close(1000, b"\xff"), 1007),
    "longer than any message": (framed("x" * 262_145), 1009),
    "that long in pieces": (
        framed("x" * 200_000, is_final=False) + framed("x" * 62_145, Opcode.CONTINUATION),
        1009,
    ),
    "a length that is only claimed": (framed("x", length=1 << 31), 1009),
    "the longest length there is": (framed("x", length=(1 << 63) - 1), 1009),
    "a length with its highest bit": (framed("x", length=1 << 63), 1009),
}


@pytest.mark.parametrize(("attack", "code"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("is_greeted", [False, True], ids=["before hello", "behind hello"])
async def test_frames_that_are_not_ours(gateway: Child, attack: bytes, code: int, *, is_greeted: bool) -> None:
    """What is no text, or too much of it, closes with the code that says so."""
    async with upgraded(gateway.port, is_greeted=is_greeted) as socket:
        await socket.send(attack)
        assert await socket.ending() == code


GREETINGS = {
    "another message": (framed('{"type": "ping"}'), 4400),
    "twice in one packet": (framed(HELLO) * 2, 4400),
    "no message": (framed("hello"), 4400),
    "deep": (framed('{"type": "hello", "client": ' + "[" * 5_000 + "]" * 5_000 + "}"), 4400),
    "too long": (framed(f'{{"type": "hello", "client": "{"x" * 16_384}"}}'), 1009),
}


@pytest.mark.parametrize(("attack", "code"), GREETINGS.values(), ids=GREETINGS)
async def test_greetings_that_are_none(gateway: Child, attack: bytes, code: int) -> None:
    """The first message is `hello`, alone and short."""
    async with upgraded(gateway.port, is_greeted=False) as socket:
        await socket.send(attack)
        assert await socket.ending() == code


async def test_a_second_hello_later(gateway: Child) -> None:
    """Also long behind the first."""
    async with upgraded(gateway.port) as socket:
        assert await answer(socket) == PONG
        await socket.send_text(HELLO)
        assert await socket.ending() == 4400


@pytest.mark.parametrize("beginning", [b"", framed(HELLO)[:9], framed(HELLO, is_final=False)])
async def test_a_hello_that_does_not_come(gateway: Child, beginning: bytes) -> None:
    """Nothing, half a frame, half a message: closed in time."""
    began_s = asyncio.get_running_loop().time()
    async with upgraded(gateway.port, is_greeted=False) as socket:
        await socket.send(beginning)
        assert await socket.ending() == 4408
    assert asyncio.get_running_loop().time() - began_s < HELLO_TIMEOUT_S + 2


async def test_a_hello_byte_by_byte(gateway: Child) -> None:
    """Whoever keeps sending has no more time than others."""
    async with upgraded(gateway.port, is_greeted=False) as socket:
        slowly = asyncio.create_task(socket.send_slowly(framed(HELLO) * 100, 0.05))
        assert await socket.ending() == 4408
        slowly.cancel()
        await asyncio.gather(slowly, return_exceptions=True)


@pytest.mark.parametrize("beginning", [b"", upgrade()[:1], upgrade()[:-2]], ids=["nothing", "a letter", "almost all"])
async def test_an_upgrade_that_does_not_come(gateway: Child, beginning: bytes) -> None:
    """A request that is not finished holds no place for long."""
    async with raw(gateway.port) as socket:
        await socket.send(beginning)
        async with asyncio.timeout(HELLO_TIMEOUT_S + 2):
            assert (await rest_of(socket)).startswith(b"HTTP/1.1 408 ")


async def test_an_upgrade_byte_by_byte(gateway: Child) -> None:
    """Whoever keeps sending has no more time than others."""
    async with raw(gateway.port) as socket:
        endless = upgrade()[:-2] + b"X-More: 1\r\n" * 10_000
        slowly = asyncio.create_task(socket.send_slowly(endless, 0.01))
        async with asyncio.timeout(HELLO_TIMEOUT_S + 2):
            assert (await rest_of(socket)).startswith(b"HTTP/1.1 408 ")
        slowly.cancel()
        await asyncio.gather(slowly, return_exceptions=True)


NO_MESSAGES = {
    "100,000 levels of arrays": "[" * 100_000,
    "100,000 levels in a message": '{"type": "ping", "nonce": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "40,000 levels of objects": '{"a":' * 40_000 + "1" + "}" * 40_000,
    "an integer of 5,000 digits": '{"type": "ping", "nonce": ' + "7" * 5_000 + "}",
    "a number beyond any double": '{"type": "ping", "nonce": 1e5000}',
    "not a number": '{"type": "ping", "nonce": NaN}',
    "infinity": '{"type": "ping", "nonce": -Infinity}',
    "half a surrogate pair": '{"type": "ping", "nonce": "\\ud83d"}',
    "surrogates the wrong way round": '{"type": "ping", "nonce": "\\ude00\\ud83d"}',
    "nothing": "",
    "a million keys": "{" + ",".join(f'"{number:x}":0' for number in range(25_000)) + "}",
}


@pytest.mark.parametrize("text", NO_MESSAGES.values(), ids=NO_MESSAGES)
async def test_text_that_is_no_message(gateway: Child, text: str) -> None:
    """`bad_request`, and the session stays."""
    async with upgraded(gateway.port) as socket:
        await socket.send_text(text)
        told = json.loads(await socket.receive_text())
        assert (told["type"], told["code"]) == ("error", "bad_request")
        assert await answer(socket) == PONG


async def test_compression_that_is_offered(gateway: Child) -> None:
    """It is not taken up: nothing that is small on the wire is large behind it."""
    async with raw(gateway.port) as socket:
        await socket.upgrade(upgrade(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"))
        assert (" 101 " in socket.head, "extensions" in socket.head.lower()) == (True, False)
        await socket.send_text(HELLO)
        assert json.loads(await socket.receive_text())["type"] == "welcome"


async def test_a_message_in_pieces(gateway: Child) -> None:
    """As many as anyone sends in earnest, cut inside a character, with pings between them."""
    content = '{"type": "ping", "nonce": "é€😀"}'.encode()
    async with upgraded(gateway.port) as socket:
        for at in range(len(content)):
            opcode = Opcode.CONTINUATION if at else Opcode.TEXT
            await socket.send(framed(content[at : at + 1], opcode, is_final=at == len(content) - 1))
            if at % 8 == 0:
                await socket.send(framed(b"?", Opcode.PING))
        assert json.loads(await socket.receive_text()) == {"type": "pong", "nonce": "é€😀"}


async def test_a_second_request_that_does_not_come(gateway: Child) -> None:
    """On a connection that had an answer before it is no different; one that asks in time is served."""
    whole = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    async with raw(gateway.port) as socket:
        for _ in range(2):
            await socket.upgrade(whole)
            assert " 200 " in socket.head
            assert await socket.reader.readexactly(int(socket.head.lower().partition("content-length: ")[2].split()[0]))
        await socket.send(whole[:10])
        async with asyncio.timeout(HELLO_TIMEOUT_S + 2):
            assert (await rest_of(socket)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        upgrade(Sec_WebSocket_Version="12"),
        upgrade(Sec_WebSocket_Key="short"),
        upgrade().replace(b"GET", b"POST"),
    ],
    ids=["TLS", "many headers", "a long header", "another version", "no key", "POST"],
)
async def test_requests_that_are_none(gateway: Child, request_bytes: bytes) -> None:
    """An HTTP status of the client's own fault, or nothing; the connection ends."""
    async with raw(gateway.port) as socket:
        try:
            await socket.upgrade(request_bytes)
        except (Ended, OSError):
            return
        assert socket.head.split()[1] in {"400", "404", "405", "426", "431"}, socket.head
