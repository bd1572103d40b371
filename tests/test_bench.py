"""The benchmarks run, count what they say they count, and measure the documents they name; no figure is judged."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import conference, documents
from bench.__main__ import BENCHMARKS, main
from bench.documents import Workload
from bench.path import frames
from bench.report import Claim, Options, Report, Table
from gateway.core.document import Encoding
from tools import chromium

ROOT = Path(__file__).parent.parent
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
QUICK = Options(quick=True)
DOCUMENTS: list[tuple[Callable[[int], Workload], int]] = [
    (documents.conference, 10),
    (documents.conference_sized, 2_000),
    (documents.essay, 2_000),
    (documents.tree, 2_000),
]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.browser] if name == "page" else []) for name in BENCHMARKS]
)
def test_runs(name: str) -> None:
    """Every benchmark comes to a table with full rows and to claims."""
    report = BENCHMARKS[name](QUICK)
    assert report.claims
    for table in report.tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_without_a_chromium_the_page_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says why; the other benchmarks go on."""
    monkeypatch.setattr(chromium, "find", lambda: None)
    assert BENCHMARKS["page"](QUICK) == Report((), ())
    assert "there is no Chromium" in capsys.readouterr().out


def test_fanout_counts() -> None:
    """What is counted and not timed holds in a quick run too: one encoding for all watches."""
    (claim,) = BENCHMARKS["fanout"](QUICK).claims
    assert claim.holds


@pytest.mark.parametrize(("generate", "size"), DOCUMENTS)
def test_documents(generate: Callable[[int], Workload], size: int) -> None:
    """A generated document is JSON, valid by its schema, and the same every time."""
    workload = generate(size)
    value = json.loads(workload.text)
    assert workload.schema.validate(value) == value
    assert workload.pieces == generate(size).pieces


def test_token_like_pieces() -> None:
    """Pieces are as long as a tokeniser's: three to four characters in the middle, keys whole."""
    pieces = documents.conference(100).pieces
    assert 3 <= sum(map(len, pieces)) / len(pieces) <= 4
    assert pieces[:5] == ('{"', "users", '":[{"', "name", '":"')


def test_given_workload(tmp_path: Path) -> None:
    """A tokenised file is used as it is where there is one."""
    given = ['{"us', 'ers":[],"date":"', '"}']
    (tmp_path / "conference_5.json").write_text(json.dumps(given))
    assert documents.conference_pieces(tmp_path, 5) == tuple(given)
    assert documents.conference_pieces(tmp_path, 6) == ()


@pytest.mark.parametrize("every", [1, 4])
def test_frames_reach_the_whole_value(every: int) -> None:
    """The frames that are counted bring a watcher to the document, however often it is told."""
    workload = documents.conference(3)
    *_, last = frames(workload, Encoding.SNAPSHOT, every=every)
    assert json.loads(last)["value"] == json.loads(workload.text)


@pytest.mark.parametrize(
    ("name", "python"), [("jiter + make_patch", Path(sys.executable)), ("instructor", PEERS_PYTHON)]
)
def test_peers(name: str, python: Path) -> None:
    """A peer gives one result per piece, and the document's value in the end."""
    if not python.exists():
        pytest.skip("no .venv-bench: make bench makes it")
    workload = documents.conference(2)
    peer = conference.measured_peer(python, name, workload.pieces)
    assert peer.results == len(workload.pieces)
    assert peer.value == json.loads(workload.text)


def test_peer_fails() -> None:
    """A peer that cannot run is an error, not a row that is missing."""
    with pytest.raises(RuntimeError, match="no such peer failed"):
        conference.measured_peer(Path(sys.executable), "no such peer", ())


def test_peers_limit() -> None:
    """Where the peers are given only the first pieces, ours is too, and the table says so."""
    (table,) = conference.run(Options(quick=True, peers_limit=7)).tables
    assert "first 7 pieces" in table.title
    assert table.rows[0][1] == "7"


def test_table() -> None:
    """A table is aligned: text to the left, numbers to the right."""
    table = Table("title", ("who", "µs"), (("ours", "1.25"), ("a peer", "1,000.00")))
    assert str(table).splitlines() == ["title", "  who           µs", "  ours        1.25", "  a peer  1,000.00"]


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        (Claim.at_most("1 MB", 0.6, 2, "s"), "1 MB: 0.60 s (claim: at most 2 s) ok"),
        (Claim.at_least("lead", 2.5, 3, "×"), "lead: 2.5 × (claim: at least 3 ×) MISSED"),
        (Claim.equal("encoded", 15, 15), "encoded: 15 (claim: exactly 15) ok"),
    ],
)
def test_claims(claim: Claim, line: str) -> None:
    """A closing line says what was claimed, what was measured, and whether it holds."""
    assert str(claim) == line


@pytest.mark.parametrize(("is_quick", "status"), [(False, 1), (True, 0)])
def test_status(
    is_quick: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim that is missed ends the command with 1, unless it was a quick run."""
    report = BENCHMARKS["growing"](QUICK)
    missed = Claim.equal("ours", 1, 2)
    monkeypatch.setitem(BENCHMARKS, "growing", lambda _: type(report)(report.tables, (missed,)))
    assert main(["growing", *["--quick"] * is_quick]) == status
    assert str(missed) in capsys.readouterr().out


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no benchmark is refused before anything is measured."""
    with pytest.raises(SystemExit):
        main(["parse", "prase"])
    assert "no such benchmark: prase" in capsys.readouterr().err
