"""Nothing jumps: what fills in has its place before it comes, from the first word to the ending."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import lane, opened

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

MOST_SHIFT = 0.1
"""A page is called good where its worst five seconds have less; here it is the sum of the whole run."""
DESKTOP: dict[str, Any] = {}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

_OBSERVE = """
() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
      const places = sources.map(({ node }) => node?.className || node?.parentElement?.className || node?.nodeName);
      window.shifts.push({ value, places });
    }
  }).observe({ type: "layout-shift" });
}
"""


async def shifts(page: Page) -> tuple[float, list[Any]]:
    """Return how much moved in all, and what moved most."""
    seen = await page.evaluate("window.shifts.sort((one, other) => other.value - one.value)")
    return sum(shift["value"] for shift in seen), seen[:5]


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_whole_run_moves_nothing(browser: Browser, gateway_url: str, device: dict[str, Any]) -> None:
    """From the first frame of the value to the ending, on a desk and on a phone."""
    async with opened(browser, gateway_url, **device) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        await page.click("#start")
        await page.wait_for_selector(lane(1, "running"))
        await page.evaluate(_OBSERVE)
        await page.wait_for_selector(lane(1, "completed"))
        total, seen = await shifts(page)
        assert total < MOST_SHIFT, seen
