"""What one connection and one extraction did: counted for the gateway, and told in one line of the log at the end.

The lines hold names of ours, codes and numbers: no input, no value, no credential, no address, no words of a client.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from gateway.core.document import View
from gateway.core.extraction import Extraction
from gateway.core.parts import Shown
from gateway.errors import CloseCode
from gateway.figures import Figures, close_label, error_label
from gateway.logs import Entry

__all__ = ["ConnectionAccount", "ExtractionAccount", "encoding_of"]

_log = logging.getLogger("gateway")

_TYPE_AT = len('{"type":"')
"""Every frame begins with its type."""

_FROM_BELOW = frozenset({1002, 1007, 1009, 1012, CloseCode.RATE_ABUSE})
"""What the server underneath closes with; a client that closes uses 1000, 1001, 1011 or a code of its own."""

_LOST = 1006
"""Stands for a connection that ended without a word."""


class Viewing(Protocol):
    """What a watch shows, and how it shows the value."""

    @property
    def shows(self) -> Shown:
        """The parts."""
        ...

    @property
    def view(self) -> View:
        """How the value is shown, where it is one of them."""
        ...


def encoding_of(watch: Viewing) -> str:
    """Return the encoding that a watch asked for."""
    if Shown.VALUE in watch.shows:
        return watch.view.encoding.value
    return "items" if Shown.ITEMS in watch.shows else "text"


class ConnectionAccount:
    """What went over one connection.

    Args:
        figures: of the gateway.
        now_s: when it began.
        below: where the server underneath writes why it dropped the peer, under `dropped`.
    """

    __slots__ = (
        "_began_s",
        "_below",
        "_bytes",
        "_close",
        "_extractions",
        "_figures",
        "_frames",
        "_greeting",
        "_messages",
        "_session",
        "_watches",
    )

    def __init__(self, figures: Figures, now_s: float, below: Mapping[str, str]) -> None:
        """Count one more connection."""
        self._figures = figures
        self._began_s = now_s
        self._below = below
        self._session: str | None = None
        self._greeting: str | None = None
        self._close: tuple[int, str] | None = None
        self._messages = self._frames = self._bytes = self._watches = self._extractions = 0
        figures.connections += 1

    def admitted(self, session: str) -> None:
        """Take that a session began."""
        self._session = session
        self._greet("admitted")

    def denied(self, code: str) -> None:
        """Take why it did not."""
        self._greet(error_label(code))

    def received(self, type_: str) -> None:
        """Count a message."""
        self._messages += 1
        self._figures.received[type_] += 1

    def refused(self, code: str) -> None:
        """Count an `error` message."""
        self._figures.errors[error_label(code)] += 1

    def started(self) -> None:
        """Count an extraction that this session started."""
        self._extractions += 1

    def attached(self, encoding: str) -> None:
        """Count a watch."""
        self._watches += 1
        self._figures.watches[encoding] += 1

    def detached(self, encoding: str) -> None:
        """Count a watch no longer."""
        self._figures.watches[encoding] -= 1

    def wrote(self, frame: str) -> None:
        """Count a frame."""
        type_ = frame[_TYPE_AT : frame.index('"', _TYPE_AT)]
        size = len(frame) if frame.isascii() else len(frame.encode())
        self._frames += 1
        self._bytes += size
        tally = self._figures.written[type_]
        tally.frames += 1
        tally.bytes += size

    def updated(self, encoded: int, before: int | None, rev: int | None) -> None:
        """Count what a watch is about to be written.

        Args:
            encoded: how many updates were encoded for it; none where others had asked for the same.
            before: the revision that it had reached, where that is one of the same epoch.
            rev: the one that it reaches now.
        """
        self._figures.encoded_updates += encoded
        if before is not None and rev is not None and rev > before + 1:
            self._figures.folded_revisions += rev - before - 1

    def close(self, code: int, *, by_server: bool) -> None:
        """Take how the connection is closed; the first word counts."""
        self._look_below()
        if self._close is None:
            self._close = code, "server" if by_server or code in _FROM_BELOW else "client"

    def drop(self, why: str) -> None:
        """Take why the peer is given up without a word (`figures.DROPS`)."""
        if self._close is None:
            self._close = _LOST, "server"
            self._figures.dropped[why] += 1

    def end(self, now_s: float, meant: CloseCode | None) -> None:
        """Count the end, and tell it; `meant` is what we wanted to close with, whether or not it could be written."""
        self._look_below()
        code, by = self._close or ((_LOST, "client") if meant is None else (meant, "server"))
        if code == CloseCode.TOO_SLOW and by == "server":
            self._figures.dropped["too_slow"] += 1
        self._figures.closed[close_label(code), by] += 1
        if self._greeting is None:
            self._greet(_unheard(code, by))
        told = Entry(
            "a connection ended",
            session=self._session,
            greeting=self._greeting,
            code=int(code),
            by=by,
            total_ms=round((now_s - self._began_s) * 1000),
            messages_in=self._messages,
            frames_out=self._frames,
            bytes_out=self._bytes,
            watches=self._watches,
            extractions=self._extractions,
        )
        _log.info(told)

    def _greet(self, outcome: str) -> None:
        self._greeting = outcome
        self._figures.greetings[outcome] += 1

    def _look_below(self) -> None:
        if (why := self._below.get("dropped")) is not None:
            self.drop(why)


def _unheard(code: int, by: str) -> str:
    """Return how a session began that was not judged."""
    known = {
        CloseCode.HELLO_TIMEOUT: "timed_out",
        CloseCode.FAULT: "internal",
        CloseCode.RESTART: "left",
        _LOST: "left",
    }
    return "left" if by == "client" else known.get(code, "violated")


class ExtractionAccount:
    """What one extraction took.

    Args:
        extraction: its name.
        extractor: the extractor's.
        figures: of the gateway.
    """

    __slots__ = ("_extraction", "_extractor", "_figures", "_most_watchers", "_watchers")

    def __init__(self, extraction: str, extractor: str = "inline", figures: Figures | None = None) -> None:
        """Count one more extraction."""
        self._extraction = extraction
        self._extractor = extractor
        self._figures = Figures() if figures is None else figures
        self._watchers = self._most_watchers = 0
        self._figures.started[extractor] += 1

    def joined(self) -> None:
        """Count somebody who watches, or listens in this process."""
        self._watchers += 1
        self._most_watchers = max(self._most_watchers, self._watchers)

    def left(self) -> None:
        """Count one less."""
        self._watchers -= 1

    def end(self, extraction: Extraction) -> None:
        """Count how it ended, and tell it."""
        terminal, figures, name = extraction.terminal, self._figures, self._extractor
        if terminal is None:
            raise RuntimeError("an extraction is accounted for when it has ended")
        usage, timing = terminal.usage, terminal.timing
        code = "" if extraction.error is None else error_label(extraction.error.code)
        saved_tokens = usage.saved_tokens if isinstance(usage.saved_tokens, int) else None
        figures.ended[name, extraction.state.value, code] += 1
        figures.attempts[name] += terminal.attempts
        figures.retries[name] += max(0, terminal.attempts - 1)
        figures.early_stops[name] += extraction.early_stops
        figures.saved_tokens[name] += saved_tokens or 0
        figures.input_tokens[name] += usage.input_tokens
        figures.output_tokens[name] += usage.output_tokens
        figures.repairs.update(str(repair["kind"]) for repair in terminal.repairs)
        figures.queued_s.observe(timing.queued_ms / 1000)
        first_delta_ms = timing.first_delta_ms
        figures.took(name, timing.total_ms / 1000, None if first_delta_ms is None else first_delta_ms / 1000)
        told = Entry(
            "an extraction ended",
            extraction=self._extraction,
            extractor=name,
            outcome=extraction.state.value,
            error=code or None,
            attempts=terminal.attempts,
            early_stops=extraction.early_stops,
            queued_ms=timing.queued_ms,
            first_delta_ms=first_delta_ms,
            total_ms=timing.total_ms,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            saved_tokens=saved_tokens,
            estimated=usage.estimated,
            repairs=len(terminal.repairs),
            watchers=self._most_watchers,
        )
        _log.info(told)
