"""The strip of lanes on the demo page: what has ended stays, numbers are used once, many at once break nothing."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened, says

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

STARTED = {"type": "started", "extraction": "x", "epoch": "e", "state": "running", "deduplicated": False}
GOAWAY = {"type": "goaway", "reason": "restart", "retry_after_ms": 1000, "deadline_ms": 1000}


@pytest.fixture
async def page(browser: Browser, gateway_url: str, between: Between) -> AsyncGenerator[Page]:
    """Open the page, connected."""
    async with opened(browser, gateway_url, between) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


def stopped(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the frames of a run that is over at once."""
    return [{**STARTED, "id": message["id"]}, {"type": "cancelled", "id": message["id"], "epoch": "e", "rev": 0}]


async def start(page: Page, count: int) -> None:
    """Start so many runs."""
    for _ in range(count):
        await page.click("#start")


async def test_what_has_ended_stays_and_can_be_cleared_away(page: Page, between: Between) -> None:
    """Nine lanes with legible titles, the newest in sight; clearing leaves what runs, and its number to nobody."""
    between.answers = stopped
    await start(page, 8)
    await page.wait_for_selector(lane(8, "cancelled"))
    between.answers = lambda message: [{**STARTED, "id": message["id"]}]
    await start(page, 1)
    await expect(page.locator(lane(9, "running"))).to_be_in_viewport(ratio=0.95)
    await expect(page.locator(".lane")).to_have_count(9)
    await expect(page.locator("#lanes[data-before]:not([data-after])")).to_be_visible()
    await page.click(f"{lane(1, 'cancelled')} .lane-choose")
    await expect(page.locator("#lanes[data-after]:not([data-before])")).to_be_visible()
    await page.click(f"{lane(9, 'running')} .lane-choose")
    cut_off = "[...document.querySelectorAll('.lane-title')].filter((e) => e.scrollWidth > e.clientWidth).length"
    assert await page.evaluate(cut_off) == 0
    await page.click("#clear")
    await expect(page.locator(".lane")).to_have_count(1)
    await expect(page.locator("#lanes:not([data-before], [data-after])")).to_be_visible()
    await expect(page.locator("#clear")).to_be_hidden()
    await expect(page.locator(f"{lane(9, 'running')} .lane-choose")).to_be_focused()


async def test_a_number_is_used_once(page: Page, between: Between) -> None:
    """Also where its lane was taken away, and behind a reload."""
    between.answers = stopped
    await start(page, 2)
    for number in (1, 2):
        await page.click(f"{lane(number, 'cancelled')} .lane-stop")
    await page.reload()
    await says(page, "#invitation", "Press Start")
    await start(page, 1)
    await expect(page.locator(".lane-title")).to_have_text("3 conference")


async def test_the_arrows_go_from_lane_to_lane(page: Page, between: Between) -> None:
    """What has the focus is what is looked at; a lane that is taken away leaves the focus at its neighbour."""
    between.answers = stopped
    await start(page, 3)
    await page.wait_for_selector(lane(3, "cancelled"))
    await page.focus(f"{lane(3, 'cancelled')} .lane-choose")
    await page.keyboard.press("ArrowLeft")
    chosen = page.locator(f"{lane(2, 'cancelled')} .lane-choose")
    await expect(chosen).to_be_focused()
    await expect(chosen).to_have_attribute("aria-pressed", "true")
    await page.click(f"{lane(2, 'cancelled')} .lane-stop")
    await expect(page.locator(f"{lane(3, 'cancelled')} .lane-choose")).to_be_focused()


async def test_more_runs_than_may_run_at_once_wait_and_all_end(browser: Browser, gateway_url: str) -> None:
    """Of twenty, sixteen run; the others say how many go first, and watch only once they run."""
    between = Between()
    async with opened(browser, gateway_url, between) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        await page.evaluate("for (let run = 0; run < 20; run += 1) document.querySelector('#start').click()")
        await expect(page.locator("#state-text")).to_have_text("Queued: 3 of this page's runs go first …")
        assert [message["type"] for message in between.sent].count("watch") == 3 * 16
        await expect(page.locator('.lane[data-state="completed"]')).to_have_count(20, timeout=30_000)
        await expect(page.locator("#facts")).to_contain_text("✓ all equal")
        assert {message["channel"] for message in between.asked} == {"demo"}


async def test_a_gateway_that_is_about_to_go_says_so(page: Page, between: Between) -> None:
    """In the head of the page, where it covers nothing."""
    between.say(GOAWAY)
    await says(page, "#line", "The gateway is about to restart")
    await expect(page.locator("#retry")).to_be_hidden()
    await expect(page.locator("#start")).to_be_disabled()
    notice, bar = await page.locator("#line").bounding_box(), await page.locator("#bar").bounding_box()
    assert notice is not None
    assert bar is not None
    assert notice["y"] + notice["height"] <= bar["y"]


async def test_a_line_that_is_cut_is_called_cut_and_then_back(page: Page) -> None:
    """The page says whose doing it was, and that everything goes on, where something does."""
    await page.click("#cut")
    await says(page, "#line", "Connected again.")
    await page.click("#start")
    await page.wait_for_selector("#cards td >> text=John")
    await page.click("#cut")
    await says(page, "#line", "You cut the line; what runs goes on at the gateway. Back in")
    await expect(page.locator("#connection")).to_have_text("Line cut")
    await says(page, "#line", "Connected again: what runs goes on where it was")
    await expect(page.locator("#line")).to_be_hidden()


_OFFLINE = """
Object.defineProperty(navigator, "onLine", { get: () => sessionStorage.getItem("away") === null });
"""


async def test_a_machine_without_a_network_is_called_offline(page: Page) -> None:
    """It is this side that is away; the page comes back with the network."""
    await page.add_init_script("Math.random = () => 100")  # so the wait is long, and only the network ends it
    await page.add_init_script(_OFFLINE)
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Connected")
    await page.evaluate("sessionStorage.setItem('away', 'yes')")
    await page.click("#cut")
    await says(page, "#line", "You are offline. This page comes back by itself.")
    await expect(page.locator("#connection")).to_have_text("Offline")
    await page.evaluate("sessionStorage.removeItem('away'); dispatchEvent(new Event('online'))")
    await expect(page.locator("#connection")).to_have_text("Connected")


async def test_the_browsers_own_undo_brings_back_a_text(page: Page) -> None:
    """With the schema and the choice that went with it."""
    await page.click("#source")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("A text of mine.")
    await page.click(".chip >> text=Contract")
    await expect(page.locator("#source")).not_to_have_value("A text of mine.")
    await page.keyboard.press("Control+z")
    await expect(page.locator("#source")).to_have_value("A text of mine.")
    await expect(page.locator("#extractor")).to_have_value("conference")
    await expect(page.locator("#undo")).to_be_hidden()


async def test_a_run_that_a_new_gateway_does_not_know_can_be_tried_again(page: Page, between: Between) -> None:
    """A line that is lost promises nothing; one that is back says what became of the run, and offers it anew."""
    await page.add_init_script("Math.random = () => 100")  # so the wait is long, and only the button ends it
    await page.reload()
    between.answers = lambda message: [{**STARTED, "id": message["id"]}]
    await page.click("#start")
    await page.wait_for_selector(lane(1, "running"))
    await between.cut()
    await says(page, "#line", "The connection is lost; this page tries again by itself")
    await expect(page.locator("#state-text")).to_have_text("Not connected …")
    await page.click("#retry")
    await says(page, "#problem", "does not know this run any more: it was restarted, or it keeps it no longer")
    await expect(page.locator("#line-text")).to_have_text("Connected again.")
    await expect(page.locator(".lane-state")).to_contain_text("gone")
    between.answers = None
    await page.click("#again")
    await page.wait_for_selector(lane(2, "completed"))
    assert between.asked[1]["input"] == between.asked[0]["input"]
