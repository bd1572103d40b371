"""How much is done, and with which seed: short in `make test`, long in `make soak`; the environment sets the rest."""

import os
from secrets import randbelow

__all__ = ["SEED_NAME", "is_soak", "seed", "size"]

SEED_NAME = "FAULTS_SEED"


def is_soak() -> bool:
    """Tell whether this is the long form (`FAULTS_SOAK`)."""
    return bool(os.environ.get("FAULTS_SOAK"))


def size(name: str, *, short: int, long: int) -> int:
    """Return how many of something there are: `FAULTS_` and the upper-cased name, else by form."""
    given = os.environ.get(f"FAULTS_{name.upper()}")
    return int(given) if given else long if is_soak() else short


def seed() -> int:
    """Return the seed: the given one; in CI always the same, so that a red run is about the change; else any."""
    given = os.environ.get(SEED_NAME)
    return int(given) if given else 1 if os.environ.get("CI") else randbelow(1_000_000)
