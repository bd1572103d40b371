"""The command `gateway record`: what it writes, what it says of it, and what it does not even ask for."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.ports import Finish, Refusal
from gateway.providers.recorded import Recording
from gateway.recordings import CONFERENCE_TEXT
from tests.fakes.openai_server import FakeOpenAI, Reply

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
MODELS = """
from pydantic import BaseModel

class Thing(BaseModel):
    a: str
"""
STOP = Finish("stop")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a text, a schema and a model, and forget what this shell has set."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "in.txt").write_text("some text")
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "own_models.py").write_text(MODELS)
    return tmp_path


def record(*arguments: str, schema: str = "schema.json") -> int:
    """Record what a recording plays, and return the exit status."""
    played = ["--provider", "recorded", "--recording", "played.json", "--speed", "0"]
    return main(["record", "in.txt", "-o", "out.json", "--schema", schema, *played, *arguments])


def is_written(folder: Path) -> bool:
    """Tell whether there is a recording."""
    return (folder / "out.json").exists()


def play(*deltas: str | Refusal | Finish) -> None:
    """Make the provider answer with these."""
    recording = Recording(input="some text", source="test", deltas=tuple((0, delta) for delta in deltas))
    Path("played.json").write_text(recording.to_json())


def test_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """What a provider answers is shown, and written as a recording that plays again."""
    Path("in.txt").write_text(CONFERENCE_TEXT)
    status = main(["record", "in.txt", "-o", "out.json", "--provider", "recorded", "--speed", "0"])
    recording = Recording.from_json(Path("out.json").read_bytes())
    shown, said = capsys.readouterr()
    assert (status, recording.input, len(json.loads(shown)["users"])) == (0, CONFERENCE_TEXT, 4)
    assert said == "gateway: wrote out.json\n"
    assert recording.source.startswith("provider recorded, 2")


@pytest.mark.parametrize("schema", ["schema.json", "own_models:Thing"])
def test_a_schema_of_ones_own(schema: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file, or a pydantic model from where one stands."""
    play('{"a": "x"}', STOP)
    status = record(schema=schema)
    sys.modules.pop("own_models", None)
    assert (status, capsys.readouterr().out) == (0, '{"a": "x"}\n')


@pytest.mark.parametrize(
    ("deltas", "words"),
    [
        (['{"a": "x'], "ended in the middle"),
        (['{"a": "x', Finish("length")], "length limit"),
        (['{"a": "x', Finish("content_filter")], "content filter"),
        ([Refusal("no"), STOP], "refused"),
        (['{"b": 1}', STOP], "a"),
        (["no JSON", STOP], "expected"),
        ([STOP], "empty"),
    ],
)
def test_an_answer_that_is_no_value(
    deltas: list[str | Refusal | Finish], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is written too, whole, for a failure is worth playing again; the command says so and fails."""
    play(*deltas)
    status, said = record(), capsys.readouterr().err
    recording = Recording.from_json(Path("out.json").read_bytes())
    assert [delta for _, delta in recording.deltas] == deltas
    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith("gateway: wrote out.json, which plays a failure: ")
    assert words in said.removeprefix("gateway: wrote out.json, which plays a failure: ")


def test_a_file_that_is_there_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless it is to be written over."""
    play('{"a": "x"}', STOP)
    Path("out.json").write_text("kept")
    assert record() == 2
    assert (Path("out.json").read_text(), "--force" in capsys.readouterr().err) == ("kept", True)
    assert record("--force") == 0
    assert Recording.from_json(Path("out.json").read_bytes()).input == "some text"


def test_what_is_to_be_hidden_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A recording is the model's answer as it came."""
    hidden = {"type": "object", "properties": {"a": {"type": "string", "x-stream": {"redact": True}}}}
    Path("hidden.json").write_text(json.dumps(hidden))
    play('{"a": "x"}', STOP)
    assert record(schema="hidden.json") == 2
    assert "--schema: expected one that redacts nothing" in capsys.readouterr().err
    assert not is_written(Path())


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["missing.txt"], 2, "missing.txt: no such file"),
        (["latin.txt"], 2, "latin.txt: expected UTF-8 text"),
        (["blank.txt"], 2, "blank.txt: expected a text to extract from, got nothing"),
        (["in.txt", "--schema", "missing.json"], 2, "missing.json: no such file"),
        (["in.txt", "--schema", "in.txt"], 2, "in.txt: expected JSON"),
        (["in.txt", "--schema", "no_such_module:Thing"], 2, "no_such_module"),
        (["in.txt", "--schema", "own_models:Nothing"], 2, "Nothing"),
        (["in.txt", "--schema", "wrong.json"], 2, "wrong.json: expected a JSON Schema"),
        (["in.txt", "-o", "nowhere/out.json"], 2, "there is no folder nowhere"),
        (["in.txt", "-o", "."], 2, "expected a file to write, got a folder"),
        (["in.txt"], 1, "there is no recording for this text"),
    ],
)
def test_what_cannot_be_recorded(
    folder: Path, arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asked for wrongly is found before the model is asked; where nothing came, nothing is written."""
    (folder / "latin.txt").write_bytes(b"\xe9")
    (folder / "blank.txt").write_text(" \n")
    (folder / "wrong.json").write_text('{"type": "nothing"}')
    assert main(["record", "-o", "out.json", "--provider", "recorded", *arguments]) == status
    sys.modules.pop("own_models", None)
    said = capsys.readouterr().err
    assert (said.count("\n"), words in said, Path("out.json").exists()) == (1, True, False), said


@asynccontextmanager
async def recording_from(server: FakeOpenAI) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Give the command as a process that asks a server; it has ended afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": server.base_url}
    command = [
        sys.executable,
        "-W",
        "always::ResourceWarning",
        "-m",
        "gateway",
        "record",
        "in.txt",
        "-o",
        "out.json",
        "--schema",
        "schema.json",
    ]
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_a_recording_says_where_it_comes_from(folder: Path) -> None:
    """The provider, the model that the server has, and the day in UTC."""
    before = datetime.now(UTC).date()
    async with FakeOpenAI(Reply(['{"a": "x"}'])) as server, recording_from(server) as running:
        await running.communicate()
    provider, model, day = Recording.from_json((folder / "out.json").read_bytes()).source.split(", ")
    assert (provider, model) == ("provider openai", "model fake-model")
    assert before <= date.fromisoformat(day) <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("reply", "said", "is_kept"),
    [
        (Reply(status=401), "gateway: provider_error: the provider answered 401\n", False),
        (
            Reply(['{"a": "x'], is_dropped=True),
            "gateway: wrote out.json, which plays a failure: the connection to the provider was lost\n",
            True,
        ),
        (Reply(['{"a": "x"}']), "gateway: wrote out.json\n", True),
    ],
    ids=["refused", "cut", "whole"],
)
async def test_a_real_connection_is_let_go_of(folder: Path, reply: Reply, said: str, is_kept: bool) -> None:
    """However it ends, nothing is said but what became of the recording."""
    async with FakeOpenAI(reply) as server, recording_from(server) as running:
        _, errors = await running.communicate()
    assert (errors.decode(), is_written(folder)) == (said, is_kept)


async def test_ctrl_c(folder: Path) -> None:
    """It ends at once, without a word and without a file."""
    async with FakeOpenAI(Reply(gates={1: asyncio.Event()})) as server, recording_from(server) as running:
        assert running.stdout is not None
        await running.stdout.readexactly(4)
        running.send_signal(signal.SIGINT)
        _, errors = await running.communicate()
    assert (running.returncode, errors, is_written(folder)) == (130, b"", False)
