"""SIGTERM: everybody is told, nothing that is short enough is lost, and nobody is cut off (PROTOCOL.md §10)."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway.core import messages
from gateway.core.limits import Limits
from gateway.drain import Departing, drained
from gateway.errors import CloseCode
from tests.fakes.commands import address, process

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

APPLICATION = """
from gateway import Gateway
from gateway.ports import Finish
from gateway.providers.scripted import Pause, ScriptedProvider

def script(request):
    seconds = float(request.messages[-1]["content"])
    return ['{"a": [', *[step for n in range(9) for step in (f"{n},", Pause(seconds / 9))], "9]}", Finish("stop")]

gateway = Gateway(provider=ScriptedProvider(script))
gateway.extractor(name="slow")(dict[str, list[int]])
"""
EXTRACTIONS, WATCHES = (300, 1_000) if os.environ.get("FAULTS_SOAK") else (30, 100)

SECONDS = 3 + (EXTRACTIONS + WATCHES) / 50
"""An extraction takes, so that all watchers are there before it ends."""


class Someone:
    """A connection as the drain sees it."""

    def __init__(self, there: set["Someone"], *, is_busy: bool = False) -> None:
        """Be there."""
        self.is_busy = is_busy
        self.heard: list[str] = []
        self._there = there
        there.add(self)

    def go_away(self, message: messages.GoAway) -> None:
        """Be told."""
        self.heard.append(message.reason)

    def shut(self, code: CloseCode, reason: str) -> None:
        """Leave."""
        assert not self.is_busy
        self.heard.append(f"{code}")
        self._there.discard(self)


async def drain(there: Collection[Departing], *, running: list[int], **limits: Any) -> list[str]:
    """Drain, and return what was done besides."""
    done: list[str] = []

    def end_runs() -> None:
        done.append("ended")
        running.clear()

    await drained(
        lambda: list(there),
        limits=Limits(**limits),
        is_running=lambda: bool(running),
        refuse=lambda: done.append("refuses"),
        end_runs=end_runs,
        has_balancer=True,
    )
    return done


async def test_nobody_there_takes_no_time() -> None:
    """There is nobody to wait for, whatever the times are."""
    began_s = time.monotonic()
    assert await drain([], running=[]) == ["refuses", "ended"]
    assert time.monotonic() - began_s < 1


async def test_closings_are_spread_over_the_window() -> None:
    """Each was told first; about as many in the first half as in the second."""
    there: set[Someone] = set()
    everyone = [Someone(there) for _ in range(200)]
    draining = asyncio.create_task(drain(there, running=[], drain_delay_s=0, drain_window_s=1))
    await asyncio.sleep(0.5)
    left = len(there)
    await draining
    assert all(each.heard == ["restart", "1012"] for each in everyone)
    assert 40 < left < 160


async def test_who_is_busy_is_waited_for() -> None:
    """Until it is no more, whatever the window."""
    there: set[Someone] = set()
    busy, idle = Someone(there, is_busy=True), Someone(there)
    draining = asyncio.create_task(drain(there, running=[1], drain_delay_s=0, drain_window_s=0))
    await asyncio.sleep(0.2)
    assert (busy.heard, idle.heard) == (["restart"], ["restart", "1012"])
    busy.is_busy = False
    await asyncio.sleep(0.2)
    assert (busy.heard, draining.done()) == (["restart", "1012"], False)  # something runs still
    draining.cancel()


async def test_the_grace_has_an_end() -> None:
    """What still runs then is ended, and whoever watched it told before it is closed."""
    there: set[Someone] = set()
    busy = Someone(there, is_busy=True)
    running = [1]
    draining = asyncio.create_task(drain(there, running=running, drain_delay_s=0, drain_window_s=0, drain_grace_s=0.2))
    await asyncio.sleep(0.4)
    assert not running
    busy.is_busy = False
    assert await draining == ["refuses", "ended"]
    assert busy.heard == ["restart", "1012"]


class Seen:
    """What one client heard, to its close."""

    def __init__(self, socket: ClientConnection) -> None:
        """Begin to listen."""
        self.frames: list[dict[str, Any]] = []
        self.code: int | None = None
        self.closed_at_s = 0.0
        self.first = asyncio.Event()
        self._socket = socket
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for frame in self._socket:
                self.frames.append(json.loads(frame))
                if len(self.frames) == 3:
                    self.first.set()
        except ConnectionClosed:
            pass
        self.code, self.closed_at_s = self._socket.close_code, time.monotonic()

    async def hears(self, type_: str) -> None:
        """Wait until it has heard that."""
        while type_ not in self.types():  # noqa: ASYNC110 - a test looks
            await asyncio.sleep(0.01)

    def types(self) -> list[str]:
        """Return the types of what was heard."""
        return [frame["type"] for frame in self.frames]


async def joined(url: str, *asked: dict[str, Any]) -> Seen:
    """Connect, say hello and what is asked."""
    socket = await connect(url, subprotocols=[Subprotocol("extraction.v1")], proxy=None)
    await socket.send('{"type":"hello"}')
    for message in asked:
        await socket.send(json.dumps(message))
    return Seen(socket)


def extract(seconds: float, id_: str = "x") -> dict[str, Any]:
    """Return the message that asks for an extraction of that length."""
    return {"type": "extract", "id": id_, "extractor": "slow", "input": str(seconds)}


async def test_sigterm_with_everybody_there(tmp_path: Path) -> None:
    """All that run come to their ending, in front of every watch; each client hears `goaway`, then 1012, never 1006."""
    (tmp_path / "slow.py").write_text(APPLICATION)
    environment = {"GATEWAY_DRAIN_WINDOW_S": "2", "GATEWAY_PROVIDER_CALLS": "400"}
    async with process("serve", "slow:gateway", "--port", "0", cwd=tmp_path, **environment) as running:
        url = (await address(running)).replace("http", "ws") + "/v1/ws"
        owners = [await joined(url, extract(SECONDS)) for _ in range(EXTRACTIONS)]
        for owner in owners:
            await owner.first.wait()
        names = [next(f["extraction"] for f in owner.frames if f["type"] == "started") for owner in owners]
        watch = {"type": "watch", "id": "x"}
        watchers = [await joined(url, watch | {"extraction": names[number % EXTRACTIONS]}) for number in range(WATCHES)]
        for watcher in watchers:
            await watcher.first.wait()
        idle = [await joined(url) for _ in range(20)]
        running.send_signal(signal.SIGTERM)
        everyone = [*owners, *watchers, *idle]
        async with asyncio.timeout(60):
            await asyncio.gather(*(each.listening for each in everyone))
            with pytest.raises((InvalidStatus, OSError)):
                await joined(url)
            _, said = await running.communicate()
    assert (running.returncode, b"Traceback" in said) == (-signal.SIGTERM, False)
    assert {each.code for each in everyone} == {1012}
    assert all("goaway" in each.types() for each in everyone)
    assert all(each.types()[-1] == "completed" for each in (*owners, *watchers))
    assert all(each.types() == ["welcome", "goaway"] for each in idle)
    ends = sorted(each.closed_at_s for each in everyone)
    assert ends[-1] - ends[0] > 1
    assert max(ends.count(end) for end in ends) < len(ends) / 2


async def test_what_is_longer_than_the_grace_fails_as_what_it_is(tmp_path: Path) -> None:
    """`shutting_down`, and so does what is asked anew; the connection is closed behind it."""
    (tmp_path / "slow.py").write_text(APPLICATION)
    grace = {"GATEWAY_DRAIN_GRACE_S": "1"}
    async with process("serve", "slow:gateway", "--port", "0", cwd=tmp_path, **grace) as running:
        url = (await address(running)).replace("http", "ws") + "/v1/ws"
        seen = await joined(url, extract(60))
        await seen.first.wait()
        running.send_signal(signal.SIGTERM)
        await seen.hears("goaway")
        await seen._socket.send(json.dumps(extract(1, "late")))
        async with asyncio.timeout(10):
            await seen.listening
            await running.communicate()
    by_type = {frame["type"]: frame for frame in seen.frames}
    assert (by_type["error"]["id"], by_type["error"]["code"]) == ("late", "shutting_down")
    assert (seen.types()[-1], seen.frames[-1]["error"]["code"], seen.code) == ("failed", "shutting_down", 1012)


async def test_an_idle_gateway_is_gone_in_a_second() -> None:
    """Also with somebody connected, who hears why."""
    async with process("serve", "--port", "0", "--provider", "recorded") as running:
        seen = await joined((await address(running)).replace("http", "ws") + "/v1/ws")
        await seen.hears("welcome")
        began_s = time.monotonic()
        running.send_signal(signal.SIGTERM)
        await running.communicate()
        took_s = time.monotonic() - began_s
        await seen.listening
    assert (seen.types(), seen.code) == (["welcome", "goaway"], 1012)
    assert took_s < 1


async def test_a_second_sigterm_does_not_wait(tmp_path: Path) -> None:
    """It stops at once, as SIGINT does."""
    (tmp_path / "slow.py").write_text(APPLICATION)
    async with process("serve", "slow:gateway", "--port", "0", cwd=tmp_path) as running:
        seen = await joined((await address(running)).replace("http", "ws") + "/v1/ws", extract(60))
        await seen.first.wait()
        running.send_signal(signal.SIGTERM)
        await seen.hears("goaway")
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(4):
            await running.communicate()
            await seen.listening
    assert (seen.code, running.returncode) == (1012, -signal.SIGTERM)
