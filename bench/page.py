"""The demo page in a Chromium while 200 pieces a second arrive at a value of 1 MB: its longest task, its frames.

A gateway plays a made-up recording: most of the value comes at once, the rest in small pieces. Beside the page stands
one that does what comes to mind first: it writes the whole value as JSON anew with every frame of the screen.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from bench.report import Claim, Options, Report, Table, thousands
from gateway.core.pointer import JsonValue
from tools import chromium

__all__ = ["MISSING", "Shape", "run", "shapes"]

MISSING = "The page cannot be measured: there is no Chromium; `make test` brings one, or CHROMIUM names it."

_MOST_TASK_MS = 50.0
_SIZE_BYTES = 1_000_000
_QUICK_SIZE_BYTES = 20_000
_PIECE_MS = 3  # a pause takes about one and a half more than it is asked to
_LATE_PIECES = 800
_QUICK_LATE_PIECES = 40
_LATE_CHARS = 40
_EARLY_PIECES = 50
_WAIT_MS = 120_000

_COLUMNS = (
    "shape, view, encoding, interval",
    "updates/s",
    "longest task ms",
    "CPU ms",
    "tasks over 50 ms",
    "frames/s",
    "longest frame ms",
    "busy",
    "heap MB",
)

_OBSERVE = """
(() => {
  const seen = (window.seen = { tasks: [], gaps: [], begun: 0, updates: 0 });
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
  let before = performance.now();
  const beat = (now) => {
    if (seen.begun) seen.gaps.push(now - before);
    before = now;
    requestAnimationFrame(beat);
  };
  requestAnimationFrame(beat);
})();
"""

_NAIVE = """
async (request) => {
  const { connect } = await import("/static/client/index.js");
  const text = document.body.appendChild(document.createElement("pre"));
  const watch = connect(`${location.origin.replace("http", "ws")}/v1/ws`).extract(request);
  let isScheduled = false;
  watch.observe(() => { window.seen.updates += 1; });
  watch.subscribe(({ ending }) => {
    if (ending) text.id = "over";
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      text.textContent = JSON.stringify(watch.getSnapshot().value, null, 2);
    });
  });
}
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to be large: a schema, and a value of it."""

    name: str
    schema: dict[str, JsonValue]
    value: JsonValue


@dataclass(frozen=True, slots=True)
class Look:
    """How a shape is looked at."""

    shape: str
    view: str
    encoding: str
    interval_ms: int

    @property
    def words(self) -> str:
        """What stands in the table."""
        return f"{self.shape}, {self.view}, {self.encoding}, {self.interval_ms} ms"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run came to."""

    words: str
    updates_per_s: float
    task_ms: float
    task_cpu_ms: float
    long_tasks: int
    frames_per_s: float
    frame_ms: float
    busy: float
    heap_bytes: float


def shapes(size_bytes: int) -> tuple[Shape, ...]:
    """Return values of about so many bytes: rows, one text, a chain of objects, and short strings."""
    text = "A line of a contract that goes on and on, as such lines do. "
    row: dict[str, JsonValue] = {"name": "Elena Lindgren", "email": "elena@example.org", "seats": 12, "paid": True}
    rows: list[JsonValue] = [{**row, "seats": at} for at in range(size_bytes // 84)]
    strings: list[JsonValue] = [f"an item {at}" for at in range(size_bytes // 17)]
    inner: JsonValue = {"note": text}
    for _ in range(100):
        inner = {"note": text * (size_bytes // 6_200), "part": inner}
    return (
        Shape("rows", _object(rows={"type": "array", "items": {"type": "object"}}), {"rows": rows}),
        Shape("one text", _object(text={"type": "string"}), {"text": text * (size_bytes // len(text))}),
        Shape("deep", _object(part={"type": "object"}), {"part": inner}),
        Shape("strings", _object(tags={"type": "array"}), {"tags": strings}),
    )


def run(options: Options) -> Report:
    """Measure each look in a page of its own; without a Chromium there is nothing to measure."""
    program = chromium.find()
    if program is None:
        print(MISSING)
        return Report((), ())
    given = shapes(_QUICK_SIZE_BYTES if options.quick else _SIZE_BYTES)
    late = _QUICK_LATE_PIECES if options.quick else _LATE_PIECES
    with tempfile.TemporaryDirectory() as folder:
        paths = [_recorded(Path(folder), shape, late) for shape in given]
        with _gateway(paths) as url:
            seen = asyncio.run(_measured(program, url, given, options.quick))
    title = (
        f"page: {thousands(len(json.dumps(given[0].value)))} bytes, then {thousands(late)} pieces, about 200 a second"
    )
    worst_ms = max(one.task_cpu_ms for one in seen[:-1] if "snapshot" not in one.words)
    claim = Claim.at_most("longest task of the page, CPU, without snapshots", worst_ms, _MOST_TASK_MS, "ms")
    return Report((Table(title, _COLUMNS, tuple(map(_row, seen))),), (claim,))


def _looks(is_quick: bool) -> tuple[Look, ...]:
    looks = (
        *(Look("rows", view, "append", 0) for view in ("cards", "json", "wire")),
        *(Look("rows", view, "patch", 0) for view in ("cards", "json")),
        *(Look("rows", view, "snapshot", 40) for view in ("cards", "json")),
        *(Look(shape, view, "append", 0) for shape in ("one text", "deep", "strings") for view in ("cards", "json")),
    )
    return looks[:1] if is_quick else looks


async def _measured(program: str, url: str, given: tuple[Shape, ...], is_quick: bool) -> list[Seen]:
    by_name = {shape.name: shape for shape in given}
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        seen = [await _looked(browser, url, look, by_name[look.shape]) for look in _looks(is_quick)]
        seen.append(await _naive(browser, url, by_name["rows"]))
        await browser.close()
    return seen


async def _looked(browser: Browser, url: str, look: Look, shape: Shape) -> Seen:
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.add_init_script(_OBSERVE)
    await page.goto(f"{url}/?play=0")
    await page.select_option("#extractor", label="A schema of my own")
    await page.click("#tab-schema-json")
    await page.fill("#schema", json.dumps(shape.schema))
    await page.fill("#source", shape.name)
    await page.locator(f"input[value={look.encoding}]").check(force=True)
    await page.select_option("#interval", str(look.interval_ms))
    await page.click(f"#tab-{look.view}")
    return await _observed(browser, page, look.words, page.click("#start"), "#state[data-state=completed]")


async def _naive(browser: Browser, url: str, shape: Shape) -> Seen:
    page = await browser.new_page(bypass_csp=True)
    await page.add_init_script(_OBSERVE)
    await page.goto(f"{url}/livez")
    request = {"schema": shape.schema, "input": shape.name, "encoding": "append", "interval_ms": 0}
    words = f"{shape.name}, all of it as JSON with each frame"
    return await _observed(browser, page, words, page.evaluate(_NAIVE, request), "#over")


async def _observed(browser: Browser, page: Page, words: str, start: Any, end: str) -> Seen:
    """Start, and look on until the end is there."""
    await browser.start_tracing(page=page, categories=["-*", "toplevel", "devtools.timeline"])
    await page.evaluate("window.seen.begun = performance.now(); window.seen.tasks.length = 0")
    await start
    await page.wait_for_selector(end, state="attached", timeout=_WAIT_MS)
    seconds = await page.evaluate("(performance.now() - window.seen.begun) / 1000")
    trace = json.loads(await browser.stop_tracing())
    seen = await page.evaluate("window.seen")
    updates = seen["updates"] or int(await page.text_content("#facts > :nth-child(2) dd") or 0)
    heap = await page.evaluate("performance.memory.usedJSHeapSize")
    await page.close()
    costs_ms = _tasks_ms(trace)
    return Seen(
        words,
        updates / seconds,
        max(seen["tasks"], default=0),
        max(costs_ms, default=0),
        len(seen["tasks"]),
        len(seen["gaps"]) / seconds,
        max(seen["gaps"], default=0),
        sum(costs_ms) / 1000 / seconds,
        heap,
    )


def _tasks_ms(trace: dict[str, Any]) -> list[float]:
    """Return the CPU time of each task of the page's main thread."""
    events = trace["traceEvents"]
    mains = {
        (event["pid"], event["tid"]) for event in events if event["name"] in ("FunctionCall", "FireAnimationFrame")
    }
    return [
        event.get("tdur", event["dur"]) / 1000
        for event in events
        if event["ph"] == "X" and event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in mains
    ]


def _row(seen: Seen) -> tuple[str, ...]:
    return (
        seen.words,
        f"{seen.updates_per_s:.0f}",
        f"{seen.task_ms:.0f}" if seen.task_ms else "under 50",
        f"{seen.task_cpu_ms:.1f}",
        str(seen.long_tasks),
        f"{seen.frames_per_s:.0f}",
        f"{seen.frame_ms:.0f}",
        f"{seen.busy:.0%}",
        f"{seen.heap_bytes / 1e6:.0f}",
    )


def _recorded(folder: Path, shape: Shape, late_pieces: int) -> Path:
    """Write a recording that plays the shape's value."""
    text = json.dumps(shape.value, separators=(",", ":"))
    early = text[: -late_pieces * _LATE_CHARS]
    size = max(1, len(early) // _EARLY_PIECES)
    pieces = [early[at : at + size] for at in range(0, len(early), size)]
    pieces += [text[at : at + _LATE_CHARS] for at in range(len(early), len(text), _LATE_CHARS)]
    path = folder / f"{shape.name}.json"
    recording = {
        "format": "extraction-recording.v1",
        "input": shape.name,
        "source": "made up for a benchmark",
        "deltas": [[_PIECE_MS, piece] for piece in pieces],
    }
    path.write_text(json.dumps(recording))
    return path


@contextmanager
def _gateway(recordings: list[Path]) -> Iterator[str]:
    """Serve the recordings from a process of its own."""
    environment = {**os.environ, "GATEWAY_RECORDINGS": ",".join(map(str, recordings)), "GATEWAY_PROVIDER": "recorded"}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield next(found[0] for line in process.stderr or () if (found := re.search(r"http://\S+", line)))
        finally:
            process.terminate()


def _object(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties, "required": list(properties)}
