"""The command `gateway model`: install the small model, list what is there."""

import argparse
import sys
from dataclasses import replace
from typing import Any

from gateway.arguments import add_command, called, given
from gateway.choice import local_model
from gateway.models import InstallError, ModelFile, has_runtime, install, installed_model
from gateway.printable import printable, say
from gateway.settings import Settings

__all__ = ["add_model"]


_EPILOG = """\
examples:
  gateway model install                      then: gateway serve --provider local
  gateway model list --model-file other.gguf

exit status:
  0 done, 1 it could not be installed, 2 asked for wrongly

environment:
  GATEWAY_MODEL_FILE       the GGUF file that the provider local runs; none: the installed one
  GATEWAY_MODEL_THREADS    its threads
"""

_INSTALL_EPILOG = """\
exit status:
  0 it is there, 1 it could not be installed
"""

_LIST_EPILOG = """\
Each line: name, size, whether the provider local uses it, path, where it comes from; separated by tabs.
"""


def add_model(commands: Any) -> None:
    """Add the command to a parser's sub-commands."""
    command = add_command(
        commands,
        "model",
        summary="install and list models for this machine",
        description="Models that run on this machine, without a key: any GGUF file, or a toy-sized one to try with.",
        epilog=_EPILOG,
    )
    verbs = command.add_subparsers(required=True, metavar="VERB")
    installing = add_command(
        verbs,
        "install",
        summary="install llama.cpp and SmolLM2-135M (150 MB)",
        description="Install llama.cpp and SmolLM2-135M into this environment, with uv or pip; what is there stays.",
        epilog=_INSTALL_EPILOG,
    )
    installing.set_defaults(run=_install)
    listing = add_command(
        verbs,
        "list",
        summary="list what is there",
        description="List the models on this machine.",
        epilog=_LIST_EPILOG,
    )
    listing.add_argument(
        "--model-file", metavar="FILE", help="list this GGUF file too, as `gateway serve` would use it"
    )
    listing.set_defaults(run=_list)


def _install(_: argparse.Namespace) -> int:
    try:
        for step in install():
            say(f"gateway: {step}")
    except InstallError as error:
        return say(f"gateway: could not install: {error}", 1)
    model = installed_model()
    if model is None:
        return say("gateway: no model file is there", 1)
    return say(f"gateway: {model.name} is installed: {model.path}")


def _list(parsed: argparse.Namespace) -> int:
    settings = Settings(**given(parsed))
    used = local_model(settings)
    if used is not None and settings.model_file is not None:
        used = replace(used, source=f"named by {called('model_file', given(parsed))}")
    models = [model for model in (used, installed_model()) if model is not None]
    for model in {model.path: model for model in models}.values():
        sys.stdout.write(_line(model, is_used=model == used))
    if not models:
        say("gateway: no model is installed: run `gateway model install`")
    if not has_runtime():
        say("gateway: llama.cpp is not installed: run `gateway model install`")
    return 0


def _line(model: ModelFile, *, is_used: bool) -> str:
    use = "used by the provider local" if is_used else "not used"
    columns = (model.name, f"{model.size_bytes / 1e6:,.0f} MB", use, str(model.path), model.source)
    return "\t".join(printable(column).replace("\n", "\\n") for column in columns) + "\n"
