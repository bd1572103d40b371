r"""Answers recorded from a model, played again with their timing; and the recorder that makes them.

A recording is one JSON file:

    {"format": "extraction-recording.v1",
     "input": "the text it was made from",
     "source": "how it came to be: provider, model and date, or by hand",
     "schema_name": "Conference",
     "deltas": [[212, "{\"us"], [31, "ers"], [4, {"type": "finish", "reason": "stop"}]]}

Each delta stands behind the milliseconds since the one before it (the first: since the request). A string is
a piece of text; `reasoning`, `refusal`, `usage` and `finish` are objects with their type.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Self

import msgspec

from gateway.errors import ProviderError
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning, Refusal, Text, Usage

__all__ = ["RecordedProvider", "Recording", "RecordingProvider"]

_NO_RECORDING = (
    "there is no recording for this text: the provider `recorded` plays only the texts it was recorded with; for any "
    "text run the provider `openai` with OPENAI_API_KEY or OPENAI_BASE_URL, or the provider `local`"
)

_RecordedDelta = str | Text | Reasoning | Refusal | Usage | Finish


# A msgspec struct: it is read from a file and written to one.
class Recording(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="format",
    tag="extraction-recording.v1",
):
    """One answer as it came, with its timing; the fields are those of the file."""

    input: str
    source: str
    schema_name: str | None = None
    deltas: tuple[tuple[float, _RecordedDelta], ...]

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a file's text.

        Raises:
            msgspec.DecodeError: it is not a recording; the message says where.
        """
        return msgspec.json.decode(text, type=cls)

    def pieces(self) -> Iterator[tuple[float, Delta]]:
        """Give each delta with the milliseconds before it."""
        for wait_ms, delta in self.deltas:
            yield wait_ms, Text(delta) if isinstance(delta, str) else delta

    def to_json(self) -> str:
        """The file's text, one delta to a line."""
        head = msgspec.json.encode(msgspec.structs.replace(self, deltas=())).decode().removesuffix("[]}")
        lines = ",\n".join(msgspec.json.encode(delta).decode() for delta in self.deltas)
        return f"{head}[\n{lines}\n]}}\n"


class RecordedProvider:
    """Plays the recording whose input is the request's last user message."""

    def __init__(
        self,
        recordings: Iterable[Recording],
        *,
        speed: float = 1,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the recordings.

        Args:
            recordings: the last one with the same input wins.
            speed: 2 plays in half the time; 0 or infinity without pauses.
            sleep: what a pause awaits, in seconds.
        """
        self._recordings = {recording.input.strip(): recording for recording in recordings}
        self._pace_s = 1 / (1_000 * speed) if speed else 0
        self._sleep = sleep

    @property
    def name(self) -> str:
        """`recorded`."""
        return "recorded"

    @property
    def texts(self) -> int:
        """How many texts there is a recording for."""
        return len(self._recordings)

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Play the recording; see `gateway.ports.Provider`."""
        recording = self._recordings.get(_input_of(request).strip())
        if recording is None:
            raise ProviderError(_NO_RECORDING)
        for wait_ms, delta in recording.pieces():
            await self._sleep(wait_ms * self._pace_s)
            yield delta

    async def close(self) -> None:
        """Nothing is held."""


class RecordingProvider:
    """Passes another provider's deltas on and keeps the last stream with its timing."""

    def __init__(self, provider: Provider, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Wrap `provider`."""
        self._provider = provider
        self._clock_s = clock_s
        self._request: ProviderRequest | None = None
        self._deltas: list[tuple[float, _RecordedDelta]] = []

    @property
    def name(self) -> str:
        """The name of the provider behind it."""
        return self._provider.name

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Give the provider's deltas as they come; see `gateway.ports.Provider`."""
        self._request, self._deltas = request, []
        before_s = self._clock_s()
        async with aclosing(self._provider.stream(request)) as deltas:
            async for delta in deltas:
                now_s = self._clock_s()
                self._deltas.append((_whole_ms(now_s - before_s), _plain(delta)))
                before_s = now_s
                yield delta

    async def close(self) -> None:
        """Close the provider behind it."""
        await self._provider.close()

    def recording(self, source: str) -> Recording:
        """What the last stream gave so far.

        Args:
            source: how it came to be: provider, model and date.

        Raises:
            LookupError: nothing has been asked yet.
        """
        if self._request is None:
            raise LookupError("nothing has been recorded yet")
        return Recording(
            input=_input_of(self._request),
            source=source,
            schema_name=self._request.schema_name,
            deltas=tuple(self._deltas),
        )


def _input_of(request: ProviderRequest) -> str:
    """The text of the last user message; of a message in parts, its text parts."""
    for message in reversed(request.messages):
        if message.get("role") == "user":
            return _text_of(message.get("content"))
    return ""


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part["text"] for part in parts if isinstance(part, Mapping) and isinstance(part.get("text"), str))


def _plain(delta: Delta) -> _RecordedDelta:
    return delta.text if isinstance(delta, Text) else delta


def _whole_ms(seconds: float) -> float:
    return round(seconds * 1_000)
