"""Seeds that are said where a test fails, figures that are said in the end, and nothing left behind."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeAlias

import pytest

from tests.faults.leftovers import nothing_left
from tests.faults.size import SEED_NAME
from tests.faults.size import seed as any_seed

Report: TypeAlias = Callable[[str], None]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of a test; where it fails, its report says how to have the same run again."""
    chosen = any_seed()
    request.node.add_report_section("setup", "faults", f"{SEED_NAME}={chosen} makes the same faults again")
    return chosen


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Take a line of figures, which is shown when all tests have run."""
    return lambda line: record_property("figures", line)


@pytest.fixture(autouse=True)
async def nothing_outlives_a_test() -> AsyncGenerator[None]:
    """Fail a test that leaves a task, a timer or a socket behind."""
    async with nothing_left():
        yield


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show the figures of the tests that passed or failed."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, [])]
    lines = [f"{each.nodeid.partition('::')[2]}: {line}" for each in reports for _, line in each.user_properties]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(set(lines)):
            terminalreporter.write_line(line)
