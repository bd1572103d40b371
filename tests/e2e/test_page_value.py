"""How the page draws a value: tables, errors at their fields, what is absent, texts of any script and length."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

STARTED = {"type": "started", "extraction": "x", "epoch": "e", "state": "running", "deduplicated": False}
ORDERS = {
    "orders": [
        {"number": "INV-1001", "lines": [{"item": "Kettle", "count": 2}]},
        {"number": "INV-1002", "lines": [{"item": "Lamp", "count": 1}]},
    ],
    "grid": [[1, 2], [3, 4]],
    "note": None,
}
INVOICES = {
    "invoices": [
        {
            "number": f"INV-100{at}",
            "issued": "2024-05-01",
            "customer": "Nordlicht and Company",
            "total": 1250.5,
            "of": "a-b",
        }
        for at in range(3)
    ]
}


@pytest.fixture
async def page(browser: Browser, gateway_url: str, between: Between) -> AsyncGenerator[Page]:
    """Open the page, connected."""
    async with opened(browser, gateway_url, between) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


def answered(between: Between, value: Any, *frames: dict[str, Any], **told: Any) -> None:
    """Have the next extraction show a value, and then these frames."""
    snapshot = {"type": "snapshot", "epoch": "e", "rev": 3, "value": value, **told}
    between.answers = lambda message: [{**frame, "id": message["id"]} for frame in (STARTED, snapshot, *frames)]


def failed(*errors: tuple[str, str]) -> dict[str, Any]:
    """Return the ending of an answer that is not valid."""
    found = [{"path": path, "message": message} for path, message in errors]
    error = {"code": "invalid_output", "message": "m", "retryable": False, "errors": found}
    return {"type": "failed", "epoch": "e", "rev": 3, "error": error}


_LINES = """
() => [...document.querySelectorAll("#cards td > .is-short")].map((leaf) => {
  const range = document.createRange();
  range.selectNodeContents(leaf);
  return new Set([...range.getClientRects()].map(({ top }) => top)).size;
})
"""


@pytest.mark.parametrize("width", [1280, 980])
async def test_dates_and_numbers_of_papers_stay_in_one_line(page: Page, between: Between, width: int) -> None:
    """A hyphen is no place to break a short word at; figures stand at the end of their cells, under their name."""
    await page.set_viewport_size({"width": width, "height": 800})
    answered(between, INVOICES)
    await page.click("#start")
    await expect(page.locator("#cards tbody tr")).to_have_count(3)
    assert set(await page.evaluate(_LINES)) == {1}
    for cell in ("td[data-key=total]", "th:nth-child(4)"):
        await expect(page.locator(f"#cards {cell}").first).to_have_css("text-align", "end")
    await expect(page.locator("#cards th").first).to_have_css("text-align", "start")


async def test_the_first_column_of_a_wide_table_stays_in_sight(page: Page, between: Between) -> None:
    """What is too wide scrolls in its own box, by key too."""
    row = {f"column {at}": "a-word-of-20-letters" for at in range(7)}
    answered(between, {"rows": [row, row]})
    await page.click("#start")
    box = page.locator("#cards .table")
    await expect(box).to_have_attribute("tabindex", "0")
    await box.evaluate("(box) => box.scrollTo(10_000, 0)")
    await expect(page.locator("#cards td[data-key='column 0']").first).to_be_in_viewport(ratio=0.9)
    await expect(page.locator("#cards td[data-key='column 6']").first).to_be_in_viewport(ratio=0.9)


async def test_what_is_wrong_is_said_in_cards_in_cards_and_in_lists_of_lists(page: Page, between: Between) -> None:
    """As deep as the value goes, and in the JSON at its line."""
    wrong = [
        ("/orders/1/lines/0/count", "too few"),
        ("/grid/1/0", "too many"),
        ("/orders/0", "unknown"),
        ("/note", "no"),
    ]
    answered(between, ORDERS, failed(*wrong))
    await page.click("#start")
    await page.wait_for_selector(lane(1, "failed"))
    for place, words in (
        ("[data-key=orders] > .stack > li:nth-child(2) td[data-key=count]", "too few"),
        ("[data-key=grid] > .stack > li:nth-child(2) li:nth-child(1)", "too many"),
        ("[data-key=orders] > .stack > li:nth-child(1)", "unknown"),
        ("[data-key=note]", "no"),
    ):
        await expect(page.locator(f"#cards {place}.is-wrong > .wrong")).to_have_text(words)
    await page.click("#tab-json")
    await expect(page.locator("#json .json-line.is-wrong > .wrong")).to_have_count(4)
    await expect(page.locator("#json .is-wrong", has_text='"count": 1').last).to_contain_text("too few")


_LOOK = """
(key) => getComputedStyle(document.querySelector(`#cards [data-key=${key}] > .is-null`), "::after").content
"""


async def test_what_a_snapshot_calls_absent_is_not_called_null(page: Page, between: Between) -> None:
    """Whoever comes late, too, sees what was left out, what is null, and what is still to come."""
    value = {"place": {"city": None, "zip": None}, "later": None}
    told = {"active": "/later", "completed": ["/place"], "absent": ["/place/zip"]}
    answered(between, value, progress=told)
    await page.click("#start")
    await expect(page.locator("#cards [data-key=zip]")).to_have_class("member is-absent")
    assert [json.loads(await page.evaluate(_LOOK, key)) for key in ("city", "zip", "later")] == ["null", "–", ""]


async def test_a_text_in_another_script_runs_its_own_way(page: Page, between: Between) -> None:
    """Each string for itself; what it is called keeps its place."""
    answered(between, {"title": "اجتماع الفريق", "place": "Rome", "text": "שלום " * 40})
    await page.click("#start")
    for key, direction in (("title", "rtl"), ("place", "ltr"), ("text", "rtl")):
        await expect(page.locator(f"#cards [data-key={key}] > .is-string")).to_have_css("direction", direction)
    assert await page.evaluate("""() => {
      const { left } = document.querySelector("#cards [data-key=title] > .name").getBoundingClientRect();
      return document.querySelector("#cards [data-key=title] > .is-string").getBoundingClientRect().left === left;
    }""")


async def test_a_long_text_grows_in_blocks_and_is_the_text(page: Page, between: Between) -> None:
    """Only the last block changes; the caret is behind it."""
    text = "A line that goes on.\n" * 1_000
    answered(between, {"text": text}, progress={"active": "/text", "completed": []})
    await page.click("#start")
    blocks = page.locator("#cards .is-string > .block")
    await expect(blocks).to_have_count(6)
    first = await blocks.first.text_content()
    step = {"type": "patch", "id": between.asked[0]["id"], "from": 3, "rev": 4}
    between.say({**step, "ops": [{"op": "append", "path": "/text", "value": "And on."}]})
    await expect(blocks.last).to_contain_text("And on.")
    assert await page.text_content("#cards .is-string") == f"{text}And on."
    assert await blocks.first.text_content() == first
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('#cards .block:last-child'), '::after').width")
        == "2px"
    )


async def test_tokens_are_guessed_while_it_runs_and_counted_at_the_end(page: Page, between: Between) -> None:
    """A guess is marked as one; the ending has the count of the model's server."""
    await page.click("#start")
    tokens = page.locator("#facts > div", has_text="Tokens").locator("dd")
    await expect(tokens).to_contain_text("≈")
    await page.wait_for_selector(lane(1, "completed"))
    await expect(tokens).to_contain_text("≈ 110 ·")
    usage = {"input_tokens": 10, "output_tokens": 1234, "total_tokens": 1244, "estimated": False}
    timing = {"queued_ms": 0, "first_delta_ms": 500, "total_ms": 1500}
    ending = {"type": "completed", "epoch": "e", "rev": 3, "attempts": 1, "usage": usage, "timing": timing}
    answered(between, ORDERS, ending)
    await page.click("#start")
    await expect(tokens).to_have_text("1,234 · 1234/s")


async def test_the_last_frames_are_read_in_a_line_each(page: Page, between: Between) -> None:
    """What a patch does, and what became complete, beside its revision."""
    answered(between, {"name": "Ann", "fee": None})
    await page.click("#start")
    step = {"type": "patch", "id": between.asked[0]["id"], "from": 3, "rev": 4}
    ops = [{"op": "append", "path": "/name", "value": " Lee"}, {"op": "replace", "path": "/fee", "value": 12}]
    between.say({**step, "ops": ops, "progress": {"active": None, "completed": ["/fee"]}})
    newest = page.locator("#tail .frame").first
    await expect(newest.locator("code")).to_have_text('append /name " Lee"  replace /fee 12  ✓ /fee')
    await expect(newest.locator(".frame-rev")).to_have_text("4")
