"""A terminal's screen: what is on it after a program has written to it, and a pseudo-terminal to run one in.

It knows what our command may send, and fails at anything else: a sequence that a model's text smuggled in is seen.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["InTerminal", "Screen", "in_terminal"]

_TOKEN = re.compile(r"\x1b\[(?P<numbers>[?\d;]*)(?P<verb>[A-Za-z])|(?P<plain>[^\x1b])", re.DOTALL)


class Screen:
    """Rows of characters, one column each, with everything that was scrolled away above them.

    Attributes:
        has_cursor: whether the cursor is visible.
        has_colours: whether anything was ever coloured.
    """

    def __init__(self, columns: int, rows: int) -> None:
        """Begin empty."""
        self._columns, self._rows = columns, rows
        self._cells: list[list[str]] = [[]]
        self._row = self._column = 0
        self.has_cursor = True
        self.has_colours = False

    @property
    def lines(self) -> list[str]:
        """Return all rows from the first."""
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def most_lines(self) -> int:
        """Return how many rows there have been."""
        return len(self._cells)

    def feed(self, text: str) -> None:
        """Take what a program wrote."""
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            assert token is not None, f"not known: {text[position : position + 20]!r}"
            position = token.end()
            if token["plain"] is not None:
                self._put(token["plain"])
            else:
                self._obey(token["verb"], token["numbers"])

    def _put(self, character: str) -> None:
        match character:
            case "\r":
                self._column = 0
            case "\n":
                self._row += 1
                self._cells += [[] for _ in range(self._row + 1 - len(self._cells))]
            case _:
                assert character.isprintable(), repr(character)
                if self._column == self._columns:
                    self._put("\r")
                    self._put("\n")
                row = self._cells[self._row]
                row += [" "] * (self._column + 1 - len(row))
                row[self._column] = character
                self._column += 1

    def _obey(self, verb: str, numbers: str) -> None:
        match verb, numbers:
            case "m", _:
                self.has_colours |= bool(re.search(r"(?:^|;)(?:3[0-7]|9[0-7])(?:;|$)", numbers))
            case "A", _:
                top = max(0, len(self._cells) - self._rows)
                self._row = max(top, self._row - int(numbers or "1"))
            case "K", "2":
                self._cells[self._row] = []
            case (("h" | "l"), "?25"):
                self.has_cursor = verb == "h"
            case _:
                raise AssertionError(f"not known: {numbers}{verb}")


class InTerminal:
    """A program whose terminal this is.

    Attributes:
        process: the program.
        screen: what it shows.
    """

    def __init__(self, process: subprocess.Popen[bytes], terminal: int, screen: Screen) -> None:
        """Begin to look."""
        self.process = process
        self.screen = screen
        self._terminal = terminal
        self._rest = b""

    def until(self, is_there: Callable[[Screen], bool]) -> None:
        """Read until the screen shows something."""
        while not is_there(self.screen):
            assert self._read(), self.screen.lines

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Read to the end, and return the exit status."""
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        try:
            written = os.read(self._terminal, 65_536)
        except OSError:  # how Linux says that nobody has the other side open
            written = b""
        whole = re.compile(rb"(?:\x1b\[?[?\d;]*|[\xc0-\xff][\x80-\xbf]*)\Z")  # what may be cut
        text = self._rest + written
        cut = whole.search(text) if written else None
        text, self._rest = (text, b"") if cut is None else (text[: cut.start()], text[cut.start() :])
        self.screen.feed(text.decode())
        return bool(written)


@contextmanager
def in_terminal(
    *command: str,
    size: tuple[int, int] = (80, 24),
    environment: Mapping[str, str],
    cwd: Path,
    stdout: int | None = None,
) -> Iterator[InTerminal]:
    """Run a program in a terminal of its own; it has ended afterwards.

    Args:
        command: the program.
        size: columns and rows.
        environment: all of it.
        cwd: where it runs.
        stdout: a descriptor where it is not to be the terminal.
    """
    ours, theirs = pty.openpty()
    columns, rows = size
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env={"TERM": "xterm-256color", **environment},
        cwd=cwd,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield InTerminal(process, ours, Screen(columns, rows))
    finally:
        process.kill()
        process.wait()
        os.close(ours)
