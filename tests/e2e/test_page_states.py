"""What the demo page says of a provider that is not ready, of what goes wrong, and of what is still to come."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened, says

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

LOCAL = {
    "name": "local",
    "model": "tiny",
    "state": "idle",
    "reason": "no key is set and a model is installed",
    "small": True,
}
STARTED = {"type": "started", "extraction": "x", "epoch": "e", "state": "running", "deduplicated": False}
RESET = {"attempt": 2, "reason": "invalid_output"}
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
    await says(page, "#provider-card", "OPENAI_API_KEY and GATEWAY_MODEL")
    await page.keyboard.press("Escape")
    await expect(page.locator("#provider-card")).to_be_hidden()
    await page.wait_for_selector(lane(1, "completed"))


async def test_a_toy_sized_model_is_called_one(page: Page) -> None:
    """What it is good for stands beside the text, and any text may be tried: the examples are there."""
    await says(page, "#hint", "A toy-sized model (tiny) runs on this machine")
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


async def test_a_model_that_ended_is_a_warning(page: Page, between: Between) -> None:
    """It stands where the text is, and goes when the model is there."""
    between.say({**LOCAL, "type": "provider", "state": "failed"})
    await says(page, "#hint[data-kind=warning]", "ended, or could not be started")
    await says(page, "#hint", "The next extraction starts it again")
    between.say({**LOCAL, "type": "provider", "state": "ready"})
    await expect(page.locator("#hint[data-kind=calm]")).to_contain_text("toy-sized")


async def test_another_try_waits_as_long_as_it_has_to_and_asks_for_the_same(page: Page, between: Between) -> None:
    """The time counts down on the button; what is in the form meanwhile is not what is tried again."""
    busy = {"type": "error", "code": "over_capacity", "message": "no place", "retryable": True, "retry_after_ms": 1500}
    between.answers = lambda message: [{**busy, "id": message["id"]}]
    await page.click("#start")
    await says(page, "#problem-title", "as much to do as it may")
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
    await says(page, "#problem[data-kind=warning]", "length limit")
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


async def test_a_budget_that_is_used_up_is_called_one(page: Page, between: Between) -> None:
    """It is not the model's own limit, and what had arrived stays."""
    between.answers = lambda message: ending(message, "incomplete", reason="budget", open=[""])
    await page.click("#start")
    await says(page, "#problem[data-kind=warning]", "the budget of tokens is used up")
    await expect(page.locator("#cards")).to_contain_text("Arena")


async def test_a_model_that_is_asked_again_shows_why_and_what_there_was(page: Page, between: Between) -> None:
    """The old value dims with its errors until the new one has a first word; the end says how often it was asked."""
    errors = [{"path": "/users/0/email", "message": "expected an address"}]
    between.answers = lambda message: [
        *ending(message, "snapshot", value=VALUE)[:2],
        {"type": "reset", "id": message["id"], "epoch": "f", **RESET, "errors": errors},
    ]
    await page.click("#start")
    await says(page, "#problem[data-kind=calm]", "so the model is asked again")
    await says(page, "#problem", "attempt 2")
    await expect(page.locator("#problem-fields li")).to_have_text("/users/0/email: expected an address")
    watch = {"id": between.asked[0]["id"], "epoch": "f"}
    between.say({"type": "snapshot", **watch, "rev": 0, "value": dict.fromkeys(VALUE)})
    await expect(page.locator("#panel[data-stale] td.is-wrong")).to_contain_text("expected an address")
    await says(page, "#state", "Attempt 2: waiting for the first word …")
    between.say({"type": "snapshot", **watch, "rev": 1, "value": {**dict.fromkeys(VALUE), "date": "June"}})
    await expect(page.locator("#panel:not([data-stale]) #cards [data-key=date]")).to_contain_text("June")
    await expect(page.locator(".is-wrong")).to_have_count(0)
    await says(page, "#problem", "so the model is asked again")
    between.say({"type": "completed", **watch, "rev": 1, "attempts": 2})
    await says(page, "#state", "Complete, and valid by the schema, after 2 attempts")
    await expect(page.locator("#problem")).to_be_hidden()


_LOOKS = """
(key) => {
  const leaf = document.querySelector(`#cards [data-key=${key}] :is(.is-null, .is-empty)`);
  return getComputedStyle(leaf, "::after").content.replaceAll('"', "");
}
"""


async def test_null_absent_and_pending_look_different_while_it_runs(page: Page, between: Between) -> None:
    """Said by `progress`: complete and null, not in an object that is complete, and neither yet."""
    value: dict[str, Any] = {"note": None, "place": {"city": "Rome", "zip": None}, "tags": [], "later": None}
    complete = ["/note", "/place/city", "/place", "/tags"]
    start = {"id": "", "epoch": "e", "rev": 0, "value": value, "progress": {"active": None, "completed": []}}
    between.answers = lambda message: [
        {**STARTED, "id": message["id"]},
        {"type": "snapshot", **start, "id": message["id"]},
    ]
    await page.click("#start")
    await expect(page.locator("#cards [data-key=city]")).to_contain_text("Rome")
    assert [await page.evaluate(_LOOKS, key) for key in ("note", "zip", "tags", "later")] == [""] * 4
    steps = {"type": "patch", "id": between.asked[0]["id"], "from": 0, "rev": 1, "ops": []}
    between.say({**steps, "progress": {"active": "/later", "completed": complete}})
    await expect(page.locator("#cards [data-key=later]")).to_have_class("member is-active")
    assert [await page.evaluate(_LOOKS, key) for key in ("note", "zip", "tags", "later")] == ["null", "–", "none", ""]
    assert between.asked[0]["progress"] is True


async def test_what_is_held_back_is_marked_where_it_is_written(page: Page, between: Between) -> None:
    """A number is not shown before it is complete; its place has the caret meanwhile, and no other one."""
    start = {"id": "", "epoch": "e", "rev": 1, "value": {"name": "Ann", "fee": None, "note": None}}
    between.answers = lambda message: [
        {**STARTED, "id": message["id"]},
        {"type": "snapshot", **start, "id": message["id"], "progress": {"active": "/fee", "completed": ["/name"]}},
    ]
    await page.click("#start")
    await expect(page.locator(".is-active")).to_have_attribute("data-key", "fee")
    step = {"type": "patch", "id": between.asked[0]["id"], "from": 1, "rev": 2}
    ops = [{"op": "replace", "path": "/fee", "value": 12.5}, {"op": "replace", "path": "/note", "value": "To"}]
    between.say({**step, "ops": ops, "progress": {"active": "/note", "completed": ["/fee"]}})
    await expect(page.locator(".is-active")).to_have_attribute("data-key", "note")
    await expect(page.locator("#cards [data-key=fee]")).to_contain_text("12.5")


async def test_a_brace_is_no_value(page: Page, between: Between) -> None:
    """Writing, and the time of the first value, begin with the first leaf that the skeleton does not have."""
    start = {"id": "", "epoch": "e", "value": {"users": [], "currency": "EUR"}}
    between.answers = lambda message: [
        {**STARTED, "id": message["id"]},
        *({"type": "snapshot", **start, "id": message["id"], "rev": rev} for rev in (0, 1)),
    ]
    await page.click("#start")
    await expect(page.locator("#facts")).to_contain_text("Revision1")
    await says(page, "#state", "Waiting for the first word …")
    await expect(page.locator("#facts")).to_contain_text("First value–")
    ops = [{"op": "add", "path": "/users/0", "value": {"name": "Ann"}}]
    between.say({"type": "patch", "id": between.asked[0]["id"], "from": 1, "rev": 2, "ops": ops})
    await says(page, "#state", "Writing …")
    await expect(page.locator("#facts")).not_to_contain_text("First value–")


FIVE_COLUMNS = [
    {
        "order": f"order {88213 + at}",
        "item": "Kettle with a rather long name",
        "price": 1250.5 * (at + 1),
        "address": "Lindenstraße 8, 20095 Hamburg",
        "tracking": "https://tracking.example.org/parcels/1Z999AA10123456784" if at else "by hand",
    }
    for at in range(2)
]
_BROKEN_WORDS = r"""
() => [...document.querySelectorAll("#cards td span")].flatMap((leaf) => {
  const text = leaf.firstChild;
  return [...text.data.matchAll(/\S+/g)].filter(({ 0: word, index }) => {
    const range = document.createRange();
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    return new Set([...range.getClientRects()].map(({ top }) => top)).size > 1;
  }).map(([word]) => word);
})
"""


async def test_five_columns_break_no_number_and_no_word_that_fits(page: Page, between: Between) -> None:
    """At 1280 px only the address of a page is broken; what is wider than the table scrolls inside it."""
    rows = {"type": "snapshot", "epoch": "e", "rev": 3, "value": {"orders": FIVE_COLUMNS}}
    between.answers = lambda message: [{**STARTED, "id": message["id"]}, {**rows, "id": message["id"]}]
    await page.click("#start")
    await expect(page.locator("#cards tbody tr")).to_have_count(2)
    assert await page.evaluate(_BROKEN_WORDS) == [FIVE_COLUMNS[1]["tracking"]]
    panel = "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('#panel'))"
    assert await page.evaluate(panel)


async def test_several_runs_are_stopped_at_once(page: Page, between: Between) -> None:
    """The button is there while more than one runs. The newest goes first: no queued one gets a place meanwhile."""
    between.holds = True
    await page.click("#start")
    await page.wait_for_selector(lane(1, "running"))
    await expect(page.locator("#stop-all")).to_be_hidden()
    await page.click("#start")
    await page.wait_for_selector(lane(2, "running"))
    await page.click("#stop-all")
    started = [message["id"] for message in between.sent if message["type"] == "extract"]
    cancelled = [message["id"] for message in between.sent if message["type"] == "cancel"]
    assert cancelled == started[::-1]


async def test_a_new_lane_is_in_sight(page: Page, between: Between) -> None:
    """However many there are; one that is chosen by key is, too."""
    between.answers = lambda message: [{**STARTED, "id": message["id"]}]
    for number in range(1, 7):
        await page.click("#start")
        await expect(page.locator(lane(number, "running"))).to_be_in_viewport(ratio=0.95)
    await page.locator(".lane-choose").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(lane(1, "running"))).to_be_in_viewport(ratio=0.95)


async def test_nothing_starts_without_a_text(page: Page, between: Between) -> None:
    """The reason is said, the text has the focus, and what is typed takes the reason away."""
    await page.fill("#source", " ")
    await page.click("#start")
    await says(page, "#refusal", "There is no text yet")
    await expect(page.locator("#source")).to_be_focused()
    await page.keyboard.type("A text.")
    await expect(page.locator("#refusal")).to_be_hidden()
    assert between.asked == []


async def test_a_text_that_is_too_long_is_told_before_it_is_sent(page: Page, between: Between) -> None:
    """Beyond the gateway's limit nothing starts; beyond what a small model reads it is only said."""
    await page.fill("#source", "é" * 140_000)
    await says(page, "#source-size", "more than the 262 kB that the gateway takes")
    await page.click("#start")
    await says(page, "#refusal", "does not take that much")
    assert between.asked == []
    await page.fill("#source", "word " * 1_400)
    await says(page, "#source-size", "more than this small model reads")
    between.answers = lambda message: ending(message, "completed")
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    await page.fill("#source", "word")
    await expect(page.locator("#source-size")).not_to_contain_text("more than", use_inner_text=True)


async def test_an_example_that_is_too_much_for_a_small_model_is_marked(page: Page) -> None:
    """On its chip, and in a hint where it is chosen."""
    await expect(page.locator(".chip", has_text="larger model")).to_have_text("Support call · larger model")
    await page.click(".chip >> text=Support")
    await says(page, "#hint[data-kind=warning]", "This example needs a larger model")
    await page.click(".chip >> text=Product")
    await says(page, "#hint[data-kind=calm]", "toy-sized")
