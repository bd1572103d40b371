"""Serving with uvicorn: its settings, each with its reason, and how it begins and ends; see `gateway.sockets`."""

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeAlias

import uvicorn

from gateway.app import Gateway
from gateway.settings import host_and_port
from gateway.sockets import protocols

__all__ = ["Listening", "serve", "server"]

Listening: TypeAlias = Callable[[str], object]
"""Told the address, as `http://127.0.0.1:8080`, once connections are taken there."""

_log = logging.getLogger("gateway")

_PING_S = 20.0
"""WebSocket pings (PROTOCOL.md §7)."""

_STOP_S = 1
"""How long answers that are being sent may take before the server goes."""


def serve(gateway: Gateway, on_listening: Listening) -> None:
    """Serve until interrupted; Ctrl-C ends it at once.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        OSError: it cannot listen there; its `filename` is the address for metrics where it is that one.
    """
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request, with its address
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server(gateway, on_listening).run()


_ANSWERED = frozenset(
    {"ASGI callable returned without completing handshake.", "Invalid UTF-8 sequence received from client."}
)
"""What uvicorn logs as an error of ours, with a traceback, where a peer was refused (403, 503) or sent no UTF-8."""


def _is_news(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False  # a peer did not take its answer before the server went
    return record.msg not in _ANSWERED and not isinstance(record.msg, OSError)  # the command says why it cannot listen


def server(gateway: Gateway, on_listening: Listening) -> uvicorn.Server:
    """Return the server that `serve` runs."""
    http, websocket = protocols(gateway.limits)
    config = uvicorn.Config(
        gateway.app,
        host=gateway.settings.host,
        port=gateway.settings.port,
        http=http,
        ws=websocket,
        ws_max_size=gateway.limits.message_bytes,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,  # patches do the saving; compression costs 35 KiB a connection
        access_log=False,  # a line a request says nothing of extractions, and could carry what an address carries
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,  # runs are ended by the application, clients come back by themselves
        log_config=None,
        log_level="warning",
    )
    return _Server(config, gateway, on_listening, _beside(gateway))


def _beside(gateway: Gateway) -> "_Beside | None":
    """Return the server of `/metrics`, where it has an address of its own."""
    address = gateway.settings.metrics_address
    if address is None:
        return None
    host, port = host_and_port(address)
    config = uvicorn.Config(
        gateway.metrics.app,
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
        log_config=None,
        log_level="warning",
    )
    config.load()  # reads files: now, not in the event loop
    return _Beside(config, address)


class _Listener(uvicorn.Server):
    """Says why it cannot listen as Python does, and where it listens."""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as ended:  # what uvicorn makes of it, once it has logged why
            if isinstance(ended.__context__, OSError):
                raise ended.__context__ from None
            raise

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Beside(_Listener):
    """Listens as long as another server does, which takes the signals."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address
        self.lifespan = config.lifespan_class(config)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        try:
            await super().startup(sockets)
        except OSError as error:
            error.filename = self._address
            raise
        _log.info("metrics are at %s/metrics", self.url)


class _Server(_Listener):
    """The server, and the one of `/metrics` beside it: there before it, and until it has gone.

    It lets everybody go at SIGTERM before it stops; a second one, or SIGINT, stops it at once.
    """

    def __init__(
        self, config: uvicorn.Config, gateway: Gateway, on_listening: Listening, beside: _Beside | None
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._on_listening = on_listening
        self.beside = beside
        self._draining: asyncio.Task[None] | None = None
        self._is_asked_to_drain = False

    async def startup(self, sockets: list[Any] | None = None) -> None:
        if self.beside is not None:
            await self.beside.startup()
        try:
            await super().startup(sockets)
        finally:
            if not self.started:
                await self._end_beside()
        if self.started:
            self._on_listening(self.url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._is_asked_to_drain or not self.started:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        self._is_asked_to_drain = True

    async def on_tick(self, counter: int) -> bool:
        if self._is_asked_to_drain and self._draining is None:
            self._draining = asyncio.create_task(self._drain(), name="drain")
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        if self._draining is not None:
            self._draining.cancel()
        try:
            await super().shutdown(sockets)
        finally:
            await self._end_beside()

    async def _drain(self) -> None:
        try:
            await self._gateway.drain()
        finally:
            self.should_exit = True

    async def _end_beside(self) -> None:
        if self.beside is not None:
            await self.beside.shutdown()
