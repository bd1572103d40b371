"""Parser and operations on 1 MB of text in 4-character pieces, in total and from the first tenth to the last."""

from collections.abc import Iterator
from functools import partial

from bench.documents import Workload, conference_sized, essay, tree
from bench.path import started
from bench.report import Claim, Options, Report, Table, microseconds, thousands, times
from bench.stopwatch import medians, tenths_s
from gateway.core.parser import Parser

__all__ = ["run"]

_BYTES = 1_000_000
_QUICK_BYTES = 2_000
_MOST_S = 2.0
_MOST_GROWTH = 1.3
_MOST_LENIENCY = 1.1

_COLUMNS = (
    "document",
    "pieces",
    "strict s",
    "lenient s",
    "all s",
    "µs/piece",
    "first tenth µs",
    "last tenth µs",
    "last/first",
)


def run(options: Options) -> Report:
    """Measure each document, which is JSON: strict and lenient reading of it, and with schema and document, "all"."""
    size_bytes = _QUICK_BYTES if options.quick else _BYTES
    rows: list[tuple[str, ...]] = []
    claims: list[Claim] = []
    for workload in (conference_sized(size_bytes), essay(size_bytes), tree(size_bytes)):
        strict_s, lenient_s, all_s = _measured(workload, options.runs)
        rows.append(_row(workload, sum(strict_s), sum(lenient_s), all_s))
        claims.extend(_claims(workload, sum(lenient_s) / sum(strict_s), all_s))
    title = f"parse: about {thousands(size_bytes)} bytes in 4-character pieces, CPU time, median of {options.runs}"
    return Report((Table(title, _COLUMNS, tuple(rows)),), tuple(claims))


def _measured(workload: Workload, runs: int) -> tuple[list[float], list[float], list[float]]:
    """Return the seconds of each tenth for either parser alone, and for everything up to the document."""
    strict_s, lenient_s, all_s = [], [], []
    for _ in range(runs):
        strict_s.append(tenths_s(Parser().feed, workload.pieces))
        lenient_s.append(tenths_s(Parser(lenient=True).feed, workload.pieces))
        all_s.append(tenths_s(partial(started(workload).feed, now_s=0.0), workload.pieces))
    return medians(strict_s), medians(lenient_s), medians(all_s)


def _row(workload: Workload, strict_s: float, lenient_s: float, all_s: list[float]) -> tuple[str, ...]:
    count = len(workload.pieces)
    first_s, last_s = all_s[0], all_s[-1]
    return (
        workload.name,
        thousands(count),
        f"{strict_s:.3f}",
        f"{lenient_s:.3f}",
        f"{sum(all_s):.3f}",
        microseconds(sum(all_s) / count),
        microseconds(first_s / count * 10),
        microseconds(last_s / count * 10),
        times(last_s / first_s),
    )


def _claims(workload: Workload, leniency: float, all_s: list[float]) -> Iterator[Claim]:
    yield Claim.at_most(f"lenient / strict reading of JSON, {workload.name}", leniency, _MOST_LENIENCY, "×")
    yield Claim.at_most(f"1 MB in 4-character pieces, {workload.name}", sum(all_s), _MOST_S, "s")
    yield Claim.at_most(f"last tenth / first tenth, {workload.name}", all_s[-1] / all_s[0], _MOST_GROWTH, "×")
