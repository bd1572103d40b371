"""A schema narrowed to what one text says, for models too small to copy a line without inventing.

Each rule only narrows, and the model still chooses; the value is validated against the schema as it was declared.

1. A string whose member is named after an address, a handle, a link, a phone number or a date is one of those that
   stand in the text, where there are any; so is a number.
2. Any other free string is at most `_SPAN_WORDS` words in a row from one sentence of the text, without what rule 1
   found for another member.
3. A list whose items have to carry an e-mail address, a handle, a link or a phone number has at most as many items as
   the text has of these; any other list at most `_LIST_ITEMS`.
4. Enumerations, constants and formats stay; patterns go: a llama.cpp grammar cannot hold all of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["narrowed"]

_Schema: TypeAlias = dict[str, Any]

_SPAN_WORDS = 6
_LIST_ITEMS = 24
_MAX_WORDS = 600  # beyond that the grammar of spans takes longer to read than the text
_MAX_WORD_CHARS = 60  # longer ones: a script that does not part words by spaces
_STRING_CHARS = 300  # where spans do not apply, so that a loop ends

_SPANS = "verbatim"
_CHOSEN = frozenset({"const", "enum"})
_LENGTHS = frozenset({"minLength", "maxLength"})  # a span would not keep them

_WORD = re.compile(r"""([("'\[{<*“«-]*)(.*?)([)\]}>"',.;:!?*”’»-]*)""")
_SENTENCE_ENDS = ".;:!?"
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d|st|nd|rd|th)")

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DATE = (
    rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|\d{{1,2}}(?:st|nd|rd|th|\.)? (?:of )?{_MONTH}(?:,? \d{{4}})?"
    r"|\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a member's name, or its format, says of its strings.

    Attributes:
        names: of members, in lower case.
        form: what it looks like in a text.
        is_own: no two items of a list are expected to share one.
    """

    names: re.Pattern[str]
    form: re.Pattern[str]
    is_own: bool = True


_KINDS = (
    _Kind(re.compile(r"e.?mail"), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    _Kind(re.compile(r"twitter|handle|username|mastodon"), re.compile(r"(?<![\w.])@\w+")),
    _Kind(re.compile(r"ur[il]$|website|homepage|link"), re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]*[\w/]")),
    _Kind(re.compile(r"phone|mobile|fax"), re.compile(r"(?<!\w)[+(]?\d[\d ()/-]{5,}\d")),
    _Kind(re.compile(r"date|deadline|(?:^|_)(?:day|due|when)(?:_|$)"), re.compile(_DATE), is_own=False),
)


def narrowed(schema: Mapping[str, Any], text: str) -> _Schema:
    """Return a provider's schema narrowed to what `text` says; the one given stays as it is."""
    narrowing = _Narrowing(text, schema)
    asked = narrowing.narrow(dict(schema), "")
    if narrowing.spans is not None:
        asked["$defs"] = {**asked.get("$defs", {}), _SPANS: {"type": "string", "pattern": narrowing.spans}}
    return asked


class _Narrowing:
    """One text's words, addresses and numbers, and how they narrow a schema."""

    def __init__(self, text: str, schema: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, _Schema] = schema.get("$defs", {})
        kinds = {kind for name, member in _members(schema) if (kind := _kind(name, member)) is not None}
        self._found = {kind: _each(kind.form.findall(text)) for kind in _KINDS}
        self.spans = _spans(_without([self._found[kind] for kind in kinds if kind.is_own], text))
        self._numbers = _each(_number(match) for match in _NUMBER.findall(text))

    def narrow(self, schema: _Schema, name: str) -> _Schema:
        """Return a schema of the member `name`, narrowed."""
        written = {keyword: held for keyword, held in schema.items() if keyword != "pattern"}
        for keyword in ("properties", "$defs"):
            if keyword in written:
                written[keyword] = {key: self._any(member, key) for key, member in written[keyword].items()}
        for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
            if keyword in written:
                written[keyword] = [self._any(member, name) for member in written[keyword]]
        if "items" in written:
            written["items"] = self._any(written["items"], name)
        return self._typed(written, name)

    def _any(self, schema: Any, name: str) -> Any:
        return self.narrow(schema, name) if isinstance(schema, dict) else schema

    def _typed(self, schema: _Schema, name: str) -> _Schema:
        match schema.get("type"):
            case [*types]:
                rest = {keyword: held for keyword, held in schema.items() if keyword != "type"}
                return {"anyOf": [self._typed({**rest, "type": one}, name) for one in types]}
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return self._number(schema)
            case "array":
                most = min(self._max_items(schema), schema.get("maxItems", _LIST_ITEMS))
                return {**schema, "maxItems": max(most, schema.get("minItems", 0))}
            case _:
                return schema

    def _string(self, schema: _Schema, name: str) -> _Schema:
        if _CHOSEN & schema.keys():
            return schema
        kind = _kind(name, schema)
        if kind is not None and self._found[kind]:
            return {"type": "string", "enum": self._found[kind]}
        if "format" in schema:
            return schema
        if self.spans is None or _LENGTHS & schema.keys():
            return {"maxLength": _STRING_CHARS, **schema}
        return {"$ref": f"#/$defs/{_SPANS}"}

    def _number(self, schema: _Schema) -> _Schema:
        fitting = [number for number in self._numbers if _fits(number, schema)]
        return {**schema, "enum": fitting} if fitting and not _CHOSEN & schema.keys() else schema

    def _max_items(self, schema: _Schema) -> int:
        item = self._resolved(schema.get("items"))
        required = item.get("required", [])
        members = {key: self._resolved(member) for key, member in item.get("properties", {}).items()}
        kinds = [_kind(key, member) for key, member in members.items() if key in required]
        counts = [len(self._found[kind]) for kind in kinds if kind is not None and kind.is_own]
        return min([count for count in counts if count] or [_LIST_ITEMS])

    def _resolved(self, schema: Any) -> _Schema:
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref", "")
        return self._definitions.get(reference.removeprefix("#/$defs/"), {}) if reference else schema


def _members(schema: Any) -> Iterator[tuple[str, _Schema]]:
    """Yield every member that a schema declares, at any depth, with its name."""
    parts = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    if isinstance(schema, Mapping) and isinstance(properties := schema.get("properties"), Mapping):
        yield from ((name, member) for name, member in properties.items() if isinstance(member, dict))
    for part in parts:
        yield from _members(part)


def _without(found: list[list[str]], text: str) -> str:
    """Return the text broken where something was found."""
    taken = [re.escape(words) for each in found for words in each]
    return re.sub("|".join(taken), "\n", text) if taken else text


def _kind(name: str, schema: _Schema) -> _Kind | None:
    """Return what kind of string a member's format or name promises; a member that may be null promises none."""
    if "anyOf" in schema or ("format" in schema and schema["format"] not in ("email", "uri")):
        return None
    words = schema.get("format", name).lower()
    return next((kind for kind in _KINDS if kind.names.search(words)), None)


def _fits(number: float, schema: _Schema) -> bool:
    above = number >= schema.get("minimum", number) and number > schema.get("exclusiveMinimum", number - 1)
    below = number <= schema.get("maximum", number) and number < schema.get("exclusiveMaximum", number + 1)
    return bool(above and below) and (schema["type"] == "number" or isinstance(number, int))


def _number(written: str) -> float:
    number = float(written.replace(",", ""))
    return int(number) if number.is_integer() else number


def _each(found: Any) -> list[Any]:
    """Return what was found in its order, each once."""
    return list(dict.fromkeys(found))


def _spans(text: str) -> str | None:
    """Return the pattern of `_SPAN_WORDS` words in a row, or None where it would be too much or means nothing."""
    words = text.split()
    if not 0 < len(words) <= _MAX_WORDS or max(map(len, words)) > _MAX_WORD_CHARS:
        return None
    starts = _each(start for line in text.splitlines() for start in _starts(line))
    return f"^({'|'.join(starts)})$" if starts else None


def _starts(line: str) -> Iterator[str]:
    """Yield, for each word of a line, the pattern of the spans that begin there."""
    words = [match.groups() for match in map(_WORD.fullmatch, line.split()) if match is not None]
    for start in range(len(words)):
        pattern = ""
        for at in range(min(_end(words, start), start + _SPAN_WORDS) - 1, start - 1, -1):
            before = "" if at == start else f"{words[at - 1][2]} {words[at][0]}"
            pattern = _escaped(before + words[at][1]) + (f"({pattern})?" if pattern else "")
        if words[start][1]:
            yield pattern


def _end(words: list[tuple[str | Any, ...]], start: int) -> int:
    """Return where the sentence that holds a word ends."""
    ends = (at + 1 for at in range(start, len(words)) if words[at][2][-1:] and words[at][2][-1] in _SENTENCE_ENDS)
    return next(ends, len(words))


def _escaped(words: str) -> str:
    """Return a pattern for the words themselves; llama.cpp reads fewer escapes than `re` writes."""
    return re.sub(r'[\\.\[\](){}*+?|^$/"-]', r"\\\g<0>", words)
