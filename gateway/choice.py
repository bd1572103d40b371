"""Which provider runs, and why: the settings' word, else what the environment has a key for, else a model, else none.

A model that is installed answers any text; the recordings only those they were made from.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

import msgspec

from gateway.core.limits import Limits
from gateway.models import ModelFile, has_runtime, install_in_child, installed_model
from gateway.ports import Provider
from gateway.providers.local import LocalProvider
from gateway.providers.openai import OpenAIProvider
from gateway.providers.recorded import RecordedProvider, Recording
from gateway.recordings import shipped_recordings
from gateway.settings import Settings, SettingsError, in_words

__all__ = ["Choice", "choose", "local_model"]

_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
_HEADERS = ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
"""Variables the SDK sends as headers, where anything else fails at each request."""

_ASKED_FOR = "it was asked for"
_NO_KEY = "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"
_INSTALL = "run `gateway model install`"
_NOT_CONFIGURED = "provider openai: set OPENAI_API_KEY, or OPENAI_BASE_URL for another server"
_NO_MODEL = "; no GATEWAY_MODEL: every request has to name a model, unless the provider has only one"


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, and why it is this one.

    Attributes:
        provider: where the text comes from.
        reason: as it goes on behind "because".
        note: what else to know of it.
    """

    provider: Provider
    reason: str
    note: str = ""

    @property
    def line(self) -> str:
        """One line for people."""
        return f"provider {self.provider.name}, because {self.reason}{self.note}"


def choose(settings: Settings, limits: Limits) -> Choice:
    """Return the provider to run with.

    Raises:
        SettingsError: a recording or model file that cannot be read; a provider that is asked for and not there.
    """
    match settings.provider:
        case "openai":
            return _openai(settings, limits, _variable())
        case "local":
            return _local(settings, _ASKED_FOR)
        case "recorded":
            return _recorded(settings, _ASKED_FOR)
        case "auto":
            return _automatic(settings, limits)
    assert_never(settings.provider)


def _automatic(settings: Settings, limits: Limits) -> Choice:
    variable = _variable()
    if variable is not None:
        return _openai(settings, limits, variable)
    if settings.recordings:
        return _recorded(settings, f"{_NO_KEY} and a recording is given")
    if settings.model_file is not None:
        return _local(settings, f"{_NO_KEY} and a model file is named")
    if has_runtime() and installed_model() is not None:
        return _local(settings, f"{_NO_KEY} and a model is installed")
    return _recorded(settings, f"{_NO_KEY} and no model is installed", f"; {_INSTALL} for one")


def _variable() -> str | None:
    """Return the variable that asks for OpenAI, where one is set."""
    return next((name for name in _VARIABLES if os.environ.get(name)), None)


def local_model(settings: Settings) -> ModelFile | None:
    """Return the model that the local provider runs: the file that is set, else the installed one.

    Raises:
        SettingsError: there is no file where the settings say.
    """
    if settings.model_file is None:
        return installed_model()
    path = Path(settings.model_file).expanduser()
    if not path.is_file():
        raise SettingsError(f"expected a GGUF file, got {settings.model_file!r}", setting="model_file")
    return ModelFile(path.resolve(), "named by the settings")


def _local(settings: Settings, reason: str) -> Choice:
    model = local_model(settings)
    has_all = model is not None and has_runtime()
    if settings.model_file is not None and not has_all:
        raise SettingsError(f"provider local: llama.cpp is not installed: {_INSTALL}")
    path = model.path if model is not None and has_all else None
    provider = LocalProvider(path, threads=settings.model_threads, install=install_in_child)
    size = ", a toy-sized model for trying things out" if provider.is_small else ""
    first = "" if has_all else "; the first extraction installs it (150 MB)"
    return Choice(provider, reason, f": {provider.model}{size}{first}")


def _openai(settings: Settings, limits: Limits, variable: str | None) -> Choice:
    if variable is None:
        raise SettingsError(_NOT_CONFIGURED)
    if variable == "OPENAI_BASE_URL" and not _is_web_address(os.environ[variable]):
        raise SettingsError(f"{variable}: expected http://… or https://…, such as http://127.0.0.1:11434/v1")
    for name in _HEADERS:
        header = os.environ.get(name, "")
        if not (header.isascii() and header.isprintable()):
            raise SettingsError(f"{name}: expected printable ASCII on one line, got something else")
    provider = OpenAIProvider(model=settings.model, connect_timeout_s=limits.connect_timeout_s)
    return Choice(provider, f"{variable} is set", "" if settings.model else _NO_MODEL)


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _recorded(settings: Settings, reason: str, hint: str = "") -> Choice:
    recordings = [*shipped_recordings(), *map(_recording, settings.recordings)]
    provider = RecordedProvider(recordings, speed=settings.speed)
    return Choice(provider, reason, f": it plays recorded texts only{hint}")


def _recording(path: str) -> Recording:
    try:
        return Recording.from_json(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError(f"recording {path}: {in_words(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"recording {path}: expected a recording (extraction-recording.v1): {error}") from None
