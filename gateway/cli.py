"""The command `gateway`: serve, record, model."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gateway.app import Gateway
from gateway.arguments import UsageError, add_provider, called, given, imported
from gateway.errors import GatewayError
from gateway.model_command import add_model
from gateway.record_command import add_record
from gateway.recordings import CONFERENCE_TEXT, Conference
from gateway.serving import serve
from gateway.settings import Settings, SettingsError, is_loopback
from gateway.version import __version__

__all__ = ["main"]

_USAGE_ERROR = 2
"""What the shell is told when the command line or a setting is wrong, as argparse does."""

_EPILOG = """\
Settings are environment variables: OPENAI_API_KEY and OPENAI_BASE_URL name the provider, GATEWAY_TOKENS the
credentials, GATEWAY_ORIGINS the web pages that may connect, GATEWAY_MODEL the default model; every limit has its own
(PROTOCOL.md, section 10).
"""

_NO_PAGES = (
    "gateway: no web page may connect: set GATEWAY_ORIGINS to the page's own origin, such as "
    "https://gateway.example.org"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 failed, 2 asked for wrongly, 130 interrupted."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except (SettingsError, UsageError) as error:
        return _say(f"gateway: {error}", _USAGE_ERROR)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise  # a fault of the application's own, with its trace
        first = error.errors()[0]
        words = first["msg"][:1].lower() + first["msg"][1:]
        return _say(f"gateway: {called(str(first['loc'][0]))}: {words}, got {first['input']!r}", _USAGE_ERROR)
    except GatewayError as error:
        return _say(f"gateway: {error.code}: {error.message}", 1)
    except KeyboardInterrupt:
        return 130


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
    add_record(commands)
    add_model(commands)
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
    command.add_argument("--port", type=int, help="TCP port (default 8080); 0 takes any free one and says which")
    add_provider(command)
    command.set_defaults(run=_serve)


def _serve(parsed: argparse.Namespace) -> int:
    gateway = _example() if parsed.application is None else _application(parsed.application)
    settings = Settings(**{**gateway.settings.model_dump(), **given(parsed)})
    if parsed.application is None and settings.inline_schemas is None:
        settings = settings.model_copy(update={"inline_schemas": is_loopback(settings.host)})
    gateway.settings = settings
    gateway.check()
    _say(f"gateway: {gateway.choice.line}", 0)
    if not settings.origins and not is_loopback(settings.host):
        _say(_NO_PAGES, 0)
    try:
        serve(gateway, lambda address: _say(f"gateway: {address}", 0))
    except OSError as error:
        return _say(f"gateway: cannot listen on {settings.host}, port {settings.port}: {_reason(error)}", 1)
    return 0


def _reason(error: OSError) -> str:
    """Return the system's word for an error, or that of the look-up of a name."""
    number = error.errno or 0
    return (os.strerror(number) if number > 0 else str(error.strerror)).lower()


def _example() -> Gateway:
    gateway = Gateway()
    gateway.extractor(description="The conference example", example=CONFERENCE_TEXT)(Conference)
    return gateway


def _application(name: str) -> Gateway:
    """Return the named application's gateway."""
    found = imported(name)
    if not isinstance(found, Gateway):
        raise UsageError(f"{name}: expected a gateway.Gateway, got {type(found).__name__}")
    return found


def _say(line: str, status: int) -> int:
    sys.stderr.write(line + "\n")
    return status
