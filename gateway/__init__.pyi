from gateway.app import Gateway
from gateway.version import __version__

__all__ = ["Gateway", "__version__"]
