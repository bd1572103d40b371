"""Which Node and which npm are run."""

from pathlib import Path

import pytest

from tools import node


def put(folder: Path, name: str, answer: str) -> None:
    """Lay a program into a folder that answers one line to everything."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {answer}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(("version", "is_new_enough"), [("v18.20.0", False), ("v20.0.0", True), ("v105.1.0", True)])
def test_node_on_path_counts_when_new_enough(
    version: str, is_new_enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Node on PATH is taken from the oldest version on whose test runner we can use."""
    put(tmp_path, "node", version)
    put(tmp_path, "npm", "10.0.0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert node.found() is is_new_enough


def test_node_without_npm_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a pair is none: the versions of Node and npm belong together."""
    put(tmp_path, "node", "v22.0.0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert node.found() is False


def test_the_pair_on_path_is_run_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on PATH needs nothing before it."""
    put(tmp_path, "node", "v22.0.0")
    put(tmp_path, "npm", "10.0.0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert node.command("npm") == [str(tmp_path / "npm")]


def test_a_use_we_do_not_know_is_answered_with_how_to(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in the Makefile is told, and fails."""
    assert node.main(["deno"]) == 2
    assert "python -m tools.node" in capsys.readouterr().err
