"""The command `gateway`: serve, extract, record, model, doctor."""

import argparse
import logging
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gateway.arguments import (
    USAGE_ERROR,
    Parser,
    UsageError,
    add_command,
    add_provider,
    application,
    configured,
    fault,
    unusable,
)
from gateway.doctor_command import add_doctor
from gateway.errors import ClientError, GatewayError
from gateway.extract_command import add_extract
from gateway.logs import configure
from gateway.model_command import add_model
from gateway.printable import complain, say
from gateway.reasons import why_not_reached
from gateway.record_command import add_record
from gateway.serving import serve
from gateway.settings import Settings, SettingsError, is_loopback
from gateway.version import __version__

__all__ = ["main"]

_log = logging.getLogger("gateway")

_INTERRUPTED = 130
"""What a shell reports of a command that Ctrl-C ended."""

_EPILOG = """\
examples:
  gateway serve                                          the example, with its page, at http://127.0.0.1:8080
  gateway extract minutes.txt --schema meetings:Meeting  extract here and now, and watch the value grow
  gateway doctor                                         say what is installed, what would run, and what is wrong
  gateway COMMAND --help                                 say more of one command

exit status:
  0 done, 1 failed, 2 asked for wrongly, 130 interrupted; extract has more

environment:
  OPENAI_API_KEY, OPENAI_BASE_URL    the provider
  GATEWAY_MODEL                      the model where nothing else names one
  GATEWAY_TOKENS, GATEWAY_ORIGINS    who may enter, and which web pages may connect
  README.md lists every setting; each limit has its own variable (PROTOCOL.md, section 10).
"""

_SERVE_EPILOG = """\
examples:
  gateway serve                                          the example, and schemas that clients bring
  gateway serve meetings:gateway --port 0                your extractors, at any free port
  gateway serve --provider local                         with a model on this machine

exit status:
  1 it cannot listen there, 2 asked for wrongly, 130 interrupted by Ctrl-C

environment:
  OPENAI_API_KEY, OPENAI_BASE_URL    the provider, where --provider does not say otherwise
  GATEWAY_TOKENS                     credentials; needed beyond loopback where the application lets nobody in
  GATEWAY_ORIGINS                    web pages that may connect; needed for pages beyond loopback
  GATEWAY_INLINE_SCHEMAS             whether clients may bring a schema of their own
  GATEWAY_METRICS_ADDRESS            host:port for /metrics alone
  GATEWAY_LOG_LEVEL                  debug, info, warning or error
  GATEWAY_LOG_FORMAT                 text or json
"""

_NO_PAGES = (
    "gateway: no web page may connect: set GATEWAY_ORIGINS to the page's own origin, such as "
    "https://gateway.example.org"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 failed, 2 asked for wrongly, 130 interrupted, others."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except (SettingsError, UsageError) as error:
        words = unusable(error, parsed) if isinstance(error, SettingsError) else str(error)
        return complain(words, USAGE_ERROR)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise  # a fault of the application's own, with its trace
        return complain(fault(error.errors()[0], parsed), USAGE_ERROR)
    except ClientError as error:
        return complain(error.message, USAGE_ERROR)
    except GatewayError as error:
        return complain(f"{error.code}: {error.full_message}", 1)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> Parser:
    parser = Parser(
        prog="gateway",
        description="Streams structured data out of language models, over WebSockets, while it is being written.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gateway {__version__}")
    parser.set_defaults(run=lambda _: say(parser.format_help().rstrip(), USAGE_ERROR))
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_serve(commands)
    add_extract(commands)
    add_record(commands)
    add_model(commands)
    add_doctor(commands)
    return parser


def _add_serve(commands: Any) -> None:
    command = add_command(
        commands,
        "serve",
        summary="serve the page, the WebSocket and your extractors",
        description="Serve your extractors, or, without any, the example one and schemas that clients bring.",
        epilog=_SERVE_EPILOG,
    )
    command.add_argument(
        "application", nargs="?", metavar="module:attribute", help="a Gateway of yours, as `shop.extractors:gateway`"
    )
    command.add_argument("--host", help="address to listen on (default 127.0.0.1; others need GATEWAY_TOKENS)")
    command.add_argument("--port", type=int, help="TCP port (default 8080); 0 takes any free one and says which")
    add_provider(command)
    command.set_defaults(run=_serve)


def _serve(parsed: argparse.Namespace) -> int:
    gateway = application(parsed.application)
    settings = configured(gateway, parsed)
    if parsed.application is None and settings.inline_schemas is None:
        settings = settings.model_copy(update={"inline_schemas": is_loopback(settings.host)})
    gateway.settings = settings
    gateway.check()
    configure(settings.log_level, settings.log_format)
    tell = say if settings.log_format == "text" else _log.info
    tell(f"gateway: {gateway.choice.line}")
    if not settings.origins and not is_loopback(settings.host):
        tell(_NO_PAGES)
    try:
        serve(gateway, lambda address: tell(f"gateway: {address}"))
    except OSError as error:
        where = f"{error.filename}, for metrics" if error.filename else f"{settings.host}, port {settings.port}"
        return complain(f"cannot listen on {where}: {why_not_reached(error)}", 1)
    return 0
