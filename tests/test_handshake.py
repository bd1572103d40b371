"""Who gets in: origin, capacity, subprotocol, credential."""

import base64
import logging
from typing import Any

import pytest

from gateway.providers.scripted import ScriptedProvider
from tests.fakes.client import Client, greeted
from tests.fakes.gateways import opened
from tests.fakes.transport import Closed, joined

pytestmark = pytest.mark.anyio

TOKENS = {"tokens": ("s3cret-é", "other")}


def bearer(token: str) -> str:
    """Return the subprotocol that carries a credential."""
    return "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("listed", "origin", "is_allowed"),
    [
        ("", None, True),
        ("", "http://localhost:5173", True),
        ("", "https://127.0.0.1", True),
        ("", "http://[::1]:8080", True),
        ("", "https://example.org", False),
        ("", "http://localhost.example.org", False),
        ("", "null", False),
        ("https://app.example.org", "https://app.example.org", True),
        ("https://app.example.org", "https://app.example.org:444", False),
        ("https://app.example.org", "http://localhost:5173", False),
        ("https://app.example.org", None, True),
    ],
)
async def test_origins(listed: str, origin: str | None, is_allowed: bool) -> None:
    """On loopback every local page may come, otherwise only what is listed; what is no browser may too."""
    headers = {} if origin is None else {"Origin": origin, "Host": "example.org"}
    settings = {"origins": (listed,) if listed else ()}
    async with (
        opened(ScriptedProvider([]), settings=settings) as gateway,
        joined(gateway.app, headers=headers) as socket,
    ):
        if is_allowed:
            assert (await greeted(socket)).welcome["type"] == "welcome"
        else:
            assert await refusal(Client(socket)) == 403


async def refusal(client: Client) -> int:
    """Return why the connection was closed or refused."""
    with pytest.raises(Closed) as closed:
        await client.hear()
    return closed.value.code


async def test_a_refused_origin_is_logged_with_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    """The operator reads what to change; an origin of any length costs one short line."""
    headers = {"Origin": "https://" + "x" * 5000}
    async with opened(ScriptedProvider([])) as gateway, joined(gateway.app, headers=headers) as socket:
        await refusal(Client(socket))
    (record,) = caplog.records
    assert (record.levelno, "GATEWAY_ORIGINS" in record.getMessage()) == (logging.WARNING, True)
    assert len(record.getMessage()) < 400


async def test_too_many_connections() -> None:
    """One more is told before the upgrade; when one has gone there is room."""
    async with opened(ScriptedProvider([]), max_connections=1) as gateway:
        async with joined(gateway.app) as one, joined(gateway.app) as two:
            await greeted(one)
            assert await refusal(Client(two)) == 503
        async with joined(gateway.app) as three:
            await greeted(three)


@pytest.mark.parametrize(
    ("offered", "echoed"),
    [(["extraction.v2", "other"], "extraction.v2"), ([], None), ([bearer("other")], None)],
    ids=["another", "none", "a credential alone"],
)
async def test_another_subprotocol(offered: list[str], echoed: str | None) -> None:
    """4406; a name is echoed so that a browser sees it, but never a credential."""
    async with opened(ScriptedProvider([])) as gateway, joined(gateway.app, subprotocols=offered) as socket:
        assert await refusal(Client(socket)) == 4406
        assert (socket.accepted or {})["subprotocol"] == echoed


@pytest.mark.parametrize(
    ("offered", "hello"),
    [
        (["extraction.v1", bearer("s3cret-é")], {}),
        ([bearer("other"), "extraction.v1"], {}),
        (["extraction.v1"], {"token": "s3cret-é"}),
        (["extraction.v1", bearer("wrong")], {"token": "other"}),
    ],
    ids=["bearer", "bearer first", "hello", "hello wins"],
)
async def test_a_credential_lets_in(offered: list[str], hello: dict[str, Any]) -> None:
    """As a second subprotocol, which is not echoed, or in hello."""
    async with (
        opened(ScriptedProvider([]), settings=TOKENS) as gateway,
        joined(gateway.app, subprotocols=offered) as socket,
    ):
        await Client(socket).greet(**hello)
        assert (socket.accepted or {})["subprotocol"] == "extraction.v1"


@pytest.mark.parametrize(
    ("offered", "hello"),
    [
        ([], {}),
        ([], {"token": "wrong"}),
        ([], {"token": ""}),
        ([], {"token": "s3cret-é "}),
        ([], {"ticket": "other"}),
        ([bearer("wrong")], {}),
        (["bearer."], {}),
        (["bearer.!"], {}),
        (["bearer._w"], {}),
    ],
)
async def test_no_good_credential(caplog: pytest.LogCaptureFixture, offered: list[str], hello: dict[str, Any]) -> None:
    """An error that says so without repeating it, then 4401."""
    caplog.set_level(logging.DEBUG)
    async with (
        opened(ScriptedProvider([]), settings=TOKENS) as gateway,
        joined(gateway.app, subprotocols=["extraction.v1", *offered]) as socket,
    ):
        client = Client(socket)
        error = await client.ask(type="hello", **hello)
        assert await refusal(client) == 4401
    assert (error["code"], error["retryable"]) == ("unauthenticated", False)
    assert "wrong" not in error["message"] + caplog.text


async def test_a_server_that_cannot_answer_an_upgrade_closes() -> None:
    """Where the server has no HTTP answer for a refused upgrade, a close before the accept is a 403."""
    async with (
        opened(ScriptedProvider([])) as gateway,
        joined(gateway.app, headers={"Origin": "https://example.org"}, extensions=()) as socket,
    ):
        assert await refusal(Client(socket)) == 4403
        assert socket.accepted is None


async def test_a_peer_that_leaves_before_it_is_accepted() -> None:
    """Nothing is answered."""
    async with opened(ScriptedProvider([])) as gateway:
        async with joined(gateway.app, first_event="websocket.disconnect") as socket:
            pass
        assert (socket.accepted, len(gateway.heartbeat)) == (None, 0)
