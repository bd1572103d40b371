"""Which Chromium the browser tests get."""

from pathlib import Path

import pytest

from tools import chromium


def put(folder: Path, name: str, status: int) -> str:
    """Lay a program into a folder that ends with a status, whatever it is asked."""
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    return str(program)


def test_the_named_one_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CHROMIUM decides, whatever else there is."""
    put(tmp_path, "chromium", 0)
    named = put(tmp_path, "mine", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", named)

    assert chromium.find() == named


def test_a_wrong_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CHROMIUM that leads nowhere is an error, not a reason to take another one."""
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "gone"))

    with pytest.raises(FileNotFoundError, match=r"CHROMIUM is set to .*gone"):
        chromium.find()


def test_a_stub_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that cannot even tell its version is no browser."""
    put(tmp_path, "chromium", 1)
    real = put(tmp_path, "google-chrome", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)

    assert chromium.find() == real
