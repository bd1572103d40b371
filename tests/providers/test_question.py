"""What each mode sends: whole bodies, compared."""

from typing import Any

import pytest

from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.errors import BadRequest
from gateway.ports import Mode, ProviderRequest
from gateway.providers.question import question

_SCHEMA = {"type": "object", "properties": {"answer": {"type": "integer"}}}
_MESSAGES = ({"role": "user", "content": "What is it?\n\té€😀"},)
_CHAT = {
    "model": "m",
    "messages": list(_MESSAGES),
    "stream": True,
    "stream_options": {"include_usage": True},
    "extra_body": {},
}


def _asked(mode: Mode, **fields: Any) -> dict[str, Any]:
    return question(ProviderRequest(**{"messages": _MESSAGES, "schema": _SCHEMA, "mode": mode, **fields}), "m")


def test_functions() -> None:
    """The form before tools, which has no word for strict."""
    function = {"name": "Answer", "parameters": _SCHEMA}
    asked = _asked(Mode.FUNCTIONS, schema_name="Answer", strict=True)
    assert asked == {**_CHAT, "functions": [function], "function_call": {"name": "Answer"}}


def test_a_union_is_a_choice_of_tools() -> None:
    """One for each member, strict where it can be; one must be called."""
    members: list[dict[str, Any]] = [
        {"title": name, "type": "object", "properties": {name: {"type": "integer"}}} for name in ("A", "B")
    ]
    members[1]["additionalProperties"] = True
    schema = Schema.from_json({"anyOf": members}, limits=Limits())
    asked = _asked(Mode.TOOLS, schema=schema.provider_schema, wrapper=schema.wrapper, members=schema.members)
    first, second = (tool["function"] for tool in asked["tools"])
    assert (asked["tool_choice"], first["name"], second["name"]) == ("required", "A", "B")
    assert (first["strict"], first["parameters"]["required"]) == (True, ["A"])
    assert second == {"name": "B", "parameters": members[1]}


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.TOOLS])
def test_other_modes_ask_for_a_union_inside_the_wrapper(mode: Mode) -> None:
    """They have no choice of tools."""
    schema = Schema.from_json({"anyOf": [{"type": "object", "properties": {}}] * 2}, limits=Limits())
    fields: dict[str, Any] = {"schema": schema.provider_schema, "wrapper": "value", "members": schema.members}
    assert _asked(mode, **fields) == _asked(mode, schema=schema.provider_schema)


def test_md_json_has_nothing_but_words() -> None:
    """The schema stands in the system message, with the fence that is asked for."""
    asked = _asked(Mode.MD_JSON)
    system, user = asked.pop("messages")
    assert asked == {name: held for name, held in _CHAT.items() if name != "messages"}
    assert (system["role"], user) == ("system", _MESSAGES[0])
    assert "```json" in system["content"]
    assert '"answer":{"type":"integer"}' in system["content"]


@pytest.mark.parametrize("strict", [True, False])
def test_responses(strict: bool) -> None:
    """The schema is the text's format, strict or said to be not; nothing is kept there."""
    params = {"max_tokens": 9, "temperature": 0, "top_p": 1}
    schema = {"type": "json_schema", "name": "Answer", "schema": _SCHEMA, "strict": strict}
    assert _asked(Mode.RESPONSES, schema_name="Answer", strict=strict, params=params) == {
        "model": "m",
        "input": list(_MESSAGES),
        "stream": True,
        "store": False,
        "text": {"format": schema},
        "extra_body": {"max_output_tokens": 9, "temperature": 0, "top_p": 1},
    }


@pytest.mark.parametrize("name", ["seed", "stop"])
def test_a_parameter_that_responses_does_not_know(name: str) -> None:
    """It is refused and not dropped."""
    with pytest.raises(BadRequest, match=f"params.{name}") as refused:
        _asked(Mode.RESPONSES, params={name: 1})
    assert refused.value.param == f"params.{name}"


def test_the_parts_of_a_message_have_other_names_in_responses() -> None:
    """Texts and images are named anew, verbatim; what is unknown passes as it is."""
    image = {"type": "image_url", "image_url": {"url": "data:,x", "detail": "low"}}
    other = {"type": "input_file", "file_id": "f"}
    said = {"role": "assistant", "content": [{"type": "text", "text": "b"}]}
    asked = {"role": "user", "content": [{"type": "text", "text": " a"}, image, other]}
    assert _asked(Mode.RESPONSES, messages=(asked, said))["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": " a"},
                {"type": "input_image", "image_url": "data:,x", "detail": "low"},
                other,
            ],
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
    ]


def test_a_grammar_stands_instead_of_the_schema() -> None:
    """llama.cpp takes only one of them."""
    asked = _asked(Mode.JSON_SCHEMA, params={"grammar": 'root ::= "1"'})
    assert asked == {**_CHAT, "extra_body": {"grammar": 'root ::= "1"'}}
