"""Which provider runs, and why."""

import asyncio

import pytest

from gateway.choice import choose
from gateway.core.limits import Limits
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
    """The settings' word, else what the environment has; the reason holds no key."""
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    choice = choose(Settings.model_validate({"provider": asked}), Limits())
    asyncio.run(choice.provider.close())
    assert (choice.provider.name, words in choice.reason, "k" in choice.reason.split()) == (name, True, False)


def test_a_recording_that_cannot_be_read() -> None:
    """The message names the setting and the file."""
    with pytest.raises(SettingsError, match="GATEWAY_RECORDINGS: /nowhere"):
        choose(Settings(provider="recorded", recordings=("/nowhere",)), Limits())
