"""The Python client and a real gateway: what is extracted, what a bad line costs, how a failure is said."""

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, assert_type

import httpx2
import pytest
from pydantic import BaseModel, TypeAdapter, field_validator

from gateway.client import Session, Watch, connect
from gateway.core.values import JsonValue
from gateway.errors import (
    CancelledExtraction,
    Closed,
    Disconnected,
    Forbidden,
    GatewayError,
    IncompleteExtraction,
    InputTooLarge,
    Internal,
    InvalidOutput,
    NotFound,
    ProviderError,
    SchemaInvalid,
    Unauthenticated,
)
from tests.e2e.conftest import Serve
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import FINAL, PIECES, SEEN, Gates, asked
from tests.fakes.relay import Frame, Relay, relayed

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class Meeting(BaseModel):
    """What the pieces say."""

    title: str
    people: list[Person]
    open: bool


MEETING = Meeting(title="Great é😀", people=[Person(name="Ann", age=42), Person(name="Bo", age=7)], open=True)


def session_with(gateway: Served | Relay, **options: Any) -> Session:
    """Return a session that waits no longer than it has to."""
    url = gateway.url.replace("http://", "ws://").removesuffix("/v1/ws") + "/v1/ws"
    return Session(url, **{"chance": lambda: 0.0, "proxy": None, **options})


async def reach(watch: Watch[Any], value: Any) -> None:
    """Iterate until a value is there."""
    async for seen in watch:
        if seen == value:
            return
    pytest.fail("the watch ended before")


def open_next(gates: Gates, seen: int) -> None:
    """Let out what follows on so many values; behind the last piece everything."""
    if seen < len(SEEN):
        gates.open(seen - 1)
    else:
        gates.open_all()


async def test_values_grow_and_the_result_is_the_validated_one(gateway: Served, fake: FakeOpenAI) -> None:
    """A loop that keeps up sees every step; what it was given never changes."""
    fake.reply((gates := Gates()).reply())
    seen = []
    async with session_with(gateway) as session:
        watch = session.extract(**asked())
        async for value in watch:
            seen.append((value, json.dumps(value)))
            open_next(gates, len(seen))
        result = await watch.result()
        assert watch.terminal is not None
    assert [value for value, _ in seen] == [*SEEN, FINAL]
    assert [json.dumps(value) for value, _ in seen] == [text for _, text in seen]
    assert (result, watch.value, watch.terminal["attempts"]) == (FINAL, FINAL, 1)


async def test_what_a_model_thinks_aloud_is_not_part_of_the_value(gateway: Served, fake: FakeOpenAI) -> None:
    """It is kept beside it, where it was asked for."""
    fake.reply(Reply(PIECES, reasoning=("Ann, then ", "Bo.")))
    async with session_with(gateway) as session:
        watch = session.extract(**asked(encoding="append", reasoning=True))
        assert (await watch.result(), watch.reasoning) == (FINAL, "Ann, then Bo.")


async def test_a_slow_loop_sees_fewer(gateway: Served, fake: FakeOpenAI) -> None:
    """What came while the loop was busy is folded into the next value."""
    fake.reply((gates := Gates()).reply())
    async with session_with(gateway) as session:
        watch = session.extract(**asked())
        values = aiter(watch)
        assert await anext(values) == SEEN[0]
        gates.open_all()
        await watch.result()
        rest = [value async for value in values]
    assert rest == [FINAL]


async def test_a_type_as_schema_gives_its_instance(gateway: Served, fake: FakeOpenAI) -> None:
    """A model, a list of them, and whatever a TypeAdapter holds; `many` asks for a list too."""
    people = '[{"name": "Ann", "age": 42}]'
    answers = [f'{{"items": {people}}}', f'{{"value": {people}}}', '{"value": 7}']
    fake.reply(Reply(PIECES), *(Reply([answer]) for answer in answers))
    async with session_with(gateway) as session:
        meeting = session.extract(schema=Meeting, input="x")
        assert_type(meeting, Watch[Meeting])
        assert await meeting.result() == MEETING
        everybody = session.extract(schema=Person, many=True, input="x")
        assert_type(everybody, Watch[list[Person]])
        assert await everybody.result() == MEETING.people[:1]
        assert await session.extract(schema=list[Person], input="x").result() == MEETING.people[:1]
        number = session.extract(schema=TypeAdapter[int | None](int | None), input="x")
        assert_type(number, Watch[int | None])
        assert await number.result() == 7


async def test_a_part_of_the_value(gateway: Served, fake: FakeOpenAI) -> None:
    """Values and result are what the paths select, also behind a lost line; a type would need the whole."""
    fake.reply((gates := Gates()).reply())
    names = ["/people/*/name"]
    async with session_with(gateway) as session:
        watch = session.extract(**asked(paths=names))
        for number in range(5):
            gates.open(number)
        await reach(watch, {"people": [{"name": "Ann"}]})
        session.interrupt()
        gates.open_all()
        assert await watch.result() == {"people": [{"name": "Ann"}, {"name": "Bo"}]}
        late = session.watch(extraction=await watch.started(), paths=names, encoding="items")
        assert await late.result() == watch.value
        items: Any = late.value
        assert {"people": [item["value"] for item in items]} == watch.value
        with pytest.raises(TypeError, match="JSON Schema"):
            session.extract(schema=Meeting, input="x", paths=names)
        with pytest.raises(GatewayError, match=r"^paths: ") as refused:
            await session.watch(extraction=await watch.started(), paths=["people"]).result()
    assert (refused.value.code, refused.value.param) == ("bad_request", "paths")


async def test_a_type_may_ask_for_more_than_its_schema(gateway: Served, fake: FakeOpenAI) -> None:
    """What only the type's own code refuses is `invalid_output`, with the place and the value."""

    class Even(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def is_even(cls, number: int) -> int:
            if number % 2:
                raise ValueError("odd")
            return number

    fake.reply(Reply(['{"number": 3}']))
    async with session_with(gateway) as session:
        watch = session.extract(schema=Even, input="x")
        with pytest.raises(InvalidOutput) as raised:
            await watch.result()
    assert raised.value.errors == ({"path": "/number", "message": "Value error, odd"},)
    assert raised.value.value == {"number": 3}


async def test_a_plain_schema_gives_plain_json(gateway: Served, fake: FakeOpenAI) -> None:
    """And the types say so."""
    fake.reply(Reply(['{"answer": 42}']))
    async with session_with(gateway) as session:
        watch = session.extract(schema={"type": "object"}, input="x")
        assert_type(watch, Watch[JsonValue])
        assert await watch.result() == {"answer": 42}


async def test_what_is_asked_for_is_what_the_wire_knows(gateway: Served, fake: FakeOpenAI) -> None:
    """Every option reaches the provider; one that is not JSON is refused before anything is sent."""
    fake.reply(Reply(PIECES))
    chat = [{"role": "user", "content": "hi"}]
    async with session_with(gateway) as session:
        with pytest.raises(TypeError):
            session.extract(schema={}, messages=[{"role": object()}])
        with pytest.raises(SchemaInvalid):
            session.extract(schema=Callable[[], int], input="x")  # type: ignore[call-overload] # no type pydantic knows
        await session.extract(schema={}, messages=chat, model="m", mode="json", params={"seed": 3}).result()
    (call,) = fake.calls
    assert (call.body["model"], call.body["seed"], call.body["messages"][-1]) == ("m", 3, chat[0])
    assert call.body["response_format"] == {"type": "json_object"}


async def test_many_extractions_share_a_session(gateway: Served, fake: FakeOpenAI) -> None:
    """Each has its own result, and a failure among them disturbs nobody."""
    fake.route(lambda call: Reply([f'{{"answer": {call.body["seed"]}}}' if call.body["seed"] % 3 else "?"]))
    async with session_with(gateway) as session:
        watches = [session.extract(schema={"type": "object"}, input="x", params={"seed": n}) for n in range(12)]
        results = await asyncio.gather(*(watch.result() for watch in watches), return_exceptions=True)
    for number, result in enumerate(results):
        assert isinstance(result, InvalidOutput) if number % 3 == 0 else result == {"answer": number}


async def test_an_extraction_is_watched_by_its_name(gateway: Served, fake: FakeOpenAI) -> None:
    """While it runs and after it has ended, from other sessions, without another call."""
    fake.reply((gates := Gates()).reply())
    async with session_with(gateway) as one, session_with(gateway) as two:
        first = one.extract(**asked())
        name = await first.started()
        second = two.watch(extraction=name, interval_ms=0)
        await reach(second, SEEN[0])
        gates.open_all()
        assert await second.result() == await first.result() == FINAL
        late = two.watch(extraction=name)
        assert [value async for value in late] == [FINAL]
        assert (await late.result(), late.extraction, len(fake.calls)) == (FINAL, name, 1)


async def test_cancel_ends_it_for_everybody(gateway: Served, fake: FakeOpenAI) -> None:
    """Whoever waits is told, with the value so far."""
    fake.reply((gates := Gates()).reply())
    async with session_with(gateway) as one, session_with(gateway) as two:
        first = one.extract(**asked())
        gates.open(0)
        await reach(first, SEEN[1])
        second = two.watch(extraction=await first.started())
        await reach(second, SEEN[1])
        await second.cancel()
        for watch in (first, second):
            with pytest.raises(CancelledExtraction) as raised:
                await watch.result()
            assert raised.value.value == SEEN[1]
    assert fake.calls[0].disconnected.is_set()


async def test_cancel_right_behind_extract(gateway: Served, fake: FakeOpenAI) -> None:
    """Whether it was sent by then or not, it ends."""
    fake.default = Gates().reply()
    async with session_with(gateway) as session:
        unsent = session.extract(**asked())
        await unsent.cancel()
        await session.connected()
        sent = session.extract(**asked())
        await asyncio.sleep(0)
        await sent.cancel()
        for watch in (unsent, sent):
            with pytest.raises(CancelledExtraction):
                await watch.result()


async def test_close_ends_the_watch_and_not_the_extraction(gateway: Served, fake: FakeOpenAI) -> None:
    """The loop just ends, the result is `closed`; somebody else gets the value."""
    fake.reply((gates := Gates()).reply())
    async with session_with(gateway) as session:
        watch = session.extract(**asked())
        values = aiter(watch)
        assert await anext(values) == SEEN[0]
        name = await watch.started()
        await watch.close()
        assert [value async for value in values] == []
        with pytest.raises(Closed):
            await watch.result()
        assert gateway.gateway.hub.find(name).run.extraction.state == "running"
        other = session.watch(extraction=name)
        gates.open_all()
        assert await other.result() == FINAL


@pytest.mark.parametrize("encoding", ["snapshot", "patch", "append"])
async def test_an_interrupted_watch_goes_on(gateway: Served, fake: FakeOpenAI, encoding: str) -> None:
    """A lost socket in the middle costs no second call, and the values go on where they were."""
    fake.reply((gates := Gates()).reply())
    seen = []
    async with session_with(gateway) as session:
        watch = session.extract(**asked(encoding=encoding))
        async for value in watch:
            seen.append(value)
            if len(seen) in {1, 4, 6}:
                session.interrupt()
            open_next(gates, len(seen))
        assert await watch.result() == FINAL
    assert seen == [*SEEN, FINAL]
    assert len(fake.calls) == 1


@pytest.mark.parametrize("code", [1006, 1001, 1012, 4408, 4413, 4500])
async def test_a_cut_by_the_server_is_resumed_from_the_position(gateway: Served, fake: FakeOpenAI, code: int) -> None:
    """Whatever the reason, as long as it passes; too slow asks for fewer updates."""
    fake.reply((gates := Gates()).reply())
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        watch = session.extract(**asked())
        gates.open(0)
        await reach(watch, SEEN[1])
        await relay.cut(code)
        await relay.until(lambda: relay.said[-1]["type"] == "watch")
        gates.open_all()
        assert await watch.result() == FINAL
    again = relay.said[-1]
    assert (again["extraction"], again["from"]["rev"]) == (watch.extraction, 1)
    assert again["interval_ms"] == (80 if code == 4413 else 0)
    assert ([frame["type"] for frame in relay.said], len(fake.calls)) == (["hello", "extract", "hello", "watch"], 1)


async def test_a_line_lost_before_the_answer_costs_no_second_call(gateway: Served, fake: FakeOpenAI) -> None:
    """It is asked again by its key, and joined."""
    fake.reply(Reply(PIECES))
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        relay.alter = lambda frame: None if "id" in frame else frame
        watch = session.extract(**asked())
        await fake.wait_for_calls(1)
        relay.alter = lambda frame: frame
        await relay.cut()
        assert await watch.result() == FINAL
    first, second = [frame for frame in relay.said if frame["type"] == "extract"]
    assert (first, len(first["key"]), len(fake.calls)) == (second, 32, 1)


async def test_a_channel_is_followed_over_a_lost_line(gateway: Served, fake: FakeOpenAI) -> None:
    """What began and ended meanwhile is heard of, what was known is not told again; leaving leaves nothing."""
    fake.route(lambda _: Reply(PIECES))
    async with relayed(gateway.url) as relay, session_with(relay) as session, session_with(gateway) as other:
        follow = session.follow(channel="news")
        first = other.extract(**asked(), channel="news")
        await first.result()
        heard: list[tuple[str, str]] = []
        async for announcement in follow:
            heard.append((announcement["extraction"], announcement["state"]))
            if heard[-1] == (await first.started(), "completed"):
                break
        relay.alter = lambda frame: None if frame["type"] == "announcement" else frame
        second = other.extract(**asked(), channel="news")
        await second.result()
        relay.alter = lambda frame: frame
        await relay.cut()
        announcement = await anext(follow)
        assert (announcement["extraction"], announcement["state"]) == (await second.started(), "completed")
        await follow.aclose()
        assert [announcement async for announcement in follow] == []
        await session.extract(**asked()).result()
        assert [frame["type"] for frame in relay.said].count("follow") == 2
        assert "unfollow" in [frame["type"] for frame in relay.said]


async def test_leaving_is_no_fault(gateway: Served, fake: FakeOpenAI) -> None:
    """The server is told that the client is done."""
    fake.route(lambda _: Reply(PIECES))
    before = Counter(gateway.gateway.figures.closed)
    async with session_with(gateway) as session:
        await session.extract(**asked()).result()
    async with asyncio.timeout(2):
        while len(gateway.gateway.heartbeat):  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.01)
    assert gateway.gateway.figures.closed - before == {("1000", "client"): 1}


async def test_many_requests_are_sent_as_fast_as_the_server_takes_them(serve: Serve, fake: FakeOpenAI) -> None:
    """None of them is refused."""
    fake.route(lambda _: Reply(PIECES))
    async with serve(messages_burst=10, messages_per_s=50) as gateway, session_with(gateway) as session:
        watches = [session.extract(**asked()) for _ in range(30)]
        assert [await watch.result() for watch in watches] == [FINAL] * 30


async def test_what_ended_meanwhile_is_fetched(gateway: Served, fake: FakeOpenAI) -> None:
    """The client comes back after the end, and gets what it missed."""
    fake.reply((gates := Gates()).reply())
    async with relayed(gateway.url) as relay, session_with(relay) as session, session_with(gateway) as other:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        relay.alter = lambda frame: None
        gates.open_all()
        await other.watch(extraction=await watch.started()).result()
        relay.alter = lambda frame: frame
        await relay.cut()
        assert await watch.result() == FINAL
    assert len(fake.calls) == 1


async def test_silence_is_a_dead_line(gateway: Served, fake: FakeOpenAI) -> None:
    """Nothing came for longer than the limit: the client comes back on a line that speaks."""
    fake.reply((gates := Gates()).reply())
    async with relayed(gateway.url) as relay, session_with(relay, silence_s=0.2) as session:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        relay.alter = lambda frame: None
        gates.open_all()
        await relay.until(lambda: relay.connected == 2)
        relay.alter = lambda frame: frame
        assert await watch.result() == FINAL


async def test_a_gap_is_repaired(gateway: Served, fake: FakeOpenAI) -> None:
    """A patch that was lost is noticed at the next one, and the watch goes on from where it was."""
    pieces = ['{"title": "' + "x" * 500, '", "people": [{"name": "A', "nn", 'a"', ', "age": 1}], "open": true}']
    fake.reply((gates := Gates()).reply(pieces))
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        relay.alter = lambda frame: None if frame.get("rev") == 2 else frame
        watch = session.extract(**asked())
        gates.open(0)
        await reach(watch, {**SEEN[0], "title": "x" * 500})
        gates.open(1)
        await relay.until(lambda: relay.lost == 1)
        relay.alter = lambda frame: frame
        gates.open(2)
        await relay.until(lambda: relay.said[-1]["type"] == "watch")
        gates.open_all()
        result = await watch.result()
    assert result == {"title": "x" * 500, "people": [{"name": "Anna", "age": 1}], "open": True}
    assert (relay.said[-1]["from"]["rev"], relay.connected, len(fake.calls)) == (1, 1, 1)


async def test_gaps_without_end_are_the_servers_fault(gateway: Served, fake: FakeOpenAI) -> None:
    """After five answers in a row that do not follow on the watch fails; the others live."""
    fake.reply((gates := Gates()).reply(), Reply(PIECES))

    def wrong(frame: Frame) -> Frame | None:
        return (
            {**frame, "type": "patch", "from": 77, "ops": []} if frame.get("id") == "w1" and "value" in frame else frame
        )

    async with relayed(gateway.url) as relay, session_with(relay) as session:
        relay.alter = wrong
        with pytest.raises(Internal):
            await session.extract(**asked()).result()
        assert await session.extract(**asked()).result() == FINAL
        gates.open_all()
    assert len([frame for frame in relay.said if frame["type"] == "watch"]) == 5


def spoiled(times: int) -> Callable[[Frame], Frame]:
    """Return what spoils so many snapshots and patches that would give the final value."""
    left = [times]

    def spoil(frame: Frame) -> Frame:
        if not frame.get("final") or not left[0]:
            return frame
        left[0] -= 1
        if frame["type"] == "snapshot":
            return {**frame, "value": {**frame["value"], "title": "not what the model said"}}
        return {**frame, "ops": [{"op": "replace", "path": "/title", "value": "not what the model said"}]}

    return spoil


@pytest.mark.parametrize("padding", [0, 20_000], ids=["small", "in a thread"])
async def test_a_digest_that_differs_is_asked_for_again(gateway: Served, fake: FakeOpenAI, padding: int) -> None:
    """Once, from the start; then the value is what the server vouches for."""
    document = {**FINAL, "title": "x" * padding}
    fake.reply(Reply([json.dumps(document)]))
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        relay.alter = spoiled(times=1)
        watch = session.extract(**asked())
        assert await watch.result() == document
    (again,) = [frame for frame in relay.said if frame["type"] == "watch"]
    assert again["from"] == "start"


async def test_a_digest_that_differs_twice_is_a_failure(gateway: Served, fake: FakeOpenAI) -> None:
    """No value is better than a wrong one."""
    fake.reply(Reply(PIECES))
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        relay.alter = spoiled(times=2)
        with pytest.raises(Internal, match="digest"):
            await session.extract(**asked()).result()


@pytest.mark.parametrize(
    "frame",
    [
        b"\x00\xff",
        "no JSON",
        "[]",
        "{}",
        '{"type": 7}',
        '{"type": ["welcome"], "id": "w1"}',
        '{"type": "from the future", "id": "w1"}',
        '{"type": "error", "code": "from the future", "message": "?", "retryable": true}',
        '{"type": "snapshot", "id": "w1"}',
        '{"type": "patch", "id": "w1", "from": "a", "rev": [], "ops": 7}',
        '{"type": "started", "id": "w1"}',
        '{"type": "goaway", "retry_after_ms": "soon"}',
        '{"type": "welcome", "limits": []}',
    ],
)
async def test_what_a_server_may_not_say_disturbs_nothing(
    gateway: Served, fake: FakeOpenAI, frame: str | bytes
) -> None:
    """It is ignored, or the watch is asked for again."""
    fake.reply((gates := Gates()).reply())
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        await relay.inject(frame)
        gates.open_all()
        assert await watch.result() == FINAL
    assert (relay.connected, len(fake.calls)) == (1, 1)


async def test_a_server_that_goes_away_says_when_to_come_back(gateway: Served) -> None:
    """The wait is at least as long as its `goaway` asks for."""
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        await session.connected()
        await relay.inject('{"type": "goaway", "reason": "restart", "retry_after_ms": 300, "deadline_ms": 0}')
        now_s = asyncio.get_running_loop().time
        before_s = now_s()
        await relay.cut(1012)
        await relay.until(lambda: relay.connected == 2)
        assert now_s() - before_s >= 0.3


async def test_a_token_lets_in(serve: Serve, fake: FakeOpenAI) -> None:
    """As text, from a function, from an async one; a function is asked anew for each connection."""
    asked_for = []

    async def token() -> str:
        asked_for.append("t")
        return "open sesame"

    fake.default = Reply(PIECES)
    async with serve(settings={"tokens": ["open sesame"]}) as gateway:
        for given in ("open sesame", lambda: "open sesame", token):
            async with session_with(gateway, token=given) as session:
                assert await session.extract(**asked()).result() == FINAL
        async with session_with(gateway, token=token) as session:
            await session.connected()
            session.interrupt()
            await session.extract(**asked()).result()
    assert len(asked_for) == 3


async def test_a_token_reaches_no_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Also where everything is logged; a ticket neither."""
    caplog.set_level(logging.DEBUG)
    async with serve(settings={"tokens": ["sesame"]}) as gateway:
        for token in ("sesame", "sesame street"):
            for name in ("token", "ticket"):
                async with session_with(gateway, **{name: token}) as session:
                    with suppress(Unauthenticated):
                        await session.connected()
    assert [record for record in caplog.records if record.name.startswith("gateway.client")]
    assert "sesame" not in caplog.text


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_a_wrong_token_is_told_once(serve: Serve, token: str | None) -> None:
    """Whoever waits is told the server's reason, and so is who asks later."""
    async with serve(settings={"tokens": ["right"]}) as gateway, session_with(gateway, token=token) as session:
        with pytest.raises(Unauthenticated, match="expected a credential"):
            await session.extract(**asked()).result()
        with pytest.raises(Unauthenticated):
            await session.connected()
        with pytest.raises(Unauthenticated):
            await session.extract(**asked()).result()


async def test_a_stale_token_is_refreshed_once(serve: Serve) -> None:
    """The second one may hold; a second one that does not is the end."""
    tokens = ["stale", "right"]
    async with serve(settings={"tokens": ["right"]}) as gateway:
        async with session_with(gateway, token=lambda: tokens.pop(0)) as session:
            assert (await session.connected())["protocol"] == "extraction.v1"
        tokens = ["stale", "stale", "not asked for"]
        async with session_with(gateway, token=lambda: tokens.pop(0)) as session:
            with pytest.raises(Unauthenticated):
                await session.connected()
    assert tokens == ["not asked for"]


async def test_a_token_that_cannot_be_had(gateway: Served) -> None:
    """The function's own error is the cause."""

    def token() -> str:
        raise OSError("no key ring")

    async with session_with(gateway, token=token) as session:
        with pytest.raises(Unauthenticated) as raised:
            await session.extract(**asked()).result()
    assert isinstance(raised.value.__cause__, OSError)


async def test_a_token_that_cannot_be_had_for_a_while(gateway: Served, fake: FakeOpenAI) -> None:
    """Where there was a connection once, that is a bad line like any other: it is asked for again."""
    fake.reply((gates := Gates()).reply())
    answers = iter([None, OSError("no net"), OSError("no net"), OSError("no net"), None])

    def token() -> str | None:
        if (fault := next(answers)) is not None:
            raise fault
        return None

    async with relayed(gateway.url) as relay, session_with(relay, token=token) as session:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        await relay.cut()
        gates.open_all()
        assert await watch.result() == FINAL


async def new_ticket(gateway: Served) -> str:
    """Ask for a ticket."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{gateway.url}/v1/tickets", json={}, headers={"Authorization": "Bearer right"})
    return str(answer.json()["ticket"])


async def test_a_ticket_lets_in(serve: Serve, fake: FakeOpenAI) -> None:
    """From a function, which is asked anew for each connection, a session comes back and goes on."""
    fake.reply((gates := Gates()).reply())
    async with (
        serve(settings={"tokens": ["right"]}) as gateway,
        session_with(gateway, ticket=lambda: new_ticket(gateway)) as session,
    ):
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        session.interrupt()
        gates.open_all()
        assert await watch.result() == FINAL
        assert gateway.gateway.figures.tickets_spent == 2


async def test_a_ticket_as_text_is_good_for_one_connection(serve: Serve, fake: FakeOpenAI) -> None:
    """When the line is lost the session ends, and says why."""
    fake.reply((gates := Gates()).reply())
    async with serve(settings={"tokens": ["right"]}) as gateway:
        ticket = await new_ticket(gateway)
        async with session_with(gateway, ticket=ticket) as session:
            watch = session.extract(**asked())
            await reach(watch, SEEN[0])
            session.interrupt()
            with pytest.raises(Unauthenticated, match="expected a ticket that is open") as raised:
                await watch.result()
        gates.open_all()
    assert (raised.value.param, raised.value.value) == ("ticket", SEEN[0])


async def test_a_ticket_that_cannot_be_had(gateway: Served) -> None:
    """The function's own error is the cause."""

    def ticket() -> str:
        raise OSError("no net")

    async with session_with(gateway, ticket=ticket) as session:
        with pytest.raises(Unauthenticated, match="no ticket to be had") as raised:
            await session.connected()
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1009, 4400, 4403, 4406])
async def test_a_server_that_will_not_have_us_ends_the_session(gateway: Served, fake: FakeOpenAI, code: int) -> None:
    """Nothing is tried again, and whoever waits is told the code."""
    fake.reply((gates := Gates()).reply())
    async with relayed(gateway.url) as relay, session_with(relay) as session:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        await relay.cut(code)
        gates.open_all()
        with pytest.raises(Disconnected, match=str(code)) as raised:
            await watch.result()
    assert (raised.value.value, relay.connected) == (SEEN[0], 1)


def told_to(event: asyncio.Event) -> Callable[[], float]:
    """Return a chance for the shortest wait; it is asked for after each try that failed."""

    def chance() -> float:
        event.set()
        return 0.0

    return chance


async def test_a_gateway_that_is_not_there_yet(gateway: Served, fake: FakeOpenAI) -> None:
    """Nobody listens; when somebody does, what was asked for is done."""
    fake.reply(Reply(PIECES))
    tried = asyncio.Event()
    async with relayed(gateway.url) as gone:
        pass
    async with session_with(gone, chance=told_to(tried)) as session:
        watch = session.extract(**asked())
        await tried.wait()
        async with relayed(gateway.url, port=gone.port):
            assert await watch.result() == FINAL
            assert session.welcome is not None


async def test_nobody_listens(gateway: Served) -> None:
    """After the time for the first connection everything fails, with the address and the reason, also what is late."""
    async with relayed(gateway.url) as gone:
        pass
    words = rf"^no connection to 127.0.0.1:{gone.port}/v1/ws within 0.05 s: connection refused$"
    async with session_with(gone, timeout_s=0.05) as session:
        watch = session.extract(**asked())
        for late in (watch.result(), session.connected(), session.extract(**asked()).result()):
            with pytest.raises(Disconnected, match=words):
                await late


async def test_somebody_else_listens() -> None:
    """Who takes the connection and says nothing is not waited for either."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with Session(f"ws://127.0.0.1:{port}/v1/ws", timeout_s=0.05, proxy=None) as session:
            with pytest.raises(Disconnected, match=r"within 0.05 s: no answer$"):
                await session.connected()


async def test_a_gateway_that_was_there_is_waited_for(gateway: Served) -> None:
    """However long it is away: the time for the first connection is over with it."""
    async with relayed(gateway.url) as relay, session_with(relay, timeout_s=1) as session:
        await session.connected()
        await relay.inject('{"type": "goaway", "reason": "restart", "retry_after_ms": 1200, "deadline_ms": 0}')
        await relay.cut(1012)
        await relay.until(lambda: relay.connected == 2)
        assert (await session.connected())["protocol"] == "extraction.v1"


@pytest.mark.parametrize(("path", "origin"), [("/v1/ws", "http://evil.example"), ("/no/such/place", None)])
async def test_an_upgrade_that_is_refused_ends_the_session(gateway: Served, path: str, origin: str | None) -> None:
    """The HTTP status says why."""
    async with Session(gateway.url.replace("http", "ws") + path, proxy=None, origin=origin) as session:
        with pytest.raises(Forbidden, match="the server answered 403"):
            await session.connected()


async def test_a_full_server_says_when_to_come_back(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """The wait is as long as its `Retry-After` asks for; leaving ends it."""
    tried = asyncio.Event()
    async with (
        serve(max_connections=0) as gateway,
        session_with(gateway, chance=told_to(tried)) as session,
    ):
        await tried.wait()
        await asyncio.sleep(0)
        assert session.welcome is None
    assert "next try in 5.0 s" in caplog.text


async def test_items_and_text(gateway: Served, fake: FakeOpenAI) -> None:
    """The items so far, each with its place, and the whole value as the result; the text so far, and all of it."""
    fake.reply((gates := Gates()).reply())
    async with session_with(gateway) as session:
        items = session.extract(**asked(encoding="items"))
        values = aiter(items)
        for number in range(6):
            gates.open(number)
        first = await anext(values)
        text = session.watch(extraction=items.extraction or "", encoding="text")
        assert "".join(PIECES).startswith(str(await anext(aiter(text))))
        gates.open_all()
        assert await items.result() == FINAL
        assert await text.result() == "".join(PIECES)
        rest: list[Any] = [first, *[value async for value in values]]
    assert [item["value"] for item in rest[0]] == FINAL["people"][:1]
    assert [item["value"] for item in rest[-1]] == FINAL["people"]


async def test_what_is_not_there_is_said(gateway: Served, fake: FakeOpenAI) -> None:
    """An unknown extractor, an unknown extraction, a wish that is not offered: each its error, the session goes on."""
    fake.reply(Reply(PIECES))
    async with session_with(gateway) as session:
        with pytest.raises(NotFound) as raised:
            await session.extract(extractor="nobody", input="x").result()
        assert raised.value.param == "extractor"
        with pytest.raises(NotFound):
            await session.watch(extraction="never was").result()
        with pytest.raises(GatewayError) as refused:
            async for _ in session.extract(**asked(), grounding=True):
                pass
        assert (refused.value.code, refused.value.param) == ("bad_request", "grounding")
        assert await session.extract(**asked()).result() == FINAL


async def test_what_is_too_large_to_send_disturbs_nobody(serve: Serve, fake: FakeOpenAI) -> None:
    """The server would close the connection; so it is refused here, and other watches live."""
    fake.reply((gates := Gates()).reply())
    async with serve(message_bytes=5_000) as gateway, relayed(gateway.url) as relay, session_with(relay) as session:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        with pytest.raises(InputTooLarge, match="at most 5000 bytes"):
            await session.extract(**asked(input="é" * 3_000)).result()
        gates.open_all()
        assert await watch.result() == FINAL
    assert relay.connected == 1


async def test_large_frames_are_read(gateway: Served, fake: FakeOpenAI) -> None:
    """A value as large as the server allows, in one snapshot."""
    document = {**FINAL, "title": "x" * 1_000_000}
    fake.reply(Reply([json.dumps(document)]))
    async with session_with(gateway) as session:
        assert await session.extract(**asked(encoding="snapshot")).result() == document


async def test_a_failure_is_raised_with_what_there_was(gateway: Served, fake: FakeOpenAI) -> None:
    """By loop and result alike, with the provider's code and the last value."""
    fake.reply(Reply(PIECES[:5], finish_reason=None))
    async with session_with(gateway) as session:
        watch = session.extract(**asked())
        with pytest.raises(ProviderError) as raised:
            await watch.result()
        values = aiter(watch)
        assert await anext(values) == raised.value.value == SEEN[5]
        with pytest.raises(ProviderError):
            await anext(values)


async def test_an_answer_cut_short_is_incomplete(gateway: Served, fake: FakeOpenAI) -> None:
    """What was written is in the error."""
    fake.reply(Reply(PIECES[:6], finish_reason="length"))
    async with session_with(gateway) as session:
        with pytest.raises(IncompleteExtraction) as raised:
            await session.extract(**asked()).result()
    assert (raised.value.code, raised.value.value) == ("incomplete", SEEN[6])


async def test_leaving_ends_what_waits_and_leaves_nothing(gateway: Served, fake: FakeOpenAI) -> None:
    """Watches end as `closed`; no task, no connection; the extraction goes on."""
    fake.reply((gates := Gates()).reply())
    tasks = asyncio.all_tasks()
    async with session_with(gateway) as session:
        watch = session.extract(**asked())
        await reach(watch, SEEN[0])
        waiting = asyncio.create_task(watch.result())
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - tasks <= {waiting, *_of_the_server()}
    for late in (waiting, session.connected(), session.extract(**asked()).result()):
        with pytest.raises(Closed):
            await late
    gates.open_all()
    async with session_with(gateway) as again:
        assert await again.watch(extraction=await watch.started()).result() == FINAL


def _of_the_server() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if not task.get_name().startswith("gateway.client")}


async def test_a_user_who_is_cancelled_leaves_nothing(gateway: Served, fake: FakeOpenAI) -> None:
    """Wherever it waits, and also while it says farewell."""
    fake.default = (gates := Gates()).reply()

    async def use(reached: asyncio.Event) -> None:
        async with session_with(gateway) as session:
            watch = session.extract(**asked())
            await reach(watch, SEEN[0])
            reached.set()
            await watch.result()

    for cancels in (1, 2):
        reached = asyncio.Event()
        user = asyncio.create_task(use(reached))
        await reached.wait()
        for _ in range(cancels):
            user.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await user
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("gateway.client")] == []
    gates.open_all()


async def test_what_is_no_address_is_said_at_once() -> None:
    """Before anything is tried."""
    with pytest.raises(ValueError, match="ws://"):
        connect("http://127.0.0.1:8080/v1/ws")


async def test_a_token_beside_a_ticket_is_said_at_once() -> None:
    """The server would refuse them."""
    with pytest.raises(ValueError, match="either a token or a ticket"):
        connect("ws://127.0.0.1:8080/v1/ws", token="a", ticket="b")


async def test_a_fault_of_the_client_leaves_nobody_waiting(gateway: Served, caplog: pytest.LogCaptureFixture) -> None:
    """An option that no socket knows, say: the log has the trace, and whoever waits is told."""
    async with session_with(gateway, no_such_option=1) as session:
        with pytest.raises(Internal, match="the log has the trace"):
            await session.extract(**asked()).result()
    assert "no_such_option" in caplog.text


async def test_a_session_that_was_never_entered(gateway: Served) -> None:
    """Would never answer, and says so; it can be closed."""
    session = session_with(gateway)
    with pytest.raises(RuntimeError, match="async with"):
        session.extract(**asked())
    await session.aclose()
