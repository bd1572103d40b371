"""What every test may ask for: the event loop it runs on, a watch for blocking calls, a Chromium.

Chromium is never skipped: a machine without one is told what to do.
"""

import os
from collections.abc import AsyncGenerator, Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings
from playwright.async_api import Browser, async_playwright

from tools import chromium as chromium_tool

# A shared machine is slow at times; pytest-timeout ends what really hangs.
settings.register_profile("here", deadline=None)
# The same examples in every run, so that a red run is about the change.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio alone: the server runs on nothing else."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """Fail a test in which our own code makes a blocking call inside the event loop."""
    with blockbuster_ctx("gateway"):
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium: `make test` provides one, and CHROMIUM names it."""
    path = chromium_tool.find()
    if path is None:
        pytest.fail("no Chromium: run make test, or set CHROMIUM to the path of one")
    return path


@pytest.fixture(scope="module")
async def shared_browser(chromium: str) -> AsyncGenerator[Browser]:
    """Give a headless browser; starting one for each test is slow."""
    # Chromium's own sandbox refuses to run as root, as in most containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        await started.close()


@pytest.fixture
async def browser(shared_browser: Browser) -> AsyncGenerator[Browser]:
    """Give a browser whose pages are closed afterwards; they share nothing with another test's."""
    yield shared_browser
    for context in shared_browser.contexts:
        await context.close()
