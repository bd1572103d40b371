"""What has happened in a gateway so far, as plain numbers: counted where it happens, read when somebody asks.

1. What is counted by is one of a closed set: codes of ours, types of messages, names of extractors that are registered.
   Nothing is counted under what a client or a model wrote; an application's own codes are `other`.
2. Counting is a few additions, because it is done for every frame; what can be read off the objects is not counted.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence

from gateway.errors import ERRORS, CloseCode

__all__ = ["DROPS", "REFUSALS", "Figures", "Histogram", "Written", "close_label", "error_label"]

DROPS = ("stalled", "silent", "too_slow")
"""Why a peer is dropped: it takes no byte, it answers no ping, its control lane is full."""

REFUSALS = ("origin", "capacity", "draining", "address_rate", "address_connections", "subprotocol")
"""Why an upgrade request is refused, before a session begins."""

OTHER = "other"

_CLOSE_CODES = frozenset({*CloseCode, 1002, 1005, 1006})
"""Ours, a protocol error that the server underneath finds, and what stands for none and for a lost connection."""

_QUEUED_S = (0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
_FIRST_DELTA_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30)
"""Up to `first_delta_timeout_s`: hosted models begin within a second or two, a model on a small machine after ten."""

_TOTAL_S = (0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300)
_LAG_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


def error_label(code: str) -> str:
    """Return a wire code as it may be counted by: applications may raise codes of their own."""
    return code if code in ERRORS else OTHER


def close_label(code: int) -> str:
    """Return a close code as it may be counted by: clients may close with any."""
    return str(int(code)) if code in _CLOSE_CODES else OTHER


class Histogram:
    """How often a value was within which bounds.

    Attributes:
        bounds: the largest value of each bucket, ascending; one more bucket holds what is larger.
        counts: of each bucket alone.
        total: the sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin empty."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Take a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Written:
    """How many frames, and how many bytes of UTF-8: adding to one costs half of what two counters do."""

    __slots__ = ("bytes", "frames")

    def __init__(self) -> None:
        """Begin with none."""
        self.frames = self.bytes = 0


class Figures:
    """The counts of one gateway, from its beginning.

    Attributes:
        connections: that were upgraded to `extraction.v1`.
        closed: of these, by close code and who closed.
        greetings: how they began: `admitted`, a wire code, `timed_out`, `violated` or `left`.
        refused: upgrade requests, by `REFUSALS`.
        ticket_requests: for one-time tickets, by what came of them: `issued`, or a wire code.
        tickets_spent: that let somebody in, or would have.
        dropped: connections, by `DROPS`.
        received: messages, by type; `malformed` is what is no message.
        written: frames, and their bytes, by type.
        errors: messages `error` that were sent, by wire code.
        watches: that there are now, by encoding.
        encoded_updates: snapshots and patches that were encoded, once for all watches that share them.
        folded_revisions: that reached a watch inside the update of a later one.
        started: extractions that were accepted, by extractor.
        ended: by extractor, outcome and wire code; the code is empty but for `failed`.
        attempts: calls of the model, by extractor; like all that follows, when an extraction ends.
        retries: of these, all but the first of each extraction.
        early_stops: of these, those that were cancelled because no later token could make the answer valid.
        saved_tokens: that they would have written, where that can be estimated.
        input_tokens, output_tokens: of all attempts, by extractor.
        repairs: by kind.
        queued_s: from acceptance to the provider's place.
        first_delta_s: from there to the first delta, by extractor.
        total_s: from acceptance to the ending, by extractor.
        lag_s: how late the event loop was, once a second while there are connections.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.connections = 0
        self.closed: Counter[tuple[str, ...]] = Counter()
        self.greetings: Counter[str] = Counter()
        self.refused: Counter[str] = Counter(dict.fromkeys(REFUSALS, 0))
        self.ticket_requests: Counter[str] = Counter()
        self.tickets_spent = 0
        self.dropped: Counter[str] = Counter(dict.fromkeys(DROPS, 0))
        self.received: Counter[str] = Counter()
        self.written: defaultdict[str, Written] = defaultdict(Written)
        self.errors: Counter[str] = Counter()
        self.watches: Counter[str] = Counter()
        self.encoded_updates = self.folded_revisions = 0
        self.started: Counter[str] = Counter()
        self.ended: Counter[tuple[str, ...]] = Counter()
        self.attempts: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.early_stops: Counter[str] = Counter()
        self.saved_tokens: Counter[str] = Counter()
        self.input_tokens: Counter[str] = Counter()
        self.output_tokens: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        self.queued_s = Histogram(_QUEUED_S)
        self.first_delta_s: dict[str, Histogram] = {}
        self.total_s: dict[str, Histogram] = {}
        self.lag_s = Histogram(_LAG_S)

    def took(self, extractor: str, total_s: float, first_delta_s: float | None) -> None:
        """Take how long an extraction took."""
        if extractor not in self.total_s:
            self.total_s[extractor], self.first_delta_s[extractor] = Histogram(_TOTAL_S), Histogram(_FIRST_DELTA_S)
        self.total_s[extractor].observe(total_s)
        if first_delta_s is not None:
            self.first_delta_s[extractor].observe(first_delta_s)
