"""The composition root: an application's extractors, a provider and settings become one ASGI application."""

import mimetypes
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.choice import Choice, choose
from gateway.connection import Heartbeat
from gateway.core import messages
from gateway.core.document import Encoding
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.handshake import Access, Handshake
from gateway.hub import Hub
from gateway.jobs import Jobs
from gateway.origins import Origins
from gateway.ports import Mode, Provider
from gateway.registry import DEFAULT_INSTRUCTIONS, Extractor, Registry
from gateway.settings import Settings, limits_from
from gateway.tasks import Tasks
from gateway.version import __version__

__all__ = ["Gateway"]

T = TypeVar("T", bound=type[Any])

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

    Example:
        >>> gateway = Gateway()
        >>> @gateway.extractor(instructions="Extract who takes part.")
        ... class Conference(BaseModel):
        ...     users: list[str]
    """

    def __init__(
        self, *, provider: Provider | None = None, settings: Settings | None = None, limits: Limits | None = None
    ) -> None:
        """Begin without extractors."""
        self.registry = Registry()
        self.settings = Settings() if settings is None else settings
        self.limits = limits_from() if limits is None else limits
        self.tasks = Tasks()
        self.heartbeat = Heartbeat(_HEARTBEAT_S)
        self._choice = None if provider is None else Choice(provider, f"provider {provider.name}, as given")
        self._hub: Hub | None = None
        self._app: Starlette | None = None

    def extractor(
        self,
        *,
        name: str | None = None,
        instructions: str = DEFAULT_INSTRUCTIONS,
        model: str | None = None,
        mode: Mode | str = Mode.TOOLS,
        description: str | None = None,
        example: str = "",
    ) -> Callable[[T], T]:
        """Register a pydantic model as an extractor; the model itself stays as it is.

        Args:
            name: how clients ask for it; the model's name in lower case where it is not given.
            instructions: the system message.
            model: the provider's model; None for the server's default.
            mode: `tools`, `json_schema` or `json`.
            description: one line for people; the first line of the model's docstring where it is not given.
            example: an input to try it with; the demo page offers it.

        Raises:
            ValueError: an extractor of that name exists, or there is no such mode.
        """

        def register(declared: T) -> T:
            lines = (declared.__doc__ or "").strip().splitlines()
            extractor = Extractor(
                name=name or declared.__name__.lower(),
                schema=Schema.from_model(declared),
                instructions=instructions,
                model=model,
                mode=Mode(mode),
                description=(lines[0] if lines else "") if description is None else description,
                example=example,
            )
            self.registry.add(extractor)
            return declared

        return register

    @property
    def choice(self) -> Choice:
        """Where the text comes from, and why."""
        if self._choice is None:
            self._choice = choose(self.settings, self.limits)
        return self._choice

    @property
    def provider(self) -> Provider:
        """Where the text comes from."""
        return self.choice.provider

    @property
    def hub(self) -> Hub:
        """Every extraction of this process."""
        if self._hub is None:
            self._hub = Hub(self.provider, limits=self.limits, tasks=self.tasks, now_s=time.monotonic, new_id=_new_id)
        return self._hub

    @property
    def app(self) -> Starlette:
        """The ASGI application: mount it under any path, or serve it as it is."""
        if self._app is None:
            self._app = self._new_app()
        return self._app

    async def close(self) -> None:
        """End every run and let go of the provider; called by the application's shutdown where it has one."""
        for run in self.hub.running():
            run.shut_down()
        await self.tasks.close(patience_s=_LAST_WORDS_S)
        await self.provider.close()

    def _new_app(self) -> Starlette:
        settings, limits = self.settings, self.limits
        jobs = Jobs(
            self.registry, limits=limits, model=settings.model, has_inline_schemas=bool(settings.inline_schemas)
        )
        handshake = Handshake(
            origins=Origins(settings.origins),
            access=Access(settings.tokens),
            hub=self.hub,
            jobs=jobs,
            limits=limits,
            tasks=self.tasks,
            heartbeat=self.heartbeat,
            new_id=_new_id,
            welcome=self._welcome,
        )
        static = _static_folder()
        mimetypes.init()  # reads files: now, not at the first request
        routes = [
            Route("/", _page(static / "index.html")),
            Route("/livez", _livez),
            Route("/readyz", self._readyz),
            WebSocketRoute("/v1/ws", handshake),
            Mount("/static", StaticFiles(directory=static)),
        ]
        return Starlette(routes=routes, middleware=[Middleware(_Guarded)], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        yield
        await self.close()

    def _welcome(self) -> dict[str, Any]:
        return {
            "protocol": messages.PROTOCOL,
            "server": f"extraction-gateway/{__version__}",
            "heartbeat_ms": round(_HEARTBEAT_S * 1000),
            "limits": asdict(self.limits),
            "extractors": [extractor.described() for extractor in self.registry],
            "encodings": list(Encoding),
            "inline_schemas": bool(self.settings.inline_schemas),
            "provider": {"name": self.provider.name, "model": self.settings.model},
        }

    async def _readyz(self, _: Request) -> Response:
        is_full = len(self.heartbeat) >= self.limits.max_connections
        status = {"ready": not is_full, "provider": self.provider.name, "connections": len(self.heartbeat)}
        return JSONResponse(status, status_code=503 if is_full else 200)


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
    headers["cache-control"] = "no-cache"  # a reload shows the version that runs; ETags make it cheap


def _page(path: Path) -> Callable[[Request], Any]:
    async def page(_: Request) -> Response:
        return FileResponse(path)

    return page


async def _livez(_: Request) -> Response:
    return JSONResponse({"alive": True})


def _static_folder() -> Path:
    """Return the folder of the page and client: inside the package when installed, beside it in a checkout."""
    here = Path(__file__).parent
    installed = here / "static"
    return installed if installed.is_dir() else here.parent / "static"


def _new_id() -> str:
    return secrets.token_urlsafe(16)
