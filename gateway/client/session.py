"""One session: many watches on one connection that comes back (PROTOCOL.md §2 to §5)."""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, TypeVar, Unpack, overload

import msgspec
from pydantic import PydanticUserError, TypeAdapter, ValidationError

from gateway.client.asking import Message
from gateway.client.connection import FIRST_S, SILENCE_S, Connection, Token
from gateway.client.follow import Follow
from gateway.client.watch import Watch
from gateway.client.watches import Watches
from gateway.core.pointer import join
from gateway.core.values import JsonValue
from gateway.errors import Closed, InvalidOutput, SchemaInvalid

__all__ = ["ExtractOptions", "Session", "WatchOptions", "connect"]

T = TypeVar("T")


class WatchOptions(TypedDict, total=False):
    """Fields of `extract` and `watch` (PROTOCOL.md §3); `encoding` is `append` where it is not given.

    With `paths`, patterns such as `/users/*/name`, values and result are the part that these select (§4); its digest,
    which nobody knows, is not checked.
    """

    encoding: str
    interval_ms: int
    progress: bool
    reasoning: bool
    grounding: bool
    skeleton: bool
    paths: Sequence[str]


class ExtractOptions(WatchOptions, total=False):
    """Fields of `extract` (PROTOCOL.md §3); `key` is random where it is not given."""

    extractor: str
    input: str
    messages: Sequence[Mapping[str, Any]]
    model: str
    mode: str
    params: Mapping[str, Any]
    retries: int
    key: str
    busy: str
    cancel_after_ms: int
    channel: str


class Session:
    """Watches on a connection that comes back; made by `connect`, and alive inside `async with`.

    Args:
        url: as for `connect`, and so are the others but one.
        token: the credential.
        ticket: in its place, a one-time ticket.
        client: free text for the server's log.
        chance: gives 0 to 1.
        timeout_s: for the first connection.
        silence_s: without any frame for so long, the line counts as dead.
        socket_options: of `websockets.asyncio.client.connect`.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        ticket: Token = None,
        client: str | None = None,
        chance: Callable[[], float] = random.random,
        timeout_s: float | None = FIRST_S,
        silence_s: float = SILENCE_S,
        **socket_options: Any,
    ) -> None:
        """Begin without a connection."""
        self._watches = Watches()
        self._connection = Connection(
            url,
            self._watches,
            token=token,
            ticket=ticket,
            client=client,
            chance=chance,
            timeout_s=timeout_s,
            silence_s=silence_s,
            socket_options=socket_options,
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._task is None and self._watches.error is None:
            self._task = asyncio.create_task(self._connection.run(), name="gateway.client connection")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the session: watches that are open fail with `closed`, and no task and no socket is left.

        The server is given 2 s to take the farewell; who is cancelled meanwhile drops the socket at once.
        """
        self._watches.end(Closed("the session was closed"))
        if self._task is None:
            return
        self._task.cancel()
        try:
            await asyncio.wait({self._task})
        except asyncio.CancelledError:
            self._connection.interrupt()
            await asyncio.wait({self._task})
            raise

    @property
    def welcome(self) -> Mapping[str, Any] | None:
        """The newest `welcome`: extractors, limits, provider; None before the first."""
        return self._watches.welcome

    async def connected(self) -> Mapping[str, Any]:
        """Wait for the connection, and return its `welcome`.

        Raises:
            GatewayError: there will be none: the server refused us, nobody answered in time, or the session was closed.
        """
        watches = self._watches
        while watches.welcome is None or not watches.is_open:
            if watches.error is not None:
                raise watches.error.with_traceback(None)
            await watches.bell.heard()
        return watches.welcome

    @overload
    def extract(
        self, *, schema: type[T] | TypeAdapter[T], many: Literal[False] = False, **options: Unpack[ExtractOptions]
    ) -> Watch[T]: ...

    @overload
    def extract(
        self, *, schema: type[T] | TypeAdapter[T], many: Literal[True], **options: Unpack[ExtractOptions]
    ) -> Watch[list[T]]: ...

    @overload
    def extract(
        self,
        *,
        schema: Mapping[str, Any] | bool | None = None,
        many: bool = False,
        **options: Unpack[ExtractOptions],
    ) -> Watch[JsonValue]: ...

    def extract(self, *, schema: Any = None, many: bool = False, **options: Unpack[ExtractOptions]) -> Watch[Any]:
        """Start an extraction, and watch it. Returns at once: it is asked for when there is a connection.

        Args:
            schema: in place of `extractor`: a JSON Schema, or a pydantic model or whatever type pydantic understands
                (one that is no class inside a `TypeAdapter`), of which `Watch.result` then gives an instance. With
                `paths` a watch sees parts, which make none: give the JSON Schema.
            many: the value is a bare array of what the schema describes.
            options: the other fields of `extract` (PROTOCOL.md §3).

        Raises:
            SchemaInvalid: the type has no JSON Schema.
            TypeError: an option is not JSON, or there are `paths` beside a type.
            RuntimeError: the session is not inside its `async with`.
        """
        if schema is None or isinstance(schema, Mapping | bool):
            return self._watch({"schema": schema, "many": many, **_with_key(options)}, _plain)
        if options.get("paths") is not None:
            raise TypeError("paths: expected a JSON Schema beside it; parts of a value make no instance of a type")
        adapter = schema if isinstance(schema, TypeAdapter) else TypeAdapter(schema)
        request = {"schema": _json_schema(adapter), "many": many, **_with_key(options)}
        return self._watch(request, lambda value: _instance(adapter, value, many=many))

    def watch(self, *, extraction: str, **options: Unpack[WatchOptions]) -> Watch[JsonValue]:
        """Watch an extraction that exists, running or ended, by its name. Returns at once."""
        return self._watch({**options, "extraction": extraction}, _plain)

    def follow(self, *, channel: str) -> Follow:
        """Hear of a channel's extractions, those that are there and those to come. Returns at once.

        Raises:
            RuntimeError: the session is not inside its `async with`.
        """
        self._require_connection()
        following, bell = self._watches.follow(channel)
        self._connection.speak()
        return Follow(following, bell, speak=self._connection.speak)

    def interrupt(self) -> None:
        """Drop the socket as a bad line would, and come back."""
        self._connection.interrupt()

    def _watch(self, request: Message, made: Callable[[JsonValue], T]) -> Watch[T]:
        self._require_connection()
        given = {"encoding": "append", **{name: field for name, field in request.items() if field is not None}}
        # Through JSON once: what is none is refused here and now, and who changes it later changes nothing.
        asking, bell = self._watches.add(msgspec.json.decode(msgspec.json.encode(given)))
        self._connection.speak()
        return Watch(asking, bell, speak=self._connection.speak, made=made)

    def _require_connection(self) -> None:
        if self._task is None:
            raise RuntimeError("this session has no connection: use it inside `async with connect(…) as session`")


def connect(
    url: str,
    *,
    token: Token = None,
    ticket: Token = None,
    client: str | None = None,
    chance: Callable[[], float] = random.random,
    timeout_s: float | None = FIRST_S,
    **socket_options: Any,
) -> Session:
    """Return a session for `async with`: it connects, and connects again, and resumes every watch where it was.

    Nothing has to be waited for: what is asked for is sent when the connection is there.

    Args:
        url: `ws://…/v1/ws` or `wss://…/v1/ws`.
        token: the credential, or what is asked for one, anew for each connection: a function, also an async one.
        ticket: in its place, a one-time ticket (PROTOCOL.md §11), or what is asked for one likewise. As text it is good
            for the first connection only: a session that is to come back after a bad line needs the function.
        client: free text for the server's log.
        chance: gives 0 to 1, for the jitter of waits.
        timeout_s: for the first connection; then everything that waits fails with `disconnected`, which says why there
            is none. None: without end. A session that was connected once is never given up for a bad line.
        socket_options: of `websockets.asyncio.client.connect`, such as `ssl`, `proxy` and `additional_headers`.

    Raises:
        ValueError: that is no such URL, or there are both a token and a ticket.

    Example:
        >>> async with connect("ws://127.0.0.1:8080/v1/ws") as session:
        ...     value = await session.extract(extractor="meeting", input=text).result()
    """
    return Session(url, token=token, ticket=ticket, client=client, chance=chance, timeout_s=timeout_s, **socket_options)


def _with_key(options: ExtractOptions) -> Message:
    """Return options with a key: without one, a socket that is lost before `started` would cost a second call."""
    return {**options, "key": options.get("key") or secrets.token_hex(16)}


def _plain(value: JsonValue) -> JsonValue:
    return value


def _json_schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    try:
        return adapter.json_schema(mode="validation", by_alias=True)
    except PydanticUserError as fault:
        raise SchemaInvalid(
            f"schema: expected a type that has a JSON Schema: {fault.message}", param="schema"
        ) from fault


def _instance(adapter: TypeAdapter[Any], value: JsonValue, *, many: bool) -> Any:
    """Return the instance of a validated value: a type may ask for more than its JSON Schema says."""
    parts = value if many and isinstance(value, list) else [value]
    try:
        made = [adapter.validate_json(msgspec.json.encode(part)) for part in parts]
    except ValidationError as fault:
        errors = tuple({"path": join(detail["loc"]), "message": detail["msg"]} for detail in fault.errors())
        error = InvalidOutput("the value fits the JSON Schema, and not the type it was made of", errors=errors)
        error.value = value
        raise error from fault
    return made if many else made[0]
