"""The command `gateway`: serve, record."""

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.app import Gateway
from gateway.choice import choose
from gateway.core.messages import Extract
from gateway.errors import GatewayError
from gateway.jobs import Jobs
from gateway.ports import Mode, Text
from gateway.providers.recorded import RecordingProvider
from gateway.recordings import CONFERENCE_TEXT, Conference
from gateway.registry import Registry
from gateway.serving import serve
from gateway.settings import Settings, SettingsError, is_loopback, limits_from
from gateway.version import __version__

__all__ = ["main"]

_USAGE_ERROR = 2
"""What the shell is told when the command line or a setting is wrong, as argparse does."""

_EPILOG = """\
Settings are environment variables: OPENAI_API_KEY and OPENAI_BASE_URL name the provider, GATEWAY_TOKENS the
credentials, GATEWAY_ORIGINS the web pages that may connect, GATEWAY_MODEL the default model; every limit has its own
(PROTOCOL.md, section 10).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 failed, 2 asked for wrongly, 130 interrupted."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except (SettingsError, _UsageError) as error:
        return _say(f"gateway: {error}", _USAGE_ERROR)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"GATEWAY_{str(first['loc'][0]).upper()}"
        return _say(f"gateway: {name}: {first['msg']}, got {first['input']!r}", _USAGE_ERROR)
    except GatewayError as error:
        return _say(f"gateway: {error.code}: {error.message}", 1)
    except KeyboardInterrupt:
        return 130


class _UsageError(Exception):
    """The command line asks for something that cannot be."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway",
        description="Streams structured data out of language models, over WebSockets, while it is being written.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gateway {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_record(commands)
    return parser


def _add_serve(commands: Any) -> None:
    command = commands.add_parser(
        "serve",
        help="serve the page, the WebSocket and your extractors",
        description="Serve your extractors, or, without any, the example one and schemas that clients bring.",
    )
    command.add_argument(
        "application", nargs="?", metavar="module:attribute", help="a Gateway of yours, as `shop.extractors:gateway`"
    )
    command.add_argument("--host", help="address to listen on (default 127.0.0.1; others need GATEWAY_TOKENS)")
    command.add_argument("--port", type=int, help="TCP port (default 8080)")
    _add_provider(command)
    command.set_defaults(run=_serve)


def _add_record(commands: Any) -> None:
    command = commands.add_parser(
        "record",
        help="record a model's answer, to be played again",
        description="Ask a model once and write its answer with its timing to a file.",
    )
    command.add_argument("input", type=Path, help="the text to extract from")
    command.add_argument("--schema", type=Path, help="a JSON Schema (default: the conference example's)")
    command.add_argument("--mode", choices=[mode.value for mode in Mode], help="how the model is asked for JSON")
    command.add_argument("--output", "-o", type=Path, required=True, help="the recording to write")
    _add_provider(command)
    command.set_defaults(run=_record)


def _add_provider(command: argparse.ArgumentParser) -> None:
    command.add_argument("--provider", choices=["auto", "openai", "recorded"], help="where the text comes from")
    command.add_argument("--model", help="the provider's model (default: its only one)")
    command.add_argument(
        "--recording", dest="recordings", action="append", metavar="FILE", help="play this recording too (repeatable)"
    )
    command.add_argument("--speed", type=float, help="play recordings so many times as fast; 0 without pauses")


def _given(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives; the others are the environment's."""
    names = ("host", "port", "provider", "model", "recordings", "speed")
    return {name: getattr(parsed, name) for name in names if getattr(parsed, name, None) is not None}


def _serve(parsed: argparse.Namespace) -> int:
    gateway = _example() if parsed.application is None else _application(parsed.application)
    settings = Settings(**{**gateway.settings.model_dump(), **_given(parsed)})
    if parsed.application is None and settings.inline_schemas is None:
        settings = settings.model_copy(update={"inline_schemas": is_loopback(settings.host)})
    gateway.settings = settings
    gateway.settings.check()
    _say(f"gateway: {gateway.choice.reason}", 0)
    try:
        serve(gateway, lambda address: _say(f"gateway: {address}", 0))
    except SystemExit:  # it could not listen, and the log says why
        return 1
    return 0


def _example() -> Gateway:
    gateway = Gateway()
    gateway.extractor(description="The conference example", example=CONFERENCE_TEXT)(Conference)
    return gateway


def _application(name: str) -> Gateway:
    """Return the named application's gateway."""
    module, colon, attribute = name.partition(":")
    if not colon:
        raise _UsageError(f"expected module:attribute, got {name!r}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise _UsageError(f"{name}: {error}") from None
    if not isinstance(found, Gateway):
        raise _UsageError(f"{name}: expected a gateway.Gateway, got {type(found).__name__}")
    return found


def _record(parsed: argparse.Namespace) -> int:
    settings, limits = Settings(**_given(parsed)), limits_from()
    text = _read(parsed.input)
    schema = Conference.model_json_schema() if parsed.schema is None else _read_json(parsed.schema)
    choice = choose(settings, limits)
    jobs = Jobs(Registry(), limits=limits, model=settings.model, has_inline_schemas=True)
    job = jobs.job(Extract(id="record", schema=schema, input=text, mode=parsed.mode))
    source = f"provider {choice.provider.name}, model {settings.model or 'default'}"
    recorder = RecordingProvider(choice.provider, source=source)
    asyncio.run(_play(recorder, job.request))
    parsed.output.write_text(recorder.recording().to_json())
    return _say(f"gateway: wrote {parsed.output}", 0)


async def _play(provider: RecordingProvider, request: Any) -> None:
    async with aclosing(provider.stream(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, Text):
                sys.stdout.write(delta.text)
                sys.stdout.flush()
    sys.stdout.write("\n")
    await provider.close()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _UsageError(f"{path}: {error}") from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except ValueError as error:
        raise _UsageError(f"{path}: expected JSON: {error}") from None


def _say(line: str, status: int) -> int:
    sys.stderr.write(line + "\n")
    return status
