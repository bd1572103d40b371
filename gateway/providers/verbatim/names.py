"""What a member's name, or its format, promises of its strings, and where a text has that."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.providers.verbatim.dates import days, instants, times
from gateway.providers.verbatim.words import Word, sentence_start, words

__all__ = [
    "ADDRESS",
    "Kind",
    "capitalised",
    "dated",
    "distinct",
    "each",
    "is_part",
    "is_person",
    "is_place",
    "kind_of",
    "persons",
    "places",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """What strings of one kind look like.

    Attributes:
        names: of members, in lower case; or a format.
        found: what a text has of it, as values.
        texts: the same as it stands in the text.
        is_own: no two items of a list are expected to share one.
        is_sure: a text without any has none, so that a member that may be null is null.
    """

    names: re.Pattern[str]
    found: Callable[[str], list[str]]
    texts: Callable[[str], list[str]]
    is_own: bool = False
    is_sure: bool = True


def _matching(form: str) -> Callable[[str], list[str]]:
    pattern = re.compile(form)
    return lambda text: [match.group() for match in pattern.finditer(text)]


def _address(names: str, form: str) -> Kind:
    found = _matching(form)
    return Kind(re.compile(names), found, found, is_own=True)


def _named(names: str, form: str) -> Kind:
    found = _matching(form)
    return Kind(re.compile(names), found, found, is_sure=False)


def _day_texts(text: str) -> list[str]:
    return [day.text for day in days(text)]


def _last_days(text: str) -> list[str]:
    """Return the dates that something is due by; where the text says so of none, all."""
    return [day.text for day in days(text) if _BY.search(text[: day.start])] or _day_texts(text)


def _iso_days(text: str) -> list[str]:
    return [iso for day in days(text) for iso in day.iso]


def _time_texts(text: str) -> list[str]:
    return [written for written, _ in times(text)]


_ADDRESSES = (
    _address(r"e.?mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    _address(r"twitter|handle|username|mastodon", r"(?<![\w.])@\w+"),
    _address(r"ur[il]$|website|homepage|link", r"(?:https?://|www\.)[^\s<>\"')\]]*[\w/]"),
    _address(r"phone|mobile|fax|telefon", r"(?<![\w-])[+(]?\d(?:[ ()/-]{0,2}\d){6,}(?![\w-])"),
)
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w.])@\w+")
"""An e-mail address or a handle."""

_KINDS = (
    *_ADDRESSES,
    Kind(re.compile(r"deadline|frist|(?:^|_)due(?:_|$)"), _last_days, _day_texts),
    Kind(re.compile(r"date|datum|deadline|frist|fecha|(?:^|_)(?:day|when|wann)(?:_|$)|_on$"), _day_texts, _day_texts),
    Kind(re.compile(r"(?:^|_)(?:time|uhrzeit|heure|hora)(?:_|$)"), _time_texts, _time_texts),
    _named(r"currency|währung|devise|moneda", r"[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY|[eE]uros?|dollars?|pounds?|yen)\b"),
    _named(r"(?:_|^)(?:number|nummer|nr|id|code|reference|sku)$", r"(?<![\w.,])(?:[A-Z]+[-/ ]?)?\d[\w/-]*(?![.,]\d)"),
)
_FORMATS = {
    "email": _ADDRESSES[0],
    "uri": _ADDRESSES[2],
    "date": Kind(re.compile("date"), _iso_days, _day_texts),
    "time": Kind(re.compile("time"), lambda text: [f"{clock}Z" for _, clock in times(text)], _time_texts),
    "date-time": Kind(re.compile("date-time"), instants, _day_texts),
}

_PERSON = re.compile(
    r"(?:^|_)(?:name|who|persons?|people|users?|participants?|attendees?|guests?|speakers?|members?|staff|team|authors?"
    r"|customers?|clients?|callers?|contacts?|leaders?|owners?|senders?|recipients?|present|employees?|applicants?"
    r"|parties|party|teilnehmer|personen|kunden?|gäste|autoren?|ansprechpartner|names)$"
)
_THING = re.compile(
    r"product|produkt|produit|item|artic|artik|goods|dish|ingredient|line|sale|book|event|course|tool|part|room"
)
_ANYWHERE = (
    "places?|city|cities|towns?|country|countries|orte?|stadt|städte|land|villes?|lieu|ciudad|lugar"
    "|origin|destination|company|companies|organi[sz]ations?|shop|firma"
)
_FROM = r"(?:from|von|aus|de|da|из)"
_TO = r"(?:to|for|nach|à|a|naar)"
_AT = r"(?:in|at|near|en|nella|te|op|в|городе)"
_PLACES = tuple(
    (re.compile(rf"(?:^|_)(?:{names})$"), re.compile(rf"(?<!\w){prepositions}\s+(?:the\s+)?$", re.IGNORECASE))
    for names, prepositions in (
        ("origin|from|departure|start", _FROM),
        ("destination|to|arrival|ziel", _TO),
        (_ANYWHERE, f"(?:{_AT}|{_FROM}|{_TO})"),
    )
)
_COLON = re.compile(r"(?: \w+){0,2} ?:")
_WITHIN = re.compile(r"\b(?:in|near|nach|aus)\s+$", re.IGNORECASE)
_BY = re.compile(
    r"(?:\b(?:by|before|until|till|due(?: on)?|bis(?: zum)?|spätestens(?: am)?|vor dem)\s+(?:the\s+)?|締切は|期限は)$",
    re.IGNORECASE,
)
_OPENERS = frozenset(
    "the a an this that these those we you they he she it i my our your his her their there here in on at for from to "
    "by with and or but if when while as please dear hi hello good write call contact present minutes agenda meeting "
    "ask say der die das ein eine wir ihr sie er es ich mein unser und oder aber wenn bitte liebe lieber hallo guten "
    "im am bei sehr geehrte geehrter ihre next teilnehmer rechnung sitzung le la les un une nous vous el los las "
    "order invoice customer agent caller how is are could would of great what who where why also then now "
    "not no yes".split()
)
_DAYS_AND_MONTHS = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|(?:Mon|Diens|Donners|Frei|Sams|Sonn)tag|Mittwoch"
    r"|January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Easter|Christmas|Ostern|Weihnachten|Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember"
)
_PARTICLES = frozenset("van von der den de la le du di da del bin al el y".split())
_HAN_NAME = re.compile(r"[\u3400-\u9fff々]{2,6}(?=さん|様|氏|君|先生|ちゃん)")
_HAN_PLACE = re.compile(
    r"(?<=[はが、。日に])[\u3400-\u9fff\u30a0-\u30ff]{2,8}(?=[でにへ、。]|です)"
    r"|(?<=[在至到])[\u3400-\u9fff]{2,6}?(?=[举召进集见开，。,、]|$)"
)


def kind_of(name: str, schema: Mapping[str, Any]) -> Kind | None:
    """Return what kind of string a member's format or name promises, if any."""
    if "format" in schema:
        return _FORMATS.get(schema["format"])
    return next((kind for kind in _KINDS if kind.names.search(name.lower())), None)


def dated(text: str) -> list[str]:
    """Return what of a text is a date, a time or a phone number: the numbers in it count nothing."""
    return [words for kind in (_ADDRESSES[3], *_KINDS[4:7]) for words in kind.texts(text)]


def is_person(name: str, parent: str) -> bool:
    """Tell whether a member names somebody; a plain `name` does so unless it is that of a thing."""
    return _PERSON.search(name.lower()) is not None and not (name.lower() == "name" and _THING.search(parent.lower()))


def is_place(name: str) -> bool:
    """Tell whether a member names a place or a company."""
    return any(names.search(name.lower()) for names, _ in _PLACES)


def capitalised(text: str) -> list[tuple[int, str]]:
    """Return the runs of capitalised words, with where each stands, but for words that only open a sentence.

    Months, weekdays and labels before a colon are none. In a text without capitals: what stands before an honorific.
    """
    if honoured := [(match.start(), match.group()) for match in _HAN_NAME.finditer(text)]:
        return honoured
    runs = [(start, run) for start, run in _runs(text) if not _DAYS_AND_MONTHS.fullmatch(run)]
    unlabelled = [(start, run) for start, run in runs if not _is_label(text, start, start + len(run))]
    return unlabelled or runs


def persons(text: str) -> list[tuple[int, str]]:
    """Return the capitalised runs that may name somebody.

    Where an address stands in the text, those of the last sentence before the first one that has any, best of several
    words. Where half of all are of several words, those alone.
    """
    address = ADDRESS.search(text)
    runs = capitalised(text)
    before = [run for run in runs if address and run[0] < address.start()]
    last = next((run for run in reversed(before) if " " in run[1]), before[-1] if before else (0, ""))
    begin = sentence_start(text, last[0])
    near = [run for run in before or runs if run[0] >= begin]
    full = [run for run in near if " " in run[1]]
    return full if 2 * len(full) >= len(near) else [run for run in near if not _WITHIN.search(text[: run[0]])] or near


def places(name: str, text: str) -> list[str]:
    """Return the capitalised runs; those behind a preposition that fits the member's name, where there are any."""
    runs = capitalised(text)
    for names, prepositions in _PLACES:
        if names.search(name.lower()) and (found := [run for at, run in runs if prepositions.search(text[:at])]):
            return each(found)
    return each(_HAN_PLACE.findall(text) or [run for _, run in runs])


def distinct(runs: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the runs whose words are not all in an earlier one: Ann behind Ann Lee is no other."""
    found: list[tuple[int, str]] = []
    for start, run in runs:
        if not any(set(run.split()) <= set(other.split()) for _, other in found):
            found.append((start, run))
    return found


def is_part(name: str, names: Iterable[str]) -> bool:
    """Tell whether a name is a shorter form of another one."""
    return any(set(name.split()) < set(other.split()) for other in names)


def each(found: Iterable[Any]) -> list[Any]:
    """Return what was found in its order, each once."""
    return list(dict.fromkeys(found))


def _is_label(text: str, start: int, end: int) -> bool:
    """Tell whether a run opens a sentence and is, with at most two words more, what a colon follows."""
    return _COLON.match(text, end) is not None and text[:start].rstrip(" -*•")[-1:] in ("", *".!?;\n")


def _runs(text: str) -> Iterator[tuple[int, str]]:
    run: list[Word] = []
    for word in words(text):
        is_name = _is_capitalised(word.text) and (bool(run) or word.text.lower() not in _OPENERS)
        if is_name or (run and word.text in _PARTICLES):
            run.append(word)
        else:
            yield from _run(run, text)
            run = []
        if word.gap not in (" ", ". "):
            yield from _run(run, text)
            run = []


def _run(run: list[Word], text: str) -> Iterator[tuple[int, str]]:
    """Yield a run without the particles behind it."""
    while run and run[-1].text in _PARTICLES:
        run.pop()
    if run:
        start, end = run[0].start, run[-1].start + len(run[-1].text)
        yield start, re.sub(r"\s+", " ", text[start:end])


def _is_capitalised(word: str) -> bool:
    return (word[0].isupper() or word[:2] in ("d'", "d’")) and not any(character.isdigit() for character in word)
