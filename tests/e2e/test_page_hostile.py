"""What a model writes does no harm in the page: it is text, however it is spelt, nested or large."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import lane, opened
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

SCHEMA = '{"type": "object", "properties": {"it": {}}, "required": ["it"]}'
DEEPEST = 256
VIEWS = ("json", "wire", "cards")

MARKUP = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    "</textarea><svg/onload=alert(3)>",
    '<a href="javascript:alert(4)">here</a>',
    "javascript:alert(5)",
    "${alert(6)} {{alert(7)}} #{alert(8)}",
    "<style>*{display:none}</style>",
    '"><body style="background:url(//example.org/x)">',
    "&lt;b&gt; &#x3c;b&#x3e;",
]
SIGNS = [
    "\u202egnp.exe\u202c",
    "\u2066\u2067\u2068",
    "zero\u200bwidth\ufeff",
    "null\x00byte",
    "\ud800 alone \udc00",
    "a\u0301\u0301",
]
NAMES = [
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "prototype",
    "",
    "length",
    "0",
    "-1",
    "a/b~c",
]
NUMBERS = "[1e308, -0, 1e-7, 1e21, 0.1, 12345678901234567890, 3.141592653589793238462643383279, -1.5E+10]"


def under(names: list[str]) -> Any:
    """Return an object with every name at every one of three levels."""
    inmost = dict.fromkeys(names, "x")
    middle = {**inmost, names[0]: inmost, names[1]: inmost}
    return {**inmost, names[0]: middle, names[1]: middle}


def nested(depth: int) -> str:
    """Return lists and objects in turn, so deep in all."""
    return '{"n":[' * (depth // 2) + "]}" * (depth // 2)


SMALL = {
    "markup as values": json.dumps(MARKUP),
    "markup as keys": json.dumps({text: text for text in MARKUP}),
    "markup in rows": json.dumps([{text: text for text in MARKUP[:4]}] * 3),
    "signs": json.dumps({sign: sign for sign in SIGNS}),
    "names of an object's own": json.dumps(under(NAMES)),
    "such names in rows": json.dumps([{"__proto__": "p", "constructor": "c", "toString": "t"}] * 2),
    "such names in a list": '[{"__proto__": {"bad": 1}}, {"constructor": {"prototype": {"bad": 1}}}]',
    "numbers": NUMBERS,
    "the deepest there may be": nested(DEEPEST - 2),
}
LARGE = {
    "one unbroken word": json.dumps("x" * 1_000_000),
    "one long text": json.dumps("A line that goes on.\n" * 47_000),
    "empty objects": json.dumps([{}] * 50_000),
    "empty lists": json.dumps([[]] * 50_000),
    "an object of many members": json.dumps({f"member {at}": at for at in range(20_000)}),
    "keys of 10 KB": json.dumps({f"{at}" + "k" * 10_000: at for at in range(50)}),
    "rows with a key each": json.dumps([{f"key{at}": at} for at in range(5_000)]),
    "a wide row of lists": json.dumps([{"tags": ["t"] * 100}] * 1_000),
}

_CHANGED = """
() => [
  ...Object.getOwnPropertyNames(Object.prototype).filter((name) => !window.before.includes(name)),
  ...["toString", "hasOwnProperty", "valueOf"].filter((name) => !String({}[name]).includes("[native code]")),
]
"""


@pytest.fixture
async def page(browser: Browser, gateway: Served) -> AsyncGenerator[Page]:
    """Open the page with an open schema; a dialog, a complaint or a prototype that was changed fails the test."""
    dialogs: list[str] = []
    async with opened(browser, gateway.url) as page:
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await page.evaluate("() => { window.before = Object.getOwnPropertyNames(Object.prototype); }")
        await page.select_option("#extractor", label="A schema of my own")
        await page.click("#tab-schema-json")
        await page.fill("#schema", SCHEMA)
        await page.fill("#source", "A text.")
        yield page
        assert await page.evaluate(_CHANGED) == []
    assert dialogs == []


def told(document: str) -> Any:
    """Return what a gateway tells of a document: numbers as doubles, half a character as its replacement."""
    return json.loads(document.replace(r"\ud800", r"\ufffd").replace(r"\udc00", r"\ufffd"), parse_int=float)


async def written(page: Page, fake: FakeOpenAI, document: str, state: str = "completed") -> None:
    """Have the model write this in some pieces, to its end."""
    text = f'{{"it":{document}}}'
    size = max(40, len(text) // 40)
    fake.reply(Reply([text[at : at + size] for at in range(0, len(text), size)]))
    await page.click("#start")
    await page.wait_for_selector(lane(1, state))


async def drawn(page: Page) -> None:
    """Wait until the page draws nothing any more."""
    await page.evaluate("""async () => {
      const frame = () => new Promise(requestAnimationFrame);
      const observer = new MutationObserver(() => {});
      observer.observe(document.querySelector("#panel"), { subtree: true, childList: true, characterData: true });
      for (let quiet = 0; quiet < 5; ) {
        await frame();
        quiet = observer.takeRecords().length > 0 ? 0 : quiet + 1;
      }
    }""")


@pytest.mark.parametrize("document", SMALL.values(), ids=SMALL)
async def test_what_is_shown_is_the_text_itself(page: Page, fake: FakeOpenAI, document: str) -> None:
    """In every view, and nothing but text: JSON that is copied from its view is the value."""
    await written(page, fake, document)
    for view in VIEWS:
        await page.click(f"#tab-{view}")
        await drawn(page)
        assert await page.locator("#panel :is(img, script, svg, a, style, body, iframe)").count() == 0
    shown = await page.evaluate("""() => {
      document.querySelector("#tab-json").click();
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
        for (const line of document.querySelectorAll("#json .json-line:not(:last-child)")) line.append(",");
        resolve(document.querySelector("#json").textContent);
      })));
    }""")
    assert json.loads(shown, parse_int=float) == {"it": told(document)}


@pytest.mark.parametrize("document", LARGE.values(), ids=LARGE)
async def test_a_value_of_any_size_leaves_the_page_alive(page: Page, fake: FakeOpenAI, document: str) -> None:
    """It is drawn as far as anybody sees, in every view; the page goes on answering, and the digest is right."""
    await written(page, fake, document)
    await expect(page.locator("#facts")).to_contain_text("✓ all equal")
    for view in VIEWS:
        await page.click(f"#tab-{view}")
        await drawn(page)
        assert await page.locator("#panel *").count() < 20_000
    await page.click("#theme")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_what_is_nested_too_deep_is_an_error_with_a_name(page: Page, fake: FakeOpenAI) -> None:
    """The gateway stops at its limit, says so, and the page keeps what had arrived."""
    await written(page, fake, nested(10_000), "failed")
    await expect(page.locator("#problem-code")).to_have_text("invalid_output")
    for view in VIEWS:
        await page.click(f"#tab-{view}")
        await drawn(page)
    await expect(page.locator("#cards .record").first).to_be_visible()


async def test_what_is_not_drawn_is_a_click_away(page: Page, fake: FakeOpenAI) -> None:
    """A long list says how many there are in between, and shows them bit by bit."""
    await written(page, fake, json.dumps([{"row": at} for at in range(300)]))
    rows = page.locator("#cards tbody tr:not(.gap)")
    await expect(rows).to_have_count(60)
    await expect(page.locator("#cards .more")).to_have_text("240 more")
    await expect(page.locator("#cards caption")).to_have_text("300 rows")
    await page.click("#cards .more")
    await expect(rows).to_have_count(300)
    await expect(page.locator("#cards .more")).to_have_count(0)
    assert await rows.all_inner_texts() == [str(at) for at in range(300)]
