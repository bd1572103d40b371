"""What a benchmark says: tables of text, and the claims that are checked against what was measured."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Claim", "Options", "Report", "Table", "microseconds", "thousands", "times"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to measure.

    Attributes:
        quick: small sizes, each once: shows that the benchmarks run, not how fast.
        peers_python: the interpreter that has the peers; None leaves them out.
        peers_limit: how many pieces of the document the peers are given; None gives them all.
        workloads: a folder with tokenised documents, used instead of generated ones where it has them.
    """

    quick: bool = False
    peers_python: Path | None = None
    peers_limit: int | None = None
    workloads: Path | None = None

    @property
    def runs(self) -> int:
        """How often a measurement is repeated for its median."""
        return 1 if self.quick else 5


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title; the first column is text, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        """Return the table as aligned text."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join([self.title, *(f"  {_aligned(line, widths)}" for line in lines)])


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    numbers = zip(cells[1:], widths[1:], strict=True)
    return "  ".join([cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in numbers)]).rstrip()


@dataclass(frozen=True, slots=True)
class Claim:
    """Something the project says of itself, and whether it was so in this run."""

    words: str
    measured: str
    bound: str
    holds: bool

    @classmethod
    def at_most(cls, words: str, measured: float, bound: float, unit: str) -> "Claim":
        """Claim that a figure does not exceed a bound."""
        return cls(words, f"{measured:,.2f} {unit}", f"at most {bound:g} {unit}", measured <= bound)

    @classmethod
    def at_least(cls, words: str, measured: float, bound: float, unit: str) -> "Claim":
        """Claim that a figure reaches a bound."""
        return cls(words, f"{measured:,.1f} {unit}", f"at least {bound:g} {unit}", measured >= bound)

    @classmethod
    def equal(cls, words: str, measured: int, expected: int) -> "Claim":
        """Claim that a count is exact."""
        return cls(words, f"{measured:,}", f"exactly {expected:,}", measured == expected)

    def __str__(self) -> str:
        """Return the closing line."""
        return f"{self.words}: {self.measured} (claim: {self.bound}) {'ok' if self.holds else 'MISSED'}"


@dataclass(frozen=True, slots=True)
class Report:
    """What one benchmark found."""

    tables: tuple[Table, ...]
    claims: tuple[Claim, ...]


def thousands(number: float) -> str:
    """Return a whole number as it is read."""
    return f"{number:,.0f}"


def microseconds(seconds: float) -> str:
    """Return a duration in µs with two digits behind the point."""
    return f"{seconds * 1e6:,.2f}"


def times(ratio: float) -> str:
    """Return a ratio as it is read."""
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:,.2f}×"
