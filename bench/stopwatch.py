"""CPU time of this process, not wall time: a busy machine makes it slower, but not by the others' share.

The garbage collector stays on, as in the server, and starts each measurement with nothing to collect.
"""

import gc
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from time import process_time
from typing import TypeVar

__all__ = ["cpu_s", "interleaved_s", "medians", "tenths_s"]

_Piece = TypeVar("_Piece")


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    gc.collect()
    begin_s = process_time()
    work()
    return process_time() - begin_s


def interleaved_s(runs: int, *contenders: Callable[[], object]) -> list[float]:
    """Return each contender's median, with the runs in turn, so that a slow moment of the machine hits all alike."""
    return medians([[cpu_s(contender) for contender in contenders] for _ in range(runs)])


def tenths_s(feed: Callable[[_Piece], object], pieces: Sequence[_Piece]) -> list[float]:
    """Return the CPU seconds of each tenth of the pieces, fed in order."""
    bounds = [len(pieces) * tenth // 10 for tenth in range(11)]
    tenths = [pieces[begin:end] for begin, end in pairwise(bounds)]
    gc.collect()
    marks_s = [process_time()]
    for tenth in tenths:
        for piece in tenth:
            feed(piece)
        marks_s.append(process_time())
    return [end - begin for begin, end in pairwise(marks_s)]


def medians(runs: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of each figure over the runs."""
    return [median(figures) for figures in zip(*runs, strict=True)]
