"""The command as a process: what it says, how it ends."""

import json
import os
import re
import signal
import socket
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.cli import main
from gateway.recordings import CONFERENCE_TEXT
from gateway.version import __version__
from tests.fakes.client import connected
from tests.fakes.commands import address, process

pytestmark = pytest.mark.anyio

ENDED = ("an extraction", "a connection")
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


async def test_ctrl_c_stops_at_once_with_a_run_and_a_client() -> None:
    """Within two seconds, with 130 and a line for each that ended by it; the client sees 1012."""
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
    assert (running.returncode, closed.value.rcvd and closed.value.rcvd.code) == (130, 1012)
    ends = [re.search(r"an? (\w+) ended .*(?:error|code)=(\w+)", line) for line in said.decode().splitlines()]
    assert [end and end.groups() for end in ends] == [("connection", "1012"), ("extraction", "shutting_down")]
    assert time.monotonic() - began_s < 2


async def test_the_log_is_no_place_for_strangers_to_write_in() -> None:
    """A refused page is one line that names the setting, broken UTF-8 none, a failed extraction one with its code."""
    async with process("serve", "--port", "0", "--provider", "recorded") as running:
        url = (await address(running)).replace("http", "ws") + "/v1/ws"
        with pytest.raises(InvalidStatus):
            await connect(url, subprotocols=[Subprotocol("extraction.v1")], origin=Origin("https://elsewhere.example"))
        async with connect(url, subprotocols=[Subprotocol("extraction.v1")]) as socket:
            await socket.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        async with connected(url.removesuffix("/v1/ws").replace("ws", "http")) as client:
            watch = await client.extract("w", extractor="conference", input="a text nobody recorded: hush")
            await client.finish(watch)
        running.send_signal(signal.SIGINT)
        _, said = await running.communicate()
    lines = [line for line in said.decode().splitlines() if " ended " not in line]
    assert len(lines) == 2, lines
    assert "GATEWAY_ORIGINS" in lines[0]
    assert "failed: provider_error" in lines[1]
    assert "hush" not in said.decode()


async def test_the_example_plays() -> None:
    """Out of the box: the conference, and schemas of one's own on loopback; SIGTERM ends it."""
    async with (
        process("serve", "--port", "0", "--provider", "recorded", "--speed", "0") as running,
        connected(await address(running)) as client,
    ):
        await client.finish(watch := await client.extract("a", extractor="conference", input=CONFERENCE_TEXT))
        running.terminate()
        _, said = await running.communicate()
    assert [user["name"] for user in watch.value["users"]][:2] == ["John Doe", "Jane Smith"]
    assert (client.welcome["inline_schemas"], client.welcome["provider"]["name"]) == (True, "recorded")
    assert (running.returncode, said.decode().count("\n")) == (-signal.SIGTERM, 3), said


async def test_a_log_for_programs() -> None:
    """Every line is one object with the same four members, from the first to the last; ends bring their fields."""
    arguments = ["serve", "--port", "0", "--provider", "recorded", "--speed", "0"]
    async with process(*arguments, GATEWAY_LOG_FORMAT="json") as running:
        assert running.stderr is not None
        first = [(await running.stderr.readline()).decode() for _ in range(2)]
        url = str(json.loads(first[1])["message"]).removeprefix("gateway: ")
        with pytest.raises(InvalidStatus):
            await connect(url.replace("http", "ws") + "/v1/ws", origin=Origin('https://x.example"\\'), proxy=None)
        async with connected(url) as client:
            await client.finish(watch := await client.extract("a", extractor="conference", input=CONFERENCE_TEXT))
            await client.finish(await client.extract("b", extractor="conference", input="hush"))
            running.send_signal(signal.SIGINT)
            _, said = await running.communicate()
    records = [json.loads(line) for line in [*first, *said.decode().splitlines()]]
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
    assert all(datetime.fromisoformat(record["time"]).utcoffset() == timedelta(0) for record in records)
    (end, failed), (left,) = ([r for r in records if r["message"] == f"{of} ended"] for of in ENDED)
    assert (end["extraction"], end["outcome"], end["error"]) == (watch.extraction, "completed", None)
    assert (failed["outcome"], failed["error"]) == ("failed", "provider_error")
    assert (left["session"], left["code"], left["by"]) == (client.welcome["session"], 1012, "server")
    assert (left["messages_in"], left["watches"], left["extractions"]) == (3, 2, 2)
    assert "hush" not in said.decode()


async def test_metrics_at_an_address_of_their_own() -> None:
    """The log says where; one that is taken is said like the other one, and nothing is served."""
    arguments = ["serve", "--port", "0", "--provider", "recorded"]
    async with process(*arguments, GATEWAY_METRICS_ADDRESS="127.0.0.1:0") as running:
        assert running.stderr is not None
        lines = [(await running.stderr.readline()).decode() for _ in range(3)]
        running.send_signal(signal.SIGINT)
        await running.wait()
    assert re.search(r"metrics are at http://127\.0\.0\.1:\d+/metrics$", lines[1])
    assert running.returncode == 130
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = f"127.0.0.1:{taken.getsockname()[1]}"
        async with process(*arguments, GATEWAY_METRICS_ADDRESS=own) as refused:
            _, said = await refused.communicate()
    _, line = said.decode().splitlines()
    assert (refused.returncode, line) == (1, f"gateway: cannot listen on {own}, for metrics: address already in use")


async def test_an_application_of_ones_own(tmp_path: Path) -> None:
    """Found beside where one stands; the command line's settings hold, schemas of clients are off."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    async with (
        process(
            "serve", "shop:gateway", "--port", "0", "--provider", "recorded", cwd=tmp_path, GATEWAY_MODEL="m"
        ) as running,
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
        (["--port", "65536"], {}, "--port"),
        (["--port", "-1"], {}, "--port"),
        ([], {"GATEWAY_PORT": "65536"}, "GATEWAY_PORT"),
        (["--speed", "-1"], {}, "--speed"),
        ([], {"GATEWAY_METRICS_ADDRESS": ":9090"}, "GATEWAY_METRICS_ADDRESS: expected host:port, such as 127.0.0.1:90"),
        ([], {"GATEWAY_LOG_FORMAT": "xml"}, "GATEWAY_LOG_FORMAT"),
        ([], {"GATEWAY_ORIGINS": "https://app.example.org, *"}, "scheme://host[:port], such as"),
        ([], {"GATEWAY_ORIGINS": "app.example.org"}, "got 'app.example.org'"),
        (["--provider", "auto"], {"OPENAI_BASE_URL": "notaurl"}, "OPENAI_BASE_URL: expected http://… or https://…"),
        (["--provider", "openai"], {}, "provider openai: set OPENAI_API_KEY, or OPENAI_BASE_URL"),
        (["own_shop"], {}, "module:attribute"),
        (["no_such_module:gateway"], {}, "no_such_module"),
        (["own_shop:nothing"], {}, "nothing"),
        (["own_shop:other"], {}, "expected a gateway.Gateway, got int"),
        (["--recording", "/nowhere.json"], {}, "recording /nowhere.json: no such file"),
        (["--recording", "own_shop.py"], {}, "own_shop.py: expected a recording (extraction-recording.v1): "),
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


async def test_a_port_that_is_taken() -> None:
    """Status 1, and one line that says where and why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with process("serve", "--port", port, "--provider", "recorded") as running:
            _, said = await running.communicate()
    _, line = said.decode().splitlines()
    assert (running.returncode, line) == (
        1,
        f"gateway: cannot listen on 127.0.0.1, port {port}: address already in use",
    )


@pytest.mark.parametrize(
    ("host", "origins", "is_said"),
    [("0.0.0.0", "", True), ("0.0.0.0", "https://app.example.org", False), ("127.0.0.1", "", False)],  # noqa: S104
)
async def test_who_is_let_in_by_default_is_said_where_others_may_want_to(
    host: str, origins: str, is_said: bool
) -> None:
    """Beyond loopback, without a list of origins, no page can connect, and nobody would know why."""
    arguments = ["serve", "--port", "0", "--provider", "recorded", "--host", host]
    async with process(*arguments, GATEWAY_TOKENS="t", GATEWAY_ORIGINS=origins) as running:
        assert running.stderr is not None
        lines = [(await running.stderr.readline()).decode() for _ in range(2)]
    assert ("no web page may connect: set GATEWAY_ORIGINS" in lines[1]) is is_said


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The help goes to stderr, for nothing was done."""
    status, (out, said) = main([]), capsys.readouterr()
    assert (status, out) == (2, "")
    assert {"serve", "extract", "record", "model", "doctor"} <= set(said.split())


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It is an answer, and goes to stdout."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"gateway {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paint"], "gateway: argument COMMAND: invalid choice: 'paint' (choose from "),
        (["serve", "--prot", "1"], "gateway: unrecognized arguments: --prot; see gateway --help\n"),
        (
            ["extract", "x"],
            "gateway: one of the arguments --extractor --schema is required; see gateway extract --help\n",
        ),
    ],
)
def test_a_command_line_that_cannot_be_read(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and one line that says where to read on."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    line = capsys.readouterr().err
    assert (ended.value.code, line.count("\n"), line[: len(said)]) == (2, 1, said)


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["extract"], ["record"], ["model"], ["model", "install"], ["model", "list"], ["doctor"]],
    ids=" ".join,
)
def test_each_command_has_a_page_of_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence on what it does, and what the shell is told; it fits a terminal of 120 columns."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    shown = capsys.readouterr().out
    usage, sentence, *_ = shown.split("\n\n")
    assert (ended.value.code, usage.startswith("usage: gateway"), sentence.endswith(".")) == (0, True, True)
    assert "exit status:" in shown or command == ["model", "list"]
    assert "environment:" in shown or command[:1] == ["model"]
    assert max(map(len, shown.splitlines())) <= 120
