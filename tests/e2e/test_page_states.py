"""What the demo page says of a provider that is not ready, of what goes wrong, and of what is still to come."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

LOCAL = {
    "name": "local",
    "model": "tiny",
    "state": "idle",
    "reason": "no key is set and a model is installed",
    "small": True,
}
STARTED = {"type": "started", "extraction": "x", "epoch": "e", "state": "running", "deduplicated": False}
VALUE = {
    "users": [{"name": "Ann", "email": "nope", "twitter": "@ann"}],
    "date": "May",
    "location": "Arena",
    "budget": None,
    "deadline": None,
}


@pytest.fixture
def between() -> Between:
    """Stand on the line, and say that a small model runs."""
    return Between(provider=LOCAL)


@pytest.fixture
async def page(browser: Browser, gateway_url: str, between: Between) -> AsyncGenerator[Page]:
    """Open the page, connected."""
    async with opened(browser, gateway_url, between) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


def ending(message: dict[str, Any], kind: str, **parts: Any) -> list[dict[str, Any]]:
    """Return the frames of a run that ends like this at once."""
    watch = {"id": message["id"], "epoch": "e", "rev": 3}
    return [
        {**STARTED, "id": message["id"]},
        {"type": "snapshot", **watch, "value": VALUE},
        {"type": kind, **watch, **parts},
    ]


async def test_which_provider_runs_and_why_is_a_key_away(page: Page) -> None:
    """The word in the head opens by keyboard; Escape closes it, and stops no run."""
    await expect(page.locator("#provider")).to_contain_text("local · tiny")
    await page.click("#start")
    await page.focus("#provider")
    await page.keyboard.press("Enter")
    await expect(page.locator("#provider-card")).to_contain_text("no key is set and a model is installed")
    await expect(page.locator("#provider-card")).to_contain_text("OPENAI_API_KEY")
    await page.keyboard.press("Escape")
    await expect(page.locator("#provider-card")).to_be_hidden()
    await page.wait_for_selector(lane(1, "completed"))


async def test_a_toy_sized_model_is_called_one(page: Page) -> None:
    """What it is good for stands beside the text, and any text may be tried: the examples are there."""
    await expect(page.locator("#hint")).to_contain_text("A toy-sized model (tiny) runs on this machine")
    await expect(page.locator(".chip")).to_have_count(5)
    await page.fill("#source", "Something else.")
    await expect(page.locator("#restore")).to_be_hidden()


async def test_a_gateway_that_gives_no_reason_is_shown_as_well(browser: Browser, gateway_url: str) -> None:
    """A provider with nothing but a name has its word, without a hint."""
    async with opened(browser, gateway_url, Between(provider={"name": "other", "model": None})) as page:
        await expect(page.locator("#provider-text")).to_have_text("other")
        await expect(page.locator("#hint")).to_be_hidden()


async def test_what_a_run_waits_for_is_said_with_the_time(page: Page, between: Between) -> None:
    """Installing, loading, then the first word; the provider's word follows, and nothing is asked for twice."""
    between.holds = True
    await page.click("#start")
    await expect(page.locator("#state")).to_contain_text("Waiting for the first word …")
    for state, words in (("installing", "Installing the model …"), ("loading", "Loading the model …")):
        between.say({**LOCAL, "type": "provider", "state": state})
        await expect(page.locator("#state-text")).to_have_text(words)
        await expect(page.locator("#provider-text")).to_have_text(f"local · tiny · {state}")
    await expect(page.locator("#state-time")).to_contain_text(" s")
    assert len(between.asked) == 1


async def test_a_queued_run_says_so(page: Page, between: Between) -> None:
    """Until there is a place for it."""
    between.answers = lambda message: [{**STARTED, "id": message["id"], "state": "queued"}]
    await page.click("#start")
    await expect(page.locator("#state-text")).to_contain_text("Queued")


async def test_a_model_that_could_not_be_started_is_a_warning(page: Page, between: Between) -> None:
    """It stands where the text is, and goes when the model is there."""
    between.say({**LOCAL, "type": "provider", "state": "failed"})
    await expect(page.locator("#hint[data-kind=warning]")).to_contain_text("could not be started")
    between.say({**LOCAL, "type": "provider", "state": "ready"})
    await expect(page.locator("#hint[data-kind=calm]")).to_contain_text("toy-sized")


async def test_another_try_waits_as_long_as_it_has_to_and_asks_for_the_same(page: Page, between: Between) -> None:
    """The time counts down on the button; what is in the form meanwhile is not what is tried again."""
    busy = {"type": "error", "code": "over_capacity", "message": "no place", "retryable": True, "retry_after_ms": 1500}
    between.answers = lambda message: [{**busy, "id": message["id"]}]
    await page.click("#start")
    await expect(page.locator("#problem-title")).to_contain_text("as much to do as it may")
    await expect(page.locator("#again")).to_be_disabled()
    await expect(page.locator("#again")).to_contain_text("Try again in")
    await page.fill("#source", "Something else.")
    between.answers = None
    await page.click("#again")
    await page.wait_for_selector(lane(2, "completed"))
    assert between.asked[1]["input"] == between.asked[0]["input"]


async def test_what_does_not_fit_is_said_at_its_field(page: Page, between: Between) -> None:
    """In the cell of a table and at a member; what is nowhere in the value stands in the list only."""
    errors = [
        {"path": "/users/0/email", "message": "expected an address"},
        {"path": "/budget", "message": "expected an integer"},
        {"path": "/nowhere", "message": "expected something"},
    ]
    error = {"code": "invalid_output", "message": "m", "retryable": False, "errors": errors}
    between.answers = lambda message: ending(message, "failed", error=error)
    await page.click("#start")
    await expect(page.locator("td.is-wrong")).to_contain_text("expected an address")
    await expect(page.locator(".member.is-wrong > .wrong")).to_have_text("expected an integer")
    await expect(page.locator(".wrong")).to_have_count(2)
    await expect(page.locator("#problem-fields li")).to_have_count(3)


async def test_a_value_that_was_cut_off_keeps_what_arrived(page: Page, between: Between) -> None:
    """The reason is told as a warning, with another try; what was not reached is not called null."""
    between.answers = lambda message: ending(message, "incomplete", reason="length", open=[""])
    await page.click("#start")
    await expect(page.locator("#problem[data-kind=warning]")).to_contain_text("length limit")
    await expect(page.locator("#again")).to_be_visible()
    await expect(page.locator("#cards")).to_contain_text("Arena")
    words = "getComputedStyle(document.querySelector('[data-key=budget] .is-null'), '::after').content"
    assert json.loads(await page.evaluate(words)) == "not reached"


_TOP_OF_DATE = "document.querySelector('#cards [data-key=date]').getBoundingClientRect().top"


async def test_what_fills_in_moves_nothing_below_it(page: Page) -> None:
    """The rows that are to come are there before they are; so a first and a second one change no place."""
    await page.click("#start")
    await page.wait_for_selector(".state[data-waits]")
    await page.wait_for_selector("#cards [data-key=date]")
    before = await page.evaluate(_TOP_OF_DATE)
    await page.wait_for_selector("#cards td >> text=Jane")
    assert await page.evaluate(_TOP_OF_DATE) == before


async def test_the_caret_goes_with_the_pen_and_leaves_at_the_end(page: Page) -> None:
    """One leaf has it while the model writes, none afterwards."""
    await page.click("#start")
    await expect(page.locator("#cards .is-growing")).to_have_count(1)
    await page.wait_for_selector(lane(1, "completed"))
    await expect(page.locator(".is-growing, .is-settled")).to_have_count(0)
