"""The rules for words of a text in a row: of one sentence, without words at the ends that only join others."""

import json
import re

from gateway.providers.verbatim.gbnf import Rules, any_of, quoted
from gateway.providers.verbatim.words import Word, is_count, is_link, words

__all__ = ["spans"]

_MOST_WORDS = 8
_MAX_WORDS = 600  # beyond that the grammar takes longer to read than the text
_MAX_WORD_CHARS = 60  # longer ones mean nothing
_PLAIN_GAP = re.compile(r"[ .’'-]*")


def spans(rules: Rules, text: str, *, has_commas: bool, has_numbers: bool) -> str | None:
    """Return a rule's body for such a string, or None where the text has no words or too many.

    Args:
        rules: where its parts are told.
        text: where the words stand.
        has_commas: whether a comma or a bracket may be between the words.
        has_numbers: whether it may begin with a number.
    """
    found = words(text)
    if not 0 < len(found) <= _MAX_WORDS or max(len(word.text) for word in found) > _MAX_WORD_CHARS:
        return None
    chains = _Chains(rules, found, has_commas=has_commas)
    starts = [at for at, word in enumerate(found) if not is_link(word.text, at_end=False)]
    worded = [at for at in starts if not is_count(found[at].text)]
    bodies = [body for at in (starts if has_numbers else worded or starts) if (body := chains.body(at, _MOST_WORDS))]
    return rf'"\"" {rules.name(any_of(bodies))} "\""' if bodies else None


class _Chains:
    """For each word of a text the rule of the spans that begin there; their tails are shared."""

    def __init__(self, rules: Rules, found: list[Word], *, has_commas: bool) -> None:
        self._rules = rules
        self._words = found
        self._has_commas = has_commas

    def body(self, at: int, most: int) -> str | None:
        """Return the rule's body for at most so many words from one on; None where no span can end."""
        word = self._words[at]
        tail = self.body(at + 1, most - 1) if most > 1 and self._goes_on(at) else None
        own = _in_string(word.text)
        if tail is None:
            return None if is_link(word.text, at_end=True) else own
        rest = f"{_in_string(word.gap or '')} {self._rules.name(tail)}"
        return f"{own} {rest}" if is_link(word.text, at_end=True) else f"{own} ({rest})?"

    def _goes_on(self, at: int) -> bool:
        gap = self._words[at].gap
        return gap is not None and at + 1 < len(self._words) and (self._has_commas or bool(_PLAIN_GAP.fullmatch(gap)))


def _in_string(text: str) -> str:
    """Return a rule's body for these characters inside a JSON string."""
    return quoted(json.dumps(text, ensure_ascii=False)[1:-1])
