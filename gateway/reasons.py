"""Why a connection was not made, in the system's own few words: no address and no name is in them."""

import os
import re
import ssl

__all__ = ["why_not_reached"]

_NUMBER = re.compile(r"\[Errno (\d+)\]")


def why_not_reached(error: OSError) -> str:
    """Return the reason: `connection refused`, `name or service not known`, `TLS: self-signed certificate`.

    Where a name has several addresses it is that of the first one.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(getattr(error, 'reason', None) or 'failed').lower().replace('_', ' ')}"
    number = error.errno or _number_in(str(error))  # that of a look-up is negative, and its own
    return os.strerror(number).lower() if number > 0 else (error.strerror or str(error) or type(error).__name__).lower()


def _number_in(text: str) -> int:
    """Return the first number in asyncio's list of what came of each address; 0 where there is none."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else 0
