"""A provider that says what it is told, for tests and for trying things out without a model."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.ports import Delta, Finish, ProviderRequest, Text

__all__ = ["Gate", "Pause", "Script", "ScriptedProvider", "Step", "written"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Wait until somebody sets the event."""

    event: asyncio.Event


Step = str | Delta | Pause | Gate | GatewayError
"""A string is a piece of the answer's text; an error is raised."""

Script = Sequence[Step] | Callable[[ProviderRequest], Sequence[Step]]


class ScriptedProvider:
    """Plays the same steps for every request, or those its script chooses for it.

    Attributes:
        requests: what was asked, in order.
        open_streams: how many streams are being read now; a cancelled one is not.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Keep the script; `sleep` is what a `Pause` awaits."""
        self._script = script
        self._name = name
        self._sleep = sleep
        self.requests: list[ProviderRequest] = []
        self.open_streams = 0

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """Play the steps; see `gateway.ports.Provider`."""
        self.requests.append(request)
        self.open_streams += 1
        try:
            for step in self._script(request) if callable(self._script) else self._script:
                if (delta := await self._play(step)) is not None:
                    yield delta
        finally:
            self.open_streams -= 1

    async def close(self) -> None:
        """Nothing is held."""

    async def _play(self, step: Step) -> Delta | None:
        match step:
            case str():
                return Text(step)
            case Pause():
                await self._sleep(step.seconds)
                return None
            case Gate():
                await step.event.wait()
                return None
            case GatewayError():
                raise step
            case _:
                return step


def written(document: str, piece_chars: int = 4) -> list[Step]:
    """The steps of a model that writes `document` in pieces of `piece_chars` and stops."""
    starts = range(0, len(document), piece_chars)
    return [*(document[start : start + piece_chars] for start in starts), Finish("stop")]
