"""One-time tickets on real sockets: from the end point to a session that follows somebody's run."""

from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import Serve
from tests.fakes.client import connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.pieces import FINAL, Gates, asked

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

GUARDED: dict[str, Any] = {"tokens": ("s3cret",)}
MINE = {"Authorization": "Bearer s3cret"}


async def tickets_asked(gateway: Served, *requests: dict[str, Any]) -> list[httpx2.Response]:
    """Ask for tickets one after the other, on one line where the server lets it be."""
    async with httpx2.AsyncClient() as http:
        return [
            await http.post(f"{gateway.url}/v1/tickets", **{"json": {}, "headers": MINE, **request})
            for request in requests
        ]


async def test_a_colleague_follows_a_run(serve: Serve, fake: FakeOpenAI) -> None:
    """With a ticket and the extraction's name, on a connection of their own, that is as good as any."""
    fake.reply((gates := Gates()).reply())
    async with serve(settings=GUARDED) as gateway, connected(gateway.url, hello={"token": "s3cret"}) as mine:
        watch = await mine.extract("a", **asked())
        (answer,) = await tickets_asked(gateway, {})
        async with connected(gateway.url, hello={"ticket": answer.json()["ticket"]}) as colleague:
            theirs = await colleague.watch("w", watch.extraction)
            gates.open_all()
            await colleague.finish(theirs)
            assert theirs.value == FINAL
            await mine.finish(watch)


async def test_refusals_on_a_real_line(serve: Serve) -> None:
    """Each has its status, also where megabytes are sent, and the line goes on."""
    requests: list[dict[str, Any]] = [
        {"headers": {}},
        {"headers": {**MINE, "Origin": "https://elsewhere.example"}},
        {"json": None, "content": "{}"},
        {"json": {"a": 1}},
        {"json": {"a": "x" * 10_000_000}},
        {},
        {},
    ]
    async with serve(settings=GUARDED, max_tickets=1) as gateway:
        answers = await tickets_asked(gateway, *requests)
    assert [answer.status_code for answer in answers] == [401, 403, 415, 400, 413, 200, 503]
    assert not any("connection" in answer.headers for answer in answers)
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


async def test_an_address_asks_as_often_as_it_may_connect(serve: Serve) -> None:
    """And is told when to come again."""
    async with serve(settings=GUARDED, handshakes_burst=2) as gateway:
        answers = await tickets_asked(gateway, {}, {}, {})
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"


ASKING = """async ([url, token]) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: "{}" });
    return { status: answer.status, ...(await answer.json()) };
}"""


@pytest.mark.browser
async def test_in_a_browser_a_page_asks(serve: Serve, browser: Browser) -> None:
    """The gateway's own, and one of another origin that is allowed; what it is refused, it can read."""
    context = await browser.new_context(bypass_csp=True)  # which stands for a page of somebody else's
    page = await context.new_page()
    async with serve(settings=GUARDED) as gateway, serve() as elsewhere:
        url = f"{gateway.url}/v1/tickets"
        for place in (gateway.url, elsewhere.url):
            await page.goto(f"{place}/livez")
            answer = await page.evaluate(ASKING, [url, "s3cret"])
            async with connected(gateway.url, hello={"ticket": answer["ticket"]}) as guest:
                assert (answer["status"], guest.welcome["type"]) == (200, "welcome")
        refusal = await page.evaluate(ASKING, [url, "wrong"])
        assert (refusal["status"], refusal["code"]) == (401, "unauthenticated")
    await context.close()


@pytest.mark.browser
async def test_in_a_browser_a_foreign_page_is_not_answered(serve: Serve, browser: Browser) -> None:
    """The browser asks before, and sends nothing."""
    context = await browser.new_context(bypass_csp=True)
    page = await context.new_page()
    settings = {**GUARDED, "origins": ("https://app.example.org",)}
    async with serve(settings=settings) as gateway, serve() as elsewhere:
        await page.goto(f"{elsewhere.url}/livez")
        with pytest.raises(Exception, match="Failed to fetch"):
            await page.evaluate(ASKING, [f"{gateway.url}/v1/tickets", "s3cret"])
        assert gateway.gateway.figures.ticket_requests == {"forbidden": 1}
    await context.close()
