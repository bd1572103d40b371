"""The application as a whole: extractors, page, probes, mounting, closing."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

import gateway as package
from gateway import Check, Stream
from gateway.app import Gateway
from gateway.ports import Finish, Mode, ModelState
from gateway.providers.scripted import Gate, ScriptedProvider
from gateway.settings import Settings
from gateway.version import __version__
from tests.fakes.client import greeted
from tests.fakes.gateways import opened
from tests.fakes.transport import joined

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
PROVIDER = ScriptedProvider(['{"a": "x"}', Finish("stop")])


@asynccontextmanager
async def browser(app: ASGIApp) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give an HTTP client of an application."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/dashboard", "/static/page/main.js", "/static/style.css", "/static/nothing.js"])
async def test_every_page_and_file_is_guarded(path: str) -> None:
    """Nothing that is not ours can run, load, frame or be sniffed."""
    async with opened(PROVIDER) as gateway, browser(gateway.app) as client:
        headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("path", ["/", "/dashboard"])
async def test_the_page_needs_nothing_the_policy_forbids(path: str) -> None:
    """No inline script or style, no address that is not relative."""
    async with opened(PROVIDER) as gateway, browser(gateway.app) as client:
        page = (await client.get(path)).text
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert all(not re.match(r"/|\w+:", link) for link in re.findall(r'(?:src|href)="([^"]*)"', page))


async def test_probes() -> None:
    """Alive is alive; ready says how full, and 503 with a reason when it is, or about to go."""
    async with opened(PROVIDER, max_connections=1) as gateway, browser(gateway.app) as client:
        alive, ready = await client.get("/livez"), await client.get("/readyz")
        async with joined(gateway.app) as socket:
            await greeted(socket)
            full = await client.get("/readyz")
        gateway.is_draining = True
        leaving = await client.get("/readyz")
        still_alive = await client.get("/livez")
    assert [each.status_code for each in (alive, ready, full, leaving, still_alive)] == [200, 200, 503, 503, 200]
    counts = {"provider": "scripted", "state": "ready", "max_connections": 1, "running": 0, "queued": 0}
    assert ready.json() == {"ready": True, "reason": None, "connections": 0, **counts}
    assert full.json() == {"ready": False, "reason": "over_capacity", "connections": 1, **counts}
    assert leaving.json() == {"ready": False, "reason": "draining", "connections": 0, **counts}


async def test_a_full_queue_is_no_reason_to_send_nobody() -> None:
    """What runs and waits is told; extractions that find no place are refused one by one."""
    provider = ScriptedProvider([Gate(asyncio.Event())])
    async with (
        opened(provider, provider_calls=1, provider_queue=1) as gateway,
        browser(gateway.app) as client,
        joined(gateway.app) as socket,
    ):
        greeting = await greeted(socket)
        for id_ in ("a", "b"):
            await greeting.extract(id_, schema=SCHEMA, input="x")
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["running"], ready.json()["queued"]) == (200, 1, 1)


class Hosting(ScriptedProvider):
    """A provider that runs a model itself."""

    model = "own-model"
    state = ModelState.IDLE
    slots = 2
    is_small = True

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Hear of every change of state."""
        self.listener = listener


async def test_a_model_that_the_provider_runs_is_told() -> None:
    """Its name and state, now and whenever that changes; no more runs at once than it answers."""
    provider = Hosting(['{"a": "x"}', Finish("stop")])
    told = {"name": "scripted", "model": "own-model", "reason": "the application gives it", "small": True}
    async with opened(provider) as gateway, browser(gateway.app) as client, joined(gateway.app) as line:
        provider.state = ModelState.FAILED
        greeting, ready = await greeted(line), await client.get("/readyz")
        provider.state = ModelState.LOADING
        provider.listener()
        assert await greeting.hear() == {"type": "provider", **told, "state": "loading"}
    assert greeting.welcome["provider"] == {**told, "state": "failed"}
    assert (greeting.welcome["limits"]["provider_calls"], ready.json()["state"]) == (2, "failed")


async def test_other_paths_and_files() -> None:
    """There is nothing else, and no way out of the folder."""
    async with opened(PROVIDER) as gateway, browser(gateway.app) as client:
        for path in ("/nothing", "/static/../gateway/app.py", "/static/%2e%2e/gateway/app.py", "/v1/ws", "/static"):
            assert (await client.get(path)).status_code in {404, 405, 307}


async def test_mounted_under_a_path() -> None:
    """The pages, their files and the WebSocket work below it."""
    async with opened(PROVIDER) as gateway:
        outer = Starlette(routes=[Mount("/below", gateway.app)])
        async with browser(outer) as page:
            paths = ("/below/", "/below/dashboard", "/below/static/style.css", "/livez")
            statuses = [(await page.get(path)).status_code for path in paths]
        async with joined(outer, path="/below/v1/ws") as socket:
            client = await greeted(socket)
            await client.finish(watch := await client.extract("a", schema=SCHEMA, input="x"))
    assert (statuses, watch.value) == ([200, 200, 200, 404], {"a": "x"})


async def test_an_extractor_of_a_pydantic_model() -> None:
    """The decorator gives the model back; clients find it under its name and get what it validates."""
    async with opened(PROVIDER, settings={"inline_schemas": None}) as gateway:

        @gateway.extractor(instructions="Do it.", model="m", mode="json", example="text")
        class Thing(BaseModel):
            """What it is.

            More.
            """

            a: str
            b: int = 5

        async with joined(gateway.app) as socket:
            client = await greeted(socket)
            await client.finish(watch := await client.extract("a", extractor="thing", input="x"))
            refused = await client.ask(type="extract", id="b", schema=SCHEMA, input="x")
    (told,) = client.welcome["extractors"]
    assert (told["name"], told["description"], told["example"]) == ("thing", "What it is.", {"input": "text"})
    assert (client.welcome["inline_schemas"], refused["code"]) == (False, "forbidden")
    assert (watch.value, Thing(a="x").model_dump()) == ({"a": "x", "b": 5}, {"a": "x", "b": 5})
    assert (PROVIDER.requests[-1].model, PROVIDER.requests[-1].mode) == ("m", Mode.JSON)


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda gateway: gateway.extractor(checks=[lambda _: True]), "checks: expected gateway.Check"),
        (lambda gateway: gateway.extractor(retries="x"), "retries: expected 0 to 10, got 'x'"),
        (lambda gateway: gateway.extractor(retries=True), "retries: expected 0 to 10, got True"),
        (lambda gateway: gateway.extractor(budget_tokens="x"), "budget_tokens: expected at least 1, got 'x'"),
        (lambda gateway: gateway.extractor(retain_ms=0.5), "retain_ms: expected at least 0, got 0.5"),
        (lambda gateway: gateway.extractor(redact="x"), "redact: expected a function"),
        (lambda gateway: gateway.extractor, "with parentheses"),
        (lambda _: Stream(on_invalid="skip"), "on_invalid: expected one of fail, drop, mark; got 'skip'"),  # type: ignore[arg-type]
        (lambda _: Check("is_it", 5), "Check: expected a name, a function"),  # type: ignore[arg-type]
        (lambda _: Gateway(provider="openai"), "GATEWAY_PROVIDER chooses one by its name"),  # type: ignore[arg-type]
        (lambda gateway: gateway.stream(BaseModel, 5) and None, "input: expected a text, or chat messages, got int"),
        (lambda gateway: gateway.stream({"type": "object"}, "x") and None, "response_model: expected a type"),
    ],
)
def test_what_an_application_gives_wrongly_is_said_at_once(declare: Any, words: str) -> None:
    """When it is given, by its name, with what was expected."""
    gateway = Gateway(provider=PROVIDER)
    with pytest.raises((TypeError, ValueError), match=words):
        (declare(gateway) or (lambda _: None))(BaseModel)


def test_an_extractor_that_cannot_be() -> None:
    """A name is given once; a mode is one of those there are."""
    gateway = Gateway(provider=PROVIDER, settings=Settings())
    gateway.extractor(name="a")(BaseModel)
    with pytest.raises(ValueError, match="'a' is registered already"):
        gateway.extractor(name="a")(BaseModel)
    with pytest.raises(ValueError, match=r"mode: expected one of tools, .*; got 'yaml'"):
        gateway.extractor(name="b", mode="yaml")(BaseModel)


async def test_closing_ends_what_runs_and_says_so() -> None:
    """Watchers hear that they may try again; nothing of the run is left."""
    provider = ScriptedProvider(['{"a": "x', Gate(asyncio.Event())])
    async with opened(provider) as gateway, joined(gateway.app) as socket:
        client = await greeted(socket)
        watch = await client.extract("a", schema=SCHEMA, input="x", interval_ms=0)
        await client.reach(1, watch)
        await gateway.close()
        await client.finish(watch)
        assert (provider.open_streams, gateway.hub.running()) == (0, [])
    error: dict[str, Any] = (watch.terminal or {})["error"]
    assert (error["code"], error["retryable"]) == ("shutting_down", True)


async def test_the_lifespan_closes() -> None:
    """An application that runs lifespans needs nothing more."""
    provider = ScriptedProvider([Gate(asyncio.Event())])
    async with opened(provider) as gateway:
        async with gateway.app.router.lifespan_context(gateway.app), joined(gateway.app) as socket:
            client = await greeted(socket)
            await client.extract("a", schema=SCHEMA, input="x")
        assert (gateway.hub.running(), len(gateway.tasks)) == ([], 0)


def test_the_package_shows_the_gateway() -> None:
    """And its version; nothing else."""
    assert package.Gateway is Gateway
    assert package.__version__ == __version__
    with pytest.raises(AttributeError):
        _ = package.Nothing  # type: ignore[attr-defined]


def test_settings_that_come_late_hold() -> None:
    """An application that has mounted its gateway already is still served as the command line says."""
    gateway = Gateway(settings=Settings(provider="recorded"))
    mounted, chosen = gateway.app, gateway.choice
    gateway.settings = Settings(provider="recorded", model="another")
    assert gateway.app is not mounted
    assert gateway.choice is not chosen
