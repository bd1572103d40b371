"""The applications in examples/, served by uvicorn as they stand: mounted, and with their own word on who may enter."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module, reload
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.client import connect as client_connect
from gateway.ports import Finish
from gateway.providers.recorded import Recording

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

MAIL = "Ann Lee (ann@lee.example) has lost her key."
TICKET = {"subject": "Lost key", "name": "Ann Lee", "email": "ann@lee.example"}
NOTE = {"title": "Lost key", "people": ["Ann Lee"]}


@asynccontextmanager
async def served(name: str, answer: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    """Serve an example whose model has a recorded answer to the mail."""
    recording = Recording(input=MAIL, source="test", deltas=((0, json.dumps(answer)), (0, Finish("stop"))))
    path = folder / "mail.json"
    await asyncio.to_thread(path.write_text, recording.to_json())
    monkeypatch.setenv("GATEWAY_PROVIDER", "recorded")
    monkeypatch.setenv("GATEWAY_RECORDINGS", str(path))
    module = await asyncio.to_thread(_fresh, name)
    server = uvicorn.Server(
        uvicorn.Config(module.app, host="127.0.0.1", port=0, log_config=None, ws="websockets-sansio")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.should_exit = True
    await task


def _fresh(name: str) -> ModuleType:
    """Import an example anew, as a server that starts does; its application looks for files."""
    module = reload(import_module(f"examples.{name}"))
    assert module.gateway.provider.name == "recorded"
    return module


async def extracted(url: str, extractor: str, headers: dict[str, str], **hello: str) -> Any:
    """Return the value that a WebSocket client gets for the mail."""
    address = url.replace("http", "ws") + "/extraction/v1/ws"
    async with connect(address, subprotocols=["extraction.v1"], additional_headers=headers, proxy=None) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "hello", **hello}))
        asked = {"type": "extract", "id": "a", "extractor": extractor, "input": MAIL, "encoding": "snapshot"}
        await socket.send(json.dumps(asked))
        value = None
        async for frame in socket:
            message = json.loads(frame)
            value = message.get("value", value)
            if message["type"] in {"completed", "failed"}:
                return value
    raise AssertionError("it ended without a terminal")


async def refusal(url: str, **hello: str) -> int | None:
    """Return the close code for a client that nobody knows."""
    with pytest.raises(ConnectionClosed) as closed:
        await extracted(url, "any", {}, **hello)
    return closed.value.rcvd.code if closed.value.rcvd else None


async def test_in_fastapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cookie or its token lets in, to the WebSocket as to the application's own route; nothing else does."""
    async with served("in_fastapi", TICKET, tmp_path, monkeypatch) as url, httpx2.AsyncClient(base_url=url) as client:
        assert [await refusal(url), await refusal(url, token="made up")] == [4401, 4401]
        assert (await client.post("/tickets", params={"mail": MAIL})).status_code == 401
        session = (await client.post("/logins", params={"user": "ann"})).cookies["session"]
        assert await extracted(url, "ticket", {"Cookie": f"session={session}"}) == TICKET
        assert await extracted(url, "ticket", {}, token=session) == TICKET
        assert (await client.post("/tickets", params={"mail": MAIL})).json() == TICKET
        assert (await client.get("/extraction/static/client/index.js")).status_code == 200


async def test_in_starlette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever the application's middleware has found enters, or who has a key of it; its own pages stay."""
    async with served("in_starlette", NOTE, tmp_path, monkeypatch) as url, httpx2.AsyncClient(base_url=url) as client:
        assert [await refusal(url), await refusal(url, token="made up")] == [4401, 4401]
        assert await extracted(url, "note", {"X-Api-Key": "key-of-ann"}) == NOTE
        assert await extracted(url, "note", {}, token="key-of-ann") == NOTE
        for given in ({"token": "key-of-ann"}, {"additional_headers": {"X-Api-Key": "key-of-ann"}}):
            async with client_connect(f"{url.replace('http', 'ws')}/extraction/v1/ws", proxy=None, **given) as session:
                assert await session.extract(extractor="note", input=MAIL).result() == NOTE
        assert (await client.get("/")).text == "the application's own page"
        assert (await client.get("/extraction/")).status_code == 200


@pytest.mark.parametrize(
    ("name", "answer", "extractor"), [("in_fastapi", TICKET, "ticket"), ("in_starlette", NOTE, "note")]
)
async def test_a_one_time_ticket_of_an_application(
    name: str, answer: Any, extractor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever the application knows, by cookie or by its middleware, gets one; it opens the mounted socket once."""
    async with served(name, answer, tmp_path, monkeypatch) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await client.post("/extraction/v1/tickets", json={})).status_code == 401
        if name == "in_fastapi":
            await client.post("/logins", params={"user": "ann"})
        known = await client.post("/extraction/v1/tickets", json={}, headers={"X-Api-Key": "key-of-ann"})
        ticket = known.json()["ticket"]
        assert await extracted(url, extractor, {}, ticket=ticket) == answer
        assert await refusal(url, ticket=ticket) == 4401
