"""A schema of one's own on the demo page: by form or as JSON, one and the same."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.pages import Between, lane, opened, says

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.e2e]

FIRST_NAMES = ["topic", "date", "budget", "people", "open_questions"]
UNSHOWN = '{"type":"object",\n\t"properties":{"a":{"anyOf":[{"type":"string"},{"type":"number"}]}}}'


@pytest.fixture
async def page(browser: Browser, gateway_url: str, between: Between) -> AsyncGenerator[Page]:
    """Open the page with the choice of a schema of one's own."""
    async with opened(browser, gateway_url, between) as page:
        await page.select_option("#extractor", label="A schema of my own")
        yield page


async def names(page: Page) -> list[str]:
    """Return the names of the outermost fields."""
    rows = page.locator("#fields > li > .row > .row-line > [data-part=name]")
    return [await row.input_value() for row in await rows.all()]


def part(page: Page, path: str, name: str) -> Any:
    """Return a control of a field's row."""
    return page.locator(f'.row[data-path="{path}"] > .row-line [data-part={name}]')


async def schema_of(page: Page) -> Any:
    """Return the schema as the other tab has it."""
    return json.loads(await page.input_value("#schema"))


async def test_a_first_schema_comes_with_a_text_that_fits(page: Page) -> None:
    """A newcomer sees fields, a text of their own to replace, and the shape of what will come."""
    assert await names(page) == FIRST_NAMES
    await expect(page.locator("#schema-title")).to_have_value("Meeting")
    assert "Minutes" in await page.input_value("#source")
    for name in FIRST_NAMES:
        await expect(page.locator("#outline")).to_contain_text(name.replace("_", " "))


async def test_the_shape_follows_the_form_as_it_is_typed(page: Page) -> None:
    """A field that is added by Enter shows under its name; one that is removed is gone, and the focus stays near."""
    await part(page, "4", "name").press("Enter")
    await page.keyboard.type("venue")
    await expect(page.locator("#outline")).to_contain_text("venue")
    await part(page, "5", "remove").click()
    await expect(page.locator("#outline")).not_to_contain_text("venue")
    await expect(part(page, "4", "remove")).to_be_focused()


async def test_fields_change_places_by_keyboard(page: Page) -> None:
    """Alt with an arrow moves the field that has the focus, which goes with it; order is the schema's order."""
    await part(page, "1", "description").focus()
    await page.keyboard.press("Alt+ArrowUp")
    assert (await names(page))[:2] == ["date", "topic"]
    await expect(part(page, "0", "description")).to_be_focused()
    await part(page, "0", "down").click()
    assert list((await schema_of(page))["properties"]) == FIRST_NAMES


async def test_what_the_form_says_is_what_is_asked_for(page: Page, between: Between) -> None:
    """Type, choices, description, whether it is required, and a group's own fields are in the schema that is sent."""
    between.answers = lambda message: [_refusal(message)]
    for _ in FIRST_NAMES[:-1]:
        await part(page, "0", "remove").click()
    await part(page, "0", "name").fill("mood")
    await part(page, "0", "type").select_option(label="One of …")
    await page.fill("[data-part=choices]", "calm, angry")
    await part(page, "0", "description").fill("At the end")
    await part(page, "0", "required").uncheck()
    await page.click("#add-field")
    await part(page, "1", "name").fill("people")
    await part(page, "1", "type").select_option(label="List of objects")
    await part(page, "1.0", "name").fill("age")
    await part(page, "1.0", "type").select_option(label="Whole number")
    await page.fill("#schema-title", "Call")
    await page.click("#start")
    await page.wait_for_selector(lane(1, "failed"))
    assert between.asked[0]["schema"] == {
        "type": "object",
        "title": "Call",
        "properties": {
            "mood": {"type": "string", "enum": ["calm", "angry"], "description": "At the end"},
            "people": {
                "type": "array",
                "items": {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]},
            },
        },
        "required": ["people"],
    }
    await expect(page.locator(".lane-title")).to_have_text("1 Call")


async def test_looking_at_it_the_other_way_changes_nothing(page: Page) -> None:
    """Text as it was typed, and rows that have no name yet, are there again after both tabs were seen."""
    written = '{"type":"object",  "properties":{"a":{"type":"string","maxLength":9}}}'
    await page.click("#tab-schema-json")
    await page.fill("#schema", written)
    await page.click("#tab-schema-form")
    assert await names(page) == ["a"]
    await expect(page.locator(".row-kept")).to_contain_text("maxLength")
    await page.click("#tab-schema-json")
    assert await page.input_value("#schema") == written
    await page.click("#tab-schema-form")
    await page.click("#add-field")
    await page.click("#tab-schema-json")
    assert list((await schema_of(page))["properties"]) == ["a"]
    await page.click("#tab-schema-form")
    assert await names(page) == ["a", ""]


async def test_what_the_form_cannot_show_stays_as_json_and_runs(page: Page, between: Between) -> None:
    """The form says what it cannot show, the text is not touched, and it is what is sent."""
    between.answers = lambda message: [_refusal(message)]
    await page.click("#tab-schema-json")
    await page.fill("#schema", UNSHOWN)
    await page.click("#tab-schema-form")
    await expect(page.locator("#unshown")).to_contain_text('"anyOf" of /a')
    await says(page, "#unshown", "more than the form can show")
    await page.click("#start")
    await page.wait_for_selector(lane(1, "failed"))
    assert between.asked[0]["schema"] == json.loads(UNSHOWN)
    await page.click("#edit-json")
    await expect(page.locator("#schema")).to_be_focused()
    assert await page.input_value("#schema") == UNSHOWN


async def test_a_field_without_a_name_is_not_asked_for(page: Page, between: Between) -> None:
    """Start goes to the field and says what it lacks; a name that is there twice is said while it is typed."""
    await page.click("#add-field")
    await page.click("#start")
    await expect(part(page, "5", "name")).to_be_focused()
    await expect(page.locator('.row[data-path="5"] > .problem')).to_contain_text("Give this field a name")
    await part(page, "5", "name").fill("topic")
    await expect(page.locator('.row[data-path="5"] > .problem')).to_contain_text("Another field")
    assert between.asked == []


async def test_a_schema_without_fields_is_not_asked_for(page: Page, between: Between) -> None:
    """By form and as JSON, Start says what is missing; it is unsaid with the first field."""
    for _ in FIRST_NAMES:
        await part(page, "0", "remove").click()
    await page.click("#start")
    await says(page, "#refusal", "no fields yet")
    await expect(page.locator("#add-field")).to_be_focused()
    await page.click("#add-field")
    await expect(page.locator("#refusal")).to_be_hidden()
    await page.click("#tab-schema-json")
    await page.fill("#schema", '{"type": "object"}')
    await page.click("#start")
    await says(page, "#refusal", "no fields yet")
    await expect(page.locator("#schema")).to_be_focused()
    assert between.asked == []


async def test_a_typo_is_marked_while_it_is_typed(page: Page, between: Between) -> None:
    """The place and the types there are stand below the text; nothing starts before it is mended."""
    await page.click("#tab-schema-json")
    await page.fill("#schema", '{"type": "object", "properties": {"a": {"type": "strnig"}}}')
    await expect(page.locator("#schema-error")).to_contain_text('/properties/a/type is "strnig"; there are string')
    await expect(page.locator("#schema")).to_have_attribute("aria-invalid", "true")
    await page.click("#start")
    await says(page, "#refusal", "The schema is not right yet")
    await expect(page.locator("#schema")).to_be_focused()
    assert between.asked == []
    await page.fill("#schema", '{"type": "object", "properties": {"a": {"type": "string"}}}')
    await expect(page.locator("#refusal")).to_be_hidden()
    await expect(page.locator("#schema-error")).to_be_empty()


async def test_what_may_be_empty_is_said_and_stays_as_it_was_written(page: Page) -> None:
    """Both usual ways have a row of their type; editing the other parts keeps them."""
    ways: dict[str, dict[str, Any]] = {
        "a": {"type": ["string", "null"]},
        "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
    }
    await page.click("#tab-schema-json")
    await page.fill("#schema", json.dumps({"type": "object", "properties": ways}))
    await page.click("#tab-schema-form")
    await expect(page.locator(".row-kept")).to_have_text(
        ["May be empty (null).", "May be empty (null). Also: default (see JSON Schema)"]
    )
    await expect(part(page, "1", "type")).to_have_value("integer")
    await part(page, "1", "description").fill("How many")
    ways["b"]["description"] = "How many"
    assert (await schema_of(page))["properties"] == ways


_REQUIRED = ".row-heads [title=Required], #fields > :last-child .row-required span"


async def test_the_box_for_required_has_words_that_are_seen(page: Page) -> None:
    """Beside it, or at the head of its column, at the widths that people have."""
    for width in (360, 1000, 1280, 1920):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.click("#add-field")
        words = [await each.bounding_box() for each in await page.locator(_REQUIRED).all()]
        assert any(box and box["width"] > 20 for box in words), width


async def test_the_tabs_are_tabs(page: Page) -> None:
    """The arrows move between the form and the text; one of them is in the tab order."""
    await page.focus("#tab-schema-form")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#tab-schema-json")).to_be_focused()
    await expect(page.locator("#schema")).to_be_visible()
    await expect(page.locator("#schema-form")).to_be_hidden()


async def test_every_example_can_be_shown_by_the_form(page: Page) -> None:
    """Each brings its text, its fields and its title; none needs to be read as JSON."""
    chips = page.locator(".chip")
    await expect(chips).to_have_count(5)
    for chip in (await chips.all())[1:]:
        await chip.click()
        await expect(page.locator("#fields-box")).to_be_visible()
        await expect(chip).to_have_attribute("aria-pressed", "true")
        assert await names(page)


async def test_the_form_fits_a_narrow_screen(page: Page) -> None:
    """At 360 px rows are folded, and nothing needs sideways scrolling."""
    await page.set_viewport_size({"width": 360, "height": 740})
    await expect(part(page, "3.0", "name")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    assert await page.evaluate("document.querySelector('#schema-form').scrollWidth") <= 328


def _refusal(message: dict[str, Any]) -> dict[str, Any]:
    words = "params: expected other ones"
    return {"type": "error", "id": message["id"], "code": "bad_request", "message": words, "retryable": False}
