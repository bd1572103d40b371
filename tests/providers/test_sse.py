"""The decoder of server-sent events, against the standard's own examples and every way to cut a stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.sse import Event, EventStreamDecoder, EventTooLarge


def _decode(*pieces: bytes) -> list[Event]:
    decoder = EventStreamDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.finish()


def test_an_event_leaves_when_its_blank_line_arrives() -> None:
    """An event is given as soon as its blank line is there, not before."""
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: one\n") == []
    assert decoder.feed(b"\n") == [Event(b"", b"one")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_the_three_line_ends(line_end: bytes) -> None:
    """LF, CR and CR LF end a line alike."""
    stream = line_end.join([b"data: one", b"", b"data: two", b"", b""])
    assert _decode(stream) == [Event(b"", b"one"), Event(b"", b"two")]


def test_a_cr_at_the_end_of_a_piece_ends_the_line_at_once() -> None:
    """An event behind a CR is not kept waiting for an LF, and the LF that follows is no second line end."""
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: one\r\r") == [Event(b"", b"one")]
    assert decoder.feed(b"\ndata: two\r") == []
    assert decoder.feed(b"\n\r\n") == [Event(b"", b"two")]


def test_data_lines_join_with_a_line_feed() -> None:
    """Several data lines are one text, as in the standard's example."""
    assert _decode(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [Event(b"", b"YHOO\n+2\n10")]


def test_one_space_after_the_colon_belongs_to_the_field() -> None:
    """`data:x` and `data: x` are the same; a second space is part of the value."""
    stream = b"data:test\n\ndata: test\n\ndata:  test\n\n"
    assert [event.content for event in _decode(stream)] == [b"test", b"test", b" test"]


def test_empty_data_is_an_event() -> None:
    """A data line without a value counts, with or without its colon, as in the standard's example."""
    assert [event.content for event in _decode(b"data\n\ndata\ndata\n\ndata:\n\n")] == [b"", b"\n", b""]


def test_comments_and_other_fields_are_skipped() -> None:
    """Comments, ids, retries and unknown fields give nothing by themselves."""
    assert _decode(b": ping\n\nid: 7\nretry: 10\ncolour: red\n\ndata: x\n\n") == [Event(b"", b"x")]


def test_a_name_holds_for_one_event() -> None:
    """The event field names the next event only, also when that one had no data."""
    stream = b"event: error\ndata: 1\n\ndata: 2\n\nevent: lost\n\ndata: 3\n\n"
    assert _decode(stream) == [Event(b"error", b"1"), Event(b"", b"2"), Event(b"", b"3")]


def test_a_byte_order_mark_is_skipped_once() -> None:
    """A mark at the very start is no part of the first field, however it is cut."""
    assert _decode(b"\xef", b"\xbb", b"\xbfdata: x\n\n") == [Event(b"", b"x")]


def test_a_last_event_without_its_blank_line_counts() -> None:
    """What the end of the stream left open is given, unlike in the standard."""
    assert _decode(b"data: one\n\ndata: two") == [Event(b"", b"one"), Event(b"", b"two")]
    assert _decode(b"data: one\n") == [Event(b"", b"one")]
    assert _decode(b"") == []


_stream = st.lists(
    st.sampled_from(["data: é€😀", "data:", ": c", "event: x", "data: [DONE]", "", "", "id: 1"]), max_size=30
)


@given(
    lines=_stream,
    ends=st.lists(st.sampled_from(["\n", "\r", "\r\n"]), min_size=1),
    cuts=st.sets(st.integers(0, 400)),
)
def test_any_cut_gives_the_same_events(lines: list[str], ends: list[str], cuts: set[int]) -> None:
    """Wherever the bytes are cut, inside characters and line ends too, the events are those of the whole."""
    stream = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines)).encode()
    marks = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(marks)]
    assert _decode(*pieces) == _decode(stream)


@pytest.mark.parametrize("piece", [b"x" * 10, b"data: 12345\n", b": comment without an end"])
def test_an_unfinished_event_is_bounded(piece: bytes) -> None:
    """A line or an event that never ends is refused instead of kept."""
    decoder = EventStreamDecoder(max_event_bytes=64)
    with pytest.raises(EventTooLarge):
        list(map(decoder.feed, [piece] * 20))


def test_the_bound_is_for_one_event_and_not_for_the_stream() -> None:
    """Many small events and comments pass under a small bound."""
    decoder = EventStreamDecoder(max_event_bytes=64)
    stream = b"data: 0123456789\n\n: still here\n\n" * 100
    assert sum(len(decoder.feed(bytes([byte]))) for byte in stream) == 100


@pytest.mark.parametrize(
    ("before", "events"),
    [
        (b"data: a\n", [Event(b"", b"a\nb")]),
        (b"event: x\n", [Event(b"x", b"b")]),
        (b"data: a", [Event(b"", b"adata: b")]),
        (b": comment\r", [Event(b"", b"b")]),
        (b"", [Event(b"", b"b")]),
    ],
)
def test_a_whole_event_behind_an_open_one(before: bytes, events: list[Event]) -> None:
    """What came before it still counts."""
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: first\n\n") == [Event(b"", b"first")]
    assert decoder.feed(before) + decoder.feed(b"data: b\n\n") == events
    assert decoder.feed(b"data: c\n\n") == [Event(b"", b"c")]
