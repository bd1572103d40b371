"""Text of others on its way to a terminal: what steers one is shown instead of obeyed.

A value comes from a model, and a model repeats what a text tells it: an escape sequence could retitle the window, move
the cursor or hide what follows.
"""

import re
import sys

__all__ = ["complain", "printable", "say", "unsteering"]

_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # which way text runs
    "\u2028\u2029\ufeff\ud800-\udfff]"  # other line ends, the byte order mark, what no encoding carries
)
_UNESCAPED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")
"""Of those, what a JSON encoder leaves as it is."""


def printable(text: str, encoding: str = "utf-8") -> str:
    """Return the text with escapes in place of what steers a terminal and of what the encoding lacks.

    Tabs become spaces and line ends stay.
    """
    text = _STEERING.sub(_escaped, text.replace("\r\n", "\n").replace("\t", "    "))
    return text.encode(encoding, "backslashreplace").decode(encoding)


def unsteering(json_text: str) -> str:
    """Return JSON text that means the same and holds nothing a terminal would obey."""
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json_text)


def say(line: str, status: int = 0) -> int:
    """Write a line to stderr and return the status."""
    sys.stderr.write(f"{printable(line)}\n")
    return status


def complain(words: str, status: int) -> int:
    """Write to stderr, in one line, what is wrong, and return the status."""
    return say(f"gateway: {' '.join(words.split())}", status)


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"
