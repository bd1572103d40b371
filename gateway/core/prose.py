"""What stands before the root value: words, fences, tags, and what a model thinks aloud (PROTOCOL.md §4, "Repairs").

1. Nothing inside what the model thinks aloud is taken for the root value.
2. A bracket in the middle of words opens the root value only where JSON follows it.
"""

import re

from gateway.core.grammar import START, VALUE
from gateway.core.remedies import LOOK_CHARS, QUOTES, WAIT, Remedy, Step

__all__ = ["BRACKET_TAG", "BRACKET_TAG_END", "MARK_CHARS", "THINKING", "root_remedy"]

MARK_CHARS = 32
"""No mark is longer: of an opening or closing tag, or of a fence with its language."""

THINKING = "thinking"
"""The kind of repair, by which the parser knows that what came before cannot be the answer."""

BRACKET_TAG = "THINK]"
BRACKET_TAG_END = re.compile(r"\[/THINK\]")
"""The one tag whose first character may be that of an array."""

_TAGS = "think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|seed:think"
_LANDMARK = re.compile(r"[{\[<`]")
_OPENING_TAG = re.compile(rf"<({_TAGS})>|\[(THINK\])|<\|channel\|>\s*(analysis)", re.IGNORECASE)
_CUT_TAGS = frozenset(
    tag[:chars]
    for tag in ("[think]", "<|channel|>analysis", *(f"<{name}>" for name in _TAGS.split("|")))
    for chars in range(1, len(tag))
)
_HARMONY_END = re.compile(r"<\|(?:end|start|channel)\|>(?:final)?")
_FENCE = re.compile(r"```+[ \t]*([\w+#.-]*)")
_FENCE_END = re.compile(r"```")
_JSON_LANGUAGES = frozenset({"", "json", "json5", "jsonc", "jsonl", "javascript", "js"})
_COMMENT = r"/[/*]|\#|<!--"
_ASIDE = rf"{_COMMENT}|…|\.\.\."
_NAME = "|".join(
    rf"{opening}(?:\\(?:.|\Z)|[^\\{closers[:2]}])*(?:[{closers[:2]}]|\Z)" for opening, closers in QUOTES.items()
)
_MEMBER = re.compile(
    rf"""\{{\s*(?:\}}|,|{_ASIDE}
    |(?P<quoted>{_NAME})\s*(?P<colon>[:=]|{_COMMENT})?
    |[\w$-]+(?:[ ][\w$-]+)*["']?\s*(?:[:=]|{_COMMENT}))""",
    re.DOTALL | re.VERBOSE,
)
_CUT_MARKS = frozenset({"", "/", "<", "<!", "<!-"})
_CUT_MEMBER = re.compile(r"\{\s*(?:/|<!?-?|\.{1,2}|[\w$-]+(?:[ ][\w$-]*)*[\"']?\s*(?:/|<!?-?)?)?")
_CUT_ITEM = re.compile(r"\[\s*(?:/|<!?-?|[-+.]*\w*\]?)\s*")
_ITEM = re.compile(
    rf"\[\s*(?:[\[{{\"'“‘„`´,\]]|[+-]?\.?\d|{_ASIDE}|[+-]?(?:true|false|null|none|undefined|nan|infinity)\b)",
    re.IGNORECASE,
)
_CHECKBOX = re.compile(
    r"\[ \][ \t]*\w|\[\][ \t]+\w|\[\d+\](?:\(|:|\s*[A-Za-z])"
)  # of a list of tasks; a footnote's mark


def root_remedy(text: str, position: int, openers: str, *, is_over: bool) -> Remedy:
    """Return where the root value opens, or what to skip before it.

    Args:
        text: the piece of text.
        position: where in it to look.
        openers: the brackets that may open the root value.
        is_over: no more text comes.
    """
    place = position
    while (landmark := _LANDMARK.search(text, place)) is not None:
        found = _at(text, landmark.start(), openers, is_over=is_over)
        if found is not None:
            skipped = landmark.start() - position
            return found if skipped == 0 else Remedy(Step.SKIP, skipped)
        place = landmark.end()
    return Remedy(Step.SKIP, len(text) - position)


def _at(text: str, place: int, openers: str, *, is_over: bool) -> Remedy | None:
    """Return the remedy for what begins here, None where it is a character like any other."""
    may_grow = not is_over and len(text) - place < MARK_CHARS
    character = text[place]
    tag = _OPENING_TAG.match(text, place)
    if tag is not None:
        return Remedy(Step.ASIDE, len(tag[0]), THINKING, _closing(tag))
    if character == "`":
        return _fence(text, place, may_grow=may_grow)
    if may_grow and text[place:].lower().rstrip() in _CUT_TAGS:
        return WAIT
    return _opening(text, place, is_over=is_over) if character in openers else None


def _closing(tag: "re.Match[str]") -> "re.Pattern[str]":
    if tag[1] is not None:
        return re.compile(re.escape(f"</{tag[1]}>"), re.IGNORECASE)
    return BRACKET_TAG_END if tag[2] is not None else _HARMONY_END


def _fence(text: str, place: int, *, may_grow: bool) -> Remedy | None:
    fence = _FENCE.match(text, place)
    if may_grow and (text[place:] in {"`", "``"} or (fence is not None and fence.end() == len(text))):
        return WAIT
    if fence is None:
        return None
    if fence[1].lower() in _JSON_LANGUAGES:
        return Remedy(Step.GO, len(fence[0]), "", START)
    return Remedy(Step.ASIDE, len(fence[0]), "", _FENCE_END)


def _opening(text: str, place: int, *, is_over: bool) -> Remedy | None:
    """Return the remedy for a bracket, which opens the root value only where JSON follows."""
    text = text[place : place + LOOK_CHARS]
    is_short = not is_over and len(text) < LOOK_CHARS
    opens = Remedy(Step.GO, 0, "", VALUE)
    if text[0] == "[":
        if is_short and _CUT_ITEM.fullmatch(text):
            return WAIT
        return opens if _ITEM.match(text) and not _CHECKBOX.match(text) else None
    member = _MEMBER.match(text)
    if member is None:
        return WAIT if is_short and _CUT_MEMBER.fullmatch(text) else None
    if member["quoted"] is None or member["colon"]:
        return opens
    if text[member.end() :] in _CUT_MARKS:
        return WAIT if is_short else opens
    return None
