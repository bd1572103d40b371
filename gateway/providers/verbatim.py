"""A schema narrowed to what one text says, for models too small to copy a line without inventing.

Each rule only narrows, and the model still chooses; the value is validated against the schema as it was declared.

1. A string whose member is named after an address, a handle, a link, a phone number or a date is one of those that
   stand in the text, where there are any; so is a number.
2. Any other free string is at most `_SPAN_WORDS` words in a row from one sentence of the text, without what rule 1
   found for another member.
3. A list whose items have to carry an e-mail address, a handle, a link or a phone number has at most as many items as
   the text has of these, and where it is the only such list as many; any other list at most `_LIST_ITEMS`.
4. The name of somebody who has to have an address is a run of capitalised words, where there are any.
5. Enumerations, constants and formats stay; patterns go: a llama.cpp grammar cannot hold all of them.
"""

import re
from collections import Counter
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
_FREE = {"$ref": f"#/$defs/{_SPANS}"}
_CHOSEN = frozenset({"const", "enum"})
_LENGTHS = frozenset({"minLength", "maxLength"})  # a span would not keep them

_WORD = re.compile(r"""([("'\[{<*“«-]*)(.*?)([)\]}>"',.;:!?*”’»-]*)""")
_SENTENCE_ENDS = ".;:!?"
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d|st|nd|rd|th)")

_NAME = re.compile(r"(?:^|_)name$")
_CAPITAL = r"(?:[dDlLO]['’])?[A-ZÀ-ÖØ-Þ][\w'’.-]*\w"
_PARTICLES = r"(?:(?:van|von|der|den|de|la|le|du|di|da|del|bin|al|el|y)[ ]){0,2}"
_CAPITALISED = re.compile(rf"{_CAPITAL}(?:[ ]{_PARTICLES}{_CAPITAL}){{0,3}}")

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
        rest = _without([self._found[kind] for kind in kinds], text)
        self.spans = _spans(rest)
        self._names = _names(rest, max([len(self._found[kind]) for kind in kinds if kind.is_own], default=0))
        self._lists = Counter(kind for items in _items(schema) for kind in self._own_kinds(self._resolved(items)))
        self._numbers = _each(_number(match) for match in _NUMBER.findall(text))

    def narrow(self, schema: _Schema, name: str) -> _Schema:
        """Return a schema of the member `name`, narrowed."""
        written = {keyword: held for keyword, held in schema.items() if keyword != "pattern"}
        if "$defs" in written:
            written["$defs"] = {key: self._any(member, key) for key, member in written["$defs"].items()}
        if "properties" in written:
            written["properties"] = self._properties(schema)
        for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
            if keyword in written:
                written[keyword] = [self._any(member, name) for member in written[keyword]]
        if "items" in written:
            written["items"] = self._any(written["items"], name)
        return self._typed(written, name)

    def _properties(self, schema: _Schema) -> dict[str, Any]:
        members = {key: self._any(member, key) for key, member in schema["properties"].items()}
        if self._names and self._own_kinds(schema):
            names = [key for key in members if _NAME.search(key.lower()) and members[key] == _FREE]
            members |= {key: {"type": "string", "enum": self._names} for key in names}
        return members

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
                return self._array(schema)
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
        return _FREE

    def _number(self, schema: _Schema) -> _Schema:
        fitting = [number for number in self._numbers if _fits(number, schema)]
        return {**schema, "enum": fitting} if fitting and not _CHOSEN & schema.keys() else schema

    def _array(self, schema: _Schema) -> _Schema:
        kinds = self._own_kinds(self._resolved(schema.get("items")))
        found = min([len(self._found[kind]) for kind in kinds], default=0)
        is_only_one = any(self._lists[kind] == 1 for kind in kinds)
        least = schema.get("minItems", min(found, _LIST_ITEMS) if is_only_one else 0)
        most = min(found or _LIST_ITEMS, schema.get("maxItems", _LIST_ITEMS))
        if "maxItems" in schema and "minItems" not in schema:
            least = min(least, most)
        return {**schema, "minItems": least, "maxItems": max(most, least)}

    def _own_kinds(self, schema: _Schema) -> list[_Kind]:
        """Return the kinds of address in the text that every object of a schema has to carry one of its own of."""
        members = schema.get("properties", {}).items()
        required = schema.get("required", [])
        kinds = [_kind(key, self._resolved(member)) for key, member in members if key in required]
        return [kind for kind in kinds if kind is not None and kind.is_own and self._found[kind]]

    def _resolved(self, schema: Any) -> _Schema:
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref", "")
        return self._definitions.get(reference.removeprefix("#/$defs/"), {}) if reference else schema


def _names(text: str, count: int) -> list[str]:
    """Return the runs of capitalised words; those of several words alone, where there are as many as are asked for."""
    runs = _each(_CAPITALISED.findall(text))
    full = [run for run in runs if " " in run]
    return full if len(full) >= count else runs


def _members(schema: Any) -> Iterator[tuple[str, _Schema]]:
    """Yield every member that a schema declares, at any depth, with its name."""
    parts = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    if isinstance(schema, Mapping) and isinstance(properties := schema.get("properties"), Mapping):
        yield from ((name, member) for name, member in properties.items() if isinstance(member, dict))
    for part in parts:
        yield from _members(part)


def _items(schema: Any) -> Iterator[Any]:
    """Yield what every list that a schema declares has for items, at any depth."""
    parts = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    if isinstance(schema, Mapping) and "items" in schema:
        yield schema["items"]
    for part in parts:
        yield from _items(part)


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
