"""A model on this machine, without a key: llama.cpp's own server in a child process, spoken to like any other.

JSON is always asked for by schema, whatever mode an extractor has: llama.cpp enforces that token by token, while a
chat template that knows no tools drops them without a word. A small model invents and repeats; it is given a grammar
narrowed to what the text says (`gateway.providers.verbatim`).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from gateway.errors import BadRequest, InputTooLarge, ProviderError
from gateway.ports import Delta, Mode, ModelState, ProviderRequest
from gateway.providers.llama import LlamaServer
from gateway.providers.openai import OpenAIProvider
from gateway.providers.question import GRAMMAR
from gateway.providers.verbatim import grammar

__all__ = ["Install", "LocalProvider"]

_log = logging.getLogger(__name__)

Install: TypeAlias = Callable[[], Awaitable[Path]]
"""Fetches a model file; raises ProviderError where that fails."""

_SLOTS = 2  # two answers side by side take 1.45 times as long as one, with one thread
_CONTEXT_TOKENS = 4_096  # of each slot, question and answer together
_INPUT_TOKENS = 2_000  # read at 80 a second where both slots are busy: within the time to the first delta
_TOO_LONG = "input: the local model reads at most {:,} tokens; this text, with its instructions, may have up to {:,}"
_OUTPUT_TOKENS = 1_200  # half a minute; what is longer has gone astray
_SMALL_BYTES = 500_000_000
_PATIENCE_S = 25.0  # for a start, within the time to the first delta; an install may take longer
_SMALL_MODEL = "SmolLM2-135M"  # what `install` fetches, until its file is there to be named after
_ENDED = "the local model's process ended: {}"
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

    Starting belongs to no request: one that is cancelled or runs out of time leaves it going for the next.
    """

    def __init__(self, model_file: Path | None, *, threads: int = 1, install: Install | None = None) -> None:
        """Take the file; nothing is started yet.

        Args:
            model_file: in GGUF form; one of less than 500 MB counts as small. None: `install` gets it.
            threads: for the model; on a machine with other work one is many times faster than all.
            install: fetches what is missing and returns the file; called by the first request.

        Raises:
            OSError: there is no such file.
        """
        self._file = model_file
        self._is_small = model_file is None or model_file.stat().st_size < _SMALL_BYTES
        self._threads = threads
        self._install = install
        self._running: _Running | None = None
        self._starting: asyncio.Task[_Running] | None = None
        self._state = ModelState.IDLE
        self._listeners: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        """`local`."""
        return "local"

    @property
    def model(self) -> str:
        """The file's name without its ending."""
        return _SMALL_MODEL if self._file is None else self._file.stem

    @property
    def is_small(self) -> bool:
        """Whether the model is toy-sized; what it may write is then narrowed to what the text says."""
        return self._is_small

    @property
    def state(self) -> ModelState:
        """How far the process is."""
        return self._state

    @property
    def slots(self) -> int:
        """How many answers are written side by side; llama.cpp lets others wait."""
        return _SLOTS

    @property
    def pid(self) -> int | None:
        """The child process, where there is one."""
        return None if self._running is None else self._running.server.pid

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Hear of every change of `state`."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Start the process, where it does not run, and wait until the model is loaded.

        Raises:
            ProviderError: it cannot be started, or is not there yet.
        """
        await self._ready()

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Ask the model; see `gateway.ports.Provider`."""
        asked = self._asked(request)
        running = await self._ready()
        try:
            async with aclosing(running.client.stream(replace(asked, model=self.model))) as deltas:
                async for delta in deltas:
                    yield delta
        except ProviderError as error:
            if await running.server.has_ended(within_s=_LAST_BREATH_S):
                error.detail = _ENDED.format(running.server.ending)
            raise

    async def close(self) -> None:
        """End the child process, or its start."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.wait([starting])
        await self._stop()
        self._become(ModelState.IDLE)

    def _asked(self, request: ProviderRequest) -> ProviderRequest:
        if self._file is not None and request.model not in (None, self.model):
            raise BadRequest(f"model: the local model is {self.model}; got {request.model[:60]!r}", param="model")
        if (tokens := _most_tokens("".join(map(_text_of, request.chat)))) > _INPUT_TOKENS:
            raise InputTooLarge(_TOO_LONG.format(_INPUT_TOKENS, tokens))
        params: dict[str, Any] = {"temperature": 0, "max_tokens": _OUTPUT_TOKENS, **request.params}
        if self.is_small:
            params[GRAMMAR] = grammar(request.schema, _input_of(request))
        return replace(request, mode=Mode.JSON_SCHEMA, params=params)

    async def _ready(self) -> _Running:
        """Return the process that runs, or start one; those who come meanwhile wait for the same.

        Raises:
            ProviderError: it cannot be started, or is not there yet.
        """
        if self._running is not None and self._running.server.is_alive:
            return self._running
        if self._starting is None or self._starting.done():
            self._become(ModelState.INSTALLING if self._file is None else ModelState.LOADING)
            self._starting = asyncio.get_running_loop().create_task(self._start(), name="local model, start")
            self._starting.add_done_callback(_note)
        try:
            return await asyncio.wait_for(asyncio.shield(self._starting), _PATIENCE_S)
        except TimeoutError:
            words = f"the local model is still {self.state.value}; try again in a moment"
            raise ProviderError(words, retry_after_ms=5_000) from None

    async def _start(self) -> _Running:
        try:
            await self._stop()
            path = await self._installed()
            self._become(ModelState.LOADING)
            self._running = await self._loaded(path)
        except asyncio.CancelledError:
            self._become(ModelState.IDLE)
            raise
        except BaseException:
            self._become(ModelState.FAILED)
            raise
        self._become(ModelState.READY)
        return self._running

    async def _installed(self) -> Path:
        if self._file is None:
            if self._install is None:
                raise ProviderError("there is no model file, and nothing that could install one")
            self._file = await self._install()
        return self._file

    async def _loaded(self, path: Path) -> _Running:
        server = await LlamaServer.start(
            path, slots=_SLOTS, context_tokens=_CONTEXT_TOKENS, threads=self._threads, on_end=self._ended
        )
        try:  # in a thread, for it reads files
            client = await asyncio.to_thread(OpenAIProvider.at, server.base_url, key=server.key, model=path.stem)
        except BaseException:
            await server.stop()
            raise
        return _Running(server, client)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    def _ended(self) -> None:
        """Take note that the process has ended; nobody may have asked for it."""
        if self._running is not None and self._state is ModelState.READY:
            how = _ENDED.format(self._running.server.ending)
            _log.warning("%s, and nobody asked for it; the next extraction starts it again", how)
            self._become(ModelState.FAILED)

    def _become(self, state: ModelState) -> None:
        if state is self._state:
            return
        self._state = state
        for listener in self._listeners:
            listener()


def _note(task: "asyncio.Task[_Running]") -> None:
    """Look at how a start ended: whoever waited for it may be gone, and asyncio would complain."""
    if not task.cancelled():
        task.exception()


def _input_of(request: ProviderRequest) -> str:
    """Return what the users of a chat said."""
    return "\n".join(_text_of(message) for message in request.messages if message.get("role") == "user")


def _most_tokens(text: str) -> int:
    """Return how many tokens a text has at most, as a rule: of one that has more the server would only answer 400."""
    return len(text.encode(errors="replace")) // 3 + sum(not character.isascii() for character in text)


def _text_of(message: Mapping[str, Any]) -> str:
    """Return a message's text; of a message in parts, its text parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
