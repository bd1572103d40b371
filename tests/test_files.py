"""The pages and files: compressed for who understands it, not sent again to who has them, the same below a path."""

import gzip
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from gateway.providers.scripted import ScriptedProvider
from tests.fakes.client import connected
from tests.fakes.gateways import gateway_with, opened, served

pytestmark = pytest.mark.anyio

STATIC = Path(__file__).parent.parent / "static"
FILES = {
    "/": STATIC / "index.html",
    "/static/client/connection.js": STATIC / "client/connection.js",
    "/static/style.css": STATIC / "style.css",
}
ZIPPED = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
NAMES = ("content-type", "content-length", "content-encoding", "etag", "last-modified", "vary", "cache-control")


@asynccontextmanager
async def browser(app: ASGIApp) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give an HTTP client of an application."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        yield client


async def raw_of(client: httpx2.AsyncClient, path: str, headers: Mapping[str, str]) -> tuple[httpx2.Response, bytes]:
    """Return an answer, and its body as it came."""
    async with client.stream("GET", path, headers=dict(headers)) as answer:
        return answer, b"".join([chunk async for chunk in answer.aiter_raw()])


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("below", ["", "/below"])
async def test_a_file_is_compressed_for_who_understands_it(path: str, below: str) -> None:
    """The text is the file's either way; also mounted under a path."""
    text = FILES[path].read_bytes()
    async with opened(ScriptedProvider([])) as gateway:
        app = Starlette(routes=[Mount(below, gateway.app)]) if below else gateway.app
        async with browser(app) as client:
            zipped, body = await raw_of(client, below + path, ZIPPED)
            plain, same = await raw_of(client, below + path, PLAIN)
    assert (zipped.headers["content-encoding"], gzip.decompress(body), same) == ("gzip", text, text)
    assert len(body) < len(text) * 0.6
    assert ("content-encoding" in plain.headers, plain.headers["content-length"]) == (False, str(len(text)))
    assert {answer.headers["vary"] for answer in (zipped, plain)} == {"Accept-Encoding"}


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("encoding", [ZIPPED, PLAIN], ids=["gzip", "plain"])
async def test_who_has_a_file_is_not_sent_it_again(path: str, encoding: dict[str, str]) -> None:
    """304 for the validator it was given, without a text; another one is answered with the file."""
    async with opened(ScriptedProvider([])) as gateway, browser(gateway.app) as client:
        first = await client.get(path, headers=encoding)
        again = await client.get(path, headers={**encoding, "If-None-Match": first.headers["etag"]})
        other = await client.get(path, headers={**encoding, "If-None-Match": 'W/"other"'})
    assert [answer.status_code for answer in (first, again, other)] == [200, 304, 200]
    assert (again.content, again.headers["etag"], again.headers["vary"]) == (
        b"",
        first.headers["etag"],
        "Accept-Encoding",
    )
    assert first.headers["etag"].startswith('W/"')


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("encoding", [ZIPPED, PLAIN], ids=["gzip", "plain"])
async def test_head_says_what_get_would(path: str, encoding: dict[str, str]) -> None:
    """Every header, the length of what is compressed too; and nothing else."""
    async with opened(ScriptedProvider([])) as gateway, browser(gateway.app) as client:
        got, asked = await client.get(path, headers=encoding), await client.head(path, headers=encoding)
    assert (asked.status_code, asked.content) == (200, b"")
    assert [asked.headers.get(name) for name in NAMES] == [got.headers.get(name) for name in NAMES]


async def test_a_part_of_a_file_is_never_one_of_another_text() -> None:
    """It is not compressed, and who has a compressed text is given a whole one again."""
    path, text = "/static/style.css", FILES["/static/style.css"].read_bytes()
    async with opened(ScriptedProvider([])) as gateway, browser(gateway.app) as client:
        etag = (await client.get(path, headers=ZIPPED)).headers["etag"]
        part = await client.get(path, headers={**ZIPPED, "Range": "bytes=0-9"})
        whole = await client.get(path, headers={**ZIPPED, "Range": "bytes=0-9", "If-Range": etag})
    assert (part.status_code, part.content) == (206, text[:10])
    assert (whole.status_code, whole.content) == (200, text)


async def test_nothing_else_is_compressed() -> None:
    """Neither figures, nor what is said to one client."""
    async with opened(ScriptedProvider([])) as gateway, browser(gateway.app) as client:
        answers = [await client.get(path, headers=ZIPPED) for path in ("/metrics", "/readyz", "/livez")]
        answers.append(await client.post("/v1/tickets", json={}, headers=ZIPPED))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not any("content-encoding" in answer.headers for answer in answers)


async def test_other_methods_and_files() -> None:
    """Are refused as before, in words that are not compressed."""
    requests: list[tuple[str, str]] = [("POST", "/"), ("PUT", "/static/style.css"), ("GET", "/static/nothing.js")]
    async with opened(ScriptedProvider([])) as gateway, browser(gateway.app) as client:
        answers = [await client.request(method, path, headers=ZIPPED) for method, path in requests]
    assert [answer.status_code for answer in answers] == [405, 405, 404]


async def test_on_a_real_line() -> None:
    """A connection goes on behind each kind of answer, the one without a text too; the socket is as ever."""
    path = "/static/client/connection.js"
    async with served(gateway_with(ScriptedProvider([]))) as gateway, httpx2.AsyncClient() as client:

        async def asked(method: str, **headers: str) -> Any:
            return await client.request(method, gateway.url + path, headers={**ZIPPED, **headers})

        got, headed = await asked("GET"), await asked("HEAD")
        kept, again = await asked("GET", **{"If-None-Match": got.headers["etag"]}), await asked("GET")
        async with connected(gateway.url) as socket:
            assert await socket.ask(type="ping") == {"type": "pong"}
    assert [answer.status_code for answer in (got, headed, kept, again)] == [200, 200, 304, 200]
    assert (got.headers["content-encoding"], headed.headers["content-length"]) == (
        "gzip",
        got.headers["content-length"],
    )
    assert (headed.content, again.content) == (b"", FILES[path].read_bytes())


async def test_a_page_of_any_origin_may_import_the_client_and_read_no_other_answer() -> None:
    """The modules are everybody's; what the gateway itself says is for those whom GATEWAY_ORIGINS lists."""
    elsewhere = {"Origin": "https://elsewhere.example"}
    async with opened(ScriptedProvider([])) as gateway, browser(gateway.app) as client:
        answers = {
            path: await client.get(path, headers=elsewhere) for path in ("/static/client/index.js", "/", "/readyz")
        }
    allowed = {path: answer.headers.get("access-control-allow-origin") for path, answer in answers.items()}
    assert allowed == {"/static/client/index.js": "*", "/": None, "/readyz": None}
