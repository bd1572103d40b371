"""The numbers of a text: with a decimal point or comma, with thousands parted, in Chinese numerals."""

import re
from dataclasses import dataclass

__all__ = ["Number", "numbers"]

_WRITTEN = re.compile(
    r"(?<![A-Za-z0-9_.,:/@-])-?(?:\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3})+(?![\d])(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
    r"(?!\d|:\d|/\d|-\d|(?:st|nd|rd|th)\b|@)"
)
_SCALES = {"million": 10**6, "millionen": 10**6, "mio": 10**6, "m": 10**6, "billion": 10**9, "bn": 10**9}
_SCALES |= {"thousand": 1_000, "tausend": 1_000, "k": 1_000, "tsd": 1_000}
_SCALE = re.compile(
    r"(?:(?P<han>[千万億亿])| ?(?P<word>million(?:en)?|mio|billion|bn|thousand|tausend|tsd|k|m)\b)", re.IGNORECASE
)
_CENTS = re.compile(r"\d[.,]\d\d$")
_MONEY_BEFORE = re.compile(r"(?:[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY))\s?$")
_MONEY_BEHIND = re.compile(
    r"(?:\s?(?:million|mio|billion|thousand|tausend|k|m))?\.?\s?"
    r"(?:[€$£¥円元]|(?:EUR|USD|GBP|CHF|JPY|[eE]uros?|dollars?|pounds?|yen|Franken|рубл\w*|万円|ドル|ユーロ)(?!\w))"
)
_COMMA_WORDS = frozenset(
    "und der die das den ist im zu für von mit am le les des est du et el los y di il e het een".split()
)
_POINT_WORDS = frozenset("the and of to in is for at on with by a".split())
_HAN = re.compile(
    r"[〇一二三四五六七八九十百千万億亿两]+(?=[円元人名個个枚本台日年月歳岁时時分点件])|[一二三四五六七八九十百千万億亿]{2,}"
)
_HAN_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")} | {"两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1_000}
_HAN_SCALES = {"千": 1_000, "万": 10_000, "億": 10**8, "亿": 10**8}


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a text.

    Attributes:
        start: where it stands.
        end: where it ends.
        value: what it is; whole ones are integers.
        is_money: a currency stands beside it, or it has two decimals.
    """

    start: int
    end: int
    value: float
    is_money: bool


def numbers(text: str) -> list[Number]:
    """Return the numbers of a text in its order."""
    has_comma = _has_decimal_comma(text)
    found = [_number(text, match, has_comma=has_comma) for match in _WRITTEN.finditer(text)]
    han = (match for match in _HAN.finditer(text) if not text[: match.start()][-1:].isdigit())
    found += [Number(*match.span(), _han(match.group()), _is_money(text, *match.span())) for match in han]
    return sorted(found, key=lambda number: number.start)


def _number(text: str, match: re.Match[str], *, has_comma: bool) -> Number:
    is_money = _is_money(text, *match.span())
    value = _value(match.group(), has_comma=has_comma, is_money=is_money)
    if scale := _SCALE.match(text, match.end()):
        value *= _HAN_SCALES[scale["han"]] if scale["han"] else _SCALES[scale["word"].lower()]
    return Number(match.start(), match.end(), int(value) if value.is_integer() else value, is_money)


def _is_money(text: str, start: int, end: int) -> bool:
    return bool(_CENTS.search(text[start:end]) or _MONEY_BEFORE.search(text[:start]) or _MONEY_BEHIND.match(text, end))


def _value(written: str, *, has_comma: bool, is_money: bool) -> float:
    """Return what is written; of a single mark before three digits money and the text's language decide."""
    plain = re.sub(r"['’\u00a0\u202f ]", "", written)
    marks = re.findall(r"[.,]", plain)
    if not marks:
        return float(plain)
    last = marks[-1]
    has_three = re.search(r"[.,]\d{3}$", plain) is not None
    parts_thousands = len(marks) > 1 and len(set(marks)) == 1
    if len(marks) == 1 and has_three:
        parts_thousands = is_money or (not plain.lstrip("-").startswith("0") and (last == ".") == has_comma)
    if parts_thousands:
        return float(re.sub(r"[.,]", "", plain))
    whole, _, fraction = plain.rpartition(last)
    return float(f"{re.sub(r'[.,]', '', whole)}.{fraction}")


def _has_decimal_comma(text: str) -> bool:
    """Tell whether a text writes 1,5 for one and a half: by such numbers, else by its language."""
    comma, point = (len(re.findall(rf"\d{mark}\d\d?(?![\d.,]\d|\d)", text)) for mark in (",", r"\."))
    if comma != point:
        return comma > point
    words = re.findall(r"\w+", text.lower())
    return sum(word in _COMMA_WORDS for word in words) > sum(word in _POINT_WORDS for word in words)


def _han(written: str) -> int:
    """Return what Chinese numerals say: 二万八千 is 28,000."""
    total = group = digit = 0
    for numeral in written:
        if numeral in _HAN_DIGITS:
            digit = digit * 10 + _HAN_DIGITS[numeral]
        elif numeral in _HAN_UNITS:
            group, digit = group + (digit or 1) * _HAN_UNITS[numeral], 0
        else:
            total, group, digit = (total + (group + digit or 1)) * _HAN_SCALES[numeral], 0, 0
    return total + group + digit
