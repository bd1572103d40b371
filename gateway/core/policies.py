"""Field policies: how a place of the value asks to be shown while it is written (PROTOCOL.md §4, `x-stream`)."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.core.candidates import Candidate
from gateway.core.values import JsonValue

__all__ = ["KEYWORD", "ON_INVALID", "POLICY_FIELDS", "Policy", "policy_of", "wishes_in"]

KEYWORD = "x-stream"
"""Where a JSON Schema declares a policy."""


class Policy(NamedTuple):
    """What a place asks for.

    Attributes:
        hold: it is shown once it is complete, at once and whole.
        hold_parent: the object it is a member of is shown once this member is there, at the latest when it closes.
        state: `progress.states` tells how far it is.
        redact: what is in it is shown only as a redaction has it.
        on_invalid: what happens where nothing can make it valid, one of `ON_INVALID`; empty where nothing is said.
    """

    hold: bool = False
    hold_parent: bool = False
    state: bool = False
    redact: bool = False
    on_invalid: str = ""


POLICY_FIELDS = Policy._fields
"""What may stand under the keyword: `on_invalid`, and booleans."""

ON_INVALID = ("fail", "drop", "mark")
"""The answer fails at once; the item is left out; the end decides."""


def wishes_in(schema: JsonValue) -> set[tuple[str, bool | str]]:
    """Return every wish that any place of a schema has: its name, and what is asked for."""
    found: set[tuple[str, bool | str]] = set()
    pending = [schema]
    while pending:
        held = pending.pop()
        if isinstance(held, list):
            pending.extend(held)
        elif isinstance(held, dict):
            pending.extend(held.values())
            policy = held.get(KEYWORD)
            wishes = policy.items() if isinstance(policy, dict) else ()
            found.update((name, wish) for name, wish in wishes if isinstance(wish, bool | str))
    return found


def policy_of(candidates: Iterable[Candidate]) -> Policy:
    """Return what any of the candidates asks for."""
    declared = [node.get(KEYWORD) for candidate in candidates for node in candidate.nodes]
    wishes = [wish for held in declared if isinstance(held, dict) for wish in held.items()]
    asked = {name for name, wish in wishes if wish is True}
    said = {str(wish) for name, wish in wishes if name == "on_invalid"}
    on_invalid = next((word for word in reversed(ON_INVALID) if word in said), "")
    return Policy(
        hold="hold" in asked,
        hold_parent="hold_parent" in asked,
        state="state" in asked,
        redact="redact" in asked,
        on_invalid=on_invalid,
    )
