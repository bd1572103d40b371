"""An audience of one extraction that nobody is in."""

from gateway.core.parts import Shown
from gateway.errors import GatewayError

__all__ = ["Nobody"]


class Nobody:
    """Watches nothing."""

    def started(self) -> None:
        """Hear that the provider is called."""

    def grown(self, parts: Shown) -> None:
        """Hear that something is new."""

    def retrying(self, error: GatewayError) -> None:
        """Hear that the model will be asked again."""

    def reset(self) -> None:
        """Hear that a new attempt begins."""

    def ended(self) -> None:
        """Hear that the terminal is there."""
