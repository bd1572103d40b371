"""A real-time extraction gateway: structured data out of language models, while it is being written.

Everything here is imported when it is first asked for: the core stands below the server and does not load it.
"""

import logging
from importlib import import_module

__all__ = ["Check", "Gateway", "Partial", "Stream", "__version__", "stream", "stream_sync"]

_PLACES = {
    "Check": "gateway.core.checks",
    "Gateway": "gateway.app",
    "Partial": "gateway.streaming",
    "Stream": "gateway.annotations",
    "__version__": "gateway.version",
    "stream": "gateway.app",
    "stream_sync": "gateway.app",
}

logging.getLogger("gateway").addHandler(
    logging.NullHandler()
)  # in process nothing is written but where it is asked for


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
