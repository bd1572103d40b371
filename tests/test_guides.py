"""The pages in docs/ about the code: what they say is seen is seen, and what they measure was measured."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.documents import conference
from bench.path import frames
from gateway.core.document import Encoding
from gateway.core.limits import Limits
from gateway.core.parts import ENCODINGS, Shown
from gateway.core.schema import Schema
from gateway.errors import SchemaInvalid
from gateway.ports import Delta, Finish, ProviderRequest, Text
from tests.fakes.client import TERMINALS, CheckedWatch, Client, greeted
from tests.fakes.gateways import opened
from tests.fakes.transport import MemorySocket, joined
from tests.test_documents import blocks, rows, run, sections

DOCS = Path(__file__).parent.parent / "docs"
SCHEMAS = (DOCS / "schemas.md").read_text()
ENCODINGS_PAGE = (DOCS / "encodings.md").read_text()


class Story(NamedTuple):
    """What a model writes, piece by piece, and what the page says of each.

    Attributes:
        shown: the type that is extracted, by its name on the page.
        options: what `extract` asks for besides.
        steps: a piece, and what is seen then: the value, with `progress` its progress too, or the ending's code.
    """

    shown: str
    options: dict[str, Any]
    steps: list[list[str]]


def stories() -> list[Any]:
    """Return the tables of the page about schemas whose first column is what a model writes."""
    tables = re.findall(r"^\| `(\w+)`(.*): the model writes \|(.*)\|\n\|.+\n((?:\|.*\|\n)+)", SCHEMAS, re.MULTILINE)
    found: list[Any] = []
    for shown, words, columns, body in tables:
        options: dict[str, Any] = {"progress": "progress" in columns, "many": "many" in words}
        if retries := re.search(r"retries=(\d)", words):
            options["retries"] = int(retries[1])
        steps = [re.findall(r"`([^`]*)`", line) for line in body.splitlines()]
        found.append(pytest.param(Story(shown, options, steps), id=f"{len(found)} {shown}"))
    return found


class Dictated:
    """A provider that says what it is handed, and ends at None; a further attempt goes on with the next piece."""

    name = "dictated"

    def __init__(self) -> None:
        """Begin with nothing to say."""
        self.pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def stream(self, _: ProviderRequest) -> AsyncGenerator[Delta]:
        """Say what comes."""
        while (piece := await self.pieces.get()) is not None:
            yield Text(piece)
        yield Finish("stop")

    async def close(self) -> None:
        """Nothing is held."""


async def hear_all(client: Client, socket: MemorySocket) -> None:
    """Let everybody do what there is to do, and hear what came of it."""
    for _ in range(200):
        await asyncio.sleep(0)
    while socket.heard():
        await client.hear()


def seen(watch: CheckedWatch) -> list[Any]:
    """Return the value and, where it was asked for, the progress; behind a failure its code."""
    if watch.terminal is not None and watch.terminal["type"] == "failed":
        return [watch.terminal["error"]["code"]]
    updates = [frame for frame in watch.frames if frame["type"] in {"snapshot", "patch"}]
    return [watch.value, *([updates[-1]["progress"]] if "progress" in updates[-1] else [])]


def told(cells: list[str]) -> list[Any]:
    """Return what the page says of a step."""
    return [json.loads(cell) if cell[0] in "[{" else cell for cell in cells]


@pytest.mark.anyio
@pytest.mark.parametrize("story", stories())
async def test_what_is_seen_of_a_schema(story: Story) -> None:
    """After each piece a watcher has the value, and the progress, that the page names."""
    names = run("\n".join(blocks(SCHEMAS, "python")))
    async with opened(provider := Dictated()) as gateway:
        gateway.extractor(name="shown")(names[story.shown])
        async with joined(gateway.app) as socket:
            client = await greeted(socket)
            watch = await client.extract("a", extractor="shown", input="text", interval_ms=0, **story.options)
            for piece, *expected in story.steps:
                provider.pieces.put_nowait(piece)
                await hear_all(client, socket)
                assert seen(watch) == told(expected), piece
            provider.pieces.put_nowait(None)
            await client.finish(watch)
    assert watch.terminal is not None
    assert watch.terminal["type"] == ("failed" if story.steps[-1][-1] == "invalid_output" else "completed")
    assert seen(watch)[0] == told(story.steps[-1][1:])[0]


def test_there_are_stories() -> None:
    """The tables are found: a heading that is worded anew is no reason to test nothing."""
    assert len(stories()) == SCHEMAS.count("the model writes |") > 10


def test_the_shown_extractor_is_registered() -> None:
    """The page's first block makes a gateway with an extractor."""
    gateway = run(blocks(SCHEMAS, "python")[0])["gateway"]
    assert [extractor.name for extractor in gateway.registry] == ["product"]


@pytest.mark.anyio
async def test_what_a_check_reports() -> None:
    """The outcome that the page shows of a soft check is the one that is reported."""
    offer = run("\n".join(blocks(SCHEMAS, "python")))["Offer"]
    answer, report = re.findall(r"^Of `(.+?)` it says `(.+?)`", SCHEMAS, re.MULTILINE)[0]
    async with opened(provider := Dictated()) as gateway:
        for piece in (answer, None):
            provider.pieces.put_nowait(piece)
        *_, last = [partial async for partial in gateway.stream(offer, "text")]
        await gateway.tasks.close(patience_s=1)
    assert list(last.checks) == [json.loads(report)]


@pytest.mark.parametrize("row", rows(sections(SCHEMAS)["What a JSON Schema of a client may say"]))
def test_what_an_inline_schema_may_say(row: dict[str, str]) -> None:
    """What the page calls taken is taken, what it calls refused is refused with that code."""
    schema, verdict = json.loads(row["schema"]), row["taken"]
    if verdict.startswith("yes"):
        Schema.from_json(schema, limits=Limits())
    else:
        with pytest.raises(SchemaInvalid) as refusal:
            Schema.from_json(schema, limits=Limits())
        assert re.match(r"no, `(\w+)", verdict)[1] == refusal.value.code  # type: ignore[index] # it says so


@pytest.mark.parametrize("people", [5, 500])
def test_the_costs_are_those_that_the_bench_measures(people: int) -> None:
    """The page's bytes by encoding are those of `python -m bench wire` with the default interval."""
    workload = conference(people)
    column = f"{people} people, {len(workload.text):,} bytes" + (" of JSON" if people == 5 else "")
    told_bytes = {row["encoding"]: row[column] for row in rows(sections(ENCODINGS_PAGE)["What it costs"])}
    counted = {}
    for encoding, shows in ENCODINGS.items():
        state = Encoding(encoding) if Shown.VALUE in shows else Encoding.SNAPSHOT
        counted[encoding] = sum(len(frame.encode()) for frame in frames(workload, state, every=4, shows=shows))
    assert told_bytes == {encoding: f"{count:,}" for encoding, count in counted.items()}


def test_what_every_step_costs_is_what_the_bench_measures() -> None:
    """So are the frames and bytes without an interval, and the frames with it."""
    (told_figures,) = re.findall(r"(\d+) frames in place of\s(\d+) .+\s([\d,]+) bytes in place", ENCODINGS_PAGE)
    each = list(frames(conference(5), Encoding.APPEND))
    ticked = list(frames(conference(5), Encoding.APPEND, every=4))
    assert told_figures == (str(len(each)), str(len(ticked)), f"{sum(map(len, each)):,}")


def test_every_encoding_is_on_the_page() -> None:
    """The table at the top and the one of costs leave none out."""
    top, *_ = ENCODINGS_PAGE.split("\n## ")
    assert all(f"`{encoding}`" in top for encoding in ENCODINGS)
    assert not TERMINALS - set(re.findall(r"\w+", ENCODINGS_PAGE))
