"""A llama.cpp server as a child process on a loopback port, from start to end.

It cannot outlive this process: its stdin is a pipe from here, and it ends when that does. It has a key of its own, so
that no other program or page on this machine can use it.
"""

import asyncio
import logging
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from gateway.errors import ProviderError

__all__ = ["LlamaServer"]

_log = logging.getLogger("gateway")

_PROGRAM = Path(__file__).with_name("llama_process.py")
_TERMINATE_S = 2.0  # from SIGTERM to SIGKILL
_FAILED = "the local model could not be started: is {} a GGUF file that llama.cpp reads?"


class LlamaServer:
    """One child process that serves one model file.

    Attributes:
        base_url: of its OpenAI-compatible interface.
        key: it answers nobody else.
        pid: of the process.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, address: str, key: str, on_end: Callable[[], None] | None = None
    ) -> None:
        """Take a process that listens; `start` makes one."""
        self._process = process
        self._watch = asyncio.get_running_loop().create_task(process.wait(), name="local model, end")
        if on_end is not None:
            self._watch.add_done_callback(lambda _: on_end())
        self.base_url = f"{address}/v1"
        self.key = key
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        model: Path,
        *,
        slots: int,
        context_tokens: int,
        threads: int,
        on_end: Callable[[], None] | None = None,
    ) -> Self:
        """Start a process and wait until the model is loaded; a caller who is cancelled leaves none behind.

        Args:
            model: a GGUF file.
            slots: answers side by side.
            context_tokens: of each slot.
            threads: for the model.
            on_end: called once the process has ended, whoever ended it.

        Raises:
            ProviderError: it ended before it listened.
        """
        key = secrets.token_urlsafe()
        process = await _process(model, slots=slots, context_tokens=context_tokens, threads=threads)
        try:
            address = await _address(process, key)
        except BaseException:
            await _end(process)
            raise
        if not address:
            await _end(process)
            _log.warning("the local model's process ended (%s) before it listened", _how(process.returncode))
            raise ProviderError(_FAILED.format(model.name))
        return cls(process, address, key, on_end)

    @property
    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.returncode is None

    @property
    def ending(self) -> str:
        """How the process ended: a signal's name, or its status; empty while it runs."""
        return "" if self.is_alive else _how(self._process.returncode)

    async def has_ended(self, *, within_s: float) -> bool:
        """Tell whether the process ends in that time."""
        await asyncio.wait([self._watch], timeout=within_s)
        return self._watch.done()

    async def stop(self) -> None:
        """End the process and wait until it has ended."""
        await _end(self._process)
        await self._watch


def _how(status: int | None) -> str:
    """Say how a process ended; a signal shows as its negative number."""
    if status is None or status >= 0:
        return f"status {status}"
    known = [number.name for number in signal.Signals if number == -status]
    return known[0] if known else f"signal {-status}"


async def _process(model: Path, **numbers: int) -> asyncio.subprocess.Process:
    options = [f"--{name.replace('_', '-')}={number}" for name, number in numbers.items()]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # by path and without its folder on sys.path: our modules there have names of other packages
        str(_PROGRAM),
        f"--model={model}",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # llama.cpp's own log
        start_new_session=True,  # a Ctrl-C in the terminal is for the gateway, which ends its runs in order
    )


async def _address(process: asyncio.subprocess.Process, key: str) -> str:
    """Return the address that the process says, or nothing where it ended without."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("both are pipes")
    with suppress(ConnectionError):
        stdin.write(f"{key}\n".encode())
        await stdin.drain()
    return (await stdout.readline()).decode().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, make it end where it does not, and take its exit status."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _TERMINATE_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
