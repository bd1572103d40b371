"""`python -m bench [NAME...]`: prints tables and claims; ends with 1 if a claim is missed."""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from bench import conference, fanout, growing, page, parse, reader, wire
from bench.report import Claim, Options, Report

__all__ = ["BENCHMARKS", "main"]

BENCHMARKS: dict[str, Callable[[Options], Report]] = {
    "parse": parse.run,
    "growing": growing.run,
    "conference": conference.run,
    "wire": wire.run,
    "fanout": fanout.run,
    "reader": reader.run,
    "page": page.run,
}

_ROOT = Path(__file__).parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run what is named, or everything; return the exit status."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    options = Options(
        quick=asked.quick, peers_python=_peers_python(), peers_limit=asked.peers_limit, workloads=_workloads()
    )
    names = asked.names or list(BENCHMARKS)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}")
    if options.peers_python is None and "conference" in names:
        print("The peers cannot be measured: there is no .venv-bench; `make bench` makes it.")
    claims = [claim for name in names for claim in _measured(name, options)]
    print(*claims, sep="\n")
    return _status(claims, options)


def _status(claims: list[Claim], options: Options) -> int:
    if options.quick:
        print("quick: small sizes, once; the claims above say nothing")
        return 0
    return 0 if all(claim.holds for claim in claims) else 1


def _measured(name: str, options: Options) -> tuple[Claim, ...]:
    begin_s = monotonic()
    report = BENCHMARKS[name](options)
    for table in report.tables:
        print(f"\n{table}")
    print(f"  ({monotonic() - begin_s:.0f} s)\n", flush=True)
    return report.claims


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, beside others who do the same.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}; default all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--peers-limit", type=int, metavar="N", help="give the peers only the first N pieces")
    return parser


def _peers_python() -> Path | None:
    python = _ROOT / ".venv-bench" / "bin" / "python"
    return python if python.exists() else None


def _workloads() -> Path:
    return Path(os.environ.get("GATEWAY_WORKLOADS", _ROOT.parent / "shared" / "workloads"))


if __name__ == "__main__":
    sys.exit(main())
