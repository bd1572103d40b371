"""Serving with uvicorn: its settings, each with its reason."""

import logging
import sys

import uvicorn

from gateway.app import Gateway

__all__ = ["serve"]

_PING_S = 20.0
"""WebSocket pings (PROTOCOL.md §7)."""


def serve(gateway: Gateway) -> None:
    """Serve until interrupted; Ctrl-C ends it at once."""
    settings = gateway.settings
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s %(message)s"
    )
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request, with its address
    config = uvicorn.Config(
        gateway.app,
        host=settings.host,
        port=settings.port,
        ws="websockets-sansio",
        ws_max_size=gateway.limits.message_bytes,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,  # patches do the saving; compression costs 35 KiB a connection
        access_log=False,  # a line a request says nothing of extractions, and could carry what an address carries
        server_header=False,
        timeout_graceful_shutdown=0,  # runs are ended by the application, clients come back by themselves
        log_config=None,
        log_level="warning",
    )
    uvicorn.Server(config).run()
