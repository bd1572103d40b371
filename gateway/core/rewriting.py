"""What cannot be read while it comes: the whole text, read once more in other ways (PROTOCOL.md §4, "Lenient reading").

Only `json_repair` knows more about text that is not JSON than `gateway.core.repair`; it wants the whole of it. Whatever
it says is read strictly, so that depth, numbers and surrogates are what they are everywhere.
"""

import io
import json
import re
from collections.abc import Collection, Iterator

import json_repair

from gateway.core.parser import MAX_DEPTH, ParseError, Parser
from gateway.core.pointer import JsonValue
from gateway.errors import OutputTooLarge

__all__ = ["Transcript", "matched", "rewritten"]

MAX_CHARS = 65_536
"""Longer text is not kept."""

_MAX_REPAIRED_CHARS = 8_192
"""Longer text is not given to `json_repair`: where quotes do not match it is quadratic, 0.6 s for this and 10 for 32 KB;
what models write takes it 20 ms."""

_HALF_QUOTED = re.compile(r"""(?<=[{,\s])(?:"([^"'\\]{1,64})'|'([^"'\\]{1,64})")(?=\s*:)""")
_ARGUMENTS = ("arguments", "parameters")


class Transcript:
    """The text of one attempt, kept as long as it may be read once more."""

    __slots__ = ("_chars", "_text")

    def __init__(self) -> None:
        """Begin with no text."""
        self._text: io.StringIO | None = io.StringIO()
        self._chars = 0

    @property
    def is_kept(self) -> bool:
        """Whether the text is still there."""
        return self._text is not None

    def add(self, text: str) -> None:
        """Take the next piece."""
        if self._text is None:
            return
        self._chars += len(text)
        if self._chars > MAX_CHARS:
            self._text = None
        else:
            self._text.write(text)

    def since(self, offset: int) -> str:
        """Return the text from an offset on; nothing where it was too long."""
        return "" if self._text is None else self._text.getvalue()[offset:]


def rewritten(text: str, types: Collection[str] | None) -> Iterator[JsonValue]:
    """Yield what the text may mean, the likeliest first; nothing where it means nothing.

    Args:
        text: what a model wrote, whole.
        types: the JSON types that the value may have.
    """
    for read in (_encoded_twice, matched, _repaired):
        try:
            value = read(text, types)
        except (ParseError, OutputTooLarge):
            continue
        if value is not None:
            yield value
            if (inner := _called(value)) is not None:
                yield inner


def matched(text: str, types: Collection[str] | None) -> JsonValue:
    """Read text whose keys open with one kind of quote and close with the other; None for other text.

    Raises:
        ParseError: that does not help.
    """
    mended = _HALF_QUOTED.sub(lambda match: json.dumps(match[1] or match[2], ensure_ascii=False), text)
    return None if mended == text else _read(mended, types)


def _encoded_twice(text: str, types: Collection[str] | None) -> JsonValue:
    """Read JSON inside a JSON string, with or without the string's own quotes."""
    text = text.strip()
    if not text.startswith(('"', '{\\"', '[\\"', '[{\\"')):
        return None
    inner = Parser()
    inner.feed(text if text.startswith('"') else f'"{text}"')
    inner.finish()
    return _read(inner.value, types) if isinstance(inner.value, str) else None


def _repaired(text: str, _: Collection[str] | None) -> JsonValue:
    if len(text) > _MAX_REPAIRED_CHARS or _depth(text) > MAX_DEPTH:
        return None
    try:
        value = json_repair.loads(text)
        strict = Parser()
        strict.feed(json.dumps(value, ensure_ascii=False))
        strict.finish()
    except (ValueError, RecursionError):
        return None  # beyond what it can do, or NaN
    return None if strict.value == "" else strict.value


def _read(text: str, types: Collection[str] | None) -> JsonValue:
    parser = Parser(lenient=True, types=types)
    parser.feed(text)
    parser.finish(close=True)
    return parser.value


def _called(value: JsonValue) -> JsonValue:
    """Return the arguments of a call that was written as text."""
    if not isinstance(value, dict) or len(value) != 2 or "name" not in value:
        return None
    return next((value[name] for name in _ARGUMENTS if isinstance(value.get(name), dict)), None)


def _depth(text: str) -> int:
    """Return how deep the brackets of a text nest, at most."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[{(\]})]", text):
        depth = depth + 1 if bracket in "[{(" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest
