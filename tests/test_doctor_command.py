"""The command `gateway doctor`: what it finds, in lines and as JSON, and what the shell is told."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from gateway import doctor_command
from gateway.cli import main
from gateway.models import has_runtime, installed_model
from tests.fakes.openai_server import SECRET, FakeOpenAI, Reply

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in an empty folder, with any free port, and forget what this shell has set."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "OPENAI_", "FORCE_COLOR")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_PORT", "0")
    monkeypatch.chdir(tmp_path)
    return iter([tmp_path])


def examined(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status and the report."""
    status = main(["doctor", "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)


def found(report: dict[str, Any], topic: str) -> list[tuple[str, str]]:
    """Return the verdicts and words on a topic."""
    return [(each["verdict"], each["words"]) for each in report["findings"] if each["topic"] == topic]


def test_out_of_the_box(capsys: pytest.CaptureFixture[str]) -> None:
    """Versions, the provider with its reason, how many texts it plays; everything is well."""
    status, report = examined(capsys, "--provider", "recorded")
    assert (status, report["works"], report["provider"]) == (0, True, "recorded")
    assert {name: report["versions"][name] for name in ("openai", "websockets", "uvicorn", "pydantic")} == {
        name: version(name) for name in ("openai", "websockets", "uvicorn", "pydantic")
    }
    assert found(report, "answers") == [("ok", "1 recorded text, and no other")]
    ((verdict, reason),) = found(report, "provider")
    assert (verdict, reason.startswith("provider recorded, because it was asked for")) == ("ok", True)


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Verdict, topic and words stand in columns, without colours where it is no terminal."""
    assert main(["doctor", "--provider", "recorded"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:4] for line in lines} == {"ok  "}
    assert len({line.index(words) for line, words in zip(lines[-1:], ["1 recorded"], strict=True)}) == 1
    assert len({len(line) - len(line[6:].lstrip()) for line in lines}) == 1
    assert "provider recorded, because it was asked for: it plays recorded texts only" in "\n".join(lines)


NO_INTEGER = "input should be a valid integer, unable to parse string as an integer"


def test_every_setting_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those there are not with the closest one there is, those of another form with what came."""
    values = {
        "PROT": "1",
        "FIRST_DELTA_TIMEOUT": "1",
        "PORT": "x",
        "SPEED": "-1",
        "VALUE_BYTES": "0",
        "MESSAGE_BYTES": "y",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    status, report = examined(capsys)
    settings = found(report, "settings")
    assert (status, report["works"], found(report, "provider")) == (1, False, [])
    assert sorted(settings) == sorted(
        [
            ("fail", f"GATEWAY_PORT: {NO_INTEGER}, got 'x'"),
            ("fail", "GATEWAY_SPEED: input should be greater than or equal to 0, got '-1'"),
            ("warn", "GATEWAY_PROT: there is no such setting; the closest is GATEWAY_PORT"),
            (
                "warn",
                "GATEWAY_FIRST_DELTA_TIMEOUT: there is no such setting; the closest is GATEWAY_FIRST_DELTA_TIMEOUT_S",
            ),
            ("fail", "GATEWAY_VALUE_BYTES: expected a number above zero, got '0'"),
            ("fail", "GATEWAY_MESSAGE_BYTES: expected a number, got 'y'"),
        ]
    )


def test_an_option_that_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """It is asked for wrongly, and no finding."""
    assert main(["doctor", "--port", "65536"]) == 2
    assert capsys.readouterr().err.startswith("gateway: --port: ")


def test_an_option_mends_a_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Options count before variables here as well."""
    monkeypatch.setenv("GATEWAY_PORT", "x")
    assert examined(capsys, "--port", "0")[0] == 0


def test_an_unknown_setting_alone_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An extraction works without it."""
    monkeypatch.setenv("GATEWAY_FOO", "1")
    assert examined(capsys)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "openai"], "provider openai: set OPENAI_API_KEY"),
        (["--recording", "missing.json"], "recording missing.json: no such file"),
        (["--provider", "local", "--model-file", "missing.gguf"], "--model-file: expected a GGUF file"),
    ],
)
def test_a_provider_that_cannot_be_chosen(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a failure in the words of the command that would run."""
    status, report = examined(capsys, *arguments)
    ((verdict, said),) = found(report, "provider")
    assert (status, verdict, said[: len(words)], report["provider"]) == (1, "fail", words, None)


APPLICATION = """
from gateway import Gateway
from pydantic import BaseModel

gateway = Gateway(authenticate=lambda connection, credential: None)

class Note(BaseModel):
    text: str

gateway.extractor(model="own")(Note)
"""


@pytest.fixture
def app(folder: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Write an application that says itself who may enter and which model each extractor asks."""
    (next(folder) / "own_app.py").write_text(APPLICATION)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "own_app:gateway"
    sys.modules.pop("own_app", None)


def test_an_application_that_says_who_may_enter(app: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no tokens beyond loopback, as `gateway serve` sees it."""
    status, report = examined(capsys, "--app", app, "--provider", "recorded", "--host", "0.0.0.0")  # noqa: S104
    assert (status, found(report, "serve"), report["provider"]) == (0, [], "recorded")


async def test_an_application_whose_extractors_name_their_models(
    app: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody needs GATEWAY_MODEL then."""
    async with FakeOpenAI(models=["a", "b"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        status = await asyncio.to_thread(main, ["doctor", "--json", "--app", app])
    words = "the provider lists 2 models, and each extractor names its own"
    report = json.loads(capsys.readouterr().out)
    assert (status, found(report, "answers"), found(report, "provider")[0][0]) == (0, [("ok", words)], "ok")


def test_an_application_that_cannot_be_made(
    app: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that is wrong is found all the same; what is no gateway is asked for wrongly."""
    for name, value in {"PORT": "x", "VALUE_BYTES": "0"}.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
        status, report = examined(capsys, "--app", app)
        assert (status, [words.partition(":")[0] for _, words in found(report, "settings")]) == (1, [f"GATEWAY_{name}"])
        monkeypatch.delenv(f"GATEWAY_{name}")
    assert main(["doctor", "--app", "own_app:Note"]) == 2
    assert "expected a gateway.Gateway" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "verdict"), [(None, "warn"), ("m", "ok")])
def test_a_key_without_a_model(
    model: str | None, verdict: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no more than a warning that every request has to name one, where the list of models cannot be had."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/v1")
    _, report = examined(capsys, *(["--model", model] if model else []))
    assert [each for each, _ in found(report, "provider")] == [verdict]


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """Only `gateway serve` minds."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, report = examined(capsys, "--port", str(port))
    assert status == 0
    assert found(report, "port") == [("warn", f"127.0.0.1, port {port}: address already in use")]
    status, report = examined(capsys, "--port", str(port))
    assert found(report, "port") == [("ok", f"127.0.0.1, port {port}: free")]


def test_an_address_that_serve_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    """The words are those of the command that would refuse it."""
    status, report = examined(capsys, "--host", "0.0.0.0")  # noqa: S104
    ((verdict, words),) = found(report, "serve")
    assert (status, verdict, "GATEWAY_TOKENS" in words) == (0, "warn", True)


@pytest.mark.parametrize(
    ("models", "model", "status", "verdict", "words"),
    [
        (["a"], None, 0, "ok", "the provider lists 1 model, which is used"),
        (["a", "b"], None, 1, "fail", "the provider lists 2 models, and none is chosen: set GATEWAY_MODEL"),
        (["a", "b"], "b", 0, "ok", "the provider lists 2 models, b among them"),
        (["a", "b"], "c", 0, "warn", "the provider lists 2 models, c not among them"),
        (None, "c", 0, "warn", "the provider lists no models; does OPENAI_BASE_URL end in /v1?"),
        (None, None, 1, "fail", "the provider lists no models; does OPENAI_BASE_URL end in /v1?"),
        (Reply(status=401), "c", 1, "fail", "the provider answered 401"),
        (Reply(hang="headers"), "c", 1, "fail", "the provider did not list its models within 0.2 s"),
    ],
)
async def test_a_server_is_asked_for_its_models(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    models: list[str] | Reply | None,
    model: str | None,
    status: int,
    verdict: str,
    words: str,
) -> None:
    """What it lists is counted; nothing of its answer and nothing of the key is said."""
    monkeypatch.setattr(doctor_command, "_LIST_S", 0.2 if isinstance(models, Reply) and models.hang else 30)
    async with FakeOpenAI(models=models) as server:
        base_url = server.base_url
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        got = await asyncio.to_thread(main, ["doctor", "--json", *(["--model", model] if model else [])])
    out, said = capsys.readouterr()
    assert (got, found(json.loads(out), "answers"), said) == (status, [(verdict, words)], "")
    assert SECRET not in out
    assert base_url not in out


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a failure in our own words, with the host, the port and the system's reason, and no more of the address."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    status, report = examined(capsys)
    words = f"the provider could not be reached (127.0.0.1:{port}: connection refused)"
    assert (status, found(report, "answers")) == (1, [("fail", words)])


@pytest.mark.e2e
def test_the_model_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """It is started, asked once and ended."""
    if installed_model() is None or not has_runtime():
        pytest.fail("no local model here: run make test, which installs llama.cpp and the small model")
    status, report = examined(capsys, "--provider", "local")
    ((verdict, words),) = found(report, "answers")
    assert (status, verdict, words.startswith("loaded in "), words.endswith(" ms later")) == (0, "ok", True, True)
    assert _models_of_ours() == []


@pytest.mark.e2e
def test_a_file_that_is_no_model(folder: Iterator[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """It is a failure that names the file, without a word of the log."""
    path = next(folder) / "other.gguf"
    path.write_text("nothing")
    status, report = examined(capsys, "--provider", "local", "--model-file", str(path))
    ((verdict, words),) = found(report, "answers")
    assert (status, verdict, "other.gguf" in words, capsys.readouterr().err) == (1, "fail", True, "")


def _models_of_ours() -> list[str]:
    """Return the models' processes that this one has started and that still run."""
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [arguments for parent, _, arguments in rows if int(parent) == os.getpid() and "llama_process" in arguments]
