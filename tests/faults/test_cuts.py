"""Connections that are cut anywhere, in every way: no step is missed, none comes twice, and the model is asked once."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from gateway.ports import Finish, ProviderRequest
from gateway.providers.scripted import Gate, Pause, ScriptedProvider, Step
from tests.fakes.gateways import Served, gateway_with, served
from tests.fakes.pieces import SCHEMA
from tests.faults.conftest import Report
from tests.faults.proxy import FaultProxy, proxied
from tests.faults.size import size
from tests.faults.watchers import ClientWatcher, HandWatcher, History
from tests.faults.weather import fates

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(600)]

ENCODINGS = ["snapshot", "patch", "append", "items", "text"]
AT_ONCE = 10  # extractions, each with a watcher of every encoding
SILENCE_S = 0.15
PAUSE_S = 0.001  # between what is written once all cuts have been made: cuts at the end meet growth as well


class Play:
    """One extraction: what its model writes, held back until its watchers have been cut so often.

    Attributes:
        text: all that is written in the last attempt.
        attempts: what is written in each.
    """

    def __init__(self, chance: Random, *, cuts: int, attempts: int) -> None:
        """Write it, and let nothing out."""
        self.text = _document(chance)
        drafts = [_document(chance).replace('"open"', '"shut"') for _ in range(attempts - 1)]
        self._pieces = [_cut(chance, text) for text in (*drafts, self.text)]
        self._gates = [asyncio.Event() for pieces in self._pieces for _ in pieces]
        self._most = cuts
        self._left = Counter(dict.fromkeys(range(len(ENCODINGS)), cuts))
        self._attempt = 0

    def strike(self, watcher: int) -> None:
        """Hear of a cut: some more may be written."""
        self._left[watcher] = max(0, self._left[watcher] - 1)
        whole = self._most * len(ENCODINGS)
        for gate in self._gates[: len(self._gates) * (whole - self._left.total()) // whole]:
            gate.set()

    def steps(self) -> list[Step]:
        """Return what the model does when it is asked next."""
        before = sum(map(len, self._pieces[: self._attempt]))
        pieces = self._pieces[self._attempt]
        self._attempt += 1
        steps: list[Step] = []
        for gate, piece in zip(self._gates[before:], pieces, strict=False):
            steps += [Gate(gate), Pause(PAUSE_S), piece]
        return [*steps, Finish("stop")]


def _document(chance: Random) -> str:
    def words(most: int) -> str:
        return "".join(chance.choices('ab é😀\\"\n/~', k=chance.randrange(most)))

    people = [{"name": words(40), "age": chance.randrange(10**6)} for _ in range(chance.randrange(2, 12))]
    document = {"title": words(300), "people": people, "open": chance.random() < 0.5}
    return json.dumps(document, ensure_ascii=chance.random() < 0.5)


def _cut(chance: Random, text: str) -> list[str]:
    places = sorted({0, len(text), *(chance.randrange(len(text)) for _ in range(chance.randrange(20, 120)))})
    return [text[start:end] for start, end in pairwise(places)]


class Theatre:
    """A gateway whose model writes plays, and watchers behind lines that are cut.

    Attributes:
        cuts: how often each fault has happened.
        visits: connections there were.
    """

    def __init__(self, seed: int, *, cuts: int, attempts: int = 1) -> None:
        """Have nothing played yet."""
        self.cuts: Counter[str] = Counter()
        self.visits = 0
        self.asked: Counter[str] = Counter()
        self._seed = seed
        self._most = cuts
        self._attempts = attempts
        self._plays: dict[str, Play] = {}

    def script(self, request: ProviderRequest) -> list[Step]:
        """Write what the question asks for."""
        name = next(message["content"] for message in request.messages if message["content"].startswith("play "))
        self.asked[name] += 1
        return self._plays[name].steps()

    async def play(self, gateway: Served, number: int) -> None:
        """Extract once, before five watchers who are cut, and compare what each has in the end."""
        chance = Random(f"{self._seed}/{number}")
        name = f"play {number}"
        play = self._plays[name] = Play(chance, cuts=self._most, attempts=self._attempts)
        async with AsyncExitStack() as stack:
            proxies = [
                await stack.enter_async_context(self._proxy(gateway, number, watcher, chance.randrange(3), play))
                for watcher in range(len(ENCODINGS))
            ]
            history = History()
            asks = {"schema": SCHEMA, "input": name, "key": name, "retries": self._attempts - 1}
            watchers = [
                (HandWatcher if (number + place) % 2 else ClientWatcher)(
                    proxies[place].port,
                    {**asks, "encoding": encoding, "interval_ms": chance.choice([0, 0, 5])},
                    history,
                    silence_s=SILENCE_S,
                )
                for place, encoding in enumerate(ENCODINGS)
            ]
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                for place, watcher in enumerate(watchers):
                    group.create_task(watcher.follow(), name=f"{name} {ENCODINGS[place]}")
        for watcher in watchers:
            watcher.check(value=json.loads(play.text), text=play.text)
        self.cuts.update(fault for proxy in proxies for fault in proxy.struck.elements())
        self.visits += sum(proxy.connections for proxy in proxies)

    @asynccontextmanager
    async def _proxy(
        self, gateway: Served, number: int, watcher: int, extra: int, play: Play
    ) -> AsyncGenerator[FaultProxy]:
        """Give a watcher's own line, so that its fates are the same whatever the others do."""
        drawn = fates(f"{self._seed}/{number}/{watcher}", self._most + extra)
        port = int(gateway.url.rpartition(":")[2])
        async with proxied(port, drawn, on_strike=lambda: play.strike(watcher)) as proxy:
            yield proxy


async def _nobody_left(gateway: Served) -> None:
    """Wait until the server has noticed that everybody has gone."""
    async with asyncio.timeout(5):
        while len(gateway.gateway.heartbeat) or len(gateway.gateway.tasks):
            await asyncio.sleep(0.01)


async def _season(theatre: Theatre, plays: int) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def play(number: int) -> None:
        async with room:
            await theatre.play(gateway, number)

    provider = ScriptedProvider(theatre.script)
    async with served(gateway_with(provider, send_stall_s=2.0)) as gateway:
        async with asyncio.TaskGroup() as group:
            for number in range(plays):
                group.create_task(play(number), name=f"play {number}")
        await _nobody_left(gateway)


def _complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the server logged as its own fault."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.exc_info or (record.levelno > logging.WARNING and not record.name.startswith("gateway.client"))
    ]


async def test_random_cuts(seed: int, report: Report, caplog: pytest.LogCaptureFixture) -> None:
    """Reset, closed, half open, silent, deaf, anywhere in a frame: every watcher ends with the model's own JSON."""
    plays = size("extractions", short=8, long=200)
    cuts = size("cuts_per_watcher", short=5, long=10)
    theatre = Theatre(seed, cuts=cuts)
    began_s = asyncio.get_running_loop().time()
    await _season(theatre, plays)
    took_s = asyncio.get_running_loop().time() - began_s
    told = ", ".join(f"{count} {fault}" for fault, count in theatre.cuts.most_common())
    report(f"{theatre.cuts.total()} cuts ({told}), {theatre.visits} connections, {took_s:.1f} s, seed {seed}")
    assert theatre.asked == {f"play {number}": 1 for number in range(plays)}
    assert theatre.cuts.total() >= plays * len(ENCODINGS) * cuts
    assert _complaints(caplog) == []


async def test_random_cuts_while_the_model_is_asked_again(
    seed: int, report: Report, caplog: pytest.LogCaptureFixture
) -> None:
    """Attempts whose revisions all begin at 0: nobody takes one for another, wherever they were cut."""
    plays = size("retried_extractions", short=3, long=40)
    theatre = Theatre(seed, cuts=6, attempts=3)
    await _season(theatre, plays)
    report(f"{theatre.cuts.total()} cuts, {theatre.visits} connections, seed {seed}")
    assert theatre.asked == {f"play {number}": 3 for number in range(plays)}
    assert _complaints(caplog) == []


def replay(seed: int) -> list[Any]:
    """Return the beginning of what a seed draws."""
    drawn = fates(f"{seed}/0/0", 20)
    return [next(drawn) for _ in range(25)]


async def test_a_seed_draws_the_same_again() -> None:
    """And another seed draws something else."""
    assert replay(7) == replay(7) != replay(8)
