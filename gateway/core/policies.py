"""Field policies: how a place of the value asks to be shown while it is written (PROTOCOL.md §4, `x-stream`)."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.core.candidates import Candidate

__all__ = ["KEYWORD", "POLICY_FIELDS", "Policy", "policy_of"]

KEYWORD = "x-stream"
"""Where a JSON Schema declares a policy."""


class Policy(NamedTuple):
    """What a place asks for.

    Attributes:
        hold: it is shown once it is complete, at once and whole.
        hold_parent: the object it is a member of is shown once this member is there, at the latest when it closes.
        state: `progress.states` tells how far it is.
        redact: what is in it is shown only as a redaction has it.
    """

    hold: bool = False
    hold_parent: bool = False
    state: bool = False
    redact: bool = False


POLICY_FIELDS = Policy._fields
"""What may stand under the keyword, each a boolean."""


def policy_of(candidates: Iterable[Candidate]) -> Policy:
    """Return what any of the candidates asks for."""
    declared = [node.get(KEYWORD) for candidate in candidates for node in candidate.nodes]
    asked = {name for held in declared if isinstance(held, dict) for name, wish in held.items() if wish is True}
    return Policy(*(name in asked for name in POLICY_FIELDS))
