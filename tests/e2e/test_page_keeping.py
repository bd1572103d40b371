"""What the demo page keeps: no click and no reload costs somebody's work."""

import json
import re
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened, says

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

MINE = "A text of mine."
SCHEMA = '{"type": "object", "properties": {"mine": {"type": "string"}}}'


@pytest.fixture
async def page(browser: Browser, gateway_url: str, between: Between) -> AsyncGenerator[Page]:
    """Open the page, connected."""
    async with opened(browser, gateway_url, between) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


async def write_something(page: Page) -> None:
    """Write a text and a schema of one's own."""
    await page.select_option("#extractor", label="A schema of my own")
    await page.click("#tab-schema-json")
    await page.fill("#schema", SCHEMA)
    await page.fill("#source", MINE)


async def reload(page: Page) -> None:
    """Load the page anew, and wait until it is connected."""
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Connected")


async def test_what_an_example_replaces_can_be_had_back(page: Page) -> None:
    """Text, schema and choice, also behind two examples; nothing is offered where only an example was replaced."""
    await page.click(".chip >> text=Contract")
    await expect(page.locator("#undo")).to_be_hidden()
    await write_something(page)
    await page.click(".chip >> text=Contract")
    await page.click(".chip >> text=Conference")
    await expect(page.locator("#source")).not_to_have_value(MINE)
    await page.click("#undo")
    await expect(page.locator("#source")).to_have_value(MINE)
    await expect(page.locator("#schema")).to_have_value(SCHEMA)
    await expect(page.locator("#undo")).to_be_hidden()


async def test_an_example_that_was_edited_meanwhile_is_not_lost_either(page: Page) -> None:
    """The way back has a way back."""
    await page.fill("#source", MINE)
    await page.click(".chip >> text=Contract")
    await page.fill("#source", "Edited.")
    for text in (MINE, "Edited."):
        await page.click("#undo")
        await expect(page.locator("#source")).to_have_value(text)


async def test_a_reload_keeps_what_was_written_and_chosen(page: Page) -> None:
    """Text, schema, model, interval and encoding, and what an example had replaced."""
    await write_something(page)
    await page.fill("#model", "other")
    await page.select_option("#interval", "250")
    await page.locator("input[value=patch]").check(force=True)
    await reload(page)
    await expect(page.locator("#source")).to_have_value(MINE)
    await expect(page.locator("#schema")).to_have_value(SCHEMA)
    await expect(page.locator("#schema-panel")).to_be_visible()
    await expect(page.locator("#model")).to_have_value("other")
    await expect(page.locator("#interval")).to_have_value("250")
    await expect(page.locator("input[value=patch]")).to_be_checked()
    await page.click(".chip >> text=Conference")
    await reload(page)
    await page.click("#undo")
    await expect(page.locator("#source")).to_have_value(MINE)


async def test_a_run_goes_on_behind_a_reload(page: Page, between: Between) -> None:
    """The lane is there again, asks for nothing anew, counts on, and ends with the whole value."""
    await page.click("#start")
    await page.wait_for_selector("#cards td >> text=John")
    await reload(page)
    await page.wait_for_selector(lane(1, "running"))
    await page.wait_for_selector(lane(1, "completed"))
    await expect(page.locator("#cards tbody tr")).to_have_count(4)
    await expect(page.locator("#facts")).to_contain_text("✓ all equal")
    assert len(between.asked) == 1


async def what_is_told(page: Page) -> list[str]:
    """Return the state with its time in whole seconds, and the bytes: the clocks of page and gateway are two."""
    state, wire = [await page.locator(part).inner_text() for part in ("#state", "#wire-short")]
    return [re.sub(r"\.\d s|\d+ ms", "", state), wire]


async def test_a_run_that_ended_is_there_behind_a_reload(page: Page, between: Between) -> None:
    """With its value, its time and what it cost; the chosen one is chosen, and its order can be given again."""
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    await page.click("#start")
    await page.wait_for_selector(lane(2, "completed"))
    await page.click(f"{lane(1, 'completed')} .lane-choose")
    await expect(page.locator(f"{lane(1, 'completed')} .lane-choose")).to_have_attribute("aria-pressed", "true")
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await expect(page.locator("#facts")).to_contain_text("✓ all equal")
    shown = await what_is_told(page)
    await reload(page)
    await page.wait_for_selector(lane(2, "completed"))
    await expect(page.locator(f"{lane(1, 'completed')} .lane-choose")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#cards tbody tr")).to_have_count(4)
    assert await what_is_told(page) == shown
    assert len(between.asked) == 2


async def test_what_the_gateway_no_longer_has_is_gone_without_a_word(page: Page, between: Between) -> None:
    """An extraction that is not found leaves no lane and no problem."""

    def unknown(message: dict[str, Any]) -> list[dict[str, Any]]:
        started = {"type": "started", "extraction": "x", "epoch": "e", "state": "running", "deduplicated": False}
        return [{**started, "id": message["id"]}]

    between.answers = unknown
    await page.click("#start")
    await page.wait_for_selector(lane(1, "running"))
    await reload(page)
    await says(page, "#invitation", "Press Start")
    await expect(page.locator(".lane")).to_have_count(0)
    await expect(page.locator("#problem")).to_be_hidden()


async def test_a_tab_whose_memory_cannot_be_read_opens_like_a_new_one(page: Page) -> None:
    """Whoever wrote there: the page begins with the first example."""
    await page.evaluate("addEventListener('pagehide', () => sessionStorage.setItem('gateway.tab', '{'))")
    await reload(page)
    assert "John Doe" in await page.input_value("#source")


async def test_another_extractor_offers_its_own_example(page: Page) -> None:
    """A text that belongs to another example stays; the one that fits is a click away."""
    await page.click(".chip >> text=Contract")
    await page.select_option("#extractor", "conference")
    await says(page, "#hint", "This text belongs to another example")
    await page.click("#restore")
    assert "John Doe" in await page.input_value("#source")
    await says(page, "#hint", "toy-sized")
    await page.fill("#source", MINE)
    await expect(page.locator("#restore")).to_be_hidden()


_GROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_click_on_the_theme_is_seen(page: Page, scheme: Any) -> None:
    """Whatever the system says; what was chosen is there behind a reload."""
    await page.emulate_media(color_scheme=scheme)
    seen = [await page.evaluate(_GROUND)]
    for _ in range(3):
        await page.click("#theme")
        seen.append(await page.evaluate(_GROUND))
    assert seen[0] == seen[2] != seen[1] == seen[3]
    await reload(page)
    assert await page.evaluate(_GROUND) == seen[3]


_CUT = """
() => new Promise((resolve) => {
  const began = performance.now();
  const status = document.querySelector("#connection");
  new MutationObserver(() => {
    if (status.dataset.status === "open") resolve(performance.now() - began);
  }).observe(status, { attributes: true });
  document.querySelector("#cut").click();
})
"""


async def test_a_line_that_is_cut_stays_cut_long_enough_to_be_seen(page: Page) -> None:
    """About two seconds, however soon the client would try again; then the value goes on."""
    await page.add_init_script("Math.random = () => 0")
    await reload(page)
    await page.click("#start")
    await page.wait_for_selector("#cards td >> text=John")
    cut_ms = await page.evaluate(_CUT)
    assert 1_900 < cut_ms < 4_000
    await page.wait_for_selector(lane(1, "completed"))


_WIDTH_OF_CHOICE = "document.querySelector('#extractor').offsetWidth"
_SMALL_TARGETS = """
[...document.querySelectorAll("button:not(.link), select, input:not([type=checkbox], [type=radio])")]
  .map((target) => [target.id || target.textContent, target.getBoundingClientRect()])
  .filter(([, { width, height }]) => width > 0 && height < 40)
  .map(([name]) => name)
"""


async def test_a_phone_has_room_for_fingers_and_the_text_above_the_fold(browser: Browser, gateway_url: str) -> None:
    """Targets are at least 40 px high, an own schema leaves the text in sight, options take nothing from the choice."""
    between = Between(provider={"name": "local", "model": "tiny", "state": "ready", "small": True})
    phone = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True}
    async with opened(browser, gateway_url, between, **phone) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        width = await page.evaluate(_WIDTH_OF_CHOICE)
        await page.click("#options")
        assert await page.evaluate(_WIDTH_OF_CHOICE) == width
        await page.click("#options")
        await page.select_option("#extractor", label="A schema of my own")
        await expect(page.locator("#source")).to_be_in_viewport(ratio=0.5)
        assert await page.evaluate(_SMALL_TARGETS) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == 375


async def test_a_tab_keeps_nothing_that_names_another_tab(page: Page) -> None:
    """What is kept is one record under one key, for this tab only."""
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    await reload(page)
    kept = await page.evaluate("Object.entries(sessionStorage)")
    assert [key for key, _ in kept] == ["gateway.tab"]
    assert set(json.loads(kept[0][1])) == {"draft", "lanes", "selected", "next"}
