"""One connection: greeting, lane, writer, and what a peer that does not read costs."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.app import Gateway
from gateway.connection import Connection
from gateway.errors import CloseCode
from gateway.heartbeat import Heartbeat
from gateway.ports import Finish
from gateway.providers.scripted import Gate, Pause, ScriptedProvider, Step
from tests.fakes.client import CheckedWatch, Client, greeted
from tests.fakes.gateways import document_of, opened
from tests.fakes.transport import Closed, MemorySocket, joined

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


class Writing:
    """A provider that writes one string, a letter for each `write`."""

    def __init__(self, letters: int) -> None:
        """Begin with nothing written."""
        self._gates = [asyncio.Event() for _ in range(letters + 1)]
        self._open = iter(self._gates)
        steps: list[Step] = [Gate(self._gates[0]), '{"text": "']
        for gate in self._gates[1:]:
            steps += [Gate(gate), "x"]
        self.provider = ScriptedProvider([*steps, '"}', Finish("stop")])
        self.write()

    def write(self) -> None:
        """Let the next letter out."""
        next(self._open).set()

    def finish(self) -> None:
        """Let all of it out."""
        for gate in self._open:
            gate.set()


def asked(**fields: Any) -> dict[str, Any]:
    """Return what an `extract` asks for, with every update at once."""
    return {"schema": SCHEMA, "input": "x", "interval_ms": 0, **fields}


async def close_of(client: Client) -> Closed:
    """Read until the connection is closed, and return how."""
    with pytest.raises(Closed) as closed:
        await client.finish(CheckedWatch("never", "patch"))
    return closed.value


@asynccontextmanager
async def one_client(provider: ScriptedProvider, **limits: Any) -> AsyncGenerator[tuple[Client, MemorySocket, Gateway]]:
    """Give a client that has said hello."""
    async with opened(provider, **limits) as gateway, joined(gateway.app) as socket:
        yield await greeted(socket), socket, gateway


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (['{"type": "ping"}'], 4400),
        (['{"type": "extract", "id": "a"}'], 4400),
        (["[]"], 4400),
        (['{"type": "hello", "unknown": 1}'], 4400),
        (['{"type": "hello"}', '{"type": "hello"}'], 4400),
        ([b"{}"], 1003),
        (['{"type": "hello"}', b"{}"], 1003),
        ([json.dumps({"type": "hello", "client": "x" * 16_400})], 1009),
        ([json.dumps({"type": "hello", "client": "é" * 8_200}, ensure_ascii=False)], 1009),
        (['{"type": "hello"}', "x" * 262_145], 1009),
    ],
)
async def test_what_closes_a_connection(frames: Sequence[str | bytes], code: int) -> None:
    """A violated greeting, a binary frame, one of too many bytes: each its close code."""
    async with opened(ScriptedProvider([])) as gateway, joined(gateway.app) as socket:
        for frame in frames:
            await (socket.send_text(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        assert (await close_of(Client(socket))).code == code


async def test_a_large_welcome_is_delivered() -> None:
    """One larger than the lane holds otherwise, also to a client that asks on without waiting for it."""

    class Extracted(BaseModel):
        """What is extracted."""

    async with opened(ScriptedProvider([])) as gateway, joined(gateway.app) as socket:
        gateway.extractor(name="long", example="x" * 262_144)(Extracted)
        for message in ('{"type": "hello"}', '{"type": "ping"}', '{"type": "ping"}'):
            await socket.send_text(message)
        client = Client(socket)
        welcome, *answers = [await client.hear() for _ in range(3)]
    assert (welcome["type"], "x" * 262_144 in str(welcome)) == ("welcome", True)
    assert answers == [{"type": "pong"}] * 2


async def test_no_hello_in_time() -> None:
    """4408; one that came in time is never closed for it."""
    async with (
        opened(ScriptedProvider([]), hello_timeout_s=0.02) as gateway,
        joined(gateway.app) as quick,
        joined(gateway.app) as silent,
    ):
        client = await greeted(quick)
        assert (await close_of(Client(silent))).code == 4408
        assert await client.ask(type="ping") == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"type": "extract", "extractor": "unknown", "input": "x"}, "not_found", "extractor"),
        ({"type": "extract", "input": "x"}, "bad_request", "extractor"),
        ({"type": "extract", "schema": SCHEMA}, "bad_request", "input"),
        ({"type": "extract", **asked(encoding="rows")}, "bad_request", "encoding"),
        ({"type": "extract", **asked(grounding=True)}, "bad_request", "grounding"),
        ({"type": "watch", "extraction": "unknown"}, "not_found", "extraction"),
        ({"type": "watch", "extraction": "x", "from": "later"}, "bad_request", "from"),
        ({"type": "watch", "extraction": "x", "paths": ["a"]}, "bad_request", "paths"),
        ({"type": "extract", **asked(encoding="text", paths=["/a"])}, "bad_request", "paths"),
        ({"type": "unwatch"}, "not_found", "id"),
        ({"type": "adjust", "interval_ms": 5}, "not_found", "id"),
        ({"type": "cancel"}, "not_found", "id"),
        ({"type": "cancel", "extraction": "x"}, "bad_request", "id"),
        ({"type": "follow"}, "bad_request", "channel"),
        ({"type": "unfollow"}, "not_found", "id"),
        ({"type": "dance"}, "bad_request", "type"),
    ],
)
async def test_a_wrong_message_is_answered_and_the_session_goes_on(
    message: dict[str, Any], code: str, param: str
) -> None:
    """A coded error that names the id and the field; the same id works afterwards."""
    async with one_client(ScriptedProvider(['{"text": "ok"}', Finish("stop")])) as (client, _, _):
        error = await client.ask(id="a", **message)
        await client.finish(watch := await client.extract("a", **asked()))
    assert (error["type"], error["id"], error["code"], error["param"]) == ("error", "a", code, param)
    assert watch.value == {"text": "ok"}


async def test_a_reader_that_stopped_costs_nobody_anything() -> None:
    """Others hear everything; the stopped one's watch stays one revision and one flag, and later gets it in one."""
    writing = Writing(40)
    async with one_client(writing.provider) as (quick, _, gateway), joined(gateway.app) as socket:
        watch = await quick.extract("a", **asked(encoding="append"))
        slow = await greeted(socket)
        stopped = await slow.watch("b", watch.extraction, encoding="append", interval_ms=0)
        await slow.reach(0, stopped)
        socket.reading.clear()
        writing.write()
        await socket.blocked.wait()
        for rev in range(3, 40):
            writing.write()
            await quick.reach(rev, watch)
        encoded = document_of(gateway, watch.extraction).encoded_updates
        socket.reading.set()
        await slow.reach(39, stopped)
        frames = len(stopped.frames)
        writing.finish()
        await quick.finish(watch)
        await slow.finish(stopped)
    assert (encoded <= 40, frames) == (True, 4)  # watching, the first value, the one that was stuck, the rest in one
    assert stopped.value == watch.value == {"text": "x" * 40}


async def test_a_reader_that_stays_stopped_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """After the limit the connection ends by itself, with one line in the log; the extraction goes on."""
    caplog.set_level(logging.INFO)
    writing = Writing(3)
    async with one_client(writing.provider, send_stall_s=0.02) as (quick, _, gateway):
        watch = await quick.extract("a", **asked())
        async with joined(gateway.app) as socket:
            await (await greeted(socket)).watch("b", watch.extraction, interval_ms=0)
            socket.reading.clear()
            writing.write()
            await socket.ended.wait()
            assert len(gateway.heartbeat) == 1
        writing.finish()
        await quick.finish(watch)
    assert "did not take a frame" in caplog.text


async def test_what_is_said_of_the_state_fits_the_update_behind_it() -> None:
    """The value grows while `watching` is on its way: the revision it names is the one that follows it."""
    writing = Writing(3)
    async with one_client(writing.provider) as (quick, _, gateway), joined(gateway.app) as socket:
        watch = await quick.extract("a", **asked())
        await quick.reach(1, watch)
        slow = await greeted(socket)
        socket.reading.clear()
        await slow.say(type="watch", id="b", extraction=watch.extraction)
        await socket.blocked.wait()
        writing.write()
        await quick.reach(2, watch)
        socket.reading.set()
        watching, snapshot = await slow.hear(), await slow.hear()
        writing.finish()
        await quick.finish(watch)
    assert (watching["rev"], snapshot["rev"]) == (1, 1)


async def test_answers_overtake_updates() -> None:
    """A pong is not kept waiting by the watches that are dirty."""
    writing = Writing(2)
    async with one_client(writing.provider) as (client, socket, _):
        watches = [await client.extract("w0", **asked())]
        watches += [await client.watch(f"w{n}", watches[0].extraction, interval_ms=0) for n in range(1, 20)]
        await client.reach(1, *watches)
        socket.reading.clear()
        writing.write()
        await socket.blocked.wait()
        await client.say(type="ping", nonce="now")
        await socket.idle()
        socket.reading.set()
        heard = [(await client.hear())["type"] for _ in range(3)]
        writing.finish()
        await client.finish(*watches)
    assert "pong" in heard


async def test_watching_again_under_a_live_id_repositions_it() -> None:
    """The same id for the same extraction starts anew; for another it is a duplicate."""
    writing = Writing(3)
    async with one_client(writing.provider) as (client, _, _):
        first = await client.extract("a", **asked())
        await client.reach(1, first)
        other = await client.extract("other", **asked())
        again = await client.watch("a", first.extraction, encoding="snapshot", interval_ms=0)
        error = await client.ask(type="watch", id="a", extraction=other.extraction)
        writing.finish()
        await client.finish(again, other)
    assert ([frame["type"] for frame in again.frames][:2], error["code"]) == (["watching", "snapshot"], "duplicate_id")
    assert first.terminal is None


async def test_a_refused_watch_under_a_live_id_leaves_the_first_alone() -> None:
    """An unknown encoding is an error; the watch that lives goes on."""
    writing = Writing(2)
    async with one_client(writing.provider) as (client, _, _):
        watch = await client.extract("a", **asked())
        error = await client.ask(type="watch", id="a", extraction=watch.extraction, encoding="rows")
        writing.finish()
        await client.finish(watch)
    assert (error["param"], watch.value) == ("encoding", {"text": "xx"})


async def test_an_ended_extraction_makes_room() -> None:
    """The limit counts what runs, not what ran; joined ones do not count."""
    async with one_client(ScriptedProvider(['{"text": ""}', Finish("stop")]), extractions_per_connection=1) as (
        c,
        _,
        _,
    ):
        for number in range(3):
            await c.finish(await c.extract(f"w{number}", **asked()))
        await c.finish(await c.extract("a", **asked(key="k")), await c.extract("b", **asked(key="k")))


async def test_an_idle_connection_is_one_task() -> None:
    """Twenty more connections are twenty more tasks, also after each has had answers."""
    async with opened(ScriptedProvider([])) as gateway, AsyncExitStack() as stack:
        before = len(asyncio.all_tasks())
        for _ in range(20):
            client = await greeted(await stack.enter_async_context(joined(gateway.app)))
            assert await client.ask(type="ping", nonce=1) == {"type": "pong", "nonce": 1}
        assert len(asyncio.all_tasks()) - before == 20
        assert len(gateway.heartbeat) == 20
    assert len(gateway.heartbeat) == 0


async def test_silence_is_broken_by_a_ping() -> None:
    """Who has heard nothing since the given time hears a ping; who has, or has not said hello, does not."""
    async with opened(ScriptedProvider([])) as gateway, joined(gateway.app) as one, joined(gateway.app) as two:
        client = await greeted(one)
        await two.idle()
        now_s = asyncio.get_running_loop().time()
        for connection in gateway.heartbeat:
            connection.beat(silent_since=now_s - 3600)
            connection.beat(silent_since=now_s)
        assert await client.hear() == {"type": "ping"}
        assert await client.ask(type="ping") == {"type": "pong"}
        assert two.heard() == 0


async def test_a_close_is_not_overtaken_by_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much grows meanwhile, and however slowly it is taken, what was decided is said next."""
    send = MemorySocket.send

    async def slowly(self: MemorySocket, event: Any) -> None:
        await asyncio.sleep(0.01)
        await send(self, event)

    monkeypatch.setattr(MemorySocket, "send", slowly)
    provider = ScriptedProvider(['{"text": "', *[step for _ in range(5_000) for step in ("x", Pause(0.001))]])
    async with opened(provider) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        for number in range(3):
            await client.say(type="extract", id=f"w{number}", **asked(interval_ms=0))
        await asyncio.sleep(0.2)
        await client.say(type="hello")
        async with asyncio.timeout(1):
            assert (await close_of(client)).code == 4400


async def test_the_heartbeat_keeps_no_timer_without_connections() -> None:
    """It begins with the first and ends with the last."""
    heartbeat: Heartbeat[Connection] = Heartbeat(15)
    assert len(heartbeat) == 0
    async with opened(ScriptedProvider([])) as gateway:
        for _ in range(2):
            async with joined(gateway.app) as socket:
                await greeted(socket)
        assert len(gateway.heartbeat) == 0


async def test_the_heartbeat_notices_how_late_it_is() -> None:
    """Once for each beat; one that comes early is not late."""
    async with opened(ScriptedProvider([])) as gateway, joined(gateway.app) as socket:
        await greeted(socket)
        gateway.heartbeat._beat()
        assert (sum(gateway.figures.lag_s.counts), gateway.figures.lag_s.total) == (1, 0)


async def test_a_connection_can_be_closed_from_our_side() -> None:
    """What was to be said is said, then the close code; the extraction goes on."""
    writing = Writing(1)
    async with one_client(writing.provider) as (client, _, gateway):
        watch = await client.extract("a", **asked())
        (connection,) = gateway.heartbeat
        connection.shut(CloseCode.RESTART, "restart")
        closed = await close_of(client)
        writing.finish()
    assert (closed.code, closed.reason, watch.terminal) == (1012, "restart", None)


@pytest.mark.parametrize("fault", [ValueError("of ours"), RuntimeError("of ours")])
async def test_a_fault_while_frames_are_made(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is heard of, and ends the connection it befell; that one's extraction and the others go on."""

    def broken(*_: object) -> None:
        raise fault

    writing = Writing(2)
    async with one_client(writing.provider) as (other, _, gateway), joined(gateway.app) as socket:
        watch = await other.extract("a", **asked())
        client = await greeted(socket)
        extraction = (await client.extract("b", **asked())).extraction
        with monkeypatch.context() as patched:
            patched.setattr(document_of(gateway, extraction), "update", broken)
            writing.write()
            closed = await close_of(client)
        await socket.ended.wait()
        again = await other.watch("c", extraction)
        writing.finish()
        await other.finish(watch, again)
    assert (closed.code, len(gateway.heartbeat)) == (CloseCode.FAULT, 0)
    assert (watch.value, again.value) == ({"text": "xx"}, {"text": "xx"})
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [fault]


async def test_a_peer_that_vanishes_in_the_middle_of_a_send() -> None:
    """Nothing is left of it, and nothing is logged as an error."""
    writing = Writing(2)
    async with one_client(writing.provider) as (quick, _, gateway):
        watch = await quick.extract("a", **asked())
        async with joined(gateway.app) as socket:
            await (await greeted(socket)).watch("b", watch.extraction, interval_ms=0)
            socket.reading.clear()
            writing.write()
            await socket.blocked.wait()
        assert len(gateway.heartbeat) == 1
        writing.finish()
        await quick.finish(watch)
