"""The composition root: an application's extractors, a provider and settings become one ASGI application."""

import asyncio
import logging
import mimetypes
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack, cast

import msgspec
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access import Access, Authenticate
from gateway.choice import Choice, choose
from gateway.connection import Connection
from gateway.core import frames, messages
from gateway.core.checks import Check
from gateway.core.limits import Limits
from gateway.core.parts import ENCODINGS
from gateway.core.redaction import Transform
from gateway.core.schema import Schema
from gateway.drain import drained
from gateway.errors import BadRequest
from gateway.figures import Figures
from gateway.files import folder, page
from gateway.handshake import Handshake
from gateway.heartbeat import Heartbeat
from gateway.hooks import Hook, HookEvent, Hooks
from gateway.hub import Hub
from gateway.hydration import annotation_of
from gateway.jobs import Jobs
from gateway.metrics import Metrics
from gateway.origins import Origins
from gateway.ports import Mode, ModelHost, ModelState, Provider
from gateway.registry import DEFAULT_INSTRUCTIONS, Extractor, Registry
from gateway.settings import Settings, is_loopback, limits_from
from gateway.streaming import Partial, StreamOptions, blocking, partials, validated_by
from gateway.tasks import Tasks
from gateway.ticketing import Ticketing
from gateway.tickets import Tickets
from gateway.version import __version__

__all__ = ["Gateway", "stream", "stream_sync"]

T = TypeVar("T", bound=type[Any])
M = TypeVar("M")
H = TypeVar("H", bound=Hook)

_log = logging.getLogger("gateway")

_GUESSABLE_CHARS = 16
_HEARTBEAT_S = 15.0
_LAST_WORDS_S = 0.5  # for runs to come to their ending when the gateway is closed

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Gateway:
    """Extractors, and the ASGI application that serves them.

    Args:
        provider: where the text comes from; chosen by the settings where it is not given.
        settings: read from `GATEWAY_…` where they are not given.
        limits: likewise.
        authenticate: tells who may enter, besides those who hold one of the settings' tokens: given the request (an
            upgrade, or one for a ticket) and the credential the client sent, it returns a name for who it is, or None.
            It may be asynchronous; a plain function runs in a thread.

    Example:
        >>> gateway = Gateway()
        >>> @gateway.extractor(instructions="Extract who takes part.")
        ... class Conference(BaseModel):
        ...     users: list[str]

    Attributes:
        draining: whether this gateway is about to go: `/readyz` then says so, and nothing else changes.
        figures: what it has counted.
    """

    def __init__(
        self,
        *,
        provider: Provider | None = None,
        settings: Settings | None = None,
        limits: Limits | None = None,
        authenticate: Authenticate | None = None,
    ) -> None:
        """Begin without extractors."""
        _require_provider(provider)
        self.registry = Registry()
        self.hooks = Hooks()
        self._settings = Settings() if settings is None else settings
        self.limits = limits_from() if limits is None else limits
        self.tasks = Tasks()
        self.figures = Figures()
        self.is_draining = False
        self.heartbeat = self._new_heartbeat()
        self._authenticate = authenticate
        self._loop: asyncio.AbstractEventLoop | None = None  # of the extractions in process
        self._given = provider
        self._choice = None if provider is None else self._heard(Choice(provider, "the application gives it"))
        self._hub: Hub | None = None
        self._app: Starlette | None = None

    def extractor(
        self,
        *misplaced: object,
        name: str | None = None,
        instructions: str = DEFAULT_INSTRUCTIONS,
        model: str | None = None,
        mode: Mode | str = Mode.TOOLS,
        description: str | None = None,
        example: str = "",
        retries: int = 0,
        budget_tokens: int | None = None,
        retain_ms: int | None = None,
        redact: Transform | None = None,
        checks: Iterable[Check] = (),
    ) -> Callable[[T], T]:
        """Register a pydantic model as an extractor; the model itself stays as it is.

        Args:
            misplaced: nothing; tells where the parentheses are missing.
            name: how clients ask for it; the model's name in lower case where it is not given.
            instructions: the system message.
            model: the provider's model; None for the server's default.
            mode: how the model is asked: `tools`, `functions`, `json_schema`, `json`, `md_json` or `responses`.
            description: one line for people; the first line of the model's docstring where it is not given.
            example: an input to try it with; the demo page offers it.
            retries: how often the model is asked again after an answer that is not valid, 0 to 10, where the client
                does not say.
            budget_tokens: that the model may write for one extraction, all attempts together; a client may only
                lower it.
            retain_ms: how long an extraction is kept once it has ended, for those who come later; 0 keeps none, None
                keeps it as long as the limit `retain_s` says.
            redact: given the pointer and the complete value of a leaf, returns what is shown instead, everywhere: on
                the wire, in process, in hooks. It is given the leaves of fields that are annotated with
                `Stream(redact=True)`, where there are any, else every leaf; what it is given is shown only when it is
                complete. Without it such fields are masked.
            checks: what is expected of the whole value: each is given the validated instance, and only reported, in
                `completed` and as `Partial.checks`. Checks of fields stand in their annotations.

        Raises:
            ValueError: an extractor of that name exists, there is no such mode, or a number is out of bounds.
            TypeError: an option is of another kind, or the parentheses of `@gateway.extractor()` are missing.
        """
        if misplaced:
            raise TypeError("extractor: expected options by name; write @gateway.extractor(), with parentheses")

        def register(declared: T) -> T:
            lines = (declared.__doc__ or "").strip().splitlines()
            extractor = Extractor(
                name=name or declared.__name__.lower(),
                schema=Schema.from_model(declared),
                instructions=instructions,
                model=model,
                mode=_mode(mode),
                description=(lines[0] if lines else "") if description is None else description,
                example=example,
                declared=declared,
                retries=retries,
                budget_tokens=budget_tokens,
                retain_ms=retain_ms,
                redact=redact,
                checks=tuple(checks),
            )
            self.registry.add(extractor)
            return declared

        return register

    def on(self, event: HookEvent) -> Callable[[H], H]:
        """Register a hook: it is told whenever that happens to an extraction, on the wire or in process.

        A hook takes one `gateway.hooks.Report`. It may be asynchronous; a plain function runs in a thread. It delays no
        stream, and what it raises is logged. Of `update` the latest wins; the others are all told, in order.

        Args:
            event: `start`, `update`, `retry`, `error` or `end`.

        Raises:
            ValueError: there is no such event.
        """

        def register(hook: H) -> H:
            self.hooks.add(event, hook)
            return hook

        return register

    @property
    def settings(self) -> Settings:
        """What an operator has set."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        """Take other settings; what was made with the ones before (application, hub, choice) is made anew."""
        self._settings = settings
        self._app = self._hub = None
        if self._given is None:
            self._choice = None

    @property
    def choice(self) -> Choice:
        """Where the text comes from, and why."""
        if self._choice is None:
            self._choice = self._heard(choose(self.settings, self.limits))
        return self._choice

    def check(self) -> None:
        """Make sure that nobody is let in by accident.

        Raises:
            SettingsError: the address is not loopback, and neither tokens nor `authenticate` say who may enter.
        """
        self.settings.check(has_authentication=self._authenticate is not None)
        if any(len(token) < _GUESSABLE_CHARS for token in self.settings.tokens):
            _log.warning("GATEWAY_TOKENS: a token of less than %d characters may be guessed", _GUESSABLE_CHARS)

    @property
    def provider(self) -> Provider:
        """Where the text comes from."""
        return self.choice.provider

    @property
    def hub(self) -> Hub:
        """Every extraction of this process."""
        if self._hub is None:
            limits = _within(self.limits, self.provider)
            self._hub = Hub(
                self.provider,
                limits=limits,
                tasks=self.tasks,
                now_s=time.monotonic,
                new_id=_new_id,
                hooks=self.hooks,
                figures=self.figures,
            )
        return self._hub

    def _new_heartbeat(self) -> Heartbeat[Connection]:
        return Heartbeat(_HEARTBEAT_S, self.figures.lag_s)

    def _in_this_loop(self) -> Hub:
        """Return the hub, after everything that a loop which is over has left.

        Raises:
            RuntimeError: it runs in another loop.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            if not self._loop.is_closed() or self._given is not None:
                raise RuntimeError("this Gateway is in use in another event loop: close it there, or make another one")
            self.settings, self.tasks, self.heartbeat = self._settings, Tasks(), self._new_heartbeat()
        self._loop = loop
        return self.hub

    def stream(
        self,
        response_model: type[M] | TypeAdapter[M],
        input: str | Sequence[Mapping[str, Any]],  # noqa: A002 - the wire's own name
        *,
        instructions: str | None = None,
        model: str | None = None,
        mode: Mode | str | None = None,
        params: Mapping[str, Any] | None = None,
        retries: int | None = None,
        budget_tokens: int | None = None,
        interval: float = 0.04,
        progress: bool = False,
    ) -> AsyncGenerator[Partial[M]]:
        """Extract in this process: ever fuller partials, the last one validated.

        The first step starts it; leaving the loop cancels the provider's call. The gateway stays open for further
        calls until `close`, in one event loop.

        Args:
            response_model: a pydantic model, or any type pydantic can validate (`list[User]`), one that is no class
                inside a `TypeAdapter` (`TypeAdapter[User | None](User | None)`); what it was registered with as an
                extractor of this gateway applies.
            input: the text, or chat messages, verbatim.
            instructions: the system message.
            model: the provider's model.
            mode: how the model is asked: `tools`, `functions`, `json_schema`, `json`, `md_json` or `responses`.
            params: `temperature`, `top_p`, `max_tokens`, `seed`, `stop`.
            retries: how often the model is asked again after an answer that is not valid; the partial behind it begins
                anew, with the next `attempt`.
            budget_tokens: that the model may write, all attempts together.
            interval: least seconds between two partials, 0 to 1.
            progress: whether `Partial.progress` tells which places are complete.

        Raises:
            GatewayError: with its `code`, as on the wire; besides, `incomplete` where the model was cut off.
        """
        _require_asked(response_model, input)
        annotation = annotation_of(response_model)
        extractor = self.registry.made_from(annotation) or _inline(annotation, response_model)
        if instructions is not None:
            extractor = replace(extractor, instructions=instructions)
        wish: dict[str, Any] = {"type": "extract", "id": "stream", "extractor": extractor.name, "model": model}
        wish |= {"input": input} if isinstance(input, str) else {"messages": list(input)}
        wish |= {"mode": None if mode is None else str(mode), "params": None if params is None else dict(params)}
        wish |= {"retries": retries, "budget_tokens": budget_tokens}
        given = {name: value for name, value in wish.items() if value is not None}
        request = frames.read(msgspec.json.encode(given).decode(), max_depth=self.limits.message_depth)
        job = self._jobs.job(cast("messages.Extract", request), extractor)
        return partials(
            lambda: self._in_this_loop().start(job)[0],
            annotation,
            validated_by(response_model),
            interval_ms=_milliseconds(interval),
            has_progress=progress,
        )

    def stream_sync(
        self,
        response_model: type[M] | TypeAdapter[M],
        input: str | Sequence[Mapping[str, Any]],  # noqa: A002 - the wire's own name
        **options: Unpack[StreamOptions],
    ) -> Generator[Partial[M]]:
        """Do the same as `stream` from synchronous code, in a script or a notebook.

        Each call makes a gateway of its own in a thread of its own, and closes it. Options are those of `stream`.
        """
        gateway = Gateway(provider=self._given, settings=self.settings, limits=self.limits)
        gateway.registry, gateway.hooks = self.registry, self.hooks
        return blocking(lambda: _closing(gateway, response_model, input, options))

    @property
    def app(self) -> Starlette:
        """The ASGI application: mount it under any path, or serve it as it is."""
        if self._app is None:
            self._app = self._new_app()
        return self._app

    @property
    def metrics(self) -> Metrics:
        """Its figures for Prometheus: `metrics.app` is an ASGI application, for where operators alone get at it."""
        return Metrics(self.figures, lambda: (len(self.heartbeat), self.hub.load, _within(self.limits, self.provider)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def drain(self) -> None:
        """Let everybody go, in the time that PROTOCOL.md §10 gives; `gateway serve` does so at SIGTERM.

        An application that mounts the gateway may call this before its server closes the connections.
        """
        self.is_draining = True
        hub = self.hub

        def refuse() -> None:
            hub.is_closing = True

        await drained(
            lambda: list(self.heartbeat),
            limits=self.limits,
            is_running=lambda: bool(hub.running()),
            refuse=refuse,
            end_runs=self._end_runs,
            has_balancer=not self._is_private,
        )

    def _end_runs(self) -> None:
        for run in self.hub.running():
            run.shut_down()

    @property
    def _is_private(self) -> bool:
        """Whether only this machine can come here, and nobody is asked who it is."""
        return is_loopback(self.settings.host) and not self.settings.tokens and self._authenticate is None

    async def close(self) -> None:
        """End every run and let go of the provider; called by the application's shutdown where it has one."""
        self._end_runs()
        await self.tasks.close(patience_s=_LAST_WORDS_S)
        self.hub.close()
        await self.provider.close()
        self._loop = None
        self.is_draining = self.hub.is_closing = False  # it may be served anew

    @property
    def _jobs(self) -> Jobs:
        has_inline_schemas = bool(self.settings.inline_schemas)
        return Jobs(self.registry, limits=self.limits, model=self.settings.model, has_inline_schemas=has_inline_schemas)

    def _new_app(self) -> Starlette:
        settings, limits = self.settings, self.limits
        origins = Origins(settings.origins, allows_loopback=is_loopback(settings.host))
        access = Access(settings.tokens, self._authenticate)
        tickets = Tickets(limits, _new_id, is_private=self._is_private)
        ticketing = Ticketing(
            origins=origins, access=access, tickets=tickets, hub=self.hub, limits=limits, figures=self.figures
        )
        handshake = Handshake(
            origins=origins,
            access=access,
            tickets=tickets,
            hub=self.hub,
            jobs=self._jobs,
            limits=limits,
            tasks=self.tasks,
            heartbeat=self.heartbeat,
            figures=self.figures,
            new_id=_new_id,
            welcome=self._welcome,
            is_private=self._is_private,
        )
        static = _static_folder()
        mimetypes.init()  # reads files: now, not at the first request
        routes = [
            Route("/", page(static / "index.html")),
            Route("/livez", _livez),
            Route("/readyz", self._readyz),
            Route("/v1/tickets", ticketing.respond, methods=["POST", "OPTIONS"]),
            WebSocketRoute("/v1/ws", handshake),
            Mount("/static", folder(static)),
        ]
        if self._shows_metrics:
            routes.append(Route("/metrics", self.metrics.respond_here))
        return Starlette(routes=routes, middleware=[Middleware(_Guarded)], lifespan=self._lifespan)

    @property
    def _shows_metrics(self) -> bool:
        """Whether `/metrics` is beside the rest: where everybody on this machine may enter anyway, and no one else."""
        settings = self.settings
        is_open = not settings.tokens and self._authenticate is None and is_loopback(settings.host)
        return is_open and settings.metrics_address is None

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        yield
        await self.close()

    def _welcome(self) -> dict[str, Any]:
        return {
            "protocol": messages.PROTOCOL,
            "server": f"extraction-gateway/{__version__}",
            "heartbeat_ms": round(_HEARTBEAT_S * 1000),
            "limits": asdict(_within(self.limits, self.provider)),
            "extractors": [extractor.described() for extractor in self.registry],
            "encodings": list(ENCODINGS),
            "inline_schemas": bool(self.settings.inline_schemas),
            "provider": self._described(),
        }

    def _described(self) -> dict[str, Any]:
        """Return what clients are told of the provider; one that runs no model itself is always ready."""
        provider = self.provider
        told: dict[str, Any] = {"name": provider.name, "reason": self.choice.reason}
        if isinstance(provider, ModelHost):
            return told | {"model": provider.model, "state": provider.state.value, "small": provider.is_small}
        return told | {"model": self.settings.model, "state": ModelState.READY.value, "small": False}

    def _heard(self, choice: Choice) -> Choice:
        """Hear of the state of a provider's own model."""
        if isinstance(choice.provider, ModelHost):
            choice.provider.subscribe(self._tell_state)
        return choice

    def _tell_state(self) -> None:
        """Tell every session how far the model is."""
        message = messages.Provider(**self._described())
        for connection in self.heartbeat:
            connection.tell(message)

    async def _readyz(self, _: Request) -> Response:
        reason, load = self._unready(), self.hub.load
        status = {
            "ready": reason is None,
            "reason": reason,
            "provider": self.provider.name,
            "state": self._described()["state"],
            "connections": len(self.heartbeat),
            "max_connections": self.limits.max_connections,
            "running": load.running,
            "queued": load.queued,
        }
        return JSONResponse(status, status_code=200 if reason is None else 503)

    def _unready(self) -> str | None:
        """Return why no connection should be sent here; a model that is not there yet is no reason: it will be."""
        if self.is_draining:
            return "draining"
        return "over_capacity" if len(self.heartbeat) >= self.limits.max_connections else None


def _mode(mode: Mode | str) -> Mode:
    if mode not in list(Mode):
        raise ValueError(f"mode: expected one of {', '.join(Mode)}; got {mode!r:.100}")
    return Mode(mode)


def _require_provider(provider: object) -> None:
    if provider is not None and not isinstance(provider, Provider):
        by_name = "; GATEWAY_PROVIDER chooses one by its name" if isinstance(provider, str) else ""
        raise TypeError(f"provider: expected one with name, stream and close, got {provider!r:.100}{by_name}")


def _require_asked(response_model: object, text: object) -> None:
    if isinstance(response_model, Mapping):
        raise TypeError("response_model: expected a type that pydantic can validate, got a mapping (a JSON Schema?)")
    if not isinstance(text, str | Sequence):
        raise TypeError(f"input: expected a text, or chat messages, got {type(text).__name__}")


def _milliseconds(interval: float) -> int:
    if not 0 <= interval <= 1:
        raise BadRequest(f"interval: expected 0 to 1 s, got {interval}", param="interval")
    return round(interval * 1000)


def _inline(annotation: Any, declared: Any) -> Extractor:
    """Return an extractor for a type that is registered nowhere; an adapter validates as it is configured."""
    adapter = declared if isinstance(declared, TypeAdapter) else None
    return Extractor(name="inline", schema=Schema.from_model(annotation, adapter=adapter))


async def stream(
    response_model: type[M] | TypeAdapter[M],
    input: str | Sequence[Mapping[str, Any]],  # noqa: A002 - the wire's own name
    **options: Unpack[StreamOptions],
) -> AsyncGenerator[Partial[M]]:
    """Extract once in this process: ever fuller partials, the last one validated.

    The provider is that of the environment. It is opened for this call and closed with it: for many calls, or a model
    on this machine that is to stay loaded, make a `Gateway` and use its `stream`. Leaving the loop cancels the call.

    Options are those of `Gateway.stream`.

    Raises:
        GatewayError: as there.
        SettingsError: a setting that cannot be used.
    """
    async with aclosing(_closing(Gateway(), response_model, input, options)) as items:
        async for item in items:
            yield item


def stream_sync(
    response_model: type[M] | TypeAdapter[M],
    input: str | Sequence[Mapping[str, Any]],  # noqa: A002 - the wire's own name
    **options: Unpack[StreamOptions],
) -> Generator[Partial[M]]:
    """Do the same as the function `stream` from synchronous code, in a script or a notebook."""
    return blocking(lambda: _closing(Gateway(), response_model, input, options))


async def _closing(
    gateway: Gateway, response_model: type[M] | TypeAdapter[M], text: Any, options: Any
) -> AsyncGenerator[Partial[M]]:
    """Extract once with a gateway, and close it."""
    async with gateway, aclosing(gateway.stream(response_model, text, **options)) as items:
        async for item in items:
            yield item


def _within(limits: Limits, provider: Provider) -> Limits:
    """Return the limits, with no more calls at once than the provider's own model answers: others are queued."""
    if not isinstance(provider, ModelHost):
        return limits
    return replace(limits, provider_calls=min(limits.provider_calls, provider.slots))


class _Guarded:
    """Adds the headers that keep a page from running or loading anything that is not ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                _guard(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, guarded_send if scope["type"] == "http" else send)


def _guard(headers: MutableHeaders) -> None:
    headers["content-security-policy"] = _CONTENT_SECURITY_POLICY
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers.setdefault("cache-control", "no-cache")  # a reload shows the version that runs; ETags make it cheap


async def _livez(_: Request) -> Response:
    return JSONResponse({"alive": True})


def _static_folder() -> Path:
    """Return the folder of the page and client: inside the package when installed, beside it in a checkout."""
    here = Path(__file__).parent
    installed = here / "static"
    return installed if installed.is_dir() else here.parent / "static"


def _new_id() -> str:
    return secrets.token_urlsafe(16)
