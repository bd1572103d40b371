"""Where a JSON text that comes in pieces ends, and what it begins with, without reading it."""

import re

__all__ = ["Nesting", "begins_with", "compact"]

_MARK = re.compile(r'["{}\[\]]')
_MARK_IN_STRING = re.compile(r'["\\]')
_STRING_OR_BLANKS = re.compile(r'("(?:[^"\\]|\\.?)*"?)|\s+', re.DOTALL)


class Nesting:
    """Follows brackets through pieces of JSON text."""

    __slots__ = ("_depth", "_is_escaped", "_is_in_string")

    def __init__(self) -> None:
        """Begin in front of the text."""
        self._depth = 0
        self._is_in_string = self._is_escaped = False

    def enter(self) -> None:
        """Begin behind an opening bracket."""
        self._depth += 1

    def end_in(self, text: str) -> int | None:
        """Return the index behind the bracket that closes the first one, or None where a piece has none."""
        at, self._is_escaped = int(self._is_escaped), False
        while mark := (_MARK_IN_STRING if self._is_in_string else _MARK).search(text, at):
            at = mark.end()
            match mark[0]:
                case "\\":
                    at += 1  # whatever is escaped is no mark
                    self._is_escaped = at > len(text)
                case '"':
                    self._is_in_string = not self._is_in_string
                case "{" | "[":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if not self._depth:
                        return at
        return None


def begins_with(text: str, head: str) -> bool | None:
    """Tell whether a text begins with `head`; None where it is too short to say."""
    if len(text) < len(head) and head.startswith(text):
        return None
    return text.startswith(head)


def compact(text: str) -> str:
    """Return a text without the white space between its tokens; its last string may be cut."""
    return _STRING_OR_BLANKS.sub(lambda match: match[1] or "", text)
