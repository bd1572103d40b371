"""Dates and times of a text, beside what a person reads there."""

import pytest

from gateway.providers.verbatim.dates import days, instants, times


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("on 3 June 2024", ["2024-06-03"]),
        ("June 3rd, 2024", ["2024-06-03"]),
        ("the 3rd of June 2024", ["2024-06-03"]),
        ("am 3. Juni 2024", ["2024-06-03"]),
        ("le 7 novembre 2025", ["2025-11-07"]),
        ("el 9 de octubre de 2026", ["2026-10-09"]),
        ("15 мая 2029 года", ["2029-05-15"]),
        ("2024-06-03", ["2024-06-03"]),
        ("03.06.2024", ["2024-06-03"]),
        ("6/23/2024", ["2024-06-23"]),
        ("6/3/2024", ["2024-03-06", "2024-06-03"]),
        ("2029年8月15日", ["2029-08-15"]),
        ("二〇二九年ではなく五月十八日", ["????-05-18"]),
        ("18 March", ["????-03-18"]),
        ("Tuesday 4 March 2025, live on 18 March", ["2025-03-04", "2025-03-18"]),
        ("31 June 2024, 40.1.2024, May we go, 12 people, version 1.2.3", []),
    ],
)
def test_the_dates_of_a_text(text: str, iso: list[str]) -> None:
    """In the forms of several languages; two readings where there are two, no year where none is named."""
    assert [reading for day in days(text) for reading in day.iso] == iso


@pytest.mark.parametrize(
    ("text", "clocks"),
    [
        ("at 9 am, 10:30 p.m. and 12 am", ["09:00:00", "22:30:00", "00:00:00"]),
        ("um 17 Uhr, 8.30 Uhr, 14:05", ["17:00:00", "08:30:00", "14:05:00"]),
        ("午後3時30分、午前九時ではなく9時", ["15:30:00", "09:00:00"]),
        ("25:10, 3.50, a ratio of 3:2", []),
    ],
)
def test_the_times_of_a_text(text: str, clocks: list[str]) -> None:
    """On a clock of twelve hours or of twenty-four."""
    assert [clock for _, clock in times(text)] == clocks


def test_an_instant_is_a_date_with_a_time() -> None:
    """In UTC, for the format has to have a zone; midnight where the text has no time."""
    assert instants("3 June 2024 at 9:30") == ["2024-06-03T09:30:00Z"]
    assert instants("3 June 2024") == ["2024-06-03T00:00:00Z"]
