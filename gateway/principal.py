"""Who is connected, as far as it matters to what they may see."""

from typing import NamedTuple

__all__ = ["ANYBODY", "Principal"]


class Principal(NamedTuple):
    """Somebody who may enter.

    Attributes:
        name: tells one from another; an idempotency key is theirs alone.
        realm: whose extractions they may watch and cancel; any other's do not exist for them (PROTOCOL.md §5). Those
            who hold a token of the operator's share one.
    """

    name: str = ""
    realm: str = ""


ANYBODY = Principal()
"""Where nobody says who may enter, everybody is the same one."""
