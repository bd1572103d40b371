"""A run has a link: whoever opens it follows the same run, to the same end."""

import re
from collections.abc import AsyncGenerator
from urllib.parse import quote, unquote

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.conftest import TOKEN
from tests.e2e.pages import Between, lane, opened, says

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

CLIPBOARD = ["clipboard-read", "clipboard-write"]
PHONE = {"width": 360, "height": 740}


@pytest.fixture
async def page(browser: Browser, gateway_url: str) -> AsyncGenerator[Page]:
    """Open the page, connected, in a browser that lets it copy."""
    async with opened(browser, gateway_url, permissions=CLIPBOARD) as page:
        await expect(page.locator("#connection")).to_have_text("Connected")
        yield page


async def link_of_a_run(page: Page) -> str:
    """Start a run and return its link."""
    await page.click("#start")
    await page.wait_for_selector("#cards td >> text=John")
    return await link_of(page)


async def link_of(page: Page) -> str:
    """Return the link of the run that is looked at, with its card open."""
    await page.click("#share")
    await expect(page.locator("#share-link")).to_have_value(re.compile("watch="))
    return await page.input_value("#share-link")


async def follower(page: Page, link: str, between: Between | None = None) -> Page:
    """Open a link in another tab of the same browser."""
    other = await page.context.new_page()
    if between:
        await other.route_web_socket("**/v1/ws", between.route)
    await other.goto(link)
    return other


async def value_of(page: Page) -> str:
    """Return the value as the page shows it."""
    await page.click("#tab-json")
    await expect(page.locator("#json")).to_contain_text("Emily Clark")
    return await page.locator("#json").inner_text()


async def test_another_tab_follows_the_same_run_to_the_same_end(page: Page) -> None:
    """It asks for no extraction of its own, says what is extracted, and every encoding ends with the same digest."""
    between = Between()
    other = await follower(page, await link_of_a_run(page), between)
    await other.wait_for_selector(lane(1, "running"))
    await expect(other.locator(".lane-title")).to_have_text("1 conference, shared")
    await says(other, "#state", "started elsewhere")
    for tab in (page, other):
        await tab.wait_for_selector(lane(1, "completed"))
        await expect(tab.locator("#facts")).to_contain_text("✓ all equal")
    assert await value_of(page) == await value_of(other)
    assert between.asked == []


async def test_a_follower_that_is_loaded_anew_goes_on(page: Page) -> None:
    """In one lane, with its title; and what has ended is there again."""
    other = await follower(page, await link_of_a_run(page))
    await other.wait_for_selector(lane(1, "running"))
    await other.reload()
    await other.wait_for_selector(lane(1, "completed"))
    await other.reload()
    await other.wait_for_selector(lane(1, "completed"))
    await expect(other.locator(".lane-title")).to_have_text("1 conference, shared")
    await expect(other.locator("#cards tbody tr")).to_have_count(4)


async def test_a_follower_may_stop_the_run_and_go_on_with_its_own(page: Page) -> None:
    """It stops for everybody, who are told; the next run of that tab is a lane beside it."""
    other = await follower(page, await link_of_a_run(page))
    await other.click(f"{lane(1, 'running')} .lane-stop")
    for tab in (other, page):
        await tab.wait_for_selector(lane(1, "cancelled"))
    await other.click("#start")
    await other.wait_for_selector(lane(2, "running"))


async def test_a_run_that_is_gone_says_so_until_it_is_taken_away(page: Page, gateway_url: str) -> None:
    """Also behind a reload; taking the lane away takes the name out of the address."""
    await page.goto(f"{gateway_url}/?watch=nothing-of-this-name")
    for _ in range(2):
        await says(page, "#problem", "This run is gone, or was never here")
        await says(page, "#problem", "Ask for another link")
        await expect(page.locator(".lane-state")).to_contain_text("gone")
        await page.reload()
    await says(page, "#problem", "This run is gone")
    await page.goto(f"{gateway_url}/?watch=nothing-either")
    await expect(page.locator(".lane-state")).to_contain_text("gone")
    await expect(page.locator(".lane")).to_have_count(1)
    await page.click(f"{lane(2, 'failed')} .lane-stop")
    await page.reload()
    await says(page, "#invitation", "Press Start")
    assert page.url == f"{gateway_url}/"


async def test_the_link_is_copied_and_that_is_said(page: Page, gateway_url: str) -> None:
    """It names the run and nothing else; on a loopback address it says that no other machine reaches it."""
    link = await link_of_a_run(page)
    await says(page, "#share-said", "The link is copied")
    await says(page, "#share-card", "on this machine only")
    await expect(page.locator("#share-way")).not_to_contain_text("token", use_inner_text=True)
    assert await page.evaluate("navigator.clipboard.readText()") == link
    assert link.startswith(f"{gateway_url}/?watch=")
    await page.keyboard.press("Escape")
    await expect(page.locator("#share-card")).to_be_hidden()
    await page.wait_for_selector(lane(1, "completed"))


_SELECTED = (
    "(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))(document.activeElement)"
)


async def test_where_nothing_can_be_copied_the_link_is_selected(page: Page) -> None:
    """The clipboard is there on secure pages only."""
    await page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.reload()
    await link_of_a_run(page)
    await says(page, "#share-said", "Copy this link")
    await expect(page.locator("#share-link")).to_be_focused()
    assert await page.evaluate(_SELECTED) == await page.input_value("#share-link")


async def test_a_phone_has_room_for_the_link_and_what_it_opens(browser: Browser, gateway_url: str) -> None:
    """At 360 px nothing needs sideways scrolling, here and in the tab that follows."""
    async with opened(browser, gateway_url, viewport=PHONE) as page:
        link = await link_of_a_run(page)
        card = await page.locator("#share-card").bounding_box()
        assert card is not None
        assert card["x"] >= 0
        assert card["x"] + card["width"] <= 360
        other = await follower(page, link)
        await other.wait_for_selector(lane(1, "completed"))
        assert await other.evaluate("document.documentElement.scrollWidth") == 360


@pytest.fixture
async def locked(browser: Browser, locked_gateway_url: str) -> Page:
    """Open the page of a gateway that wants a token, with one."""
    context = await browser.new_context(permissions=CLIPBOARD)
    page = await context.new_page()
    await page.goto(f"{locked_gateway_url}/?play=0#token={quote(TOKEN, safe='')}")
    await expect(page.locator("#connection")).to_have_text("Connected")
    return page


async def test_a_page_with_a_token_puts_a_ticket_into_the_link(locked: Page) -> None:
    """The other tab opens with the ticket alone, and forgets it in its address; it opens no second time."""
    link = await link_of_a_run(locked)
    await says(locked, "#share-card", "It opens once, within 30 seconds")
    address, _, ticket = link.partition("#ticket=")
    between = Between()
    other = await follower(locked, link, between)
    await other.wait_for_selector(lane(1, "completed"))
    await expect(other.locator("#cards tbody tr")).to_have_count(4)
    assert [between.sent[0].get(field) for field in ("ticket", "token")] == [unquote(ticket), None]
    assert other.url == address
    assert await link_of(other) == address
    await says(other, "#share-way", "Whoever opens it is asked for the token")
    third = await follower(locked, link)
    for tab in (third, other):
        await tab.reload()
        await says(tab, "#gate-problem", "used already, or is older than 30 seconds")


async def test_a_link_without_a_ticket_asks_for_the_token(locked: Page) -> None:
    """Where the gateway gives no tickets; the gate opens to the run that is named, and forgets all it was told."""
    await locked.route("**/v1/tickets", lambda route: route.fulfill(status=404))
    link = await link_of_a_run(locked)
    await says(locked, "#share-card", "asked for the token")
    assert "#" not in link
    other = await follower(locked, f"{link}#ticket=long-gone")
    await says(other, "#gate-problem", "used already")
    await other.fill("#token", TOKEN)
    await other.keyboard.press("Enter")
    await other.wait_for_selector(lane(1, "completed"))
    await other.click("#forget")
    await expect(other.locator("#gate")).to_be_visible()
    await expect(other.locator("#gate-problem")).to_be_hidden()
