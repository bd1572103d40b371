"""A text as words, clauses and sentences; where no spaces part the words, kinds of letter do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "Word",
    "clauses",
    "enumerated",
    "is_count",
    "is_link",
    "lines",
    "marked_rows",
    "paragraph",
    "sentence_start",
    "sentences",
    "words",
]

_LINKS = frozenset(
    "and or but nor of on in at to from for by with into onto over under about as than that via per until till since "
    "und oder aber auf an am im zu zum zur vom mit bei für um nach aus über unter bis als dass sowie "
    "et ou mais du des à au aux pour par avec dans sur chez que y o pero del al por para con e ed ma di da dal nel su "
    "per alla en of op aan bij met voor naar do dos no na com и в на с по из от для к о".split()
)
"""Words that join others: no span begins or ends with one."""

_ARTICLES = frozenset(
    "the a an der die das dem den ein eine einen einem einer le la les un une il lo el los las het een".split()
)
_VERBS = frozenset("is are was were be will has have had ist sind war wird hat est sont è es son".split())
_TITLES = frozenset(
    "Mr Mrs Ms Dr Prof St Hr Fr No Nr Ltd Inc Co vs ca approx Jan Feb Mar Apr Aug Sep Sept Oct Nov Dec".split()
)
_COUNTS = frozenset(
    "one two three four five six seven eight nine ten eins zwei drei vier fünf sechs sieben acht".split()
)
_HIRAGANA = re.compile(r"[\u3040-\u309f]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN_LINKS = "的了在是和与及于为将由从到"
_ASIAN = r"[\u3005\u3400-\u9fff]+|[\u3040-\u309f]+|[\u30a0-\u30ff]+|[0-9０-９]+(?=[\u3040-\u9fff])"
_CHINESE = rf"[{_HAN_LINKS}]|[\u3400-\u9fff]+?(?=[{_HAN_LINKS}]|[^\u3400-\u9fff]|$)|[0-9０-９]+(?=[\u3040-\u9fff])"
_CHUNK = r"""[^\s\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+"""
_EDGES = """("'[{<*“”«»‚„‘…•–—-)]}>.,;:!?’"""
_HARD = re.compile(r"[;:!?。！？；\n]|\.(?:\s|$|[\"”'’)])|[•]|(?:^|\s)[*](?:\s)")
_SENTENCE_END = re.compile(r"(?<=[.!?;])[\"”'’)]*\s+|(?<=[。！？；])|\n+")
_COMMA = re.compile(
    r"\s*[,;:、，：()（）]\s+|[、，：（）]|(?<!\w)(?:and|und|et|y|e|or|oder)\s|\s[-–—]\s|と(?=[\u3400-\u9fff\u30a0-\u30ff])"
)
_INTRODUCTION = re.compile(r"^[^:：]*[:：](?!\d)")
_MARKS = re.compile(r"^[ \t]*(?:[-*•–+]|\d+[.)])[ \t]+", re.MULTILINE)

_EMPTY_LINE = re.compile(r"\n\s*\n")
_CELLS = re.compile(r"\S *(?:\t|\|) *\S")
_TABLE_HEAD = re.compile(r"^[ |:+-]*-{3}[ |:+-]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, without the marks around it.

    Attributes:
        text: the word.
        start: where it stands.
        gap: what stands between it and the next one, white space as one blank; None where a sentence ends there.
    """

    text: str
    start: int
    gap: str | None


def words(text: str) -> list[Word]:
    """Return the words of a text."""
    cores = [core for core in map(_core, _tokens(text)) if core[0]]
    starts = [start for _, start in cores[1:]] + [len(text)]
    return [
        Word(core, at, _gap(core, text[at + len(core) : end])) for (core, at), end in zip(cores, starts, strict=False)
    ]


def is_link(word: str, *, at_end: bool) -> bool:
    """Tell whether a word joins others, so that a span does not begin with it, or end."""
    if _HIRAGANA.match(word):
        return len(word) <= 2 or at_end
    lowered = word.lower()
    is_article = lowered in _ARTICLES and (at_end or word.islower())
    is_joining = lowered in _LINKS and (word.islower() or not at_end)  # Al and Ma are names too
    return is_article or is_joining or word in _HAN_LINKS or (at_end and lowered in _VERBS)


def is_count(word: str) -> bool:
    """Tell whether a word says how many."""
    return word[0].isdigit() or word.lower() in _COUNTS


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a title's point ends none."""
    parts: list[str] = []
    for part in _SENTENCE_END.split(text):
        if parts and (last := parts[-1].rsplit(None, 1)[-1:]) and _is_short(last[0].rstrip(".")) and last[0][-1] == ".":
            parts[-1] = f"{parts[-1]} {part}"
        elif part and part.strip():
            parts.append(part)
    return parts


def sentence_start(text: str, at: int) -> int:
    """Return where the sentence begins that holds a character."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, at)]
    return ends[-1] if ends else 0


def enumerated(text: str) -> list[str]:
    """Return the clauses of the first sentence that has three, without what a colon is behind."""
    cut = (
        [clause for clause in _COMMA.split(_INTRODUCTION.sub("", part)) if words(clause)] for part in sentences(text)
    )
    return next((found for found in cut if len(found) > 2), [])


def clauses(text: str) -> list[str]:
    """Return what stands between commas, brackets and words for "and", in each sentence."""
    return [clause for sentence in sentences(text) for clause in _COMMA.split(sentence) if clause and words(clause)]


def lines(text: str) -> list[str]:
    """Return the lines of a text, without the marks of a list before them."""
    return [line for line in _MARKS.sub("", text).splitlines() if words(line)]


def paragraph(text: str) -> str:
    """Return a text up to its first empty line."""
    return _EMPTY_LINE.split(text, maxsplit=1)[0]


def marked_rows(text: str) -> list[str]:
    """Return the rows of a list, each from one of its outermost marks to the next or an empty line; else of a table."""
    marks = list(_MARKS.finditer(text))
    least = min(map(_indent, marks), default=0)
    starts = [mark for mark in marks if _indent(mark) == least]
    ends = [mark.start() for mark in starts[1:]] + [len(text)]
    found = [paragraph(text[mark.end() : end]) for mark, end in zip(starts, ends, strict=False)]
    table = _TABLE_HEAD.split(text)[-1]
    return [part for part in found if words(part)] or [line for line in lines(table) if _CELLS.search(line)]


def _indent(mark: re.Match[str]) -> int:
    return len(mark.group()) - len(mark.group().lstrip())


def _tokens(text: str) -> Iterator[re.Match[str]]:
    asian = _ASIAN if _KANA.search(text) else _CHINESE
    return re.finditer(f"{asian}|{_CHUNK}", text)


def _core(token: re.Match[str]) -> tuple[str, int]:
    left = token.group().lstrip(_EDGES)
    return left.rstrip(_EDGES), token.end() - len(left)


def _gap(word: str, between: str) -> str | None:
    if between.strip() == "." and _is_short(word):
        return ". "
    return None if _HARD.search(between) else re.sub(r"\s+", " ", between)


def _is_short(word: str) -> bool:
    return word in _TITLES or (len(word) == 1 and word.isupper())
