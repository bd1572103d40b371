"""What the commands share: options that stand for settings, what `module:attribute` names, what is asked wrongly."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

__all__ = ["UsageError", "add_provider", "called", "given", "imported"]

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


def add_provider(command: argparse.ArgumentParser) -> None:
    """Add the options that say where the text comes from."""
    providers = ["auto", "openai", "local", "recorded"]
    command.add_argument("--provider", choices=providers, help="where the text comes from")
    command.add_argument("--model", help="the provider's model (default: its only one)")
    command.add_argument("--model-file", metavar="FILE", help="the GGUF file that the local provider runs")
    command.add_argument(
        "--recording", dest="recordings", action="append", metavar="FILE", help="play this recording too (repeatable)"
    )
    command.add_argument("--speed", type=float, help="play recordings so many times as fast; 0 without pauses")


def given(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives; the others are the environment's."""
    return {name: getattr(parsed, name) for name in _OPTIONS if getattr(parsed, name, None) is not None}


def called(setting: str) -> str:
    """Return what a setting is called where it is given: its option, where it has one, and its variable."""
    variable = f"GATEWAY_{setting.upper()}"
    return f"{_OPTIONS[setting]} or {variable}" if setting in _OPTIONS else variable


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
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{name}: {error}") from None
