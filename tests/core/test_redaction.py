"""What may not be shown: never a part of it, in no state and no update, however the text is cut."""

import itertools
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, computed_field, model_serializer

from gateway import Stream
from gateway.core.document import Document, Encoding, View
from gateway.core.extraction import Extraction, State
from gateway.core.growth import Growth
from gateway.core.limits import Limits
from gateway.core.parser import Parser
from gateway.core.pointer import JsonValue
from gateway.core.projection import Projection
from gateway.core.redaction import MASK, Redaction, Transform
from gateway.core.schema import Schema
from gateway.core.shape import Shape
from gateway.errors import InvalidOutput, SchemaInvalid

Secret = Annotated[str, Stream(redact=True)]


class Card(BaseModel):
    """Paid by card."""

    kind: Literal["card"]
    number: Secret


class Debit(BaseModel):
    """Paid by debit; told from a gift by its members only."""

    account: Secret
    bank: str


class Gift(BaseModel):
    """Paid by somebody else."""

    sender: Secret
    note: str


class Person(BaseModel):
    """Somebody."""

    name: str
    pin: Annotated[int, Stream(redact=True)]
    notes: Annotated[dict[str, Any], Stream(redact=True)]
    payment: Annotated[Card | None, Field(default=None)]
    other: Debit | Gift | None = None


SHAPE = Schema.from_model(list[Person]).shape
SECRETS = ("4929", "k1a1", "k2b2", "k3c3", "9876", "k4d4", "k5e5")
TEXT = json.dumps(
    [
        {
            "name": "Ann",
            "pin": 987654,
            "notes": {"a": "k1a1x", "deep": [{"b": "k2b2x", "flag": True}, 98765]},
            "payment": {"kind": "card", "number": "4929 1234"},
            "other": {"account": "k3c3x", "bank": "b"},
        },
        {"name": "Bo", "pin": 98765, "notes": {}, "other": {"sender": "k4d4x", "account": "k5e5x"}},
    ]
)
REPEATED = TEXT.replace('"name": "Bo"', '"name": "Bo", "notes": {"z": "k1a1y"}, "pin": 987612')


def frames(pieces: list[str], transform: Transform | None = None) -> list[str]:
    """Return every update of every view, whole and by steps, behind each piece."""
    parser, document = Parser(), Document("e", SHAPE.placeholder())
    growth = Growth(SHAPE, redaction=Redaction(SHAPE, transform))
    seen: list[str] = []
    for piece in pieces:
        rev = document.rev
        document.publish(growth.shaped(parser.feed(piece)))
        for encoding, has_skeleton, part in itertools.product(Encoding, (True, False), (None, Projection(["/*/*"]))):
            view = View(encoding, has_skeleton, True, part)
            seen += [document.update(view, since).body for since in (rev, 0, None)]
    return seen


@given(st.sampled_from([TEXT, REPEATED]), st.lists(st.integers(0, len(REPEATED)), max_size=12))
def test_no_part_of_it_is_ever_shown(text: str, cuts: list[int]) -> None:
    """Strings, numbers, whole objects, variants of unions and keys that come twice."""
    places = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
    for body in frames([text[begin:end] for begin, end in itertools.pairwise(places)]):
        assert not [secret for secret in SECRETS if secret in body]


def test_character_by_character() -> None:
    """As a model writes that is in no hurry."""
    assert not [secret for body in frames(list(REPEATED)) for secret in SECRETS if secret in body]


def value_of(text: str, shape: Shape, transform: Transform | None = None) -> JsonValue:
    """Return what is shown of a whole text."""
    parser, document = Parser(), Document("e", shape.placeholder())
    document.publish(Growth(shape, redaction=Redaction(shape, transform)).shaped(parser.feed(text)))
    return document.plain_value()


def test_what_is_shown_instead() -> None:
    """The mask for a string, null for anything else; what is not covered stays."""
    (ann, bo) = json.loads(json.dumps(value_of(TEXT, SHAPE)))
    assert ann == {
        "name": "Ann",
        "pin": None,
        "notes": {},
        "payment": {"kind": "card", "number": MASK},
        "other": {"account": MASK, "bank": "b"},
    }
    assert bo["other"] == {"sender": MASK, "account": MASK}


def last_four(_: str, value: JsonValue) -> JsonValue:
    """Show the end of a string."""
    return f"…{value[-4:]}" if isinstance(value, str) else 0


def test_a_transform_of_ones_own() -> None:
    """It is given what is marked, complete; where nothing is marked, every leaf with its pointer."""
    (ann, _) = json.loads(json.dumps(value_of(TEXT, SHAPE, last_four)))
    assert (ann["name"], ann["pin"], ann["payment"]["number"]) == ("Ann", 0, "…1234")
    unmarked = Schema.from_model(dict[str, list[str]]).shape
    assert value_of('{"a":["xy"]}', unmarked, lambda pointer, value: f"{pointer}={value}") == {"a": ["/a/0=xy"]}


def test_a_transform_that_fails_leaks_nothing() -> None:
    """The mask stands there, and the rest goes on."""

    def fails(_: str, value: JsonValue) -> JsonValue:
        raise ValueError(value)

    (ann, _) = json.loads(json.dumps(value_of(TEXT, SHAPE, fails)))
    assert (ann["name"], ann["pin"], ann["payment"]["number"]) == ("Ann", None, MASK)


@pytest.mark.parametrize("transform", [None, last_four])
def test_a_validated_value_is_shown_the_same_way(transform: Transform | None) -> None:
    """What grew and what is shown at once are equal."""
    redaction = Redaction(SHAPE, transform)
    assert redaction.value(SHAPE, "", json.loads(TEXT)) == value_of(TEXT, SHAPE, transform)


class Patient(BaseModel):
    """Whose number may not be shown; the rest may."""

    name: str
    ssn: Secret
    addresses: list[dict[str, str]] = []


MISPLACED = [
    '{"name": "Ann", "person": {"ssn": "4929"}, "ssn": "x"}',
    '{"name": "Ann", "SSN": "4929"}',
    '{"value": {"name": "Ann", "ssn": "4929"}}',
    '{"name": "Ann", "ssn": {"4929": [1, "4929", {"a": 4929}]}}',
    '{"name": "Ann", "ssn": ["4929", 4929, [4929]]}',
    '{"name": "Ann", "extra": 1, "extra": {"ssn": "4929"}, "extra": "4929"}',
    '{"name": "Ann", "ssn": 1, "ssn": {"deep": "4929"}}',
    '{"name": "Ann", "extra": ["4929"], "ssn": "49", "a/b": {"4929": null}}',
    '{"name": "Ann", "extra": {"a": {"ssn": "4929"}, "a": {"ssn": "4929"}}}',
]


@pytest.mark.parametrize("text", MISPLACED)
def test_what_a_model_misplaces_is_not_shown_either(text: str) -> None:
    """Members that the schema does not know, containers where a leaf was asked for, and keys that come twice."""
    shape = Schema.from_model(Patient).shape
    for pieces in (list(text), [text]):
        parser, document = Parser(), Document("e", shape.placeholder())
        growth = Growth(shape, redaction=Redaction(shape))
        for piece in pieces:
            rev = document.rev
            document.publish(growth.shaped(parser.feed(piece)))
            for since in (rev, 0, None):
                assert "4929" not in document.update(View(Encoding.PATCH, progress=True), since).body
        assert "4929" not in json.dumps(document.plain_value())
        assert document.plain_value() == Redaction(shape).value(shape, "", json.loads(text))


def test_what_is_declared_stays_beside_what_is_hidden() -> None:
    """Open mappings are shown, and so is what follows something hidden."""
    shape = Schema.from_model(Patient).shape
    text = '{"other": {"a": [1]}, "addresses": [{"town": "Ulm"}, {"x": "y"}], "name": "Ann", "ssn": "4929"}'
    assert value_of(text, shape) == {
        "addresses": [{"town": "Ulm"}, {"x": "y"}],
        "name": "Ann",
        "ssn": MASK,
    }


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/0/name", "/0/name"),
        ("/0/payment/number", "/0/payment/number"),
        ("/0/notes/4929/deep", "/0/notes"),
        ("/0/4929/a", "/0"),
        ("", ""),
    ],
)
def test_an_error_names_no_place_that_is_not_shown(path: str, shown: str) -> None:
    """Its path ends at what is hidden or shown empty, and its message quotes nothing."""
    error = InvalidOutput("got 4929", errors=({"path": path, "message": "got 4929"},))
    told = Redaction(SHAPE).shown(error)
    assert told.errors == ({"path": shown, "message": "does not fit the schema"},)
    assert "4929" not in told.full_message


S = {"type": "string", "x-stream": {"redact": True}}
P = {"type": "string"}


def an_object(closed: bool = False, **properties: Any) -> dict[str, Any]:
    """Return the schema of one."""
    return {"type": "object", "properties": properties, **({"additionalProperties": False} if closed else {})}


LIST = {"type": "array", "items": S}
WIRE = an_object(kind={"const": "wire"}, acct=an_object(iban=S, bank=P))
GIFT = an_object(kind={"const": "gift"}, note=P)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"anyOf": [an_object(a={"type": "integer"}, d=an_object(x=S)), an_object(a=P)]}, '{"a":"q","d":{"x":"4929"}}'),
        ({"anyOf": [an_object(a=P, d=an_object(x=P)), an_object(b=P, d=an_object(x=S))]}, '{"a":"q","d":{"x":"4929"}}'),
        ({"anyOf": [WIRE, GIFT]}, '{"kind":"gift","acct":{"iban":"4929"}}'),
        ({"anyOf": [WIRE, GIFT]}, '{"acct":{"iban":"4929"},"kind":"gift"}'),
        ({"anyOf": [WIRE, GIFT]}, '{"kind":"wire","acct":{"iban":"x","IBAN":"4929"}}'),
        ({"anyOf": [an_object(a={"type": "integer"}, l={"type": "array", "items": S}), GIFT]}, '{"l":["4929"]}'),
        (an_object(payment=an_object(card=S)), '{"payment":"4929"}'),
        (an_object(payment=an_object(card=S)), '{"payment":["4929"]}'),
        (an_object(cards={"type": "array", "items": S}), '{"cards":"4929"}'),
        (an_object(cards={"type": "array", "items": S}), '{"cards":{"a":"4929"}}'),
        (an_object(name=P, card=S), '{"name":["4929"],"card":"b"}'),
        (an_object(e=an_object(closed=True), card=S), '{"e":{"card":"4929"}}'),
        (an_object(n={"type": "integer"}, card=S), '{"n":"4929"}'),
        (an_object(l={"type": "array", "prefixItems": [P, S]}), '{"l":["a","b","4929",["4929"],{"4929":1}]}'),
        (
            {"anyOf": [{"type": "array", "items": {"type": "array", "items": P}}, {"additionalProperties": LIST}]},
            '{"0":["4929"]}',
        ),
    ],
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_no_choice_and_no_wrong_type_shows_it(schema: dict[str, Any], text: str, is_wrapped: bool) -> None:
    """Whichever variant there is in the end, and whatever stands where something else should."""
    schema, text = (an_object(v=schema), f'{{"v":{text}}}') if is_wrapped else (schema, text)
    extraction = Extraction(Schema.from_json(schema, limits=Limits()), epoch="e", limits=Limits(), created_s=0)
    extraction.start(0)
    for piece in text:
        extraction.feed(piece, 0)
        for encoding in Encoding:
            assert "492" not in extraction.document.update(View(encoding, progress=True), 0).body
    assert extraction.close() is State.COMPLETED
    extraction.end(extraction.judge(), 1)
    extraction.items.settle(extraction.items.verdicts())
    told = [extraction.items.body(number) for number in range(extraction.items.judged)]
    assert "492" not in f"{extraction.document.plain_value()} {extraction.terminal} {extraction.error} {told}"


def test_what_is_open_at_a_cut_names_no_hidden_key() -> None:
    """As far as it is shown."""
    schema = an_object(name=P, notes={"type": "object", "x-stream": {"redact": True}})
    for text in ('{"name":"a","notes":{"4929":{"b":[1', '{"name":"a","4929":{"b":[1'):
        extraction = Extraction(Schema.from_json(schema, limits=Limits()), epoch="e", limits=Limits(), created_s=0)
        extraction.start(0)
        extraction.feed(text, 0)
        extraction.note_finish("length")
        extraction.end(extraction.ending(State.INCOMPLETE), 1)
        assert "4929" not in str(extraction.terminal)


@pytest.mark.parametrize("result", [{1}, float("nan"), 10**400, b"x", {"a": 1}, "\ud800", [1]])
def test_a_transform_that_returns_no_leaf_is_replaced_by_the_mask(result: Any) -> None:
    """The answer is as good as before."""
    schema = Schema.from_json(an_object(card=S), limits=Limits())
    extraction = Extraction(schema, epoch="e", limits=Limits(), created_s=0, redact=lambda _, __: result)
    extraction.start(0)
    extraction.feed('{"card":"4929"}', 0)
    assert extraction.close() is State.COMPLETED
    extraction.end(extraction.judge(), 1)
    assert (extraction.state, extraction.document.plain_value()) == (State.COMPLETED, {"card": MASK})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "patternProperties": {"^a": S, "^b": P}},
        {"type": "object", "patternProperties": {"^a": S}, "additionalProperties": P},
        {"type": "object", "then": {"properties": {"card": S}}},
        {"type": "array", "contains": S},
        {"anyOf": [{"type": "object", "properties": {f"m{number}": S}} for number in range(33)]},
    ],
)
def test_a_schema_that_redacts_where_it_cannot_be_kept_is_refused(schema: dict[str, Any]) -> None:
    """Better than a promise that is broken."""
    with pytest.raises(SchemaInvalid, match="redact"):
        Schema.from_json(schema, limits=Limits())


class Renamed(BaseModel):
    """Written under other names than it is read under: each has the other's."""

    number: Annotated[Secret, Field(alias="x", serialization_alias="note")]
    note: Annotated[str, Field(alias="y", serialization_alias="x")]
    free: dict[str, Any] = {}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def both(self) -> str:
        """Return what nobody may see."""
        return self.number + self.note


def ended(schema: Schema, text: str) -> Extraction:
    """Return an extraction of a whole answer, with its items judged."""
    extraction = Extraction(schema, epoch="e", limits=Limits(), created_s=0.0)
    extraction.start(0.0)
    extraction.feed(text, 0.0)
    assert extraction.close() is State.COMPLETED
    extraction.end(extraction.judge(), 0.0)
    extraction.items.settle(extraction.items.verdicts())
    return extraction


def test_it_is_found_under_the_name_it_is_written_under() -> None:
    """Swapped aliases move nothing into the open; what is computed of it is not shown."""
    one = ended(Schema.from_model(Renamed), '{"x":"4929","y":"n","free":{"a":1}}')
    assert one.document.value == {"x": "n", "note": MASK, "free": {"a": 1}}
    many = ended(Schema.from_model(Renamed).many(), '{"items":[{"x":"4929","y":"n"}]}')
    assert many.document.value == [{"x": "n", "note": MASK, "free": {}}]
    assert '"value":{"x":"[redacted]","y":"n"},"valid":true' in many.items.body(0)


class Own(BaseModel):
    """Writes itself."""

    pin: Secret

    @model_serializer
    def written(self) -> dict[str, str]:
        """Move it."""
        return {"x": self.pin}


def test_a_model_that_writes_itself_and_redacts_is_refused() -> None:
    """Nobody can tell where its values went."""
    with pytest.raises(SchemaInvalid, match="got a serializer of Own"):
        Schema.from_model(list[Own])


class Numbered(BaseModel):
    """Whose number may not be shown."""

    pin: Annotated[int, Stream(redact=True)]


class Twice(BaseModel):
    """Has lists beside and below what is redacted."""

    people: list[Numbered]
    hidden: Annotated[dict[str, list[str]], Stream(redact=True)] = {}


def test_items_of_a_list_that_comes_again_are_judged_as_written() -> None:
    """Not as they are masked, which would not be valid; and those of a hidden one are none."""
    text = '{"people":[{"pin":4929}],"people":[{"pin":4929}],"hidden":{"a":["4929"]},"hidden":{"a":["4929"]}}'
    items = ended(Schema.from_model(Twice), text).items
    bodies = [items.body(number) for number in range(items.closed)]
    assert [body[body.index('"path"') :] for body in bodies] == [
        '"path":"/people","index":0,"value":{"pin":null},"valid":true}'
    ] * 2


def test_a_member_called_redact_redacts_nothing() -> None:
    """It is the policy that counts, not the word."""
    properties = {"redact": True, "a": {"type": "string", "x-stream": {"state": True}}}
    schema = Schema.from_json({"type": "object", "properties": properties}, limits=Limits())
    assert (schema.shape.has_policies, schema.shape.has_redactions) == (True, False)
