"""A real-time extraction gateway: structured data out of language models, while it is being written.

`Gateway` is imported when it is first asked for: the core stands below the server and does not load it.
"""

from importlib import import_module

from gateway.version import __version__

__all__ = ["Gateway", "__version__"]


def __getattr__(name: str) -> object:
    if name != "Gateway":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("gateway.app").Gateway
