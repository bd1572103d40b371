"""Real servers on real sockets: a gateway in front of a scripted OpenAI server, and one that plays the recording."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import IO, Any, TypeAlias

import pytest

from tests.e2e.pages import Between
from tests.fakes.gateways import Served, gateway_with, no_task_left, provider_of, served
from tests.fakes.openai_server import FakeOpenAI

TOKEN = "open-sesame/1+1=2"

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture(scope="module")
async def shared_fake() -> AsyncGenerator[FakeOpenAI]:
    """Give a scripted server that lives as long as the gateway in front of it."""
    async with FakeOpenAI() as server:
        yield server


@pytest.fixture(scope="module")
async def gateway(shared_fake: FakeOpenAI) -> AsyncGenerator[Served]:
    """Give a gateway in front of the fake, with every limit at its default; starting one for each test is slow."""
    async with provider_of(shared_fake) as provider, served(gateway_with(provider)) as running:
        yield running


@pytest.fixture(autouse=True)
async def no_task_outlives_a_test() -> AsyncGenerator[None]:
    """Fail a test that leaves a task behind."""
    async with no_task_left():
        yield


@pytest.fixture
def fake(shared_fake: FakeOpenAI) -> FakeOpenAI:
    """Give the scripted server as if it were new."""
    shared_fake.reset()
    return shared_fake


@pytest.fixture
def serve(fake: FakeOpenAI) -> Serve:
    """Serve a gateway in front of the fake, with the settings and limits a test asks for."""

    @asynccontextmanager
    async def serve(*, settings: dict[str, Any] | None = None, **limits: Any) -> AsyncGenerator[Served]:
        async with (
            provider_of(fake) as provider,
            served(gateway_with(provider, settings=settings, **limits)) as running,
        ):
            yield running

    return serve


@pytest.fixture(scope="session")
def gateway_url() -> Iterator[str]:
    """Give the address of a gateway that plays the conference recording, in a process of its own."""
    with _recorded() as url:
        yield url


@pytest.fixture(scope="session")
def locked_gateway_url() -> Iterator[str]:
    """Give the address of such a gateway that lets in whoever has the token `TOKEN`."""
    with _recorded(GATEWAY_TOKENS=TOKEN) as url:
        yield url


@contextmanager
def _recorded(**environment: str) -> Iterator[str]:
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--provider", "recorded"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        assert process.stderr is not None
        try:
            yield _address(process.stderr)
        finally:
            process.terminate()


def _address(output: IO[str]) -> str:
    """Return the address the command prints once it listens."""
    said = ""
    for line in output:
        said += line
        if match := re.search(r"http://\S+", line):
            return match[0]
    pytest.fail(f"the gateway did not start: {said}")


@pytest.fixture
def between() -> Between:
    """Stand on the line, and say that a small model runs."""
    return Between(provider={"name": "local", "model": "tiny", "state": "ready", "small": True})
