"""The rules of lists, one that goes through its parts once and one that repeats an item, and of an object's members."""

from collections.abc import Sequence, Set

from gateway.providers.verbatim.gbnf import Rules, any_of

__all__ = ["in_order", "members_in_order", "repeated"]


def in_order(
    rules: Rules,
    items: Sequence[str],
    bounds: tuple[int, int],
    *,
    needed: Set[int] = frozenset(),
    has_gaps: bool = True,
) -> str:
    """Return a rule's body for an array of some of the items, each at most once, in their order.

    Args:
        rules: where its parts are told.
        items: the rule's body of each.
        bounds: the least of them, at most as many as there are, and the most.
        needed: which of them are in the array; none where that is against the bounds.
        has_gaps: whether one may be left out before another, and not only the last ones.
    """
    least, most = bounds
    tails: dict[tuple[int, int], str | None] = {}
    for at in range(len(items), -1, -1):
        for count in range(min(at, most) + 1) if has_gaps else [at]:
            tails[at, count] = _tail(rules, items, at, count, tails, (least, most), needed)
    empty = ['"[]"'] if least == 0 and not needed else []
    first = tails[0, 0]
    return any_of([*empty, *([f'"[" {first}'] if first else [])])


def repeated(item: str, *, least: int = 0, most: int) -> str:
    """Return a rule's body for an array of so many items of one kind."""
    if most <= 0:
        return '"[]"'
    some = f'"[" {item} (", " {item}){{{max(least - 1, 0)},{most - 1}}} "]"'
    return some if least else any_of(['"[]"', some])


def members_in_order(rules: Rules, members: Sequence[tuple[str, bool]]) -> str:
    """Return a rule's body for an object of members in their order, each with whether it has to be there."""
    return f'"{{" {_members(rules, members, is_first=True)}'


def _members(rules: Rules, members: Sequence[tuple[str, bool]], *, is_first: bool) -> str:
    if not members:
        return '"}"'
    (member, is_required), *rest = members
    behind = _members(rules, rest, is_first=False)
    taken = f"{member} {behind}" if is_first else f'", " {member} {behind}'
    skipped = _members(rules, rest, is_first=True) if is_first and not is_required else behind
    return rules.name(taken if is_required else f"{taken} | {skipped}")


def _tail(
    rules: Rules,
    items: Sequence[str],
    at: int,
    count: int,
    tails: dict[tuple[int, int], str | None],
    bounds: tuple[int, int],
    needed: Set[int],
) -> str | None:
    """Return the rule of an item from one of the parts from `at` on and what follows it; None where there is none."""
    least, most = bounds
    if at == len(items) or count >= most:
        return None
    skipped, behind = tails.get((at + 1, count)), tails.get((at + 1, count + 1))
    may_end = count + 1 >= least and at >= max(needed, default=-1)
    ends = (['"]"'] if may_end else []) + ([f'", " {behind}'] if behind else [])
    taken = [f"{items[at]} {any_of(ends)}"] if ends else []
    bodies = [*taken, *([skipped] if skipped and at not in needed else [])]
    return rules.name(" | ".join(bodies)) if bodies else None
