"""What an operator sees of a gateway on real sockets: metrics, a line for each end, no secret in either."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import httpx2
import pytest
from pydantic import BaseModel
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway import Stream, serving
from gateway.logs import Entry, JsonFormatter
from gateway.providers.scripted import Gate, ScriptedProvider
from tests.e2e.conftest import TOKEN, Serve
from tests.fakes.client import CheckedWatch, connected
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.openai_server import SECRET, FakeOpenAI, Reply
from tests.fakes.scrape import Scrape, scraped

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

OWN_ADDRESS: dict[str, Any] = {"metrics_address": "127.0.0.1:0"}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
ASKED: dict[str, Any] = {"schema": SCHEMA, "input": "text", "interval_ms": 0}
SUBPROTOCOLS = [Subprotocol("extraction.v1")]


class Heard(logging.Handler):
    """Keeps what is logged, as text and as JSON, and waits for what is told of an end."""

    def __init__(self) -> None:
        """Hear of everything."""
        super().__init__()
        self.text = ""
        self.ends: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, unless it is one of the test's own clients, which share the process."""
        if record.name.startswith(("websockets.client", "httpx2", "httpcore2")):
            return
        line = JsonFormatter().format(record)
        self.text += f"{record.getMessage()}\n{line}\n"
        if isinstance(record.msg, Entry):
            self.ends.put_nowait((record.msg.sentence, json.loads(line)))

    async def end_of(self, what: str) -> dict[str, Any]:
        """Return what is told at the next end of an extraction, or a connection."""
        while (end := await self.ends.get())[0] != f"{what} ended":
            pass
        return end[1]


@contextmanager
def heard() -> Iterator[Heard]:
    """Listen to every logger, however loud."""
    root, handler = logging.getLogger(), Heard()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def own_url(running: Served) -> str:
    """Return where the metrics are that have an address of their own."""
    return str(getattr(running.server, "beside").url) + "/metrics"  # noqa: B009 - it is uvicorn's to the type checker


@asynccontextmanager
async def scraping(running: Served) -> AsyncGenerator[Any]:
    """Give what asks for the metrics of a gateway."""
    async with httpx2.AsyncClient() as client:

        async def scrape() -> Scrape:
            has_own = running.gateway.settings.metrics_address is not None
            return await scraped(client, own_url(running) if has_own else f"{running.url}/metrics")

        yield scrape


async def test_each_ending_is_counted_and_told(serve: Serve, fake: FakeOpenAI) -> None:
    """Completed, completed at the second attempt, failed, cancelled: in figures and in one line each."""
    never = asyncio.Event()
    wrong, right = Reply(['{"answer": 1}']), Reply(['{"answer": "x"}'])
    for reply in (right, wrong, right, Reply(status=500), Reply(['{"answer": "'], gates={1: never})):
        fake.reply(reply)
    with heard() as log:
        async with serve() as running, scraping(running) as scrape, connected(running.url) as client:
            before = await scrape()
            watches = [await finished(client, id_, **ASKED, retries=1) for id_ in ("a", "b", "c")]
            watches.append(await client.extract("d", **ASKED))
            await client.say(type="cancel", id="d")
            await client.finish(watches[-1])
            after = await scrape()
        told = [await log.end_of("an extraction") for _ in watches]
        left = await log.end_of("a connection")
    assert before("extractions_ended_total") == 0
    ended = [("completed", ""), ("failed", "provider_error"), ("cancelled", "")]
    assert [after("extractions_ended_total", outcome=outcome, code=code) for outcome, code in ended] == [2, 1, 1]
    assert (after("attempts_total"), after("retries_total"), after("extraction_duration_seconds_count")) == (5, 1, 4)
    assert [end["extraction"] for end in told] == [watch.extraction for watch in watches]
    outcomes = [(end["outcome"], end["error"], end["attempts"], end["watchers"]) for end in told]
    assert outcomes == [
        ("completed", None, 1, 1),
        ("completed", None, 2, 1),
        ("failed", "provider_error", 1, 1),
        ("cancelled", None, 1, 1),
    ]
    assert (told[1]["input_tokens"], told[1]["output_tokens"], told[1]["estimated"]) == (22, 14, False)
    assert (left["session"], left["code"], left["by"], left["greeting"]) == (
        client.welcome["session"],
        1000,
        "client",
        "admitted",
    )
    assert (left["messages_in"], left["watches"], left["extractions"], left["bytes_out"] > 1_000) == (6, 4, 4, True)


async def finished(client: Any, id_: str, **fields: Any) -> CheckedWatch:
    """Extract, and wait for the terminal."""
    watch: CheckedWatch = await client.extract(id_, **fields)
    await client.finish(watch)
    return watch


async def test_a_refused_handshake_is_counted(serve: Serve) -> None:
    """A page that may not, and one too many."""
    async with serve(max_connections=1) as running, scraping(running) as scrape, connected(running.url):
        for origin in ("https://elsewhere.example", None):
            with pytest.raises(InvalidStatus):
                await connect(
                    running.url.replace("http", "ws") + "/v1/ws",
                    subprotocols=SUBPROTOCOLS,
                    origin=None if origin is None else Origin(origin),
                    proxy=None,
                )
        found = await scrape()
    assert [found("handshakes_refused_total", reason=reason) for reason in ("origin", "capacity")] == [1, 1]
    assert (found("connections_open"), found("connections_total")) == (1, 1)


async def test_a_peer_that_takes_nothing_is_counted_as_dropped() -> None:
    """By the server underneath, which tells why; the log says that it was us."""
    provider = ScriptedProvider(['{"answer": "', *["x" * 50_000] * 20, Gate(asyncio.Event())])
    with heard() as log:
        async with served(gateway_with(provider, send_stall_s=0.1)) as running, scraping(running) as scrape:
            address = running.url.replace("http", "ws") + "/v1/ws"
            deaf = await connect(address, subprotocols=SUBPROTOCOLS, max_size=None, proxy=None)
            deaf.transport.pause_reading()
            await deaf.send('{"type": "hello"}')
            for number in range(16):
                message = {"type": "extract", "id": f"w{number}", **ASKED, "encoding": "snapshot"}
                await deaf.send(json.dumps(message))
            left = await log.end_of("a connection")
            deaf.transport.abort()
            found = await scrape()
    assert (left["code"], left["by"], left["extractions"] > 0) == (1006, "server", True)
    assert (found("connections_dropped_total", reason="stalled"), found("connections_dropped_total")) == (1, 1)


@pytest.mark.parametrize("code", [1000, 1001, 3999])
async def test_a_client_may_close_as_it_likes(serve: Serve, code: int) -> None:
    """The log has its code; a code of its own makes no series of its own."""
    with heard() as log:
        async with serve() as running, scraping(running) as scrape:
            address = running.url.replace("http", "ws") + "/v1/ws"
            async with connect(address, subprotocols=SUBPROTOCOLS, proxy=None) as client:
                await client.close(code, "words of a client")
            left = await log.end_of("a connection")
            found = await scrape()
    assert (left["code"], left["by"], left["greeting"], left["session"]) == (code, "client", "left", None)
    assert found("connections_closed_total", code="other" if code == 3999 else str(code), by="client") == 1
    assert "words of a client" not in log.text


async def test_an_address_of_their_own(serve: Serve) -> None:
    """There they are, and nothing else; the main port has none; both end with the server."""
    async with serve(settings=OWN_ADDRESS) as running, scraping(running) as scrape, httpx2.AsyncClient() as http:
        url = own_url(running)
        assert (await scrape())("connections_total") == 0
        assert (await http.get(f"{running.url}/metrics")).status_code == 404
        for path in ("/", "/livez", "/v1/ws", "/static/style.css"):
            assert (await http.get(url.removesuffix("/metrics") + path)).status_code == 404
    async with httpx2.AsyncClient() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(url)


async def test_the_address_is_let_go_of_where_the_server_cannot_listen() -> None:
    """Nothing is left of a server that did not begin."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = {**OWN_ADDRESS, "port": taken.getsockname()[1]}
        server = await asyncio.to_thread(serving.server, gateway_with(ScriptedProvider([]), settings=settings), str)
        with pytest.raises(OSError, match="address already in use"):
            await server.serve()
    beside = getattr(server, "beside")  # noqa: B009 - as above
    assert (beside.started, [each.is_serving() for each in beside.servers]) == (True, [False])


class Payment(BaseModel):
    """Something paid."""

    card: Annotated[str, Stream(redact=True)]


async def test_no_secret_is_logged_or_counted(serve: Serve, fake: FakeOpenAI) -> None:
    """Not the credential, right or wrong, the provider's key, the text, the answer, names that clients give."""
    words = ("input-4711", "4929-1234", "wrong-4711", "client-4711", "key-4711", "instructed-4711", "path-4711")
    fake.reply(Reply([f'{{"card": "{words[1]}"}}']))
    fake.reply(Reply([f'{{"card": {{"{words[1]}": 1}}}}']))
    fake.reply(Reply(status=401))
    with heard() as log:
        async with serve(settings={**OWN_ADDRESS, "tokens": (TOKEN,)}) as running, scraping(running) as scrape:
            running.gateway.extractor(name="payment", instructions=words[5])(Payment)
            async with connected(running.url, hello={"token": TOKEN, "client": words[3]}) as client:
                for number in range(3):
                    fields = {"extractor": "payment", "input": words[0], "key": f"{words[4]}{number}"}
                    await finished(client, f"w{number}", **fields)
                await client.ask(type="watch", id="w", extraction=words[6])
                await client.ask(type=words[6])
            address = running.url.replace("http", "ws") + "/v1/ws?token=" + words[6]
            async with connect(address, subprotocols=SUBPROTOCOLS, proxy=None) as stranger:
                await stranger.send(json.dumps({"type": "hello", "token": words[2]}))
                await stranger.recv()
            async with httpx2.AsyncClient() as http:
                shown = (await http.get(own_url(running))).text
            found = await scrape()
    assert (found("extractions_ended_total"), found("sessions_total", outcome="unauthenticated")) == (3, 1)
    assert [word for word in (*words, TOKEN, SECRET) if word in log.text + shown] == []
    assert {end[0] for end in _all_of(log.ends)} == {"an extraction ended", "a connection ended"}


def _all_of(ends: asyncio.Queue[Any]) -> list[Any]:
    return [ends.get_nowait() for _ in range(ends.qsize())]
