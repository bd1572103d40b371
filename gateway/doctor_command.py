"""The command `gateway doctor`: what is installed, what would run, whether it answers, and which setting is wrong.

Each finding is one line in our own words; no credential and no answer of a provider is in it, of its address at most
host and port.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import ValidationError

from gateway.app import Gateway
from gateway.arguments import (
    add_command,
    add_provider,
    application,
    configured,
    fault,
    given,
    log_faults,
    unusable,
)
from gateway.choice import Choice
from gateway.core.limits import Limits
from gateway.errors import GatewayError
from gateway.models import has_runtime, installed_model
from gateway.ports import Provider, ProviderRequest, Text
from gateway.printable import printable
from gateway.providers.local import LocalProvider
from gateway.providers.openai import OpenAIProvider
from gateway.providers.recorded import RecordedProvider
from gateway.settings import Settings, SettingsError, host_and_port, in_words, limits_from
from gateway.terminal import coloured
from gateway.version import __version__

__all__ = ["add_doctor"]

_PACKAGES = ("openai", "websockets", "uvicorn", "pydantic")
_RUNTIME = "xllamacpp"
_PREFIX = "GATEWAY_"

_LIST_S = 5.0
"""For the provider's list of models."""

_ANSWER_S = 60.0
"""For the model on this machine to be loaded and to begin an answer."""

_QUESTION = ProviderRequest(
    messages=({"role": "user", "content": "Is it true that one and one are two?"},),
    schema={
        "type": "object",
        "properties": {"is_true": {"type": "boolean"}},
        "required": ["is_true"],
        "additionalProperties": False,
    },
)

_EPILOG = """\
examples:
  gateway doctor
  gateway doctor --app meetings:gateway      with your application: who may enter, and its own provider
  gateway doctor --provider local            start the model on this machine, and ask it once
  gateway doctor --json | jq .provider

A line begins with ok, warn or fail. The local model is started, asked and ended; openai is asked for its list of
models, which costs nothing. No key is printed.

exit status:
  0 an extraction would work, 1 it would not, 2 asked for wrongly, 130 interrupted

environment:
  OPENAI_API_KEY, OPENAI_BASE_URL and every GATEWAY_ variable are looked at; NO_COLOR: no colours
"""


class Verdict(StrEnum):
    """What a finding means for an extraction."""

    OK = "ok"
    WARN = "warn"  # it would work; something else would not, or not as it was meant
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    verdict: Verdict
    topic: str
    words: str


def add_doctor(commands: Any) -> None:
    """Add the command to a parser's sub-commands."""
    command = add_command(
        commands,
        "doctor",
        summary="say what is installed, what would run, and what is wrong",
        description="Look at this environment: versions, models, settings, the provider that would run, the port.",
        epilog=_EPILOG,
    )
    command.add_argument("--app", metavar="module:attribute", help="a Gateway of yours, as `shop.extractors:gateway`")
    command.add_argument("--host", help="address that `gateway serve` is to listen on")
    command.add_argument("--port", type=int, help="TCP port that it is to listen on")
    add_provider(command)
    command.add_argument("--json", action="store_true", help="write one JSON object")
    command.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    gateway, faults = _gateway(parsed)
    findings = [*_installed(), *faults, *_unknown(os.environ), *_limit_faults(os.environ)]
    choice: Choice | None = None
    if gateway is not None:
        log_faults(gateway.settings)
        choice, (chosen, *answers) = _chosen(gateway, parsed)
        findings += [chosen, *_served(gateway), *answers]
    does_work = all(finding.verdict is not Verdict.FAIL for finding in findings)
    if parsed.json:
        _write_json(findings, choice, does_work=does_work)
    else:
        _write_lines(findings)
    return int(not does_work)


def _write_lines(findings: list[Finding]) -> None:
    topic_chars = max(len(finding.topic) for finding in findings)
    for finding in findings:
        verdict = coloured(finding.verdict, f"{finding.verdict:<4}", sys.stdout)
        sys.stdout.write(f"{verdict}  {finding.topic:<{topic_chars}}  {printable(finding.words)}\n")


def _write_json(findings: list[Finding], choice: Choice | None, *, does_work: bool) -> None:
    report = {
        "works": does_work,
        "provider": None if choice is None else choice.provider.name,
        "versions": {"gateway": __version__, "python": platform.python_version(), **_versions()},
        "findings": [asdict(finding) for finding in findings],
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def _versions() -> dict[str, str | None]:
    """Return the version of each package that counts; None where it is not installed."""
    return {name: _version(name) for name in (*_PACKAGES, _RUNTIME)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _installed() -> Iterator[Finding]:
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding(Verdict.OK, "gateway", f"{__version__}, {python}")
    yield Finding(Verdict.OK, "packages", ", ".join(f"{name} {_version(name) or 'is missing'}" for name in _PACKAGES))
    runtime = f"{_RUNTIME} {_version(_RUNTIME)}" if has_runtime() else "not installed: `gateway model install` does it"
    yield Finding(Verdict.OK, "llama.cpp", runtime)
    model = installed_model()
    words = "none installed" if model is None else f"{model.name}, {model.size_bytes / 1e6:,.0f} MB, {model.source}"
    yield Finding(Verdict.OK, "model files", words)


def _gateway(parsed: argparse.Namespace) -> tuple[Gateway | None, list[Finding]]:
    """Return the gateway that would run, or what is wrong with its variables.

    Raises:
        UsageError: what is named is no gateway.
        ValidationError: it is an option that is wrong, or something of the application's own.
    """
    try:
        if parsed.app is None:
            return Gateway(settings=Settings(**given(parsed)), limits=_limits()), []
        gateway = application(parsed.app)
        gateway.settings = configured(gateway, parsed)
    except SettingsError:
        return None, []  # a limit, which is a finding of its own
    except ValidationError as error:
        faults = error.errors()
        if error.title != Settings.__name__ or any(each["input"] in given(parsed).values() for each in faults):
            raise
        return None, [Finding(Verdict.FAIL, "settings", fault(each, parsed)) for each in faults]
    return gateway, []


def _limits() -> Limits:
    """Return the limits; one that is wrong is a finding of its own."""
    try:
        return limits_from()
    except SettingsError:
        return Limits()


def _unknown(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Find variables that look like settings and are none."""
    known = [f"{_PREFIX}{name.upper()}" for name in (*Settings.model_fields, *(each.name for each in fields(Limits)))]
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in known:
            closest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            yield Finding(Verdict.WARN, "settings", f"{name}: there is no such setting; the closest is {closest}")


def _limit_faults(environment: Mapping[str, str]) -> Iterator[Finding]:
    for limit in fields(Limits):
        variable = f"{_PREFIX}{limit.name.upper()}"
        try:
            limits_from({variable: environment[variable]} if variable in environment else {})
        except SettingsError as error:
            yield Finding(Verdict.FAIL, "settings", str(error))


def _chosen(gateway: Gateway, parsed: argparse.Namespace) -> tuple[Choice | None, list[Finding]]:
    """Return the provider that would run, why, and whether it answers."""
    try:
        choice = gateway.choice
    except SettingsError as error:
        return None, [Finding(Verdict.FAIL, "provider", unusable(error, parsed))]
    lacks_model = isinstance(choice.provider, OpenAIProvider) and _lacks_model(gateway, choice.provider)
    answers = asyncio.run(_reached(choice.provider, lacks_model=lacks_model))
    if isinstance(choice.provider, RecordedProvider) and gateway.settings.provider == "auto":
        own = "for texts of your own set OPENAI_API_KEY, or install a model: gateway model install"
        answers = Finding(Verdict.WARN, "answers", f"{answers.words}; {own}")
    is_open = lacks_model and answers.verdict is not Verdict.OK
    return choice, [Finding(Verdict.WARN if is_open else Verdict.OK, "provider", choice.line), answers]


def _lacks_model(gateway: Gateway, provider: OpenAIProvider) -> bool:
    """Tell whether there are requests for which nobody but the provider can say which model is meant."""
    own = [extractor.model for extractor in gateway.registry]
    return gateway.settings.model is None and provider.model is None and not (own and all(own))


def _served(gateway: Gateway) -> Iterator[Finding]:
    """Find what would keep `gateway serve` from listening."""
    settings = gateway.settings
    try:
        gateway.check()
    except SettingsError as error:
        yield Finding(Verdict.WARN, "serve", str(error))
    yield _port("port", settings.host, settings.port)
    if settings.metrics_address is not None:
        yield _port("metrics port", *host_and_port(settings.metrics_address))


def _port(what: str, host: str, port: int) -> Finding:
    if port == 0:
        return Finding(Verdict.OK, what, f"any free one, on {host}")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        return Finding(Verdict.WARN, what, f"{host}, port {port}: {in_words(error)}")
    return Finding(Verdict.OK, what, f"{host}, port {port}: free")


async def _reached(provider: Provider, *, lacks_model: bool) -> Finding:
    """Find out whether the provider answers; nothing that was started is left."""
    try:
        match provider:
            case OpenAIProvider():
                return await _listed(provider, lacks_model=lacks_model)
            case LocalProvider():
                return await _asked(provider)
            case RecordedProvider():
                return Finding(Verdict.OK, "answers", f"{_count(provider.texts, 'recorded text')}, and no other")
            case _:
                return Finding(Verdict.WARN, "answers", f"not tried: {provider.name}")
    except GatewayError as error:
        return Finding(Verdict.FAIL, "answers", error.full_message)
    finally:
        await provider.close()


async def _listed(provider: OpenAIProvider, *, lacks_model: bool) -> Finding:
    try:
        async with asyncio.timeout(_LIST_S):
            models = await provider.models()
    except TimeoutError:
        return Finding(Verdict.FAIL, "answers", f"the provider did not list its models within {_LIST_S:g} s")
    return _judged(models, provider.model, lacks_model=lacks_model)


def _judged(models: list[str] | None, model: str | None, *, lacks_model: bool) -> Finding:
    if models is None:
        words = "the provider lists no models; does OPENAI_BASE_URL end in /v1?"
        return Finding(Verdict.FAIL if lacks_model else Verdict.WARN, "answers", words)
    listed = f"the provider lists {_count(len(models), 'model')}"
    if lacks_model:
        is_clear = len(models) == 1
        words = "which is used" if is_clear else "and none is chosen: set GATEWAY_MODEL"
        return Finding(Verdict.OK if is_clear else Verdict.FAIL, "answers", f"{listed}, {words}")
    if model is None:
        return Finding(Verdict.OK, "answers", f"{listed}, and each extractor names its own")
    is_there = model in models
    words = f"{model} {'among them' if is_there else 'not among them'}"
    return Finding(Verdict.OK if is_there else Verdict.WARN, "answers", f"{listed}, {words}")


async def _asked(provider: LocalProvider) -> Finding:
    """Load the model and wait for the first word of an answer."""
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(_ANSWER_S):
            await provider.load()
            loaded_s = time.monotonic()
            async with aclosing(provider.stream(_QUESTION)) as deltas:
                while not isinstance(await anext(deltas, Text("")), Text):
                    pass
    except TimeoutError:
        return Finding(Verdict.FAIL, "answers", f"the model did not answer within {_ANSWER_S:g} s")
    load_ms, first_ms = round((loaded_s - began_s) * 1000), round((time.monotonic() - loaded_s) * 1000)
    return Finding(Verdict.OK, "answers", f"loaded in {load_ms:,} ms, first token {first_ms:,} ms later")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
