"""Who may enter: the holders of tokens, and whoever the application knows."""

import asyncio
import threading
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from gateway.access import Access, Authenticate
from gateway.app import Gateway
from gateway.core.limits import Limits
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports import Finish
from gateway.providers.scripted import Gate, ScriptedProvider
from gateway.settings import Settings, SettingsError
from tests.fakes.client import Client
from tests.fakes.transport import Closed, joined

pytestmark = pytest.mark.anyio

REQUEST = HTTPConnection({"type": "websocket", "path": "/", "headers": [(b"cookie", b"session=abc")]})


def by_cookie(connection: HTTPConnection, credential: str | None) -> str | None:
    """Return whose session the cookie names."""
    return {"abc": "ann"}.get(connection.cookies.get("session", ""))


async def by_credential(connection: HTTPConnection, credential: str | None) -> str | None:
    """Return whoever says who it is."""
    await asyncio.sleep(0)
    return credential


async def test_without_tokens_and_hook_everybody_may_enter() -> None:
    """Nobody has a name then."""
    assert await Access().principal(REQUEST, None) == ("", "")


@pytest.mark.parametrize("credential", [None, "", "b", "ä", "\ud800"])
async def test_a_credential_that_no_token_is(credential: str | None) -> None:
    """Nobody else enters, and what was given is not repeated."""
    with pytest.raises(Unauthenticated) as refused:
        await Access(("a", "c")).principal(REQUEST, credential)
    assert refused.value.param == "token"


async def test_the_holders_of_a_token_are_one() -> None:
    """Each token is a name of its own, which does not tell the token."""
    access = Access(("a-secret", "b-secret"))
    names = [await access.principal(REQUEST, token) for token in ("a-secret", "a-secret", "b-secret")]
    assert names[0] == names[1] != names[2]
    assert {name.realm for name in names} == {""}
    assert "secret" not in str(names)


@pytest.mark.parametrize(
    ("hook", "credential", "name"), [(by_cookie, None, "ann"), (by_credential, "bo", "bo")], ids=["plain", "async"]
)
async def test_whoever_the_application_knows_enters(hook: Authenticate, credential: str | None, name: str) -> None:
    """By what it reads off the upgrade request or by the credential."""
    assert await Access(authenticate=hook).principal(REQUEST, credential) == (f"user:{name}", f"user:{name}")


async def test_a_token_lets_in_beside_a_hook() -> None:
    """A service has a token where people have a cookie; whoever has neither stays outside."""
    access = Access(("a",), by_credential)
    assert (await access.principal(REQUEST, "a")).name.startswith("token:")
    assert await access.principal(REQUEST, "bo") == ("user:bo", "user:bo")
    with pytest.raises(Unauthenticated):
        await access.principal(REQUEST, None)


async def test_a_plain_function_does_not_hold_the_loop_up() -> None:
    """It may ask a database: it runs in a thread."""
    seen: list[int] = []

    def hook(connection: HTTPConnection, credential: str | None) -> str:
        seen.append(threading.get_ident())
        return "ann"

    await Access(authenticate=hook).principal(REQUEST, None)
    assert seen != [threading.get_ident()]


@pytest.mark.parametrize("answer", [True, 1, {"name": "ann"}])
async def test_a_hook_that_answers_with_something_else(answer: Any) -> None:
    """Is a fault, and lets nobody in."""
    with pytest.raises(TypeError, match="expected the name of who it is"):
        await Access(authenticate=lambda *_: answer).principal(REQUEST, None)


def gateway_of(hook: Authenticate, **limits: Any) -> Gateway:
    """Return a gateway whose application says who may enter."""
    return Gateway(provider=ScriptedProvider([]), settings=Settings(), limits=Limits(**limits), authenticate=hook)


async def closing(gateway: Gateway, **hello: Any) -> tuple[str | None, int]:
    """Return which error a hello is answered with, and the close code."""
    await asyncio.to_thread(getattr, gateway, "app")
    async with gateway, joined(gateway.app) as socket:
        client = Client(socket)
        await client.say(type="hello", **hello)
        heard: list[str] = []
        with pytest.raises(Closed) as closed:
            await _hear_into(heard, client)
        return next(iter(heard), None), closed.value.code


async def _hear_into(codes: list[str], client: Client) -> None:
    while True:
        codes.append((await client.hear())["code"])


async def forbids(connection: HTTPConnection, credential: str | None) -> str | None:
    """Know who it is, and that it may not."""
    raise Forbidden("expected somebody of the staff")


async def breaks(connection: HTTPConnection, credential: str | None) -> str | None:
    """Fail, as a database does."""
    raise ConnectionError("s3cret of the database")


async def hangs(connection: HTTPConnection, credential: str | None) -> str | None:
    """Never come to an answer."""
    await asyncio.Event().wait()
    return None


async def unknown(connection: HTTPConnection, credential: str | None) -> str | None:
    """Refuse as a dependency of FastAPI does."""
    raise HTTPException(401, "s3cret of the application")


def staff_only(connection: HTTPConnection, credential: str | None) -> str | None:
    """Refuse likewise, in a plain function."""
    raise HTTPException(403)


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (unknown, ("unauthenticated", 4401)),
        (staff_only, ("forbidden", 4403)),
        (by_credential, ("unauthenticated", 4401)),
        (forbids, ("forbidden", 4403)),
        (breaks, ("internal", 4500)),
        (hangs, (None, 4408)),
    ],
)
async def test_how_a_hook_can_end_a_connection(
    hook: Authenticate, expected: tuple[str | None, int], caplog: pytest.LogCaptureFixture
) -> None:
    """Each with the code that tells a client what to do; a fault is in the log."""
    assert await closing(gateway_of(hook, hello_timeout_s=0.05)) == expected
    assert ("authenticate failed" in caplog.text) is (hook is breaks)
    assert "s3cret of the application" not in caplog.text


async def test_what_is_sent_behind_hello_waits_for_the_answer() -> None:
    """A client need not wait for `welcome`."""
    gateway = gateway_of(by_credential)
    await asyncio.to_thread(getattr, gateway, "app")
    async with gateway, joined(gateway.app) as socket:
        client = Client(socket)
        await client.say(type="hello", token="ann")
        await client.say(type="ping", nonce=1)
        assert [(await client.hear())["type"] for _ in range(2)] == ["welcome", "pong"]


def test_beyond_loopback_somebody_has_to_say_who_may_enter() -> None:
    """A token or the application; without either the command does not start."""
    settings = Settings(host="0.0.0.0")  # noqa: S104 - only looked at
    Gateway(provider=ScriptedProvider([]), settings=settings, authenticate=by_cookie).check()
    with pytest.raises(SettingsError, match="not a loopback address"):
        Gateway(provider=ScriptedProvider([]), settings=settings).check()


async def test_what_others_started_is_not_there() -> None:
    """Neither to watch nor to cancel, and the answer is that for what never was; holders of tokens share theirs."""
    script: list[Any] = [Gate(asyncio.Event()), '{"a": 1}', Finish("stop")]
    settings = Settings(tokens=("t1", "t2"), inline_schemas=True)
    gateway = Gateway(provider=ScriptedProvider(script), settings=settings, authenticate=by_credential)
    await asyncio.to_thread(getattr, gateway, "app")
    async with gateway, joined(gateway.app) as first, joined(gateway.app) as second, joined(gateway.app) as third:
        ann, bo, ops = Client(first), Client(second), Client(third)
        for client, token in ((ann, "ann"), (bo, "bo"), (ops, "t1")):
            await client.greet(token=token)
        mine = (await ann.extract("a", schema={}, input="x")).extraction
        shared = (await ops.extract("a", schema={}, input="x")).extraction
        nothing = await bo.ask(type="watch", id="w", extraction="never was")
        foreign = await bo.ask(type="watch", id="w", extraction=mine)
        assert foreign == nothing
        assert (await bo.ask(type="cancel", extraction=mine))["code"] == "not_found"
        assert (await ann.watch("b", mine)).extraction == mine
        async with joined(gateway.app) as fourth:
            others = Client(fourth)
            await others.greet(token="t2")
            assert (await others.watch("b", shared)).extraction == shared
