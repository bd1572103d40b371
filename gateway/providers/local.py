"""A model on this machine, without a key: llama.cpp's own server in a child process, spoken to like any other.

JSON is always asked for by schema, whatever mode an extractor has: llama.cpp enforces that token by token, while a
chat template that knows no tools drops them without a word. A small model invents and repeats; its schema is narrowed
to what the text says (`gateway.providers.verbatim`).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.errors import BadRequest, InputTooLarge, ProviderError
from gateway.ports import Delta, Mode, ModelState, ProviderRequest
from gateway.providers.llama import LlamaServer
from gateway.providers.openai import OpenAIProvider
from gateway.providers.verbatim import narrowed

__all__ = ["LocalProvider"]

_SLOTS = 2  # two answers side by side take 1.45 times as long as one, with one thread
_CONTEXT_TOKENS = 4_096  # of each slot, question and answer together
_INPUT_TOKENS = 2_000  # read at 80 a second where both slots are busy: within the time to the first delta
_OUTPUT_TOKENS = 1_200  # half a minute; what is longer has gone astray
_SMALL_BYTES = 500_000_000
_LAST_BREATH_S = 0.5  # a line is lost before the end of its process is known, and the next request must know


@dataclass(frozen=True, slots=True)
class _Running:
    """A child process, and the client that speaks to it."""

    server: LlamaServer
    client: OpenAIProvider

    async def stop(self) -> None:
        await self.client.close()
        await self.server.stop()


class LocalProvider:
    """Runs one GGUF file; started by the first request, and again by the next one where the process died.

    Attributes:
        is_small: the file is that of a toy-sized model, whose schemas are narrowed.
    """

    def __init__(self, model_file: Path, *, threads: int = 1) -> None:
        """Take the file; nothing is started yet.

        Args:
            model_file: in GGUF form; one of less than 500 MB counts as small.
            threads: for the model; on a machine with other work one is many times faster than all.

        Raises:
            OSError: there is no such file.
        """
        self._file = model_file
        self.is_small = model_file.stat().st_size < _SMALL_BYTES
        self._threads = threads
        self._running: _Running | None = None
        self._starting = asyncio.Lock()
        self._has_failed = False

    @property
    def name(self) -> str:
        """`local`."""
        return "local"

    @property
    def model(self) -> str:
        """The file's name without its ending."""
        return self._file.stem

    @property
    def state(self) -> ModelState:
        """How far the process is."""
        if self._starting.locked():
            return ModelState.LOADING
        if self._running is not None:
            return ModelState.READY if self._running.server.is_alive else ModelState.FAILED
        return ModelState.FAILED if self._has_failed else ModelState.IDLE

    @property
    def slots(self) -> int:
        """How many answers are written side by side; llama.cpp lets others wait."""
        return _SLOTS

    @property
    def pid(self) -> int | None:
        """The child process, where there is one."""
        return None if self._running is None else self._running.server.pid

    async def load(self) -> None:
        """Start the process, where it does not run, and wait until the model is loaded.

        Raises:
            ProviderError: it ended before it listened.
        """
        await self._started()

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Ask the model; see `gateway.ports.Provider`."""
        asked = self._asked(request)
        running = await self._started()
        try:
            async with aclosing(running.client.stream(asked)) as deltas:
                async for delta in deltas:
                    yield delta
        except ProviderError:
            await running.server.has_ended(within_s=_LAST_BREATH_S)
            raise

    async def close(self) -> None:
        """End the child process."""
        async with self._starting:
            await self._stop()

    def _asked(self, request: ProviderRequest) -> ProviderRequest:
        if request.model not in (None, self.model):
            raise BadRequest(f"model: the local model is {self.model}; got {request.model[:60]!r}", param="model")
        if (tokens := _estimated_tokens("".join(map(_text_of, request.messages)))) > _INPUT_TOKENS:
            raise InputTooLarge(f"input: the local model reads about {_INPUT_TOKENS:,} tokens, got about {tokens:,}")
        return replace(
            request,
            model=self.model,
            mode=Mode.JSON_SCHEMA,
            schema=narrowed(request.schema, _input_of(request)) if self.is_small else request.schema,
            params={"temperature": 0, "max_tokens": _OUTPUT_TOKENS, **request.params},
        )

    async def _started(self) -> _Running:
        """Return the process that runs, or start one; those who come meanwhile wait for the same."""
        async with self._starting:
            if self._running is None or not self._running.server.is_alive:
                await self._stop()
                self._running = await self._start()
            return self._running

    async def _start(self) -> _Running:
        self._has_failed = True
        server = await LlamaServer.start(
            self._file, slots=_SLOTS, context_tokens=_CONTEXT_TOKENS, threads=self._threads
        )
        try:  # in a thread, for it reads files
            client = await asyncio.to_thread(OpenAIProvider.at, server.base_url, key=server.key, model=self.model)
        except BaseException:
            await server.stop()
            raise
        self._has_failed = False
        return _Running(server, client)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.stop()


def _input_of(request: ProviderRequest) -> str:
    """Return what the users of a chat said."""
    return "\n".join(_text_of(message) for message in request.messages if message.get("role") == "user")


def _estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, rather too many: the server would only answer 400."""
    return len(text.encode(errors="replace")) // 3 + sum(not character.isascii() for character in text)


def _text_of(message: Mapping[str, Any]) -> str:
    """Return a message's text; of a message in parts, its text parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
