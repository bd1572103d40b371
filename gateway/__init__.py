"""A real-time extraction gateway: structured data out of language models, while it is being written.

`Gateway`, `stream` and `stream_sync` are imported when they are first asked for: the core stands below the server and
does not load it.
"""

from importlib import import_module

from gateway.version import __version__

__all__ = ["Gateway", "Partial", "Stream", "__version__", "stream", "stream_sync"]

_PLACES = {
    "Gateway": "gateway.app",
    "Partial": "gateway.streaming",
    "Stream": "gateway.annotations",
    "stream": "gateway.app",
    "stream_sync": "gateway.app",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
