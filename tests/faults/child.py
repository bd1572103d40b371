"""A gateway in a process of its own, so that what it holds can be measured (`python -m tests.faults.child`).

Its provider does what the input says. The parent writes a line to stdin for each report it wants; the end of stdin
ends the process, in order.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from gateway import serving
from gateway.core.limits import Limits
from gateway.ports import Delta, Finish, ProviderRequest, Text
from tests.fakes.gateways import gateway_with

__all__ = ["Part", "TickProvider", "main"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a model is to write, as the input of an `extract`: a list of ticks, each with the time it was written at.

    Attributes:
        ticks: how many.
        every_s: between two.
        padding_chars: beside each.
    """

    ticks: int = 1
    every_s: float = 0.0
    padding_chars: int = 0


class TickProvider:
    """Writes `{"ticks": ["<seconds> <padding>", …]}`; the clock is one for all processes of a machine.

    Attributes:
        calls: how many there were.
        open_streams: how many are being read.
    """

    def __init__(self) -> None:
        """Begin without a call."""
        self.calls = self.open_streams = 0

    @property
    def name(self) -> str:
        """What it is called."""
        return "ticks"

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Write what the last message asks for."""
        part = msgspec.json.decode(str(request.messages[-1]["content"]), type=Part)
        self.calls += 1
        self.open_streams += 1
        padding = "x" * part.padding_chars
        try:
            yield Text('{"ticks": [')
            for number in range(part.ticks):
                yield Text(f'{"," if number else ""}"{time.monotonic():.6f} {padding}"')
                await asyncio.sleep(part.every_s)
            yield Text("]}")
            yield Finish("stop")
        finally:
            self.open_streams -= 1

    async def close(self) -> None:
        """Nothing is held."""


async def main(limits: dict[str, Any]) -> None:
    """Serve until stdin ends, with these limits, of which some may be unknown, and `settings` among them."""
    provider = TickProvider()
    known = {field.name: limits[field.name] for field in fields(Limits) if field.name in limits}
    gateway = gateway_with(provider, settings=limits.get("settings"), **known)
    server = serving.server(gateway, lambda url: _say({"url": url}))
    serving_task = asyncio.create_task(server.serve(), name="server")
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        _say(
            {
                "calls": provider.calls,
                "open_streams": provider.open_streams,
                "sessions": len(gateway.heartbeat),
                "connections": len(server.server_state.connections),
                "tasks": len(asyncio.all_tasks()),
            }
        )
    server.should_exit = True
    await serving_task
    left = asyncio.all_tasks() - {asyncio.current_task()}
    _say({"left": [str(task) for task in left]})


def _say(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    logging.getLogger("uvicorn.error").addFilter(serving._is_news)  # as `gateway serve` does
    asyncio.run(main(json.loads(sys.argv[1])))
