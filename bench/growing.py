"""The cost of a piece in documents from 1 KB to 1 MB: it should not grow with the document."""

from functools import partial

from bench.documents import Workload, conference_sized
from bench.path import feed, started
from bench.report import Claim, Options, Report, Table, microseconds, thousands, times
from bench.stopwatch import interleaved_s

__all__ = ["run"]

_SIZES_BYTES = (1_000, 10_000, 100_000, 1_000_000)
_QUICK_SIZES_BYTES = (1_000, 2_000)
_ROUND_BYTES = 200_000  # small documents are streamed many times over, so that the clock's steps do not count
_MOST_GROWTH = 1.3


def run(options: Options) -> Report:
    """Measure each size in turn, several times."""
    sizes = _QUICK_SIZES_BYTES if options.quick else _SIZES_BYTES
    workloads = [conference_sized(size) for size in sizes]
    copies = [1 if options.quick else max(1, _ROUND_BYTES // size) for size in sizes]
    totals_s = interleaved_s(options.runs, *map(partial, [_stream] * len(sizes), workloads, copies))
    counts = [len(workload.pieces) * count for workload, count in zip(workloads, copies, strict=True)]
    pieces_s = [total / count for total, count in zip(totals_s, counts, strict=True)]
    title = f"growing: cost of a 4-character piece by size of document, CPU time, median of {options.runs}"
    columns = ("bytes", "documents", "pieces in all", "µs/piece", "to the smallest")
    rows = tuple(map(_row, sizes, copies, counts, pieces_s, [pieces_s[0]] * len(sizes)))
    claim = Claim.at_most("cost per piece, largest / smallest document", pieces_s[-1] / pieces_s[0], _MOST_GROWTH, "×")
    return Report((Table(title, columns, rows),), (claim,))


def _stream(workload: Workload, copies: int) -> None:
    for _ in range(copies):
        feed(started(workload), workload.pieces)


def _row(size_bytes: int, copies: int, count: int, piece_s: float, smallest_s: float) -> tuple[str, ...]:
    return (
        thousands(size_bytes),
        thousands(copies),
        thousands(count),
        microseconds(piece_s),
        times(piece_s / smallest_s),
    )
