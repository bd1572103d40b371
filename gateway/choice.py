"""Which provider runs, and why: the settings' word, else what the environment has a key for."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway.core.limits import Limits
from gateway.ports import Provider
from gateway.providers.openai import OpenAIProvider
from gateway.providers.recorded import RecordedProvider, Recording
from gateway.recordings import shipped_recordings
from gateway.settings import Settings, SettingsError

__all__ = ["Choice", "choose"]

_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_KEY")


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, and one line on why it is this one."""

    provider: Provider
    reason: str


def choose(settings: Settings, limits: Limits) -> Choice:
    """Return the provider to run with.

    Raises:
        SettingsError: a recording that cannot be read.
    """
    variable = next((name for name in _VARIABLES if os.environ.get(name)), None)
    if settings.provider == "openai" or (settings.provider == "auto" and variable):
        reason = f"{variable} is set" if variable else "it was asked for"
        return Choice(_openai(settings, limits), f"provider openai, because {reason}")
    reason = (
        "it was asked for" if settings.provider == "recorded" else "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"
    )
    return Choice(
        RecordedProvider([*shipped_recordings(), *map(_recording, settings.recordings)], speed=settings.speed),
        f"provider recorded, because {reason}: it plays recorded texts only",
    )


def _recording(path: str) -> Recording:
    try:
        return Recording.from_json(Path(path).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"GATEWAY_RECORDINGS: {path}: {error}") from None


def _openai(settings: Settings, limits: Limits) -> Provider:
    return OpenAIProvider(model=settings.model, connect_timeout_s=limits.connect_timeout_s)
