"""What a terminal shows of a value, whole and while it grows."""

import io
from typing import Any

import pytest

from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.drawing import UNWRITTEN
from gateway.recordings import Conference
from gateway.terminal import Follower, LiveView, Progress, Terminal, coloured
from tests.fakes.screen import Screen

ANYTHING = {"type": "object"}


class Written(io.TextIOWrapper):
    """A stream that says it is a terminal, and keeps what is written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        """Begin empty."""
        super().__init__(io.BytesIO(), encoding=encoding, newline="", write_through=True)

    def getvalue(self) -> str:
        """Return what was written."""
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a terminal of 60 by 12 that has colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "60", "LINES": "12"}.items():
        monkeypatch.setenv(name, value)


def screen_of(stream: Written, columns: int = 60, rows: int = 12) -> Screen:
    """Return the screen with what was written."""
    screen = Screen(columns, rows)
    screen.feed(stream.getvalue().replace("\n", "\r\n"))
    return screen


def shown(value: Any, written: Any = ..., columns: int = 60) -> list[str]:
    """Return the lines that a whole value makes."""
    stream = Written()
    Terminal(stream).show(value, value if written is ... else written)
    *lines, rest = screen_of(stream, columns).lines
    assert rest == ""
    return lines


def test_an_object_is_labels_and_values() -> None:
    """Labels stand in one column; words stand for what has no text of its own."""
    assert shown({"name": "Ann", "age": 4.5, "is_here": True, "note": None, "tags": [], "text": ""}) == [
        "name     Ann",
        "age      4.5",
        "is_here  true",
        "note     null",
        "tags     none",
        'text     ""',
    ]


def test_a_list_of_objects_is_a_table() -> None:
    """A row for each, a column for each member that any has; lists of scalars fit a cell."""
    lines = shown({"people": [{"name": "Ann", "tags": ["a", 1]}, {"name": "Bo", "age": 3}], "date": "May"})
    assert lines == [
        "people",
        "  name  tags  age",
        "  ───────────────",
        "  Ann   a, 1",
        "  Bo          3",
        "date    May",
    ]


def test_a_list_of_scalars_is_bullets() -> None:
    """Also where it is the whole value; a long one is wrapped beside its bullet."""
    assert shown(["one", 2, "word " * 15]) == ["• one", "• 2", f"• {'word ' * 10}word", "  word word word word"]


def test_a_table_that_would_be_too_narrow_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a narrow terminal each row becomes an object of its own."""
    monkeypatch.setenv("COLUMNS", "24")
    lines = shown({"people": [{"name": "Ann", "mail": "ann@lee.example"}]}, columns=24)
    assert lines == ["people", "  1. name  Ann", "     mail  ann@lee.examp", "           le"]


def test_what_is_nested_is_indented() -> None:
    """Objects in objects, and lists whose items make no table; very deep ones are JSON."""
    assert shown({"a": {"b": {"c": 1}}, "d": [[1, 2], {"e": {"f": 3}}]}) == [
        "a",
        "  b",
        "    c  1",
        "d",
        "  1. • 1",
        "     • 2",
        "  2. e",
        "       f  3",
    ]
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    text = "".join(line.strip() for line in shown(deep))
    assert text.replace("1. ", "") == "[" * 192 + '"x"' + "]" * 192


@pytest.mark.parametrize("value", ["text", 5, None, [], {}, True])
def test_a_value_that_is_no_container(value: Any) -> None:
    """It is one line."""
    (line,) = shown(value)
    assert line


def test_nothing_of_a_value_is_obeyed() -> None:
    """Markup is text, escape sequences are shown, in values, labels and cells alike; the screen knows no others."""
    lines = shown({"\x1b[2J\n": "[bold]x[/] :smile: \x9b2J", "rows": [{"\x07": "\x1b]0;t\x07"}]})
    assert lines == [
        r"\x1b[2J\n  [bold]x[/] :smile: \x9b2J",
        "rows",
        r"  \x07",
        "  ────────────",
        r"  \x1b]0;t\x07",
    ]


def test_what_is_not_written_is_a_placeholder() -> None:
    """A null that the model wrote is told from one it has not."""
    assert shown({"a": None, "b": None, "c": []}, {"a": None}) == ["a  null", "b  …", "c  …"]
    assert shown(None, UNWRITTEN) == ["…"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_terminal_that_is_not_utf_8(encoding: str) -> None:
    """Signs and lines are others, what it lacks is an escape, and nothing fails."""
    stream = Written(encoding)
    terminal = Terminal(stream)
    terminal.show({"a": "日", "rows": [{"b": 1}], "c": ["x"], "d": None}, {"a": "日", "rows": [{"b": 1}], "c": ["x"]})
    terminal.close("done", ("a", "b"), colour="green")
    with terminal.live() as view:
        view.update(
            Progress("writing", 1.5), {"a": "x"}, Follower(conference().document).tracking(view, is_growing=True)
        )
    assert r"\u65e5" in stream.getvalue()


def test_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes them away, and leaves what is said."""
    coloured_one, plain = Written(), Written()
    Terminal(coloured_one).show({"a": 1}, {"a": 1})
    verdict = coloured("ok", "ok", coloured_one)
    monkeypatch.setenv("NO_COLOR", "1")
    Terminal(plain).show({"a": 1}, {"a": 1})
    assert (screen_of(coloured_one).has_colours, screen_of(plain).has_colours) == (True, False)
    assert (verdict, coloured("ok", "ok", plain)) == ("\x1b[32mok\x1b[0m", "ok")
    assert coloured("ok", "ok", io.StringIO()) == "ok"


def test_a_dumb_terminal_is_not_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines cannot be written over there."""
    assert Terminal(Written()).is_live
    monkeypatch.setenv("TERM", "dumb")
    assert not Terminal(Written()).is_live


def conference() -> Extraction:
    """Return an extraction that is about to begin."""
    extraction = Extraction(Schema.from_model(Conference), epoch="e", limits=Limits(), created_s=0)
    extraction.start(0)
    return extraction


def growing(text: str, schema: Any = ANYTHING, *, pieces: int = 1) -> tuple[Extraction, Screen, Written, LiveView]:
    """Show a value as it grows, and return what the screen shows while the view is open."""
    extraction = Extraction(Schema.from_json(schema, limits=Limits()), epoch="e", limits=Limits(), created_s=0)
    extraction.start(0)
    stream = Written()
    view = Terminal(stream).live().__enter__()
    follower = Follower(extraction.document)
    for start in range(0, len(text), pieces):
        extraction.feed(text[start : start + pieces], 0)
        tracking = follower.tracking(view, is_growing=not extraction.is_whole)
        view.update(Progress("writing", 1.25, ("a fact",)), extraction.document.value_copy(), tracking)
    return extraction, screen_of(stream), stream, view


OF_PEOPLE = {
    "type": "object",
    "properties": {
        "people": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}},
        },
        "note": {"type": "string"},
    },
}


def test_a_value_that_grows() -> None:
    """The header says how far it is, the caret stands where the model writes, placeholders where it has not been."""
    _, screen, _, _ = growing('{"people": [{"name": "Ann", "age": 4}, {"name": "B', OF_PEOPLE)
    assert screen.lines[:7] == [
        "⠹ writing · 1.2 s · a fact",
        "people",
        "  name  age",
        "  ─────────",
        "  Ann   4",
        "  B▌    …",
        "note    …",
    ]
    assert not screen.has_cursor


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": {"b": ["x", "y', "  b"),
        ('{"a": {"b": ["x", "y', "    • y▌"),
        ('{"text": "one two', "text  one two▌"),
        ('{"a": "x", "b": "', "b  ▌"),
        ('{"a~/b": "x', "a~/b  x▌"),
    ],
)
def test_the_caret(text: str, line: str) -> None:
    """It stands behind the last character that came, wherever that is."""
    _, screen, _, _ = growing(text)
    assert line in screen.lines
    assert sum("▌" in shown for shown in screen.lines) == 1


def test_a_whole_value_has_no_caret() -> None:
    """The model writes nowhere any more."""
    _, screen, _, _ = growing('{"a": "x"}')
    assert "▌" not in "".join(screen.lines)


@pytest.mark.parametrize("text", ['{"a": [' + "1, " * 90 + "2", '{"a": "' + "word " * 900 + "end"])
def test_what_grows_stays_in_sight(text: str) -> None:
    """A value that is larger than the terminal scrolls nothing away: the view keeps to its lines."""
    _, screen, _, _ = growing(text, pieces=50)
    assert screen.most_lines <= 12
    assert screen.lines[0].startswith("⠹ writing")
    assert "▌" in "".join(screen.lines[-2:])


def test_a_large_object_stays_in_sight_too() -> None:
    """Of its members those are drawn that lead to the growing one."""
    members = ", ".join(f'"key{number}": {number}' for number in range(200))
    _, screen, _, _ = growing(f'{{{members}, "last": "x', pieces=200)
    assert screen.most_lines <= 12
    assert "last" in "".join(screen.lines[-2:])


def test_the_view_leaves_nothing_behind() -> None:
    """Its lines are wiped away, and the cursor is there again."""
    _, _, stream, view = growing('{"people": [{"name": "Ann"', OF_PEOPLE)
    view.__exit__(None, None, None)
    screen = screen_of(stream)
    assert ("".join(screen.lines), screen.has_cursor) == ("", True)


def test_what_the_model_takes_back_is_no_place() -> None:
    """A follower that missed steps, or whose place is gone, shows what there is."""
    extraction = Extraction(
        Schema.from_json(ANYTHING, limits=Limits(tail_steps=1)), epoch="e", limits=Limits(tail_steps=1), created_s=0
    )
    extraction.start(0)
    view = Terminal(Written()).live()
    follower = Follower(extraction.document)
    for piece in ('{"a": 1', ', "b": 2', ', "c": "x'):
        extraction.feed(piece, 0)
    assert follower.tracking(view, is_growing=True).at is None
    extraction.feed("y", 0)
    assert follower.tracking(view, is_growing=True).at == ("c",)
