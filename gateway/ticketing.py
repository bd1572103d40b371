"""`POST /v1/tickets` (PROTOCOL.md §11): whoever may connect gets a ticket, under the rules of the handshake."""

import asyncio
import logging
import time

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from gateway.access import Access
from gateway.core.limits import Limits
from gateway.errors import BadRequest, Forbidden, GatewayError, Internal, ShuttingDown
from gateway.figures import Figures, error_label
from gateway.http import Answer, Rejected, bearer, body_of, object_in, preflight, refusal, shared_with
from gateway.hub import Hub
from gateway.origins import Origins
from gateway.principal import Principal
from gateway.tickets import Tickets

__all__ = ["Ticketing"]

_log = logging.getLogger("gateway")


class Ticketing:
    """The end point.

    Args:
        origins: which web pages may ask.
        access: who may enter.
        tickets: those that are open.
        hub: says whether the server is about to go.
        limits: `ticket_bytes`, and `hello_timeout_s` for the body and for finding out who it is.
        figures: of the gateway.
    """

    def __init__(
        self, *, origins: Origins, access: Access, tickets: Tickets, hub: Hub, limits: Limits, figures: Figures
    ) -> None:
        """Know what every request shares."""
        self._origins = origins
        self._access = access
        self._tickets = tickets
        self._hub = hub
        self._limits = limits
        self._figures = figures

    async def respond(self, request: Request) -> Response:
        """Answer with a ticket, or with why there is none."""
        origin = request.headers.get("origin")
        is_allowed = self._origins.allows(origin)
        if is_allowed and request.method == "OPTIONS":
            return shared_with(origin, preflight("POST"))
        try:
            ticket = await self._ticket(request, is_allowed=is_allowed)
        except Rejected as rejected:
            response = self._refused(rejected.error, rejected.status, is_last=rejected.is_last)
        except GatewayError as error:
            response = self._refused(error)
        else:
            self._figures.ticket_requests["issued"] += 1
            response = Answer(msgspec.json.encode({"ticket": ticket, "expires_in": self._limits.ticket_s}))
        return shared_with(origin if is_allowed else None, response)

    def _refused(self, error: GatewayError, status: int | None = None, *, is_last: bool = False) -> Answer:
        self._figures.ticket_requests[error_label(error.code)] += 1
        return refusal(error, status, is_last=is_last)

    async def _ticket(self, request: Request, *, is_allowed: bool) -> str:
        limits = self._limits
        body = await body_of(request, most_bytes=limits.ticket_bytes, timeout_s=limits.hello_timeout_s)
        if not is_allowed:
            origin = request.headers["origin"]
            _log.warning("a request from origin %.200r was refused; GATEWAY_ORIGINS lists who may", origin)
            raise Forbidden("this origin is not allowed")
        if self._hub.is_closing:
            raise ShuttingDown("the server is about to restart", retry_after_ms=1_000)
        if request.client is not None and request.client.host:
            self._tickets.ask(request.client.host, time.monotonic())
        _require_nothing_in(object_in(body, request.headers.get("content-type")))
        return self._tickets.give(await self._principal(request), time.monotonic())

    async def _principal(self, request: Request) -> Principal:
        """Return who asks, as the handshake finds it out."""
        leash = asyncio.timeout(self._limits.hello_timeout_s)
        try:
            async with leash:
                return await self._access.principal(HTTPConnection(request.scope), bearer(request))
        except GatewayError:
            raise
        except Exception:  # noqa: BLE001 - a fault of the application's ends one request, never the server
            if leash.expired():
                raise Internal("nobody could say in time whether the credential may enter") from None
            _log.exception("authenticate failed")
            raise Internal("it could not be found out who this is") from None


def _require_nothing_in(content: dict[str, object]) -> None:
    for field in content:
        name = field if len(field) <= 60 else f"{field[:59]}…"
        raise BadRequest(f"{name}: there is no such field", param=name)
