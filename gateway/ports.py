"""What the gateway needs from the world, as Protocols of at most five verbs (docs/design.md, "Ports").

An adapter implements one port in one file, alone imports its third party, and translates its exceptions into
`gateway.errors`.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from gateway.core.union import Member

__all__ = [
    "Delta",
    "Finish",
    "Mode",
    "ModelHost",
    "ModelState",
    "Provider",
    "ProviderRequest",
    "Reasoning",
    "Refusal",
    "Text",
    "Usage",
]


class Mode(StrEnum):
    """How the provider is asked for JSON (PROTOCOL.md §3)."""

    TOOLS = "tools"
    FUNCTIONS = "functions"
    JSON_SCHEMA = "json_schema"
    JSON = "json"
    MD_JSON = "md_json"
    RESPONSES = "responses"


# msgspec structs: one is made per delta, and a frozen dataclass costs five times as much (0.5 against 0.1 µs).
class Text(msgspec.Struct, frozen=True, tag="text"):
    """A piece of the JSON text the model is writing; its pieces in order are the whole answer."""

    text: str


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """A piece of what the model thinks aloud; never part of the value."""

    text: str


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """A piece of a refusal; its words stay here (they go to no frame)."""

    text: str


class Usage(msgspec.Struct, frozen=True, tag="usage"):
    """Tokens as the provider counted them; the last one of a stream counts."""

    input_tokens: int
    output_tokens: int


class Finish(msgspec.Struct, frozen=True, tag="finish"):
    """The provider's own word on why it stopped: `stop`, `length` or `content_filter`."""

    reason: str


Delta = Text | Reasoning | Refusal | Usage | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """One call to a language model.

    Attributes:
        messages: chat messages in order, verbatim, each `{"role": str, "content": str | list}`.
        follow_up: how the chat went on behind them, where an answer was not valid: what the model answered and what
            was wrong with it, in turn.
        schema: the JSON Schema in the form the provider is sent (strict when `strict`).
        schema_name: 1–64 characters of `[A-Za-z0-9_-]`, for the tool or response format.
        strict: whether `schema` fulfils the provider's rules for strict output.
        wrapper: the only member of the object that `schema` asks for, where the value is that member's.
        is_list: the value is a list, and each of several calls may be an item of it.
        members: of a union of objects, where the value is one: in the mode `tools` each is a tool of its own.
        mode: how JSON is asked for.
        model: None means the provider's only or default model.
        params: `temperature`, `top_p`, `max_tokens`, `seed`, `stop`, each only where the client gave it.
    """

    messages: tuple[Mapping[str, Any], ...]
    schema: Mapping[str, Any]
    schema_name: str = "extract"
    strict: bool = False
    wrapper: str | None = None
    is_list: bool = False
    members: tuple[Member, ...] = ()
    mode: Mode = Mode.TOOLS
    model: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    follow_up: tuple[Mapping[str, Any], ...] = ()

    @property
    def chat(self) -> tuple[Mapping[str, Any], ...]:
        """What a model is sent: the messages, and how the chat went on."""
        return (*self.messages, *self.follow_up)


@runtime_checkable
class Provider(Protocol):
    """A service that writes JSON text piece by piece."""

    @property
    def name(self) -> str:
        """Short name for logs and the page: `openai`, `recorded`."""
        ...

    def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Open one call and give its deltas as they arrive.

        Closing the generator, or cancelling the task that reads it, closes the upstream request at once.
        A stream that ends without a `Finish` was cut.

        Raises:
            ProviderFailure: with our own words; time-outs carry their phase.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class ModelState(StrEnum):
    """How far a model is that a provider runs itself (PROTOCOL.md, `welcome`)."""

    IDLE = "idle"  # started by the first extraction
    INSTALLING = "installing"  # fetched from the package registry, once
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"  # started again by the next extraction


@runtime_checkable
class ModelHost(Protocol):
    """What a provider also tells that runs its model itself."""

    @property
    def model(self) -> str:
        """The only model there is."""
        ...

    @property
    def state(self) -> ModelState:
        """How far it is."""
        ...

    @property
    def slots(self) -> int:
        """How many calls it answers at once; more only wait for each other."""
        ...

    @property
    def is_small(self) -> bool:
        """Whether it is toy-sized: for trying things out."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Hear of every change of `state`."""
        ...
