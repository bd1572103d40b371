"""More than anyone reads or asks in earnest: the server's memory stays where it was, and others are served."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from tests.faults.children import Child, child
from tests.faults.conftest import Report
from tests.faults.raw import Ended, Opcode, RawSocket, framed, raw, upgrade, upgraded
from tests.faults.size import size

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(300)]

STALL_S = 0.5
FLOODERS = 4
GROWTH_BYTES = 5 << 20
READ_BYTES = 5 << 20
"""What messages of one client may hold: asyncio reads 256 KiB at once, 10,000 small frames, at 340 bytes each."""

BATCH = 500
RATE_ABUSE = 4429
OVER_CAPACITY = 1013
TOKENS: dict[str, list[str]] = {"tokens": ["open sesame"]}
"""With credentials, limits of one address and of one principal hold on loopback too."""


@pytest.fixture(scope="module")
async def gateway() -> AsyncGenerator[Child]:
    """Give a gateway that is soon tired of those who do not read."""
    async with child(send_stall_s=STALL_S) as running:
        for _ in range(10):  # what is made once for all is not counted
            async with upgraded(running.port):
                pass
        await running.until(sessions=0, connections=0)
        yield running


class Gauge:
    """Watches how far the memory of a gateway grows."""

    def __init__(self, gateway: Child) -> None:
        """Begin with what it holds now."""
        self._gateway = gateway
        self._before = gateway.rss_bytes()
        self.most_bytes = 0

    async def watch(self) -> None:
        """Look every now and then, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(0.02)

    def look(self) -> None:
        """Look once."""
        self.most_bytes = max(self.most_bytes, self._gateway.rss_bytes() - self._before)


async def unread(port: int, content: bytes, count: int) -> None:
    """Send something so often without reading anything; where the server has enough of that, come back."""
    left = count
    while left > 0:
        async with upgraded(port) as socket:
            socket.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport of a socket has it
            try:
                while left > 0:
                    await socket.send(content * min(BATCH, left))
                    left -= BATCH
                await asyncio.sleep(2 * STALL_S)  # so that all of it is read, and the server has enough of this
            except OSError:
                left -= BATCH  # lost on the way, or not; what counts is that there is an end


async def limit_of(port: int, name: str) -> int:
    """Return a limit as the server reports it; skip where this version has none of that name."""
    async with upgraded(port, is_greeted=False) as socket:
        await socket.send_text('{"type": "hello"}')
        limits: dict[str, int] = json.loads(await socket.receive_text())["limits"]
    if name not in limits:
        pytest.skip(f"this version does not limit {name} yet: welcome.limits does not name it")
    return limits[name]


async def test_pings_that_nobody_reads_the_answers_of(gateway: Child, report: Report) -> None:
    """Whatever is sent: the server reads no more than it can answer, and lets go of who takes nothing."""
    count = size("pings", short=200_000, long=4_000_000)
    ping = framed(b"x" * 125, Opcode.PING)
    gauge = Gauge(gateway)
    watching = asyncio.create_task(gauge.watch())
    began_s = asyncio.get_running_loop().time()
    async with upgraded(gateway.port) as bystander:
        await asyncio.gather(*(unread(gateway.port, ping, count // FLOODERS) for _ in range(FLOODERS)))
        await _is_served(bystander)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await gateway.until(sessions=0, connections=0)
    gauge.look()
    took_s = asyncio.get_running_loop().time() - began_s
    report(f"{count} pings of 125 bytes in {took_s:.1f} s: at most {gauge.most_bytes / 1e6:.2f} MB more")
    assert gauge.most_bytes < GROWTH_BYTES


async def test_messages_that_nobody_reads_the_answers_of(gateway: Child, report: Report) -> None:
    """The same with the session's own pings, and with errors, which are answered as well."""
    count = size("messages", short=20_000, long=400_000)
    gauge = Gauge(gateway)
    watching = asyncio.create_task(gauge.watch())
    async with upgraded(gateway.port) as bystander:
        for text in ('{"type": "ping", "nonce": "' + "x" * 100 + '"}', '{"type": "nonsense"}'):
            await asyncio.gather(*(unread(gateway.port, framed(text), count // FLOODERS) for _ in range(FLOODERS)))
        await _is_served(bystander)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await gateway.until(sessions=0, connections=0)
    gauge.look()
    report(f"{2 * count} messages: at most {gauge.most_bytes / 1e6:.2f} MB more")
    assert gauge.most_bytes < FLOODERS * READ_BYTES


async def test_fragments_without_end(gateway: Child, report: Report) -> None:
    """Empty ones too, which no limit of bytes stops: closed as too much of a message."""
    most = await limit_of(gateway.port, "fragments_per_message")
    async with upgraded(gateway.port) as socket:
        await socket.send(framed("", is_final=False))
        code = await _ends(socket, framed("", Opcode.CONTINUATION, is_final=False), most * 100)
    report(f"closed with {code}")
    assert code in {1009, 4400}


async def test_fragments_as_many_as_are_allowed(gateway: Child) -> None:
    """Those are a message."""
    most = await limit_of(gateway.port, "fragments_per_message")
    content = '{"type": "ping", "nonce": 1}'.ljust(most)
    async with upgraded(gateway.port) as socket:
        for at, letter in enumerate(content):
            opcode = Opcode.CONTINUATION if at else Opcode.TEXT
            await socket.send(framed(letter, opcode, is_final=at == most - 1))
        assert json.loads(await socket.receive_text()) == {"type": "pong", "nonce": 1}


async def test_control_frames_without_end(gateway: Child) -> None:
    """By one who reads all the answers: closed for rate abuse."""
    await limit_of(gateway.port, "control_frames_per_s")
    async with upgraded(gateway.port) as socket:
        assert await _ends(socket, framed(b"x", Opcode.PING), 100_000) == RATE_ABUSE


async def test_messages_without_end(gateway: Child) -> None:
    """Refused as `rate_limited` first, and closed for rate abuse where that does not help."""
    await limit_of(gateway.port, "messages_per_s")
    async with upgraded(gateway.port) as socket:
        codes: set[str] = set()
        code = await _ends(socket, framed('{"type": "ping"}'), 100_000, codes)
    assert (codes, code) == ({"rate_limited"}, RATE_ABUSE)


async def test_connections_of_one_address(gateway: Child) -> None:
    """More than one may have are refused before the upgrade, with the time to come back; others may go on."""
    await limit_of(gateway.port, "max_connections_per_address")
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(child(max_connections_per_address=3, settings=TOKENS))
        for _ in range(3):
            await stack.enter_async_context(upgraded(guarded.port, is_greeted=False))
        async with raw(guarded.port) as socket:
            await socket.upgrade()
            assert socket.head.split()[1] in {"429", "503"}
            assert "retry-after" in socket.head.lower()


async def test_connections_of_one_principal(gateway: Child) -> None:
    """More than one may have are closed behind their hello."""
    await limit_of(gateway.port, "max_connections_per_principal")
    hello = json.dumps({"type": "hello", "token": TOKENS["tokens"][0]})
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(child(max_connections_per_principal=3, settings=TOKENS))
        for _ in range(3):
            socket = await stack.enter_async_context(upgraded(guarded.port, is_greeted=False))
            await socket.send_text(hello)
            assert json.loads(await socket.receive_text())["type"] == "welcome"
        async with upgraded(guarded.port, is_greeted=False) as socket:
            await socket.send_text(hello)
            assert await socket.ending() == OVER_CAPACITY


async def test_handshakes_of_one_address(gateway: Child) -> None:
    """More in a second than one may begin are refused before the upgrade, with the time to come back."""
    await limit_of(gateway.port, "handshakes_per_address_per_s")
    async with child(settings=TOKENS) as guarded:
        heads = []
        for _ in range(100):
            async with raw(guarded.port) as socket:
                await socket.upgrade()
                heads.append(socket.head)
    assert " 101 " in heads[0]
    assert heads[-1].split()[1] in {"429", "503"}
    assert "retry-after" in heads[-1].lower()


async def test_upgrades_that_are_not_finished(gateway: Child) -> None:
    """A hundred connections that ask for half an upgrade disturb nobody, and go."""
    count = size("half_upgrades", short=100, long=1_000)
    sockets = [await RawSocket.dialled(gateway.port) for _ in range(count)]
    for socket in sockets:
        await socket.send(upgrade()[:-2])
    async with upgraded(gateway.port) as bystander:
        await _is_served(bystander)
    for socket in sockets:
        socket.drop()
    await gateway.until(sessions=0, connections=0)


async def test_sockets_that_come_and_go(gateway: Child, report: Report) -> None:
    """Without a word, in the middle of the upgrade, right behind it: nothing of them is left."""
    count = size("visits", short=600, long=10_000)
    tasks = (await gateway.report())["tasks"]
    for _ in range(2):  # as many as wait to be accepted at once are room that is made once for all
        await _visits(gateway.port, count // 3)
        await gateway.until(sessions=0, connections=0, tasks=tasks)
    gauge = Gauge(gateway)
    await _visits(gateway.port, count // 3)
    await gateway.until(sessions=0, connections=0, tasks=tasks)
    gauge.look()
    report(f"{count} visits: {gauge.most_bytes / 1e6:.2f} MB more")
    assert gauge.most_bytes < GROWTH_BYTES


async def _visits(port: int, count: int) -> None:
    whole = upgrade()
    for number in range(count):
        async with raw(port) as socket:
            await socket.send((b"", whole[:40], whole)[number % 3])


async def _is_served(bystander: RawSocket) -> None:
    async with asyncio.timeout(5):
        await bystander.send_text('{"type": "ping", "nonce": 5}')
        while json.loads(await bystander.receive_text()) != {"type": "pong", "nonce": 5}:
            pass


async def _ends(socket: RawSocket, content: bytes, count: int, codes: set[str] | None = None) -> int:
    """Send something so often, reading what comes; return the code the server closes with, and note those of errors."""
    sending = asyncio.create_task(_send(socket, content, count))
    try:
        async with asyncio.timeout(30):
            while True:
                frame = await socket.receive()
                message = json.loads(frame.payload) if frame.opcode == Opcode.TEXT else {"type": "pong"}
                if codes is not None and message["type"] == "error":
                    codes.add(message["code"])
    except Ended as ended:
        return ended.code
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(socket: RawSocket, content: bytes, count: int) -> None:
    for _ in range(0, count, BATCH):
        await socket.send(content * min(BATCH, count))
