"""How the log is written, for people and for programs."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.logs import Entry, JsonFormatter, configure

ENTRY = Entry("something ended", id="x-1", count=3, is_whole=True, missing=None, words='a b\n"c"')


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """Give the root logger without what pytest has put there for a test, and put it back."""
    root = logging.getLogger()
    handlers, level, root.handlers = root.handlers, root.level, []
    try:
        yield root
    finally:
        root.handlers = handlers
        root.setLevel(level)


def record(message: object, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    """Return a record of the year 2026."""
    fault = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("gateway", logging.INFO, __file__, 1, message, arguments, fault)
    made.created = 1_767_225_600.25
    return made


def test_an_entry_is_its_own_text() -> None:
    """A sentence and its fields on one line, whatever a field holds; what is not there is left out."""
    assert str(ENTRY) == r'something ended id=x-1 count=3 is_whole=true words="a b\n\"c\""'
    assert record(ENTRY).getMessage() == str(ENTRY)


def test_an_entry_for_programs() -> None:
    """Its fields are members; the time is UTC."""
    assert json.loads(JsonFormatter().format(record(ENTRY))) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "info",
        "logger": "gateway",
        "message": "something ended",
        "id": "x-1",
        "count": 3,
        "is_whole": True,
        "missing": None,
        "words": 'a b\n"c"',
    }


def test_any_other_record_for_programs() -> None:
    """Its arguments in the message, its exception as a member, all on one line of ASCII."""
    line = JsonFormatter().format(record("%s and %d\n\u2028", "é", 2, error=ValueError("no")))
    told = json.loads(line)
    assert (line.isascii(), len(line.splitlines()), told["message"]) == (True, 1, "é and 2\n\u2028")
    assert told["exception"] == "ValueError: no"


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_logger_writes_alike(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the server underneath as well; the level holds."""
    with bare_root():
        configure("info", "json" if form == "json" else "text")
        logging.getLogger("uvicorn.error").error("down")
        logging.getLogger("somebody.else").info(ENTRY)
        logging.getLogger("somebody.else").debug("not this")
    first, second = capsys.readouterr().err.splitlines()
    if form == "json":
        assert (json.loads(first)["logger"], json.loads(second)["id"]) == ("uvicorn.error", "x-1")
    else:
        assert first.endswith("ERROR   uvicorn.error down")
        assert second.endswith(f"INFO    somebody.else {ENTRY}")


def test_an_application_that_logs_already_stays_as_it_is() -> None:
    """Its handlers are the only ones."""
    own = logging.StreamHandler(sys.stdout)
    with bare_root() as root:
        root.addHandler(own)
        configure("info", "json")
        assert root.handlers == [own]
