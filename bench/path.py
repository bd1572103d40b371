"""The way of a piece of text from the provider to a frame, as the server walks it, without the socket."""

from collections.abc import Iterable, Iterator
from time import monotonic

from bench.documents import Workload
from gateway.audience import Audience
from gateway.core.document import Encoding, View
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.parts import Shown
from gateway.ports import ProviderRequest
from gateway.runner import Run
from gateway.watching import Watch

__all__ = ["feed", "frames", "started", "watches"]


def started(workload: Workload, limits: Limits | None = None) -> Extraction:
    """Return an extraction that waits for its first piece."""
    extraction = Extraction(workload.schema, epoch="e1", limits=limits or Limits(), created_s=0.0)
    extraction.start(0.0)
    return extraction


def feed(extraction: Extraction, pieces: Iterable[str]) -> None:
    """Give an extraction its next pieces."""
    for piece in pieces:
        extraction.feed(piece, 0.0)


def watches(
    workload: Workload, extraction: Extraction, encoding: Encoding, count: int, shows: Shown = Shown.VALUE
) -> list[Watch]:
    """Return so many watches of an extraction; nothing has been written to any yet."""
    request = ProviderRequest(messages=(), schema=workload.schema.provider_schema)
    run = Run("x1", extraction, request, limits=Limits(), now_s=monotonic, new_id=lambda: "e2")
    audience = Audience(run, lambda _: None)
    return [Watch(f"w{number}", audience, View(encoding), 0, lambda _: None, shows=shows) for number in range(count)]


def frames(workload: Workload, encoding: Encoding, *, every: int = 1, shows: Shown = Shown.VALUE) -> Iterator[str]:
    """Yield the frames that one watch is sent when it is told after every so many pieces, and after the last.

    Behind items comes the whole value, as it does at the end.
    """
    extraction = started(workload)
    (watch,) = watches(workload, extraction, encoding, 1, shows)
    last = len(workload.pieces) - 1
    is_due = False
    for number, piece in enumerate(workload.pieces):
        is_due = extraction.feed(piece, 0.0) or is_due
        if is_due and (number % every == 0 or number == last):
            is_due = False
            if Shown.ITEMS in shows:
                extraction.items.settle(extraction.items.verdicts())
            yield from watch.frames()
    if Shown.ITEMS in shows:
        extraction.end(extraction.judge(), 0.0)
        yield from (frame for frame in watch.frames() if frame.startswith('{"type":"snapshot"'))
