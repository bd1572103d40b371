from gateway.annotations import Stream
from gateway.app import Gateway, stream, stream_sync
from gateway.core.checks import Check
from gateway.streaming import Partial
from gateway.version import __version__

__all__ = ["Check", "Gateway", "Partial", "Stream", "__version__", "stream", "stream_sync"]
