"""The dates and times of a text, as they stand there and as ISO 8601 has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Day", "days", "instants", "times"]

_MONTH_NAMES = (
    "january jan januar jänner januari janvier enero gennaio janeiro января",
    "february feb februar februari février fevrier febrero febbraio fevereiro февраля",
    "march mar märz maerz maart mars marzo março марта",
    "april apr avril abril aprile апреля",
    "may mai mei mayo maggio maio мая",
    "june jun juni juin junio giugno junho июня",
    "july jul juli juillet julio luglio julho июля",
    "august aug août aout agosto augustus августа",
    "september sep sept septembre septiembre settembre setembro сентября",
    "october oct oktober okt octobre octubre ottobre outubro октября",
    "november nov novembre noviembre novembro ноября",
    "december dec dezember dez décembre decembre diciembre dicembre dezembro декабря",
)
_MONTHS = {name: at for at, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b"
_DAY = r"\d{1,2}(?:st|nd|rd|th|er|\.|º)?"
_OF = r"(?:of |de |d')?"
_HAN = r"\d〇一二三四五六七八九十"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<![\w-])(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?!\d)",
        rf"(?<![\w.])(?P<d>{_DAY}) {_OF}(?P<m>{_MONTH})(?:\.(?=,? \d{{4}}))?(?:,? {_OF}(?P<y>\d{{4}})(?!\d))?",
        rf"\b(?P<m>{_MONTH})\.? (?P<d>{_DAY})(?![\d:])(?:,? (?P<y>\d{{4}})(?!\d))?",
        r"(?<![\w.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?!\d)",
        r"(?<![\w/])(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})(?!\d)",
        rf"(?:(?P<y>\d{{4}})[年년] ?)?(?P<m>[{_HAN}]{{1,3}})[月월] ?(?P<d>[{_HAN}]{{1,3}})[日일]",
    )
)
_SLASHES = _FORMS[4]  # day first or month first: both, where both can be
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HAN_DIGITS = "〇一二三四五六七八九"
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?![\d.,]\d|\d)")
_TIMES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<![\w.:])(?P<h>\d{1,2})(?:[:.](?P<m>[0-5]\d))? ?(?P<half>[ap])\.?m\b",
        r"(?<![\w.:])(?P<h>\d{1,2}):(?P<m>[0-5]\d)(?![:\d]| ?[ap]\.?m\b)",
        r"(?<![\w.:])(?P<h>\d{1,2})(?:\.(?P<m>[0-5]\d))? (?:Uhr|o'clock)\b",
        r"(?P<half>午[前後后]|[上下]午)?(?P<h>\d{1,2})[時时시](?:(?P<m>\d{1,2})[分분])?",
    )
)
_AFTERNOON = ("p", "P", "午後", "午后", "下午")


@dataclass(frozen=True, slots=True)
class Day:
    """A date of a text.

    Attributes:
        start: where it stands.
        text: as it stands there.
        iso: what it may be; one with `????` for the year where the text names none.
    """

    start: int
    text: str
    iso: tuple[str, ...]


def days(text: str) -> list[Day]:
    """Return the dates of a text in its order; one without a year is of the year named last before it, or next."""
    years = [(match.start(), match.group()) for match in _YEAR.finditer(text)]
    found: list[Day] = []
    for match in sorted(_matches(text), key=lambda match: (match.start(), -match.end())):
        if not found or match.start() >= found[-1].start + len(found[-1].text):
            iso = tuple(_iso(match, _year(years, match)))
            found += [Day(match.start(), match.group(), iso)] if iso else []
    return found


def times(text: str) -> list[tuple[str, str]]:
    """Return the times of day, each as it stands there and as `HH:MM:SS`."""
    matches = sorted((match for form in _TIMES for match in form.finditer(text)), key=re.Match.start)
    return [(match.group(), _clock(match)) for match in matches if int(match["h"]) < 24]


def instants(text: str) -> list[str]:
    """Return what a `date-time` may be: the dates, each with the times; the zone is UTC, for it has to have one."""
    clocks = [clock for _, clock in times(text)] or ["00:00:00"]
    return [f"{iso}T{clock}Z" for day in days(text) for iso in day.iso for clock in clocks]


def _clock(match: re.Match[str]) -> str:
    hour, half = int(match["h"]), match.groupdict().get("half")
    if half:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    return f"{hour:02}:{int(match['m'] or 0):02}:00"


def _matches(text: str) -> Iterator[re.Match[str]]:
    for form in _FORMS:
        yield from form.finditer(text)


def _year(years: list[tuple[int, str]], match: re.Match[str]) -> str:
    """Return the year of a date: its own, the last one before it, the first one behind it, or unknown."""
    if match["y"]:
        return str(int(match["y"]))
    before = [year for start, year in years if start < match.start()]
    return before[-1] if before else years[0][1] if years else "????"


def _iso(match: re.Match[str], year: str) -> Iterator[str]:
    month, day = _month(match["m"]), _day(match["d"])
    readings = [(month, day), (day, month)] if match.re is _SLASHES else [(month, day)]
    for one, other in readings:
        if 1 <= one <= 12 and 1 <= other <= _LONGEST[one - 1]:
            yield f"{year}-{one:02}-{other:02}"


def _month(written: str) -> int:
    return _MONTHS.get(written.lower()) or _day(written)


def _day(written: str) -> int:
    """Return the number that digits, or two Chinese ones around ten, say; 0 where they say none."""
    if digits := re.match(r"\d+", written):
        return int(digits.group())
    tens, ten, ones = written.rpartition("十")
    return (_HAN_DIGITS.find(tens) if tens else 1) * 10 * bool(ten) + max(_HAN_DIGITS.find(ones), 0) * bool(ones)
