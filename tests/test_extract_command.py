"""The command `gateway extract`: what goes to stdout and to stderr, in a pipe and in a terminal, and how it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.models import has_runtime, installed_model
from gateway.ports import Delta, Finish, Text
from gateway.providers.recorded import Recording
from gateway.recordings import CONFERENCE_RECORDING, CONFERENCE_TEXT, Conference
from tests.fakes.screen import Screen, in_terminal

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
GATEWAY = (sys.executable, "-m", "gateway")
STOP, CUT = Finish("stop"), Finish("length")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}
THING = '{"a": "é\\u001b\\u009b", "b": 4}'
SHOP = """
from pydantic import BaseModel
from gateway import Gateway

gateway = Gateway()
number = 5

@gateway.extractor(model="own", instructions="hm")
class Thing(BaseModel):
    a: str
    b: int | None = None
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder with a text, a schema and an application, and forget what this shell has set."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "OPENAI_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "in.txt").write_text("some text")
    (tmp_path / "conference.txt").write_text(CONFERENCE_TEXT)
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "own_shop.py").write_text(SHOP)
    yield tmp_path
    sys.modules.pop("own_shop", None)


def play(*deltas: str | Delta, wait_ms: float = 0) -> None:
    """Make the provider answer with these."""
    recording = Recording(input="some text", source="test", deltas=tuple((wait_ms, _plain(each)) for each in deltas))
    Path("played.json").write_text(recording.to_json())


def _plain(delta: str | Delta) -> Any:
    return delta.text if isinstance(delta, Text) else delta


PLAYED = ("in.txt", "--schema", "schema.json", "--provider", "recorded", "--recording", "played.json")
SHIPPED = ("conference.txt", "--extractor", "conference", "--provider", "recorded")


@asynccontextmanager
async def process(*arguments: str, **options: Any) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Give the command as a process in a group of its own; whatever happens it has ended afterwards."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        *GATEWAY, "extract", *arguments, **{"stdout": pipe, "stderr": pipe, "start_new_session": True, **options}
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_a_pipe_gets_the_value_and_nothing_else() -> None:
    """One JSON document in UTF-8, indented by two, with a newline; stderr stays empty."""
    async with process(*SHIPPED, "--speed", "0") as running:
        out, said = await running.communicate()
    *_, expected = list(revisions())
    assert (running.returncode, out.decode(), said) == (0, json.dumps(expected["value"], indent=2) + "\n", b"")


async def test_stdin_is_a_text_too() -> None:
    """For `-`, with a byte order mark or without."""
    play(THING, STOP)
    arguments = ["-", *PLAYED[1:]]
    for text in (b"some text\n", b"\xef\xbb\xbfsome text"):
        async with process(*arguments, stdin=asyncio.subprocess.PIPE) as running:
            out, _ = await running.communicate(text)
        assert (running.returncode, json.loads(out)) == (0, {"a": "é\x1b\x9b", "b": 4})


def test_a_value_in_a_pipe_steers_no_terminal(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Letters are themselves, control characters are JSON's escapes, in the value and in the frames."""
    play(THING, STOP)
    for option in ([], ["--json"]):
        assert main(["extract", *PLAYED, *option]) == 0
        out = capsysbinary.readouterr().out.decode()
        assert "é" in out
        assert {character for character in out if not character.isprintable()} == {"\n"}


@pytest.mark.parametrize(
    ("what", "value"),
    [
        (["--schema", "own_shop:Thing"], {"a": "x", "b": None}),
        (["--app", "own_shop:gateway", "--extractor", "thing"], {"a": "x", "b": None}),
        (["--app", "own_shop:gateway", "--schema", "own_shop:Thing", "--mode", "json"], {"a": "x", "b": None}),
        (["--schema", "schema.json"], {"a": "x"}),
    ],
    ids=" ".join,
)
def test_what_is_extracted(what: list[str], value: object, capsys: pytest.CaptureFixture[str]) -> None:
    """An extractor of an application, a model, or a JSON Schema."""
    play('{"a": "x"}', STOP)
    assert main(["extract", "in.txt", *what, *PLAYED[3:]]) == 0
    assert json.loads(capsys.readouterr().out) == value


def test_many(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of what the schema describes."""
    play('{"items": [{"a": "x"}, {"a": "y"}]}', STOP)
    assert main(["extract", *PLAYED, "--many"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"a": "x"}, {"a": "y"}]


def revisions() -> Iterator[dict[str, Any]]:
    """Give what the core shows of the conference recording at each revision that shows something new."""
    extraction = Extraction(Schema.from_model(Conference), epoch="", limits=Limits(), created_s=0)
    extraction.start(0)
    yield {"rev": 0, "value": extraction.document.value_copy()}
    for _, delta in CONFERENCE_RECORDING.deltas:
        if isinstance(delta, str) and extraction.feed(delta, 0):
            yield {"rev": extraction.document.rev, "value": extraction.document.value_copy()}
    extraction.end(extraction.judge(), 0)
    yield {"rev": extraction.document.rev, "value": extraction.document.value_copy(), "final": True}


def frames(out: str) -> list[dict[str, Any]]:
    """Return the lines of an output as frames."""
    return [json.loads(line) for line in out.splitlines()]


def new(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the revisions that show something which the one before did not, and the final one."""
    followed = zip(shown[1:], shown, strict=False)
    return [shown[0], *(each for each, before in followed if each["value"] != before["value"] or "final" in each)]


def test_every_revision_that_shows_something_new_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Snapshots without id, the validated one marked, then the terminal: what the core says, frame by frame."""
    assert main(["extract", *SHIPPED, "--speed", "0", "--json", "--interval", "0"]) == 0
    *snapshots, ending = frames(capsys.readouterr().out)
    epoch = ending["epoch"]
    expected = new(list(revisions()))
    assert snapshots == [{"type": "snapshot", "epoch": epoch, **shown} for shown in expected]
    assert [shown["rev"] for shown in expected[:2]] == [0, 2]
    assert (ending["type"], ending["rev"], "id" in ending) == ("completed", snapshots[-1]["rev"], False)


def test_an_interval_leaves_revisions_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The first and the last are always there."""
    assert main(["extract", *SHIPPED, "--speed", "0", "--json", "--interval", "1000"]) == 0
    *snapshots, ending = frames(capsys.readouterr().out)
    assert [snapshot.get("final", False) for snapshot in snapshots][-1:] == [True]
    assert snapshots[0]["rev"] == 0
    assert len(snapshots) <= 4
    assert ending["type"] == "completed"


@pytest.mark.parametrize(
    ("deltas", "status", "shown", "said"),
    [
        (['{"a": "x', CUT], 3, {"a": "x", "b": None}, "gateway: incomplete: the model was cut off by its length limit"),
        (['{"a": "x'], 1, None, "gateway: provider_error: the provider's stream ended in the middle"),
        (['{"a": 5}', STOP], 1, None, "gateway: invalid_output: the value at /a: "),
        (['{"a": "x", "b": "\x1b]0;t\x07"}', STOP], 1, None, "gateway: invalid_output: the value at /b: "),
    ],
    ids=["cut off", "cut", "not valid", "hostile"],
)
def test_an_extraction_that_comes_to_no_value(
    deltas: list[str | Delta], status: int, shown: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says why, without a word of the log; of an answer that was cut off what there is, is written."""
    play(*deltas)
    assert main(["extract", *PLAYED]) == status
    out, line = capsys.readouterr()
    assert (json.loads(out) if out else None, line.count("\n")) == (shown, 1)
    assert line.startswith(said)
    assert line.removesuffix("\n").isprintable()


@pytest.mark.parametrize(("deltas", "status", "type_"), [(['{"a": "x', CUT], 3, "incomplete"), (["no"], 1, "failed")])
def test_the_ending_is_the_last_line(
    deltas: list[str | Delta], status: int, type_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on the wire, whatever it is; the snapshot before it is not marked as final."""
    play(*deltas)
    assert main(["extract", *PLAYED, "--json"]) == status
    *snapshots, ending = frames(capsys.readouterr().out)
    assert (ending["type"], [snapshot.get("final") for snapshot in snapshots][-1:]) == (type_, [None])


def test_a_text_that_the_provider_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    """The provider's failure is the command's."""
    play(THING, STOP)
    Path("in.txt").write_text("another text")
    assert main(["extract", *PLAYED]) == 1
    assert capsys.readouterr().err.startswith("gateway: provider_error: there is no recording for this text")


def test_a_provider_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, with the address and the system's reason."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        place = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{place}/v1")
    assert main(["extract", "in.txt", "--schema", "schema.json", "--model", "m"]) == 1
    words = f"gateway: provider_error: the provider could not be reached ({place}: connection refused)\n"
    assert capsys.readouterr().err == words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.txt", "--extractor", "conference"], "missing.txt: no such file"),
        ([".", "--extractor", "conference"], ".: is a directory"),
        (["latin.txt", "--extractor", "conference"], "latin.txt: expected UTF-8 text"),
        (["empty.txt", "--extractor", "conference"], "empty.txt: expected a text to extract from, got nothing"),
        (["in.txt", "--extractor", "other"], "extractor: expected one of: conference; got 'other'"),
        (["in.txt", "--extractor", "x", "--app", "own_shop:gateway"], "extractor: expected one of: thing; got 'x'"),
        (["in.txt", "--extractor", "x", "--app", "own_shop:number"], "own_shop:number: expected a gateway.Gateway"),
        (["in.txt", "--schema", "missing.json"], "missing.json: no such file"),
        (["in.txt", "--schema", "in.txt"], "in.txt: expected JSON: "),
        (["in.txt", "--schema", "deep.json"], "deep.json: expected JSON: "),
        (["in.txt", "--schema", "wrong.json"], "wrong.json: expected a JSON Schema: "),
        (["in.txt", "--schema", "array.json"], "array.json: expected a JSON Schema: "),
        (["in.txt", "--schema", "own_shop:number"], "own_shop:number: expected a JSON Schema: "),
        (["in.txt", "--schema", "own_shop:Nothing"], "own_shop:Nothing: "),
        (["in.txt", "--schema", "no_such_module:Thing"], "no_such_module:Thing: No module named"),
        (
            ["in.txt", "--schema", "own_raises:Thing"],
            "own_raises:Thing: importing own_raises failed: ZeroDivisionError",
        ),
        (["in.txt", "--schema", "own_broken:Thing"], "own_broken:Thing: importing own_broken failed: "),
        ([*PLAYED, "--recording", "missing.json"], "recording missing.json: no such file"),
        ([*PLAYED, "--speed", "-1"], "--speed: "),
        ([*PLAYED, "--provider", "openai"], "provider openai: set OPENAI_API_KEY"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_asked_for_wrongly(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, one line that says what was expected and what came, and nothing on stdout."""
    (folder / "latin.txt").write_bytes(b"\xe9")
    (folder / "empty.txt").write_text(" \n")
    (folder / "wrong.json").write_text('{"type": "nothing"}')
    (folder / "array.json").write_text("[]")
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "own_raises.py").write_text("1 / 0")
    (folder / "own_broken.py").write_text("def")
    play(THING, STOP)
    status, (out, line) = main(["extract", *arguments]), capsys.readouterr()
    assert (status, out, line.count("\n"), line[: len(said) + 9]) == (2, "", 1, f"gateway: {said}")


@pytest.mark.parametrize("value", ["-1", "x", "1001", "1.5", "²"])
def test_an_interval_of_another_form(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused by its option."""
    with pytest.raises(SystemExit) as ended:
        main(["extract", *PLAYED, f"--interval={value}"])
    assert ended.value.code == 2
    assert f"argument --interval: expected milliseconds from 0 to 1000, got '{value}'" in capsys.readouterr().err


def play_slowly() -> None:
    """Make the provider write a word and then think for a minute."""
    recording = Recording(input="some text", source="test", deltas=((0, '{"a": "one '), (60_000, 'two"}'), (0, STOP)))
    Path("played.json").write_text(recording.to_json())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_cancels_the_extraction(number: signal.Signals, status: int) -> None:
    """The last line says so, stderr says nothing, and a value that is not validated reaches no pipe."""
    play_slowly()
    async with process(*PLAYED, "--json") as running:
        assert running.stdout is not None
        while b"one" not in (line := await running.stdout.readline()):
            assert line
        os.killpg(running.pid, number)
        out, said = await running.communicate()
    assert (running.returncode, frames(out.decode())[-1]["type"], said) == (status, "cancelled", b"")


@pytest.mark.e2e
def test_a_signal_while_nobody_reads() -> None:
    """A full pipe does not keep the command: it goes a little later, by the signal itself."""
    play('{"a": "' + "word " * 60_000, STOP)
    command = [*GATEWAY, "extract", *PLAYED, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.read(1)  # of a line that no pipe holds
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == -signal.SIGTERM


async def test_a_reader_that_goes_away() -> None:
    """As with `| head -1`: it ends without a word, and the model's call with it."""
    play_slowly()
    reading, writing = os.pipe()
    async with process(*PLAYED, "--json", stdout=writing) as running:
        os.close(writing)
        assert os.read(reading, 1)
        os.close(reading)
        running.send_signal(signal.SIGINT)  # the ending is what it cannot write any more
        _, said = await running.communicate()
    assert (running.returncode, said) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full() -> None:
    """One line says so."""
    play(THING, STOP)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*GATEWAY, "extract", *PLAYED], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr.decode()) == (1, "gateway: stdout: no space left on device\n")


def environment(**others: str) -> dict[str, str]:
    """Return what a program in a terminal of its own is given."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **others}


PEOPLE = "  Jane Smith    janesmith@email.com  @DigitalDiva88"


def is_writing(screen: Screen) -> bool:
    """Tell whether the view shows a value that grows."""
    return "writing" in screen.lines[0] and any("▌" in line for line in screen.lines)


@pytest.mark.e2e
def test_a_terminal_shows_the_value_growing_and_then_whole(folder: Path) -> None:
    """While it grows with a header and a caret; at the end once, with a line on how it went, and nothing else."""
    command = [*GATEWAY, "extract", *SHIPPED, "--speed", "4"]
    with in_terminal(*command, environment=environment(), cwd=folder) as terminal:
        terminal.until(is_writing)
        while_writing = terminal.screen.lines
        status = terminal.end()
    lines = terminal.screen.lines
    assert (while_writing[1], "recorded" in while_writing[0]) == ("users", True)
    assert (status, terminal.screen.has_cursor, terminal.screen.has_colours) == (0, True, True)
    assert (lines[0], lines.count(PEOPLE), lines[7:11]) == (
        "users",
        1,
        ["date      March 15th, 2024", "location  Grand Tech Arena, 4521 Innovation Drive", "budget    50000",
         "deadline  February 20th"],
    )  # fmt: skip
    assert re.fullmatch(r"completed in \d\.\d s · 110 tokens \(estimated\) · 84 revisions · recorded", lines[11])
    assert lines[12:] == [""]


@pytest.mark.e2e
def test_a_small_terminal_without_colours(folder: Path) -> None:
    """While it runs nothing is scrolled away; the whole value comes at the end."""
    command = [*GATEWAY, "extract", *SHIPPED, "--speed", "4"]
    with in_terminal(*command, size=(40, 10), environment=environment(NO_COLOR="1"), cwd=folder) as terminal:
        terminal.until(lambda screen: any("Emily" in line for line in screen.lines) and is_writing(screen))
        most_lines = terminal.screen.most_lines
        status = terminal.end()
    assert most_lines <= 10
    assert (status, terminal.screen.has_colours) == (0, False)
    assert [line for line in terminal.screen.lines if "name" in line] == [
        f"  {number}. name     {name}"
        for number, name in enumerate(["John Doe", "Jane Smith", "Alex Johnson", "Emily Clark"], 1)
    ]


@pytest.mark.e2e
def test_a_hostile_model_in_a_terminal(folder: Path) -> None:
    """What it writes is shown and not obeyed, while it grows and afterwards: the screen would fail at it."""
    hostile = {"\x1b]0;t\x07": "[red]x[/] \x1b[2J\x9b2J", "rows": [{"a": "\x1b[31m"}], "a": "\u202ex"}
    Path("schema.json").write_text("{}")
    text = json.dumps(hostile, ensure_ascii=False)
    play(*(text[start : start + 5] for start in range(0, len(text), 5)), STOP, wait_ms=30)
    with in_terminal(*GATEWAY, "extract", *PLAYED, environment=environment(), cwd=folder) as terminal:
        terminal.until(is_writing)
        assert terminal.end() == 0
    assert terminal.screen.lines[0] == r"\x1b]0;t\x07  [red]x[/] \x1b[2J\x9b2J"


@pytest.mark.e2e
def test_a_view_beside_a_file(folder: Path) -> None:
    """With stdout in a file the terminal shows the growth and the line at the end, the file holds the value alone."""
    with Path("out.json").open("wb") as out:
        command = [*GATEWAY, "extract", *SHIPPED, "--speed", "4"]
        with in_terminal(*command, environment=environment(), cwd=folder, stdout=out.fileno()) as terminal:
            terminal.until(is_writing)
            assert terminal.end() == 0
    assert len(json.loads(Path("out.json").read_text())["users"]) == 4
    (line,) = filter(None, terminal.screen.lines)
    assert line.startswith("completed in ")


@pytest.mark.e2e
def test_ctrl_c_in_a_terminal(folder: Path) -> None:
    """The view is gone, the value so far and how it ended stay, the cursor is there again."""
    play_slowly()
    with in_terminal(*GATEWAY, "extract", *PLAYED, environment=environment(), cwd=folder) as terminal:
        terminal.until(is_writing)
        os.killpg(terminal.process.pid, signal.SIGINT)
        status = terminal.end()
    value, unwritten, ending, rest = terminal.screen.lines
    assert (status, value, unwritten, rest, terminal.screen.has_cursor) == (130, "a  one", "b  …", "", True)
    assert ending.startswith("interrupted after ")


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("variables", "caret"), [({"TERM": "dumb"}, ""), ({"PYTHONIOENCODING": "ascii"}, "_")], ids=["dumb", "ascii"]
)
def test_a_terminal_of_another_kind(folder: Path, variables: dict[str, str], caret: str) -> None:
    """One that cannot write over its lines gets the value at the end, one without UTF-8 plainer signs."""
    command = [*GATEWAY, "extract", *SHIPPED, "--speed", "4"]
    with in_terminal(*command, environment=environment(**variables), cwd=folder) as terminal:
        if caret:
            terminal.until(lambda screen: any(line.endswith(caret) for line in screen.lines))
        assert terminal.end() == 0
    shown = "\n".join(terminal.screen.lines)
    assert shown.startswith("users")
    assert shown.isascii() is bool(caret)


@pytest.mark.e2e
def test_a_text_that_is_typed(folder: Path) -> None:
    """A terminal is told what to do, and its text is taken up to Ctrl-D."""
    play(THING, STOP)
    with in_terminal(*GATEWAY, "extract", "-", *PLAYED[1:], environment=environment(), cwd=folder) as terminal:
        terminal.until(lambda screen: "Ctrl-D" in screen.lines[0])
        terminal.type("some text\n\x04")
        assert terminal.end() == 0
    assert "b  4" in terminal.screen.lines


@pytest.fixture
def model_file() -> Path:
    """Return the small model: `make test` installs it."""
    model = installed_model()
    if model is not None and has_runtime():
        return model.path
    pytest.fail("no local model here: run make test, which installs llama.cpp and the small model")


@pytest.mark.e2e
async def test_ctrl_c_leaves_no_model_behind(model_file: Path) -> None:
    """The child process of the local model is ended before the command is, while it loads and while it writes."""
    for lines in (1, 3):
        async with process("conference.txt", "--extractor", "conference", "--provider", "local", "--json") as running:
            assert running.stdout is not None
            for _ in range(lines):
                await running.stdout.readline()
            while lines == 1 and not await asyncio.to_thread(_children, running.pid):
                pass
            children = await asyncio.to_thread(_children, running.pid)
            os.killpg(running.pid, signal.SIGINT)
            await running.communicate()
        assert (running.returncode, len(children)) == (130, 1)
        assert await asyncio.to_thread(_is_there, children[0]) is False


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    listed = subprocess.run(["ps", "-o", "pid=,ppid=", "-A"], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [child for child, parent in pairs if parent == pid]


def _is_there(pid: int) -> bool:
    """Tell whether a process runs."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.startswith("Z")
