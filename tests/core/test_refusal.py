"""Parts that no later token can make valid: what is refused early the whole value's validation refuses as well."""

import json
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationInfo,
    WrapValidator,
    create_model,
    field_validator,
    model_validator,
)

from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.pointer import JsonValue
from gateway.core.schema import Schema
from gateway.errors import InvalidOutput
from tests.core.strategies import cut_texts

LIMITS = Limits()


class Colour(Enum):
    """One of two."""

    RED = "red"
    BLUE = "blue"


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("expected an even number")
    return number


def _wrapped(value: Any, handler: Any) -> Any:
    try:
        return handler(value)
    except ValueError:
        return None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _beside(value: int, info: ValidationInfo) -> int:
    if not info.data.get("a"):
        raise ValueError("expected a beside it")
    return value


def _lenient(value: Any) -> Any:
    return [held for held in value if held != "bad"] if isinstance(value, list) else value


def _numbers(value: Any) -> Any:
    return [1] if isinstance(value, list) else value


def _without_bad(value: Any) -> Any:
    return {key: held for key, held in value.items() if held != "bad"} if isinstance(value, dict) else value


LEAVES: list[Any] = [
    int,
    str,
    bool,
    Colour,
    Literal["x", "y"],
    int | None,
    Annotated[int, Field(gt=2)],
    Annotated[int, AfterValidator(_even)],
    Annotated[int, AfterValidator(_beside)],
    Annotated[int, BeforeValidator(_first)],
    Annotated[Any, WrapValidator(_wrapped)],
    Annotated[str, Field(max_length=2)],
]
LIST: Any = list
SET: Any = set
DICT: Any = dict
ROOT: Any = RootModel
ANNOTATED: Any = Annotated
AROUND: list[Any] = [
    lambda of: of,
    lambda of: LIST[of],
    lambda of: SET[of] if isinstance(of, type) and of in {int, str, bool} else LIST[of],
    lambda of: LIST[of] | None,
    lambda of: DICT[str, of],
    lambda of: of | str,
    lambda of: ROOT[of],
    lambda of: ROOT[LIST[of]],
    lambda of: ANNOTATED[LIST[of], AfterValidator(lambda value: value)],
    lambda of: ANNOTATED[LIST[of], BeforeValidator(_lenient)],
    lambda of: ANNOTATED[LIST[of], WrapValidator(_wrapped)],
    lambda of: ANNOTATED[LIST[of], Field(min_length=1)],
]
FIELDS: list[Any] = [
    lambda: ...,
    lambda: Field(default=None),
    lambda: Field(alias="b"),
    lambda: Field(default=None, validation_alias=AliasChoices("c", "b")),
    lambda: Field(default=None, validate_default=True),
]
MODEL_VALIDATORS: list[Any] = [
    {},
    {"look": model_validator(mode="before")(_without_bad)},
    {"look": model_validator(mode="after")(lambda self: self)},
    {"look": field_validator("*", mode="before")(_lenient)},
]
CONFIGS = [ConfigDict(), ConfigDict(strict=True), ConfigDict(populate_by_name=True), ConfigDict(extra="forbid")]


@st.composite
def models(draw: st.DrawFn, depth: int = 2) -> Any:
    """Return a model with members a, b, c, of types that see, choose, and overrule in many ways."""
    members: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from("abc"), min_size=1)):
        inner = draw(models(depth - 1)) if depth and draw(st.booleans()) else draw(st.sampled_from(LEAVES))
        members[name] = (draw(st.sampled_from(AROUND))(inner), draw(st.sampled_from(FIELDS))())
    validators, config = draw(st.sampled_from(MODEL_VALIDATORS)), draw(st.sampled_from(CONFIGS))
    base = create_model("Base", __config__=config)
    return create_model("Made", __base__=base, __validators__=validators, **members)


scalars = st.sampled_from([None, 1, 4, "x", "bad", True])
values = st.recursive(
    scalars | st.lists(scalars, max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)
objects = st.dictionaries(st.sampled_from("abc"), values, min_size=1)


FLAT: list[Any] = [
    *({"type": kind} for kind in ("integer", "string", "boolean", "null")),
    {"enum": ["x", 1, None]},
    {"type": "integer", "minimum": 2},
    {},
]


@st.composite
def inline_schemas(draw: st.DrawFn, depth: int = 3) -> Any:
    """Return a JSON Schema that holds, chooses and refers."""
    kind = draw(st.integers(0, 10)) if depth else draw(st.integers(0, 4))
    below = inline_schemas(depth - 1)
    match kind:
        case 5 | 6:
            made = {"type": "array", "items": draw(below)}
        case 7:
            keyword = draw(st.sampled_from(["anyOf", "oneOf", "allOf"]))
            made = {keyword: [draw(below), draw(below)]}
        case 8:
            made = {"$ref": "#/$defs/d", **draw(st.sampled_from([{}, {"type": "object"}]))}
        case 9 | 10:
            members = draw(st.dictionaries(st.sampled_from("abc"), below, min_size=1))
            required = draw(st.sets(st.sampled_from(sorted(members))))
            made = {"type": "object", "properties": members, "required": sorted(required)}
        case _:
            made = draw(st.sampled_from(FLAT))
    return made


@st.composite
def whole_schemas(draw: st.DrawFn) -> Any:
    """Return one for an object, with something to refer to, of one of two drafts."""
    members = draw(st.dictionaries(st.sampled_from("abc"), inline_schemas(), min_size=1))
    draft = draw(st.sampled_from([{}, {"$schema": "http://json-schema.org/draft-07/schema#"}]))
    below = {"type": "array", "items": {"type": "integer"}}
    return {**draft, "type": "object", "properties": members, "$defs": {"d": below}}


def inline(**keywords: Any) -> Schema:
    """Return the schema of an object with these keywords."""
    return Schema.from_json({"type": "object", **keywords}, limits=LIMITS)


def begun(schema: Schema) -> Extraction:
    """Return a running extraction."""
    extraction = Extraction(schema, epoch="e", limits=LIMITS, created_s=0)
    extraction.start(0)
    return extraction


def stopped_at(schema: Schema, pieces: list[str]) -> int | None:
    """Return behind which piece the call would be cancelled."""
    extraction = begun(schema)
    for number, piece in enumerate(pieces):
        extraction.feed(piece, 0)
        if extraction.is_spoiled:
            return number
    return None


def check_that_a_stop_is_right(schema: Schema, value: Any, pieces: list[str]) -> None:
    """What is stopped early is refused as a whole, at a place that the early error names."""
    extraction = begun(schema)
    for piece in pieces:
        extraction.feed(piece, 0)
        if extraction.is_spoiled:
            early = extraction.close()
            assert isinstance(early, InvalidOutput)
            with pytest.raises(InvalidOutput) as late:
                schema.validate(value)
            assert len(late.value.errors) > 10 or early.errors[0]["path"] in {
                error["path"] for error in late.value.errors
            }
            return


@given(models(), objects, st.data())
def test_a_model_refuses_what_was_stopped_early(model: Any, value: Any, data: st.DataObject) -> None:
    """Whatever its validators, aliases and unions are; so nothing valid is ever stopped."""
    pieces = data.draw(cut_texts(st.just(json.dumps(value))))
    check_that_a_stop_is_right(Schema.from_model(model), value, pieces)


@given(models(depth=1), st.lists(objects, max_size=3), st.data())
def test_many_of_a_model_refuse_what_was_stopped_early(model: Any, value: Any, data: st.DataObject) -> None:
    """An item of the list that was asked for is judged by its whole schema."""
    pieces = data.draw(cut_texts(st.just(json.dumps({"items": value}))))
    check_that_a_stop_is_right(Schema.from_model(model).many(), value, pieces)


@given(whole_schemas(), objects, st.data())
def test_an_inline_schema_refuses_what_was_stopped_early(schema: Any, value: Any, data: st.DataObject) -> None:
    """Whatever it refers to and chooses between."""
    pieces = data.draw(cut_texts(st.just(json.dumps(value))))
    check_that_a_stop_is_right(Schema.from_json(schema, limits=LIMITS), value, pieces)


class Line(BaseModel):
    """An item."""

    sku: str
    count: Annotated[int, Field(alias="n")]


class Part(BaseModel):
    """An object between the root and a list."""

    lines: list[Line] = []


class Order(BaseModel):
    """Lists at two depths, and members that are none."""

    number: int = 0
    part: Part | None = None
    lines: list[Line] | None = None
    limited: set[Annotated[int, Field(gt=2)]] = set()


ORDER = Schema.from_model(Order)
INLINE = Schema.from_json(Order.model_json_schema(), limits=LIMITS)


@pytest.mark.parametrize(
    ("schema", "text", "path"),
    [
        (ORDER, '{"lines":[{"sku":"a","n":1},{"sku":"b","n":"many"},', "/lines/1/n"),
        (ORDER, '{"lines":[{"sku":"a"},', "/lines/0/n"),
        (ORDER, '{"part":{"lines":[7,', "/part/lines/0"),
        (ORDER, '{"number":"x",', "/number"),
        (ORDER, '{"limited":[3,2,', "/limited/1"),
        (ORDER, '```json\n{"number":"x",', "/number"),
        (ORDER.many(), '{"items":[{"number":"x"},', "/0/number"),
        (Schema.from_model(list[int]), '{"value":[1,"x",', "/1"),
        (INLINE, '{"limited":[3,2,', "/limited/1"),
        (INLINE, '{"number":"x",', "/number"),
        (INLINE.many(), '{"items":[{"number":"x"},', "/0/number"),
    ],
)
def test_what_is_refused_at_once(schema: Schema, text: str, path: str) -> None:
    """By a model or a schema, in lists and members; the error names the place from the root."""
    extraction = begun(schema)
    extraction.feed(text, 0)
    outcome = extraction.close()
    assert extraction.is_spoiled
    assert isinstance(outcome, InvalidOutput)
    assert [error["path"] for error in outcome.errors] == [path]


@pytest.mark.parametrize(
    "text",
    [
        '{"lines":[{"sku":"a","n":1',  # not closed
        '{"lines":[{"sku":"a","n":"1"},',  # a number in quotes is one for pydantic
        '{"number":null,',  # stands for an absent member
        '{"unknown":"x",',
        '{"number":"x"}',  # whole: nothing is left to be saved
        "{'number':'x',",  # something was forgiven, so the text may be read once more
        '{"lines":[{"sku":"' + "a" * 40_000 + '"},',  # too large to be judged meanwhile
    ],
)
def test_what_is_left_to_the_end(text: str) -> None:
    """What is open, may still be valid, is whole anyway, or would have to be read or judged at length."""
    assert stopped_at(ORDER, [text]) is None


def trap(annotation: Any, field: Any = ..., **around: Any) -> Schema:
    """Return the schema of a model with members a and b, and what it has around them."""
    return Schema.from_model(create_model("Trap", a=(int, 1), b=(annotation, field), **around))


STRIPPED = ConfigDict(str_strip_whitespace=True)


class Lenient(BaseModel):
    """It mends what it is given before it looks."""

    b: list[int]

    @model_validator(mode="before")
    @classmethod
    def mend(cls, value: Any) -> Any:
        """Make every list one of numbers."""
        return {"b": [1]} if isinstance(value, dict) else value


class Custom(BaseModel):
    """It makes itself."""

    b: list[int]

    def __init__(self, **given: Any) -> None:
        """Take whatever comes."""
        super().__init__(b=[1])


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (Schema.from_model(Lenient), '{"b":["bad"],"a":1}'),
        (Schema.from_model(Custom), '{"b":["bad"],"a":1}'),
        (trap(Lenient), '{"b":{"b":["bad"]},"a":1}'),
        (trap(Annotated[list[int], BeforeValidator(_numbers)]), '{"b":["bad"],"a":1}'),
        (trap(Annotated[list[int] | None, WrapValidator(_wrapped)]), '{"b":["bad"],"a":1}'),
        (trap(list[Annotated[int, AfterValidator(_beside)]]), '{"b":[1],"a":1}'),
        (trap(Annotated[int, AfterValidator(_beside)]), '{"b":1,"a":1}'),
        (trap(list[int] | list[str]), '{"b":["bad"],"a":1}'),
        (trap(int, Field(validation_alias=AliasChoices("c", "b"))), '{"b":"bad","c":1}'),
        (trap(int, Field(validation_alias=AliasPath("c", 0))), '{"b":"bad","c":[1]}'),
        (trap(int, Field(alias="c"), __config__=ConfigDict(populate_by_name=True)), '{"b":"bad","c":1}'),
        (trap(list[Annotated[str, Field(max_length=2)]], __config__=STRIPPED), '{"b":[" ab "],"a":1}'),
        (trap(list[int], __config__=ConfigDict(defer_build=True)), '{"b":[1],"a":1}'),
        (trap(tuple[str, int]), '{"b":["bad",1],"a":1}'),
        (Schema.from_model(Order | Lenient), '{"b":["bad"],"number":"x"}'),
        (inline(anyOf=[{"properties": {"b": {"type": "integer"}}}, {"required": ["a"]}]), '{"b":"bad","a":1}'),
        (inline(properties={"b": {"anyOf": [{"items": {"type": "integer"}}, {}]}}), '{"b":["bad"],"a":1}'),
        (inline(properties={"b": {"not": {"items": {"type": "string"}, "minItems": 2}}}), '{"b":["bad"],"a":1}'),
        (inline(properties={"b": {"prefixItems": [{}], "items": {"type": "integer"}}}), '{"b":["bad"],"a":1}'),
        (inline(properties={"b": {"type": "integer"}}, required=[]), '{"b":null,"a":1}'),
    ],
)
def test_what_the_whole_value_may_mend(schema: Schema, text: str) -> None:
    """By what sees it first, chooses, stands beside it or takes its place: such parts are left to the end."""
    schema.validate(json.loads(text))
    assert stopped_at(schema, list(text)) is None


def test_a_key_that_comes_again_is_not_waited_for() -> None:
    """The first one is judged when it closes, though the last one would count."""
    text = '{"number":"x","number":1}'
    assert stopped_at(ORDER, list(text)) == text.index(",") - 1
    assert ORDER.validate(json.loads(text)) == ORDER.validate({"number": 1})


def test_what_is_large_is_left_to_the_end() -> None:
    """A large part would keep others waiting; see `left` for how a small one is judged."""
    schema = Schema.from_json({"type": "object", "properties": {"n": {"type": "array", "maxItems": 1}}}, limits=LIMITS)
    few: JsonValue = ["x" * 32_000, "y"]
    many: JsonValue = ["x" * 33_000, "y"]
    assert schema.spoiling("/n", few, is_item=False)
    assert not schema.spoiling("/n", many, is_item=False)
