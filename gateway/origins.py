"""Which web pages may talk to the gateway (PROTOCOL.md §2.3): an allow-list, never derived from the Host header."""

from urllib.parse import urlsplit

__all__ = ["Origins"]

_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Origins:
    """Tells whether an `Origin` header is welcome.

    Args:
        listed: exact origins, as `https://app.example.org`.
        allows_loopback: whether an empty list stands for every loopback host, any port; else it stands for none.
    """

    def __init__(self, listed: tuple[str, ...] = (), *, allows_loopback: bool = True) -> None:
        """Know the list."""
        self._allows_loopback = allows_loopback
        self._listed = frozenset(origin.rstrip("/").lower() for origin in listed)

    def allows(self, origin: str | None) -> bool:
        """Tell whether a request from there is allowed; without the header it is no browser's, and allowed."""
        if origin is None:
            return True
        if self._listed or not self._allows_loopback:
            return origin.lower() in self._listed
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK_HOSTS
