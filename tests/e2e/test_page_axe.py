"""The demo page in each of its states, as axe-core sees it: nothing serious stands in anybody's way."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

AXE = (Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js").read_text()
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
STARTED = {"type": "started", "extraction": "x", "epoch": "e", "state": "running", "deduplicated": False}
VALUE = {
    "customer": {"name": "Ann", "address": None},
    "lines": [{f"column {at}": "a-rather-long-word-that-does-not-break" for at in range(6)}] * 3,
    "tags": ["a", "b"],
    "text": "A line that goes on. " * 300,
}
ERROR = {
    "code": "invalid_output",
    "message": "m",
    "retryable": True,
    "errors": [{"path": "/lines/1/column 2", "message": "expected less"}, {"path": "/customer", "message": "unknown"}],
}

_SERIOUS = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, any }) => `${id}: ${target} (${any[0]?.message ?? ""})`));
}
"""


@pytest.fixture(params=list(LOOKS.values()), ids=list(LOOKS))
async def page(
    request: pytest.FixtureRequest, browser: Browser, gateway_url: str, between: Between
) -> AsyncGenerator[Page]:
    """Open the page in one of its looks; only here a foreign script runs in it, past its own rules."""
    async with opened(browser, gateway_url, between, bypass_csp=True, reduced_motion="reduce", **request.param) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


async def serious(page: Page) -> list[str]:
    """Return what is serious or critical, with where it is."""
    await page.evaluate(AXE)
    found: list[str] = await page.evaluate(_SERIOUS)
    return found


def answered(between: Between, *frames: dict[str, Any]) -> None:
    """Have the next extraction show the value, and then these frames."""
    snapshot = {"type": "snapshot", "epoch": "e", "rev": 3, "value": VALUE}
    between.answers = lambda message: [{**frame, "id": message["id"]} for frame in (STARTED, snapshot, *frames)]


async def test_before_a_run(page: Page) -> None:
    """The first visit, with the card of the provider; then the form of a schema of one's own, and its JSON."""
    assert await serious(page) == []
    await page.click("#provider")
    assert await serious(page) == []
    await page.keyboard.press("Escape")
    await page.select_option("#extractor", label="A schema of my own")
    assert await serious(page) == []
    await page.click("#tab-schema-json")
    assert await serious(page) == []


async def test_while_a_run_goes_on(page: Page, between: Between) -> None:
    """With cards, with JSON and with the wire."""
    answered(between)
    await page.click("#start")
    for view in ("cards", "json", "wire"):
        await page.click(f"#tab-{view}")
        await page.wait_for_selector(lane(1, "running"))
        assert await serious(page) == []


async def test_when_a_run_has_ended(page: Page, between: Between) -> None:
    """Completed, and failed with errors at their fields; asked again too."""
    answered(between, {"type": "completed", "epoch": "e", "rev": 3, "attempts": 1})
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    assert await serious(page) == []
    answered(between, {"type": "failed", "epoch": "e", "rev": 3, "error": ERROR})
    await page.click("#start")
    await page.wait_for_selector(lane(2, "failed"))
    assert await serious(page) == []
    await page.click("#tab-json")
    assert await serious(page) == []


async def test_while_another_attempt_is_waited_for(page: Page, between: Between) -> None:
    """What is given up is dim and stays readable."""
    reset = {"type": "reset", "epoch": "f", "attempt": 2, "reason": "invalid_output", "errors": ERROR["errors"]}
    answered(between, reset)
    await page.click("#start")
    await page.wait_for_selector("#panel[data-stale]")
    assert await serious(page) == []


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
async def test_the_gate(browser: Browser, locked_gateway_url: str, look: dict[str, Any]) -> None:
    """Where a token is asked for, also after a wrong one."""
    async with opened(browser, locked_gateway_url, bypass_csp=True, **look) as page:
        await expect(page.locator("#gate")).to_be_visible()
        assert await serious(page) == []
