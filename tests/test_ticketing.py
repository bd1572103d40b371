"""`POST /v1/tickets`: who gets one, what it opens, and how each refusal is said (PROTOCOL.md §11)."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Mount
from starlette.types import ASGIApp

from gateway.access import Authenticate
from gateway.app import Gateway
from gateway.core.limits import Limits
from gateway.errors import Forbidden, OverCapacity
from gateway.ports import Finish
from gateway.providers.scripted import ScriptedProvider
from gateway.settings import Settings
from tests.fakes.client import Client
from tests.fakes.gateways import opened
from tests.fakes.transport import Closed, joined

pytestmark = pytest.mark.anyio

GUARDED: dict[str, Any] = {"tokens": ("s3cret-é", "other")}
OTHER = {"Authorization": "Bearer other"}
OK = ScriptedProvider(['{"a": 1}', Finish("stop")])


@asynccontextmanager
async def browser(app: ASGIApp, host: str = "127.0.0.1") -> AsyncGenerator[httpx2.AsyncClient]:
    """Give an HTTP client of an application, at an address."""
    transport = httpx2.ASGITransport(app=app, client=(host, 5))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def asked(app: ASGIApp, *, host: str = "127.0.0.1", path: str = "/v1/tickets", **request: Any) -> httpx2.Response:
    """Ask for a ticket."""
    async with browser(app, host) as client:
        return await client.post(path, **{"json": {}, **request})


async def close_code(app: ASGIApp, path: str = "/v1/ws", **hello: Any) -> tuple[dict[str, Any], int]:
    """Return what a hello is answered with, and the close code."""
    async with joined(app, path=path) as socket:
        client = Client(socket)
        answer = await client.ask(type="hello", **hello)
        with pytest.raises(Closed) as closed:
            await client.hear()
    return answer, closed.value.code


async def test_a_ticket_lets_in_once() -> None:
    """Whoever brings it first, without the token; whoever brings it again is refused as with a wrong token."""
    async with opened(OK, settings=GUARDED) as gateway:
        answer = await asked(gateway.app, headers=OTHER)
        ticket = answer.json()["ticket"]
        async with joined(gateway.app) as socket:
            await Client(socket).greet(ticket=ticket)
            refusal, code = await close_code(gateway.app, ticket=ticket)
    assert (answer.status_code, answer.json()) == (200, {"ticket": ticket, "expires_in": 30})
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")
    assert (refusal["code"], refusal["param"], code) == ("unauthenticated", "ticket", 4401)


@pytest.mark.parametrize("credential", ["s3cret-é".encode(), "s3cret-é".encode("latin-1")], ids=["UTF-8", "latin-1"])
async def test_a_token_is_read_as_it_was_written(credential: bytes) -> None:
    """Also beyond ASCII."""
    async with opened(OK, settings=GUARDED) as gateway:
        answer = await asked(gateway.app, headers=[(b"Authorization", b"Bearer " + credential)])
    assert answer.status_code == 200


async def test_a_ticket_counts_before_the_handshakes_credential() -> None:
    """One that does not hold is not made up for by a token that does."""
    offered = ["extraction.v1", "bearer.b3RoZXI"]
    async with opened(OK, settings=GUARDED) as gateway:
        async with joined(gateway.app, subprotocols=offered) as socket:
            await Client(socket).greet()
        async with joined(gateway.app, subprotocols=offered) as socket:
            assert (await Client(socket).ask(type="hello", ticket="never was"))["code"] == "unauthenticated"


async def test_a_token_beside_a_ticket() -> None:
    """Is a mistake: the error names the field, 4400, and the ticket is still good."""
    async with opened(OK, settings=GUARDED) as gateway:
        ticket = (await asked(gateway.app, headers=OTHER)).json()["ticket"]
        answer, code = await close_code(gateway.app, ticket=ticket, token="other")
        async with joined(gateway.app) as socket:
            await Client(socket).greet(ticket=ticket)
    assert (answer["code"], answer["param"], code) == ("bad_request", "ticket", 4400)


async def test_a_ticket_has_the_rights_and_limits_of_its_principal() -> None:
    """What they started is there for it, nobody else's is, and its connections count as theirs."""
    gateway = Gateway(
        provider=OK,
        settings=Settings(inline_schemas=True),
        limits=Limits(max_connections_per_principal=2),
        authenticate=lambda _, credential: credential,
    )
    await asyncio.to_thread(getattr, gateway, "app")
    async with gateway, joined(gateway.app) as first, joined(gateway.app) as second:
        ann, guest = Client(first), Client(second)
        await ann.greet(token="ann")
        mine = await ann.extract("a", schema={}, input="x")
        anns, bos, late = [await _ticket_of(gateway, name) for name in ("ann", "bo", "ann")]
        await guest.greet(ticket=anns)
        await guest.finish(seen := await guest.watch("w", mine.extraction))
        async with joined(gateway.app) as third:
            await (stranger := Client(third)).greet(ticket=bos)
            assert (await stranger.ask(type="watch", id="w", extraction=mine.extraction))["code"] == "not_found"
        answer, code = await close_code(gateway.app, ticket=late)
    assert (seen.value, answer["code"], code) == ({"a": 1}, "over_capacity", 1013)


async def _ticket_of(gateway: Gateway, name: str) -> str:
    answer = await asked(gateway.app, headers={"Authorization": f"Bearer {name}"})
    return str(answer.json()["ticket"])


async def test_a_hello_that_fails_spends_its_ticket() -> None:
    """Also where only the number of connections was in the way."""
    async with opened(OK, settings=GUARDED, max_connections_per_principal=1) as gateway:
        ticket = (await asked(gateway.app, headers=OTHER)).json()["ticket"]
        async with joined(gateway.app) as socket:
            await Client(socket).greet(token="other")
            assert (await close_code(gateway.app, ticket=ticket))[1] == 1013
        assert (await close_code(gateway.app, ticket=ticket))[1] == 4401


async def test_where_nobody_needs_a_credential_a_ticket_is_given_to_anybody() -> None:
    """It opens once there too; one that nobody gave opens nothing."""
    async with opened(OK) as gateway:
        ticket = (await asked(gateway.app)).json()["ticket"]
        async with joined(gateway.app) as socket:
            await Client(socket).greet(ticket=ticket)
        assert [(await close_code(gateway.app, ticket=each))[1] for each in (ticket, "x")] == [4401, 4401]


async def test_on_ones_own_machine_nobody_is_counted() -> None:
    """Where nobody is asked who it is, and only this machine can come; elsewhere an address is."""
    for settings, statuses in (({}, {200}), ({"host": "192.0.2.1"}, {200, 429})):
        async with opened(OK, settings=settings, handshakes_burst=1) as gateway:
            assert {(await asked(gateway.app)).status_code for _ in range(3)} == statuses


async def test_a_ticket_is_good_for_as_long_as_the_setting_says() -> None:
    """And the answer says how long that is."""
    async with opened(OK, settings=GUARDED, ticket_s=0.01) as gateway:
        answer = await asked(gateway.app, headers=OTHER)
        await asyncio.sleep(0.02)
        assert (await close_code(gateway.app, ticket=answer.json()["ticket"]))[1] == 4401
    assert answer.json()["expires_in"] == 0.01


def by_cookie(connection: HTTPConnection, credential: str | None) -> str | None:
    """Return whose session the cookie names."""
    return {"abc": "ann"}.get(connection.cookies.get("session", ""))


async def test_an_applications_word_counts_mounted_under_a_path() -> None:
    """Its hook is given the request with its cookies; the ticket opens the socket beside it."""
    gateway = Gateway(provider=OK, settings=Settings(), limits=Limits(), authenticate=by_cookie)
    await asyncio.to_thread(getattr, gateway, "app")
    outer = Starlette(routes=[Mount("/below", gateway.app)])
    async with gateway:
        known = await asked(outer, path="/below/v1/tickets", headers={"Cookie": "session=abc"})
        unknown = await asked(outer, path="/below/v1/tickets", headers={"Cookie": "session=x"})
        async with joined(outer, path="/below/v1/ws") as socket:
            await Client(socket).greet(ticket=known.json()["ticket"])
    assert (known.status_code, unknown.status_code) == (200, 401)


async def forbids(connection: HTTPConnection, credential: str | None) -> str | None:
    """Know who it is, and that it may not."""
    raise Forbidden("expected somebody of the staff")


def refuses(connection: HTTPConnection, credential: str | None) -> str | None:
    """Refuse as a dependency of FastAPI does."""
    raise HTTPException(401, "s3cret of the application")


def is_full(connection: HTTPConnection, credential: str | None) -> str | None:
    """Have no room for them."""
    raise OverCapacity("expected fewer", retry_after_ms=2_500)


async def breaks(connection: HTTPConnection, credential: str | None) -> str | None:
    """Fail, as a database does."""
    raise ConnectionError("s3cret of the database")


async def hangs(connection: HTTPConnection, credential: str | None) -> str | None:
    """Never come to an answer."""
    await asyncio.Event().wait()
    return None


@pytest.mark.parametrize(
    ("hook", "status", "code"),
    [
        (forbids, 403, "forbidden"),
        (refuses, 401, "unauthenticated"),
        (is_full, 503, "over_capacity"),
        (breaks, 500, "internal"),
        (hangs, 500, "internal"),
    ],
)
async def test_how_a_hook_can_refuse(
    hook: Authenticate, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each with its code and status; a fault is in the log, and in no answer."""
    limits = Limits(hello_timeout_s=0.05)
    gateway = Gateway(provider=OK, settings=Settings(), limits=limits, authenticate=hook)
    await asyncio.to_thread(getattr, gateway, "app")
    async with gateway:
        answer = await asked(gateway.app)
    assert (answer.status_code, answer.json()["code"], "s3cret" in answer.text) == (status, code, False)
    assert answer.headers.get("retry-after") == ("3" if hook is is_full else None)
    assert ("authenticate failed" in caplog.text) is (hook is breaks)


@pytest.mark.parametrize(
    ("request_", "status", "code", "param"),
    [
        ({}, 401, "unauthenticated", "token"),
        ({"headers": {"Authorization": "Bearer wrong"}}, 401, "unauthenticated", "token"),
        ({"headers": {"Authorization": "Basic b3RoZXI="}}, 401, "unauthenticated", "token"),
        ({"params": {"token": "other"}}, 401, "unauthenticated", "token"),
        ({"headers": OTHER, "json": {"ticket": 1}}, 400, "bad_request", "ticket"),
        ({"headers": OTHER, "json": []}, 400, "bad_request", None),
        ({"headers": OTHER, "json": None, "content": b"{}"}, 415, "bad_request", None),
        ({"headers": OTHER, "json": {"x": "y" * 2_000}}, 413, "bad_request", None),
    ],
    ids=["none", "wrong", "another scheme", "in the query", "a field", "no object", "no type", "long"],
)
async def test_how_a_request_is_refused(request_: dict[str, Any], status: int, code: str, param: str | None) -> None:
    """As an `error` of the protocol, under the status that HTTP has for it."""
    async with opened(OK, settings=GUARDED) as gateway:
        answer = await asked(gateway.app, **request_)
    refusal = answer.json()
    assert (answer.status_code, refusal["type"], refusal["code"], refusal.get("param")) == (
        status,
        "error",
        code,
        param,
    )
    assert ("www-authenticate" in answer.headers, answer.headers["cache-control"]) == (status == 401, "no-store")


async def test_a_server_about_to_go_gives_none() -> None:
    """503, and when to come again."""
    async with opened(OK, settings=GUARDED) as gateway:
        gateway.hub.is_closing = True
        answer = await asked(gateway.app, headers=OTHER)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "shutting_down", "1")


async def test_a_page_of_an_allowed_origin_may_ask_and_read() -> None:
    """What a browser asks before is answered by the socket's list, and so is what it needs to show the answer."""
    settings = {**GUARDED, "origins": ("https://app.example.org",)}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    origin = {"Origin": "https://app.example.org"}
    async with opened(OK, settings=settings) as gateway, browser(gateway.app) as page:
        before = await page.options("/v1/tickets", headers={**origin, **asks})
        answer = await page.post("/v1/tickets", json={}, headers={**origin, **OTHER})
        refusal = await page.post("/v1/tickets", json={}, headers=origin)
        program = await page.post("/v1/tickets", json={}, headers=OTHER)
    assert [each.status_code for each in (before, answer, refusal, program)] == [204, 200, 401, 200]
    assert before.headers["access-control-allow-methods"] == "POST"
    assert before.headers["access-control-allow-headers"] == "authorization, content-type"
    for each in (before, answer, refusal):
        assert each.headers["access-control-allow-origin"] == "https://app.example.org"
        assert (each.headers["access-control-allow-credentials"], each.headers["vary"]) == ("true", "Origin")
    assert "access-control-allow-origin" not in program.headers


async def test_other_methods() -> None:
    """Nothing is given to whoever only looks."""
    async with opened(OK) as gateway, browser(gateway.app) as page:
        answers = [await page.request(method, "/v1/tickets") for method in ("GET", "HEAD", "PUT", "DELETE")]
    assert {answer.status_code for answer in answers} == {405}


async def test_nothing_of_a_ticket_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither when it is given, nor when it is brought, nor when it is brought again."""
    caplog.set_level(logging.DEBUG)
    async with opened(OK, settings=GUARDED) as gateway:
        ticket = (await asked(gateway.app, headers=OTHER)).json()["ticket"]
        async with joined(gateway.app) as socket:
            await Client(socket).greet(ticket=ticket)
        refusal, _ = await close_code(gateway.app, ticket=ticket)
    assert "a connection ended" in caplog.text
    assert ticket not in caplog.text + str(refusal)
