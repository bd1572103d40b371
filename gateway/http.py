"""What our end points over HTTP share (PROTOCOL.md §11): small JSON bodies, coded refusals, the socket's origins.

1. A body is read to its end before anything is judged, so that no answer is lost on a line that is closed with
   something unread; what is too long is not kept, and what does not end in time closes the line.
2. Every refusal is the `error` message of §4 and has the status of its code, or the fitting one of HTTP.
"""

import asyncio
from collections.abc import Mapping
from math import ceil

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.core.messages import encode, error_message
from gateway.core.values import came
from gateway.errors import BadRequest, GatewayError, Unauthenticated

__all__ = ["Answer", "Rejected", "bearer", "body_of", "object_in", "preflight", "refusal", "shared_with"]

_SCHEME = "bearer"
_PREFLIGHT_S = 600
"""How long a browser may go without asking again whether it may ask."""


class Rejected(Exception):
    """A request that gets no further, by a status of HTTP's own.

    Attributes:
        error: what is wrong.
        status: of the answer.
        is_last: the rest of the request is not read.
    """

    def __init__(self, error: GatewayError, status: int, *, is_last: bool = False) -> None:
        """Keep why."""
        super().__init__(error.message)
        self.error = error
        self.status = status
        self.is_last = is_last


class Answer(Response):
    """JSON that nobody keeps."""

    def __init__(self, content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer with JSON text."""
        super().__init__(content, status, {**(headers or {}), "cache-control": "no-store"}, "application/json")


def refusal(error: GatewayError, status: int | None = None, *, is_last: bool = False) -> Answer:
    """Return the answer that says why not."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if error.retry_after_ms is not None:
        headers["retry-after"] = str(ceil(error.retry_after_ms / 1000))
    if is_last:
        headers["connection"] = "close"
    return Answer(encode(error_message(error)).encode(), error.http_status if status is None else status, headers)


async def body_of(request: Request, *, most_bytes: int, timeout_s: float) -> bytes:
    """Return a request's body.

    Raises:
        Rejected: it is longer (413), or does not come (408).
    """
    declared = request.headers.get("content-length", "")
    size_bytes, body = 0, bytearray()
    is_declared_long = declared.isdecimal() and int(declared[:20]) > most_bytes
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size_bytes += len(chunk)
                if size_bytes <= most_bytes:
                    body += chunk
    except (TimeoutError, ClientDisconnect):
        if is_declared_long or size_bytes > most_bytes:
            raise _too_long(most_bytes, is_last=True) from None
        raise Rejected(BadRequest(f"expected a body within {timeout_s:g} s"), 408, is_last=True) from None
    if size_bytes > most_bytes:
        raise _too_long(most_bytes)
    return bytes(body)


def _too_long(most_bytes: int, *, is_last: bool = False) -> Rejected:
    return Rejected(BadRequest(f"expected a body of at most {most_bytes} bytes"), 413, is_last=is_last)


def object_in(body: bytes, content_type: str | None) -> dict[str, object]:
    """Return the JSON object of a body. No form of a page can send the type of one, so it is asked for.

    Raises:
        Rejected: it is said to be something else (415).
        BadRequest: it is something else.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        expected = "expected the content type application/json"
        raise Rejected(BadRequest(f"{expected}, got {came(media_type) if media_type else 'none'}"), 415)
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
        raise BadRequest("expected one JSON object (RFC 8259), got text that is not") from None
    if not isinstance(content, dict):
        raise BadRequest(f"expected a JSON object, got {came(content)}")
    return content


def bearer(request: Request) -> str | None:
    """Return the credential of `Authorization: Bearer …`; of any other scheme there is none for us."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME:
        return None
    octets = credential.strip().encode("latin-1")  # as they came
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")  # what a browser makes of letters beyond ASCII


def shared_with(origin: str | None, response: Response) -> Response:
    """Let a page of an origin that is allowed read an answer, which may depend on its cookies as the socket does."""
    response.headers["vary"] = "Origin"
    if origin is not None:
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-credentials"] = "true"
    return response


def preflight(method: str) -> Response:
    """Return the answer to a browser that asks whether a page of an allowed origin may send this."""
    headers = {
        "access-control-allow-methods": method,
        "access-control-allow-headers": "authorization, content-type",
        "access-control-max-age": str(_PREFLIGHT_S),
    }
    return Response(status_code=204, headers=headers)
