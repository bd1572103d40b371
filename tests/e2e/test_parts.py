"""Items, raw text and reasoning over real sockets: uvicorn in front, a scripted OpenAI server behind."""

import json
from typing import Any

import pytest

from gateway.core.replica import Receipt, Replica
from tests.fakes.client import CheckedWatch, connected
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.fakes.pieces import ANN, FINAL, PIECES, Gates, asked

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

THOUGHTS = ["Let me ", "see… 🙂"]
TEXT = "".join(PIECES)


def replayed(watch: CheckedWatch) -> Replica:
    """Return the receiving side after all frames of a watch; each was of use."""
    replica = Replica(watch.encoding)
    receipts = [replica.take(frame) for frame in watch.frames]
    assert receipts == [Receipt.APPLIED] * (len(receipts) - 1) + [Receipt.ENDED]
    return replica


def written(item: dict[str, Any]) -> tuple[Any, ...]:
    """Return what an item is about."""
    return item["path"], item["index"], item["value"], item["valid"]


PEOPLE = [("/people", index, person, True) for index, person in enumerate(FINAL["people"])]


async def test_every_encoding_side_by_side(gateway: Served, fake: FakeOpenAI) -> None:
    """Five watches of one extraction on one connection, all with reasoning, each with its own view of the same."""
    fake.reply(Reply(PIECES, reasoning=THOUGHTS, gates=(gates := Gates()).events))
    gates.open(0)
    async with connected(gateway.url) as client:
        first = await client.extract("text", **asked(encoding="text", reasoning=True))
        watches = [first] + [
            await client.watch(name, first.extraction, encoding=name, interval_ms=0, reasoning=True)
            for name in ("items", "snapshot", "patch", "append")
        ]
        gates.open_all()
        await client.finish(*watches)
    assert client.welcome["encodings"] == ["snapshot", "patch", "append", "items", "text"]
    assert {watch.texts["reasoning"] for watch in watches} == {"".join(THOUGHTS)}
    assert (first.texts["text"], first.values) == (TEXT, {})
    assert ([written(item) for item in watches[1].items], watches[1].value) == (PEOPLE, FINAL)
    assert [watch.value for watch in watches[2:]] == [FINAL] * 3
    replicas = [replayed(watch) for watch in watches]
    assert (replicas[0].value, replicas[0].reasoning) == (TEXT, "".join(THOUGHTS))
    assert replicas[1].snapshot == FINAL


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
async def test_any_cut_comes_to_the_same(gateway: Served, fake: FakeOpenAI, size: int) -> None:
    """However the document is cut and folded on the way: the same text, the same items."""
    people = [{"name": "é€😀\\" * number, "age": number} for number in range(12)]
    text = json.dumps(FINAL | {"people": people}, ensure_ascii=False)
    fake.reply(Reply([text[at : at + size] for at in range(0, len(text), size)]))
    async with connected(gateway.url) as client:
        watches = [await client.extract("a", **asked(encoding="text", interval_ms=2))]
        watches.append(await client.watch("b", watches[0].extraction, encoding="items", interval_ms=3))
        await client.finish(*watches)
    assert watches[0].texts["text"] == text
    assert [item["value"] for item in watches[1].items] == people


async def test_an_item_comes_before_the_next_is_written(gateway: Served, fake: FakeOpenAI) -> None:
    """As soon as it is closed, while the model goes on; who comes late or again gets it too, and one from now not."""
    fake.reply((gates := Gates()).reply())
    async with connected(gateway.url) as client:
        first = await client.extract("a", **asked(encoding="items"))
        for number in range(6):
            gates.open(number)
        while not first.items:
            await client.hear()
        late = await client.watch("late", first.extraction, encoding="items", interval_ms=0)
        position = {"epoch": first.epoch, "rev": 1}
        again = await client.watch("again", first.extraction, encoding="items", **{"from": position})
        now = await client.watch("now", first.extraction, encoding="items", **{"from": "now"})
        assert [written(item) for item in first.items] == [("/people", 0, ANN, True)]
        gates.open_all()
        await client.finish(first, late, again, now)
    assert [[written(item) for item in watch.items] for watch in (first, late, again)] == [PEOPLE] * 3
    assert [written(item) for item in now.items] == PEOPLE[1:]


async def test_items_that_are_not_valid(gateway: Served, fake: FakeOpenAI) -> None:
    """They come as they were written, with their errors; the others are not touched by them."""
    people: list[dict[str, Any]] = [{"name": "Ann", "age": 1}, {"name": "Bo"}, {"name": "Cy", "age": "x"}]
    fake.reply(Reply([json.dumps(FINAL | {"people": people})]))
    async with connected(gateway.url) as client:
        await client.finish(watch := await client.extract("a", **asked(encoding="items")))
    assert [written(item)[2:] for item in watch.items] == [(people[0], True), (people[1], False), (people[2], False)]
    assert [item["errors"][0]["path"] for item in watch.items[1:]] == ["/age", "/age"]
    assert (watch.terminal or {})["error"]["code"] == "invalid_output"


async def test_what_ended_gives_its_items_and_its_text(gateway: Served, fake: FakeOpenAI) -> None:
    """Also when nobody watched it any more: whoever was cut before the end misses nothing but what was thought."""
    fake.reply(Reply(PIECES, reasoning=THOUGHTS))
    async with connected(gateway.url) as client:
        await client.finish(first := await client.extract("a", **asked(encoding="text")))
        text = await client.watch("text", first.extraction, encoding="text", reasoning=True)
        await client.finish(text)
        items = await client.watch("items", first.extraction, encoding="items")
        await client.finish(items)
    assert [frame["type"] for frame in text.frames] == ["watching", "text", "completed"]
    assert text.texts == {"text": "".join(PIECES), "reasoning": ""}
    assert ([written(item) for item in items.items], items.value) == (PEOPLE, FINAL)


async def test_many_items_and_what_the_model_wrote_for_them(gateway: Served, fake: FakeOpenAI) -> None:
    """Items are those of the bare list; the text has the wrapper that the model was asked for."""
    item = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    text = json.dumps({"items": [{"n": number} for number in range(3_000)]})
    fake.reply(Reply([text[at : at + 50] for at in range(0, len(text), 50)]))
    async with connected(gateway.url) as client:
        watches = [await client.extract("a", schema=item, many=True, input="x", mode="json_schema", encoding="items")]
        watches.append(await client.watch("b", watches[0].extraction, encoding="text"))
        await client.finish(*watches)
    assert [written(item) for item in watches[0].items] == [("", n, {"n": n}, True) for n in range(3_000)]
    assert watches[1].texts["text"] == text
