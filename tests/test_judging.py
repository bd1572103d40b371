"""What watches of items, text and reasoning are told, and when; who judges the items."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, field_validator

from gateway import Stream
from gateway.audience import Audience
from gateway.core.document import Encoding, Position, View
from gateway.core.limits import Limits
from gateway.core.parts import Shown
from gateway.core.schema import Schema
from gateway.hub import Hub
from gateway.jobs import Job
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from gateway.tasks import Tasks
from gateway.watching import Watch
from tests.core.oracles import counted
from tests.fakes.gateways import no_task_left

pytestmark = pytest.mark.anyio

SNAPSHOT = View(Encoding.SNAPSHOT)


class Row(BaseModel):
    """An item."""

    text: str

    @field_validator("text")
    @classmethod
    def has_text(cls, text: str) -> str:
        """Refuse what is empty."""
        if not text:
            raise ValueError("expected some text")
        return text


class Table(BaseModel):
    """A value with one list, which goes on behind an item that is not valid."""

    rows: Annotated[list[Row], Stream(on_invalid="mark")]
    title: str = ""


TABLE = Schema.from_model(Table)
INT_LIST = Schema.from_json({"type": "array", "items": {"type": "integer"}}, limits=Limits())


def job(schema: Schema = TABLE) -> Job:
    """Return something to run."""
    request = ProviderRequest(messages=({"role": "user", "content": "x"},), schema=schema.provider_schema)
    return Job(extractor="inline", schema=schema, request=request, input_chars=1, key=None, body="")


@asynccontextmanager
async def hub_of(provider: Provider, **limits: Any) -> AsyncGenerator[Hub]:
    """Give a hub whose runs are ended afterwards; names are x0, x1 and so on."""
    names, tasks = count(), Tasks()
    async with no_task_left():
        now_s = asyncio.get_running_loop().time
        hub = Hub(provider, limits=Limits(**limits), tasks=tasks, now_s=now_s, new_id=lambda: f"x{next(names)}")
        yield hub
        await tasks.close()
        hub.close()


class Viewer:
    """A watch with what it has been told; it reads when a test says so."""

    def __init__(self, audience: Audience, shows: Shown, *, interval_ms: int = 0, view: View = SNAPSHOT) -> None:
        """Begin clean."""
        self.wakes = 0
        self.woken = asyncio.Event()
        self.frames: list[dict[str, Any]] = []
        self.watch = Watch("v", audience, view, interval_ms, self._wake, shows=shows)

    def _wake(self, _: Watch) -> None:
        self.wakes += 1
        self.woken.set()

    def read(self) -> list[dict[str, Any]]:
        """Take what there is to write."""
        self.woken.clear()
        frames = [json.loads(frame) for frame in self.watch.frames()]
        self.frames += frames
        return frames

    async def next(self) -> list[dict[str, Any]]:
        """Wait for something to write, and take it."""
        await self.woken.wait()
        return self.read()

    async def finish(self) -> list[dict[str, Any]]:
        """Read up to the terminal, and return everything."""
        while not self.watch.is_over:
            await self.next()
        return self.frames


def attached(audience: Audience, shows: Shown, **options: Any) -> Viewer:
    """Return a viewer that has begun to watch."""
    viewer = Viewer(audience, shows, **options)
    audience.attach(viewer.watch, deduplicated=False)
    return viewer


def late(audience: Audience, shows: Shown, *, now: bool = False, position: Position | None = None) -> Viewer:
    """Return a viewer that comes later, from the start, from now or from a position."""
    viewer = Viewer(audience, shows)
    if now:
        viewer.watch.skip()
    audience.attach_from(viewer.watch, position)
    return viewer


def gated(*pieces: str | Delta) -> tuple[ScriptedProvider, list[asyncio.Event]]:
    """Return a provider that waits for an event before each piece."""
    gates = [asyncio.Event() for _ in pieces]
    steps = [step for gate, piece in zip(gates, pieces, strict=True) for step in (Gate(gate), piece)]
    return ScriptedProvider([*steps, Finish("stop")]), gates


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    """Return the types of frames."""
    return [frame["type"] for frame in frames]


def texts(frames: list[dict[str, Any]], kind: str = "text") -> str:
    """Put the text of frames together."""
    return "".join(frame["text"] for frame in frames if frame["type"] == kind)


def values(frames: list[dict[str, Any]]) -> list[Any]:
    """Return the values of items."""
    return [frame["value"] for frame in frames if frame["type"] == "item"]


async def until(is_so: Callable[[], bool]) -> None:
    """Let others go on until it is so."""
    async with asyncio.timeout(2):
        while not is_so():  # noqa: ASYNC110 - whatever makes it so has no event
            await asyncio.sleep(0)


STORY: list[str | Delta] = [Reasoning("Hm"), '{"rows": [', '{"text": "a', '"}', " ", ', {"text": ""}', "]}"]


async def test_a_watch_is_woken_for_what_it_shows() -> None:
    """Text at each of its deltas, reasoning at its own, items when one has closed, the value when it grows."""
    provider, gates = gated(*STORY)
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        shown = [Shown.TEXT, Shown.ITEMS, Shown.VALUE, Shown.VALUE | Shown.REASONING]
        viewers = [attached(audience, shows) for shows in shown]
        for viewer in viewers:
            viewer.read()
        wakes = []
        before = [viewer.wakes for viewer in viewers]
        for number, gate in enumerate(gates[:-1]):
            gate.set()
            extraction = audience.run.extraction
            came = extraction.text.end.chars + extraction.reasoning.end.chars
            await until(lambda: extraction.text.end.chars + extraction.reasoning.end.chars > came)  # noqa: B023
            for viewer in viewers:
                if viewer.woken.is_set():
                    viewer.read()
            wakes.append([viewer.wakes - count for viewer, count in zip(viewers, before, strict=True)])
            before = [viewer.wakes for viewer in viewers]
            assert number + 1 == len(wakes)
        gates[-1].set()
        endings = [await viewer.finish() for viewer in viewers]
    assert wakes == [[0, 0, 0, 1], [1, 0, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    assert [kinds(frames).count("failed") for frames in endings] == [1] * 4


async def test_items_of_a_run_as_a_transcript() -> None:
    """Each when it closes, the invalid one with its errors, then one snapshot and the terminal."""
    provider, gates = gated(*STORY)
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        viewer = attached(audience, Shown.ITEMS)
        for gate in gates:
            gate.set()
        frames = await viewer.finish()
    assert kinds(frames) == ["started", "item", "item", "snapshot", "failed"]
    first, second, snapshot, failed = frames[1:]
    item = {"type": "item", "id": "v", "path": "/rows"}
    assert first == {**item, "rev": 3, "key": "/rows/0", "index": 0, "value": {"text": "a"}, "valid": True}
    errors = [{"path": "/text", "message": 'Value error, expected some text; got ""'}]
    assert second == {
        **item,
        "rev": 4,
        "key": "/rows/1",
        "index": 1,
        "value": {"text": ""},
        "valid": False,
        "errors": errors,
    }
    assert (snapshot["rev"], snapshot["value"]["rows"]) == (failed["rev"], [{"text": "a"}, {"text": ""}])


async def test_text_and_reasoning_of_a_run_as_a_transcript() -> None:
    """What the model wrote and thought, and the terminal without any snapshot."""
    provider, gates = gated(*STORY[:-1], '], "title": "é🙂"}', Reasoning(" done"))
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        viewer = attached(audience, Shown.TEXT | Shown.REASONING)
        for gate in gates:
            gate.set()
            await until(viewer.woken.is_set)
            viewer.read()
        frames = await viewer.finish()
    assert (texts(frames), texts(frames, "reasoning")) == (
        '{"rows": [{"text": "a"} , {"text": ""}], "title": "é🙂"}',
        "Hm done",
    )
    assert {"snapshot", "patch", "item"}.isdisjoint(kinds(frames))
    assert {frame["epoch"] for frame in frames} == {"x0"}
    assert kinds(frames)[-1] == "failed"


async def test_what_came_while_a_send_waited_is_folded() -> None:
    """Text in one frame, items in order; the watch was woken once."""
    provider, gates = gated("[1,", "2,3", ",4", "]")
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job(INT_LIST))
        viewers = [attached(audience, shows) for shows in (Shown.TEXT, Shown.ITEMS)]
        for viewer in viewers:
            viewer.read()
        for gate in gates:
            gate.set()
        await until(lambda: not hub.running())
        frames = [viewer.read() for viewer in viewers]
    assert kinds(frames[0]) == ["text", "completed"]
    assert frames[0][0]["text"] == "[1,2,3,4]"
    assert kinds(frames[1]) == ["item"] * 4 + ["snapshot", "completed"]
    assert values(frames[1]) == [1, 2, 3, 4]
    assert [viewer.wakes for viewer in viewers] == [2, 2]


async def test_who_is_paced_hears_of_the_end_at_once() -> None:
    """The first update is not held back, the others wait for the interval, the terminal and all before it do not."""
    provider, gates = gated("[1,", "2,", "3,", "4]")
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job(INT_LIST))
        slow = [attached(audience, shows, interval_ms=1_000) for shows in (Shown.TEXT, Shown.ITEMS)]
        quick = attached(audience, Shown.TEXT)
        for viewer in (*slow, quick):
            viewer.read()
        for gate in gates[:3]:
            gate.set()
            await quick.next()
        assert [viewer.wakes for viewer in slow] == [2, 2]
        gates[3].set()
        async with asyncio.timeout(0.5):
            ends = [await viewer.finish() for viewer in slow]
    assert [kinds(frames)[-1] for frames in ends] == ["completed"] * 2
    assert (texts(ends[0]), values(ends[1])) == ("[1,2,3,4]", [1, 2, 3, 4])


@pytest.mark.parametrize("position", [None, Position("x0", 2), Position("other", 1)])
async def test_who_comes_late_gets_all_so_far(position: Position | None) -> None:
    """Also from a position; of another epoch behind a reset."""
    provider, gates = gated(Reasoning("Hm"), "[1,", "2,", "3]")
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job(INT_LIST))
        for gate in gates[:3]:
            gate.set()
        await until(lambda: audience.run.extraction.items.closed == 2)
        viewers = [late(audience, shows, position=position) for shows in (Shown.TEXT | Shown.REASONING, Shown.ITEMS)]
        early = [viewer.read() for viewer in viewers]
        gates[3].set()
        ends = [await viewer.finish() for viewer in viewers]
    is_other = position is not None and position.epoch == "other"
    opening = ["watching", "reset"] if is_other else ["watching"]
    assert kinds(early[0]) == [*opening, "reasoning", "text"]
    assert kinds(early[1]) == [*opening, "item", "item"]
    assert (texts(ends[0]), values(ends[1])) == ("[1,2,3]", [1, 2, 3])


async def test_who_comes_from_now_gets_what_comes() -> None:
    """What closed or was written before is left out; `at` tells how much."""
    provider, gates = gated("[1,", "2,", "3]")
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job(INT_LIST))
        for gate in gates[:2]:
            gate.set()
        await until(lambda: audience.run.extraction.items.closed == 2)
        viewers = [late(audience, shows, now=True) for shows in (Shown.TEXT, Shown.ITEMS)]
        assert [kinds(viewer.read()) for viewer in viewers] == [["watching"]] * 2
        gates[2].set()
        text, items = [await viewer.finish() for viewer in viewers]
    assert [(frame["at"], frame["text"]) for frame in text if frame["type"] == "text"] == [(5, "3]")]
    assert values(items) == [3]
    assert kinds(items)[-2:] == ["snapshot", "completed"]


async def test_what_ended_keeps_its_text_and_finds_its_items_in_the_value() -> None:
    """As soon as nobody watches: a late watch gets the text, what was thought is gone."""
    provider = ScriptedProvider(['{"rows": [{"text": "a"}, {"text": "b"}]}', Reasoning("Hm"), Finish("stop")])
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        last = attached(audience, Shown.TEXT)
        await last.finish()
        still = late(audience, Shown.TEXT | Shown.REASONING)
        assert kinds(await still.finish()) == ["watching", "reasoning", "text", "completed"]
        for viewer in (last, still):
            audience.detach(viewer.watch)
        too_late = late(audience, Shown.TEXT | Shown.REASONING)
        assert kinds(await too_late.finish()) == ["watching", "text", "completed"]
        audience.detach(too_late.watch)
        viewers = [late(audience, Shown.ITEMS) for _ in range(2)]
        frames = [await viewer.finish() for viewer in viewers]
        for viewer in viewers:
            audience.detach(viewer.watch)
        assert audience.run.extraction.items.judged == 0
    assert [kinds(each) for each in frames] == [["watching", "item", "item", "snapshot", "completed"]] * 2
    assert values(frames[0]) == [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize("reads", [True, False])
async def test_another_attempt_begins_anew(reads: bool) -> None:
    """Behind its reset come the items and the text of the new epoch only; of what was not read by then, nothing."""
    gate = asyncio.Event()
    first: list[Step] = ['[1,"x"]', Reasoning("Hm"), Gate(gate), Finish("stop")]
    second: list[Step] = ["[3", "]", Reasoning("Oh"), Finish("stop")]
    answers = iter([first, second])
    async with hub_of(ScriptedProvider(lambda _: next(answers))) as hub:
        audience, _ = hub.start(replace(job(INT_LIST), retries=1))
        viewers = [attached(audience, shows) for shows in (Shown.ITEMS, Shown.TEXT | Shown.REASONING)]
        for viewer in viewers:
            viewer.read()
        await until(lambda: audience.run.extraction.reasoning.end.chars == 2)
        before = [viewer.read() if reads else [] for viewer in viewers]
        gate.set()
        await until(lambda: not hub.running())
        items, text = [viewer.read() for viewer in viewers]
    if reads:
        assert (values(before[0]), texts(before[1]), texts(before[1], "reasoning")) == ([1, "x"], '[1,"x"]', "Hm")
    assert kinds(items) == ["reset", "item", "snapshot", "completed"]
    assert kinds(text) == ["reset", "reasoning", "text", "completed"]
    assert (values(items), texts(text), texts(text, "reasoning")) == ([3], "[3]", "Oh")
    assert {frame["at"] for frame in text[1:3]} == {0}


async def test_changing_the_interval_of_a_watch_loses_nothing() -> None:
    """Also where it is the only one, and the extraction has ended."""
    async with hub_of(ScriptedProvider(["[1,2]", Finish("stop")])) as hub:
        audience, _ = hub.start(job(INT_LIST))
        viewer = attached(audience, Shown.TEXT)
        await until(lambda: not hub.running())
        audience.adjust(viewer.watch, 1_000)
        assert texts(await viewer.finish()) == "[1,2]"


async def test_everything_is_encoded_once_for_a_hundred() -> None:
    """Frames of a hundred watches differ by nothing but their id; each item was validated once for all."""
    async with hub_of(ScriptedProvider(["[1,2", ",3]", Reasoning("Hm"), Finish("stop")])) as hub:
        audience, _ = hub.start(job(INT_LIST))
        shown = [Shown.ITEMS, Shown.TEXT | Shown.REASONING]
        viewers = [attached(audience, shows) for shows in shown for _ in range(100)]
        for viewer in viewers:
            viewer.read()
        with counted() as calls:
            await until(lambda: not hub.running())
            frames = [tuple(viewer.watch.frames()) for viewer in viewers]
    extraction = audience.run.extraction
    assert len(set(frames)) == 2
    assert calls["gateway.core.items.Items._verdict"] == 3
    early, whole = 1, 1  # the first item closed while more was to come
    assert calls["gateway.core.validation.InlineValidator.validate"] == 3 + early + whole
    assert (extraction.text.encoded_passages, extraction.reasoning.encoded_passages) == (1, 1)


async def test_what_nobody_watches_is_not_judged() -> None:
    """Items are, once somebody asks for them, all so far."""
    provider, gates = gated("[1,", "2,", "3]")
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job(INT_LIST))
        other = attached(audience, Shown.VALUE)
        gates[0].set()
        gates[1].set()
        items = audience.run.extraction.items
        await until(lambda: items.closed == 2)
        assert items.judged == 0
        viewer = late(audience, Shown.ITEMS)
        assert (items.judged, values(viewer.read())) == (2, [1, 2])
        gates[2].set()
        await other.finish()
        assert values(await viewer.finish()) == [1, 2, 3]


def noting(threads: set[threading.Thread]) -> Schema:
    """Return the schema of a list of texts that takes note of the threads in which long ones are validated."""

    def note(text: str) -> str:
        if len(text) > 1_000:
            threads.add(threading.current_thread())
        return text

    return Schema.from_model(list[Annotated[str, AfterValidator(note)]])


@pytest.mark.parametrize("is_late", [False, True])
async def test_large_items_are_judged_in_a_thread(is_late: bool) -> None:
    """Not in the loop's, whoever asks when; each comes once and in order."""
    threads: set[threading.Thread] = set()
    texts = ["a", "x" * 40_000, "b", "y" * 40_000, "c"]
    pieces = ['{"value": [', *(f'"{text}",' for text in texts), '"z"', "]}"]
    provider, gates = gated(*pieces)
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job(noting(threads)))
        early = None if is_late else attached(audience, Shown.ITEMS)
        for gate in gates[:-1]:
            gate.set()
        items = audience.run.extraction.items
        await until(lambda: items.closed == 6)
        viewer = early or late(audience, Shown.ITEMS)
        await until(lambda: items.judged == 6)
        assert threads
        assert threading.main_thread() not in threads
        gates[-1].set()
        frames = await viewer.finish()
    assert values(frames) == [*texts, "z"]
    assert kinds(frames)[-2:] == ["snapshot", "completed"]


async def test_what_a_thread_has_judged_too_late_is_no_harm() -> None:
    """Nobody watches any more when it is ready; who comes then gets every item once."""
    large = "x" * 40_000
    async with hub_of(ScriptedProvider([f'{{"rows": [{{"text": "{large}"}}]}}', Finish("stop")])) as hub:
        audience, _ = hub.start(job())
        gone = attached(audience, Shown.ITEMS)
        await until(lambda: not hub.running())
        audience.detach(gone.watch)
        frames = await late(audience, Shown.ITEMS).finish()
    assert [len(value["text"]) for value in values(frames)] == [40_000]
