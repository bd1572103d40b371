"""The command `gateway record`: ask a model once and keep its answer with its timing, whatever the answer is worth."""

import argparse
import asyncio
import os
import sys
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.arguments import UsageError, add_command, add_mode, add_provider, given, named_extractor, text_of
from gateway.choice import choose
from gateway.core.extraction import Extraction, State
from gateway.core.limits import Limits
from gateway.core.messages import Extract
from gateway.core.schema import Schema
from gateway.errors import GatewayError
from gateway.jobs import Job, Jobs
from gateway.ports import ModelHost, Provider, ProviderRequest, Text
from gateway.printable import printable, say
from gateway.providers.openai import OpenAIProvider
from gateway.providers.recorded import Recording, RecordingProvider
from gateway.recordings import Conference
from gateway.registry import Extractor, Registry
from gateway.runner import take
from gateway.settings import Settings, in_words, limits_from

__all__ = ["add_record"]

_NAME = "record"

_EPILOG = """\
examples:
  gateway record minutes.txt --schema meetings:Meeting --output meeting-recording.json
  gateway serve meetings:gateway --recording meeting-recording.json --speed 2

exit status:
  0 written, 1 failed, or written and what it plays is a failure, 2 asked for wrongly, 130 interrupted

environment:
  OPENAI_API_KEY, OPENAI_BASE_URL, GATEWAY_PROVIDER, GATEWAY_MODEL    who is asked
"""


def add_record(commands: Any) -> None:
    """Add the command to a parser's sub-commands."""
    command = add_command(
        commands,
        "record",
        summary="record a model's answer, to be played again",
        description="Ask a model once and write its answer with its timing to a file, to be played to the same input.",
        epilog=_EPILOG,
    )
    command.add_argument("input", type=Path, help="the text to extract from, or - for stdin")
    command.add_argument(
        "--schema",
        metavar="FILE or module:attribute",
        help="a JSON Schema, or a pydantic model of yours (default: the conference example's)",
    )
    add_mode(command)
    command.add_argument("--output", "-o", type=Path, required=True, help="the recording to write")
    command.add_argument("--force", action="store_true", help="write over a file that is there")
    add_provider(command)
    command.set_defaults(run=_record)


def _record(parsed: argparse.Namespace) -> int:
    settings, limits = Settings(**given(parsed)), limits_from()
    _check_output(parsed.output, may_replace=parsed.force)
    job = _job(parsed, settings, limits)
    provider = choose(settings, limits).provider
    recorder = RecordingProvider(provider)
    cut = asyncio.run(_ask(recorder, job.request))
    recording = recorder.recording(_source(provider))
    if cut is not None and not recording.deltas:
        raise cut
    sys.stdout.write("\n")
    fault = _fault(job, recording, cut, limits)
    _write(parsed.output, recording)
    ending = "" if fault is None else f", which plays a failure: {fault}"
    return say(f"gateway: wrote {parsed.output}{ending}", int(fault is not None))


def _source(provider: Provider) -> str:
    """Say where an answer comes from; what its model is called is known once it has answered."""
    model = provider.model if isinstance(provider, ModelHost | OpenAIProvider) else None
    parts = (f"provider {provider.name}", model and f"model {model}", datetime.now(UTC).date().isoformat())
    return ", ".join(filter(None, parts))


def _check_output(path: Path, *, may_replace: bool) -> None:
    """Make sure, before a model is asked, that its answer has where to go."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"{path}: expected a file to write, got a folder")
    if path.exists() and not may_replace:
        raise UsageError(f"{path}: there is such a file; --force writes over it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{path}: permission denied")


def _job(parsed: argparse.Namespace, settings: Settings, limits: Limits) -> Job:
    text = text_of(parsed.input)
    extractor = _extractor(parsed.schema, limits)
    if extractor.redact is not None or extractor.schema.shape.has_redactions:
        raise UsageError(
            "--schema: expected one that redacts nothing; a recording is the model's answer, with what is to be hidden"
        )
    registry = Registry()
    registry.add(extractor)
    jobs = Jobs(registry, limits=limits, model=settings.model, has_inline_schemas=False)
    return jobs.job(Extract(id=_NAME, extractor=_NAME, input=text, mode=parsed.mode))


def _extractor(named: str | None, limits: Limits) -> Extractor:
    if named is None:
        return Extractor(name=_NAME, schema=Schema.from_model(Conference))
    return replace(named_extractor(named, limits), name=_NAME)


async def _ask(recorder: RecordingProvider, request: ProviderRequest) -> GatewayError | None:
    """Show the answer as it comes; return what cut it short."""
    is_terminal = sys.stdout.isatty()
    try:
        async with aclosing(recorder.stream(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    sys.stdout.write(printable(delta.text) if is_terminal else delta.text)
                    sys.stdout.flush()
    except GatewayError as error:
        return error
    finally:
        await recorder.close()
    return None


def _fault(job: Job, recording: Recording, cut: GatewayError | None, limits: Limits) -> str | None:
    """Return why no value comes of an answer, or None where one does."""
    extraction = Extraction(job.schema, epoch=_NAME, limits=limits, created_s=0)
    extraction.start(0)
    outcome = _outcome(extraction, recording, cut)
    if outcome is State.COMPLETED:
        outcome = extraction.judge().error or outcome
    if isinstance(outcome, GatewayError):
        return outcome.full_message
    return None if outcome is State.COMPLETED else "the model stopped before the end, at its length limit"


def _outcome(extraction: Extraction, recording: Recording, cut: GatewayError | None) -> GatewayError | State:
    try:
        for _, delta in recording.pieces():
            take(extraction, delta, 0)
    except GatewayError as error:
        cut = error
    if cut is not None and not extraction.is_whole:  # what follows a whole answer cannot spoil it
        return cut
    return extraction.close()


def _write(path: Path, recording: Recording) -> None:
    try:
        path.write_text(recording.to_json(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {in_words(error)}") from None
