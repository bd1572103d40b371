"""The settings: `GATEWAY_` and an upper-cased name each, read once, at the composition root (PROTOCOL.md §10)."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_address
from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.core.limits import Limits

__all__ = ["Settings", "SettingsError", "host_and_port", "in_words", "is_loopback", "limits_from"]

_PREFIX = "GATEWAY_"
_TINY = sys.float_info.min

_ORIGIN = re.compile(r"(?P<origin>(?P<scheme>https?)://([\w.-]+|\[[\da-f:.]+\]))(?P<port>:\d{1,5})?/?", re.ASCII)
_ADDRESS = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)
_MOST_PORT = 65_535
_IMPLIED_PORTS = {"http": ":80", "https": ":443"}
"""Browsers leave them out of an origin."""


class SettingsError(ValueError):
    """A setting that cannot be used; the message says which and what was expected.

    Attributes:
        setting: its name, where it is one of `Settings`: the command line may have an option for it.
        words: the message without its name.
    """

    def __init__(self, words: str, *, setting: str | None = None) -> None:
        """Keep the words; the name of a setting is put before them."""
        super().__init__(words if setting is None else f"{_PREFIX}{setting.upper()}: {words}")
        self.setting = setting
        self.words = words


def _listed(value: object) -> object:
    return tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value


def _origin(value: str) -> str:
    """Return an origin as browsers write it."""
    match = _ORIGIN.fullmatch(value.lower())
    if match is None:
        raise PydanticCustomError("origin", "expected scheme://host[:port], such as https://app.example.org")
    origin, scheme, port = match.group("origin", "scheme", "port")
    return origin if port in (None, _IMPLIED_PORTS[scheme]) else origin + port


def _address(value: str) -> str:
    """Return an address to listen on as it was written, if it is one."""
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match["port"]) > _MOST_PORT:
        raise PydanticCustomError("address", "expected host:port, such as 127.0.0.1:9090")
    return value


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of an address to listen on; an IPv6 host without its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """What an operator can set.

    Attributes:
        host: address to listen on; one that is not loopback needs `tokens`.
        port: TCP port; 0 for any free one.
        provider: `openai`, `local`, `recorded`, or `auto`: openai where a key or base URL is set, else local where a
            model is named or installed, else recorded.
        model: the model where neither client nor extractor names one.
        model_file: a GGUF file for the local provider; None means the installed one.
        model_threads: how many threads the local provider's model may use.
        recordings: files that the recorded provider plays besides the shipped ones, separated by commas.
        speed: how many times as fast as it was recorded; 0 for no pauses.
        tokens: credentials that may enter, separated by commas; none means everybody may (loopback only).
        origins: origins that browsers may come from, separated by commas, each `scheme://host[:port]`; empty means the
            loopback ones.
        inline_schemas: whether clients may bring a schema of their own; None means only
            where `gateway serve` serves no application of yours, on loopback.
        metrics_address: where `gateway serve` answers `/metrics`, and nowhere else; None: at `host` and `port`, for
            this machine only, and only where everybody may enter.
        log_level: of every logger.
        log_format: `text` for people, `json` for programs: one object a line.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=_MOST_PORT)] = 8080
    provider: Literal["auto", "openai", "local", "recorded"] = "auto"
    model: str | None = None
    model_file: str | None = None
    model_threads: Annotated[int, Field(gt=0)] = 1
    recordings: Listed = ()
    speed: Annotated[float, Field(ge=0)] = 1.0
    tokens: Listed = ()
    origins: Origins = ()
    inline_schemas: bool | None = None
    metrics_address: Annotated[str, AfterValidator(_address)] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    def check(self, *, has_authentication: bool = False) -> None:
        """Make sure that nobody is let in by accident.

        Args:
            has_authentication: whether the application says itself who may enter.

        Raises:
            SettingsError: the address is not loopback and no credential is configured.
        """
        if not is_loopback(self.host) and not self.tokens and not has_authentication:
            raise SettingsError(
                f"{self.host} is not a loopback address and no credential is configured: "
                f"set {_PREFIX}TOKENS to one or more secret tokens, or listen on 127.0.0.1"
            )


def in_words(error: OSError) -> str:
    """Return why a file cannot be used, without its name."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return (error.strerror or type(error).__name__).lower()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def limits_from(environment: Mapping[str, str] | None = None) -> Limits:
    """Return the limits, each as the environment sets it or at its default.

    Raises:
        SettingsError: a limit that is not a number above zero.
    """
    environment = os.environ if environment is None else environment
    names = {field.name: _PREFIX + field.name.upper() for field in fields(Limits)}
    given = {name: environment[variable] for name, variable in names.items() if variable in environment}
    try:
        limits = TypeAdapter(Limits).validate_python(given)
    except ValidationError as error:
        name = names[str(error.errors()[0]["loc"][0])]
        raise SettingsError(f"{name}: expected a number, got {environment[name]!r}") from None
    for name in given:
        least, expected = (0, "a number from 0") if name.startswith("drain_") else (_TINY, "a number above zero")
        if not least <= getattr(limits, name) < inf:
            raise SettingsError(f"{names[name]}: expected {expected}, got {environment[names[name]]!r}")
    return limits
