"""Which member of an object tells one union member from another (PROTOCOL.md §4, "discriminated union").

A member does when every object of the union declares it, and each with constants of its own.
"""

import json
from typing import NamedTuple

from gateway.core.candidates import Candidate, conjunction, literals
from gateway.core.members import declared_keys, member_schemas
from gateway.core.values import JsonValue

__all__ = ["Discriminator", "discriminator_of"]


class Discriminator(NamedTuple):
    """A member, and the object each of its values stands for; without a key there is none."""

    key: str | None = None
    choices: dict[str, Candidate] = {}  # noqa: RUF012 - of a tuple, never changed

    def choice(self, value: JsonValue) -> Candidate | None:
        """Return the object that a value stands for, where it stands for one."""
        return self.choices.get(_identity(value)) if not isinstance(value, dict | list) else None


def discriminator_of(root: JsonValue, objects: list[Candidate]) -> Discriminator:
    """Return the first member that tells `objects` apart."""
    if len(objects) > 1:
        for key in declared_keys(objects[0]):
            choices = _choices(root, objects, key)
            if choices is not None:
                return Discriminator(key, choices)
    return Discriminator()


def _choices(root: JsonValue, objects: list[Candidate], key: str) -> dict[str, Candidate] | None:
    choices: dict[str, Candidate] = {}
    for candidate in objects:
        values = _literals(root, candidate, key)
        if not values or not values.isdisjoint(choices):
            return None
        choices |= dict.fromkeys(values, candidate)
    return choices


def _literals(root: JsonValue, candidate: Candidate, key: str) -> set[str] | None:
    """Return the constants that an object declares for a member, or None where that may be anything else."""
    if key not in declared_keys(candidate):
        return None
    found: set[str] = set()
    for below in conjunction(root, member_schemas(candidate, key)):
        values = next(filter(None, map(literals, below.nodes)), None)
        if values is None:
            return None
        found |= {_identity(value) for value in values}
    return found


def _identity(value: JsonValue) -> str:
    """Return text that tells 1 from true and from "1"."""
    return json.dumps(value)
