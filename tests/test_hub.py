"""Who is told what, and when; what is kept, and for how long."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from gateway.audience import Audience
from gateway.core.document import Encoding, Position, View
from gateway.core.extraction import State
from gateway.core.limits import Limits
from gateway.core.parts import Shown
from gateway.core.projection import Projection
from gateway.core.schema import Schema
from gateway.errors import IdempotencyConflict, NotFound, OverCapacity
from gateway.hub import Hub
from gateway.jobs import Busy, Job
from gateway.ports import Finish, Provider, ProviderRequest
from gateway.providers.scripted import Gate, ScriptedProvider, Step
from gateway.tasks import Tasks
from gateway.watching import Watch
from tests.core.oracles import counted
from tests.fakes.gateways import no_task_left

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def job(key: str | None = None, body: str = "") -> Job:
    """Return something to run."""
    schema = Schema.from_json(SCHEMA, limits=Limits())
    request = ProviderRequest(messages=({"role": "user", "content": "x"},), schema=SCHEMA)
    whose = None if key is None else ("", key)
    return Job(extractor="inline", schema=schema, request=request, input_chars=1, key=whose, body=body)


@asynccontextmanager
async def hub_of(provider: Provider, now_s: Callable[[], float] | None = None, **limits: Any) -> AsyncGenerator[Hub]:
    """Give a hub whose runs are ended afterwards; names are x0, x1 and so on."""
    names, tasks = count(), Tasks()
    async with no_task_left():
        now_s = now_s or asyncio.get_running_loop().time
        hub = Hub(provider, limits=Limits(**limits), tasks=tasks, now_s=now_s, new_id=lambda: f"x{next(names)}")
        yield hub
        await tasks.close()
        hub.close()


class Viewer:
    """A watch with what it has been told; it reads when a test says so."""

    def __init__(
        self, audience: Audience, interval_ms: int = 0, encoding: Encoding = Encoding.APPEND, *paths: str
    ) -> None:
        """Attach as the answer to `extract`."""
        self.wakes = 0
        self.woken = asyncio.Event()
        view = View(encoding, projection=Projection(paths) if paths else None)
        self.watch = Watch("v", audience, view, interval_ms, self._wake)

    def _wake(self, _: Watch) -> None:
        self.wakes += 1
        self.woken.set()

    def read(self) -> list[dict[str, Any]]:
        """Take what there is to write."""
        self.woken.clear()
        return [json.loads(frame) for frame in self.watch.frames()]

    async def next(self) -> list[dict[str, Any]]:
        """Wait for something to write, and take it."""
        await self.woken.wait()
        return self.read()


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    """Return the types of frames."""
    return [frame["type"] for frame in frames]


def gated(*pieces: str) -> tuple[ScriptedProvider, list[asyncio.Event]]:
    """Return a provider that waits for an event before each piece."""
    gates = [asyncio.Event() for _ in pieces]
    steps = [step for gate, piece in zip(gates, pieces, strict=True) for step in (Gate(gate), piece)]
    return ScriptedProvider([*steps, Finish("stop")]), gates


async def test_a_watch_is_woken_once_until_it_has_been_read() -> None:
    """However much happens in between: one flag, no queue."""
    provider, gates = gated('{"a": "x', "y", "z", '"}')
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        viewer, quick = Viewer(audience), Viewer(audience)
        audience.attach(viewer.watch, deduplicated=False)
        audience.attach(quick.watch, deduplicated=False)
        assert kinds(quick.read()) == ["started", "snapshot"]
        for gate in gates[:3]:
            gate.set()
            await quick.next()
        assert (viewer.wakes, quick.wakes) == (1, 4)
        assert [frame.get("rev") for frame in viewer.read()] == [None, 3]
        gates[3].set()
        await viewer.next()
        assert viewer.watch.is_over


async def test_the_terminal_comes_right_behind_its_update() -> None:
    """Both in one go, and nothing after them."""
    provider, gates = gated('{"a": "x"}')
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        viewer = Viewer(audience)
        audience.attach(viewer.watch, deduplicated=False)
        viewer.read()
        gates[0].set()
        await viewer.next()
        rest = await viewer.next() if not viewer.watch.is_over else []
        audience.grown(Shown.VALUE)
        assert kinds(rest)[-1:] in ([], ["completed"])
        assert (viewer.watch.is_over, viewer.woken.is_set()) == (True, False)


async def test_one_timer_for_all_with_the_same_interval() -> None:
    """The first update at once, the next together, the terminal without waiting."""
    provider, gates = gated('{"a": "x', "y", "z", '"}')
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        viewers = [Viewer(audience, interval_ms=1000) for _ in range(3)]
        quick = Viewer(audience)
        for viewer in (*viewers, quick):
            audience.attach(viewer.watch, deduplicated=False)
            viewer.read()
        for gate in gates[:3]:
            gate.set()
            await quick.next()
        assert [viewer.wakes for viewer in viewers] == [2, 2, 2]
        assert [kinds(viewer.read()) for viewer in viewers] == [["snapshot"]] * 3
        assert audience.run.extraction.document.encoded_updates == 4  # one snapshot to each revision, whoever needs one
        gates[3].set()
        async with asyncio.timeout(0.5):
            ends = [kinds(await viewer.next()) for viewer in viewers]
        assert ends == [["snapshot", "completed"]] * 3


async def test_an_interval_that_is_over_lets_the_next_update_through() -> None:
    """What was held back comes by itself."""
    provider, gates = gated('{"a": "x', "y", "z", '"}')
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        slow, quick = Viewer(audience, interval_ms=20), Viewer(audience)
        for viewer in (slow, quick):
            audience.attach(viewer.watch, deduplicated=False)
            viewer.read()
        for gate in gates[:3]:
            gate.set()
            await quick.next()
        assert slow.read()[-1]["rev"] in {1, 3}
        while slow.watch.rev != 3:
            await slow.next()


async def test_who_left_is_not_told() -> None:
    """Also not by a timer that was running; an interval can be changed."""
    provider, gates = gated('{"a": "x', "y", '"}')
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        gone, moved, quick = Viewer(audience, 1000), Viewer(audience, 1000), Viewer(audience)
        for viewer in (gone, moved, quick):
            audience.attach(viewer.watch, deduplicated=False)
            viewer.read()
        gates[0].set()
        await quick.next()
        for viewer in (gone, moved):
            viewer.read()
        gates[1].set()
        await quick.next()
        audience.detach(gone.watch)
        assert not moved.woken.is_set()
        audience.adjust(moved.watch, 0)
        assert moved.read()[-1]["rev"] == 2
        gates[2].set()
        while not quick.watch.is_over:
            await quick.next()
        assert not gone.woken.is_set()


@pytest.mark.parametrize(
    ("position", "recovered", "answer"),
    [
        (None, None, ["watching", "snapshot"]),
        (Position("x0", 3), "tail", ["watching"]),
        (Position("x0", 1), "state", ["watching", "snapshot"]),
        (Position("x0", -1), "state", ["watching", "snapshot"]),
        (Position("x0", 4), "reset", ["watching", "reset", "snapshot"]),
        (Position("x9", 2), "reset", ["watching", "reset", "snapshot"]),
    ],
)
async def test_where_a_watch_begins(position: Position | None, recovered: str | None, answer: list[str]) -> None:
    """From a position the tail holds, one it held, one that never was, or none."""
    provider, gates = gated('{"a": "x', "y", "z", '"}')
    async with hub_of(provider, tail_steps=1) as hub:
        audience, _ = hub.start(job())
        quick = Viewer(audience)
        audience.attach(quick.watch, deduplicated=False)
        quick.read()
        for gate in gates[:3]:
            gate.set()
            await quick.next()
        viewer = Viewer(audience)
        audience.attach_from(viewer.watch, position)
        frames = viewer.read()
        assert (kinds(frames), frames[0]["recovered"], frames[0]["rev"]) == (answer, recovered, 3)


async def test_an_ended_extraction_keeps_its_value_and_not_its_steps() -> None:
    """As soon as nobody watches any more; a late watch gets the value and the terminal."""
    provider, gates = gated('{"a": "x', "y", '"}')
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        viewer = Viewer(audience)
        audience.attach(viewer.watch, deduplicated=False)
        for gate in gates:
            gate.set()
        while not viewer.watch.is_over:
            await viewer.next()
        document = audience.run.extraction.document
        assert document.can_fold_from(document.rev - 1)
        audience.detach(viewer.watch)
        assert not document.can_fold_from(document.rev - 1)
        late = Viewer(hub.find(audience.run.id))
        audience.attach_from(late.watch, Position("x0", 1))
        assert [kinds(frames := late.read()), frames[1]["value"]] == [
            ["watching", "snapshot", "completed"],
            {"a": "xy"},
        ]


async def test_a_key_finds_the_run_again() -> None:
    """Also when it has ended, as long as it is kept; with another body it conflicts."""
    provider = ScriptedProvider(['{"a": "x"}', Finish("stop")])
    async with hub_of(provider, retained_extractions=1) as hub:
        first, is_known = hub.start(job("k", "b"))
        assert (is_known, hub.start(job("k", "b"))) == (False, (first, True))
        with pytest.raises(IdempotencyConflict):
            hub.start(job("k", "other"))
        await ended(first)
        assert (hub.start(job("k", "b")), hub.find(first.run.id)) == ((first, True), first)
        await ended(hub.start(job())[0])
        again, is_known = hub.start(job("k", "other"))
        await ended(again)
        assert (is_known, again is first) == (False, False)


async def test_a_key_whose_run_has_expired_is_free_again() -> None:
    """Also when nobody has asked in between: the same key starts another one, and no key is left of the first."""
    times_s = [0.0]
    async with hub_of(ScriptedProvider(['{"a": "x"}', Finish("stop")]), lambda: times_s[-1], retain_s=10) as hub:
        first, _ = hub.start(job("k", "b"))
        await ended(first)
        times_s.append(9.9)
        assert hub.start(job("k", "b")) == (first, True)
        times_s.append(10)
        again, is_known = hub.start(job("k", "other"))
        await ended(again)
    assert (is_known, again is first, again.run.extraction.state) == (False, False, State.COMPLETED)
    assert [kept for _, kept in hub._keys.values()] == [again]


async def unwatched(hub: Hub) -> None:
    """Wait until nothing runs any more, without watching it."""
    async with asyncio.timeout(2):
        while hub.running():  # noqa: ASYNC110 - the hub has no event for it
            await asyncio.sleep(0)


async def test_what_nobody_watches_keeps_no_steps() -> None:
    """They are gone as soon as it ends, though nobody leaves it."""
    async with hub_of(ScriptedProvider(['{"a": "', *"xyz", '"}', Finish("stop")])) as hub:
        audience, _ = hub.start(job())
        await unwatched(hub)
        document = audience.run.extraction.document
        assert (document.value, document.rev > 3, document.can_fold_from(document.rev - 1)) == (
            {"a": "xyz"},
            True,
            False,
        )


class Content(str):
    """An input that can be missed."""

    __slots__ = ("__weakref__",)


async def test_the_input_is_not_kept() -> None:
    """What ended keeps its value for those who come later, and nothing of what was asked."""
    provider = ScriptedProvider(['{"a": "x"}', Finish("stop")])
    async with hub_of(provider) as hub:
        content = Content("a long text")
        request = ProviderRequest(messages=({"role": "user", "content": content},), schema=SCHEMA)
        kept, _ = hub.start(replace(job("k"), request=request))
        missed = weakref.ref(content)
        del content, request
        assert missed() is not None
        await unwatched(hub)
        provider.requests.clear()
        gc.collect()
        assert (missed(), hub.find(kept.run.id)) == (None, kept)


async def test_what_has_ended_goes_when_its_time_is_over() -> None:
    """By itself, one after the other: nobody has to come and ask."""
    times_s = [0.0]
    provider = ScriptedProvider(['{"a": "x"}', Finish("stop")])
    async with hub_of(provider, lambda: times_s[-1], retain_s=0.02) as hub, asyncio.timeout(2):
        first, second = asyncio.Event(), asyncio.Event()
        for gone, now_s in ((first, 0.0), (second, 0.01)):
            times_s.append(now_s)
            weakref.finalize(hub.start(job(f"at {now_s}"))[0].run, gone.set)
            await unwatched(hub)
        times_s.append(0.02)
        await first.wait()
        assert (second.is_set(), list(hub._keys)) == (False, [("", "at 0.01")])
        times_s.append(0.03)
        await second.wait()
        assert (hub._keys, hub._key_of, hub._eviction) == ({}, {}, None)


async def test_a_hub_that_is_closed_leaves_no_timer() -> None:
    """Neither one for what is kept, nor one for what is no longer."""
    async with hub_of(ScriptedProvider(['{"a": "x"}', Finish("stop")])) as hub:
        hub.close()
        hub.start(job())
        await unwatched(hub)
        timer = hub._eviction
        assert timer is not None
        hub.close()
        hub.close()
        assert (timer.cancelled(), hub._eviction) == (True, None)


async def test_a_terminal_is_encoded_once_for_all() -> None:
    """A hundred watches get the same text, but for their names."""
    async with hub_of(ScriptedProvider(['{"a": "x"}', Finish("stop")])) as hub:
        audience, _ = hub.start(job())
        viewers = [Viewer(audience) for _ in range(100)]
        for viewer in viewers:
            audience.attach(viewer.watch, deduplicated=False)
            viewer.read()
        await unwatched(hub)
        with counted() as calls:
            frames = [list(viewer.watch.frames()) for viewer in viewers]
    assert ({len(pair) for pair in frames}, len({pair[-1] for pair in frames})) == ({2}, 1)
    assert (calls["gateway.core.messages.encode"], audience.run.extraction.document.encoded_updates) == (0, 2)


async def test_growth_elsewhere_wakes_nobody() -> None:
    """A watch of a part sleeps while the rest grows; the next update covers that, and so does the last one."""
    pieces = ['{"a": "x', "y", '", "b": "1', "2", '", "c": "4', "5", '"}']
    provider, gates = gated(*pieces)
    async with hub_of(provider) as hub:
        audience, _ = hub.start(job())
        whole, part = Viewer(audience), Viewer(audience, 0, Encoding.APPEND, "/b")
        for viewer in (whole, part):
            audience.attach(viewer.watch, deduplicated=False)
            viewer.read()
        seen: list[list[dict[str, Any]]] = []
        for gate in gates[:-1]:
            gate.set()
            await whole.next()
            seen.append(part.read() if part.woken.is_set() else [])
        gates[-1].set()
        last = await part.next()
    assert [[frame["rev"] for frame in frames] for frames in seen] == [[1], [], [3], [4], [], []]
    assert last[0] == {"type": "patch", "id": "v", "from": 4, "rev": 8, "ops": [], "final": True}
    assert kinds(last) == ["patch", "completed"]


async def test_a_terminal_for_parts_is_encoded_once_too() -> None:
    """Without the digest, for all of them; those who see everything have theirs."""
    async with hub_of(ScriptedProvider(['{"a": "x"}', Finish("stop")])) as hub:
        audience, _ = hub.start(job())
        viewers = [Viewer(audience, 0, Encoding.APPEND, "/a") for _ in range(100)]
        for viewer in (*viewers, whole := Viewer(audience)):
            audience.attach(viewer.watch, deduplicated=False)
            viewer.read()
        await unwatched(hub)
        with counted() as calls:
            frames = [list(viewer.watch.frames()) for viewer in viewers]
        (*_, ending) = whole.read()
    assert ({len(pair) for pair in frames}, len({pair[-1] for pair in frames})) == ({2}, 1)
    assert (calls["gateway.core.messages.encode"], "digest" in frames[0][-1], "digest" in ending) == (1, False, True)


async def ended(audience: Audience) -> None:
    """Wait for the ending of a run."""
    viewer = Viewer(audience)
    audience.attach(viewer.watch, deduplicated=True)
    while not viewer.watch.is_over:
        await viewer.next()


async def test_what_is_not_kept_is_not_found() -> None:
    """Neither what never was nor what is gone; what runs is."""
    provider, gates = gated('{"a": ""}')
    async with hub_of(provider, retain_s=1e-9) as hub:
        audience, _ = hub.start(job())
        assert (hub.find("x1"), hub.running()) == (audience, [audience.run])
        gates[0].set()
        await ended(audience)
        for name in ("x1", "never"):
            with pytest.raises(NotFound):
                hub.find(name)
        assert hub.running() == []


async def test_more_than_may_wait() -> None:
    """One runs, one waits, the next is over capacity; nothing is kept of it."""
    provider, gates = gated('{"a": ""}')
    async with hub_of(provider, provider_calls=1, provider_queue=1) as hub:
        first, _ = hub.start(job())
        second, _ = hub.start(job("k"))
        with pytest.raises(OverCapacity):
            hub.start(job("other"))
        gates[0].set()
        await ended(first)
        await ended(second)
        await ended(hub.start(job("other"))[0])
        assert len(provider.requests) == 3


def in_turn(*answers: list[Step]) -> ScriptedProvider:
    """Return a provider that writes one answer after the other."""
    left = list(answers)
    return ScriptedProvider(lambda _: left.pop(0))


async def test_a_watch_is_told_of_a_reset_before_anything_new() -> None:
    """Also one with a long interval, and with both at once where it was slow."""
    gate = asyncio.Event()
    provider = in_turn(['{"a": 5}', Finish("stop")], [Gate(gate), '{"a": "x"}', Finish("stop")])
    async with hub_of(provider) as hub:
        audience, _ = hub.start(replace(job(), retries=1))
        viewer = Viewer(audience, interval_ms=1000)
        audience.attach(viewer.watch, deduplicated=False)
        first = viewer.read()
        while "reset" not in kinds(frames := await viewer.next()):
            first += frames
        assert kinds(frames) == ["reset", "snapshot"]
        assert (frames[0]["epoch"], frames[1]["epoch"], frames[1]["value"]) == ("x2", "x2", {"a": None})
        gate.set()
        while not viewer.watch.is_over:
            frames = await viewer.next()
        assert (frames[-1]["type"], frames[-1]["epoch"], frames[-1]["attempts"]) == ("completed", "x2", 2)


async def test_a_position_is_judged_when_it_is_answered() -> None:
    """An attempt that began since the watch was asked for counts already."""
    gate = asyncio.Event()
    provider = in_turn(['{"a": 5', Gate(gate), "}", Finish("stop")], ['{"a": "x"}', Finish("stop")])
    async with hub_of(provider) as hub:
        audience, _ = hub.start(replace(job(), retries=1))
        await asyncio.sleep(0)
        viewer = Viewer(audience)
        audience.attach_from(viewer.watch, Position("x0", 0))
        gate.set()
        await unwatched(hub)
        frames = viewer.read()
    assert (kinds(frames), frames[0]["recovered"], frames[1]["reason"]) == (
        ["watching", "reset", "snapshot", "completed"],
        "reset",
        "invalid_output",
    )


async def test_nobody_has_watched_for_too_long() -> None:
    """The time counts from when the last one went; one that comes in time stops it, one that stays too."""
    provider, _ = gated('{"a": "x"}')
    async with hub_of(provider) as hub, asyncio.timeout(2):
        audience, _ = hub.start(replace(job(), cancel_after_s=0.01))
        first, second = Viewer(audience), Viewer(audience)
        audience.attach(first.watch, deduplicated=False)
        audience.attach(second.watch, deduplicated=False)
        audience.detach(first.watch)
        is_counting = [audience._cancelling is not None]
        audience.adjust(second.watch, 7)
        is_counting.append(audience._cancelling is not None)
        audience.detach(second.watch)
        is_counting.append(audience._cancelling is not None)
        audience.attach_from(first.watch, None)
        is_counting.append(audience._cancelling is not None)
        audience.detach(first.watch)
        assert is_counting == [False, False, True, False]
        await unwatched(hub)
    assert (audience.run.extraction.state, provider.open_streams) == (State.CANCELLED, 0)


@pytest.mark.parametrize("cancel_after_s", [None, 0])
async def test_at_once_or_never(cancel_after_s: float | None) -> None:
    """Where nothing is said, a watch that goes cancels nothing; a queued run is cancelled like any other."""
    provider, gates = gated('{"a": "x"}')
    async with hub_of(provider, provider_calls=1) as hub:
        first, _ = hub.start(job())
        queued, _ = hub.start(replace(job(), cancel_after_s=cancel_after_s))
        viewer = Viewer(queued)
        queued.attach(viewer.watch, deduplicated=False)
        queued.detach(viewer.watch)
        if cancel_after_s is None:
            gates[0].set()
        else:
            while len(hub.running()) > 1:  # noqa: ASYNC110 - as in `unwatched`
                await asyncio.sleep(0)
            first.run.cancel()
        await unwatched(hub)
    expected = State.COMPLETED if cancel_after_s is None else State.CANCELLED
    assert queued.run.extraction.state is expected
    assert len(provider.requests) == (2 if cancel_after_s is None else 1)


async def test_an_extraction_that_is_not_kept() -> None:
    """Whoever watches is shown its end; then nobody finds it, and its key is free."""
    async with hub_of(ScriptedProvider(['{"a": "x"}', Finish("stop")])) as hub:
        audience, _ = hub.start(replace(job("k"), retain_s=0))
        viewer = Viewer(audience)
        audience.attach(viewer.watch, deduplicated=False)
        await unwatched(hub)
        with pytest.raises(NotFound):
            hub.find(audience.run.id)
        assert kinds(viewer.read())[-1] == "completed"
        assert (hub._keys, hub._key_of, hub._eviction) == ({}, {}, None)


async def test_a_shorter_time_goes_first() -> None:
    """Though it ended later than one that is kept for long."""
    times_s = [0.0]
    async with hub_of(ScriptedProvider(['{"a": "x"}', Finish("stop")]), lambda: times_s[-1], retain_s=60) as hub:
        long, _ = hub.start(job())
        await unwatched(hub)
        short, _ = hub.start(replace(job(), retain_s=5))
        await unwatched(hub)
        times_s.append(5)
        with pytest.raises(NotFound):
            hub.find(short.run.id)
        assert hub.find(long.run.id) is long


async def test_a_session_at_its_limit() -> None:
    """Refused, queued in order, or in the place of the oldest that runs; another session is not concerned."""
    provider, gates = gated('{"a": "x"}')
    async with hub_of(provider, extractions_per_connection=2, queued_per_connection=2) as hub:
        turns = hub.new_turns()
        first, second, queued = (hub.start(job(), turns)[0] for _ in range(3))
        with pytest.raises(OverCapacity):
            hub.start(replace(job(), busy=Busy.REJECT), turns)
        new, _ = hub.start(replace(job(), busy=Busy.REPLACE), turns)
        with pytest.raises(OverCapacity):
            hub.start(job(), turns)
        other, _ = hub.start(replace(job(), busy=Busy.REJECT), hub.new_turns())
        while len(provider.requests) < 3:  # noqa: ASYNC110 - as in `unwatched`
            await asyncio.sleep(0)
        states = [audience.run.extraction.state for audience in (first, second, queued, new, other)]
        assert states == ["cancelled", "running", "queued", "running", "running"]
        gates[0].set()
        await unwatched(hub)
    assert [audience.run.extraction.state for audience in (second, queued, new, other)] == ["completed"] * 4
