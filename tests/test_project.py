"""The project about itself: locks, reasons, what is shipped, what the container files promise."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
PYTHON_LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NPM_LOCKS = [ROOT / "package-lock.json", ROOT / "tools" / "browser" / "package-lock.json"]


def pins(lock: Path) -> dict[str, str]:
    """Return the version of every package in a lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """Return the normalised names of requirements."""
    return {re.split(r"[^\w-]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=lambda lock: lock.stem)
def test_every_pin_has_hashes(lock: Path) -> None:
    """Nothing is installed whose content was not seen when it was locked."""
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]

    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", [*PYTHON_LOCKS, *NPM_LOCKS], ids=lambda lock: lock.name)
def test_no_lock_names_a_registry(lock: Path) -> None:
    """A machine with a mirror installs from its mirror."""
    text = lock.read_text()

    assert '"resolved"' not in text
    assert re.findall(r"--(?:extra-)?index-url|--find-links|(?m:^\S.* @ )", text) == []


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("run", PROJECT["project"]["dependencies"]),
        ("local", PROJECT["project"]["dependencies"] + EXTRAS["local"]),
        ("dev", PROJECT["project"]["dependencies"] + EXTRAS["local"] + GROUPS["test"] + GROUPS["lint"]),
        *((name, GROUPS[name]) for name in ("build", "model", "node", "peers", "uv")),
    ],
)
def test_each_lock_holds_what_is_asked_for(lock: str, requirements: list[str]) -> None:
    """A requirement that was added without locking it is noticed."""
    assert names(requirements) - pins(ROOT / "requirements" / f"{lock}.txt").keys() == set()


def test_tests_run_on_the_versions_that_are_served() -> None:
    """The lock for tests holds every pin of the locks for running, without and with a local model."""
    running, local, testing = (pins(ROOT / "requirements" / f"{name}.txt") for name in ("run", "local", "dev"))

    assert running.items() <= local.items() <= testing.items()


def test_every_dependency_has_its_reason() -> None:
    """Beside each requirement stands why it is there."""
    text = (ROOT / "pyproject.toml").read_text()
    start, end = text.index("\ndependencies = ["), text.index("[tool.hatch")
    lines = re.findall(r'^  "[\w\[\]-]+(?:[>=]=[\d.]+)?",.*$', text[start:end], re.MULTILINE)
    groups = [PROJECT["project"]["dependencies"], *EXTRAS.values(), *GROUPS.values()]
    asked_for = [line for group in groups for line in group]

    assert len(lines) == len(asked_for)
    assert [line for line in lines if not re.search(r", +# \w", line)] == []


def test_the_installed_command_is_this_project() -> None:
    """The distribution carries the command and the version that pyproject.toml names."""
    (command,) = entry_points(group="console_scripts", name="gateway")

    assert command.value == "gateway.__main__:main"
    assert version("extraction-gateway") == PROJECT["project"]["version"]


def test_the_wheel_carries_the_page(tmp_path: Path) -> None:
    """What is served lies inside the package, and tests and tools stay at home."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(ZipFile(wheel).namelist())

    assert {"gateway/errors.py", "gateway/static/client/index.js"} <= shipped
    assert {name.partition("/")[0] for name in shipped} == {
        "gateway",
        f"{wheel.name.split('-py3')[0]}.dist-info",
    }


@pytest.fixture
def service() -> dict[str, Any]:
    """Return the one service of docker-compose.yml."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    (service,) = compose["services"].values()
    return dict(service)


def test_compose_publishes_on_loopback_only(service: dict[str, Any]) -> None:
    """A container that was merely started is not reachable from another machine."""
    assert service["ports"] == ["127.0.0.1:8080:8080"]


def test_compose_demands_a_credential(service: dict[str, Any]) -> None:
    """Without GATEWAY_TOKENS compose stops and says what to set."""
    assert re.fullmatch(r"\$\{GATEWAY_TOKENS:\?set GATEWAY_TOKENS .+\}", service["environment"]["GATEWAY_TOKENS"])


def test_compose_passes_no_empty_setting_on(service: dict[str, Any]) -> None:
    """What the shell does not set is left out: an empty OPENAI_BASE_URL is another thing than none."""
    passed = {name: value for name, value in service["environment"].items() if name.startswith("OPENAI_")}

    assert passed
    assert set(passed.values()) == {None}


def test_the_container_is_nobody(service: dict[str, Any]) -> None:
    """The gateway runs without root, without capabilities and without a disk to write to."""
    assert re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["10001:10001"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_the_image_is_built_from_what_is_sent() -> None:
    """Every file the Dockerfile copies is let through by .dockerignore."""
    sent = set(re.findall(r"^!(.+?)/?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert {path for line in copies for path in line.split()} == sent


def test_ci_calls_the_same_verbs() -> None:
    """What CI runs, anybody can run."""
    script = ROOT / ".ci" / "run"

    assert script.stat().st_mode & 0o111
    assert re.findall(r"\bmake (\w+)", script.read_text()) == ["check", "test"]


def test_contributing_lists_every_verb() -> None:
    """The table of verbs and the Makefile tell the same."""
    told = set(re.findall(r"^\| `make ([\w-]+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    there = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert told == there - {"help"}
