"""What a model wrote in one attempt as it wrote it: its raw text, or its reasoning (PROTOCOL.md §4, `text`).

1. The passages from any mark to now, one after the other, are the text; no code point is ever split.
2. `at` of a passage is the number of UTF-16 code units before it, also where the oldest text is kept no longer.
3. At most `most_chars` are kept, in blocks, whatever the size of the pieces they came in.
4. A passage is encoded once for all who ask for it from the same mark.
"""

from bisect import bisect_right
from collections import deque
from typing import NamedTuple

import msgspec

from gateway.core.utf16 import mended, units

__all__ = ["Mark", "Passage", "Transcript"]

_BLOCK_CHARS = 4_096
"""Pieces are joined to blocks of this size: a kept piece costs 50 bytes besides its text."""

_KEPT_PASSAGES = 64
"""Encoded passages up to now that are kept to be shared; readers at many marks share little."""


class Mark(NamedTuple):
    """A place in the text: code points and UTF-16 code units before it."""

    chars: int = 0
    units: int = 0


class Passage(NamedTuple):
    """What stands between two marks: the body of a frame behind its `type` and `id`, and the mark it ends at."""

    body: str
    end: Mark


class _Block(NamedTuple):
    start: Mark
    text: str


class Transcript:
    """A text that grows, for readers that each have a mark of their own.

    Args:
        epoch: of the attempt.
        most_chars: code points to keep; beyond them the oldest go, a block at a time.

    Attributes:
        encoded_passages: how many passages have been encoded (shared ones once).
    """

    def __init__(self, epoch: str, *, most_chars: int) -> None:
        """Begin empty."""
        self.encoded_passages = 0
        self._chars = self._units = 0  # of all that came; two numbers: a delta makes no mark
        self._epoch = msgspec.json.encode(epoch).decode()
        self._most_chars = most_chars
        self._blocks: deque[_Block] = deque()
        self._open_from = Mark()
        self._open: list[str] = []  # the pieces behind the last block
        self._passages: dict[Mark, Passage] = {}
        self._half = ""  # of a surrogate pair

    @property
    def end(self) -> Mark:
        """The mark behind all that came."""
        return Mark(self._chars, self._units)

    @property
    def kept_chars(self) -> int:
        """The length of the text that is kept, in code points."""
        return self._chars - self.start.chars

    @property
    def start(self) -> Mark:
        """The mark before the oldest text that is kept."""
        return self._blocks[0].start if self._blocks else self._open_from

    def feed(self, text: str) -> None:
        """Take the next piece; half a surrogate pair waits for its other half, a lone one becomes U+FFFD."""
        if self._half or not text.isascii():
            text = self._whole(self._half + text)
            self._units += units(text) - len(text)
        if not text:
            return
        self._open.append(text)
        self._chars += len(text)
        self._units += len(text)
        self._passages.clear()
        if self._chars - self._open_from.chars >= _BLOCK_CHARS:
            self._close_block()

    def since(self, mark: Mark) -> Passage:
        """Return what came behind a mark that a passage ended at, as far as it is kept."""
        passage = self._passages.get(mark)
        if passage is None:
            self.encoded_passages += 1
            if len(self._passages) >= _KEPT_PASSAGES:
                self._passages.clear()
            passage = self._passages[mark] = self._passage(mark)
        return passage

    def settle(self) -> None:
        """Keep the text, and no passage of it: hardly anybody comes any more."""
        if self._open:
            self._close_block()
        self._passages.clear()

    def drop(self) -> None:
        """Keep no text any more; the marks stay."""
        self._blocks.clear()
        self._open, self._open_from = [], self.end
        self._passages.clear()

    def _whole(self, text: str) -> str:
        """Return the text without half a pair at its end, and without lone halves."""
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        text = text[: len(text) - len(self._half)]
        try:
            text.encode()
        except UnicodeEncodeError:
            return mended(text)
        return text

    def _passage(self, mark: Mark) -> Passage:
        blocks = [*self._blocks, _Block(self._open_from, "".join(self._open))]
        mark = max(mark, self.start)
        first = bisect_right(blocks, mark.chars, key=lambda block: block.start.chars) - 1
        text = "".join(
            [blocks[first].text[mark.chars - blocks[first].start.chars :], *(b.text for b in blocks[first + 1 :])]
        )
        encoded = msgspec.json.encode(text).decode()
        return Passage(f'"epoch":{self._epoch},"at":{mark.units},"text":{encoded}}}', self.end)

    def _close_block(self) -> None:
        self._blocks.append(_Block(self._open_from, "".join(self._open)))
        self._open, self._open_from = [], self.end
        while self._blocks and self.end.chars - self._blocks[0].start.chars > self._most_chars:
            self._blocks.popleft()
