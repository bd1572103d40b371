"""Which provider runs, and why: the settings' word, else what the environment has a key for, else the recordings."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gateway.core.limits import Limits
from gateway.models import ModelFile, has_runtime, installed_model
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
    """A provider, and one line on why it is this one."""

    provider: Provider
    reason: str


def choose(settings: Settings, limits: Limits) -> Choice:
    """Return the provider to run with.

    Raises:
        SettingsError: a recording or model file that cannot be read; a provider that is asked for and not there.
    """
    variable = next((name for name in _VARIABLES if os.environ.get(name)), None)
    if settings.provider == "openai" or (settings.provider == "auto" and variable):
        return _openai(settings, limits, variable)
    if settings.provider == "local":
        return _local(settings, _required_model(settings), _ASKED_FOR)
    if settings.provider == "recorded":
        return _recorded(settings, _ASKED_FOR)
    if settings.recordings:
        return _recorded(settings, f"{_NO_KEY} and a recording is given")
    if settings.model_file is not None:
        return _local(settings, _required_model(settings), f"{_NO_KEY} and a model file is named")
    is_installed = has_runtime() and installed_model() is not None
    hint = "; `--provider local` runs the model that is installed" if is_installed else ""
    return _recorded(settings, _NO_KEY, hint)


def local_model(settings: Settings) -> ModelFile | None:
    """Return the model that the local provider runs: the file that is set, else the installed one.

    Raises:
        SettingsError: there is no file where the settings say.
    """
    if settings.model_file is None:
        return installed_model()
    path = Path(settings.model_file).expanduser()
    if not path.is_file():
        raise SettingsError(f"GATEWAY_MODEL_FILE: expected a GGUF file, got {settings.model_file!r}")
    return ModelFile(path.resolve(), "set by --model-file or GATEWAY_MODEL_FILE")


def _required_model(settings: Settings) -> ModelFile:
    model = local_model(settings)
    if model is None:
        raise SettingsError(f"provider local: no model file is installed: {_INSTALL}, or name one with --model-file")
    if not has_runtime():
        raise SettingsError(f"provider local: llama.cpp is not installed: {_INSTALL}")
    return model


def _local(settings: Settings, model: ModelFile, reason: str) -> Choice:
    provider = LocalProvider(model.path, threads=settings.model_threads)
    size = ", a toy-sized model for trying things out" if provider.is_small else ""
    return Choice(provider, f"provider local, because {reason}: {model.name}{size}")


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
    return Choice(provider, f"provider openai, because {variable} is set{'' if settings.model else _NO_MODEL}")


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _recorded(settings: Settings, reason: str, hint: str = "") -> Choice:
    recordings = [*shipped_recordings(), *map(_recording, settings.recordings)]
    return Choice(
        RecordedProvider(recordings, speed=settings.speed),
        f"provider recorded, because {reason}: it plays recorded texts only{hint}",
    )


def _recording(path: str) -> Recording:
    try:
        return Recording.from_json(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError(f"recording {path}: {in_words(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"recording {path}: expected a recording (extraction-recording.v1): {error}") from None
