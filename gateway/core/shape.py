"""What a schema says about one place of a value while it is written (PROTOCOL.md §4, "Partial value").

1. A skeleton holds every declared member: its default, an empty list, a nested skeleton, else null.
2. Nothing is guessed where a union leaves a choice; a recursive reference stops at null.
3. Whatever is asked, a shape answers: unknown places are `ANY`.
4. Shapes are shared: a schema has finitely many, however deep values nest, and they keep nothing of a value.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from gateway.core.candidates import (
    ANYTHING,
    Candidate,
    candidates_of,
    conjunction,
    declared_default,
    types_of,
    value_types,
)
from gateway.core.discriminators import Discriminator, discriminator_of
from gateway.core.members import (
    declared_keys,
    is_open,
    is_required,
    is_restricted_string,
    item_schemas,
    member_schemas,
    other_schemas,
    prefix_count,
)
from gateway.core.policies import KEYWORD, policy_of, wishes_in
from gateway.core.values import JsonObject, JsonValue

__all__ = ["ANY", "Shape"]

_SKELETON_CHARS = 65_536  # of one skeleton, as JSON: references that double would make it exponential
_SKELETON_DEPTH = 32
_REDACTED: JsonValue = {KEYWORD: {"redact": True}}  # of items behind the declared ones, where anything is redacted
_CONTAINERS = frozenset({dict, list})

_Key: TypeAlias = tuple[object, ...]


class _Schema:
    """The whole schema: what references resolve against, and the shapes made so far."""

    __slots__ = ("has_drops", "has_marks", "has_policies", "has_redactions", "root", "shapes")

    def __init__(self, root: JsonValue) -> None:
        self.root = root
        wishes = wishes_in(root)
        self.has_policies = bool(wishes)
        self.has_redactions = ("redact", True) in wishes
        self.has_drops = ("on_invalid", "drop") in wishes
        self.has_marks = ("on_invalid", "mark") in wishes
        self.shapes: dict[_Key, Shape] = {}

    def shape(self, candidates: tuple[Candidate, ...], default: list[JsonValue]) -> "Shape":
        key = (*(candidate.identity for candidate in candidates), *map(id, default), len(default))
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = Shape(self, candidates, default)
        return shape


class Shape:
    """What the schema says about one place of the value; made on demand, safe for recursive schemas.

    Attributes:
        held: a string here stays hidden until its closing quote, because a union member that permits a string
            restricts it to an enum or a constant.
        nullable: null is permitted here.
        candidates: the ways to satisfy the schema here.
        default: the declared default as a list of one, or an empty list.
        policy: how the value here asks to be shown.
        is_choice: an object here may be one of several.
    """

    __slots__ = (
        "_awaited",
        "_declared",
        "_defaulted",
        "_discriminator",
        "_items",
        "_members",
        "_narrowings",
        "_rest",
        "_schema",
        "_skeleton",
        "candidates",
        "default",
        "held",
        "is_choice",
        "nullable",
        "policy",
    )

    def __init__(self, schema: _Schema, candidates: tuple[Candidate, ...], default: list[JsonValue]) -> None:
        """Made by `of` and by other shapes."""
        self._schema = schema
        self.candidates = candidates
        self.default = default
        self._members: dict[str, Shape] = {}
        self._declared: frozenset[str] | None = None
        self._defaulted: frozenset[str] | None = None  # members with a declared default that is shown
        self._items: tuple[Shape, ...] | None = None
        self._rest: Shape | None = None
        self._skeleton: Callable[[], JsonObject] | None = None
        self._awaited: frozenset[str] | None = None
        self._discriminator: Discriminator | None = None
        self._narrowings: dict[tuple[str, frozenset[str]], Shape] = {}
        self.policy = policy_of(candidates)
        self.is_choice = len(self._objects()) > 1
        self.held = any(map(is_restricted_string, candidates))
        self.nullable = "null" in types_of(candidates)

    @classmethod
    def of(cls, root: JsonValue, schema: JsonValue = None) -> "Shape":
        """Return the shape of a value that `schema` describes; its references resolve against `root`.

        Neither may be changed afterwards.

        Args:
            root: the whole JSON Schema.
            schema: the part of it, or a schema around it; None means `root`.
        """
        schema = root if schema is None else schema
        return _Schema(root).shape(candidates_of(root, schema), declared_default(root, schema))

    def listed(self) -> "Shape":
        """Return the shape of a list of the root's values."""
        root = self._schema.root
        return Shape.of(root, {"type": "array", "items": root})

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that are permitted here."""
        return types_of(self.candidates)

    @property
    def is_object(self) -> bool:
        """Whether an object, and nothing else, is permitted here, without a choice between several."""
        return len(self.candidates) == 1 and types_of(self.candidates) == {"object"}

    @property
    def has_policies(self) -> bool:
        """Whether any place of the whole value has a policy."""
        return self._schema.has_policies

    @property
    def has_redactions(self) -> bool:
        """Whether any of those policies asks for redaction."""
        return self._schema.has_redactions

    @property
    def has_drops(self) -> bool:
        """Whether any of those policies asks that invalid items are left out."""
        return self._schema.has_drops

    @property
    def has_marks(self) -> bool:
        """Whether any of those policies asks that what is invalid is only marked."""
        return self._schema.has_marks

    def admits(self, key: str) -> bool:
        """Tell whether an object that is permitted here says anything of a member, or declares none and is open.

        Where one of several may be anything, that is what a variant says of a member which only others declare.
        """
        objects = self._objects()
        saying = [candidate for candidate in objects if candidate.nodes] or objects
        return any(key in declared_keys(candidate) or is_open(candidate) for candidate in saying)

    def permits(self, value: JsonValue) -> bool:
        """Tell whether a value of its JSON type is permitted here."""
        return not self.types.isdisjoint(value_types(value))

    @property
    def awaited(self) -> frozenset[str]:
        """The members that an object here is held for."""
        if self._awaited is None:
            declared = {key for candidate in self._objects() for key in declared_keys(candidate)}
            self._awaited = frozenset(key for key in declared if self.member(key).policy.hold_parent)
        return self._awaited

    @property
    def discriminator(self) -> str | None:
        """The member whose value tells which of several objects this is, where each declares its own values for it."""
        if self._discriminator is None:
            self._discriminator = discriminator_of(self._schema.root, self._objects())
        return self._discriminator.key

    def discriminated(self, value: JsonValue) -> "Shape":
        """Return the shape of the object whose discriminator has this value; this one where none has it."""
        if self.discriminator is None or self._discriminator is None:
            return self
        chosen = self._discriminator.choice(value)
        return self if chosen is None else self._schema.shape((chosen,), [])

    def declares(self, key: str) -> bool | None:
        """Tell whether every object there may be here declares a member; None where only some do."""
        declaring = [key in declared_keys(candidate) for candidate in self._objects()]
        return declaring[0] if len(set(declaring)) == 1 else None

    def narrowed(self, key: str, types: frozenset[str]) -> "Shape":
        """Return the shape that is left where a member of these types is there; this one where none would be.

        An object that does not declare a member that others declare is none that has it.
        """
        known = self._narrowings.get((key, types))
        if known is None:
            if self.declares(key) is False:
                return self
            objects = self._objects()
            fitting = [candidate for candidate in objects if self._fits(candidate, key, types)]
            narrows = 0 < len(fitting) < len(objects)
            known = self._schema.shape(tuple(fitting), []) if narrows else self
            self._narrowings[key, types] = known
        return known

    @property
    def may_be_anything(self) -> bool:
        """Whether every JSON type is permitted here, without a choice between several."""
        return len(self.candidates) == 1 and types_of(self.candidates) == types_of([ANYTHING])

    @property
    def may_be_array(self) -> bool:
        """Whether an array is among what is permitted here."""
        return bool(self._arrays())

    @property
    def may_be_object(self) -> bool:
        """Whether an object is among what is permitted here."""
        return bool(self._objects())

    def placeholder(self) -> JsonValue:
        """Return afresh what stands here before the model writes.

        Inside the skeleton of an enclosing object a recursive reference stands at null instead.
        """
        return _maker(_Skeleton().place(self, ()))()

    def opened(self, array: bool) -> JsonObject | list[JsonValue]:
        """Return afresh what appears when the model opens a container here.

        For an array that is an empty one; for an object the skeleton of the only object there can be, else an
        empty one. A default that is declared for the object as a whole does not count.
        """
        if array:
            return []
        make = self._skeleton or self._compile()
        return make()

    def member(self, key: str) -> "Shape":
        """Return the shape of the member `key` of an object here."""
        shape = self._members.get(key)
        return self._first_member(key) if shape is None else shape

    def item(self, index: int) -> "Shape":
        """Return the shape of the item at `index` of an array here."""
        items = self._items
        if items is None:
            items = self._items = self._declared_items()
        return items[min(index, len(items) - 1)]

    def item_schemas(self, index: int) -> list[list[JsonValue]]:
        """Return what is declared for the item at `index`: per array there can be here, the schemas that all hold."""
        return [item_schemas(candidate, index) for candidate in self._arrays()]

    def without_absent(self, value: JsonValue) -> JsonValue:
        """Leave out the nulls of members that are declared, need not be there and may not be null.

        The strict form makes such members required and nullable, so null is how a model says "absent". The
        value itself is not changed.
        """
        match value:
            case dict():
                return {
                    key: self.member(key).without_absent(member) if type(member) in _CONTAINERS else member
                    for key, member in value.items()
                    if member is not None or not self._is_absent_by_null(key)
                }
            case list():
                return [
                    self.item(index).without_absent(item) if type(item) in _CONTAINERS else item
                    for index, item in enumerate(value)
                ]
            case _:
                return value

    def with_defaults(self, value: JsonValue) -> JsonValue:
        """Add the declared defaults of absent members, in every object; the value itself is not changed."""
        match value:
            case dict():
                filled = {
                    key: self.member(key).with_defaults(member) if type(member) in _CONTAINERS else member
                    for key, member in value.items()
                }
                return {**filled, **self._shown_defaults(absent_from=filled)}
            case list():
                return [
                    self.item(index).with_defaults(item) if type(item) in _CONTAINERS else item
                    for index, item in enumerate(value)
                ]
            case _:
                return value

    def _fits(self, candidate: Candidate, key: str, types: frozenset[str]) -> bool:
        if key not in declared_keys(candidate):
            return self.declares(key) is False
        return bool(types_of(conjunction(self._schema.root, member_schemas(candidate, key))) & types)

    def _objects(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if "object" in candidate.types]

    def _arrays(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if "array" in candidate.types]

    def _compile(self) -> Callable[[], JsonObject]:
        objects = self._objects()
        template = _Skeleton().object(self, objects[0], ()) if len(objects) == 1 else {}
        self._skeleton = _object_maker(template)
        return self._skeleton

    def _first_member(self, key: str) -> "Shape":
        """Make the shape of a declared member; all others share one, so that keys of values are not kept."""
        objects = self._objects()
        if self._declared is None:
            self._declared = frozenset(key for candidate in objects for key in declared_keys(candidate))
        if key in self._declared:
            shape = self._members[key] = self._union(objects, partial(member_schemas, key=key))
        elif self._rest is None:
            shape = self._rest = self._union(objects, other_schemas)
        else:
            shape = self._rest
        return shape

    def _declared_items(self) -> "tuple[Shape, ...]":
        """Return a shape for each prefix item that is declared, and one for all items after them."""
        arrays = self._arrays()
        count = max(map(prefix_count, arrays), default=0)
        declared = [self._union(arrays, partial(item_schemas, index=index)) for index in range(count)]
        is_unknown = count > 0 and self.has_redactions and not any(item_schemas(each, count) for each in arrays)
        rest = self._union(arrays, _redacted if is_unknown else partial(item_schemas, index=count))
        return (*declared, rest)

    def _union(self, candidates: list[Candidate], schemas_of: Callable[[Candidate], list[JsonValue]]) -> "Shape":
        """Return the shape of a place below; its default is only sure where there is no choice above."""
        root = self._schema.root
        below: dict[_Key, Candidate] = {}
        default: list[JsonValue] = []
        for candidate in candidates:
            schemas = schemas_of(candidate)
            below.update((found.identity, found) for found in conjunction(root, schemas))
            if len(candidates) == 1:
                default = next(filter(None, (declared_default(root, schema) for schema in schemas)), [])
        return self._schema.shape(tuple(below.values()) or (ANYTHING,), default)

    def _is_absent_by_null(self, key: str) -> bool:
        objects = self._objects()
        return not self.member(key).nullable and any(
            key in declared_keys(candidate) and not is_required(candidate, key) for candidate in objects
        )

    def _shown_defaults(self, absent_from: JsonObject) -> JsonObject:
        """Return afresh the declared defaults of absent members, as far as a skeleton has room for them."""
        make = self._skeleton or self._compile()
        if self._defaulted is None:
            self._defaulted = frozenset(key for key, shown in make().items() if self.member(key).default == [shown])
        absent = self._defaulted - absent_from.keys()
        return {key: member for key, member in make().items() if key in absent} if absent else {}


class _Skeleton:
    """Lays out one skeleton, up to a size."""

    __slots__ = ("_left", "_sizes")

    def __init__(self) -> None:
        self._left = _SKELETON_CHARS
        self._sizes: dict[int, int] = {}  # of the defaults met so far, by identity

    def place(self, shape: Shape, above: tuple[_Key, ...]) -> JsonValue:
        """Return what stands at a place inside the objects `above`."""
        if shape.default:
            return self._fitting(shape.default[0])
        if len(shape.candidates) != 1:
            return None
        candidate = shape.candidates[0]
        types = candidate.types
        if types == {"array"}:
            return []
        if types == {"object"} and len(above) < _SKELETON_DEPTH and candidate.identity not in above:
            return self.object(shape, candidate, above)
        return None

    def object(self, shape: Shape, candidate: Candidate, above: tuple[_Key, ...]) -> JsonObject:
        """Return the skeleton of an object, one placeholder per declared member."""
        above = (*above, candidate.identity)
        members: JsonObject = {}
        for key in declared_keys(candidate):
            self._left -= len(key) + len('"":null,')
            if self._left < 0:
                break
            members[key] = self.place(shape.member(key), above)
        return members

    def _fitting(self, value: JsonValue) -> JsonValue:
        size = self._sizes.get(id(value))
        if size is None:
            size = self._sizes[id(value)] = len(json.dumps(value))
        if size > self._left:
            return None
        self._left -= size
        return value


def _maker(template: JsonValue) -> Callable[[], JsonValue]:
    """Return a function that makes copies of `template`.

    One skeleton is made per object the model opens: 0.1 µs for a flat one, where copy.deepcopy takes 3.
    """
    if isinstance(template, dict):
        return _object_maker(template)
    if isinstance(template, list):
        makers = [_maker(item) for item in template]
        return (lambda: [make() for make in makers]) if makers else list
    return lambda: template


def _object_maker(template: JsonObject) -> Callable[[], JsonObject]:
    nested = [(key, _maker(member)) for key, member in template.items() if isinstance(member, dict | list)]
    if not nested:
        return template.copy

    def make() -> JsonObject:
        made = template.copy()
        for key, make_member in nested:
            made[key] = make_member()
        return made

    return make


ANY = Shape.of(True)
"""The shape of a place about which nothing is known."""


def _redacted(_: Candidate) -> list[JsonValue]:
    return [_REDACTED]
