"""What the commands share: options that stand for settings, what files and `module:attribute` name, what is wrong."""

import argparse
import importlib
import json
import logging
import sys
import traceback
from collections.abc import Container
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from gateway.app import Gateway
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.errors import ClientError
from gateway.inputs import NO_TEXT, is_blank
from gateway.ports import Mode
from gateway.printable import complain
from gateway.recordings import CONFERENCE_TEXT, Conference
from gateway.registry import Extractor
from gateway.settings import Settings, SettingsError, in_words

__all__ = [
    "USAGE_ERROR",
    "Parser",
    "UsageError",
    "add_command",
    "add_mode",
    "add_provider",
    "application",
    "called",
    "configured",
    "example",
    "fault",
    "given",
    "imported",
    "log_faults",
    "named_extractor",
    "text_of",
    "unusable",
]

USAGE_ERROR = 2
"""What the shell is told when the command line or a setting is wrong, as argparse does."""

STDIN = Path("-")

_OPTIONS = {
    "host": "--host",
    "port": "--port",
    "provider": "--provider",
    "model": "--model",
    "model_file": "--model-file",
    "recordings": "--recording",
    "speed": "--speed",
}
"""The settings that the command line can give; their variables are the environment's."""


class UsageError(Exception):
    """The command line asks for something that cannot be."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """End with the status of what is asked for wrongly."""
        self.exit(complain(f"{message}; see {self.prog} --help", USAGE_ERROR))


def add_command(commands: Any, name: str, *, summary: str, description: str, epilog: str) -> Parser:
    """Add a command with its page of help."""
    parser: Parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_provider(command: argparse.ArgumentParser) -> None:
    """Add the options that say where the text comes from."""
    providers = ["auto", "openai", "local", "recorded"]
    command.add_argument("--provider", choices=providers, help="where the text comes from (GATEWAY_PROVIDER)")
    command.add_argument("--model", help="the provider's model (GATEWAY_MODEL; default: its only one)")
    command.add_argument(
        "--model-file", metavar="FILE", help="the GGUF file that the local provider runs (GATEWAY_MODEL_FILE)"
    )
    command.add_argument(
        "--recording", dest="recordings", action="append", metavar="FILE", help="play this recording too (repeatable)"
    )
    command.add_argument(
        "--speed", type=float, help="play recordings so many times as fast (GATEWAY_SPEED); 0 without pauses"
    )


def add_mode(command: argparse.ArgumentParser) -> None:
    """Add the option that says how JSON is asked for."""
    command.add_argument("--mode", choices=[mode.value for mode in Mode], help="how the model is asked for JSON")


def given(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives; the others are the environment's."""
    return {name: getattr(parsed, name) for name in _OPTIONS if getattr(parsed, name, None) is not None}


def configured(gateway: Gateway, parsed: argparse.Namespace) -> Settings:
    """Return a gateway's settings with those that the command line gives."""
    return Settings(**{**gateway.settings.model_dump(), **given(parsed)})


def log_faults(settings: Settings) -> None:
    """Log nothing but faults of ours, unless somebody looks for one: the command says itself what failed."""
    logging.basicConfig(level="DEBUG" if settings.log_level == "debug" else "ERROR", stream=sys.stderr)


def called(setting: str, asked: Container[str]) -> str:
    """Return what a setting is called where it was given: its option if that was asked for, else its variable."""
    return _OPTIONS[setting] if setting in asked else f"GATEWAY_{setting.upper()}"


def fault(error: Any, parsed: argparse.Namespace) -> str:
    """Say of one of pydantic's errors about the settings which one it is, what was expected and what came."""
    setting = str(error["loc"][0])
    asked = {name for name, value in given(parsed).items() if value == error["input"]}
    return f"{called(setting, asked)}: {error['msg'][:1].lower()}{error['msg'][1:]}, got {error['input']!r}"


def unusable(error: SettingsError, parsed: argparse.Namespace) -> str:
    """Say of a setting that cannot be used which one it is, and what was expected."""
    return str(error) if error.setting is None else f"{called(error.setting, given(parsed))}: {error.words}"


def example() -> Gateway:
    """Return the gateway that serves without an application: the conference example."""
    gateway = Gateway()
    gateway.extractor(description="The conference example", example=CONFERENCE_TEXT)(Conference)
    return gateway


def application(name: str | None) -> Gateway:
    """Return the named application's gateway, or the example.

    Raises:
        UsageError: what is named is no gateway.
    """
    if name is None:
        return example()
    found = imported(name)
    if not isinstance(found, Gateway):
        raise UsageError(f"{name}: expected a gateway.Gateway, got {type(found).__name__}")
    return found


def named_extractor(named: str, limits: Limits) -> Extractor:
    """Return an extractor for a schema: a pydantic model as `module:attribute`, or a file with a JSON Schema.

    Raises:
        UsageError: there is no such model or file, or it is no schema.
    """
    try:
        if ":" in named and not Path(named).exists():
            declared = imported(named)
            return Extractor(name="inline", schema=Schema.from_model(declared), declared=declared)
        return Extractor(name="inline", schema=Schema.from_json(_json(named), limits=limits))
    except ClientError as error:
        raise UsageError(f"{named}: expected a JSON Schema: {error.message}") from None


def _read(path: Path) -> str:
    """Return a file's text, or that of stdin for `-`.

    Raises:
        UsageError: it cannot be read, or is no UTF-8.
    """
    name, file = ("stdin", 0) if path == STDIN else (path, path)
    try:
        with open(file, encoding="utf-8-sig", closefd=file != 0) as opened:
            return opened.read()
    except OSError as error:
        raise UsageError(f"{name}: {in_words(error)}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name}: expected UTF-8 text") from None


def text_of(path: Path) -> str:
    """Return the text to extract from.

    Raises:
        UsageError: it cannot be read, is no UTF-8, or there is nothing in it.
    """
    text = _read(path)
    if is_blank(text):
        raise UsageError(f"{path}: {NO_TEXT}")
    return text


def imported(name: str) -> Any:
    """Return what `module:attribute` names, from the folder one stands in or from the environment.

    Raises:
        UsageError: there is no such thing.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        raise UsageError(f"expected module:attribute, got {name!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), attribute)
    except (SettingsError, ValidationError):
        raise
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{name}: {error}") from None
    except Exception as error:  # noqa: BLE001 - whatever a module does, one line says where
        raise UsageError(f"{name}: importing {module} failed: {_told(error)}") from None


def _json(named: str) -> object:
    try:
        return json.loads(_read(Path(named)))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{named}: expected JSON: {error}") from None


def _told(error: Exception) -> str:
    """Say what a module raised, and where."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({error.filename}, line {error.lineno})"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
