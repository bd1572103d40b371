"""The command as a process: what it says, how it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.cli import main
from gateway.providers.recorded import Recording
from gateway.recordings import CONFERENCE_TEXT
from gateway.version import __version__
from tests.fakes.client import connected

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
APPLICATION = """
from pydantic import BaseModel
from gateway import Gateway

gateway = Gateway()
other = 5

@gateway.extractor()
class Thing(BaseModel):
    a: str
"""


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this shell has set."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "OPENAI_")) and name != "GATEWAY_STREAMS":
            monkeypatch.delenv(name)


@asynccontextmanager
async def process(*arguments: str, cwd: Path = ROOT, **environment: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Give a running command; whatever happens it has ended afterwards."""
    path = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "gateway", *arguments]
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=path, stdout=pipe, stderr=pipe)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def address(running: asyncio.subprocess.Process) -> str:
    """Return where a server listens, once it does."""
    assert running.stderr is not None
    while line := (await running.stderr.readline()).decode():
        if match := re.search(r"http://\S+", line):
            return match[0]
    pytest.fail("it ended before it listened")


async def test_ctrl_c_stops_at_once_with_a_run_and_a_client() -> None:
    """Within two seconds, with 130 and without a word; the client sees 1012."""
    async with process("serve", "--port", "0") as running:
        url = await address(running)
        async with connect(url.replace("http", "ws") + "/v1/ws", subprotocols=["extraction.v1"], proxy=None) as client:  # type: ignore[list-item]
            await client.send('{"type": "hello"}')
            asked = {"type": "extract", "id": "a", "extractor": "conference", "input": CONFERENCE_TEXT}
            await client.send(json.dumps(asked))
            for _ in range(3):
                await client.recv()
            began_s = time.monotonic()
            running.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed) as closed:
                [_ async for _ in client]
            _, said = await running.communicate()
    assert (running.returncode, said.decode(), closed.value.rcvd and closed.value.rcvd.code) == (130, "", 1012)
    assert time.monotonic() - began_s < 2


async def test_the_example_plays() -> None:
    """Out of the box: the conference, and schemas of one's own on loopback; SIGTERM ends it without a word."""
    async with process("serve", "--port", "0", "--speed", "0") as running, connected(await address(running)) as client:
        await client.finish(watch := await client.extract("a", extractor="conference", input=CONFERENCE_TEXT))
        running.terminate()
        _, said = await running.communicate()
    assert [user["name"] for user in watch.value["users"]][:2] == ["John Doe", "Jane Smith"]
    assert (client.welcome["inline_schemas"], client.welcome["provider"]["name"]) == (True, "recorded")
    assert (running.returncode, said) == (-signal.SIGTERM, b"")


async def test_an_application_of_ones_own(tmp_path: Path) -> None:
    """Found beside where one stands; the command line's settings hold, schemas of clients are off."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    async with (
        process("serve", "shop:gateway", "--port", "0", cwd=tmp_path, GATEWAY_MODEL="m") as running,
        connected(await address(running)) as client,
    ):
        welcome = client.welcome
    assert [extractor["name"] for extractor in welcome["extractors"]] == ["thing"]
    assert (welcome["inline_schemas"], welcome["provider"]["model"]) == (False, "m")


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--host", "0.0.0.0"], {}, "GATEWAY_TOKENS"),  # noqa: S104
        ([], {"GATEWAY_HOST": "::"}, "GATEWAY_TOKENS"),
        ([], {"GATEWAY_PORT": "x"}, "GATEWAY_PORT"),
        ([], {"GATEWAY_MESSAGE_BYTES": "0"}, "GATEWAY_MESSAGE_BYTES"),
        ([], {"GATEWAY_MESSAGE_BYTES": "x"}, "GATEWAY_MESSAGE_BYTES"),
        ([], {"GATEWAY_PROVIDER": "other"}, "GATEWAY_PROVIDER"),
        (["own_shop"], {}, "module:attribute"),
        (["no_such_module:gateway"], {}, "no_such_module"),
        (["own_shop:nothing"], {}, "nothing"),
        (["own_shop:other"], {}, "expected a gateway.Gateway, got int"),
        (["--recording", "/nowhere.json"], {}, "/nowhere.json"),
    ],
)
def test_what_is_asked_for_wrongly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    """Status 2, and one line that says what to change."""
    (tmp_path / "own_shop.py").write_text(APPLICATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    status, said = main(["serve", "--port", "0", *arguments]), capsys.readouterr().err
    sys.modules.pop("own_shop", None)
    assert (status, said.count("\n"), words in said) == (2, 1, True), said


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Status 1, and the log says why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 1
    assert "address already in use" in caplog.text


def test_a_provider_that_is_not_configured(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and what to set."""
    assert main(["serve", "--port", "0", "--provider", "openai"]) == 1
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_no_command_and_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The one is a question, the other an answer."""
    for arguments, status, words in (([], 2, "COMMAND"), (["--version"], 0, f"gateway {__version__}")):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == status
        assert words in "".join(capsys.readouterr())


def test_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a provider answers is shown, and written as a recording that plays again."""
    (tmp_path / "in.txt").write_text(CONFERENCE_TEXT)
    status = main(["record", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.json"), "--speed", "0"])
    recording = Recording.from_json((tmp_path / "out.json").read_bytes())
    shown = json.loads(capsys.readouterr().out)
    assert (status, recording.input, len(shown["users"])) == (0, CONFERENCE_TEXT, 4)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["missing.txt"], 2),
        (["in.txt", "--schema", "in.txt"], 2),
        (["in.txt", "--schema", "schema.json"], 1),
        (["in.txt"], 1),
    ],
)
def test_what_cannot_be_recorded(  # the provider has no recording of this text
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    """A file that is not there or not JSON is a usage error, a schema or text that cannot be, a failure."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("some text")
    (tmp_path / "schema.json").write_text('{"type": "nothing"}')
    assert main(["record", *arguments, "-o", "out.json"]) == status
    assert not (tmp_path / "out.json").exists()
