"""docs/react.md about the hooks: every component it shows runs in a real React, and its tables are what there is."""

import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from gateway.providers.recorded import RecordedProvider
from gateway.recordings import CONFERENCE_TEXT, Conference, shipped_recordings
from tests.e2e.laboratory import LAB, laboratory, opened_at
from tests.fakes.gateways import Served, gateway_with, served

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "react.md").read_text()
README = (ROOT / "README.md").read_text()
ADDRESS = '"ws://127.0.0.1:8080/v1/ws"'
COMPONENTS = ["Conference", "Users", "Announcement", "Meeting", "Dashboard"]
NAMES = ["John Doe", "Jane Smith", "Alex Johnson", "Emily Clark"]
EMAILS = ["johndoe@email.com", "janesmith@email.com", "alexj@email.com", "emilyc@email.com"]


def shown_components(document: str = DOCUMENT) -> dict[str, str]:
    """Return each block of a document by the component it exports."""
    blocks = re.findall(r"^```jsx\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    return {re.findall(r"export function (\w+)", block)[0]: block for block in blocks}


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a page of each component that the document shows; only the gateway's address is another one."""
    folder = tmp_path_factory.mktemp("documented")
    stage = (LAB / "stage.jsx").read_text()
    for name, block in shown_components().items():
        assert ADDRESS in block
        component = block.replace(ADDRESS, "globalThis.location.hash.slice(1)")
        (folder / f"{name}.jsx").write_text(component + stage.replace("Component", name))
    with laboratory(folder, *folder.glob("*.jsx")) as url:
        yield url


@pytest.fixture
async def conferences() -> AsyncGenerator[Served]:
    """Serve the conference extractor with its recording."""
    gateway = gateway_with(RecordedProvider(shipped_recordings(), speed=8))
    gateway.extractor(example=CONFERENCE_TEXT)(Conference)
    async with served(gateway) as running:
        yield running


@pytest.fixture
async def page(
    request: pytest.FixtureRequest, browser: Browser, documented: str, conferences: Served
) -> AsyncGenerator[Page]:
    """Open the page of a component."""
    address = conferences.url.replace("http", "ws")
    async with opened_at(browser, f"{documented}/{request.param}.html#{address}/v1/ws") as page:
        await page.evaluate("(props) => stage.render(props)", {"text": CONFERENCE_TEXT, "channel": "desk"})
        yield page
        await page.evaluate("stage.session.close()")


def shown(name: str) -> pytest.MarkDecorator:
    """Open the page of this component."""
    return pytest.mark.parametrize("page", [name], indirect=True)


def test_every_component_has_its_test() -> None:
    """No block of the document is left out, and README.md shows one of them."""
    assert list(shown_components()) == COMPONENTS
    assert shown_components(README).items() <= shown_components().items()
    assert list(shown_components(README)) == ["Conference"]


@shown("Conference")
async def test_the_five_lines(page: Page) -> None:
    """A click shows the value, and that it is whole."""
    await page.click("button")
    await expect(page.locator("section")).to_contain_text("completed")
    await expect(page.locator("pre")).to_contain_text('"deadline": "February 20th"')


@shown("Users")
async def test_the_memoised_list(page: Page) -> None:
    """Each row has a name and an address, and none is busy at the end."""
    await page.click("button")
    await expect(page.locator("li[aria-busy=false]")).to_have_text(
        [f"{name} {email}" for name, email in zip(NAMES, EMAILS, strict=True)]
    )


@shown("Announcement")
async def test_default_data_and_stop(page: Page) -> None:
    """Stopped it keeps what there is, without an error; then it runs to its end, which is saved once."""
    await expect(page.locator("p")).to_have_text("to be announced")
    await page.click("text=Extract")
    await page.click("text=Stop")
    await page.click("text=Extract")
    await expect(page.locator("p")).to_have_text("March 15th, 2024")
    await expect(page.locator("button")).to_have_text("Extract")
    assert [value["budget"] for value in await page.evaluate("stage.saved")] == [50000]


@shown("Announcement")
async def test_an_error_and_another_try(page: Page) -> None:
    """A text that was never recorded fails; the button then says so, and another text does."""
    await page.evaluate("stage.render({ text: 'never recorded' })")
    await page.click("text=Extract")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    await page.evaluate("(text) => stage.render({ text })", CONFERENCE_TEXT)
    await page.click("text=Try again")
    await expect(page.locator("p")).to_have_text("March 15th, 2024")


@shown("Meeting")
async def test_the_zod_schema(page: Page) -> None:
    """What is shown is what the model wrote; what is parsed is what zod makes of it."""
    await page.click("button")
    await expect(page.locator("button")).to_have_text("Grand Tech Arena, 4521 Innovation Drive")
    await page.wait_for_selector("html[data-parsed]", state="attached")
    (parsed,) = await page.evaluate("stage.parsed")
    assert parsed["location"] == "GRAND TECH ARENA, 4521 INNOVATION DRIVE"
    assert [user["email"] for user in parsed["users"]] == EMAILS


@shown("Dashboard")
async def test_the_dashboard(page: Page) -> None:
    """Whoever starts something on the channel, its names are shown."""
    request = {"extractor": "conference", "input": CONFERENCE_TEXT, "channel": "desk"}
    await page.evaluate("(request) => void stage.session.extract(request)", request)
    await expect(page.locator("li.completed")).to_have_text([", ".join(NAMES)])


def test_the_tables_name_what_the_hook_takes_and_returns() -> None:
    """No more and no less than the code."""
    hook = (ROOT / "static" / "client" / "react.js").read_text()
    (taken,) = set(re.findall(r"\{ (\w+, \w+, \w+), \.\.\.request \}", hook))
    (returned,) = re.findall(r"return \{ (data.+?) \};", hook)
    options, answers = re.findall(r"\| what it \w+ \|\n(.+?)\n\n", DOCUMENT, re.DOTALL)

    assert set(re.findall(r"^\| `(\w+)", options, re.MULTILINE)) == set(taken.split(", "))
    assert set(re.findall(r"^\| `(\w+)", answers, re.MULTILINE)) == {*returned.split(", "), "start", "stop"}
