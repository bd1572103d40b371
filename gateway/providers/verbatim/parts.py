"""The parts of a text that the items of a list are taken from, one item from each, in the text's order."""

import re
from collections.abc import Callable, Sequence

from gateway.providers.verbatim.names import ADDRESS, capitalised, distinct, persons
from gateway.providers.verbatim.words import clauses, lines, marked_rows, paragraph, sentences

__all__ = ["MOST", "around", "at_names", "listed", "rows", "whole"]

MOST = 12
"""Parts at most: what a small model writes in half a minute."""

_LAST_SENTENCE = re.compile(r".*(?:[.!?;](?=\s)|[。\n])", re.DOTALL)


def around(text: str, addresses: Sequence[str]) -> list[str]:
    """Return one part for each address: from the name before it to the next such part.

    Where no name is before the first address, names stand behind, and the parts begin at the addresses.
    """
    spots, end = [], 0
    for address in addresses:
        at = text.find(address, end)
        spots.append((_name_before(text, end, at), at))
        end = at + len(address)
    are_named = spots[0][0] < spots[0][1]
    return _cut(text, [name if are_named else at for name, at in spots])


def at_names(text: str) -> list[str]:
    """Return one part for each person's name, up to the next; one that is part of an earlier one begins none."""
    found = _persons_around(text)
    parts = zip(_cut(text, [start for start, _ in found]), found, strict=False)
    first = {name for _, name in distinct(found)}
    return [part for part, (_, name) in parts if name in first]


def listed(text: str, *, has_marks: bool) -> list[str]:
    """Return the rows of a text that is a list: what its marks or bars tell apart, else its lines, if short.

    Args:
        text: where they stand.
        has_marks: whether lines alone do not make it a list.
    """
    if len(marked := marked_rows(text)) > 1:
        return marked
    found = lines(text)
    is_prose = has_marks or any(len(sentences(line)) > 1 for line in found)
    return [] if is_prose else found


def rows(text: str, is_row: Callable[[str], bool]) -> list[str]:
    """Return the lines, sentences or clauses of a text that are rows; the first of these of which there are two."""
    for cut in (lines, sentences, clauses):
        if len(found := [part for part in cut(text) if is_row(part)]) > 1:
            return found[:MOST]
    return [part for part in sentences(text) if is_row(part)][:MOST]


def whole(text: str) -> list[str]:
    """Return a text's lines, where it is a list of them, else its sentences, without what ends them."""
    marked = lines(text)
    parts = marked if len(marked) > 2 else sentences(text)
    return [re.sub(r"\s+", " ", part).strip().rstrip(".;。") for part in parts][:MOST]


def _name_before(text: str, start: int, end: int) -> int:
    """Return where the names begin that stand between two addresses, in the last sentence that has some."""
    between = text[start:end]
    last = _LAST_SENTENCE.match(between)
    offset = last.end() if last and capitalised(between[last.end() :]) else 0
    found = persons(between[offset:])
    return start + offset + found[0][0] if found else end


def _persons_around(text: str) -> list[tuple[int, str]]:
    """Return the names of a text, and behind an address all up to the next, or of the paragraph behind the last."""
    addresses = list(ADDRESS.finditer(text))
    starts = [match.end() for match in addresses]
    ends = [match.start() for match in addresses[1:]]
    if starts:
        ends.append(starts[-1] + len(paragraph(text[starts[-1] :])))
    found = persons(text[: starts[0]] if starts else text)
    for start, end in zip(starts, ends, strict=True):
        found += [(start + at, name) for at, name in persons(text[start:end])]
    full = [run for run in found if " " in run[1]]
    return full if 2 * len(full) >= len(found) else found


def _cut(text: str, starts: list[int]) -> list[str]:
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=False)][:MOST]
