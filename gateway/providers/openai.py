"""Any server that speaks OpenAI's chat completions or its Responses API, through the openai SDK.

The SDK opens the stream: keys, base URL, organisation and retries are its own. The body is read raw, because
the SDK's chunk objects cost 20 times as much (docs/design.md). What a provider says in an error stays here:
every failure leaves in our own words, with the HTTP status where there is one.
"""

import asyncio
import logging
import math
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import aiohttp
import httpx2
import msgspec
import openai

from gateway.errors import BadRequest, ProviderError, ProviderFailure, ProviderRateLimited, ProviderTimeout, Refused
from gateway.ports import Delta, Mode, ProviderRequest
from gateway.providers.answer import AnswerReader
from gateway.providers.chunks import is_filter
from gateway.providers.question import question
from gateway.reasons import why_not_reached

__all__ = ["OpenAIProvider"]

_log = logging.getLogger(__name__)

_refusals: ContextVar[list[httpx2.Response]] = ContextVar("refusals")
"""The 429s of the call that this task makes."""

_PLACEHOLDER_KEY = "none"  # the SDK insists on a key; local servers ask for none
_TRANSPORT_ERRORS = (httpx2.HTTPError, aiohttp.ClientError, OSError)
_TOO_MANY_REQUESTS = 429
_OPENAI = "https://api.openai.com/v1"
_WHICH_MODEL = (
    "no model is chosen and the provider lists {} of them: set GATEWAY_MODEL or --model, or name one in the request's "
    "`model`"
)
_NO_LIST = (
    "the provider answered {} to its list of models: does OPENAI_BASE_URL end in /v1? A server that lists none needs "
    "GATEWAY_MODEL"
)


class OpenAIProvider:
    """Speaks to the server that `OPENAI_BASE_URL` and `OPENAI_API_KEY` name."""

    def __init__(
        self,
        *,
        model: str | None = None,
        client: openai.AsyncOpenAI | None = None,
        connect_timeout_s: float = 10,
    ) -> None:
        """Make a client from the SDK's own environment variables, or use the one given.

        Args:
            model: for requests that name none; without it the server's only model is used.
            client: stays the caller's, with its time-outs and retries, and is not closed here.
            connect_timeout_s: for all tries to connect together.

        Raises:
            ProviderError: neither a key nor a base URL is set.
        """
        self._model = model
        self._owns_client = client is None
        self._client = client if client is not None else _client_from_environment(connect_timeout_s)

    @classmethod
    def at(cls, base_url: str, *, key: str, model: str) -> Self:
        """Make a provider for a llama.cpp server on this machine, past any proxy."""
        timeout = httpx2.Timeout(None)
        client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=key,
            default_headers={"Connection": "close"},  # llama.cpp closes a kept connection just when it is used again
            http_client=openai.DefaultAioHttpClient(timeout=timeout, trust_env=False),
            timeout=timeout,
            max_retries=0,  # a process that died is not there the next time either
        )
        provider = cls(model=model, client=client)
        provider._owns_client = True
        return provider

    @property
    def name(self) -> str:
        """`openai`."""
        return "openai"

    @property
    def model(self) -> str | None:
        """For requests that name none; None until the server's only one has been asked for."""
        return self._model

    @property
    def _place(self) -> str:
        """The server's host and port; a base URL may hold a password besides."""
        url = self._client.base_url
        return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Open one call and give its deltas; see `gateway.ports.Provider`."""
        reader = AnswerReader.of(request)
        refusals: list[httpx2.Response] = []
        _refusals.set(refusals)
        with _own_words(reader, refusals, self._place):
            asked = question(request, request.model or await self._default_model())
            async with self._opened(request.mode, asked) as response:
                async for piece in response.iter_bytes():
                    for delta in reader.feed(piece):
                        yield delta
                    if reader.is_done:
                        break
        for delta in reader.finish():
            yield delta

    def _opened(self, mode: Mode, asked: dict[str, Any]) -> AbstractAsyncContextManager[openai.AsyncAPIResponse[Any]]:
        """Open a call whose body is read raw."""
        if mode is Mode.RESPONSES:
            return self._client.responses.with_streaming_response.create(**asked)
        return self._client.chat.completions.with_streaming_response.create(**asked)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._owns_client:
            await self._client.close()

    async def models(self) -> list[str] | None:
        """Return the models that the server lists, or None where it has no such list.

        Raises:
            ProviderFailure: it could not be reached, or refused.
        """
        refusals: list[httpx2.Response] = []
        _refusals.set(refusals)
        with _own_words(AnswerReader(Mode.JSON), refusals, self._place):
            try:
                return _listed(await self._client.models.with_raw_response.list())
            except openai.NotFoundError:
                return None

    async def _default_model(self) -> str:
        """The configured model, else the only one the server has."""
        if self._model is None:
            self._model = _only_model(await self._list_models())
        return self._model

    async def _list_models(self) -> bytes:
        try:
            return (await self._client.models.with_raw_response.list()).content
        except openai.NotFoundError as error:
            raise ProviderError(_NO_LIST.format(error.status_code)) from None


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def _listed(response: Any) -> list[str] | None:
    try:
        return [model.id for model in msgspec.json.decode(response.content, type=_Models).data]
    except msgspec.DecodeError:
        return None


def _only_model(listing: bytes) -> str:
    try:
        models = msgspec.json.decode(listing, type=_Models).data
    except msgspec.DecodeError:
        raise ProviderError(_NO_LIST.format("something else")) from None
    if len(models) == 1:
        return models[0].id
    raise BadRequest(_WHICH_MODEL.format(len(models) or "none"), param="model")


def _client_from_environment(connect_timeout_s: float) -> openai.AsyncOpenAI:
    key = os.environ.get("OPENAI_API_KEY")
    if not key and not os.environ.get("OPENAI_BASE_URL"):
        raise ProviderError("no provider is configured: set OPENAI_API_KEY, or OPENAI_BASE_URL for another server")
    per_try_s = connect_timeout_s / (1 + openai.DEFAULT_MAX_RETRIES)
    # No limit on silence: first delta, idle and total are counted by whoever reads, and told apart there.
    timeout = httpx2.Timeout(None, connect=per_try_s, pool=per_try_s)
    return openai.AsyncOpenAI(
        api_key=key or _PLACEHOLDER_KEY,
        base_url=os.environ.get("OPENAI_BASE_URL") or _OPENAI,  # the SDK takes an empty one as it is
        http_client=openai.DefaultAioHttpClient(timeout=timeout, event_hooks={"response": [_note_refusal]}),
        timeout=timeout,
    )


async def _note_refusal(response: httpx2.Response) -> None:
    """Remember a 429: the SDK waits as long as it is told to, and our own time may be over before."""
    if response.status_code == _TOO_MANY_REQUESTS:
        _refusals.get([]).append(response)


@contextmanager
def _own_words(reader: AnswerReader, refusals: list[httpx2.Response], place: str) -> Iterator[None]:
    """Turn what the SDK and its transport raise into our errors, without the provider's text as a cause.

    Once nothing that matters can follow, a lost connection is an end like any other.
    """
    try:
        yield
    except asyncio.CancelledError:
        if refusals and not reader.has_begun:
            raise _status_failure(refusals[-1]) from None  # time was up while the SDK waited to try again
        raise
    except openai.APIStatusError as error:
        if is_filter(error.code):
            raise Refused("a content filter stopped the request") from None
        raise _status_failure(error.response) from None
    except (openai.APIConnectionError, *_TRANSPORT_ERRORS) as error:
        if not reader.can_end:
            raise _connection_failure(error, place) from None
    except UnicodeEncodeError:
        raise BadRequest("the input holds half of a surrogate pair, which UTF-8 cannot carry", param="input") from None


def _status_failure(response: httpx2.Response) -> ProviderFailure:
    _log.debug("provider answered %d", response.status_code)
    failure = ProviderRateLimited if response.status_code == _TOO_MANY_REQUESTS else ProviderError
    words = f"the provider answered {response.status_code}"
    return failure(words, retry_after_ms=_retry_after_ms(response.headers))


def _connection_failure(error: BaseException, place: str) -> ProviderFailure:
    causes = list(_causes(error))
    _log.debug("connection to the provider failed: %s", type(causes[-1]).__name__)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        is_silence = any(isinstance(cause, (aiohttp.SocketTimeoutError, httpx2.ReadTimeout)) for cause in causes)
        if not is_silence:
            words = "the provider did not accept a connection in time"
            return _unreached(ProviderTimeout(words, phase="connect", detail=place))
        return ProviderTimeout("the provider was silent for too long", phase="idle")
    if any(isinstance(cause, (aiohttp.ClientConnectorError, httpx2.ConnectError)) for cause in causes):
        return _unreached(ProviderError("the provider could not be reached", detail=_why(causes, place)))
    return ProviderError("the connection to the provider was lost")


def _unreached(failure: ProviderFailure) -> ProviderFailure:
    """Log where and why, which no client is told."""
    _log.warning("%s", failure.full_message)
    return failure


def _why(causes: list[BaseException], place: str) -> str:
    """Say which address refused, be it a proxy's, and the system's reason."""
    tried = next(
        (f"{each.host}:{each.port}" for each in causes if isinstance(each, aiohttp.ClientConnectorError)), place
    )
    own = next((each for each in reversed(causes) if isinstance(each, OSError)), None)
    return tried if own is None else f"{tried}: {why_not_reached(own)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from; the transport's own names for its errors are not reliable."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _retry_after_ms(headers: httpx2.Headers) -> int | None:
    """When to come back, from `retry-after-ms`, or `retry-after` in seconds or as a date."""
    for name, unit_ms in (("retry-after-ms", 1), ("retry-after", 1_000)):
        try:
            wait_ms = float(headers.get(name, "nan")) * unit_ms
        except ValueError:
            wait_ms = _ms_until(headers[name])
        if math.isfinite(wait_ms):
            return max(0, math.ceil(wait_ms))
    return None


def _ms_until(date: str) -> float:
    try:
        return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds() * 1_000
    except (TypeError, ValueError):
        return math.nan
