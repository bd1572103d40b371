"""The pages in docs/ as their readers follow them: files in an empty folder, commands, a browser."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from gateway.providers.recorded import RecordedProvider
from gateway.recordings import CONFERENCE_TEXT, Conference, shipped_recordings
from tests.fakes.client import connected
from tests.fakes.commands import ROOT, address, process
from tests.fakes.gateways import gateway_with, served
from tests.test_documents import blocks, run
from tools import node

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

START = (ROOT / "docs" / "start.md").read_text()
ENCODINGS = (ROOT / "docs" / "encodings.md").read_text()

KEEP_WHAT_IS_SEEN = """
window.seen = [];
document.addEventListener("DOMContentLoaded", () => {
  const keep = () => window.seen.push([document.title, document.getElementById("seen").innerText]);
  new MutationObserver(keep).observe(document, {childList: true, subtree: true, characterData: true});
});
"""


def write_into(folder: Path) -> None:
    """Make the folder that the page about starting makes."""
    shown = re.findall(r"`([\w.]+)`[^\n`]*:\n\n```\w+\n(.*?)^```$", START, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in shown] == ["meetings.py", "answer.json", "index.html", "page.js", "watch.py"]
    for name, text in shown:
        (folder / name).write_text(text)


def command(start: str) -> list[str]:
    """Return the words of the one command on the page that starts so."""
    (line,) = [line for block in blocks(START, "sh") for line in block.splitlines() if line.startswith(start)]
    return shlex.split(line, comments=True)


@asynccontextmanager
async def files_served(folder: Path) -> AsyncGenerator[str]:
    """Serve the folder as the page says, at a free port."""
    arguments = [sys.executable, "-u", *(word.replace("8000", "0") for word in command("python3 -m http.server")[1:])]
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(
        *arguments, cwd=folder, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        said = (await server.stdout.readline()).decode()
        yield re.findall(r"http://[\d.:]+", said)[0]
    finally:
        server.kill()
        await server.wait()


@asynccontextmanager
async def started(folder: Path, browser: Browser) -> AsyncGenerator[tuple[Page, str]]:
    """Follow the page up to an open page; give it with the port of the gateway."""
    _, *arguments = command("gateway serve meetings:gateway --provider recorded")
    write_into(folder)
    async with process(*arguments, "--port", "0", cwd=folder) as gateway, files_served(folder) as url:
        port = (await address(gateway)).rpartition(":")[2]
        for name in ("page.js", "watch.py"):
            (folder / name).write_text((folder / name).read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
        page = await (await browser.new_context()).new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.add_init_script(KEEP_WHAT_IS_SEEN)
        await page.goto(url)
        yield page, port
        assert errors == []


async def look(folder: Path, extraction: str) -> list[str]:
    """Run the page's Python script, and return what it prints."""
    pipe = asyncio.subprocess.PIPE
    script = await asyncio.create_subprocess_exec(
        sys.executable, "watch.py", extraction, cwd=folder, stdout=pipe, env={"PYTHONPATH": str(ROOT)}
    )
    printed, _ = await script.communicate()
    return printed.decode().splitlines()


@pytest.mark.browser
async def test_the_five_minutes(tmp_path: Path, browser: Browser) -> None:
    """The page fills in over a line that is cut, a second tab and a script see the same, and nothing comes twice."""
    async with started(tmp_path, browser) as (page, _):
        await page.click("#go")
        await expect(page.locator("#seen")).to_contain_text("Ann")
        await page.click("#cut")
        await page.wait_for_url("**/#*")
        other = await page.context.new_page()
        await other.goto(page.url)
        for each in (page, other):
            await expect(each.locator("#says")).to_have_text("2 people")
        shown = [await each.inner_text("#seen") for each in (page, other)]
        printed = await look(tmp_path, page.url.partition("#")[2])
        kept: list[list[str]] = await page.evaluate("window.seen")
    assert shown == ["Ann Baker ann@example.org\nBo Lind\nMeet again in May."] * 2
    assert printed[-1] == str(json.loads("".join(answer_pieces(tmp_path))))
    texts = list(dict.fromkeys(text for _, text in kept if text))
    assert len(texts) > 4
    assert all(len(before) <= len(after) for before, after in pairwise(texts))
    titles = [title for title, _ in kept]
    assert set(titles[titles.index("open") :]) > {"open"}


def answer_pieces(folder: Path) -> list[str]:
    """Return what the page's recording says, piece by piece."""
    return [delta for _, delta in json.loads((folder / "answer.json").read_text())["deltas"] if isinstance(delta, str)]


WORKER = """
import { connect } from "http://127.0.0.1:8080/static/client/index.js";

const session = connect("ws://127.0.0.1:8080/v1/ws");
session.extract({ extractor: "meeting", input: "A text without a recording." }).result.catch(({ code }) => {
  session.close();
  postMessage(code);
});
"""
START_WORKER = """
new Promise((resolve, reject) => {
  const worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
})
"""


@pytest.mark.browser
async def test_the_client_runs_in_a_worker_too(tmp_path: Path, browser: Browser) -> None:
    """A worker of the page has a session of its own, where there is no document."""
    async with started(tmp_path, browser) as (page, port):
        (tmp_path / "worker.js").write_text(WORKER.replace("8080", port))
        assert await page.evaluate(START_WORKER) == "provider_error"


@pytest.mark.browser
async def test_what_the_page_promises_of_stop_and_errors(tmp_path: Path, browser: Browser) -> None:
    """A stopped extraction, and a text without a recording, are said as the guide has it."""
    async with started(tmp_path, browser) as (page, _):
        await page.click("#go")
        await expect(page.locator("#seen")).to_contain_text("Ann")
        await page.click("#stop")
        await expect(page.locator("#says")).to_have_text(promised("cancelled"))
        await page.fill("#text", "Another text.")
        await page.click("#go")
        await expect(page.locator("#says")).to_contain_text(promised("provider_error").rstrip("…"))


def promised(code: str) -> str:
    """Return what the guide says that the page says, by how it begins."""
    (words,) = re.findall(rf"`({code}: [^`]+)`", START)
    return str(words)


async def test_a_plain_library_in_python_comes_to_the_value() -> None:
    """The script of the page about encodings, on a real socket."""
    async with conference() as url:
        value = await run(next(block for block in blocks(ENCODINGS, "python")))["extract"](
            url, "conference", CONFERENCE_TEXT
        )
    assert value == EXPECTED


async def test_plain_libraries_in_javascript_come_to_the_value(tmp_path: Path) -> None:
    """The page's modules: a whole client by fast-json-patch, patches by rfc6902, and `append` made plain."""
    for name, text in zip(("extract", "patched", "plain"), blocks(ENCODINGS, "js"), strict=True):
        (tmp_path / f"{name}.mjs").write_text(text)
    (tmp_path / "main.mjs").write_text(MAIN)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    async with conference() as url:
        frames = {encoding: await captured(url, encoding) for encoding in ("patch", "append")}
        asked = json.dumps({"url": url, "text": CONFERENCE_TEXT, "frames": frames})
        arguments = [*node.command("node"), str(tmp_path / "main.mjs")]
        said = await asyncio.to_thread(
            subprocess.run, arguments, input=asked, capture_output=True, text=True, check=True
        )
    assert json.loads(said.stdout) == {"extracted": EXPECTED, "patched": EXPECTED, "plain": EXPECTED}


MAIN = """
import { readFileSync } from "node:fs";
import { WebSocket } from "ws";
import { extract } from "./extract.mjs";
import { patched } from "./patched.mjs";
import { plain } from "./plain.mjs";

globalThis.WebSocket ??= WebSocket; // Node has one from 22 on
const { url, text, frames } = JSON.parse(readFileSync(0, "utf8"));
const last = (frames, apply) => frames.reduce((value, { type, value: whole, ops }) =>
  type === "snapshot" ? whole : type === "patch" ? apply(value, ops) : value, null);
console.log(JSON.stringify({
  extracted: await extract(url, "conference", text),
  patched: last(frames.patch, patched),
  plain: last(frames.append, (value, ops) => patched(value, plain(value, ops))),
}));
"""

EXPECTED = json.loads("".join(delta for _, delta in shipped_recordings()[0].deltas if isinstance(delta, str)))


@asynccontextmanager
async def conference() -> AsyncGenerator[str]:
    """Give the WebSocket address of a gateway that plays the conference, fast."""
    gateway = gateway_with(RecordedProvider(shipped_recordings(), speed=20))
    gateway.extractor()(Conference)
    async with served(gateway) as running:
        yield running.url.replace("http", "ws") + "/v1/ws"


async def captured(url: str, encoding: str) -> list[dict[str, Any]]:
    """Return the frames of one run."""
    async with connected(url.removesuffix("/v1/ws").replace("ws", "http")) as client:
        watch = await client.extract("a", extractor="conference", input=CONFERENCE_TEXT, encoding=encoding)
        await client.finish(watch)
    return watch.frames
