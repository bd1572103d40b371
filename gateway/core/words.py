"""Literals and numbers as other languages write them (PROTOCOL.md §4, "Lenient reading")."""

import re

from gateway.core.lexical import ParseError, is_number, to_number
from gateway.core.pointer import JsonValue

__all__ = ["may_be_known", "may_become_known", "read_word"]

_WORDS: dict[str, JsonValue] = {"true": True, "false": False, "null": None, "none": None, "undefined": None}
_LITERALS = frozenset({"true", "false", "null"})
_NON_FINITE = frozenset({"nan", "+nan", "-nan", "infinity", "+infinity", "-infinity", "inf", "+inf", "-inf"})
_LETTERS = re.compile(r"[a-z]+")
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]*)|(?P<whole>\d[\d_]*)?(?:\.(?P<part>[\d_]*))?(?P<power>[eE][+-]?\d*)?)"
)


def read_word(token: str, *, is_cut: bool) -> tuple[str, JsonValue] | None:
    """Return the kind of repair, empty for none, and the value of a literal or number; None where it is neither.

    Args:
        token: the word.
        is_cut: there may have been more of it: then no number is known.
    """
    word = token.lower()
    if word in _WORDS:
        return "" if token in _LITERALS else "literal", _WORDS[word]
    if word in _NON_FINITE:
        return "non_finite", None
    number = None if is_cut else _number(token)
    return None if number is None else ("" if is_number(token) else "number", number)


def may_be_known(token: str) -> bool:
    """Tell whether a token, or what it becomes, may be a number or a literal."""
    if token[0] in "0123456789+-.":
        return True
    letters = _LETTERS.match(token.lower())
    return letters is not None and _begins_a_literal(letters[0])


def may_become_known(token: str) -> bool:
    """Tell whether a token that is cut may have become a number or a literal."""
    return _begins_a_literal(token.lower()) or _NUMBER.fullmatch(token) is not None


def _begins_a_literal(letters: str) -> bool:
    return any(word.startswith(letters) for word in (*_WORDS, *_NON_FINITE))


def _number(token: str) -> JsonValue:
    """Return the number that a token in another language's form is, or None."""
    match = _NUMBER.fullmatch(token)
    if match is None or not (match["hex"] or match["whole"] or match["part"]):
        return None
    try:
        return to_number(_strict(match), 0)
    except ParseError:
        return None  # beyond a double


def _strict(match: "re.Match[str]") -> str:
    """Write a number as JSON does."""
    sign = match["sign"].replace("+", "")
    if match["hex"]:
        return f"{sign}{int(match['hex'], 16)}"
    whole = (match["whole"] or "0").replace("_", "").lstrip("0") or "0"
    part = f".{match['part'].replace('_', '') or '0'}" if match["part"] is not None else ""
    power = match["power"] if (match["power"] or "")[-1:].isdigit() else ""
    return f"{sign}{whole}{part}{power}"
