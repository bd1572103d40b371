"""Which web pages may come."""

import pytest

from gateway.origins import Origins


@pytest.mark.parametrize(
    "origin",
    [None, "http://localhost", "https://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:1", "HTTP://LOCALHOST"],
)
def test_local_pages_may_by_default(origin: str | None) -> None:
    """Any port, any case; and what is no browser."""
    assert Origins().allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://example.org",
        "http://localhost.example.org",
        "http://localhost@example.org",
        "http://example.org:80/localhost",
        "http://127.0.0.1.example.org",
        "http://127.0.0.2",
        "http://0.0.0.0",
        "http://[::1",
        "file://localhost",
        "chrome-extension://localhost",
        "http://",
    ],
)
def test_others_may_not(origin: str) -> None:
    """Also not those that look local."""
    assert not Origins().allows(origin)


def test_a_list_stands_alone() -> None:
    """What it names may, in any case and with a closing slash in the setting; local pages may not any more."""
    origins = Origins(("https://App.example.org/", "http://other:1"))
    assert origins.allows("https://app.example.org")
    assert origins.allows("HTTP://other:1")
    assert origins.allows(None)
    assert not origins.allows("https://app.example.org:8443")
    assert not origins.allows("http://app.example.org")
    assert not origins.allows("http://localhost")


def test_beyond_loopback_only_what_is_listed() -> None:
    """A server that others can reach takes no page by default, not even one of its own machine."""
    origins = Origins(allows_loopback=False)
    assert not origins.allows("http://localhost:8080")
    assert origins.allows(None)
