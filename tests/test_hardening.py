"""One test per attack: from a client, and from a model."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from gateway.app import Gateway
from gateway.core.limits import Limits
from gateway.ports import Finish, Refusal, Text
from gateway.providers.scripted import Gate, Script, ScriptedProvider
from gateway.settings import Settings
from tests.core.oracles import projected
from tests.fakes.client import CheckedWatch, Client, connected, greeted
from tests.fakes.gateways import document_of, gateway_with, opened, served
from tests.fakes.transport import Closed, joined

pytestmark = pytest.mark.anyio

ANYTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}
OK: Script = ['{"a": 1}', Finish("stop")]
UNHURRIED: dict[str, Any] = {"messages_burst": 1_000_000, "control_frames_burst": 1_000_000_000}
"""Limits under which a flood is only a flood; tests/test_limits.py has those that end one."""


async def answer_to(text: str, **limits: Any) -> dict[str, Any]:
    """Send one frame, make sure that the session goes on, and return the answer."""
    async with opened(ScriptedProvider(OK), **limits) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        await socket.send_text(text)
        answer = await client.hear()
        assert await client.ask(type="ping", nonce="still there") == {"type": "pong", "nonce": "still there"}
        await client.finish(await client.extract("next", schema=ANYTHING, input="x"))
    return answer


async def written(*pieces: str, **limits: Any) -> CheckedWatch:
    """Return the checked watch of an extraction whose model writes this."""
    provider = ScriptedProvider([*pieces, Finish("stop")])
    async with opened(provider, **limits) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        await client.finish(watch := await client.extract("a", schema=ANYTHING, input="x", interval_ms=0))
        assert await client.ask(type="ping") == {"type": "pong"}
    return watch


def error_of(watch: CheckedWatch) -> str:
    """Return the code a failed extraction ended with."""
    assert watch.terminal is not None
    assert watch.terminal["type"] == "failed"
    return str(watch.terminal["error"]["code"])


async def turns(count: int) -> None:
    """Let everything else have that many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


# From a client


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        '{"type": "ping", "nonce": ' + "[" * 64 + "]" * 64 + "}",
        '{"type": "ping", "nonce": NaN}',
        '{"type": "ping", "nonce": Infinity}',
        '{"type": "ping", "nonce": 1e999}',
        '{"type": "ping", "nonce": 1' + "0" * 5_000 + "}",
        '{"type": "ping", "nonce": "\\ud800"}',
        '{"type": "ping", "nonce": "\ud800"}',
        '{"type": "ping", "nonce": "\x00"}',
        '{"type": "ping",}',
        "{'type': 'ping'}",
        '{"type": "ping"} {}',
        '"ping"',
        "[]",
        "null",
        "",
        "\ufeff{}",
    ],
)
async def test_text_that_is_no_message(text: str) -> None:
    """Deep, huge, not a number, half a character, no object: `bad_request`, and the session goes on."""
    answer = await answer_to(text)
    assert (answer["type"], answer["code"]) == ("error", "bad_request")


async def test_an_integer_beyond_64_bits_is_given_back_exactly() -> None:
    """No rounding, no crash."""
    nonce = 10**40
    assert await answer_to(json.dumps({"type": "ping", "nonce": nonce})) == {"type": "pong", "nonce": nonce}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "x" * 200_000},
        {"type": "ping", "x" * 200_000: 1},
        {"type": "unwatch", "id": "x" * 200_000},
        {"type": "watch", "id": "a", "extraction": "x", "from": "x" * 200_000},
        {"type": "watch", "id": "a", "extraction": "x", "encoding": "x" * 200_000},
        {"type": "extract", "id": "a", "extractor": "x" * 200_000, "input": "x"},
        {"type": "extract", "id": "a", "schema": {"type": "x" * 60_000}, "input": "x"},
        {"type": "extract", "id": "a", "schema": {"x" * 60_000: {"$ref": "x"}, "$ref": "y" * 1000}, "input": "x"},
    ],
)
async def test_an_answer_is_never_as_long_as_what_it_answers(message: dict[str, Any]) -> None:
    """What came is quoted in a few words."""
    answer = await answer_to(json.dumps(message))
    assert (answer["type"], len(json.dumps(answer)) < 2_000) == ("error", True)


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({"type": "object", "description": "x" * 70_000}, "schema_too_complex"),
        ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}, None),
        ({"type": "string", "pattern": "(a+)+$"}, None),
        ({"type": "string", "pattern": "(?=a)"}, "schema_invalid"),
        ({"type": "string", "pattern": "("}, "schema_invalid"),
        (1e300, "schema_invalid"),
        (None, "schema_invalid"),
        ([], "schema_invalid"),
    ],
    ids=["long", "circular", "slow pattern", "look-ahead", "no pattern", "number", "null", "array"],
)
async def test_a_hostile_schema(schema: Any, code: str | None) -> None:
    """It is refused with a code, or harmless; never slow, never a crash."""
    async with (
        opened(ScriptedProvider(['{"a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}', Finish("stop")])) as gateway,
        joined(gateway.app) as socket,
        asyncio.timeout(2),
    ):
        client = await greeted(socket)
        await client.say(type="extract", id="a", schema=schema, input="x")
        answer = await client.hear()
        await client.ask(type="ping")
    assert answer.get("code") == code if code else answer["type"] in {"started", "error"}


async def test_doubling_schemas_are_counted_and_not_expanded() -> None:
    """Each level refers twice to the one below: refused as too complex, at once."""
    levels = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(26)}
    schema = {"$defs": {**levels, "l26": {"type": "object"}}, "$ref": "#/$defs/l0"}
    async with asyncio.timeout(2):
        answer = await answer_to(json.dumps({"type": "extract", "id": "a", "schema": schema, "input": "x"}))
    assert answer["code"] == "schema_too_complex"


async def test_a_flood_of_pings_by_one_who_reads() -> None:
    """Everyone is answered, in order; nothing piles up."""
    async with opened(ScriptedProvider(OK), **UNHURRIED) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        for number in range(5_000):
            await client.say(type="ping", nonce=number)
        assert [(await client.hear())["nonce"] for _ in range(5_000)] == list(range(5_000))


async def test_a_flood_of_pings_by_one_who_does_not_read() -> None:
    """The control lane is bounded: the connection is ended, others do not notice."""
    async with (
        opened(ScriptedProvider(OK), send_stall_s=0.02, **UNHURRIED) as gateway,
        joined(gateway.app) as bystander,
        joined(gateway.app) as flooder,
    ):
        other, client = await greeted(bystander), await greeted(flooder)
        flooder.reading.clear()
        for number in range(1_000):
            await client.say(type="ping", nonce=number)
        await flooder.ended.wait()
        assert (len(gateway.heartbeat), await other.ask(type="ping")) == (1, {"type": "pong"})


async def test_a_late_reader_of_a_flood_is_told_why() -> None:
    """4413 behind what was on its way."""
    async with opened(ScriptedProvider(OK), **UNHURRIED) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        socket.reading.clear()
        for number in range(1_000):
            await client.say(type="ping", nonce=number)
        await socket.blocked.wait()
        await turns(1_000)
        socket.reading.set()
        with pytest.raises(Closed) as closed:
            await client.finish(CheckedWatch("never", "patch"))
    assert closed.value.code == 4413


@asynccontextmanager
async def deaf_client(provider: ScriptedProvider, **limits: Any) -> AsyncGenerator[tuple[Any, Any]]:
    """Give a real connection that reads nothing, and the server's side of it; the server then stops, in time."""
    sockets: list[ClientConnection] = []
    try:
        async with asyncio.timeout(4), served(gateway_with(provider, **limits)) as gateway:
            address = gateway.url.replace("http://", "ws://") + "/v1/ws"
            sockets.append(
                await connect(address, subprotocols=[Subprotocol("extraction.v1")], max_size=None, proxy=None)
            )
            sockets[0].transport.pause_reading()
            (protocol,) = (each for each in gateway.server.server_state.connections if hasattr(each, "writable"))
            yield sockets[0], protocol
    finally:
        for socket in sockets:
            socket.transport.abort()


async def test_a_flood_of_websocket_pings_by_one_who_does_not_read() -> None:
    """The server stops reading them instead of keeping its answers: what it holds stays small."""
    async with deaf_client(ScriptedProvider(OK), **UNHURRIED) as (socket, protocol):
        flood = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1_000
        while protocol.writable.is_set():
            socket.transport.write(flood)
            await asyncio.sleep(0)
        await turns(100)
        assert protocol.transport.get_write_buffer_size() < 1 << 20


def endless() -> ScriptedProvider:
    """Return a provider that writes more than any socket holds."""
    return ScriptedProvider(['{"a": "', *["x" * 50_000] * 20, Gate(asyncio.Event())])


def called(protocol: Any, name: str) -> asyncio.Event:
    """Return an event that is set once a method has been called."""
    event, method = asyncio.Event(), getattr(protocol, name)

    def call(*arguments: Any) -> None:
        method(*arguments)
        event.set()

    setattr(protocol, name, call)
    return event


async def stall(socket: Any, protocol: Any, extractions: int = 16) -> None:
    """Ask for so much that the server's buffer is full."""
    full = called(protocol, "pause_writing")
    await socket.send('{"type": "hello"}')
    asked = {"type": "extract", "schema": ANYTHING, "input": "x", "interval_ms": 0, "encoding": "snapshot"}
    for number in range(extractions):
        await socket.send(json.dumps({**asked, "id": f"w{number}"}))
    await full.wait()


async def test_a_peer_that_does_not_read_is_really_dropped() -> None:
    """After `send_stall_s` the connection is gone, not only closed: nothing of it waits in a buffer for ever."""
    async with deaf_client(endless(), send_stall_s=0.1) as (socket, protocol):
        lost = called(protocol, "connection_lost")
        await stall(socket, protocol)
        await lost.wait()
        stalled_s = asyncio.get_running_loop().time() - protocol._progress_at
        assert (protocol.disconnected, stalled_s >= 0.1) == (True, True)


async def test_a_peer_that_reads_slowly_stays() -> None:
    """A frame that takes it many times `send_stall_s` is no reason to drop it: a little goes out all the time."""
    text = "x" * 2_500_000
    provider = ScriptedProvider([f'{{"a": "{text}', Gate(asyncio.Event())])
    async with deaf_client(provider, send_stall_s=0.2, value_bytes=3_000_000) as (socket, protocol):
        for transport, option in ((socket.transport, SO_RCVBUF), (protocol.transport, SO_SNDBUF)):
            transport.get_extra_info("socket").setsockopt(SOL_SOCKET, option, 65_536)  # else the kernels take it all
        sampled, taken = called(protocol, "_sample_progress"), called(protocol, "resume_writing")
        await stall(socket, protocol, extractions=2)
        samples = 0
        while not taken.is_set():
            await sampled.wait()
            sampled.clear()
            samples += 1
            socket.transport.resume_reading()
            await turns(3)
            socket.transport.pause_reading()
        assert samples > 2 * 4  # four of them are `send_stall_s`
        socket.transport.resume_reading()
        whole = 0
        while whole < 2:  # the next one was not given up either while it waited
            whole += text in await socket.recv()


async def test_a_ping_that_waits_behind_what_is_taken_slowly_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be answered before it is read; a peer that takes something all the time is slow, and not gone."""
    monkeypatch.setattr("gateway.serving._PING_S", 0.2)
    provider = ScriptedProvider([f'{{"a": "{"x" * 2_500_000}', Gate(asyncio.Event())])
    async with deaf_client(provider, value_bytes=3_000_000) as (socket, protocol):
        for transport, option in ((socket.transport, SO_RCVBUF), (protocol.transport, SO_SNDBUF)):
            transport.get_extra_info("socket").setsockopt(SOL_SOCKET, option, 65_536)  # else the kernels take it all
        timed_out, lost = called(protocol, "keepalive_timeout"), called(protocol, "connection_lost")
        await stall(socket, protocol, extractions=2)
        for _ in range(2):
            while not timed_out.is_set():
                socket.transport.resume_reading()
                await turns(1)
                socket.transport.pause_reading()
                await asyncio.sleep(0.03)
            timed_out.clear()
        assert not lost.is_set()


async def test_a_peer_that_does_not_read_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """The server stops within its time, and has nothing to complain about."""
    async with deaf_client(endless()) as (socket, protocol):
        await stall(socket, protocol)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_ids_that_look_like_something_else() -> None:
    """A new line, markup, nothing, too long: refused; they are never echoed as an id."""
    for id_ in ("a\n", "a\nb", "<b>", "", "x" * 65, "é", "a b", 5, None, ["a"]):
        answer = await answer_to(json.dumps({"type": "extract", "id": id_, "schema": ANYTHING, "input": "x"}))
        assert (answer["code"], answer.get("id"), answer["param"]) == ("bad_request", None, "id")


async def test_many_keys_and_ids_leave_nothing_behind() -> None:
    """What ended long ago is forgotten: extractions beyond what is retained cannot be found again."""
    async with opened(ScriptedProvider(OK), retained_extractions=3) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        watches = []
        for number in range(10):
            watches.append(await client.extract(f"w{number}", schema=ANYTHING, input="x", key=f"k{number}"))
            await client.finish(watches[-1])
        answers = [await client.ask(type="watch", id=f"v{w.id}", extraction=w.extraction) for w in watches[:7]]
        again = await client.extract("again", schema=ANYTHING, input="x", key="k0")
        await client.finish(again)
    assert [answer["code"] for answer in answers] == ["not_found"] * 7
    assert (again.opening or {})["deduplicated"] is False


# From a model


async def test_patterns_that_match_in_many_ways() -> None:
    """As many and as deep as may be, over a deep value: each place is looked at once, and the part is right."""
    paths = ["".join(f"/{'*' if number >> depth & 1 else 'a'}" for depth in range(32)) for number in range(32)]
    value: Any = "x"
    for _ in range(60):
        value = {"a": value, "b": [value] if len(str(value)) < 50 else []}
    provider = ScriptedProvider([json.dumps(value), Finish("stop")])
    async with opened(provider) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        fields = {"schema": ANYTHING, "input": "x", "encoding": "append", "interval_ms": 0, "paths": paths}
        async with asyncio.timeout(5):
            await client.finish(watch := await client.extract("a", **fields))
    assert watch.value == projected(value, paths) != value


async def test_duplicate_keys() -> None:
    """The last one counts, as json.loads has it, and the terminal says so."""
    watch = await written('{"a": [1, 2], "b": ', '1, "a": ', '"tw', 'o"}')
    assert watch.value == json.loads('{"a": [1, 2], "b": 1, "a": "two"}')
    assert (watch.terminal or {})["repairs"] == [{"kind": "duplicate_key", "offset": 27}]


async def test_keys_that_mean_something_elsewhere() -> None:
    """`__proto__`, an empty key, pointers' own characters: ordinary members."""
    text = '{"__proto__": {"x": 1}, "": 1, "a/b": {"~": 2}, "~1": [3], "constructor": null, "0": 0, "-": "-"}'
    watch = await written(*text)
    assert watch.value == json.loads(text)


async def test_nesting_without_end() -> None:
    """Ten thousand levels are no value; what is shown stays small enough for any client."""
    assert error_of(await written('{"a":' * 10_000)) == "invalid_output"
    assert error_of(await written('{"a":', *["["] * 300)) == "invalid_output"


@pytest.mark.parametrize("text", ['{"a": ' + "9" * 1_000_000, '{"a": 1e400}', '{"a": -1e400}'])
async def test_numbers_that_no_double_holds(text: str) -> None:
    """They are invalid output, whole or in pieces."""
    assert error_of(await written(text)) == "invalid_output"
    if len(text) < 100:
        assert error_of(await written(*text)) == "invalid_output"


async def test_what_is_no_number() -> None:
    """JSON has no NaN and no infinity: they are null, and listed."""
    watch = await written('{"a": NaN, "b": [-Infi', "nity]}")
    assert watch.value == {"a": None, "b": [None]}
    assert [repair["kind"] for repair in (watch.terminal or {})["repairs"]] == ["non_finite", "non_finite"]


async def test_text_that_is_slow_to_mend() -> None:
    """What a repair of the whole text would take seconds for is not tried."""
    text = '[{"a":' * 120 + "1" + ", 1}]" * 12_000
    begin_s = time.process_time()
    assert error_of(await written(text)) == "invalid_output"
    assert time.process_time() - begin_s < 5


async def test_integers_beyond_64_bits() -> None:
    """They are shown as they are, and the digest takes them as doubles."""
    watch = await written('{"a": 1', "0" * 30, "}")
    assert ((watch.terminal or {})["type"], watch.value) == ("completed", {"a": 10**30})


async def test_half_characters() -> None:
    """A lone surrogate becomes U+FFFD: every frame can be sent, every digest computed."""
    watch = await written('{"a": "\\ud83d', '\\ud83d\\ude00 \\ude00"', ', "\ud800": 1}')
    assert watch.value == {"a": "\ufffd😀 \ufffd", "\ufffd": 1}


async def test_a_value_beyond_the_limit() -> None:
    """The extraction fails; what was shown so far stays."""
    watch = await written('{"a": "', *["x" * 100] * 20, value_bytes=1_000)
    assert (error_of(watch), len(json.dumps(watch.value)) < 1_200) == ("output_too_large", True)


async def test_large_defaults_in_a_short_delta() -> None:
    """Every object that opens shows its defaults: the value is cut off at the limit, inside the delta."""
    default = list(range(1_000))
    opened_item = {"type": "object", "properties": {"a": {"default": default}}}
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": opened_item}}}
    provider = ScriptedProvider(['{"items":[' + "{}," * 1_300])
    async with opened(provider, value_bytes=20_000) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        await client.finish(watch := await client.extract("a", schema=schema, input="x"))
        shown = document_of(gateway, watch.extraction).value_bytes
    assert (error_of(watch), 20_000 < shown <= 20_000 + len(json.dumps({"a": default}))) == ("output_too_large", True)
    assert watch.value["items"][-1] == {"a": default}


async def test_white_space_without_end() -> None:
    """Text may be four times as long as the largest value, not longer."""
    assert error_of(await written('{"a": 1', *[" " * 500] * 20, value_bytes=1_000)) == "output_too_large"


async def test_text_behind_the_end() -> None:
    """It is not part of the value, and the terminal says so."""
    watch = await written('{"a": 1}', " and then some", "{}")
    assert (watch.value, [r["kind"] for r in (watch.terminal or {})["repairs"]]) == ({"a": 1}, ["trailing_text"])


async def test_ten_thousand_growths_of_one_string() -> None:
    """The tail is bounded in steps and bytes, however long it goes on."""
    limits: dict[str, Any] = {"tail_steps": 64, "tail_bytes": 4_096}
    provider = ScriptedProvider(['{"a": "', *["xy"] * 10_000, '"}', Finish("stop")])
    async with opened(provider, **limits) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        watch = await client.extract("a", schema=ANYTHING, input="x", encoding="append", interval_ms=0)
        await client.finish(watch)
        assert not document_of(gateway, watch.extraction).can_fold_from(watch.rev - 65 if watch.rev else 0)
    assert watch.value == {"a": "xy" * 10_000}


async def test_a_refusal_in_words_stays_here() -> None:
    """Its text reaches nobody."""
    provider = ScriptedProvider([Refusal("no, because you are bad"), Finish("stop")])
    async with opened(provider) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        await client.finish(watch := await client.extract("a", schema=ANYTHING, input="x"))
    assert (error_of(watch), "bad" in str(watch.frames)) == ("refused", False)


async def test_a_provider_with_a_bug() -> None:
    """An exception nobody expected ends that extraction as `internal`, without its words."""

    def script(_: object) -> list[Text]:
        raise KeyError("a secret")

    async with opened(ScriptedProvider(script)) as gateway, joined(gateway.app) as socket:
        client: Client = await greeted(socket)
        await client.finish(watch := await client.extract("a", schema=ANYTHING, input="x"))
        await client.ask(type="ping")
    assert (error_of(watch), "secret" in str(watch.frames)) == ("internal", False)


async def test_a_slow_loris_is_let_go() -> None:
    """A real socket that says nothing after the upgrade is closed in time, with others connected."""
    async with (
        served(gateway_with(ScriptedProvider(OK), hello_timeout_s=0.5)) as gateway,
        connected(gateway.url) as client,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
        writer.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: extraction.v1\r\n\r\n"
        )
        assert b"101" in await reader.readline()
        heard = await reader.readuntil(b"\r\n\r\n") + await reader.read(4)
        assert heard[-2:] == (4408).to_bytes(2, "big")
        assert await client.ask(type="ping") == {"type": "pong"}
        writer.close()


# From whoever wants a ticket that is not theirs, or too many

GUARDED: dict[str, Any] = {"tokens": ("right",)}
RIGHT = {"Authorization": "Bearer right"}


async def ticket_asked(app: ASGIApp, host: str = "127.0.0.1", **request: Any) -> httpx2.Response:
    """Ask for a ticket from an address."""
    transport = httpx2.ASGITransport(app=app, client=(host, 5))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.post("/v1/tickets", **{"json": {}, "headers": RIGHT, **request})


async def ticket_of(app: ASGIApp, host: str = "127.0.0.1") -> str:
    """Return a ticket."""
    return str((await ticket_asked(app, host)).json()["ticket"])


async def greetings(app: ASGIApp, *hellos: dict[str, Any]) -> list[str]:
    """Say hello on so many connections at the same time, and return what each is answered with."""
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(joined(app)) for _ in hellos]
        for socket, hello in zip(sockets, hellos, strict=True):
            await socket.send_text(json.dumps({"type": "hello", **hello}))
        answers = [json.loads(await socket.receive_text()) for socket in sockets]
    return [str(answer.get("code", answer["type"])) for answer in answers]


async def test_one_ticket_in_many_hellos_at_once() -> None:
    """Exactly one enters."""
    async with opened(ScriptedProvider(OK), settings=GUARDED) as gateway:
        ticket = await ticket_of(gateway.app)
        answers = await greetings(gateway.app, *[{"ticket": ticket}] * 20)
    assert sorted(answers) == ["unauthenticated"] * 19 + ["welcome"]


async def test_a_ticket_that_was_overheard_is_good_for_nothing_more() -> None:
    """Not for another session, not as a token, not for another ticket."""
    async with opened(ScriptedProvider(OK), settings=GUARDED) as gateway:
        ticket = await ticket_of(gateway.app)
        as_token = await greetings(gateway.app, {"token": ticket})
        for_another = await ticket_asked(gateway.app, headers={"Authorization": f"Bearer {ticket}"})
        as_ticket = [await greetings(gateway.app, {"ticket": ticket}) for _ in range(2)]
    assert (as_token, for_another.status_code) == (["unauthenticated"], 401)
    assert as_ticket == [["welcome"], ["unauthenticated"]]


async def test_a_session_that_a_ticket_opened_makes_no_other() -> None:
    """There is nothing on the socket to ask for one with."""
    async with opened(ScriptedProvider(OK), settings=GUARDED) as gateway, joined(gateway.app) as socket:
        client = Client(socket)
        await client.greet(ticket=await ticket_of(gateway.app))
        answers = [await client.ask(type=kind) for kind in ("ticket", "tickets", "credential")]
    assert {answer["code"] for answer in answers} == {"bad_request"}


async def test_tickets_cannot_be_guessed() -> None:
    """Each is 128 bits or more that no other has; who tries comes no more often than anybody else."""
    async with opened(ScriptedProvider(OK), settings=GUARDED, handshakes_burst=100) as gateway:
        tickets = {await ticket_of(gateway.app) for _ in range(100)}
        assert len(tickets) == 100
        assert min(len(base64.urlsafe_b64decode(ticket + "==")) for ticket in tickets) >= 16
        assert len({ticket[:4] for ticket in tickets}) > 90
        near = tickets.pop()
        guesses = ["", "x" * 16_000, near[:-1], f"{near}=", f" {near}", near.swapcase(), near[::-1]]
        answers = await greetings(gateway.app, *[{"ticket": guess} for guess in [*guesses, near]])
    assert answers == ["unauthenticated"] * len(guesses) + ["welcome"]


async def test_a_flood_of_guessed_tokens() -> None:
    """An address may ask as often as it may connect, whatever it brings; others do not notice."""
    wrong = {"Authorization": "Bearer wrong"}
    async with opened(ScriptedProvider(OK), settings=GUARDED, handshakes_burst=5) as gateway:
        flood = [await ticket_asked(gateway.app, headers=wrong) for _ in range(10)]
        other = await ticket_asked(gateway.app, "192.0.2.7")
    assert [answer.status_code for answer in flood] == [401] * 5 + [429] * 5
    assert (flood[-1].json()["code"], flood[-1].headers["retry-after"], other.status_code) == ("rate_limited", "1", 200)


async def test_a_flood_of_tickets_from_many_addresses() -> None:
    """One credential gets so many; what others were given before holds, and so does the bound of all together."""
    settings = {"tokens": ("right", "other")}
    limits = {"handshakes_burst": 4, "handshakes_per_address_per_s": 0.1, "max_tickets": 5}
    async with opened(ScriptedProvider(OK), settings=settings, **limits) as gateway:
        other = {"Authorization": "Bearer other"}
        earlier = (await ticket_asked(gateway.app, headers=other)).json()["ticket"]
        flood = [await ticket_asked(gateway.app, f"192.0.2.{number}") for number in range(8)]
        full = await ticket_asked(gateway.app, "192.0.2.99", headers=other)
        assert await greetings(gateway.app, {"ticket": earlier}) == ["welcome"]
        again = await ticket_asked(gateway.app, "192.0.2.98", headers=other)
    assert [answer.status_code for answer in flood] == [200] * 4 + [429] * 4
    assert (full.status_code, full.json()["code"], int(full.headers["retry-after"]) <= 30) == (
        503,
        "over_capacity",
        True,
    )
    assert again.status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
async def test_a_foreign_page_gets_no_ticket_with_somebodys_cookie(origin: str) -> None:
    """Not as a form would send it, nor as a script; nor is it told that it might. The cookie's owner gets one."""
    settings, cookie = Settings(), {"Cookie": "session=abc"}
    gateway = Gateway(
        provider=ScriptedProvider(OK),
        settings=settings,
        limits=Limits(),
        authenticate=lambda request, _: {"abc": "ann"}.get(request.cookies.get("session", "")),
    )
    await asyncio.to_thread(getattr, gateway, "app")
    foreign = {**cookie, "Origin": origin}
    async with gateway:
        form = await ticket_asked(
            gateway.app, json=None, content="{}", headers={**foreign, "Content-Type": "text/plain"}
        )
        script = await ticket_asked(gateway.app, headers=foreign)
        transport = httpx2.ASGITransport(app=gateway.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
            asks = {**foreign, "Access-Control-Request-Method": "POST"}
            before = await browser.options("/v1/tickets", headers=asks)
        assert gateway.figures.ticket_requests["issued"] == 0
        local_form = await ticket_asked(
            gateway.app,
            json=None,
            content="{}",
            headers={**cookie, "Origin": "http://localhost:99", "Content-Type": "text/plain"},
        )
        own = await ticket_asked(gateway.app, headers={**cookie, "Origin": "http://127.0.0.1:8080"})
    answers = (form, script, before, local_form, own)
    assert [answer.status_code for answer in answers] == [403, 403, 403, 415, 200]
    assert not any("access-control-allow-origin" in answer.headers for answer in (form, script, before))


ASKS = b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"Content-Length: 100000000000\r\n\r\n{", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b" " * 1_024 + b"\r\n1\r\n \r\n", b"413"),
        (b"Content-Length: 2\r\n\r\n{", b"408"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"408"),
    ],
    ids=["said to be huge", "endless", "not whole", "none"],
)
async def test_a_body_that_does_not_end(sent: bytes, status: bytes) -> None:
    """It is answered in the time that `hello` has, and the line is closed: nothing waits for the rest."""
    async with served(gateway_with(ScriptedProvider(OK), hello_timeout_s=0.2)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
        writer.write(ASKS + sent)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'"code":"bad_request"' in answer
