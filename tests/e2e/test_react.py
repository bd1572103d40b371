"""The React hooks in a real React in a real browser, against a real gateway.

The model writes `PIECES` one by one, and `SEEN` is what there is to see after each: how often a row is to be rendered
follows from them by hand.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from gateway.client.reconnect import LOST
from gateway.providers.recorded import RecordedProvider
from gateway.recordings import CONFERENCE_TEXT, shipped_recordings
from tests.e2e.laboratory import LAB, laboratory, opened_at
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import FINAL, PIECES, SCHEMA, SEEN, Gates
from tests.fakes.relay import relayed

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

OPTIONS: dict[str, Any] = {"schema": SCHEMA, "encoding": "append", "interval_ms": 0, "progress": True}

# Ann appears (5), has an age and is complete (6), and so is Bo (7, 8): with the whole row nothing more changes.
ROWS = {"0": 2, "1": 2}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the components."""
    with laboratory(tmp_path_factory.mktemp("lab"), LAB / "lab.jsx") as url:
        yield f"{url}/lab.html"


@pytest.fixture
async def page(browser: Browser, gateway: Served, lab: str) -> AsyncGenerator[Page]:
    """Open the laboratory, with a session."""
    async with opened_at(browser, lab) as page:
        await connect(page, gateway.url)
        yield page
        await page.evaluate("session.close()")


async def connect(page: Page, url: str) -> None:
    """Have a session with the gateway at an address."""
    address = url.replace("http://", "ws://").removesuffix("/v1/ws") + "/v1/ws"
    await page.evaluate("(url) => { globalThis.session = lab.connect(url, { random: () => 0 }) }", address)


async def render(page: Page, component: str, **props: Any) -> None:
    """Render a component with the session and these; `isStrict` is in StrictMode, `isHidden` not shown for now."""
    await page.evaluate("([name, props]) => lab.render(name, { session, ...props })", [component, props])


async def logged(page: Page, name: str) -> Any:
    """Return what was recorded under a name."""
    return await page.evaluate("(name) => lab.log[name]", name)


async def has(page: Page, seen: int) -> None:
    """Wait until what so many pieces give is shown."""
    await expect(page.locator("#data")).to_have_text(compact(SEEN[seen]))


def compact(value: Any) -> str:
    """Return the JSON of a value as a browser writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def write(page: Page, gates: Gates, *numbers: int) -> None:
    """Let pieces out, each once what is before it was rendered."""
    for number in numbers:
        await has(page, number)
        gates.open(number)


def each_once(values: list[Any]) -> list[Any]:
    """Return the values without repetitions of the one before."""
    return [value for at, value in enumerate(values) if at == 0 or value != values[at - 1]]


async def ends(page: Page, status: str) -> None:
    """Wait until a component shows how it ended."""
    await expect(page.locator("#status")).to_have_text(status)


async def test_only_the_row_that_changed_is_rendered(page: Page, fake: FakeOpenAI) -> None:
    """Every step is rendered; a memoised row only with its own, and once more where it became complete."""
    fake.reply((gates := Gates()).reply())
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    await write(page, gates, *range(len(PIECES)))
    gates.open_all()
    await ends(page, "completed")

    assert each_once(await logged(page, "data")) == [None, *SEEN]
    assert each_once(await logged(page, "statuses")) == ["idle", "waiting", "running", "completed"]
    assert await logged(page, "rows") == ROWS
    assert await page.evaluate("lab.log.identities.size") == 2


async def test_listeners_hear_each_value_and_one_end(page: Page, fake: FakeOpenAI) -> None:
    """The skeleton is no update: the model has not written it; the last step, which changes nothing, is none either."""
    fake.reply((gates := Gates()).reply())
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    await write(page, gates, *range(len(PIECES)))
    gates.open_all()
    await ends(page, "completed")

    assert await logged(page, "updates") == SEEN[1:]
    end = {"data": FINAL, "status": "completed", "error": None, "ending": "completed"}
    assert await logged(page, "ends") == [end]


@pytest.mark.parametrize("code", ["interrupt", 1012, LOST])
async def test_a_lost_line_takes_nothing_away(
    browser: Browser, gateway: Served, fake: FakeOpenAI, lab: str, code: int | str
) -> None:
    """Lost on either side, by a close or a cut wire, while the model writes: no render shows less than before."""
    fake.reply((gates := Gates()).reply())
    async with (
        relayed(gateway.url) as relay,
        opened_at(browser, lab) as page,
    ):
        await connect(page, relay.url)
        await render(page, "Starting", options=OPTIONS, input="text")
        await page.click("#start")
        await write(page, gates, *range(6))
        await has(page, 6)
        if isinstance(code, int):
            await relay.cut(code)
        else:
            await page.evaluate("session.interrupt()")
        await write(page, gates, 6, 7, 8)
        gates.open_all()
        await ends(page, "completed")
        assert relay.connected == 2
        assert each_once(await logged(page, "data")) == [None, *SEEN]
        assert await logged(page, "rows") == ROWS
        assert len(await logged(page, "ends")) == 1
        await page.evaluate("session.close()")


async def test_default_data_is_shown_until_the_model_writes(page: Page, fake: FakeOpenAI) -> None:
    """And is no update."""
    fake.reply((gates := Gates()).reply())
    kept = {"title": "as before", "people": [], "open": False}
    await render(page, "Starting", options={**OPTIONS, "defaultData": kept}, input="text")
    await page.click("#start")
    await ends(page, "running")
    await expect(page.locator("#title")).to_have_text("as before")
    gates.open_all()
    await ends(page, "completed")
    data = await logged(page, "data")
    assert data[0] == kept
    assert all(value == kept or value in SEEN[1:] for value in data)


async def test_what_is_stopped_keeps_what_there_is(page: Page, fake: FakeOpenAI) -> None:
    """It is cancelled, for the model too, which is no error; then it can be started again."""
    fake.reply((gates := Gates()).reply(), Reply(PIECES))
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    await write(page, gates, 0, 1, 2)
    await has(page, 3)
    await page.click("#stop")
    await ends(page, "cancelled")
    await fake.calls[0].disconnected.wait()
    await expect(page.locator("#error")).to_be_empty()
    assert (await logged(page, "data"))[-1] == SEEN[3]
    assert await logged(page, "ends") == [
        {"data": SEEN[3], "status": "cancelled", "error": None, "ending": "cancelled"}
    ]
    await page.click("#start")
    await ends(page, "completed")
    assert len(fake.calls) == 2


async def test_a_failure_is_shown_with_its_code(page: Page, fake: FakeOpenAI) -> None:
    """What the model wrote is not valid; the gateway knows no such extractor. The hook goes on to the next."""
    fake.reply(Reply(['{"title": 7, "people": [], "open": true}']))
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    await ends(page, "failed")
    await expect(page.locator("#error")).to_have_text("invalid_output")

    await render(page, "Starting", options={"extractor": "nobody"}, input="text")
    await page.click("#start")
    await expect(page.locator("#error")).to_have_text("not_found")

    ended = await logged(page, "ends")
    assert [(end["status"], end["error"]) for end in ended] == [("failed", "invalid_output"), ("failed", "not_found")]


async def test_another_start_takes_the_place_of_the_first(page: Page, fake: FakeOpenAI) -> None:
    """The same again changes nothing; something else cancels what runs, whose end nobody hears of."""
    fake.reply(Gates().reply(), Reply(PIECES))
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    (first,) = await fake.wait_for_calls(1)
    await page.click("#start")
    await page.click("#other")
    await ends(page, "completed")
    await first.disconnected.wait()
    assert [call.body["messages"][-1]["content"] for call in fake.calls] == ["text", "text, again"]
    assert [end["data"] for end in await logged(page, "ends")] == [FINAL]


async def test_strict_mode_starts_one_extraction_and_keeps_it(page: Page, fake: FakeOpenAI) -> None:
    """A component that starts by itself is taken away and put back at once, and runs its effects twice."""
    fake.reply((gates := Gates()).reply())
    await render(page, "Automatic", isStrict=True, options=OPTIONS, input="text")
    await write(page, gates, *range(len(PIECES)))
    gates.open_all()
    await ends(page, "completed")
    assert len(fake.calls) == 1
    assert each_once(await logged(page, "data")) == [None, *SEEN]
    assert len(await logged(page, "ends")) == 1


async def test_without_its_component_the_watch_is_closed_and_the_extraction_goes_on(
    page: Page, gateway: Served, fake: FakeOpenAI
) -> None:
    """Whoever has its name sees the rest; those who went hear nothing more."""
    fake.reply((gates := Gates()).reply())
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    await write(page, gates, 0, 1)
    await has(page, 2)
    name = await page.evaluate("lab.log.watch.extraction")
    await page.evaluate("lab.root.render(null)")
    assert await page.evaluate("lab.log.watch.result.catch(({ code }) => code)") == "closed"
    assert await logged(page, "ends") == []
    await render(page, "Watching", extraction=name, options={"interval_ms": 0})
    gates.open_all()
    await ends(page, "completed")
    assert (await logged(page, "data"))[-1] == FINAL
    assert not fake.calls[0].disconnected.is_set()


async def test_what_is_hidden_for_a_while_goes_on_where_it_was(page: Page, fake: FakeOpenAI) -> None:
    """Its watch is closed meanwhile; shown again it has what it had, and then all that came."""
    fake.reply((gates := Gates()).reply())
    await render(page, "Starting", options=OPTIONS, input="text")
    await page.click("#start")
    await write(page, gates, 0, 1)
    await has(page, 2)
    await render(page, "Starting", options=OPTIONS, input="text", isHidden=True)
    assert await page.evaluate("lab.log.watch.result.catch(({ code }) => code)") == "closed"
    gates.open(2)
    await render(page, "Starting", options=OPTIONS, input="text")
    await write(page, gates, *range(3, len(PIECES)))
    gates.open_all()
    await ends(page, "completed")
    assert each_once(await logged(page, "data")) == [None, *SEEN]
    assert len(await logged(page, "ends")) == 1


async def test_what_nobody_watches_ends_where_it_was_asked_to(page: Page, fake: FakeOpenAI) -> None:
    """With `cancel_after_ms` the model stops once the component is gone."""
    fake.reply(Gates().reply())
    await render(page, "Starting", options={**OPTIONS, "cancel_after_ms": 0}, input="text")
    await page.click("#start")
    (call,) = await fake.wait_for_calls(1)
    await page.evaluate("lab.root.render(null)")
    await call.disconnected.wait()


@pytest.mark.parametrize("strict", [False, True])
async def test_a_watch_follows_the_name_it_is_given(page: Page, fake: FakeOpenAI, *, strict: bool) -> None:
    """None at first, then one and another, each until the next; nobody else's extraction ends by it."""
    gates, others = Gates(), Gates()
    fake.reply(gates.reply(), others.reply(['{"title": "Another", "people": []', ', "open": true}']))
    await render(page, "Watching", isStrict=strict, extraction=None)
    await ends(page, "idle")
    script = """async ([one, other]) => {
        globalThis.runs = [one, other].map((request) => session.extract(request));
        const begun = (run) => new Promise((resolve) => run.subscribe(() => run.extraction && resolve(run.extraction)));
        return await Promise.all(runs.map(begun));
    }"""
    names = await page.evaluate(script, [{**OPTIONS, "input": "one"}, {**OPTIONS, "input": "other"}])
    await render(page, "Watching", isStrict=strict, extraction=names[0], options={"interval_ms": 0})
    await write(page, gates, 0, 1)
    await has(page, 2)
    others.open(0)
    await render(page, "Watching", isStrict=strict, extraction=names[1], options={"interval_ms": 0})
    await expect(page.locator("#title")).to_have_text("Another")
    gates.open_all()
    await page.evaluate("runs[0].result")
    await expect(page.locator("#title")).to_have_text("Another")
    others.open_all()
    await ends(page, "completed")
    assert [end["data"]["title"] for end in await logged(page, "ends")] == ["Another"]
    await render(page, "Watching", isStrict=strict, extraction=None)
    await ends(page, "idle")
    await expect(page.locator("#title")).to_be_empty()


async def test_a_watch_of_what_there_is_not_fails(page: Page) -> None:
    """As `not_found`."""
    await render(page, "Watching", extraction="nothing-of-this-name")
    await ends(page, "failed")
    await expect(page.locator("#error")).to_have_text("not_found")


async def test_a_zod_schema_goes_through_the_hook(browser: Browser, lab: str) -> None:
    """The recorded conference fits it; what is shown is what the model wrote, and `parse` makes of it what zod does."""
    recorded = gateway_with(RecordedProvider(shipped_recordings(), speed=4))
    async with served(recorded) as gateway, opened_at(browser, lab) as page:
        await connect(page, gateway.url)
        script = """(input) => {
          const options = { schema: lab.conference, encoding: "append" };
          lab.render("Starting", { session, options, input, of: "users" });
        }"""
        await page.evaluate(script, CONFERENCE_TEXT)
        await page.click("#start")
        await ends(page, "completed")
        names = await page.locator("li").all_inner_texts()
        assert [name.strip() for name in names] == ["John Doe", "Jane Smith", "Alex Johnson", "Emily Clark"]
        data = (await logged(page, "data"))[-1]
        assert data["location"] == "Grand Tech Arena, 4521 Innovation Drive"
        parsed = await page.evaluate("lab.conference.parse(lab.log.data.at(-1))")
        assert parsed["location"] == "GRAND TECH ARENA, 4521 INNOVATION DRIVE"
        await page.evaluate("session.close()")
