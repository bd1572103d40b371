"""What `/metrics` says, where it is, and that it stays as small as it is."""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from gateway.app import Gateway
from gateway.errors import ProviderError, ProviderFailure
from gateway.ports import Finish, Usage
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from tests.fakes.client import Client, greeted
from tests.fakes.gateways import opened
from tests.fakes.scrape import Scrape, scraped
from tests.fakes.transport import MemorySocket, joined

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
ASKED: dict[str, Any] = {"schema": SCHEMA, "input": "x", "interval_ms": 0}
OK: list[Step] = ['{"a": "x"}', Usage(11, 7), Finish("stop")]
COUNTS = re.compile(
    r"gateway_(connections_(open|limit)|extractions_(running|queued|retained)|watches|provider_(calls|calls_limit|queue_limit))"
)


@asynccontextmanager
async def browser(app: ASGIApp, host: str = "127.0.0.1") -> AsyncGenerator[httpx2.AsyncClient]:
    """Give an HTTP client of an application, at an address."""
    transport = httpx2.ASGITransport(app=app, client=(host, 5))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@asynccontextmanager
async def asking(gateway: Gateway) -> AsyncGenerator[tuple[Client, httpx2.AsyncClient, MemorySocket]]:
    """Give a client of a gateway, and one for its metrics."""
    async with browser(gateway.app) as http, joined(gateway.app) as socket:
        yield await greeted(socket), http, socket


def scripts(*answers: list[Step]) -> ScriptedProvider:
    """Return a provider that gives these answers, one after the other."""
    left = iter(answers)
    return ScriptedProvider(lambda _: next(left))


async def test_every_name_ends_in_its_unit() -> None:
    """Counters in `_total`, times in seconds, sizes in bytes, all under one prefix; a count is a plain noun."""
    async with opened(ScriptedProvider(OK)) as gateway, asking(gateway) as (client, http, _):
        await client.finish(await client.extract("a", **ASKED))
        found = await scraped(http)
    series = {name for name, _ in found.samples}
    assert {name.partition("_")[0] for name in found.types} == {"gateway"}
    for name, kind in found.types.items():
        if kind == "counter":  # a name without a series yet has no end
            assert not name.endswith("_total")
            assert name not in series
        elif kind == "histogram":
            assert name.endswith("_seconds"), name
        elif kind == "gauge":
            assert name.endswith("_bytes") or COUNTS.fullmatch(name), name
        else:
            assert (kind, name) == ("info", "gateway_build")
    assert "gateway_frames_written_bytes_total" in series
    assert not [name for name in found.types if re.search(r"_(ms|s|chars|items|kb|mb)$", name)]


async def test_an_extraction_in_figures() -> None:
    """While it runs, while others wait, and when it has ended."""
    gate = asyncio.Event()
    provider = scripts(['{"a": "', Gate(gate), 'x"}', Usage(11, 7), Finish("stop")], OK)
    async with opened(provider, provider_calls=1) as gateway, asking(gateway) as (client, http, _):
        running = await client.extract("a", **ASKED)
        waiting = await client.extract("b", **ASKED, encoding="items")
        during = await scraped(http)
        gate.set()
        await client.finish(running, waiting)
        after = await scraped(http)
    names = ("extractions_running", "extractions_queued", "provider_calls", "extractions_retained")
    assert [during(name) for name in names] == [1, 1, 1, 0]
    assert [after(name) for name in names] == [0, 0, 0, 2]
    assert (during("watches", encoding="patch"), during("watches", encoding="items")) == (1, 1)
    assert (after("watches"), after("extractions_retained_bytes") > 0) == (0, True)
    assert after("extractions_started_total", extractor="inline") == 2
    assert after("extractions_ended_total", extractor="inline", outcome="completed", code="") == 2
    assert (after("input_tokens_total"), after("output_tokens_total"), after("attempts_total")) == (22, 14, 2)
    for histogram in ("queued", "first_delta", "duration"):
        assert after(f"extraction_{histogram}_seconds_count") == 2


class Thing(BaseModel):
    """What is asked for here."""

    a: str
    b: int = 0


async def test_asking_again_and_stopping_early() -> None:
    """Each attempt is counted, what was saved, and what was forgiven; under the extractor's name."""
    long: list[Step] = ['{"b": "no", "a": "', "x" * 40, '"}', Finish("stop")]
    provider = scripts(long, ['Here: {"a": "', "x" * 40, '", "b": 1,}', Usage(11, 30), Finish("stop")])
    async with opened(provider) as gateway:
        gateway.extractor(retries=1)(Thing)
        async with asking(gateway) as (client, http, _):
            await client.finish(await client.extract("a", extractor="thing", input="x"))
            found = await scraped(http)
    names = ("attempts", "retries", "early_stops")
    assert [found(f"{name}_total", extractor="thing") for name in names] == [2, 1, 1]
    assert found("saved_tokens_total", extractor="thing") > 0
    assert found("repairs_total", kind="leading_text") == found("repairs_total", kind="trailing_comma") == 1


class Own(ProviderFailure):
    """An application's own failure, with a code of its own."""

    code = "own-4711"


async def test_failures_and_cancels() -> None:
    """Under their codes; one that is none of ours is counted as other."""
    provider = scripts([ProviderError("no")], [Own("no")], [Gate(asyncio.Event())])
    async with opened(provider) as gateway, asking(gateway) as (client, http, _):
        for id_ in ("a", "b"):
            await client.finish(await client.extract(id_, **ASKED))
        watch = await client.extract("c", **ASKED)
        await client.say(type="cancel", id="c")
        await client.finish(watch)
        await client.ask(type="watch", id="d", extraction="nothing")
        await client.ask(type="nonsense")
        found = await scraped(http)
    ended = [("failed", "provider_error"), ("failed", "other"), ("cancelled", "")]
    assert [found("extractions_ended_total", outcome=outcome, code=code) for outcome, code in ended] == [1, 1, 1]
    assert (found("errors_sent_total", code="not_found"), found("errors_sent_total", code="bad_request")) == (1, 1)
    assert (found("messages_received_total", type="malformed"), found("messages_received_total", type="extract")) == (
        1,
        3,
    )


async def test_an_update_is_encoded_once_and_written_often() -> None:
    """The fan-out, what was folded for a watch that is slow, and the bytes of it all."""
    gates = [asyncio.Event() for _ in range(4)]
    steps: list[Step] = [each for gate in gates for each in (Gate(gate), "é")]
    async with (
        opened(ScriptedProvider(['{"a": "', *steps, '"}', Finish("stop")])) as gateway,
        asking(gateway) as (client, http, _),
    ):
        first = await client.extract("a", **ASKED, encoding="snapshot")
        quick = await client.watch("b", first.extraction, encoding="snapshot", interval_ms=0)
        slow = await client.watch("c", first.extraction, encoding="append", interval_ms=1000)
        for rev, gate in enumerate(gates, start=2):
            gate.set()
            await client.reach(rev, first, quick)
        await client.finish(first, quick, slow)
        found = await scraped(http)
    written = [len([f for f in watch.frames if f["type"] in {"snapshot", "patch"}]) for watch in (first, quick, slow)]
    assert found("updates_written_total") == sum(written)
    assert found("updates_written_total") == found("frames_written_total", type="snapshot") + found(
        "frames_written_total", type="patch"
    )
    assert written[0] <= found("updates_encoded_total") <= written[0] + written[2]
    assert found("revisions_folded_total") >= 3
    assert found("frames_written_total", type="completed") == 3
    assert found("frames_written_bytes_total", type="welcome") > 500


async def test_how_connections_begin_and_end() -> None:
    """Greetings by outcome, refusals by reason, ends by code and by who closed."""
    settings = {"tokens": ("right",)}
    async with opened(ScriptedProvider(OK), settings=settings, max_connections=2) as gateway:
        app, pages = gateway.app, gateway.metrics.app
        async with browser(pages) as http:
            async with joined(app) as socket:
                await Client(socket).greet(token="right")
            for said in ('{"type": "hello", "token": "wrong"}', '{"type": "ping"}'):
                async with joined(app) as socket:
                    await socket.send_text(said)
                    await socket.ended.wait()
            async with joined(app) as silent, joined(app) as other:
                await asyncio.gather(silent.idle(), other.idle())
                async with joined(app) as third:
                    await third.ended.wait()
            async with joined(app, headers={"origin": "https://elsewhere.example"}) as page:
                await page.ended.wait()
            async with joined(app, subprotocols=["x"]) as stranger:
                await stranger.ended.wait()
            found = await scraped(http)
    greetings = ("admitted", "unauthenticated", "violated", "left")
    assert [found("sessions_total", outcome=outcome) for outcome in greetings] == [1, 1, 1, 2]
    refusals = ("origin", "capacity", "subprotocol")
    assert [found("handshakes_refused_total", reason=reason) for reason in refusals] == [1, 1, 1]
    assert found("connections_closed_total", code="1006", by="client") == 3
    assert [found("connections_closed_total", code=code, by="server") for code in ("4401", "4400")] == [1, 1]
    assert (found("connections_total"), found("connections_open"), found("connections_limit")) == (5, 0, 2)


async def test_tickets_in_figures() -> None:
    """What came of asking for them, and how many were brought; one that does not hold is a session that was refused."""
    settings = {"tokens": ("right",)}
    async with opened(ScriptedProvider(OK), settings=settings) as gateway, browser(gateway.app) as http:
        right = {"Authorization": "Bearer right"}
        ticket = (await http.post("/v1/tickets", json={}, headers=right)).json()["ticket"]
        await http.post("/v1/tickets", json={})
        await http.post("/v1/tickets", headers=right)
        await http.post("/v1/tickets", json={}, headers={**right, "Origin": "https://elsewhere.example"})
        for _ in range(2):
            async with joined(gateway.app) as socket:
                await socket.send_text(f'{{"type": "hello", "ticket": "{ticket}"}}')
                await socket.receive_text()
        async with browser(gateway.metrics.app) as pages:
            found = await scraped(pages)
    outcomes = ("issued", "unauthenticated", "bad_request", "forbidden")
    assert [found("ticket_requests_total", outcome=outcome) for outcome in outcomes] == [1, 1, 1, 1]
    assert found("tickets_spent_total") == found("sessions_total", outcome="admitted") == 1
    assert found("sessions_total", outcome="unauthenticated") == 1


async def test_a_peer_that_takes_nothing_is_counted() -> None:
    """Where the server underneath does not watch for it."""
    async with opened(ScriptedProvider(OK), send_stall_s=0.02) as gateway, browser(gateway.app) as http:
        async with joined(gateway.app) as socket:
            await greeted(socket)
            socket.reading.clear()
            await socket.send_text('{"type": "ping"}')
            await socket.ended.wait()
        found = await scraped(http)
    assert (found("connections_dropped_total", reason="stalled"), found("connections_dropped_total")) == (1, 1)
    assert found("connections_closed_total", code="1006", by="server") == 1


async def test_a_peer_that_does_not_read_what_it_asks_for_is_counted() -> None:
    """Its control lane is full."""
    async with opened(ScriptedProvider(OK), send_stall_s=0.05) as gateway, browser(gateway.app) as http:
        async with joined(gateway.app) as socket:
            await greeted(socket)
            socket.reading.clear()
            for _ in range(300):
                await socket.send_text('{"type": "ping"}')
            await socket.ended.wait()
        found = await scraped(http)
    assert found("connections_dropped_total") == 1
    assert found("connections_closed_total", by="server") == 1


async def test_no_label_grows_with_use() -> None:
    """A thousand extractions under names of their own, cancelled, keyed and refused: as many series as after one."""
    provider = ScriptedProvider(OK)
    async with opened(provider, messages_burst=10_000) as gateway, asking(gateway) as (client, http, _):

        async def use() -> Scrape:
            id_, key = secrets.token_hex(8), secrets.token_hex(16)
            await client.finish(await client.extract(id_, **ASKED, key=key, model=secrets.token_hex(4)))
            await client.say(type="cancel", id=id_)
            await client.ask(type="watch", id=secrets.token_hex(8), extraction=key)
            return Scrape({}, {})

        await use()
        before = await scraped(http)
        for _ in range(1_000):
            await use()
        after = await scraped(http)
    assert after("extractions_ended_total") == 1_001
    assert after.samples.keys() == before.samples.keys()


async def test_two_gateways_know_nothing_of_each_other() -> None:
    """Each has figures of its own."""
    async with opened(ScriptedProvider(OK)) as one, opened(ScriptedProvider(OK)) as other:
        async with asking(one) as (client, http, _):
            await client.finish(await client.extract("a", **ASKED))
            used = await scraped(http)
        async with browser(other.app) as http:
            idle = await scraped(http)
    assert (used("extractions_started_total"), idle("extractions_started_total")) == (1, 0)


async def test_in_process_too() -> None:
    """An extraction that nobody on the wire sees is counted, under its extractor's name."""
    async with opened(ScriptedProvider(OK)) as gateway:
        gateway.extractor()(Thing)
        async for _ in gateway.stream(Thing, "x"):
            pass
        async with browser(gateway.app) as http:
            found = await scraped(http)
    assert found("extractions_ended_total", extractor="thing", outcome="completed") == 1


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({}, "::1", 200),
        ({}, "10.0.0.7", 404),
        ({"tokens": ("t",)}, "127.0.0.1", 404),
        ({"tokens": ("t",), "host": "0.0.0.0"}, "127.0.0.1", 404),  # noqa: S104
        ({"metrics_address": "127.0.0.1:0"}, "127.0.0.1", 404),
    ],
)
async def test_where_nobody_asked_for_it_only_this_machine_sees_it(
    settings: dict[str, Any], host: str, status: int
) -> None:
    """Beside the rest where everybody here may enter anyway; else nowhere, unless an address is set for it."""
    async with opened(ScriptedProvider(OK), settings=settings) as gateway, browser(gateway.app, host) as http:
        assert (await http.get("/metrics")).status_code == status


async def test_an_application_that_knows_its_users_shows_it_where_it_wants() -> None:
    """Not beside the rest; mounted, it is there."""
    gateway = Gateway(provider=ScriptedProvider(OK), authenticate=lambda *_: "somebody")
    await asyncio.to_thread(getattr, gateway, "app")  # it looks for files
    outer = Starlette(routes=[Mount("/inside", gateway.metrics.app), Mount("/", gateway.app)])
    async with gateway, browser(outer) as http:
        assert (await http.get("/metrics")).status_code == 404
        assert (await scraped(http, "/inside/metrics"))("connections_total") == 0
