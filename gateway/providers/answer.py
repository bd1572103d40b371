"""The bytes of one answer as the deltas of `gateway.ports`, whichever form it has.

1. `Finish` comes once and last, so that an error after a finish reason is still an error.
2. What came before an error in the same piece is given first.
3. An answer in one JSON document, from a server that does not stream, is an answer.
"""

from collections.abc import Iterator
from typing import Protocol

from gateway.errors import ProviderError
from gateway.ports import Delta, Finish, Mode, ProviderRequest
from gateway.providers.body import BodyReader
from gateway.providers.call_lists import ListedCalls
from gateway.providers.call_unions import UnionCall
from gateway.providers.calls import Calls, FirstCall
from gateway.providers.chat import ChatAnswer
from gateway.providers.deltas import Deltas
from gateway.providers.responses import ResponseAnswer
from gateway.providers.sse import Event

__all__ = ["AnswerReader"]

_DONE = b"[DONE]"


class _Answer(Protocol):
    """Reads the events of one form of answer; see `ChatAnswer` and `ResponseAnswer`."""

    has_begun: bool

    @property
    def is_answered(self) -> bool: ...

    def read(self, event: Event, deltas: Deltas) -> None: ...

    def rest(self, *, is_cut: bool) -> str: ...


class AnswerReader:
    """Reads one answer: pieces of the body in, deltas out."""

    __slots__ = ("_answer", "_body", "_deltas", "_has_events")

    def __init__(self, mode: Mode, calls: Calls | None = None) -> None:
        """Start before the first byte of a body.

        Args:
            mode: how JSON was asked for.
            calls: what to make of the answer's calls; None: the first one counts.
        """
        calls = FirstCall() if calls is None else calls
        self._answer: _Answer = ResponseAnswer(calls) if mode is Mode.RESPONSES else ChatAnswer(mode, calls)
        self._body = BodyReader()
        self._deltas = Deltas()
        self._has_events = False

    @classmethod
    def of(cls, request: ProviderRequest) -> "AnswerReader":
        """Make the reader of what a request is answered with."""
        return cls(request.mode, _calls_of(request))

    @property
    def is_done(self) -> bool:
        """Whether the answer has ended; nothing after that is read."""
        return self._deltas.is_done

    @property
    def can_end(self) -> bool:
        """Whether nothing that matters can follow: the model has said why it stopped, or wrote all it was asked for."""
        return bool(self._deltas.finish_reason) or self._answer.is_answered

    @property
    def has_begun(self) -> bool:
        """Whether anything of a body has come."""
        return self._body.has_bytes

    def feed(self, piece: bytes) -> Iterator[Delta]:
        """Return an iterator over the deltas that `piece` completes, to be exhausted before the next call.

        Raises:
            ProviderFailure: an error object, or an event that cannot be read; the iterator raises it behind the
                deltas that came before.
            OutputTooLarge: more is to be kept than there is room for, until it is clear what it means.
        """
        return self._read(self._body.feed(piece))

    def finish(self) -> Iterator[Delta]:
        """Yield what was held back until the end, `Finish` last if a finish reason came.

        Raises:
            ProviderFailure: as `feed`, and for a body that is no answer at all.
        """
        deltas = self._deltas
        if not deltas.is_done:
            yield from self._read(self._body.finish())
        self._require_answer()
        is_cut = deltas.finish_reason != "stop" and not (deltas.is_done and not deltas.finish_reason)
        deltas.text(self._answer.rest(is_cut=is_cut))
        deltas.end_text()
        yield from deltas.take()
        if deltas.finish_reason:
            yield Finish(deltas.finish_reason)

    def _read(self, events: list[Event]) -> Iterator[Delta]:
        deltas = self._deltas
        for event in events:
            self._has_events = True
            if event.content == _DONE or deltas.is_done:
                deltas.is_done = True
                break
            self._answer.read(event, deltas)
            yield from deltas.take()

    def _require_answer(self) -> None:
        """Refuse a page, or a document that is something else; one that is an answer need not say that it ends."""
        body = self._body
        if body.is_document and self._answer.has_begun:
            if not self._deltas.finish_reason:
                self._deltas.finish("stop")
        elif body.is_document or (body.has_bytes and not self._has_events):
            raise ProviderError("the provider did not answer with an event stream")


def _calls_of(request: ProviderRequest) -> Calls:
    if request.wrapper is not None and request.is_list:
        return ListedCalls(request.wrapper)
    if request.wrapper is not None and request.mode is Mode.TOOLS and request.members:
        return UnionCall(request.members, request.wrapper)
    return FirstCall()
