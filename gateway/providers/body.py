"""The body of an answer as events: an event stream, or one JSON document from a server that does not stream.

Which of the two it is, its first character says; content types are not to be relied on.
"""

from gateway.errors import ProviderError
from gateway.providers.sse import Event, EventStreamDecoder, EventTooLarge

__all__ = ["BodyReader"]

_MAX_DOCUMENT_BYTES = 1 << 22  # a value of 1 MiB as text inside JSON, and what stands around it
_BLANK = b"\xef\xbb\xbf \t\r\n"  # the byte-order mark and white space, which say nothing
_TOO_LARGE = "the provider sent an event that is too large"


class BodyReader:
    """Feed it pieces of a body, get the events they complete; a document is one event, at the end.

    Attributes:
        has_bytes: whether anything has come.
        is_document: whether the body is one JSON document.
    """

    __slots__ = ("_document", "_document_bytes", "_events", "_is_stream", "has_bytes", "is_document")

    def __init__(self) -> None:
        """Start before the first byte of a body."""
        self._events = EventStreamDecoder()
        self._document: list[bytes] = []
        self._document_bytes = 0
        self._is_stream = self.has_bytes = self.is_document = False

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that `piece` completes.

        Raises:
            ProviderError: one event, or the document, is too large.
        """
        if not self._is_stream:
            self._look_at(piece)
            if self.is_document:
                self._collect(piece)
                return []
        try:
            return self._events.feed(piece)
        except EventTooLarge:
            raise ProviderError(_TOO_LARGE) from None

    def finish(self) -> list[Event]:
        """Return the event that the end of the body completes, if there is one."""
        if self.is_document:
            return [Event(b"", b"".join(self._document))]
        return self._events.finish()

    def _look_at(self, piece: bytes) -> None:
        self.has_bytes = self.has_bytes or bool(piece)
        if not self.is_document and (start := piece.lstrip(_BLANK)[:1]):
            self.is_document = start == b"{"
            self._is_stream = not self.is_document

    def _collect(self, piece: bytes) -> None:
        self._document_bytes += len(piece)
        if self._document_bytes > _MAX_DOCUMENT_BYTES:
            raise ProviderError(_TOO_LARGE)
        self._document.append(piece)
