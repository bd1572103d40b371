"""A gateway around a provider: in memory, or served by uvicorn as `gateway serve` does; nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import openai
import uvicorn

from gateway import serving
from gateway.app import Gateway
from gateway.core.document import Document
from gateway.core.limits import Limits
from gateway.ports import Provider
from gateway.providers.openai import OpenAIProvider
from gateway.settings import Settings
from tests.fakes.openai_server import SECRET, FakeOpenAI

__all__ = ["Served", "document_of", "gateway_with", "no_task_left", "opened", "provider_of", "served"]


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway on a real socket.

    Attributes:
        url: `http://127.0.0.1:…`.
        gateway: what is served.
        server: what serves it.
    """

    url: str
    gateway: Gateway
    server: uvicorn.Server


def gateway_with(provider: Provider, *, settings: dict[str, Any] | None = None, **limits: Any) -> Gateway:
    """Return a gateway with these limits, whatever the environment says."""
    return Gateway(
        provider=provider,
        settings=Settings(**{"port": 0, "inline_schemas": True, **(settings or {})}),
        limits=Limits(**limits),
    )


def document_of(gateway: Gateway, extraction: str) -> Document:
    """Return an extraction's document, to count what it did."""
    return gateway.hub.find(extraction).run.extraction.document


@asynccontextmanager
async def no_task_left() -> AsyncGenerator[None]:
    """Fail where a task outlives the block."""
    before = asyncio.all_tasks()
    yield
    if left := {task for task in asyncio.all_tasks() - before if not _is_of_the_runner(task)}:
        _, pending = await asyncio.wait(left, timeout=1)
        assert not pending, f"left behind: {pending}"


def _is_of_the_runner(task: asyncio.Task[Any]) -> bool:
    """Tell whether a task is how anyio's pytest plugin calls a fixture or test."""
    return "TestRunner" in getattr(task.get_coro(), "__qualname__", "")


@asynccontextmanager
async def opened(
    provider: Provider, *, settings: dict[str, Any] | None = None, **limits: Any
) -> AsyncGenerator[Gateway]:
    """Give a gateway that is closed afterwards."""
    async with no_task_left():
        gateway = gateway_with(provider, settings=settings, **limits)
        await asyncio.to_thread(getattr, gateway, "app")  # it looks for files
        yield gateway
        await gateway.close()


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncGenerator[Served]:
    """Serve a gateway in this loop, on a free port."""
    listening = asyncio.get_running_loop().create_future()
    server = await asyncio.to_thread(serving.server, gateway, listening.set_result)  # it looks for files
    task = asyncio.create_task(server.serve(), name="server")
    try:
        yield Served(await listening, gateway, server)
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def provider_of(fake: FakeOpenAI) -> AsyncGenerator[OpenAIProvider]:
    """Give the openai provider in front of a fake server; it asks once, and its key is the secret."""
    client = openai.AsyncOpenAI(
        base_url=fake.base_url, api_key=SECRET, max_retries=0, http_client=openai.DefaultAioHttpClient()
    )
    async with client:
        yield OpenAIProvider(client=client, model="fake-model")
