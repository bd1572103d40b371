"""Grammars narrowed to what a text says: which values they take, and which they refuse."""

import json
from typing import Any

import pytest

from gateway.core.schema import Schema
from gateway.providers.verbatim import grammar
from gateway.recordings import CONFERENCE_TEXT, Conference
from tests.fakes.grammars import accepts

_STRING = {"type": "string"}
_NULLABLE = {"anyOf": [_STRING, {"type": "null"}]}
_DATE = {"type": "string", "format": "date"}
_NUMBER = {"type": "number"}
_TEXT = "Write to Ann Lee (ann@lee.example, @annlee) by May 3rd, 2025. It costs $1,200.50 for 12 people in Skelby."


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _takes(schema: dict[str, Any], text: str, value: Any) -> bool:
    return accepts(grammar(schema, text), json.dumps(value, ensure_ascii=False))


def _choice(name: str, schema: dict[str, Any], text: str, candidates: list[Any]) -> list[Any]:
    """Return those of some candidates that a member may be."""
    return [value for value in candidates if _takes(_object(**{name: schema}), text, {name: value})]


@pytest.mark.parametrize(
    ("name", "schema", "candidates", "choice"),
    [
        ("email", _STRING, ["ann@lee.example", "bo@lee.example", "Ann Lee"], ["ann@lee.example"]),
        ("contact", {"type": "string", "format": "email"}, ["ann@lee.example", "@annlee"], ["ann@lee.example"]),
        ("twitter", _STRING, ["@annlee", "@lee"], ["@annlee"]),
        ("deadline", _STRING, ["May 3rd, 2025", "May 3rd"], ["May 3rd, 2025"]),
        ("any_day", _DATE, ["2025-05-03", "2025-05-04", "2024-05-03"], ["2025-05-03"]),
        ("price", _NUMBER, [1200.5, 12, 1, 2025], [1200.5]),
        ("people", {"type": "integer"}, [12, 1200.5, 3, 2025], [12]),
        ("height", {"type": "number", "maximum": 50}, [12, 1200.5], [12]),
        ("city", _STRING, ["Skelby", "Write", "Whitby"], ["Skelby"]),
        ("customer", _STRING, ["Ann Lee", "Skelby", "Write to Ann Lee"], ["Ann Lee"]),
        ("kind", {"enum": ["a", "b"]}, ["a", "b", "c"], ["a", "b"]),
        ("is_open", {"type": "boolean"}, [True, False, "true"], [True, False]),
    ],
)
def test_what_can_be_recognised_is_chosen_from_the_text(
    name: str, schema: dict[str, Any], candidates: list[Any], choice: list[Any]
) -> None:
    """By the member's name, its format or its type."""
    assert _choice(name, schema, _TEXT, candidates) == choice


def test_a_string_is_words_of_the_text() -> None:
    """In a row, from one sentence, without words at the ends that only join others, or marks around them."""
    text = "The stall in Tarnsworth on Sunday is off. Bo and Al bring a “tent”."
    taken = ["stall in Tarnsworth", "stall in Tarnsworth on Sunday", "Tarnsworth", "off", "tent", "Bo and Al"]
    refused = ["Tarnsworth on", "on Sunday", "Sunday is", "off. Bo", "Bo and", "a “tent", "Al  bring", "Bo bring", ""]
    assert _choice("subject", _STRING, text, [*taken, *refused]) == taken


def test_a_string_does_not_take_what_is_another_members() -> None:
    """Where the schema asks for addresses, a subject is none."""
    schema = _object(subject=_STRING, email=_STRING)
    assert _takes(schema, _TEXT, {"subject": "12 people in Skelby", "email": "ann@lee.example"})
    assert not _takes(schema, _TEXT, {"subject": "ann@lee.example", "email": "ann@lee.example"})


def test_a_member_that_may_be_null() -> None:
    """Is null where the text has nothing of its kind, else that or null; a name promises nothing that is missing."""
    assert _choice("email", _NULLABLE, "Ann and Bo met.", [None, "and", "Ann"]) == [None]
    assert _choice("email", _NULLABLE, _TEXT, [None, "ann@lee.example", "Ann"]) == [None, "ann@lee.example"]
    assert _choice("when", {"type": ["string", "null"], "format": "date"}, "Bo met Al.", [None, "2025-05-03"]) == [None]
    assert _choice("name", _NULLABLE, "Ann met.", [None, "Ann"]) == [None, "Ann"]


_EMAIL = {"type": "string", "format": "email"}
_BULLETS = "- Ann Lee, ann@lee.example\n- Bo Ek\n- Cyd Orr, cyd@orr.example"
_ANN, _BO, _CYD = (
    {"name": name, "email": email}
    for name, email in (("Ann Lee", "ann@lee.example"), ("Bo Ek", None), ("Cyd Orr", "cyd@orr.example"))
)


@pytest.mark.parametrize(
    "email",
    [
        {"type": ["string", "null"]},
        {"type": ["string", "null"], "format": "email"},
        {"anyOf": [_STRING, {"type": "null"}], "default": None, "title": "Email"},
        {"anyOf": [_EMAIL, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, _EMAIL]},
        {"anyOf": [{"$ref": "#/$defs/Email"}, {"type": "null"}]},
        {"$ref": "#/$defs/MaybeEmail"},
        {"allOf": [{"anyOf": [_STRING, {"type": "null"}]}]},
    ],
)
def test_null_is_permitted_in_many_ways(email: dict[str, Any]) -> None:
    """All mean the same: each person has the address of its own row, and none only where that has none."""
    definitions = {"Email": _EMAIL, "MaybeEmail": {"anyOf": [{"$ref": "#/$defs/Email"}, {"type": "null"}]}}
    schema = {**_object(people=_list(_object(name=_STRING, email=email))), "$defs": definitions}
    assert _takes(schema, _BULLETS, {"people": [_ANN, _BO, _CYD]})
    stolen = {**_BO, "email": "cyd@orr.example"}
    for people in ([_ANN], [_ANN, _CYD], [_ANN, stolen], [{**_ANN, "email": None}, _BO, _CYD], []):
        assert not _takes(schema, _BULLETS, {"people": people}), people


@pytest.mark.parametrize(
    ("schema", "text", "taken"),
    [
        ({"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}]}, "nothing", ["a", None]),
        ({"enum": ["a", None]}, "nothing", ["a", None]),
        ({"anyOf": [_NUMBER, {"type": "null"}]}, "nothing", [None]),
        ({"anyOf": [_NUMBER, {"type": "null"}]}, "7 of them", [7, None]),
        ({"anyOf": [_DATE, {"type": "null"}]}, "nothing", [None]),
        ({"anyOf": [_list(_NUMBER), {"type": "null"}]}, "7 of them", [[7], [], None]),
        ({"$ref": "#/$defs/MaybeKind"}, "nothing", ["a", None]),
    ],
)
def test_what_else_may_be_null(schema: dict[str, Any], text: str, taken: list[Any]) -> None:
    """A number or a date is null where the text has none; an enumeration and a list may be anyway."""
    maybe = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Kind"}]}
    whole = {**_object(value=schema), "$defs": {"Kind": {"enum": ["a", "b"]}, "MaybeKind": maybe}}
    candidates = [7, "a", "2025-05-03", [7], [], None]
    found = [value for value in candidates if _takes(whole, text, {"value": value})]
    assert sorted(map(str, found)) == sorted(map(str, taken))


def test_a_reference_to_itself_is_followed_once() -> None:
    """So that the grammar of a union that names itself is made at all."""
    loop = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Loop"}]}
    assert "null" in grammar({**_object(value={"$ref": "#/$defs/Loop"}), "$defs": {"Loop": loop}}, "nothing")


def test_people_of_prose_some_of_whom_have_addresses() -> None:
    """Those with one are in the list, each with its own; one behind an address may be, one in a greeting is not."""
    schema = _object(people=_list(_object(name=_STRING, email=_NULLABLE)))
    text = "Ann Lee (ann@lee.example) and Bo Ek came; Cyd Orr, cyd@orr.example, did not.\n\nThanks, Mia Kern"
    for people in ([_ANN, _BO, _CYD], [_ANN, _CYD]):
        assert _takes(schema, text, {"people": people}), people
    for people in ([_ANN], [_ANN, _BO], [_ANN, _BO, _CYD, {"name": "Mia Kern", "email": None}]):
        assert not _takes(schema, text, {"people": people}), people


def test_a_member_that_may_be_left_out() -> None:
    """Is, where the text has nothing of its kind."""
    schema = {**_object(name=_STRING, email=_STRING), "required": ["name"]}
    assert _takes(schema, "Ann met Bo.", {"name": "Ann"})
    assert not _takes(schema, "Ann met Bo.", {"name": "Ann", "email": "Bo"})
    assert _takes(schema, _TEXT, {"name": "Ann Lee"})
    assert _takes(schema, _TEXT, {"name": "Ann Lee", "email": "ann@lee.example"})


def test_people_of_a_text_without_addresses() -> None:
    """Are its names, each once and in its order, without an address."""
    schema = _object(people=_list(_object(name=_STRING, email=_NULLABLE)))
    ann, bo = ({"name": name, "email": None} for name in ("Ann", "Bo"))
    text = "Ann and Bo met. They agreed to meet again in May."
    assert [_takes(schema, text, {"people": people}) for people in ([ann, bo], [ann])] == [True, True]
    for people in (
        [],
        [ann, ann],
        [bo, ann],
        [{"name": "Ann and Bo", "email": None}],
        [{"name": "May", "email": None}],
    ):
        assert not _takes(schema, text, {"people": people}), people


def test_people_with_addresses() -> None:
    """Have each the name that stands before it, and all of them are in the list."""
    schema = _object(people=_list(_object(name=_STRING, email=_STRING)))
    text = (
        "Minutes of 4 May. Present: Wanjiru Okafor (w@hafen.example), Bo d'Or van der Ley, bo@ley.example, and a guest."
    )
    first = {"name": "Wanjiru Okafor", "email": "w@hafen.example"}
    second = {"name": "Bo d'Or van der Ley", "email": "bo@ley.example"}
    assert _takes(schema, text, {"people": [first, second]})
    for people in ([first], [second, first], [{**first, "name": "Minutes of 4 May"}, second], [first, second, second]):
        assert not _takes(schema, text, {"people": people}), people


def test_names_behind_their_addresses() -> None:
    """Belong to these, where no name is before the first one."""
    schema = _object(guests=_list(_object(name=_STRING, email=_STRING)))
    guests = [{"name": name, "email": f"{name[0].lower()}@orn.example"} for name in ("Hedda Lind", "Paulo Duarte")]
    assert _takes(schema, "Invite h@orn.example (Hedda Lind) and p@orn.example (Paulo Duarte).", {"guests": guests})


def test_two_lists_share_the_addresses() -> None:
    """Then nobody knows how many belong to each."""
    people = _list(_object(email=_STRING))
    one, other = [{"email": "a@x.example"}], [{"email": "b@x.example"}]
    assert _takes(
        _object(speakers=people, guests=people), "a@x.example b@x.example", {"speakers": one, "guests": other}
    )


def test_a_list_of_things_takes_each_from_a_part_of_its_own() -> None:
    """So that a price is that of its product, and none comes twice."""
    schema = _object(products=_list(_object(name=_STRING, price=_NUMBER)))
    lamp, jug = {"name": "lamp", "price": 12.5}, {"name": "glass jug", "price": 3}
    text = "On sale: lamp, 12.50 euros. Now also a glass jug for 3 euros."
    assert _takes(schema, text, {"products": [lamp, jug]})
    for products in ([lamp, lamp], [jug, lamp], [{**lamp, "price": 3}], [{**jug, "name": "glass jug for"}]):
        assert not _takes(schema, text, {"products": products}), products


@pytest.mark.parametrize(
    "text",
    [
        "Open:\n- Oak Ltd, 30.00 EUR, due 2026-11-30\n- Elm AG, 48.50 EUR, due 2026-12-15\n\nOur bank: Ash.",
        "Oak Ltd, 30.00 EUR, due 2026-11-30\nElm AG, 48.50 EUR, due 2026-12-15",
        "| Company | Amount | Due |\n|---|---|---|\n| Oak Ltd | 30.00 | 2026-11-30 |\n| Elm AG | 48.50 | 2026-12-15 |",
    ],
    ids=["bullets", "lines", "table"],
)
def test_no_row_of_a_list_is_left_out(text: str) -> None:
    """A row is what has the members that may not be null; what stands around the list is none."""
    schema = _object(bills=_list(_object(company=_STRING, amount=_NUMBER, due=_DATE)))
    oak = {"company": "Oak Ltd", "amount": 30, "due": "2026-11-30"}
    elm = {"company": "Elm AG", "amount": 48.5, "due": "2026-12-15"}
    assert _takes(schema, text, {"bills": [oak, elm]})
    for bills in ([], [oak], [elm], [elm, oak], [oak, {**elm, "due": "2026-11-30"}]):
        assert not _takes(schema, text, {"bills": bills}), bills


def test_a_row_without_what_may_be_null_is_a_row() -> None:
    """With null for it; a line of the list that lacks what may not be null is none."""
    schema = _object(tasks=_list(_object(owner=_STRING, hours=_NUMBER, due={"anyOf": [_DATE, {"type": "null"}]})))
    text = "- Ann Lee, 3 hours, by 2026-03-05\n- Bo Ek, 2 hours\n- Cyd Orr has no time"
    tasks = [{"owner": "Ann Lee", "hours": 3, "due": "2026-03-05"}, {"owner": "Bo Ek", "hours": 2, "due": None}]
    assert _takes(schema, text, {"tasks": tasks})
    assert not _takes(schema, text, {"tasks": tasks[:1]})
    assert not _takes(schema, text, {"tasks": [*tasks, {"owner": "Cyd Orr", "hours": 2, "due": None}]})


def test_rows_that_two_lists_could_take() -> None:
    """Are left to the model; so are names that a list of something else only repeats."""
    bills = _list(_object(company=_STRING, amount=_NUMBER))
    text = "- Oak Ltd, 30.00 EUR\n- Elm AG, 48.50 EUR"
    oak, elm = {"company": "Oak Ltd", "amount": 30}, {"company": "Elm AG", "amount": 48.5}
    assert _takes(_object(sent=bills, received=bills), text, {"sent": [oak], "received": [elm]})
    people = _object(people=_list(_object(name=_STRING)))
    text = "Present: Ann Lee and Bo Ek.\n- Ann writes the offer\n- Bo reads it"
    assert _takes(people, text, {"people": [{"name": "Ann Lee"}, {"name": "Bo Ek"}]})


def test_a_row_holds_the_rows_below_it() -> None:
    """A list within a list takes its items from the row of its own object."""
    orders = _list(_object(day=_DATE, lines=_list(_object(product=_STRING, price=_NUMBER))))
    text = "- 2026-02-01\n  - lamp, 12.50\n  - rug, 40.00\n- 2026-02-03\n  - desk, 90.00\n  - jug, 3.00"
    lamp, rug, desk, jug = (
        {"product": name, "price": price} for name, price in (("lamp", 12.5), ("rug", 40), ("desk", 90), ("jug", 3))
    )
    first, second = {"day": "2026-02-01", "lines": [lamp, rug]}, {"day": "2026-02-03", "lines": [desk, jug]}
    assert _takes(_object(orders=orders), text, {"orders": [first, second]})
    assert not _takes(_object(orders=orders), text, {"orders": [{**first, "lines": [lamp, desk]}, second]})


def test_a_list_of_texts_does_not_repeat_them() -> None:
    """Of an enumeration it has the parts in their order."""
    text = "Toppings: sliced tomato, cheese and basil."
    taken = [["sliced tomato", "cheese", "basil"], ["tomato", "cheese"]]
    refused = [["cheese", "cheese"], ["basil", "cheese"], ["Toppings"], []]
    assert _choice("toppings", _list(_STRING), text, [*taken, *refused]) == taken
    assert _choice("agreed", _list(_STRING), "The roof, too. We go.", [["The roof, too"], ["We go"], ["roof"]]) == [
        ["The roof, too"],
        ["We go"],
    ]


def test_the_bounds_of_a_list_hold() -> None:
    """Also where the text has fewer parts."""
    names = [["Ann"], ["Ann", "Bo"], ["Ann", "Bo", "Al"]]
    bounded = {**_list(_STRING), "minItems": 2, "maxItems": 2}
    assert _choice("people", bounded, "Ann, Bo and Al met.", names) == [["Ann", "Bo"]]
    assert _choice("people", bounded, "Ann met.", [["Ann"], ["Ann", "Ann"]]) == [["Ann", "Ann"]]


@pytest.mark.parametrize("text", ["", "word " * 601], ids=["empty", "long"])
def test_without_spans_a_string_still_ends(text: str) -> None:
    """Where there are no words or too many."""
    assert _choice("subject", _STRING, text, ["x" * 300, "x" * 301]) == ["x" * 300]


def test_a_script_without_spaces() -> None:
    """Its words are runs of one kind of letter; names stand before an honorific, dates and numbers are read."""
    text = "会議は\uff12\uff10\uff12\uff19年8月15日に箱根で開催します。"
    text += "参加者は佐藤花子さん、鈴木一郎さん、費用は二万八千円です。"
    schema = _object(place=_STRING, day=_DATE, people=_list(_STRING), fee=_NUMBER)
    value = {"place": "箱根", "day": "2029-08-15", "people": ["佐藤花子", "鈴木一郎"], "fee": 28_000}
    assert _takes(schema, text, value)
    for wrong in ({"place": "京都"}, {"day": "2029-08-16"}, {"people": ["佐藤花子"] * 2}, {"fee": 2}):
        assert not _takes(schema, text, value | wrong), wrong


def test_the_conference() -> None:
    """Four people with the addresses that stand behind their names; the rest is as the text has it."""
    schema = Schema.from_model(Conference).provider_schema
    people = [("John Doe", "johndoe", "@TechGuru44"), ("Jane Smith", "janesmith", "@DigitalDiva88")]
    people += [("Alex Johnson", "alexj", "@CodeMaster2023"), ("Emily Clark", "emilyc", "@InnovateQueen")]
    users = [{"name": name, "email": f"{box}@email.com", "twitter": handle} for name, box, handle in people]
    rest = {"date": "March 15th, 2024", "location": "Grand Tech Arena", "budget": 50_000, "deadline": "February 20th"}
    assert accepts(grammar(schema, CONFERENCE_TEXT), json.dumps({"users": users, **rest}))
    assert not accepts(grammar(schema, CONFERENCE_TEXT), json.dumps({"users": users[:3], **rest}))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {"a": [1, None, "x"]}),
        ({"type": "object"}, {"a": {"b": True}}),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, {"a": True, "b": False}),
        ({"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "null"}]}, [True, None]),
        ({"type": "array", "items": {"enum": ["b", "a"]}}, ["a", "b"]),
        ({"type": "string", "minLength": 2, "maxLength": 2, "pattern": "(?=x)y"}, "zz"),
        ({"oneOf": [{"const": 1}, {"type": "boolean"}]}, 1),
        ({"allOf": [{"type": "boolean"}]}, True),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer", "minimum": 1, "maximum": 3}}}, 2),
        ({"type": "string", "format": "date"}, "2024-02-03"),
        ({"type": "string", "format": "date-time"}, "2024-02-03T04:05:00Z"),
    ],
)
def test_every_schema_has_a_grammar(schema: dict[str, Any], value: Any) -> None:
    """What no rule is for is written freely; validation judges it."""
    assert _takes(schema, "nothing", value)
