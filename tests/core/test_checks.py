"""Soft checks: found wherever a type is annotated, run on the validated value, and only reported."""

import dataclasses
from datetime import date
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict

from gateway.core.checks import MAX_CHECKS, Check, checked, has_checks
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.schema import Schema

SMALL = Check("is_small", lambda number: number < 10, "larger than usual")
PAST = Check("is_past", lambda day: day < date(2000, 1, 1))
PAIRED = Check("is_paired", lambda value: len(value) == 2)
FAULTY = Check("is_faulty", lambda _: 1 / 0 > 1, "never said")
LIMITS = Limits()


class Line(BaseModel):
    """An item with an alias."""

    count: Annotated[int, SMALL] = Field(0, serialization_alias="n")


@dataclasses.dataclass
class Point:
    """A dataclass in a model."""

    x: Annotated[int, SMALL]


class Named(TypedDict):
    """A dictionary in a model."""

    x: Annotated[int, SMALL]


class Pair(NamedTuple):
    """Two of a kind; not gone into."""

    a: int
    b: int


class Root(RootModel[Annotated[int, SMALL]]):
    """A value around a value."""


class Order(BaseModel):
    """Checks at every kind of place."""

    day: Annotated[date, PAST] | None = None
    lines: Annotated[list[Annotated[Line, Check("is_line", bool)]], PAIRED] = []
    numbers: dict[str, Annotated[int, SMALL]] = {}
    ends: tuple[int, Annotated[int, SMALL]] | None = None
    point: Point | None = None
    named: Named | None = None
    root: Root | None = None
    hidden: Annotated[int, SMALL] = Field(1, exclude=True)


def results(value: Any, annotation: Any = Order, whole: tuple[Check, ...] = ()) -> list[tuple[str, str, bool]]:
    """Return path, name and outcome of each check."""
    return [(path, check.name, is_passed) for path, check, is_passed, _ in checked(annotation, value, whole)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Order(), [("/lines", "is_paired", False)]),
        (
            Order(lines=[Line(count=9), Line(count=10)]),
            [
                ("/lines", "is_paired", True),
                ("/lines/0", "is_line", True),
                ("/lines/0/n", "is_small", True),
                ("/lines/1", "is_line", True),
                ("/lines/1/n", "is_small", False),
            ],
        ),
        (Order(day=date(1999, 1, 1)), [("/day", "is_past", True), ("/lines", "is_paired", False)]),
        (Order(numbers={"a/b": 10}), [("/lines", "is_paired", False), ("/numbers/a~1b", "is_small", False)]),
        (Order(ends=(99, 1)), [("/lines", "is_paired", False), ("/ends/1", "is_small", True)]),
        (Order(point=Point(1)), [("/lines", "is_paired", False), ("/point/x", "is_small", True)]),
        (Order(named={"x": 1}), [("/lines", "is_paired", False), ("/named/x", "is_small", True)]),
        (Order(root=Root(1)), [("/lines", "is_paired", False), ("/root", "is_small", True)]),
    ],
)
def test_where_checks_are_found(value: Order, expected: list[tuple[str, str, bool]]) -> None:
    """In fields, items, members, tuples, unions and roots, under the names of the JSON, in its order."""
    assert results(value) == expected


@pytest.mark.parametrize(
    ("annotation", "is_there"),
    [(Order, True), (list[Order], True), (int, False), (Pair, False), (Annotated[int, 7], False), (Point | None, True)],
)
def test_whether_there_are_any(annotation: Any, is_there: bool) -> None:
    """Told by the type alone, so that others pay nothing."""
    assert has_checks(annotation) is is_there


def test_a_check_that_raises_has_not_passed() -> None:
    """And is told apart, by the name of what it raised: its words could be the value's."""
    assert checked(int, 1, [FAULTY]) == [("", FAULTY, False, "ZeroDivisionError")]


def test_reports_are_bounded() -> None:
    """What failed comes first where there are too many."""
    found = results([*range(200), *[5] * 3], list[Annotated[int, SMALL]])
    assert (len(found), found[0]) == (MAX_CHECKS, ("/10", "is_small", False))
    assert [passed for *_, passed in found] == [False] * MAX_CHECKS


@pytest.mark.parametrize(
    ("schema", "text", "path"),
    [
        (Schema.from_model(Line), '{"count": "12"}', "/n"),
        (Schema.from_model(Line).many(), '{"items": [{"count": 12}]}', "/0/n"),
        (Schema.from_model(list[Annotated[int, SMALL]]), '{"value": [12]}', "/0"),
    ],
)
def test_completed_reports_them(schema: Schema, text: str, path: str) -> None:
    """With what the application says of one that did not pass."""
    extraction = Extraction(schema, epoch="e", limits=LIMITS, created_s=0, checks=[Check("is_there", bool)])
    extraction.start(0)
    extraction.feed(text, 0)
    extraction.close()
    extraction.end(extraction.judge(), 0)
    assert '"checks":[{"path":"","name":"is_there","passed":true},' in extraction.terminal_text
    failed = f'{{"path":"{path}","name":"is_small","passed":false,"message":"larger than usual"}}]'
    assert failed in extraction.terminal_text
