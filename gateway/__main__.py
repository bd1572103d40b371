"""Where the command begins: as `gateway`, and as `python -m gateway`.

What a command needs takes a second to load. Ctrl-C ends that without a word, as it ends the command later.
"""

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> int:
    """Load the command, run it, and return its exit status."""
    signal.signal(signal.SIGINT, _leave)
    from gateway.cli import main as run  # noqa: PLC0415 - the handler comes first

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
