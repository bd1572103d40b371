"""The parent's side of `tests.faults.child`: starts it, asks it, weighs it, and sees to it that it ends well."""

import asyncio
import json
import os
import resource
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import pytest

__all__ = ["Child", "child", "rises_to"]

ROOT = Path(__file__).parent.parent.parent
_PAGE_BYTES = resource.getpagesize()
_ENDS_WITHIN_S = 10
_COMPLAINTS = ("Traceback", "ERROR", "CRITICAL", "was never awaited", "was destroyed but it is pending")


class Child:
    """A gateway in a process of its own.

    Attributes:
        port: where it listens.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        """Take over a process that was started."""
        self.port = 0
        self._process = process
        self._log = log

    async def heard(self) -> dict[str, Any]:
        """Read its next line."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, f"the gateway ended: {self.log()}"
        told: dict[str, Any] = json.loads(line)
        return told

    async def report(self) -> dict[str, Any]:
        """Ask how many calls, sessions, connections and tasks there are."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.heard()

    def rss_bytes(self) -> int:
        """Return what it holds in memory."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * _PAGE_BYTES

    async def until(self, timeout_s: float = 10, **expected: int) -> dict[str, Any]:
        """Ask until it reports these numbers."""
        report = await self.report()
        async with asyncio.timeout(timeout_s):
            while {name: report[name] for name in expected} != expected:
                await asyncio.sleep(0.005)
                report = await self.report()
        return report

    async def end(self) -> None:
        """End it in order, and look for what it complained of."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(_ENDS_WITHIN_S):
            left = await self.heard()
            code = await self._process.wait()
        assert (left, code, self.complaints()) == ({"left": []}, 0, [])

    def complaints(self) -> list[str]:
        """Return what it has logged as a fault of its own."""
        return [line for line in self.log().splitlines() if any(word in line for word in _COMPLAINTS)]

    def log(self) -> str:
        """Return what it has logged."""
        self._log.seek(0)
        return self._log.read().decode()


@asynccontextmanager
async def child(**limits: Any) -> AsyncGenerator[Child]:
    """Give a gateway with these limits; where the block was left in order, so must the gateway be."""
    if not Path("/proc/self/statm").exists():  # noqa: ASYNC240 - no disk is read
        pytest.skip("this system does not say in /proc what a process holds in memory")
    with TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.child",
            json.dumps(limits),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        gateway = Child(process, log)
        try:
            gateway.port = int((await gateway.heard())["url"].rpartition(":")[2])
            yield gateway
            await gateway.end()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            process._transport.close()  # type: ignore[attr-defined] # asyncio leaves the pipes to the collector


def rises_to(descriptors: int) -> None:
    """Allow this process, and those it starts, so many open files; skip where the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < descriptors:
        pytest.skip(f"this needs {descriptors} open files in a process, and the system allows {hard}")
    if soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
