"""Every way a request can fail, by who must act, with its wire code and HTTP status (PROTOCOL.md §8, §9).

    GatewayError
    ├── ClientError      the client must change something
    ├── ProviderFailure  the language model or its service
    ├── StoreFailure     where extractions are kept
    ├── Overload         too much at once; the same request may work later
    ├── Internal         ours
    └── Ending           no wire error: an extraction or a session ended without a validated value

A message is always our own text: what a provider answered reaches no frame and no log above debug.
"""

from enum import IntEnum
from typing import Any, ClassVar

__all__ = [
    "ERRORS",
    "BadRequest",
    "CancelledExtraction",
    "ClientError",
    "CloseCode",
    "Closed",
    "Disconnected",
    "DuplicateId",
    "Ending",
    "Forbidden",
    "GatewayError",
    "IdempotencyConflict",
    "IncompleteExtraction",
    "InputTooLarge",
    "Internal",
    "InvalidOutput",
    "NotFound",
    "OutputTooLarge",
    "OverCapacity",
    "Overload",
    "ProviderError",
    "ProviderFailure",
    "ProviderRateLimited",
    "ProviderTimeout",
    "RateLimited",
    "Refused",
    "SchemaInvalid",
    "SchemaTooComplex",
    "ShuttingDown",
    "StoreFailure",
    "StoreUnavailable",
    "Unauthenticated",
    "UnsupportedVersion",
    "WriterLost",
]


class CloseCode(IntEnum):
    """Why a connection was closed (PROTOCOL.md §8)."""

    DONE = 1000
    GONE = 1001
    BROKEN = 1002
    BINARY = 1003
    NOT_UTF8 = 1007
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    OVER_CAPACITY = 1013
    PROTOCOL_VIOLATION = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    HELLO_TIMEOUT = 4408
    TOO_SLOW = 4413
    RATE_ABUSE = 4429
    CREDENTIAL_EXPIRED = 4440
    FAULT = 4500


class GatewayError(Exception):
    """One failure as the wire knows it.

    Attributes:
        code: the wire code (PROTOCOL.md §9).
        retryable: whether the same request can work later without a change.
        http_status: the status of the same failure over HTTP.
        message: our own words: which field, what was expected, what came.
        param: the field of the message that is wrong, where there is one.
        retry_after_ms: when to try again, where that is known.
        phase: for time-outs: connect, first_delta, idle or total.
        errors: for invalid output: `{"path": JSON Pointer, "message": str}` each.
        detail: what more the log and the command may say, such as an address: it reaches no frame.
        value: what an extraction had reached when it failed, as plain JSON; None where that is nothing.
    """

    code: str = "internal"
    retryable: bool = False
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_ms: int | None = None,
        phase: str | None = None,
        errors: tuple[dict[str, str], ...] = (),
        detail: str = "",
    ) -> None:
        """Keep the words and where they apply."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_ms = retry_after_ms
        self.phase = phase
        self.errors = errors
        self.detail = detail
        self.value: Any = None

    @property
    def full_message(self) -> str:
        """The message with its detail, for those who operate the gateway."""
        return f"{self.message} ({self.detail})" if self.detail else self.message


class ClientError(GatewayError):
    """The client must change something before it tries again."""

    http_status = 400


class BadRequest(ClientError):
    """A message that does not have the form PROTOCOL.md gives it."""

    code = "bad_request"


class UnsupportedVersion(ClientError):
    """A protocol version this server does not speak."""

    code = "unsupported_version"


class Unauthenticated(ClientError):
    """No credential, or one that does not hold."""

    code, http_status = "unauthenticated", 401


class Forbidden(ClientError):
    """A credential that does not allow this."""

    code, http_status = "forbidden", 403


class NotFound(ClientError):
    """Unknown, expired or not permitted: the same answer for all three."""

    code, http_status = "not_found", 404


class DuplicateId(ClientError):
    """An id that is live already."""

    code, http_status = "duplicate_id", 409


class IdempotencyConflict(ClientError):
    """A key that was used with another body."""

    code, http_status = "idempotency_conflict", 409


class SchemaInvalid(ClientError):
    """A schema that cannot be used, with the place that is wrong."""

    code, http_status = "schema_invalid", 422


class SchemaTooComplex(ClientError):
    """A schema beyond the limits of size, depth or nodes."""

    code, http_status = "schema_too_complex", 422


class InputTooLarge(ClientError):
    """An input beyond the limit."""

    code, http_status = "input_too_large", 413


class ProviderFailure(GatewayError):
    """The language model, or the service in front of it, did not deliver."""

    http_status = 502


class ProviderError(ProviderFailure):
    """The provider could not be reached, answered with an error, or dropped the line."""

    code, retryable = "provider_error", True


class ProviderRateLimited(ProviderFailure):
    """The provider asked us to wait."""

    code, retryable, http_status = "provider_rate_limited", True, 503


class ProviderTimeout(ProviderFailure):
    """The provider was silent for too long; `phase` says where."""

    code, retryable, http_status = "provider_timeout", True, 504


class Refused(ProviderFailure):
    """The model refused, or a content filter stopped it."""

    code, http_status = "refused", 422


class InvalidOutput(ProviderFailure):
    """The model's answer is not JSON, or not what the schema asks for."""

    code = "invalid_output"


class OutputTooLarge(ProviderFailure):
    """The value outgrew the limit."""

    code = "output_too_large"


class StoreFailure(GatewayError):
    """The place where extractions are kept did not answer, or was taken over."""

    retryable = True
    http_status = 503


class StoreUnavailable(StoreFailure):
    """The store does not answer."""

    code = "store_unavailable"


class WriterLost(StoreFailure):
    """The replica that ran the extraction is gone."""

    code = "writer_lost"


class Overload(GatewayError):
    """Too much at once; the same request may work later."""

    retryable = True
    http_status = 503


class RateLimited(Overload):
    """Too many messages or requests in a short time."""

    code, http_status = "rate_limited", 429


class OverCapacity(Overload):
    """A limit on what may run at once is reached."""

    code = "over_capacity"


class ShuttingDown(Overload):
    """This replica is going away."""

    code = "shutting_down"


class Internal(GatewayError):
    """A fault of ours; the log has the trace."""

    retryable = True


class Ending(GatewayError):
    """Raised to whoever waits for a value that will not come; its code stands in no frame."""


class IncompleteExtraction(Ending, ProviderFailure):
    """The model was cut off by its length limit; `value` is what it had written."""

    code = "incomplete"


class CancelledExtraction(Ending):
    """Somebody cancelled the extraction."""

    code = "cancelled"


class Closed(Ending):
    """This side stopped looking; the extraction may go on."""

    code = "closed"


class Disconnected(Ending):
    """There never was a connection, or the server does not want this client back."""

    code = "disconnected"


def _leaves(error: type[GatewayError]) -> list[type[GatewayError]]:
    children = [child for child in error.__subclasses__() if not issubclass(child, Ending)]
    return [leaf for child in children for leaf in _leaves(child)] if children else [error]


ERRORS: dict[str, type[GatewayError]] = {error.code: error for error in _leaves(GatewayError)}
"""The class of every wire code."""
