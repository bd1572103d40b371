"""What kind of body an answer has, by its first character."""

import pytest

from gateway.errors import ProviderError
from gateway.providers import body
from gateway.providers.body import BodyReader
from gateway.providers.sse import Event


@pytest.mark.parametrize("size", [1, 2, 99])
@pytest.mark.parametrize("blank", [b"", b"\r\n \t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_document(blank: bytes, size: int) -> None:
    """One that begins with a brace is whole at its end, white space and byte-order mark aside."""
    document, reader = blank + b'{"a":\n\n1}', BodyReader()
    assert [reader.feed(document[start : start + size]) for start in range(0, len(document), size)] == [[]] * -(
        -len(document) // size
    )
    (event,) = reader.finish()
    assert (reader.is_document, event.content.lstrip(b"\xef\xbb\xbf \t\r\n")) == (True, b'{"a":\n\n1}')


@pytest.mark.parametrize("start", [b"", b": {\n\n", b"\n\n", b"\xef\xbb\xbf"])
def test_an_event_stream(start: bytes) -> None:
    """Anything else is read as events."""
    reader = BodyReader()
    events = reader.feed(start) + reader.feed(b'data: {"a":1}\n\n')
    assert (events, reader.is_document) == ([Event(b"", b'{"a":1}')], False)


def test_a_document_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without an end does not fill the memory."""
    monkeypatch.setattr(body, "_MAX_DOCUMENT_BYTES", 10)
    reader = BodyReader()
    reader.feed(b"{")
    with pytest.raises(ProviderError, match="too large"):
        reader.feed(b" " * 10)
