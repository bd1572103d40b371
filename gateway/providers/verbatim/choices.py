"""What a text offers for one string or number of a schema, as rules of a grammar."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.providers.verbatim import gbnf
from gateway.providers.verbatim.gbnf import Rules, any_of
from gateway.providers.verbatim.names import (
    Kind,
    dated,
    distinct,
    each,
    is_part,
    is_person,
    is_place,
    kind_of,
    persons,
    places,
)
from gateway.providers.verbatim.numbers import Number, numbers
from gateway.providers.verbatim.schemas import Schema, types_of
from gateway.providers.verbatim.spans import spans

__all__ = ["Choices", "Place", "kind_in"]

_MONEY = re.compile(r"price|cost|fee|amount|total|budget|refund|salary|preis|betrag|kosten|summe|gebühr|prix|precio")
_COUNT = re.compile(r"quantity|count|pieces|anzahl|menge|number_of|cantidad|seats|people")
_LONG = re.compile(r"address|adresse|street|location|venue|summary|description|beschreibung")
_SPAN_CHARS = 60  # a string that has to be shorter is not taken from the text
_RANGE = 20  # integers between two bounds that are offered one by one
_FORMATS = {
    "date": r'"\"" [12] [0-9]{3} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8]) "\""',
    "time": r'"\"" ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":00Z\""',
}
_FORMATS["date-time"] = f"{_FORMATS['date']} {_FORMATS['time']}".replace(r'"\"" "\""', '"T"')
_UNKNOWN_YEAR = '" [12] [0-9]{3} "'


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a value something is written.

    Attributes:
        name: of the member.
        parent: the name of the member that holds it.
        text: the part of the text that it is taken from.
    """

    name: str
    parent: str
    text: str


class Choices:
    """One text, and what its strings and numbers may be for a schema with these members."""

    def __init__(self, rules: Rules, text: str, members: Iterable[tuple[str, Schema]]) -> None:
        """Take where rules are told, the text, and each alternative of every member that the schema declares."""
        declared = list(members)
        kinds = [kind for name, member in declared if (kind := kind_in(name, member)) is not None]
        self._rules = rules
        self._text = text
        self._whole: dict[tuple[str, str, str | None], list[str]] = {}
        self._taken = each(kind for kind in kinds if kind.is_sure)
        self._has_persons = any(is_person(name, name) for name, _ in declared)
        self._has_numbers = any({"integer", "number"} & types_of(member) for _, member in declared)

    def is_missing(self, schema: Schema, place: Place) -> bool:
        """Tell whether the text certainly has nothing for an alternative in a place."""
        if {"const", "enum"} & schema.keys():
            return False
        if types_of(schema) & {"integer", "number"}:
            return not self.numbers(schema, place)
        kind = kind_in(place.name, schema)
        return kind is not None and kind.is_sure and not kind.found(place.text)

    def string(self, schema: Schema, place: Place) -> str:
        """Return the rule's body for a string."""
        least, most = schema.get("minLength", 0), schema.get("maxLength", gbnf.STRING_CHARS)
        found = self.strings(schema, place) or self.strings(schema, replace(place, text=self._text))
        if fitting := [text for text in found if least <= len(text) <= most]:
            return any_of(gbnf.written(text).replace("????", _UNKNOWN_YEAR) for text in fitting)
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if least > 1 or most < _SPAN_CHARS:
            return gbnf.characters(least, most)
        return self._spans(place) or self._spans(replace(place, text=self._text)) or gbnf.characters(least)

    def strings(self, schema: Schema, place: Place) -> list[str]:
        """Return what a member's format or name promises, as the text has it; nothing where it promises nothing."""
        if (kind := kind_of(place.name, schema)) is not None:
            return each(kind.found(place.text))
        if is_person(place.name, place.parent):
            return [name for _, name in distinct(persons(place.text))]
        return places(place.name, place.text) if is_place(place.name) else []

    def has_string(self, schema: Schema, place: Place, *, may_be_short: bool) -> bool:
        """Tell whether a part of the text has what a member promises, if the text has; Ann is Ann Lee's short form."""
        promised = self._promised(schema, place) if is_free_string(schema) else []
        found = self.strings(schema, place) if promised else []
        return not promised or any(may_be_short or not is_part(one, promised) for one in found)

    def _promised(self, schema: Schema, place: Place) -> list[str]:
        """Return `strings` of the whole text, read once for every row of it."""
        key = (place.name, place.parent, schema.get("format"))
        if key not in self._whole:
            self._whole[key] = self.strings(schema, replace(place, text=self._text))
        return self._whole[key]

    def number(self, schema: Schema, place: Place) -> str:
        """Return the rule's body for a number."""
        if found := self.numbers(schema, place) or self.numbers(schema, replace(place, text=self._text)):
            return any_of(map(gbnf.written, found))
        least, most = schema.get("minimum"), schema.get("maximum")
        if schema["type"] == "number":
            return gbnf.number(is_signed=least is None or least < 0)
        if least is not None and most is not None and 0 <= most - least <= _RANGE:
            return any_of(map(gbnf.written, range(int(least), int(most) + 1)))
        return gbnf.integer(is_signed=least is None or least < 0)

    def numbers(self, schema: Schema, place: Place) -> list[float]:
        """Return the numbers that a member can be: of dates none, of money alone where its name asks for that."""
        skipped = [re.escape(words) for words in dated(place.text)]
        text = re.sub("|".join(skipped), lambda match: " " * len(match.group()), place.text) if skipped else place.text
        found = [number for number in numbers(text) if _fits(number.value, schema)]
        return each(number.value for number in _asked_for(place.name.lower(), found))

    def _spans(self, place: Place) -> str | None:
        is_long = _LONG.search(place.name.lower()) is not None
        has_names = is_long or not (self._has_persons and is_person("name", place.parent))
        rest = self._rest(place.text, has_names=has_names)
        return spans(self._rules, rest, has_commas=is_long, has_numbers=is_long or not self._has_numbers)

    def _rest(self, text: str, *, has_names: bool) -> str:
        """Return a text broken where something stands that is another member's."""
        taken = [words for kind in self._taken for words in kind.texts(text)]
        if not has_names:
            taken += [name for _, name in persons(text) if " " in name]
        if self._has_numbers:
            taken += [text[number.start : number.end] for number in numbers(text) if number.is_money]
        return re.sub("|".join(map(re.escape, taken)), "\n", text) if taken else text


def is_free_string(schema: Schema) -> bool:
    """Tell whether an alternative is a string that may be any."""
    return "string" in types_of(schema) and not {"const", "enum"} & schema.keys()


def kind_in(name: str, schema: Schema) -> Kind | None:
    """Return what a member's strings promise, where an alternative is a string that may be any."""
    return kind_of(name, schema) if is_free_string(schema) else None


def _asked_for(name: str, found: list[Number]) -> list[Number]:
    """Return the amounts of money, or what is none, where a member's name asks for that and the text has it."""
    if _MONEY.search(name):
        return [number for number in found if number.is_money] or found
    if _COUNT.search(name):
        return [number for number in found if not number.is_money and isinstance(number.value, int)] or found
    return found


def _fits(number: float, schema: Schema) -> bool:
    above = number >= schema.get("minimum", number) and number > schema.get("exclusiveMinimum", number - 1)
    below = number <= schema.get("maximum", number) and number < schema.get("exclusiveMaximum", number + 1)
    return bool(above and below) and ("integer" not in types_of(schema) or isinstance(number, int))
