"""The command `gateway extract`: one extraction in this process, shown as it grows; the engine is the server's.

stdout holds the value and nothing else, or with `--json` the frames of the protocol (PROTOCOL.md §4); what is said
about it goes to stderr.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.arguments import (
    STDIN,
    add_command,
    add_mode,
    add_provider,
    application,
    configured,
    log_faults,
    named_extractor,
    text_of,
)
from gateway.core import messages
from gateway.core.extraction import Extraction
from gateway.core.messages import Completed, Extract, Failed, Incomplete
from gateway.core.values import JsonValue
from gateway.errors import GatewayError
from gateway.jobs import Job, Jobs
from gateway.ports import ModelHost, Provider
from gateway.printable import complain, say, unsteering
from gateway.providers.recorded import RecordedProvider
from gateway.registry import Extractor
from gateway.runner import Run
from gateway.settings import in_words
from gateway.showing import Show, write
from gateway.terminal import Terminal

__all__ = ["add_extract"]

_NAME = "extract"

_FAILED, _INCOMPLETE, _BROKEN_PIPE = 1, 3, 141
"""Exit statuses besides 0; as a shell counts, 128 and its number stand for a signal."""

_PATIENCE_S = 3.0
"""From a signal to the end of this process, where a reader takes nothing or a provider does not let go."""

_LENGTH = "incomplete: the model was cut off by its length limit; what it wrote was not validated"

_EPILOG = """\
examples:
  gateway extract minutes.txt --schema meetings:Meeting
  gateway extract minutes.txt --schema schema.json --provider local > meeting.json
  cat minutes.txt | gateway extract - --app meetings:gateway --extractor meeting
  gateway extract minutes.txt --schema meetings:Meeting --json | jq -c 'select(.final).value'

output:
  In a terminal the value fills in while the model writes. A pipe or file gets the value as one JSON document, and
  nothing where there is none. With --json each line is a frame of PROTOCOL.md, section 4, without an id: snapshots,
  the validated one with "final":true, then completed, incomplete, failed or cancelled.

exit status:
  0    completed: the value is validated
  1    failed: the provider, or what the model wrote
  2    asked for wrongly
  3    incomplete: the model was cut off by its length limit; the value so far is written
  130  interrupted by Ctrl-C (143 by SIGTERM, 141 by the reader of the output); the model's call is cancelled

environment:
  OPENAI_API_KEY, OPENAI_BASE_URL, GATEWAY_PROVIDER, GATEWAY_MODEL    who is asked; `gateway doctor` says who that is
  NO_COLOR                                                           no colours
  GATEWAY_LOG_LEVEL=debug                                            the log, on stderr
"""


def add_extract(commands: Any) -> None:
    """Add the command to a parser's sub-commands."""
    command = add_command(
        commands,
        "extract",
        summary="extract from a text, here and now",
        description="Extract structured data from a text, and show it while the model is still writing.",
        epilog=_EPILOG,
    )
    command.add_argument("input", type=Path, help="the text to extract from, or - for stdin")
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--extractor", metavar="NAME", help="an extractor of --app, or the example's `conference`")
    what.add_argument(
        "--schema", metavar="FILE or module:attribute", help="a JSON Schema, or a pydantic model of yours"
    )
    command.add_argument("--app", metavar="module:attribute", help="a Gateway of yours, as `shop.extractors:gateway`")
    command.add_argument("--many", action="store_true", help="extract a list of what the schema describes")
    add_mode(command)
    command.add_argument("--json", action="store_true", help="write each update and the ending as a line of JSON")
    command.add_argument(
        "--interval", type=_interval_ms, default=40, metavar="MS", help="least time between updates; 0: every revision"
    )
    add_provider(command)
    command.set_defaults(run=_extract)


def _interval_ms(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 1_000):
        raise argparse.ArgumentTypeError(f"expected milliseconds from 0 to 1000, got {text!r}")
    return int(text)


def _extract(parsed: argparse.Namespace) -> int:
    gateway = application(parsed.app)
    gateway.settings = configured(gateway, parsed)
    provider = gateway.provider
    job = _job(gateway, parsed)
    log_faults(gateway.settings)
    try:
        return asyncio.run(_run(gateway, provider, job, parsed))
    except BrokenPipeError:
        _drop_stdout()
        return _BROKEN_PIPE
    except OSError as error:
        _drop_stdout()
        return complain(f"stdout: {in_words(error)}", _FAILED)


def _drop_stdout() -> None:
    """Let what is left in the buffer go nowhere: at the exit it would fail once more, and say so."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _job(gateway: Gateway, parsed: argparse.Namespace) -> Job:
    extractor = _extractor(gateway, parsed)
    if parsed.input == STDIN and sys.stdin.isatty():
        say("gateway: type the text; Ctrl-D on a line of its own ends it")
    text = text_of(parsed.input)
    jobs = Jobs(gateway.registry, limits=gateway.limits, model=gateway.settings.model, has_inline_schemas=False)
    request = Extract(id=_NAME, input=text, many=parsed.many, model=parsed.model, mode=parsed.mode)
    return jobs.job(request, extractor)


def _extractor(gateway: Gateway, parsed: argparse.Namespace) -> Extractor:
    if parsed.extractor is not None:
        return gateway.registry.get(parsed.extractor)
    made = named_extractor(parsed.schema, gateway.limits)
    return (made.declared is not None and gateway.registry.made_from(made.declared)) or made


async def _run(gateway: Gateway, provider: Provider, job: Job, parsed: argparse.Namespace) -> int:
    """Run the extraction to its end, showing it as asked, and return the exit status."""
    audience, _ = gateway.hub.start(job)
    with _Signals(audience.run).handled() as signals:
        try:
            show = Show(audience, provider, _model(provider, job), parsed.interval)
            if parsed.json:
                await show.lines()
            elif sys.stderr.isatty() and (terminal := Terminal(sys.stderr)).is_live:
                await show.live(terminal, lambda: signals.status is not None)
            ending = await show.ending()
            if not parsed.json:
                await asyncio.to_thread(_write_value, audience.run.extraction, ending)
            return _say_ending(ending, audience.run.extraction.error, show.facts(ending), signals)
        finally:
            await gateway.close()


class _Signals:
    """Ctrl-C and SIGTERM cancel the run; a second one, or a reader who takes nothing, ends this process at once.

    Attributes:
        status: the exit status that a signal asks for, once one has come.
    """

    def __init__(self, run: Run) -> None:
        self.status: int | None = None
        self._run = run

    @contextmanager
    def handled(self) -> Iterator["_Signals"]:
        """Take the signals in this block."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            loop.add_signal_handler(number, self._take, number)
        try:
            yield self
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _take(self, number: signal.Signals) -> None:
        self.status = 128 + number
        self._run.cancel()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        loop.call_later(_PATIENCE_S, signal.raise_signal, number)


def _model(provider: Provider, job: Job) -> str | None:
    """Return the model that answers, where that is known; a recording's is not."""
    if isinstance(provider, ModelHost):
        return provider.model
    return None if isinstance(provider, RecordedProvider) else job.request.model


def _write_value(extraction: Extraction, ending: messages.Terminal) -> None:
    """Write the value: for people into a terminal, as JSON where a program may read it."""
    document = extraction.document
    value = document.value_copy()
    if sys.stdout.isatty():
        if document.rev:
            Terminal(sys.stdout).show(value, document.plain_value())
    elif isinstance(ending, Completed | Incomplete):
        write(unsteering(_pretty(value)))


def _pretty(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _say_ending(
    ending: messages.Terminal, error: GatewayError | None, facts: tuple[str, ...], signals: _Signals
) -> int:
    """Say how it ended: where it went well only to people; return the exit status."""
    seconds = f"{ending.timing.total_ms / 1000:.1f} s"
    match ending:
        case Completed():
            return _close(f"completed in {seconds}", facts, 0)
        case Incomplete():
            return complain(_LENGTH, _INCOMPLETE)
        case Failed():
            words = ending.error.message if error is None else error.full_message
            return complain(f"{ending.error.code}: {words}", _FAILED)
        case _:
            return _close(f"interrupted after {seconds}", facts, signals.status or _FAILED)


def _close(word: str, facts: tuple[str, ...], status: int) -> int:
    if sys.stderr.isatty():
        Terminal(sys.stderr).close(word, facts, colour="yellow" if status else "green")
    return status
