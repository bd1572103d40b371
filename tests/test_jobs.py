"""What is asked for becomes a job, or an error that names the field."""

from typing import Any

import msgspec
import pytest

from gateway.core import frames, messages
from gateway.core.document import Encoding, View
from gateway.core.limits import Limits
from gateway.core.parts import Shown
from gateway.core.projection import Projection
from gateway.core.schema import Schema
from gateway.errors import BadRequest, Forbidden, GatewayError, NotFound, SchemaInvalid, SchemaTooComplex
from gateway.jobs import Busy, Jobs, shown_by, view_of
from gateway.ports import Mode
from gateway.registry import DEFAULT_INSTRUCTIONS, Extractor, Registry

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
SYSTEM = {"role": "system", "content": DEFAULT_INSTRUCTIONS}


def jobs(*, has_inline_schemas: bool = True, **limits: Any) -> Jobs:
    """Return jobs of a server with one extractor."""
    registry = Registry()
    schema = Schema.from_json(SCHEMA, limits=Limits(), name="Known")
    extractor = Extractor(name="known", schema=schema, instructions="Do it.", model="own", mode=Mode.JSON)
    registry.add(extractor)
    return Jobs(registry, limits=Limits(**limits), model="default", has_inline_schemas=has_inline_schemas)


def extract(**fields: Any) -> messages.Extract:
    """Return a request as it comes over the wire."""
    text = msgspec.json.encode({"type": "extract", "id": "a", **fields}).decode()
    message = frames.read(text, max_depth=64)
    assert isinstance(message, messages.Extract)
    return message


def refusal(**fields: Any) -> GatewayError:
    """Return why a request was refused."""
    with pytest.raises(GatewayError) as caught:
        jobs().job(extract(**fields))
    return caught.value


def test_an_inline_schema() -> None:
    """The input goes to the provider verbatim, behind the instructions."""
    job = jobs().job(extract(schema=SCHEMA, input=" text\n"))
    request = job.request
    assert request.messages == (SYSTEM, {"role": "user", "content": " text\n"})
    assert (request.model, request.mode, request.params) == ("default", Mode.TOOLS, {})
    assert (job.schema.json_schema, job.key) == (SCHEMA, None)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0\u2003"])
def test_a_text_with_nothing_in_it(text: str) -> None:
    """Is refused before a model invents something; messages are the client's own."""
    error = refusal(schema=SCHEMA, input=text)
    assert (error.code, error.param) == ("bad_request", "input")
    assert error.message == "input: expected a text to extract from, got nothing"
    chat = [{"role": "user", "content": text}]
    assert jobs().job(extract(schema=SCHEMA, messages=chat)).request.messages[-1] == chat[0]


def test_an_extractor() -> None:
    """Its instructions, model and mode hold; the client's word goes before them."""
    request = jobs().job(extract(extractor="known", input="x")).request
    assert (request.messages[0]["content"], request.model, request.mode) == ("Do it.", "own", Mode.JSON)
    request = jobs().job(extract(extractor="known", input="x", model="m", mode="json_schema")).request
    assert (request.model, request.mode, request.schema_name) == ("m", Mode.JSON_SCHEMA, "Known")


def test_how_it_is_to_run() -> None:
    """What the client says, in seconds where it is a time."""
    asked = extract(schema=SCHEMA, input="x", retries=2, budget_tokens=9, busy="replace", cancel_after_ms=1500)
    job = jobs().job(asked)
    assert (job.retries, job.budget_tokens, job.busy, job.cancel_after_s) == (2, 9, Busy.REPLACE, 1.5)
    plain = jobs().job(extract(schema=SCHEMA, input="x"))
    assert (plain.retries, plain.budget_tokens, plain.busy, plain.cancel_after_s) == (0, None, Busy.QUEUE, None)


@pytest.mark.parametrize(
    ("fields", "retries", "budget_tokens"),
    [
        ({}, 3, 100),
        ({"retries": 0, "budget_tokens": 50}, 0, 50),
        ({"retries": 9, "budget_tokens": 200}, 9, 100),
    ],
)
def test_what_an_extractor_says_of_its_runs(fields: dict[str, Any], retries: int, budget_tokens: int) -> None:
    """It holds where the client says nothing; its budget can only be lowered, and how long it is kept is its own."""
    own = Extractor(
        name="own", schema=Schema.from_json(SCHEMA, limits=Limits()), retries=3, budget_tokens=100, retain_ms=250
    )
    job = jobs().job(extract(extractor="own", input="x", **fields), own)
    assert (job.extractor, job.retries, job.budget_tokens, job.retain_s) == ("own", retries, budget_tokens, 0.25)


def test_chat_messages_pass_verbatim() -> None:
    """Whatever stands in them; an extractor's instructions come first, the default ones stay away."""
    chat = [{"role": "user", "content": [{"type": "image_url"}], "name": "n"}, {"role": "assistant", "content": None}]
    assert jobs().job(extract(schema=SCHEMA, messages=chat)).request.messages == tuple(chat)
    own = jobs().job(extract(extractor="known", messages=chat)).request.messages
    assert own == ({"role": "system", "content": "Do it."}, *chat)


def test_params_are_those_that_were_given() -> None:
    """Nothing is added."""
    params = {"temperature": 0, "seed": 5, "stop": ["a"]}
    assert jobs().job(extract(schema=SCHEMA, input="x", params=params)).request.params == params


def test_many() -> None:
    """The provider is asked for an object with items; the value is the bare array."""
    job = jobs().job(extract(schema=SCHEMA, input="x", many=True))
    assert (job.request.schema["required"], job.schema.wrapper, job.schema.json_schema["type"]) == (
        ["items"],
        "items",
        "array",
    )


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({"input": "x"}, BadRequest, "extractor"),
        ({"input": "x", "schema": SCHEMA, "extractor": "known"}, BadRequest, "extractor"),
        ({"extractor": "other", "input": "x"}, NotFound, "extractor"),
        ({"schema": SCHEMA}, BadRequest, "input"),
        ({"schema": SCHEMA, "input": "x", "messages": [{"role": "user", "content": "x"}]}, BadRequest, "input"),
        ({"schema": SCHEMA, "messages": []}, BadRequest, "messages"),
        ({"schema": SCHEMA, "messages": [{"content": "x"}]}, BadRequest, "messages[0].role"),
        ({"schema": SCHEMA, "messages": [{"role": "user"}, {"role": 5}]}, BadRequest, "messages[1].role"),
        ({"schema": SCHEMA, "input": "x", "mode": "yaml"}, BadRequest, "mode"),
        ({"schema": SCHEMA, "input": "x", "busy": "wait"}, BadRequest, "busy"),
        ({"schema": {"type": "nothing"}, "input": "x"}, SchemaInvalid, "schema"),
        ({"schema": None, "input": "x"}, SchemaInvalid, "schema"),
        ({"schema": {**SCHEMA, "description": "x" * 70_000}, "input": "x"}, SchemaTooComplex, "schema"),
    ],
)
def test_what_cannot_be_a_job(fields: dict[str, Any], kind: type[GatewayError], param: str) -> None:
    """The error names the field."""
    error = refusal(**fields)
    assert (type(error), error.param) == (kind, param)


def test_input_and_messages_are_both_given_also_where_there_are_none() -> None:
    """An empty list is something that was given."""
    assert refusal(schema=SCHEMA, input="x", messages=[]).message.endswith("got both")


def test_a_server_without_inline_schemas() -> None:
    """It runs registered extractors only."""
    with pytest.raises(Forbidden) as refused:
        jobs(has_inline_schemas=False).job(extract(schema=SCHEMA, input="x"))
    assert refused.value.param == "schema"


def test_what_two_requests_with_one_key_may_differ_in() -> None:
    """The watch and its options; nothing else, also not beyond what 64 bits hold."""
    asked: dict[str, Any] = {"schema": {**SCHEMA, "maximum": 10**30}, "input": "x", "key": "k"}
    body = jobs().job(extract(**asked)).body
    for same in ({"id": "b"}, {"encoding": "snapshot"}, {"interval_ms": 0}, {"skeleton": False}, {"key": "l"}):
        assert jobs().job(extract(**{**asked, **same})).body == body
    for other in ({"input": "y"}, {"many": True}, {"model": "m"}, {"params": {"seed": 1}}, {"schema": SCHEMA}):
        assert jobs().job(extract(**{**asked, **other})).body != body


@pytest.mark.parametrize("encoding", list(Encoding))
def test_views(encoding: Encoding) -> None:
    """Each state encoding, with and without skeleton; patch with it is the default."""
    assert view_of(extract(encoding=encoding.value, skeleton=False)) == View(encoding, skeleton=False)
    assert view_of(extract()) == View(Encoding.PATCH, skeleton=True)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, Shown.VALUE),
        ({"encoding": "append", "reasoning": True}, Shown.VALUE | Shown.REASONING),
        ({"encoding": "items"}, Shown.ITEMS),
        ({"encoding": "text", "reasoning": True}, Shown.TEXT | Shown.REASONING),
    ],
)
def test_what_a_watch_shows(options: dict[str, Any], shown: Shown) -> None:
    """Its encoding says, and reasoning comes on top; a watch of something else ends with a snapshot, if with any."""
    assert shown_by(extract(**options)) == shown
    if Shown.VALUE not in shown:
        assert view_of(extract(**options)) == View(Encoding.SNAPSHOT)


def test_a_part_of_the_value() -> None:
    """Patterns make a projection, in every encoding that has a value; the idempotency key does not look at them."""
    asked = extract(encoding="items", paths=["/a", "/b/*"], progress=True)
    assert view_of(asked) == View(Encoding.SNAPSHOT, progress=True, projection=Projection(["/b/*", "/a"]))
    assert view_of(extract()).projection is None


@pytest.mark.parametrize("options", [{"encoding": "text"}, {"reasoning": True}])
def test_what_has_no_parts(options: dict[str, Any]) -> None:
    """Raw text and reasoning would show what the patterns leave out: refused under the name of the patterns."""
    with pytest.raises(BadRequest, match=r"^paths: ") as refused:
        view_of(extract(paths=["/a"], **options))
    assert refused.value.param == "paths"


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": ""},
        {"grounding": True},
        {"paths": []},
        {"paths": ["a"]},
        {"paths": ["/a"] * 33},
    ],
)
def test_what_is_not_offered_is_refused_and_not_ignored(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(BadRequest) as refused:
        view_of(extract(**options))
    assert [refused.value.param] == list(options)
