"""One document and 1,000 watches: an update is encoded once for all of them, or would be for each."""

import json
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from bench.documents import conference
from bench.path import feed, started, watches
from bench.report import Claim, Options, Report, Table, microseconds, thousands, times
from bench.stopwatch import cpu_s, medians
from gateway.core.document import Encoding
from gateway.watching import Watch

__all__ = ["run"]

_WATCHES = 1_000
_QUICK_WATCHES = 10
_PEOPLE = 200
_PIECES_PER_UPDATE = 4
_UPDATES = 15
_QUICK_UPDATES = 2

_COLUMNS = ("encoding", "updates", "encoded", "frames", "ours µs", "msgspec each µs", "json each µs", "to ours", "")
_Encode = Callable[[Any], str | bytes]


def run(options: Options) -> Report:
    """Measure updates in the middle of a document, for every encoding."""
    count, updates = (_QUICK_WATCHES, _QUICK_UPDATES) if options.quick else (_WATCHES, _UPDATES)
    found = [_measured(encoding, count, updates) for encoding in Encoding]
    title = f"fanout: {thousands(count)} watches of one document, CPU time of one update for all, median of {updates}"
    rows = tuple(_row(encoding, count, updates, *each) for encoding, each in zip(Encoding, found, strict=True))
    encoded = sum(times_encoded for times_encoded, _ in found)
    words = f"times that {updates * len(Encoding)} updates to {thousands(count)} watches each were encoded"
    return Report((Table(title, _COLUMNS, rows),), (Claim.equal(words, encoded, updates * len(Encoding)),))


def _measured(encoding: Encoding, count: int, updates: int) -> tuple[int, list[float]]:
    """Return how many updates were encoded, and the seconds of ours and of the two that encode for each watch."""
    workload = conference(_PEOPLE)
    extraction = started(workload)
    audience = watches(workload, extraction, encoding, count)
    pieces = iter(workload.pieces)
    feed(extraction, islice(pieces, len(workload.pieces) // 2))
    _ = _write(audience)  # everyone's first snapshot
    before = extraction.document.encoded_updates
    seconds = []
    for _ in range(updates):
        feed(extraction, islice(pieces, _PIECES_PER_UPDATE))
        seconds.append(_update_s(audience))
    return extraction.document.encoded_updates - before, medians(seconds)


def _update_s(audience: list[Watch]) -> list[float]:
    written: list[str] = []
    ours_s = cpu_s(lambda: written.extend(_write(audience)))
    message = json.loads(written[0])
    ids = [watch.id for watch in audience]
    others = (partial(_encode_each, encode, message, ids) for encode in (msgspec.json.encode, json.dumps))
    return [ours_s, *map(cpu_s, others)]


def _write(audience: list[Watch]) -> list[str]:
    return [frame for watch in audience for frame in watch.frames()]


def _encode_each(encode: _Encode, message: dict[str, Any], ids: list[str]) -> None:
    for id_ in ids:
        encode({**message, "id": id_})


def _row(encoding: Encoding, count: int, updates: int, encoded: int, seconds: list[float]) -> tuple[str, ...]:
    ours_s, msgspec_s, json_s = seconds
    ratios = (times(msgspec_s / ours_s), times(json_s / ours_s))
    counts = (thousands(updates), thousands(encoded), thousands(updates * count))
    return (encoding, *counts, *map(microseconds, seconds), *ratios)
