"""The wire messages of `extraction.v1`, one class per name in PROTOCOL.md §3 and §4, and how they are written."""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.errors import GatewayError

__all__ = [
    "CLIENT_MESSAGES",
    "MOST_RETRIES",
    "Adjust",
    "Announcement",
    "Cancel",
    "Cancelled",
    "ClientMessage",
    "Completed",
    "Credential",
    "Error",
    "Extract",
    "Failed",
    "Failure",
    "Follow",
    "GoAway",
    "Hello",
    "Incomplete",
    "Ping",
    "Pong",
    "Provider",
    "Reset",
    "ServerMessage",
    "Started",
    "Terminal",
    "Timing",
    "Unfollow",
    "Unwatch",
    "Usage",
    "Watch",
    "Watching",
    "Welcome",
    "encode",
    "error_message",
]

PROTOCOL = "extraction.v1"

MOST_RETRIES = 10

Id: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}\Z")]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Interval: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]


class _Message(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """A message from the server: unset fields are left out."""


class _ClientMessage(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message from a client: a field that does not exist is an error, not a wish."""


class From(Struct, frozen=True, forbid_unknown_fields=True):
    """A position to resume from."""

    epoch: str
    rev: Annotated[int, Meta(ge=-1)]


class _WatchOptions(_ClientMessage, frozen=True, kw_only=True):
    """How a watch wants its updates."""

    encoding: str = "patch"
    interval_ms: Interval = 40
    progress: bool = False
    reasoning: bool = False
    grounding: bool = False
    skeleton: bool = True
    paths: list[str] | None = None


class Hello(_ClientMessage, frozen=True, kw_only=True):
    """The first message of a session."""

    token: str | None = None
    ticket: str | None = None
    client: str | None = None


class Params(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be set of the provider's sampling."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType = UNSET
    top_p: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    stop: str | list[str] | UnsetType = UNSET


class Extract(_WatchOptions, frozen=True, kw_only=True):
    """Start an extraction, and watch it."""

    id: Id
    extractor: Name | None = None
    schema: Any = UNSET
    many: bool = False
    input: str | None = None
    messages: list[dict[str, Any]] | None = None
    model: Name | None = None
    mode: str | None = None
    params: Params | None = None
    retries: Annotated[int, Meta(ge=0, le=MOST_RETRIES)] | None = None
    budget_tokens: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None
    key: Name | None = None
    busy: str = "queue"
    cancel_after_ms: Annotated[int, Meta(ge=0)] | None = None
    channel: Name | None = None


class Watch(_WatchOptions, frozen=True, kw_only=True):
    """Watch an extraction that exists."""

    id: Id
    extraction: Name
    from_: From | str = msgspec.field(default="start", name="from")


class Unwatch(_ClientMessage, frozen=True, kw_only=True):
    """Stop watching; the extraction goes on."""

    id: Id


class Adjust(_ClientMessage, frozen=True, kw_only=True):
    """Change a watch's interval."""

    id: Id
    interval_ms: Interval | None = None


class Cancel(_ClientMessage, frozen=True, kw_only=True):
    """End an extraction for everyone."""

    id: Id | None = None
    extraction: Name | None = None


class Follow(_ClientMessage, frozen=True, kw_only=True):
    """Hear of a channel's extractions."""

    id: Id
    channel: Name


class Unfollow(_ClientMessage, frozen=True, kw_only=True):
    """Stop hearing of them."""

    id: Id


class Credential(_ClientMessage, frozen=True, kw_only=True):
    """Refresh the session's credential in place."""

    token: str | None = None
    ticket: str | None = None


class Ping(_ClientMessage, frozen=True, kw_only=True):
    """Ask for a sign of life."""

    nonce: str | int | None = None


class Pong(_ClientMessage, frozen=True, kw_only=True):
    """Give one."""

    nonce: str | int | None = None


ClientMessage: TypeAlias = (
    Hello | Extract | Watch | Unwatch | Adjust | Cancel | Follow | Unfollow | Credential | Ping | Pong
)


class Welcome(_Message, frozen=True, kw_only=True):
    """The answer to `hello`: who is there and what it allows."""

    session: str
    protocol: str
    server: str
    heartbeat_ms: int
    limits: dict[str, int | float]
    extractors: list[dict[str, Any]]
    encodings: list[str]
    inline_schemas: bool
    provider: dict[str, Any]


class Provider(_Message, frozen=True, kw_only=True):
    """Where the text comes from, and how far its model is: sent again whenever that changes."""

    name: str
    model: str | None
    state: str
    reason: str
    small: bool


class Started(_Message, frozen=True, kw_only=True):
    """The answer to `extract`."""

    id: str
    extraction: str
    epoch: str
    state: str
    deduplicated: bool


class Watching(_Message, frozen=True, kw_only=True):
    """The answer to `watch`."""

    id: str
    extraction: str
    epoch: str
    rev: int
    state: str
    recovered: str | None


class Reset(_Message, frozen=True, kw_only=True):
    """What was shown is void; a snapshot of another epoch follows."""

    id: str
    epoch: str
    attempt: int
    reason: str
    errors: list[dict[str, str]] | UnsetType = UNSET


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of all attempts; `estimated` where the provider did not count one of them.

    `saved_tokens` is there where a call was stopped early: what it would have gone on to write, where that is known.
    """

    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated: bool
    saved_tokens: int | UnsetType | None = UNSET


class Timing(Struct, frozen=True, kw_only=True):
    """Milliseconds: waiting for the provider's slot, from there to the first delta, in all."""

    queued_ms: int
    first_delta_ms: int | None
    total_ms: int


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an extraction failed."""

    code: str
    message: str
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET
    phase: str | UnsetType = UNSET
    errors: list[dict[str, str]] | UnsetType = UNSET
    param: str | UnsetType = UNSET


class Terminal(_Message, frozen=True, kw_only=True):
    """How an extraction ended; the last message of a watch. `id` is put in for each watch."""

    epoch: str
    rev: int
    attempts: int
    usage: Usage
    timing: Timing
    digest: str | UnsetType = UNSET
    repairs: list[dict[str, Any]]
    dropped: list[dict[str, Any]] | UnsetType = UNSET


class CheckReport(Struct, frozen=True, kw_only=True):
    """What came of a soft check; `message` where it did not pass and says something."""

    path: str
    name: str
    passed: bool
    message: str | UnsetType = UNSET


class Completed(Terminal, frozen=True, kw_only=True):
    """The value is the validated model's JSON."""

    checks: list[CheckReport] | UnsetType = UNSET


class Incomplete(Terminal, frozen=True, kw_only=True):
    """The model was cut off; `open` are the pointers that were still open, innermost first."""

    reason: str
    open: list[str]


class Failed(Terminal, frozen=True, kw_only=True):
    """The value is what there was until the failure."""

    error: Failure


class Cancelled(Terminal, frozen=True, kw_only=True):
    """Somebody ended it."""


class Error(_Message, frozen=True, kw_only=True):
    """What is wrong with one message; the session goes on."""

    id: str | UnsetType = UNSET
    extraction: str | UnsetType = UNSET
    code: str
    message: str
    param: str | UnsetType = UNSET
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET


class GoAway(_Message, frozen=True, kw_only=True):
    """The server will close soon."""

    reason: str
    retry_after_ms: int
    deadline_ms: int


class Announcement(_Message, frozen=True, kw_only=True):
    """What happened to an extraction of a channel that is followed; `id` is the follow's, `at` RFC 3339 in UTC."""

    id: str
    extraction: str
    extractor: str
    channel: str
    state: str
    at: str


ServerMessage: TypeAlias = (
    Welcome | Provider | Started | Watching | Reset | Terminal | Announcement | Error | GoAway | Ping | Pong
)

CLIENT_MESSAGES: dict[str, type[Any]] = {
    str(message.__struct_config__.tag): message
    for message in (Hello, Extract, Watch, Unwatch, Adjust, Cancel, Follow, Unfollow, Credential, Ping, Pong)
}
"""The class of every message a client may send, by its `type`."""


def encode(message: ServerMessage) -> str:
    """Return the message as the text of one frame."""
    return msgspec.json.encode(message).decode()


def error_message(error: GatewayError, *, id: str | None = None) -> Error:  # noqa: A002 - the wire's own name
    """Return the `error` message for a failure."""
    return Error(
        id=UNSET if id is None else id,
        code=error.code,
        message=error.message,
        param=UNSET if error.param is None else error.param,
        retryable=error.retryable,
        retry_after_ms=UNSET if error.retry_after_ms is None else error.retry_after_ms,
    )
