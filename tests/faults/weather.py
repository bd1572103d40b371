"""What befalls connections, drawn from a seed: the same seed draws the same fates, whatever else runs (`FAULTS_SEED`).

A fate is bound to bytes first and to time only at the latest, so that it strikes at the same place in every run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from random import Random

__all__ = ["CALM", "Direction", "Fate", "Fault", "Weather", "fates"]


class Fault(StrEnum):
    """How a connection ends, or stops."""

    RESET = "reset"
    """Both sides are sent RST."""
    FIN = "fin"
    """Both sides are closed in order, wherever in a frame that is."""
    HALF_OPEN = "half_open"
    """The client is reset; the server is told nothing."""
    SILENCE = "silence"
    """Nobody is told anything, and nothing is read any more."""
    DEAF_UP = "deaf_up"
    """Nothing is read from the client any more; what the server says still arrives."""
    DEAF_DOWN = "deaf_down"
    """Nothing is read from the server any more; what the client says still arrives."""
    NONE = "none"


class Direction(StrEnum):
    """Which way bytes go."""

    UP = "up"
    """From the client to the server."""
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What a line is like while it holds.

    Attributes:
        latency_s: before each piece is passed on.
        bytes_per_s: each way.
        slice_bytes: the most that is passed on in one write.
        window_bytes: of the kernel's buffer on the server's side, so that a slow client is felt; None: its default.
    """

    latency_s: float = 0.0
    bytes_per_s: float = inf
    slice_bytes: int = 65_536
    window_bytes: int | None = None


CALM = Weather()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What befalls one connection.

    Attributes:
        fault: what happens.
        direction: whose bytes are counted until then.
        after_bytes: how many are passed on before.
        within_s: it happens then at the latest.
        weather: until then.
    """

    fault: Fault = Fault.NONE
    direction: Direction = Direction.DOWN
    after_bytes: int = 0
    within_s: float = inf
    weather: Weather = field(default=CALM)


_WEIGHTS = {
    Fault.RESET: 34,
    Fault.FIN: 25,
    Fault.HALF_OPEN: 20,
    Fault.SILENCE: 7,
    Fault.DEAF_UP: 7,
    Fault.DEAF_DOWN: 7,
}
_PLACES = ((300, 1), (2_500, 2), (6_000, 3))
"""Most bytes down, with weights: into the upgrade's answer, into the welcome, into what is watched."""

_MOST_UP_BYTES = 900  # upgrade, hello, extract


def fates(seed: str, faults: int) -> Iterator[Fate]:
    """Yield so many faults, then connections that hold."""
    chance = Random(seed)
    for _ in range(faults):
        yield _fate(chance)
    while True:
        yield Fate(weather=_weather(chance))


def _fate(chance: Random) -> Fate:
    (fault,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
    direction = chance.choice([Direction.DOWN] * 3 + [Direction.UP])
    (most,) = chance.choices([place for place, _ in _PLACES], [weight for _, weight in _PLACES])
    after_bytes = chance.randrange(_MOST_UP_BYTES if direction is Direction.UP else most)
    within_s = chance.uniform(0.005, 0.08)
    return Fate(fault=fault, direction=direction, after_bytes=after_bytes, within_s=within_s, weather=_weather(chance))


def _weather(chance: Random) -> Weather:
    if chance.random() < 0.6:
        return CALM
    latency_s, slice_bytes = chance.choice([0.0, 0.0005, 0.002]), chance.choice([7, 100, 1_000, 65_536])
    return Weather(latency_s=latency_s if slice_bytes >= 1_000 else 0.0, slice_bytes=slice_bytes)
