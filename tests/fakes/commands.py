"""The command `gateway` as a process of its own."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

__all__ = ["ROOT", "address", "process"]

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def process(*arguments: str, cwd: Path = ROOT, **environment: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Give a running command; whatever happens it has ended afterwards."""
    path = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "gateway", *arguments]
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=path, stdout=pipe, stderr=pipe)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def address(running: asyncio.subprocess.Process) -> str:
    """Return where a server listens, once it does."""
    assert running.stderr is not None
    while line := (await running.stderr.readline()).decode():
        if match := re.search(r"http://\S+", line):
            return match[0]
    pytest.fail("it ended before it listened")
