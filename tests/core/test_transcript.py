"""What a model wrote, for readers that each stand somewhere: compared with the text in one piece."""

import json
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given

from gateway.core.transcript import Mark, Transcript
from tests.core.strategies import cut_texts, texts, turns

EMOJI = "\N{SLIGHTLY SMILING FACE}"


class Reader:
    """Takes passages now and then, and puts them together as a client would."""

    def __init__(self, transcript: Transcript) -> None:
        """Begin at the start."""
        self.transcript = transcript
        self.mark = Mark()
        self.text = ""
        self.passages: list[dict[str, Any]] = []

    def read(self) -> None:
        """Take what is new; `at` counts what came before it as JavaScript does."""
        passage = self.transcript.since(self.mark)
        body = json.loads("{" + passage.body)
        assert body["at"] == len(self.text.encode("utf-16-le")) // 2
        self.mark = passage.end
        self.text += body["text"]
        self.passages.append(body)


def whole(text: str) -> str:
    """Return a text with pairs joined and lone halves replaced, half a pair at its end left out."""
    units = text.encode("utf-16-le", "surrogatepass")
    if text and "\ud800" <= text[-1] <= "\udbff":
        units = units[:-2]
    return units.decode("utf-16-le", "replace")


@given(cut_texts(texts), turns)
def test_passages_are_the_text(pieces: list[str], served: list[bool]) -> None:
    """Whatever the cuts and the pacing; a reader that comes late sees the same in one passage."""
    transcript = Transcript("e", most_chars=1_000)
    reader, late = Reader(transcript), Reader(transcript)
    for piece, turn in zip(pieces, cycle(served), strict=False):
        transcript.feed(piece)
        if turn:
            reader.read()
    reader.read()
    late.read()
    assert reader.text == late.text == "".join(pieces)
    assert reader.mark == transcript.end == Mark(len(late.text), len(late.text.encode("utf-16-le")) // 2)


@pytest.mark.parametrize(
    "pieces",
    [
        ["a\ud83d", "\ude42b"],
        ["\ud83d", "", "\ude42"],
        ["\ud83d", "a"],
        ["\ude42\ud83d\ud83d", "\ude42"],
        ["a\ud83d", "\ud83d\ude42", "\ud83d"],
        [EMOJI, "\ude42", "é"],
    ],
)
def test_a_pair_that_was_cut_is_whole_again(pieces: list[str]) -> None:
    """The first half waits for the second; what stays alone becomes U+FFFD, and nothing is ever sent of a half."""
    reader = Reader(Transcript("e", most_chars=1_000))
    for piece in pieces:
        reader.transcript.feed(piece)
        reader.read()
    assert reader.text == whole("".join(pieces))


def test_a_frame_is_shared() -> None:
    """A hundred readers at two marks make two passages, however often they ask."""
    transcript = Transcript("e", most_chars=1_000)
    transcript.feed("ab")
    middle = transcript.end
    transcript.feed("c")
    bodies = {transcript.since(mark).body for _ in range(50) for mark in (Mark(), middle)}
    assert bodies == {'"epoch":"e","at":0,"text":"abc"}', '"epoch":"e","at":2,"text":"c"}'}
    assert transcript.encoded_passages == 2


def test_what_is_kept_is_bounded() -> None:
    """The oldest text goes in blocks; `at` of a passage tells what is missing, and who keeps up loses nothing."""
    transcript = Transcript("e", most_chars=10_000)
    reader = Reader(transcript)
    for number in range(30_000):
        transcript.feed("é" if number % 2 else EMOJI)
        if number % 1_000 == 0:
            reader.read()
    reader.read()
    late = json.loads("{" + transcript.since(Mark()).body)
    assert reader.text == (EMOJI + "é") * 15_000
    assert (late["at"] > 0, late["text"]) == (True, reader.text[-len(late["text"]) :])
    assert 10_000 - 4_096 <= len(late["text"]) <= 10_000 + 4_096
    assert late["at"] + len(late["text"].encode("utf-16-le")) // 2 == transcript.end.units


def test_a_settled_text_is_whole() -> None:
    """However often it settles, and it may be read again from anywhere."""
    transcript = Transcript("e", most_chars=1_000)
    transcript.feed(EMOJI + "b")
    middle = transcript.end
    transcript.feed("c")
    for _ in range(3):
        transcript.settle()
        assert json.loads("{" + transcript.since(Mark()).body) == {"epoch": "e", "at": 0, "text": EMOJI + "bc"}
        assert json.loads("{" + transcript.since(middle).body) == {"epoch": "e", "at": 3, "text": "c"}
    assert transcript.kept_chars == 3


def test_a_dropped_text_leaves_its_marks() -> None:
    """Nothing is kept of it, and what comes later still knows where it stands."""
    transcript = Transcript("e", most_chars=1_000)
    transcript.feed(EMOJI + "b")
    transcript.drop()
    assert json.loads("{" + transcript.since(Mark()).body) == {"epoch": "e", "at": 3, "text": ""}
    transcript.feed("c")
    assert json.loads("{" + transcript.since(Mark()).body) == {"epoch": "e", "at": 3, "text": "c"}
