"""Bytes on the wire for one conference, by encoding: a frame per piece, and with the default tick of 40 ms."""

from bench.documents import CONFERENCE_PEOPLE, Workload, conference, conference_pieces
from bench.path import frames
from bench.report import Claim, Options, Report, Table, thousands, times
from gateway.core.document import Encoding
from gateway.core.parts import ENCODINGS, Shown

__all__ = ["run"]

_QUICK_PEOPLE = 5
_TOKENS_PER_S = 100
_TICK_MS = 40
_PIECES_PER_TICK = _TOKENS_PER_S * _TICK_MS // 1000
_MOST_TICKED = 12.0

_COLUMNS = ("encoding", "told", "frames", "bytes", "bytes/frame", "to the text")


def run(options: Options) -> Report:
    """Count the UTF-8 bytes of the frames' text; the WebSocket's own 2 to 10 bytes a frame are left out."""
    people = _QUICK_PEOPLE if options.quick else CONFERENCE_PEOPLE
    workload = conference(people, conference_pieces(options.workloads, people))
    sizes = {(encoding, every): _sizes(workload, encoding, every) for every in _paces() for encoding in ENCODINGS}
    raw_bytes = len(workload.text.encode())
    rows = tuple(_row(encoding, every, frame_bytes, raw_bytes) for (encoding, every), frame_bytes in sizes.items())
    title = f"wire: {workload.name}, {thousands(raw_bytes)} bytes of text, {_TOKENS_PER_S} pieces a second"
    ticked = {encoding: sum(sizes[encoding, _PIECES_PER_TICK]) / raw_bytes for encoding in ENCODINGS}
    claims = tuple(
        Claim.at_most(f"{encoding} bytes with a {_TICK_MS} ms tick", ticked[encoding], _MOST_TICKED, "× the text")
        for encoding in (Encoding.PATCH, Encoding.APPEND)
    )
    return Report((Table(title, _COLUMNS, rows),), claims)


def _paces() -> tuple[int, ...]:
    return (1, _PIECES_PER_TICK)


def _sizes(workload: Workload, encoding: str, every: int) -> list[int]:
    shows = ENCODINGS[encoding]
    state = Encoding(encoding) if Shown.VALUE in shows else Encoding.SNAPSHOT
    return [len(frame.encode()) for frame in frames(workload, state, every=every, shows=shows)]


def _row(encoding: str, every: int, frame_bytes: list[int], raw_bytes: int) -> tuple[str, ...]:
    total = sum(frame_bytes)
    told = "each piece" if every == 1 else f"each {_TICK_MS} ms"
    per_frame = total / len(frame_bytes)
    return (
        encoding,
        told,
        thousands(len(frame_bytes)),
        thousands(total),
        thousands(per_frame),
        times(total / raw_bytes),
    )
