"""The demo page in a real browser, against a running gateway that plays the conference recording."""

import re
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.conftest import TOKEN
from tests.e2e.pages import Between, lane, opened, says

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

OWN = "A schema of my own"
ASKING_FOR_MORE = """{
  "type": "object",
  "properties": {"title": {"type": "string"}, "people": {"type": "array"}},
  "required": ["title", "people"]
}"""
NAMES = ["John Doe", "Jane Smith", "Alex Johnson", "Emily Clark"]


@pytest.fixture
async def page(browser: Browser, gateway_url: str) -> AsyncGenerator[Page]:
    """Open the page, connected."""
    async with opened(browser, gateway_url) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


async def shown_names(page: Page) -> list[str]:
    """Return the first column of the table of users."""
    return await page.locator("#cards tbody td:first-child").all_inner_texts()


async def test_the_recording_fills_in_and_ends_with_the_four_names(page: Page) -> None:
    """Start plays the recorded text; the value ends whole, with one digest in all three encodings."""
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    assert await shown_names(page) == NAMES
    await expect(page.locator("#facts")).to_contain_text("✓ all equal")


async def test_the_address_can_ask_for_silence(page: Page) -> None:
    """`?play=0`: the page opens with the recorded text, its shape and no extraction."""
    await expect(page.locator("#source")).to_have_value(re.compile("John Doe"))
    await expect(page.locator("#outline")).to_contain_text("users")
    await says(page, "#hint", "A recording plays here")
    await expect(page.locator(".lane")).to_have_count(0)


async def test_the_address_can_ask_to_play(page: Page, gateway_url: str) -> None:
    """`?play=1` starts at once, also where this tab was here before."""
    await page.goto(f"{gateway_url}?play=1")
    await page.wait_for_selector(lane(1, "completed"))


async def test_a_first_visit_plays_by_itself_and_once(browser: Browser, gateway_url: str) -> None:
    """The recording costs nothing: it fills in, those who do not see it hear why, and a reload starts no more."""
    between = Between()
    async with opened(browser, f"{gateway_url}/?", between) as page:
        await page.wait_for_selector("#cards td >> text=John")
        await expect(page.locator("#spoken")).to_contain_text("An example plays by itself, Escape stops it")
        await page.reload()
        await page.wait_for_selector(lane(1, "completed"))
        await page.click(f"{lane(1, 'completed')} .lane-stop")
        await page.reload()
        await says(page, "#invitation", "Press Start")
        assert len(between.asked) == 1


@pytest.mark.parametrize(
    ("provider", "device"),
    [
        ({"name": "openai", "model": "large", "state": "ready"}, {}),
        ({"name": "local", "model": "tiny", "state": "failed"}, {}),
        ({"name": "recorded", "state": "ready"}, {"reduced_motion": "reduce"}),
    ],
    ids=["what costs money", "a model that is not there", "where motion is not wanted"],
)
async def test_nothing_plays_by_itself(
    browser: Browser, gateway_url: str, provider: dict[str, Any], device: dict[str, Any]
) -> None:
    """A large Start invites instead, and does what the other one does."""
    between = Between(provider=provider)
    async with opened(browser, f"{gateway_url}/?", between, **device) as page:
        await expect(page.locator("#begin")).to_be_visible()
        assert between.asked == []
        await page.click("#begin")
        await page.wait_for_selector(lane(1, "completed"))
        await expect(page.locator("#begin")).to_be_hidden()


async def test_the_value_fills_in_while_the_model_writes(page: Page) -> None:
    """A first name is there before the last one is."""
    await page.click("#start")
    await page.wait_for_selector("#cards td >> text=John")
    assert "Emily Clark" not in await shown_names(page)


async def test_the_encoding_switches_while_it_runs(page: Page) -> None:
    """Another encoding is another watch on the same extraction: it goes on to the same value."""
    await page.click("#start")
    for encoding in ("snapshot", "patch", "append"):
        await page.locator(f"input[value={encoding}]").check(force=True)
        await page.wait_for_selector(f".meter.is-shown >> text={encoding.capitalize()}")
    await page.wait_for_selector(lane(1, "completed"))
    assert await shown_names(page) == NAMES
    await expect(page.locator(".lane")).to_have_count(1)


async def test_bytes_are_counted_for_each_encoding(page: Page) -> None:
    """The strip shows what the run cost; a snapshot each time costs the most."""
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    sizes = [float(text.split()[0]) for text in await page.locator(".meter-size").all_inner_texts()]
    assert sizes[0] > sizes[1] >= sizes[2] > 0


async def test_escape_cancels_and_keeps_what_arrived(page: Page) -> None:
    """A cancelled extraction says so; its value stays as it was."""
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("#cards td >> text=John")
    await page.keyboard.press("Escape")
    await page.wait_for_selector(lane(1, "cancelled"))
    assert (await shown_names(page))[0].startswith("John")
    await says(page, "#problem", "Stopped")


async def test_three_lanes_run_on_one_connection(page: Page) -> None:
    """Each lane has its own stop; the others go on to their end."""
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    for number in (1, 2, 3):
        await page.click("#start")
        await page.wait_for_selector(lane(number, "running"))
    await page.click(f"{lane(2, 'running')} .lane-stop")
    for number, state in ((1, "completed"), (2, "cancelled"), (3, "completed")):
        await page.wait_for_selector(lane(number, state))
    await page.click(f"{lane(1, 'completed')} .lane-choose")
    await expect(page.locator("#cards tbody tr")).to_have_count(len(NAMES))
    assert sockets == []


async def test_a_cut_line_comes_back_and_the_value_goes_on(page: Page) -> None:
    """The socket is dropped in the middle of a run; the page says so and ends with the whole value."""
    await page.add_init_script("Math.random = () => 100")  # so the wait is long, and only the button ends it
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Connected")
    await page.click("#start")
    await page.wait_for_selector("#cards td >> text=John")
    await page.click("#cut")
    await expect(page.locator("#line")).to_be_visible()
    await page.click("#retry")
    await page.wait_for_selector(lane(1, "completed"))
    assert await shown_names(page) == NAMES


async def test_a_text_without_a_recording_is_answered_in_plain_words(page: Page) -> None:
    """Another text fails with its code, says why beforehand, and the recorded text can be brought back."""
    await page.fill("#source", "Something else.")
    await expect(page.locator("#restore")).to_be_visible()
    await page.click("#start")
    await page.wait_for_selector(lane(1, "failed"))
    await expect(page.locator("#problem-code")).to_have_text("provider_error")
    await page.click("#restore")
    await expect(page.locator("#restore")).to_be_hidden()


async def test_a_text_without_a_recording_is_not_tried_again(page: Page) -> None:
    """The failure says what to do; its button brings the example back, which then plays."""
    await page.fill("#source", "Something else.")
    await page.click("#start")
    await page.wait_for_selector(lane(1, "failed"))
    await says(page, "#problem", "OPENAI_API_KEY and GATEWAY_MODEL")
    await expect(page.locator("#again")).to_be_hidden()
    await page.click("#example")
    await expect(page.locator("#source")).to_have_value(re.compile("John Doe"))
    await expect(page.locator("#example")).to_be_hidden()
    await page.click("#start")
    await page.wait_for_selector(lane(2, "completed"))


async def test_an_answer_that_does_not_fit_is_told_field_by_field(page: Page) -> None:
    """The recording does not follow a schema of one's own; each missing member has a line."""
    await page.select_option("#extractor", label=OWN)
    await page.click("#tab-schema-json")
    await page.fill("#schema", ASKING_FOR_MORE)
    await page.click("#start")
    await page.wait_for_selector(lane(1, "failed"))
    await expect(page.locator("#problem-code")).to_have_text("invalid_output")
    await expect(page.locator("#problem-fields code")).to_have_text(["/title", "/people"])
    await expect(page.locator(".lane-title")).to_have_text("1 own schema")


async def test_a_schema_of_ones_own_leaves_room_for_the_text(page: Page) -> None:
    """Editor and text both fit above the wire."""
    await page.select_option("#extractor", label=OWN)
    text, wire = await page.locator("#source").bounding_box(), await page.locator("#wire").bounding_box()
    assert text is not None
    assert wire is not None
    assert text["y"] + text["height"] <= wire["y"]


async def test_a_schema_of_ones_own_is_checked_before_it_is_sent(page: Page) -> None:
    """What is not JSON is said at the editor, and nothing starts."""
    await page.select_option("#extractor", label=OWN)
    await page.click("#tab-schema-json")
    await page.fill("#schema", '{"type": "object",}')
    await page.click("#start")
    await expect(page.locator("#schema-error")).to_contain_text("not JSON yet")
    await expect(page.locator(".lane")).to_have_count(0)
    await page.click("#tab-schema-form")
    await expect(page.locator("#unshown-reason")).to_contain_text("not JSON yet")
    await expect(page.locator("#unshown-note")).to_be_hidden()


async def test_the_other_views_show_the_same_run(page: Page) -> None:
    """JSON and Wire are tabs, reached by the arrow keys, Home and End."""
    await page.click("#start")
    await page.wait_for_selector(lane(1, "completed"))
    await page.focus("#tab-cards")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#json")).to_contain_text('"name": "John Doe')
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#log .frame").first).to_contain_text("completed")
    for key, tab in (
        ("Home", "#tab-cards"),
        ("End", "#tab-wire"),
        ("ArrowRight", "#tab-cards"),
        ("ArrowLeft", "#tab-wire"),
    ):
        await page.keyboard.press(key)
        await expect(page.locator(tab)).to_be_focused()
        await expect(page.locator(tab)).to_have_attribute("aria-selected", "true")


_GROUNDS = "(selectors) => selectors.map((each) => getComputedStyle(document.querySelector(each)).backgroundColor)"


async def test_what_is_chosen_is_seen_in_forced_colours(page: Page) -> None:
    """Where the system sets all colours: the encoding, the tabs of both kinds, and the bars of the wire."""
    await page.select_option("#extractor", label=OWN)
    await page.emulate_media(forced_colors="active")
    for one, other in (
        (".segments :checked + span", ".segments :not(:checked) + span"),
        ("#tab-cards", "#tab-json"),
        ("#tab-schema-form", "#tab-schema-json"),
        (".meter-fill", ".meter-bar"),
    ):
        grounds = await page.evaluate(_GROUNDS, [one, other])
        assert grounds[0] != grounds[1], one


async def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Browser, gateway_url: str) -> None:
    """At 360 px everything is in one column."""
    page = await browser.new_page(viewport={"width": 360, "height": 740})
    await page.goto(f"{gateway_url}?play=1")
    await page.wait_for_selector(lane(1, "completed"))
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


_MUTATIONS_OF_ONE_STEP = """
async () => {
  const { apply } = await import("./static/client/patch.js");
  const { cards } = await import("./static/page/cards.js");
  const host = document.createElement("div");
  document.body.append(host);
  const { show, desk } = cards(host);
  const rows = Array.from({ length: 50 }, (_, at) => ({ name: `row ${at}`, price: at, tags: ["a"] }));
  let value = { rows, note: "" };
  show(value);
  while (!desk.isDone) desk.frame(() => {});
  const observer = new MutationObserver(() => {});
  observer.observe(host, { subtree: true, childList: true, characterData: true });
  value = apply(value, [{ op: "append", path: "/rows/49/name", value: "!" }]);
  show(value);
  const grown = observer.takeRecords().map(({ type }) => type);
  value = apply(value, [{ op: "add", path: "/rows/50", value: { name: "new", price: 1, tags: [] } }]);
  show(value);
  const opened = observer.takeRecords().filter(({ target }) => target.tagName === "TBODY").length;
  return { grown, opened, rows: host.querySelectorAll("tbody tr").length };
}
"""


async def test_a_step_touches_only_what_it_changed(page: Page) -> None:
    """In a table of 50 rows a grown string is one change of one text, a new row one insertion."""
    seen = await page.evaluate(_MUTATIONS_OF_ONE_STEP)
    assert seen == {"grown": ["characterData"], "opened": 1, "rows": 51}


_HOSTILE_VALUE = """
async () => {
  const { cards } = await import("./static/page/cards.js");
  const { jsonTree } = await import("./static/page/jsontree.js");
  const image = "<img src=x onerror=alert(1)>";
  const text = `{"__proto__":"${image}","constructor":{"toString":"<b>b</b>"},"":[{"__proto__":1}]}`;
  return [cards, jsonTree].map((view) => {
    const host = document.createElement("div");
    document.body.append(host);
    view(host, () => {}).show(JSON.parse(text));
    return { elements: host.querySelectorAll("img, td b, .is-string b").length, text: host.innerText };
  });
}
"""


async def test_a_hostile_value_is_only_ever_text(page: Page) -> None:
    """Markup in values and keys like __proto__ are shown as they are, in every view."""
    for seen in await page.evaluate(_HOSTILE_VALUE):
        assert seen["elements"] == 0
        assert "<img src=x onerror=alert(1)>" in seen["text"]
        assert "<b>b</b>" in seen["text"]


_KEPT = """
[sessionStorage, localStorage].map((kept) =>
  Object.entries(kept).flatMap(([key, value]) => (key === "gateway.tab" ? [] : [value])))
"""


@pytest.fixture
async def locked(browser: Browser, locked_gateway_url: str) -> AsyncGenerator[Page]:
    """Open the page of a gateway that wants a token."""
    async with opened(browser, locked_gateway_url) as page:
        await expect(page.locator("#gate")).to_be_visible()
        yield page


async def enter(page: Page, token: str) -> None:
    """Type a token and send it."""
    await page.fill("#token", token)
    await page.keyboard.press("Enter")


async def test_a_gateway_that_wants_a_token_says_so_and_nothing_else(locked: Page) -> None:
    """The field has the focus; there is no complaint yet, and nothing that could not work."""
    await expect(locked.get_by_role("heading", name="This gateway wants a token")).to_be_visible()
    await expect(locked.locator("#token")).to_be_focused()
    await expect(locked.locator("#gate-problem")).to_be_hidden()
    for selector in (".bar", "main", "#wire", "#line", "#forget"):
        await expect(locked.locator(selector)).to_be_hidden()


async def test_a_wrong_token_is_called_wrong_and_the_right_one_opens(locked: Page) -> None:
    """As often as one likes: what was typed is selected, so that the next one replaces it."""
    for wrong in ("wrong", "wrong again", "nearly"):
        await enter(locked, wrong)
        await says(locked, "#gate-problem", "does not know this token")
        await expect(locked.locator("#enter")).to_be_enabled()
    assert await locked.evaluate(_KEPT) == [[], []]
    await locked.keyboard.type(TOKEN)
    await locked.keyboard.press("Enter")
    await expect(locked.locator("#connection")).to_have_text("Connected")
    await expect(locked.locator("#gate")).to_be_hidden()
    await locked.click("#start")
    await locked.wait_for_selector(lane(1, "completed"))


async def test_a_token_is_kept_in_the_tab_only_until_it_is_forgotten(locked: Page, locked_gateway_url: str) -> None:
    """A reload needs no token, another tab does; forgetting locks the page again, and keeps no text either."""
    await enter(locked, TOKEN)
    await expect(locked.locator("#connection")).to_have_text("Connected")
    assert await locked.evaluate(_KEPT) == [[TOKEN], []]
    assert locked.url == f"{locked_gateway_url}/?play=0"
    await locked.reload()
    await expect(locked.locator("#connection")).to_have_text("Connected")
    other = await locked.context.new_page()
    await other.goto(locked_gateway_url)
    await expect(other.locator("#gate")).to_be_visible()
    await locked.click("#forget")
    await expect(locked.locator("#gate")).to_be_visible()
    assert await locked.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]


async def test_a_token_in_the_fragment_opens_once_and_leaves_the_address(
    browser: Browser, locked_gateway_url: str
) -> None:
    """`#token=…` lets in at once, and neither the address nor the history has it afterwards."""
    page = await browser.new_page()
    await page.goto(f"{locked_gateway_url}/#token={quote(TOKEN, safe='')}")
    await expect(page.locator("#connection")).to_have_text("Connected")
    assert page.url == f"{locked_gateway_url}/"
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Connected")


async def test_a_wrong_token_in_the_fragment_is_called_wrong(locked: Page, locked_gateway_url: str) -> None:
    """Also where only the fragment changes; the right one opens in the same way."""
    await locked.goto(f"{locked_gateway_url}/?play=0#token=stale")
    await says(locked, "#gate-problem", "does not know this token")
    assert locked.url == f"{locked_gateway_url}/?play=0"
    await locked.goto(f"{locked_gateway_url}/?play=0#token={TOKEN}")
    await expect(locked.locator("#connection")).to_have_text("Connected")


async def test_a_locked_page_fits_a_narrow_screen(browser: Browser, locked_gateway_url: str) -> None:
    """At 360 px neither the field nor what comes after it needs sideways scrolling."""
    page = await browser.new_page(viewport={"width": 360, "height": 740})
    await page.goto(locked_gateway_url)
    await expect(page.locator("#gate")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    await enter(page, TOKEN)
    await expect(page.locator("#forget")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
