"""The dashboard in a real browser, on a channel of a real gateway: counts, cards, and what there is to say instead."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from playwright.async_api import Browser, Page, expect
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.app import Gateway
from gateway.client import Session, Watch
from gateway.errors import GatewayError, ProviderError
from gateway.ports import Finish, ProviderRequest
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from tests.e2e.conftest import TOKEN
from tests.e2e.pages import Between, opened, says
from tests.fakes.gateways import Served, gateway_with, served

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

HOSTILE = '<img src=x onerror="document.title=1">'
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SERIOUS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
}"""


class Person(BaseModel):
    """Who takes part."""

    name: str
    email: str


class Meeting(BaseModel):
    """What is extracted."""

    people: list[Person]
    note: str


class Desk:
    """A gateway, and a client that extracts on its channel `demo`.

    What the text of an extraction begins with says what becomes of it: `ok`, `fail`, `bad`, `cut`, or `hold`, which
    stops in mid-answer until `open` is set; the note of its value is the whole text.
    """

    def __init__(self) -> None:
        """Begin with what is held."""
        self.open = asyncio.Event()

    def script(self, request: ProviderRequest) -> Sequence[Step]:
        """Answer by the text."""
        text = str(request.messages[-1]["content"])
        head = '{"people": [{"name": "Ann Baker", "email": "ann@example.org"}, {"name": "Bo Li'
        tail: list[Step] = ['nd", "email": "bo@example.org"}], "note": ' + json.dumps(text) + "}", Finish("stop")]
        ends: dict[str, list[Step]] = {
            "fail": [head, ProviderError("expected an answer, got HTTP 500")],
            "bad": ['{"people": 3, "note": ""}', Finish("stop")],
            "cut": [head, Finish("length")],
            "hold": [head, Gate(self.open), *tail],
        }
        return ends.get(text.split(maxsplit=1)[0], [head, *tail])

    @asynccontextmanager
    async def opened(self, *, settings: dict[str, Any] | None = None, **limits: Any) -> AsyncGenerator[Served]:
        """Serve it; what is held is let go of at last."""
        limits = {"extractions_per_connection": 200, "messages_burst": 400, **limits}
        gateway = gateway_with(ScriptedProvider(self.script), settings=settings, **limits)
        gateway.extractor(name="meeting", instructions="Extract who takes part.")(Meeting)
        async with served(gateway) as running:
            yield running
            self.open.set()


def client(gateway: Served, token: str | None = None) -> Session:
    """Return a session."""
    return Session(gateway.url.replace("http", "ws") + "/v1/ws", token=token, proxy=None)


async def extracted(session: Session, text: str, channel: str = "demo") -> Watch[Any]:
    """Start an extraction on a channel."""
    watch = session.extract(extractor="meeting", input=text, channel=channel)
    await watch.started()
    return watch


async def ended(session: Session, *texts: str, channel: str = "demo") -> None:
    """Extract on a channel, one after the other, and wait for each end."""
    for text in texts:
        with suppress(GatewayError):
            await (await extracted(session, text, channel)).result()


async def sees(page: Page, selector: str, words: str) -> None:
    """Wait until an element can be seen and has these words; of one that is hidden the browser gives all words."""
    await expect(page.locator(selector)).to_be_visible()
    await says(page, selector, words)


def outcome(page: Page, name: str) -> Any:
    """Return where the count of an outcome stands."""
    return page.locator(f'#outcomes [data-state="{name}"] dd').first


async def counts(page: Page, **expected: int) -> None:
    """Wait until the page counts this, and nothing else."""
    await expect(page.locator('[data-tile="running"] b')).to_have_text(str(expected.pop("running", 0)))
    await expect(page.locator('[data-tile="running"] span')).to_have_text(f"{expected.pop('queued', 0)} queued")
    for name in ("completed", "incomplete", "failed", "cancelled"):
        await expect(outcome(page, name)).to_have_text(str(expected.pop(name, 0)))
    assert not expected


def card(state: str) -> str:
    """Return the selector of cards in a state."""
    return f'.run[data-state="{state}"]'


def announced(extraction: str, state: str, at: str, **parts: str) -> dict[str, Any]:
    """Return an announcement as the gateway would make it, for the page's only follow."""
    told = {"type": "announcement", "id": "w1", "extractor": "meeting", "channel": "demo"}
    return {**told, "extraction": extraction, "state": state, "at": at, **parts}


@pytest.fixture
async def desk() -> Desk:
    """Give what a gateway is put together with."""
    return Desk()


@pytest.fixture
async def gateway(desk: Desk) -> AsyncGenerator[Served]:
    """Give such a gateway."""
    async with desk.opened() as running:
        yield running


@pytest.fixture
async def session(gateway: Served) -> AsyncGenerator[Session]:
    """Give a client of it."""
    async with client(gateway) as session:
        yield session


@pytest.fixture
async def page(browser: Browser, gateway: Served) -> AsyncGenerator[Page]:
    """Open the dashboard, connected, with nothing on its channel."""
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo") as page:
        await sees(page, "#empty", "Nothing on the channel")
        yield page


async def test_an_empty_channel_says_how_to_put_something_on_it(page: Page, gateway: Served) -> None:
    """In code for this gateway and this channel, and by the demo page."""
    await expect(page.locator("#channel")).to_have_value("demo")
    for place in ("#snippet-js", "#snippet-py"):
        await expect(page.locator(place)).to_contain_text('"demo"')
        await expect(page.locator(place)).to_contain_text(gateway.url.replace("http", "ws") + "/v1/ws")
    await page.click("#empty a")
    await expect(page.locator("#start")).to_be_visible()


async def test_ten_at_once_are_counted_as_they_end(page: Page, session: Session) -> None:
    """Six completed, one failed, one cut off, one cancelled, one that still runs; nothing is on the list twice."""
    watches = [await extracted(session, text) for text in ("ok",) * 6 + ("fail", "cut", "hold 1", "hold 2")]
    await counts(page, running=2, completed=6, failed=1, incomplete=1)
    await watches[8].cancel()
    await counts(page, running=1, completed=6, failed=1, incomplete=1, cancelled=1)
    await expect(page.locator(".run")).to_have_count(10)
    await expect(page.locator("#empty")).to_be_hidden()
    await expect(page.locator('[data-tile="begun"] b')).to_have_text("10")
    await expect(page.locator('[data-tile="ended"] b')).to_have_text("9")
    await expect(page.locator('#outcomes [data-state="completed"] dd').last).to_have_text("67 %")
    await expect(page.locator("#bars")).to_have_attribute(
        "aria-label", re.compile("6 completed, 1 incomplete, 1 failed, 1 cancelled")
    )


async def test_what_runs_shows_the_newest_of_what_is_written(page: Page, session: Session, desk: Desk) -> None:
    """Where the model is and what it wrote there last; then it is among those that ended."""
    watch = await extracted(session, "hold")
    await expect(page.locator(f"#now-list {card('running')} .run-where")).to_have_text("people \u203a 2 \u203a name")
    await expect(page.locator(".run-newest")).to_have_text("Bo Li")
    await expect(page.locator(".run-foot")).to_have_text("1 part complete")
    desk.open.set()
    await watch.result()
    await expect(page.locator(f"#past-list {card('completed')} .run-foot")).to_contain_text("tokens")
    await expect(page.locator("#now-none")).to_be_visible()


async def test_a_card_opens_by_keyboard_and_gives_the_focus_back(page: Page, session: Session, desk: Desk) -> None:
    """The value goes on while one looks; Escape closes it, and the card has the focus, wherever it is by then."""
    watch = await extracted(session, "hold")
    await page.locator(f"{card('running')} .run-open").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#cards td >> text=Bo Li")).to_be_visible()
    await expect(page.locator("#detail-state")).to_have_text("running")
    desk.open.set()
    await watch.result()
    await expect(page.locator("#cards td >> text=Bo Lind")).to_be_visible()
    await expect(page.locator("#detail-state")).to_have_text("completed")
    await page.keyboard.press("Escape")
    await expect(page.locator("#detail")).to_be_hidden()
    await expect(page.locator(f"{card('completed')} .run-open")).to_be_focused()


async def test_the_focus_stays_on_a_card_wherever_that_goes(
    browser: Browser, gateway: Served, session: Session, desk: Desk
) -> None:
    """It ends, and is drawn among those that ended; once it is drawn no more, the dialog leads to their heading."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await extracted(session, "hold")
        await page.locator(f"{card('running')} .run-open").focus()
        desk.open.set()
        await expect(page.locator(f"#past-list {card('completed')} .run-open")).to_be_focused()
        await page.keyboard.press("Enter")
        for number in range(60):
            between.say(announced(f"x{number}", "completed", f"2099-03-01T09:00:{number:02}.000Z"))
        await expect(page.locator("#past-more")).to_have_text("Show more (13 are not shown)")
        await page.keyboard.press("Escape")
        await expect(page.locator("#past-title")).to_be_focused()


async def test_what_ended_tells_what_came_of_it(page: Page, session: Session) -> None:
    """The value as cards and as JSON, attempts, tokens, times, the digest, and a link to the demo page."""
    watch = await extracted(session, "ok")
    await watch.result()
    assert watch.terminal is not None
    await page.click(card("completed"))
    await expect(page.locator("#facts")).to_contain_text("Attempts1")
    usage = watch.terminal["usage"]
    await expect(page.locator("#facts")).to_contain_text(f"{usage['input_tokens']} in, {usage['output_tokens']} out")
    await expect(page.locator("#facts")).to_contain_text("✓ the value has it")
    await page.click("#tab-json")
    await expect(page.locator("#json")).to_contain_text('"note": "ok')
    await expect(page.locator("#cards")).to_be_hidden()
    await expect(page.locator("#share")).to_have_attribute("href", f"./?watch={watch.extraction}")


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("fail", "failed", "The model's server failed."),
        ("bad", "failed", "The model's answer does not fit the schema."),
        ("cut", "incomplete", "The model stopped before the end: it reached its length limit."),
    ],
)
async def test_what_did_not_end_well_is_said_in_plain_words(
    page: Page, session: Session, text: str, state: str, words: str
) -> None:
    """On the card, without a click, and in the dialog, where the code stands besides."""
    await ended(session, text)
    await expect(page.locator(f"{card(state)} .run-newest")).to_have_text(words)
    await page.click(card(state))
    await sees(page, "#problem-title", words)
    code = {"fail": "provider_error", "bad": "invalid_output", "cut": "incomplete"}[text]
    await expect(page.locator("#problem-code")).to_have_text(code)
    await expect(page.locator("#cards .is-wrong")).to_have_count(1 if text == "bad" else 0)


async def test_who_comes_late_counts_what_is_retained(browser: Browser, gateway: Served, session: Session) -> None:
    """Its outcome and its end; when it began nobody here heard, so its duration is what its ending says, or none."""
    await ended(session, "ok", "fail", "ok")
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo") as page:
        await counts(page, completed=2, failed=1)
        await expect(page.locator('[data-tile="begun"] b')).to_have_text("–")
        await expect(page.locator('[data-tile="ended"] b')).to_have_text("3")
        await expect(page.locator("#dots")).to_have_attribute("aria-label", re.compile("^Of 3 that ended"))


async def test_a_lost_line_loses_and_repeats_nothing(
    browser: Browser, gateway: Served, session: Session, desk: Desk
) -> None:
    """What ended meanwhile is counted once, and so is what was there before; the page says that it is cut off."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await page.add_init_script("Math.random = () => 100")  # so the wait is long, and only the button ends it
        await page.reload()
        await sees(page, "#empty", "Nothing on the channel")
        await ended(session, "ok", "fail")
        watch, _ = await extracted(session, "hold 1"), await extracted(session, "hold 2")
        await counts(page, running=2, completed=1, failed=1)
        await expect(page.locator(".run-newest >> text=Bo Li")).to_have_count(2)
        await between.cut()
        await sees(page, "#line", "The connection is lost; this page tries again by itself")
        await watch.cancel()
        with suppress(GatewayError):
            await watch.result()
        await page.click("#retry")
        await counts(page, running=1, completed=1, failed=1, cancelled=1)
        await expect(page.locator(".run")).to_have_count(4)
        await expect(page.locator("#board[data-lost]")).to_have_count(0)
        desk.open.set()
        await counts(page, completed=2, failed=1, cancelled=1)


async def test_what_ended_unheard_and_is_not_kept_leaves_the_list(
    browser: Browser, gateway: Served, session: Session
) -> None:
    """Nobody tells of it on the next connection; what is kept stays."""
    gateway.gateway.extractor(name="fleeting", retain_ms=0)(Meeting)
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await page.add_init_script("Math.random = () => 100")
        await page.reload()
        await ended(session, "ok")
        watch = session.extract(extractor="fleeting", input="hold", channel="demo")
        await counts(page, running=1, completed=1)
        await between.cut()
        await sees(page, "#line", "The connection is lost")
        await watch.cancel()
        with suppress(GatewayError):
            await watch.result()
        await page.click("#retry")
        await counts(page, completed=1)


async def test_another_channel_is_a_field_away(page: Page, session: Session) -> None:
    """Only what is on it is shown, and the address says which it is, for a reload."""
    await ended(session, "ok")
    await ended(session, "ok", "fail", channel="front desk")
    await counts(page, completed=1)
    await page.fill("#channel", "front desk")
    await page.click("#go")
    await counts(page, completed=1, failed=1)
    assert "channel=front+desk" in page.url
    await page.reload()
    await counts(page, completed=1, failed=1)
    await expect(page.locator("#channel")).to_have_value("front desk")


async def test_a_gateway_that_wants_a_token_is_given_one(browser: Browser, desk: Desk) -> None:
    """The gate is the demo page's; with the token the channel is there, and the tab keeps it."""
    async with desk.opened(settings={"tokens": (TOKEN,)}) as gateway, client(gateway, TOKEN) as session:
        await ended(session, "ok")
        async with opened(browser, f"{gateway.url}/dashboard?channel=demo") as page:
            await expect(page.locator("#board")).to_be_hidden()
            await page.fill("#token", TOKEN)
            await page.keyboard.press("Enter")
            await counts(page, completed=1)
            await page.reload()
            await counts(page, completed=1)
            await expect(page.locator("#gate")).to_be_hidden()


async def test_a_link_with_a_ticket_opens_it_without_a_token(browser: Browser, desk: Desk) -> None:
    """Once; the address that is left has none."""
    async with (
        desk.opened(settings={"tokens": (TOKEN,)}) as gateway,
        client(gateway, TOKEN) as session,
        httpx2.AsyncClient() as http,
    ):
        await ended(session, "ok")
        headers = {"authorization": f"Bearer {TOKEN}"}
        ticket = (await http.post(f"{gateway.url}/v1/tickets", headers=headers, json={})).json()["ticket"]
        async with opened(browser, f"{gateway.url}/dashboard?channel=demo#ticket={ticket}") as page:
            await counts(page, completed=1)
            assert ticket not in page.url
            await page.reload()
            await expect(page.locator("#gate")).to_be_visible()


async def test_what_others_wrote_is_text(browser: Browser, gateway: Served, session: Session) -> None:
    """The channel, the extractor and the value are shown as they are, and nothing of them runs."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel={HOSTILE}", between) as page:
        await expect(page.locator("#empty-channel")).to_have_text(HOSTILE)
        await ended(session, f"ok {HOSTILE}", channel=HOSTILE)
        await page.click(card("completed"))
        await expect(page.locator("#cards")).to_contain_text(f"ok {HOSTILE}")
        await page.keyboard.press("Escape")
        between.say(announced("x", "queued", "2026-03-01T09:00:00.000Z", extractor=HOSTILE))
        await expect(page.locator(f"{card('queued')} .run-open")).to_have_text(HOSTILE)
        assert await page.locator("main img").count() == 0
        assert await page.title() != "1"


async def test_a_long_list_is_drawn_as_far_as_one_looks(page: Page, session: Session) -> None:
    """Sixty ended, forty-eight are drawn; more come when asked for, and reading goes on there."""
    await asyncio.gather(*[ended(session, "ok") for _ in range(60)])
    await counts(page, completed=60)
    await expect(page.locator("#past-list .run")).to_have_count(48)
    await expect(page.locator("#past-more")).to_have_text("Show more (12 are not shown)")
    await page.click("#past-more")
    await expect(page.locator("#past-list .run")).to_have_count(60)
    await expect(page.locator("#past-list .run >> nth=48 >> .run-open")).to_be_focused()
    await expect(page.locator("#past-more")).to_be_hidden()


async def test_under_load_what_runs_is_drawn_before_what_waits(browser: Browser, gateway: Served) -> None:
    """However much waits, and came later; a few of those are drawn, once all that runs is."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await sees(page, "#empty", "Nothing on the channel")
        for number in range(100):
            state = "running" if number < 30 else "queued"
            between.say(announced(f"x{number}", state, f"2026-03-01T09:00:{number % 60:02}.000Z"))
        await counts(page, running=30, queued=70)
        await expect(page.locator(f"#now-list > {card('running')}")).to_have_count(24)
        await expect(page.locator("#now-list > .run")).to_have_count(24)
        await expect(page.locator("#now-more")).to_have_text("Show more (76 are not shown, 70 of them queued)")
        await page.click("#now-more")
        await expect(page.locator(f"#now-list > {card('running')}")).to_have_count(30)
        await expect(page.locator("#now-list > .run >> nth=30")).to_have_attribute("data-extraction", "x30")


async def test_cards_that_are_there_do_not_come_in_again(browser: Browser, gateway: Served) -> None:
    """Neither when a rush is over nor when they are moved: they would be unseen for a while."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await sees(page, "#empty", "Nothing on the channel")
        await page.evaluate(
            "window.come = []; document.addEventListener('animationstart', ({animationName, target}) =>"
            " animationName === 'arrive' && come.push(target.dataset.extraction))"
        )
        for number in range(20):
            between.say(announced(f"x{number}", "running", f"2026-03-01T09:00:{number:02}.000Z"))
        await expect(page.locator("#now-list > .run")).to_have_count(20)
        between.say(announced("one", "running", "2026-03-01T09:01:00.000Z"))
        await expect(page.locator("#now-list > .run")).to_have_count(21)
        await page.wait_for_function("come.includes('one')")
        await expect(page.locator(".run.is-new")).to_have_count(0)
        between.say(announced("one", "completed", "2026-03-01T09:01:01.000Z"))
        await expect(page.locator("#past-list > .run")).to_have_count(1)
        assert await page.evaluate("new Promise((then) => requestAnimationFrame(() => then(come)))") == ["one"]


async def test_the_dialog_is_seen_at_once(page: Page, session: Session) -> None:
    """Its head and its words, before anything has come, and from the first frame of its coming in."""
    await extracted(session, "hold")
    seen = await page.locator(f"{card('running')} .run-open").evaluate(
        "(button) => { button.click(); const dialog = document.querySelector('#detail');"
        " const motions = dialog.getAnimations(); for (const each of motions) { each.pause(); each.currentTime = 0; }"
        " return [motions.length, getComputedStyle(dialog).opacity,"
        " dialog.innerText.split('\\n').map((line) => line.trim()).filter(Boolean)]; }"
    )
    assert seen[:2] == [1, "1"]
    assert {"meeting", "running", "Nothing has arrived yet."} <= set(seen[2])


async def test_outcomes_differ_where_the_system_chooses_the_colours(
    browser: Browser, gateway: Served, session: Session
) -> None:
    """In a mode of high contrast: in the bar, the charts, and the signs of what runs and waits."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between, forced_colors="active") as page:
        await sees(page, "#empty", "Nothing on the channel")
        await ended(session, "ok", "fail", "cut")
        await (await extracted(session, "hold")).cancel()
        await extracted(session, "hold")
        between.say(announced("x", "queued", "2026-03-01T09:00:00.000Z"))
        await counts(page, running=1, queued=1, completed=1, failed=1, incomplete=1, cancelled=1)
        looks = "(all) => all.map((each) => { const {%s} = getComputedStyle(each); return [%s].join(); })"
        for places, what in (
            ("#mix span", "backgroundColor, borderColor, borderStyle"),
            ("#bars path", "fill, stroke, strokeDasharray"),
            ("#dots path[data-state]", "stroke, strokeLinecap"),
        ):
            assert len(set(await page.locator(places).evaluate_all(looks % (what, what)))) == 4, places
        sign = (
            "(each) => { const {backgroundColor, borderStyle} = getComputedStyle(each, '::before');"
            " return [backgroundColor !== getComputedStyle(document.body).backgroundColor, borderStyle]; }"
        )
        assert (await page.locator(f"{card('running')} .run-state").evaluate(sign))[0]
        assert (await page.locator(f"{card('queued')} .run-state").evaluate(sign))[1] == "solid"


async def test_no_more_is_watched_than_can_be_seen(browser: Browser, gateway: Served, session: Session) -> None:
    """Of twenty that run sixteen at most are watched at once, rarely told of, and none of them twice."""
    between = Between()
    async with opened(
        browser, f"{gateway.url}/dashboard?channel=demo", between, viewport={"width": 1600, "height": 1400}
    ) as page:
        for number in range(20):
            await extracted(session, f"hold {number}")
        await counts(page, running=20)
        await expect(page.locator("#now-list .run-time").first).to_have_text(re.compile("^[3-9] s$"))
        assert await page.locator(".run-newest >> text=Bo Li").count() == 16
        watched = [message for message in between.sent if message["type"] == "watch"]
        assert len({message["extraction"] for message in watched}) == len(watched)
        assert all(message["interval_ms"] >= 250 for message in watched)
        await page.set_viewport_size({"width": 400, "height": 300})
        await expect(page.locator(".run-newest >> text=Bo Li")).to_have_count(0)


async def test_a_flood_of_news_is_counted_and_drawn_in_bounds(browser: Browser, gateway: Served) -> None:
    """Of 1,500 that come and go in a moment the newest thousand are kept, and no more cards than fit are made."""
    between = Between()
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await sees(page, "#empty", "Nothing on the channel")
        for number in range(1500):
            second = f"{number // 60:02}:{number % 60:02}"
            between.say(announced(f"x{number}", "running", f"2026-03-01T09:{second}.000Z"))
            between.say(announced(f"x{number}", "completed", f"2026-03-01T09:{second}.500Z"))
        await expect(outcome(page, "completed")).to_have_text("1,000")
        await expect(page.locator(".run")).to_have_count(48)
        await expect(page.locator(".run >> nth=0")).to_have_attribute("data-extraction", "x1499")


async def test_a_channel_that_may_not_be_followed_says_why(browser: Browser, gateway: Served) -> None:
    """In the words of the code; another try asks again."""
    between = Between(refuses={"code": "forbidden", "message": "expected a channel of your own", "retryable": False})
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", between) as page:
        await sees(page, "#refused", "This channel cannot be followed.")
        await sees(page, "#refused", "choose another channel")
        await expect(page.locator("#empty")).to_be_hidden()
        between.refuses = None
        await page.click("#follow-again")
        await sees(page, "#empty", "Nothing on the channel")
        await expect(page.locator("#refused")).to_be_hidden()


async def test_a_full_gateway_says_so_and_lets_the_page_in_later(browser: Browser, desk: Desk) -> None:
    """A browser is not told why its WebSocket is refused; the page finds out, and comes in when there is room."""
    async with desk.opened(max_connections=1) as gateway:
        page = await browser.new_page()  # a refused WebSocket is a complaint of the browser's, and expected
        async with client(gateway) as session:
            await session.connected()
            await page.goto(f"{gateway.url}/dashboard")
            await sees(page, "#why", "The gateway is full")
            await expect(page.locator("#line")).to_be_hidden()
            await expect(page.locator('[data-tile="running"] b')).to_have_text("–")
        await sees(page, "#empty", "Nothing on the channel")
        await expect(page.locator("#why")).to_be_hidden()
        await page.close()


@pytest.mark.parametrize("width", [360, 390, 3840])
async def test_nothing_scrolls_sideways(browser: Browser, gateway: Served, session: Session, width: int) -> None:
    """Neither the page nor the dialog, from a phone to a wall, with names that have no end."""
    between = Between()
    device: dict[str, Any] = {"viewport": {"width": width, "height": 740}}
    async with opened(browser, f"{gateway.url}/dashboard?channel={'c' * 200}", between, **device) as page:
        await sees(page, "#empty", "Nothing on the channel")
        wide = "document.documentElement.scrollWidth > innerWidth"
        assert not await page.evaluate(wide)
        await ended(session, "ok " + "w" * 400, "fail", channel="c" * 200)
        await extracted(session, "hold", channel="c" * 200)
        between.say(announced("x", "running", "2026-03-01T09:00:00.000Z", extractor="e" * 200))
        await counts(page, running=2, completed=1, failed=1)
        await page.click(card("completed"))
        await expect(page.locator("#cards")).to_contain_text("wwww")
        assert not await page.evaluate(wide)
        assert not await page.evaluate(
            "[...document.querySelectorAll('#detail')].some((each) => each.scrollWidth > each.clientWidth)"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_serious_fault_of_accessibility(
    browser: Browser, gateway: Served, session: Session, scheme: str
) -> None:
    """Neither empty, nor with extractions in every state, nor with the dialog open."""
    axe = AXE.read_text()
    context: dict[str, Any] = {"color_scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    async with opened(browser, f"{gateway.url}/dashboard?channel=demo", **context) as page:
        await sees(page, "#empty", "Nothing on the channel")
        await page.evaluate(axe)
        assert await page.evaluate(SERIOUS) == []
        await ended(session, "ok", "fail", "cut")
        await (await extracted(session, "hold")).cancel()
        await extracted(session, "hold")
        await counts(page, running=1, completed=1, failed=1, incomplete=1, cancelled=1)
        await expect(page.locator(f"{card('failed')} .run-newest")).not_to_be_empty()
        assert await page.evaluate(SERIOUS) == []
        await page.click(card("failed"))
        await expect(page.locator("#facts")).to_contain_text("Attempts")
        assert await page.evaluate(SERIOUS) == []


async def test_it_works_below_a_path(browser: Browser, desk: Desk) -> None:
    """An application that mounts the gateway has the dashboard there: files, WebSocket and links are relative."""
    gateway = gateway_with(ScriptedProvider(desk.script))
    gateway.extractor(name="meeting")(Meeting)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(mounted(gateway, "/below"))
        session = await stack.enter_async_context(Session(url.replace("http", "ws") + "/v1/ws", proxy=None))
        await ended(session, "ok")
        page = await stack.enter_async_context(opened(browser, f"{url}/dashboard?channel=demo"))
        await counts(page, completed=1)
        await page.click("header a")
        await expect(page.locator("#start")).to_be_enabled()
        assert page.url == f"{url}/"


@asynccontextmanager
async def mounted(gateway: Gateway, path: str) -> AsyncGenerator[str]:
    """Serve an application that has the gateway below a path."""
    app = Starlette(routes=[Mount(path, await asyncio.to_thread(getattr, gateway, "app"))])
    listening = socket.create_server(("127.0.0.1", 0))  # who comes before it serves waits
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio"))
    task = asyncio.create_task(server.serve([listening]), name="server")
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{path}"
    finally:
        server.should_exit = True
        await task
        await gateway.close()
