"""What lenient reading does where strict reading fails: one remedy for each place and text (PROTOCOL.md §4, "Repairs").

1. A remedy is decided by the place and the next characters alone; nothing here changes anything.
2. Where these do not decide, and at most `LOOK_CHARS` have been looked at, the remedy is to wait for more.
3. A remedy reads something, or changes the state: reading always ends.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from gateway.core.grammar import COLON, COMMA, FIRST_ITEM, FIRST_KEY, KEY, LITERAL, NUMBER, VALUE, State
from gateway.core.lexical import without_surrogates
from gateway.core.words import may_be_known, may_become_known, read_word

__all__ = [
    "LOOK_CHARS",
    "QUOTES",
    "WHITE_SPACE",
    "Place",
    "Remedy",
    "Step",
    "is_inner_quote",
    "remedy",
    "skip_blanks",
    "word_remedy",
]

LOOK_CHARS = 256
"""How far ahead is looked; a key or value without quotes may be so long."""

WHITE_SPACE = "white_space"
"""The kind of repair for white space that JSON does not know; listed once."""

QUOTES = {'"': '"', "'": "'", "“": '”“"', "„": '“”"', "‘": "’‘'", "`": "`´", "´": "´`"}
"""What may open a string or a key, and what then closes it."""

_BLANK = re.compile(r"[\s\ufeff\u200b]+")
_BLANKS = re.compile(r"[\s\ufeff\u200b]*")
_COMMENT = re.compile(r"//|/\*|#|<!--")
_TOKEN = re.compile(r"[^\s,\[\]{}\"]+")
_BARE = re.compile(r"(?:(?!\s\")[^,\]}\n])+")  # a string without quotes
_NAME_CHAR = r"[^\s:=,{}\[\]\"'“”‘’`´/#<]"
_NAME = re.compile(rf"{_NAME_CHAR}+(?: {_NAME_CHAR}+)*")  # a key without quotes
_CLOSED_BY = {"}": "{", "]": "["}


class Step(StrEnum):
    """What to do; `Remedy.argument` says more."""

    WAIT = "wait"
    """Nothing before more text is there."""
    REFUSE = "refuse"
    """There is no remedy."""
    SKIP = "skip"
    """Read on behind the text."""
    GO = "go"
    """Read on in another state, the argument."""
    SET = "set"
    """A whole value: the argument."""
    NAME = "name"
    """A whole key: the argument."""
    QUOTE = "quote"
    """A string or a key begins; the argument are the characters that close it."""
    CLOSE = "close"
    """So many containers close."""
    REOPEN = "reopen"
    """The string or key that closed last goes on: its quote was part of it."""
    GIVE_UP = "give_up"
    """What was taken for the root value is none."""
    ASIDE = "aside"
    """Nothing counts up to the pattern that is the argument."""


class Remedy(msgspec.Struct, frozen=True):
    """What to do about text that strict reading refuses.

    Attributes:
        step: see `Step`.
        chars: how much text is read with it.
        kind: what is listed in `repairs`; empty for nothing.
        argument: as the step says.
    """

    step: Step
    chars: int = 0
    kind: str = ""
    argument: Any = None


class Place(msgspec.Struct, frozen=True):
    """Where strict reading failed.

    Attributes:
        state: what was expected.
        open: the open containers, outermost first, as their opening brackets.
        is_fresh: the root has opened and holds nothing yet.
        gap: the white space since the closing quote, where the last thing read was a string or key in quotes.
        is_over: no more text comes.
    """

    state: State
    open: str
    is_fresh: bool
    gap: str | None
    is_over: bool

    @property
    def is_list(self) -> bool:
        """Whether the innermost container is an array."""
        return self.open[-1:] == "["

    @property
    def is_item(self) -> bool:
        """Whether the innermost container is an object that is an item of an array."""
        return self.open[-2:] == "[{"


WAIT = Remedy(Step.WAIT)
REFUSE = Remedy(Step.REFUSE)
_GIVE_UP = Remedy(Step.GIVE_UP)
_NO_VALUE = Remedy(Step.SET, 0, "missing_value", None)
_CLOSE_ITEM = Remedy(Step.CLOSE, 0, "missing_closer", 1)
_EXTRA_COMMA = Remedy(Step.SKIP, 1, "extra_comma")
_TRAILING_COMMA = Remedy(Step.CLOSE, 1, "trailing_comma", 1)
_QUOTED = {quote: Remedy(Step.QUOTE, 1, "quotes", closers) for quote, closers in QUOTES.items()}

# Where one character decides.
_ITEMS = {**_QUOTED, ":": Remedy(Step.SKIP, 1, "colon"), ",": _EXTRA_COMMA, "]": _TRAILING_COMMA}
_MEMBERS = {**_QUOTED, ":": Remedy(Step.SKIP, 1, "colon"), ",": _NO_VALUE, "}": _NO_VALUE, "]": _NO_VALUE}
_KEYS = {**_QUOTED, ",": _EXTRA_COMMA, "}": _TRAILING_COMMA}

_CUT_MARKS = frozenset({"/", "<", "<!", "<!-", ".", ".."})
_COMMENT_MARKS = ("#", "//", "/*", "<!--")
_ASIDES = {
    "#": Remedy(Step.ASIDE, 1, "comment", re.compile(r"\n")),
    "//": Remedy(Step.ASIDE, 2, "comment", re.compile(r"\n")),
    "/*": Remedy(Step.ASIDE, 2, "comment", re.compile(r"\*/")),
    "<!--": Remedy(Step.ASIDE, 4, "comment", re.compile(r"-->")),
    "...": Remedy(Step.SKIP, 3, "ellipsis"),
    "…": Remedy(Step.SKIP, 1, "ellipsis"),
}


def remedy(place: Place, text: str, position: int) -> Remedy:
    """Return what to do about the text from the position on, which strict reading refuses there."""
    text = text[position : position + LOOK_CHARS]
    if (aside := _aside(place, text)) is not None:
        return aside
    return _REMEDIES[place.state](place, text)


def word_remedy(place: Place, word: str) -> Remedy:
    """Return what to make of text that begins like a number, a literal or a string without quotes.

    The remedy counts from the beginning of the word; it waits only where less than `LOOK_CHARS` are there.
    """
    token = _TOKEN.match(word)
    if token is None:
        return REFUSE
    if token.end() == len(word) and not place.is_over:
        return WAIT if len(word) < LOOK_CHARS else REFUSE
    text = _uncommented(token[0])
    if (known := _known_word(place, text, is_cut=len(text) == len(word))) is not None:
        return _with_quote(place, known, word[len(text) :]) if word[len(text) : len(text) + 1] == '"' else known
    if place.is_fresh or not place.open:
        return _GIVE_UP
    return _bare_string(place, word)


def is_inner_quote(place: Place, text: str, position: int) -> bool | None:
    """Tell whether the quote before the position is part of its string; None where more text is needed."""
    text = text[position : position + LOOK_CHARS]
    blanks = _BLANKS.match(text)
    following = text[blanks.end() if blanks else 0 :]
    if not following:
        return False if place.is_over or len(text) >= LOOK_CHARS else None
    if following[0] in "}]":
        return False
    if following[0] == ",":
        return _is_inner_before_comma(place, following[1:])
    return _is_inner(place, following, text[: len(text) - len(following)])


def skip_blanks(text: str, position: int) -> int:
    """Return the first position from the given one that is no white space, of JSON or other."""
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _aside(place: Place, text: str) -> Remedy | None:
    """Return the remedy for what stands between the tokens: odd white space, a comment, an ellipsis."""
    if (blank := _BLANK.match(text)) is not None:
        return Remedy(Step.SKIP, blank.end(), WHITE_SPACE)
    is_between = place.state in {COLON, COMMA} or not place.open  # where no item or member can stand
    if text in _CUT_MARKS and not place.is_over and not (is_between and text[0] == "."):
        return WAIT
    for mark, found in _ASIDES.items():
        if text.startswith(mark) and not (is_between and found.step is Step.SKIP):
            return found
    return None


def _value_remedy(place: Place, text: str) -> Remedy:
    if not place.open and text[0] in QUOTES:
        return _root_quote(place, text)
    found = (_ITEMS if place.is_list else _MEMBERS).get(text[0])
    if found is not None:
        return found
    return _wrong_closer(place, text) if text[0] == "}" else word_remedy(place, text)


def _root_quote(place: Place, text: str) -> Remedy:
    """Return the remedy for another quote at the root: around a bracket, or in a fence, it opens no string."""
    if len(text) == 1 and not place.is_over:
        return WAIT
    return _GIVE_UP if text[1:2] in {"`", "{", "["} else _QUOTED[text[0]]


def _key_remedy(place: Place, text: str) -> Remedy:
    if place.is_fresh and text[0] in "{[]":
        return _GIVE_UP
    found = _KEYS.get(text[0])
    if found is not None:
        return found
    if text[0] == "]":
        return _wrong_closer(place, text)
    return _CLOSE_ITEM if text[0] == "{" and place.is_item else _name(place, text)


def _name(place: Place, text: str) -> Remedy:
    """Return the remedy for a key without quotes, or without its opening one."""
    name = _NAME.match(text)
    if name is None:
        return _GIVE_UP if place.is_fresh else REFUSE
    blanks = _BLANKS.match(text, name.end())
    following = text[blanks.end() if blanks else name.end() :][:1]
    if not following:
        return _undecided(place, text)
    if following in ",}]":
        return _GIVE_UP if place.is_fresh else REFUSE
    has_quote = text[name.end()] in "\"'"
    return Remedy(Step.NAME, name.end() + has_quote, "unquoted_key", without_surrogates(name[0]))


def _colon_remedy(place: Place, text: str) -> Remedy:
    character = text[0]
    if character == "=":
        is_cut = text == "=" and not place.is_over
        return WAIT if is_cut else Remedy(Step.GO, 2 if text[1:2] == ">" else 1, "colon", VALUE)
    if character in ",}]":
        return _GIVE_UP if place.is_fresh else _NO_VALUE
    is_no_value = character not in "{[" and character not in QUOTES and _is_no_word(place, text)
    if is_no_value is not True:
        return WAIT if is_no_value is None else Remedy(Step.GO, 0, "missing_colon", VALUE)
    if place.gap is not None:
        return Remedy(Step.REOPEN, 0, "inner_quote")
    return _GIVE_UP if place.is_fresh else REFUSE


def _comma_remedy(place: Place, text: str) -> Remedy:
    if text in {"`", "``"} and not place.is_over:
        return WAIT
    if text.startswith("```"):  # the fence around the answer
        return Remedy(Step.CLOSE, 0, "missing_closer", len(place.open))
    if text[0] in _CLOSED_BY:
        return _wrong_closer(place, text)
    is_inner = place.gap is not None and _is_inner(place, text, place.gap)
    if is_inner is not False:
        return WAIT if is_inner is None else Remedy(Step.REOPEN, 0, "inner_quote")
    return _missing_comma(place, text)


def _missing_comma(place: Place, text: str) -> Remedy:
    """Return the remedy for what begins another item or member."""
    if place.is_list:
        return REFUSE if text[0] == ":" else Remedy(Step.GO, 0, "missing_comma", VALUE)
    if text[0] == "{" and place.is_item:
        return _CLOSE_ITEM
    is_key = text[0] in QUOTES or _is_named(place, text)
    if is_key is None:
        return WAIT
    return Remedy(Step.GO, 0, "missing_comma", KEY) if is_key else REFUSE


def _wrong_closer(place: Place, text: str) -> Remedy:
    """Return the remedy for a bracket that does not close the innermost container.

    It closes what is open inside the container that it does close. Where that is the root and a comma follows, the
    other bracket was meant: nothing follows the root. Where there is no such container, it is ignored.
    """
    index = place.open.rfind(_CLOSED_BY[text[0]])
    if index < 0:
        return Remedy(Step.SKIP, 1, "extra_closer")
    if index == 0:
        blanks = _BLANKS.match(text, 1)
        following = text[blanks.end() if blanks else 1 :][:1]
        if not following and not place.is_over and len(text) < LOOK_CHARS:
            return WAIT
        if following == ",":
            return Remedy(Step.CLOSE, 1, "wrong_closer", 1)
    return Remedy(Step.CLOSE, 1, "missing_closer", len(place.open) - index)


def _is_inner(place: Place, following: str, gap: str) -> bool | None:
    """Tell whether a quote is part of its string, from the text behind it, which is no comma and closes nothing."""
    if following in _CUT_MARKS | {"`", "``"} and not place.is_over:
        return None
    if following[0] in QUOTES or following[0] == ":" or following.startswith(_COMMENT_MARKS):
        return False
    if place.is_list:
        return following[0] not in "{[" and _is_no_word(place, following)
    return _is_no_name(place, following) if "\n" in gap else True


def _is_inner_before_comma(place: Place, behind: str) -> bool | None:
    """Tell whether a quote is part of its string, where a comma follows, from the text behind that."""
    blanks = _BLANKS.match(behind)
    following = behind[blanks.end() if blanks else 0 :]
    if not following or (following in _CUT_MARKS and not place.is_over):
        return False if place.is_over or len(behind) >= LOOK_CHARS - 1 else None
    if following[0] in "}]," or following[0] in QUOTES or following.startswith((*_COMMENT_MARKS, "...", "…")):
        return False
    if place.is_list:
        return following[0] not in "{[" and _is_no_word(place, following)
    return _is_no_name(place, following)


def _is_no_name(place: Place, text: str) -> bool | None:
    """Tell whether text begins with no key without quotes; None where more of it is needed."""
    is_named = _is_named(place, text)
    return None if is_named is None else not is_named


def _is_no_word(place: Place, text: str) -> bool | None:
    """Tell whether text begins with neither a number nor a literal; None where more of it is needed."""
    token = _TOKEN.match(text)
    if token is None or not may_be_known(token[0]):
        return True
    word = word_remedy(place, text)
    if word.step is Step.WAIT:
        return None
    if word.step is Step.SKIP:  # it is cut: half a number, or a word that may be half a literal
        return token[0][0].isalpha()
    return word.step is not Step.SET or isinstance(word.argument, str)


def _uncommented(token: str) -> str:
    """Return a token without the comment that begins right behind it."""
    comment = _COMMENT.search(token, 1)
    return token[: comment.start()] if comment else token


def _is_named(place: Place, text: str) -> bool | None:
    """Tell whether text begins with a key that has no quotes, and its colon; None where more of it is needed."""
    name = _NAME.match(text)
    if name is None:
        return False
    blanks = _BLANKS.match(text, name.end())
    following = text[blanks.end() if blanks else name.end() :][:1]
    if not following and not place.is_over and len(text) < LOOK_CHARS:
        return None
    return following in {":", "=", "/", "#", "<"}


def _undecided(place: Place, text: str) -> Remedy:
    """Wait, or leave out what is cut at the end of the text."""
    if place.is_over:
        return Remedy(Step.SKIP, len(text))
    return WAIT if len(text) < LOOK_CHARS else REFUSE


def _known_word(place: Place, token: str, *, is_cut: bool) -> Remedy | None:
    """Return the remedy for a literal of another language, or a number in another form."""
    if (known := read_word(token, is_cut=is_cut and bool(place.open))) is not None:
        return Remedy(Step.SET, len(token), *known)
    if is_cut and may_become_known(token):
        return Remedy(Step.SKIP, len(token))  # it is not known what it would have been
    return None


def _with_quote(place: Place, known: Remedy, behind: str) -> Remedy:
    """Return the remedy for a word with a quote behind it, which is left out where the word's place ends there."""
    blanks = _BLANKS.match(behind, 1)
    following = behind[blanks.end() if blanks else 1 :][:1]
    if not following and not place.is_over and len(behind) < LOOK_CHARS - known.chars:
        return WAIT
    if not following or following not in ",}]":
        return known
    return Remedy(known.step, known.chars + 1, "unquoted_value", known.argument)


def _bare_string(place: Place, word: str) -> Remedy:
    bare = _BARE.match(word)
    if bare is None:
        return REFUSE
    if bare.end() == len(word) and not place.is_over:
        return WAIT if len(word) < LOOK_CHARS else REFUSE
    return Remedy(Step.SET, bare.end(), "unquoted_value", without_surrogates(bare[0]).strip().rstrip("\"'"))


_REMEDIES: dict[State, Callable[[Place, str], Remedy]] = {
    VALUE: _value_remedy,
    FIRST_ITEM: _value_remedy,
    FIRST_KEY: _key_remedy,
    KEY: _key_remedy,
    COLON: _colon_remedy,
    COMMA: _comma_remedy,
    NUMBER: word_remedy,
    LITERAL: word_remedy,
}
