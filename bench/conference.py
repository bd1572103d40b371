"""One conference in token-like pieces: ours with a patch written for every piece, beside those who start over.

The peers get the same pieces in the same run, in an environment of their own.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.documents import CONFERENCE_PEOPLE, Workload, conference, conference_pieces
from bench.path import feed, frames, started
from bench.peers import PEERS
from bench.report import Claim, Options, Report, Table, microseconds, thousands, times
from bench.stopwatch import cpu_s
from gateway.core.document import Encoding
from gateway.core.pointer import JsonValue

__all__ = ["Peer", "measured_peer", "run"]

_PEERS_SCRIPT = Path(__file__).parent / "peers.py"
_QUICK_PEOPLE = 5
_LEAST_LEAD = 20.0

_COLUMNS = ("who", "pieces", "results", "CPU s", "µs/piece", "to ours")


@dataclass(frozen=True, slots=True)
class Peer:
    """What a peer said of itself."""

    cpu_s: float
    results: int
    value: JsonValue


def run(options: Options) -> Report:
    """Measure ours before, between and behind the peers, each of which runs once: they take long enough."""
    people = _QUICK_PEOPLE if options.quick else CONFERENCE_PEOPLE
    given = conference_pieces(options.workloads, people)
    workload = conference(people, given).first(options.peers_limit)
    ours_s, peers = [_ours_s(workload)], {}
    for name in PEERS if options.peers_python is not None else ():
        peers[name] = measured_peer(options.peers_python or Path(), name, workload.pieces)
        ours_s.append(_ours_s(workload))
    table = Table(_title(workload, bool(given)), _COLUMNS, _rows(workload, median(ours_s), peers))
    return Report((table,), _claims(workload, median(ours_s), peers))


def measured_peer(python: Path, name: str, pieces: tuple[str, ...]) -> Peer:
    """Run a peer in its own environment and return what it measured."""
    done = subprocess.run(
        [python, "-P", _PEERS_SCRIPT, name], input=json.dumps(pieces), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return Peer(**json.loads(done.stdout))


def _ours_s(workload: Workload) -> float:
    return cpu_s(lambda: sum(map(len, frames(workload, Encoding.PATCH))))


def _title(workload: Workload, is_given: bool) -> str:
    chars = sum(map(len, workload.pieces))
    source = "from the tokenised file" if is_given else "generated"
    return f"conference: {workload.name} ({source}), {thousands(chars)} characters, every piece on its own"


def _rows(workload: Workload, ours_s: float, peers: dict[str, Peer]) -> tuple[tuple[str, ...], ...]:
    results = sum(1 for _ in frames(workload, Encoding.PATCH))
    rows = [_row("ours, a patch written per piece", workload, results, ours_s, ours_s)]
    rows += [_row(name, workload, peer.results, peer.cpu_s, ours_s) for name, peer in peers.items()]
    return tuple(rows)


def _row(name: str, workload: Workload, results: int, seconds: float, ours_s: float) -> tuple[str, ...]:
    count = len(workload.pieces)
    piece_us = microseconds(seconds / count)
    return (name, thousands(count), thousands(results), f"{seconds:.3f}", piece_us, times(seconds / ours_s))


def _claims(workload: Workload, ours_s: float, peers: dict[str, Peer]) -> tuple[Claim, ...]:
    """Claim the lead and the same value; of the beginning of a document only that the peers were there."""
    extraction = started(workload)
    feed(extraction, workload.pieces)
    if not extraction.is_whole:
        return (Claim.equal("peers measured", len(peers), len(PEERS)),)
    leads = [
        Claim.at_least(f"CPU of {name}", peer.cpu_s / ours_s, _LEAST_LEAD, "× ours") for name, peer in peers.items()
    ]
    same = sum(peer.value == extraction.document.value for peer in peers.values())
    return (*leads, Claim.equal("peers that end with our value", same, len(PEERS)))
