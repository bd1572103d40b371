"""A schema and a text as one grammar: the walk over the schema."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from gateway.providers.verbatim import gbnf
from gateway.providers.verbatim.choices import Choices, Place, kind_in
from gateway.providers.verbatim.gbnf import Rules, any_of
from gateway.providers.verbatim.lists import in_order, members_in_order, repeated
from gateway.providers.verbatim.names import Kind, is_person
from gateway.providers.verbatim.parts import MOST, around, at_names, listed, rows, whole
from gateway.providers.verbatim.schemas import (
    Schema,
    alternatives,
    is_null,
    items_within,
    may_be_null,
    members_within,
    resolved,
    union_of,
)
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
        needed: which of them the list is to have.
        has_gaps: it may leave out some before others, or all.
    """

    items: list[str]
    needed: frozenset[int] = frozenset()
    has_gaps: bool = True


class _Walk:
    """One schema and one text."""

    def __init__(self, schema: Schema, text: str) -> None:
        self.rules = Rules()
        self._schema = schema
        self._text = text
        members = [(name, value) for name, member in members_within(schema) for value in self._values(member)]
        self._choices = Choices(self.rules, text, members)
        self._asking = Counter(kind_in(name, value) for name, value in members)
        self._references: dict[tuple[str, Place], str] = {}
        lists = [self._values(items) for items in items_within(schema)]
        self._objects = [one for values in lists for one in values if "properties" in one]
        self._lists = Counter(kind for one in self._objects for kind in self._own_kinds(one["properties"], text))

    def value(self, schema: Any, place: Place) -> str:
        """Return the rule's body for values of a schema."""
        match schema:
            case {"$ref": str(reference)}:
                return self._reference(reference, place)
            case {"const": constant}:
                return gbnf.written(constant)
            case {"enum": [_, *_] as choices}:
                return any_of(map(gbnf.written, choices))
            case dict():
                members = union_of(schema)
                return self._choice(members, place) if members else self._typed(schema, place)
            case _:
                return gbnf.ANY

    def _reference(self, reference: str, place: Place) -> str:
        """Return the name of the rule of what a reference names; it may name itself on the way."""
        if (reference, place) not in self._references:
            self._references[reference, place] = name = self.rules.reserve()
            self.rules.tell(name, self.value(resolved(self._schema, {"$ref": reference}), place))
        return self._references[reference, place]

    def _choice(self, members: list[Schema], place: Place) -> str:
        """Return the choice between schemas; null alone, where the text has nothing for the others."""
        if any(map(is_null, members)) and self._is_missing({"anyOf": members}, place):
            return gbnf.NULL
        if self._is_there(members, place):
            members = [member for member in members if not is_null(member)]
        return any_of(self.value(member, place) for member in members)

    def _is_there(self, members: list[Schema], place: Place) -> bool:
        """Tell whether an item's own part of the text has the address that no other member asks for."""
        kinds = self._own_kinds({place.name: {"anyOf": members}}, place.text)
        return place.text != self._text and any(self._asking[kind] == 1 for kind in kinds)

    def _values(self, schema: Any) -> list[Schema]:
        """Return what a value may be that is not null."""
        return [one for one in alternatives(self._schema, schema) if not is_null(one)]

    def _is_missing(self, schema: Any, place: Place) -> bool:
        values = self._values(schema)
        return bool(values) and all(self._choices.is_missing(value, place) for value in values)

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
            needed = frozenset() if {"minItems", "maxItems"} & schema.keys() else found.needed
            least = max(least, 0 if found.has_gaps or most == 0 else 1)
            bounds = (least, len(found.items) if most is None else most)
            return in_order(self.rules, found.items, bounds, needed=needed, has_gaps=found.has_gaps)
        item = self.rules.name(self.value(schema.get("items", True), place))
        return repeated(item, least=least, most=max(least, MOST if most is None else most))

    def _items(self, items: Any, place: Place) -> _Items:
        match self._values(items):
            case [{"const": _} | {"enum": _}]:
                return _Items([])
            case [{"type": "string"} as schema]:
                return self._texts(schema, place)
            case [{"type": "integer" | "number"} as schema]:
                return _Items([gbnf.written(number) for number in self._choices.numbers(schema, place)])
            case [{"properties": _} as schema]:
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
        in_clauses = enumerated(place.text)
        parts = in_clauses or rows(place.text, lambda _: True)
        return _Items(
            [self.rules.name(self._choices.string(schema, replace(place, text=part))) for part in parts],
            has_gaps=not in_clauses,
        )

    def _parts(self, schema: Schema, place: Place) -> _Items:
        """Return the parts of a text that objects are taken from."""
        required = self._required(schema)
        if kinds := self._own_kinds(required, place.text):
            return self._around(kinds, place)
        if found := self._listed(schema, place):
            return found
        kinds = self._own_kinds(schema["properties"], place.text)
        if any(is_person(key, place.name) for key in required) and (parts := at_names(place.text)):
            single = [kind for kind in kinds if self._lists[kind] == 1]
            needed = frozenset(at for at, part in enumerate(parts) if any(kind.found(part) for kind in single))
            return _Items(parts, needed=needed, has_gaps=bool(kinds))
        if kinds:
            return self._around(kinds, place)
        needs = {key: member for key, member in required.items() if self._lacks({key: member}, "")}
        return _Items(rows(place.text, lambda part: not self._lacks(needs, part)), has_gaps=not needs)

    def _around(self, kinds: list[Kind], place: Place) -> _Items:
        parts = around(place.text, kinds[0].found(place.text))
        is_whole = any(self._lists[kind] == 1 for kind in kinds)
        return _Items(parts, needed=frozenset(range(len(parts))) if is_whole else frozenset())

    def _listed(self, schema: Schema, place: Place) -> _Items | None:
        """Return the rows of a text that is a list, each of which is an item unless it may be another list's."""
        is_sure = self._is_sure(schema)
        parts = listed(place.text, has_marks=not is_sure)
        found = list(islice((part for part in parts if self._is_row(schema, place, part)), MOST))
        rivals = [other for other in self._objects if self._is_sure(other) or not is_sure]
        needed = {at for at, part in enumerate(found) if self._takers(rivals, part) == 1}
        return _Items(found, needed=frozenset(needed)) if len(found) > 1 else None

    def _takers(self, lists: list[Schema], part: str) -> int:
        """Return of how many lists a row may be an item."""
        return sum(self._is_row(schema, Place("", "", ""), part) for schema in lists)

    def _is_sure(self, schema: Schema) -> bool:
        """Tell whether every object has something that a line of prose seldom has: a number, a date, a reference."""
        required = self._required(schema).items()
        return any(self._promises(key, member) or self._lacks({key: member}, "") for key, member in required)

    def _is_row(self, schema: Schema, place: Place, part: str) -> bool:
        """Tell whether a part of a text has whatever can be recognised of the members that may not be null."""
        required = self._required(schema)
        is_sure = self._is_sure(schema)
        return not self._lacks(required, part) and all(
            self._choices.has_string(value, Place(key, place.name, part), may_be_short=is_sure)
            for key, member in required.items()
            for value in self._values(member)
        )

    def _required(self, schema: Schema) -> dict[str, Any]:
        """Return the members that an object has to have, and that may not be null."""
        members = {key: schema["properties"].get(key) for key in schema.get("required", [])}
        return {key: one for key, one in members.items() if not may_be_null(alternatives(self._schema, one))}

    def _lacks(self, members: dict[str, Any], part: str) -> bool:
        """Tell whether a part of the text has nothing for one of some members."""
        return any(self._is_missing(member, Place(key, "", part)) for key, member in members.items())

    def _promises(self, name: str, member: Any) -> list[Kind]:
        """Return what a member's strings promise."""
        kinds = (kind_in(name, value) for value in self._values(member))
        return [kind for kind in kinds if kind is not None]

    def _own_kinds(self, members: Mapping[str, Any], text: str) -> list[Kind]:
        """Return the kinds of address in a text of which no two objects with these members share one."""
        kinds = [kind for key, member in members.items() for kind in self._promises(key, member)]
        return [kind for kind in kinds if kind.is_own and kind.found(text)]
