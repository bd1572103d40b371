"""A schema and a text as one grammar: the walk over the schema."""

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from gateway.providers.verbatim import gbnf
from gateway.providers.verbatim.choices import Choices, Place, kinds_of
from gateway.providers.verbatim.gbnf import Rules, any_of
from gateway.providers.verbatim.lists import in_order, members_in_order, repeated
from gateway.providers.verbatim.names import Kind, is_person
from gateway.providers.verbatim.parts import MOST, around, at_names, rows, whole
from gateway.providers.verbatim.schemas import Schema, items_within, members_within
from gateway.providers.verbatim.words import enumerated

__all__ = ["grammar"]

_SENTENCES = re.compile(r"agreed|decision|step|action|question|task|note|point|fact|beschl|aufgabe|sentence")


def grammar(schema: Schema, text: str) -> str:
    """Return llama.cpp's grammar for values of a provider's schema that say what `text` says."""
    walk = _Walk(schema, text)
    return walk.rules.text(walk.value(schema, Place("", "", text)))


@dataclass(frozen=True, slots=True)
class _Items:
    """What the items of a list are taken from.

    Attributes:
        items: the parts of the text, or the rule of each item.
        is_whole: the list is to have all of them.
        has_gaps: it may leave out some before others, or all.
    """

    items: list[str]
    is_whole: bool = False
    has_gaps: bool = True


def _without(schema: dict[str, Any], *keywords: str) -> dict[str, Any]:
    return {keyword: held for keyword, held in schema.items() if keyword not in keywords}


class _Walk:
    """One schema and one text."""

    def __init__(self, schema: Schema, text: str) -> None:
        self.rules = Rules()
        self._schema = schema
        self._choices = Choices(self.rules, text, members_within(schema))
        self._references: dict[tuple[str, Place], str] = {}
        self._lists = Counter(kind for items in items_within(schema) for kind in self._own_kinds(items, text))

    def value(self, schema: Any, place: Place) -> str:  # noqa: PLR0911 - one for each form of schema
        """Return the rule's body for values of a schema."""
        match schema:
            case {"$ref": str(reference)}:
                return self._reference(reference, place)
            case {"const": constant}:
                return gbnf.written(constant)
            case {"enum": [_, *_] as choices}:
                return any_of(map(gbnf.written, choices))
            case {"anyOf": [_, *_] as members} | {"oneOf": [_, *_] as members}:
                rest = _without(schema, "anyOf", "oneOf")
                return self._choice([rest | member for member in members if isinstance(member, dict)], place)
            case {"allOf": [dict() as member]}:
                return self.value(_without(schema, "allOf") | member, place)
            case {"type": [_, *_] as types}:
                return self._choice([schema | {"type": one} for one in types], place)
            case dict():
                return self._typed(schema, place)
            case _:
                return gbnf.ANY

    def _reference(self, reference: str, place: Place) -> str:
        """Return the name of the rule of what a reference names; it may name itself on the way."""
        if (reference, place) not in self._references:
            self._references[reference, place] = name = self.rules.reserve()
            self.rules.tell(name, self.value(self._resolved({"$ref": reference}), place))
        return self._references[reference, place]

    def _resolved(self, schema: Any) -> Any:
        """Return what a schema refers to, or itself; True, which is any value, where there is no such thing."""
        if not isinstance(schema, dict) or "$ref" not in schema:
            return schema
        name = schema["$ref"].removeprefix("#/$defs/")
        return self._schema if name == "#" else self._schema.get("$defs", {}).get(name, True)

    def _choice(self, members: list[dict[str, Any]], place: Place) -> str:
        """Return the choice between schemas; null alone, where the text has nothing for the others."""
        values = [member for member in members if member.get("type") != "null"]
        if values and len(values) < len(members) and all(self._is_missing(member, place) for member in values):
            return gbnf.NULL
        return any_of(self.value(member, place) for member in members)

    def _is_missing(self, schema: Any, place: Place) -> bool:
        resolved = self._resolved(schema)
        return isinstance(resolved, dict) and self._choices.is_missing(resolved, place)

    def _typed(self, schema: dict[str, Any], place: Place) -> str:  # noqa: PLR0911 - one for each type
        match schema.get("type"):
            case "string":
                return self._choices.string(schema, place)
            case "integer" | "number":
                return self._choices.number(schema, place)
            case "boolean":
                return gbnf.BOOLEAN
            case "null":
                return gbnf.NULL
            case "array":
                return self._array(schema, place)
            case "object" | None if schema.keys() & {"properties", "additionalProperties"}:
                return self._object(schema, place)
            case _:
                return gbnf.ANY_OBJECT if schema.get("type") == "object" else gbnf.ANY

    def _object(self, schema: dict[str, Any], place: Place) -> str:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not properties:
            return gbnf.members(gbnf.characters(1, 40), self.value(schema.get("additionalProperties", True), place))
        members = []
        for key, member in properties.items():
            inner = Place(key, place.name, place.text)
            if key in required or not self._is_missing(member, inner):
                label = gbnf.quoted(f"{json.dumps(key, ensure_ascii=False)}: ")
                members.append((f"{label} {self.value(member, inner)}", key in required))
        return members_in_order(self.rules, members)

    def _array(self, schema: dict[str, Any], place: Place) -> str:
        if members := schema.get("prefixItems"):
            return gbnf.array([self.value(member, place) for member in members])
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        found = self._items(schema.get("items", True), place)
        if found.items and least <= len(found.items):
            is_whole = found.is_whole and not {"minItems", "maxItems"} & schema.keys()
            least = len(found.items) if is_whole else max(least, 0 if found.has_gaps or most == 0 else 1)
            return in_order(self.rules, found.items, least=least, most=most, has_gaps=found.has_gaps)
        item = self.rules.name(self.value(schema.get("items", True), place))
        return repeated(item, least=least, most=max(least, MOST if most is None else most))

    def _items(self, items: Any, place: Place) -> _Items:
        match self._resolved(items):
            case {"const": _} | {"enum": _}:
                return _Items([])
            case {"type": "string"} as schema:
                return self._texts(schema, place)
            case {"type": "integer" | "number"} as schema:
                return _Items([gbnf.written(number) for number in self._choices.numbers(schema, place)])
            case {"properties": _} as schema:
                parts = self._parts(schema, place)
                bodies = [self.rules.name(self.value(items, replace(place, text=part))) for part in parts.items]
                return replace(parts, items=bodies)
            case _:
                return _Items([])

    def _texts(self, schema: Any, place: Place) -> _Items:
        if found := self._choices.strings(schema, place)[:MOST]:
            return _Items([gbnf.written(text) for text in found], has_gaps=False)
        if _SENTENCES.search(place.name.lower()):
            found = whole(place.text)
            asked = [part for part in found if part[-1:] in ("?", "？")] if "question" in place.name.lower() else []
            return _Items([gbnf.written(part) for part in asked or found], has_gaps=not asked)
        listed = enumerated(place.text)
        parts = listed or rows(place.text, lambda _: True)
        return _Items(
            [self.rules.name(self._choices.string(schema, replace(place, text=part))) for part in parts],
            has_gaps=not listed,
        )

    def _parts(self, schema: Any, place: Place) -> _Items:
        """Return the parts of a text that objects are taken from."""
        if kinds := self._own_kinds(schema, place.text):
            is_whole = any(self._lists[kind] == 1 for kind in kinds)
            return _Items(around(place.text, kinds[0].found(place.text)), is_whole=is_whole)
        required = {key: self._resolved(schema["properties"].get(key)) for key in schema.get("required", [])}
        if any(is_person(key, place.name) for key in required) and (parts := at_names(place.text)):
            return _Items(parts, has_gaps=False)
        needs = {key: member for key, member in required.items() if self._lacks({key: member}, "")}
        return _Items(rows(place.text, lambda part: not self._lacks(needs, part)), has_gaps=not needs)

    def _lacks(self, members: dict[str, Any], part: str) -> bool:
        """Tell whether a part of the text has nothing for a member that may not be null."""
        return any(self._is_missing(member, Place(key, "", part)) for key, member in members.items())

    def _own_kinds(self, items: Any, text: str) -> list[Kind]:
        """Return the kinds of address in a text that every object of a schema has to carry one of its own of."""
        schema = self._resolved(items)
        if not isinstance(schema, dict):
            return []
        members = [(key, schema.get("properties", {}).get(key)) for key in schema.get("required", [])]
        kinds = [kind for key, member in members for kind in self._kinds(key, member)]
        return [kind for kind in kinds if kind.is_own and kind.found(text)]

    def _kinds(self, name: str, member: Any) -> list[Kind]:
        schema = self._resolved(member)
        return kinds_of(name, schema) if isinstance(schema, dict) and "anyOf" not in schema else []
