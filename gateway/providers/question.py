"""How each mode asks for JSON: one call's arguments, for chat completions or for the Responses API."""

from collections.abc import Mapping
from typing import Any, assert_never

import msgspec

from gateway.core.union import Member
from gateway.errors import BadRequest
from gateway.ports import Mode, ProviderRequest

__all__ = ["GRAMMAR", "question"]

GRAMMAR = "grammar"
"""llama.cpp's parameter for one; it takes no JSON Schema beside it."""

_JSON_WORDS = "Answer with one JSON object, and nothing else, that conforms to this JSON Schema:\n\n{}"
_MD_JSON_WORDS = (
    "Answer with one fenced code block that begins with ```json and ends with ```, and nothing else. It holds one JSON "
    "object that conforms to this JSON Schema:\n\n{}"
)
_WORDS = {Mode.JSON: _JSON_WORDS, Mode.MD_JSON: _MD_JSON_WORDS}
_RESPONSE_PARAMS = {"max_tokens": "max_output_tokens", "temperature": "temperature", "top_p": "top_p"}


def question(request: ProviderRequest, model: str) -> dict[str, Any]:
    """Return the arguments of one call; parameters come in by `extra_body` and replace nothing that is set here.

    Raises:
        BadRequest: a parameter that the mode has no word for.
    """
    if request.mode is Mode.RESPONSES:
        return _response(request, model)
    body = {
        "model": model,
        "messages": _messages(request),
        "stream": True,
        "stream_options": {"include_usage": True},
        **_chat_form(request),
    }
    return {**body, "extra_body": {name: value for name, value in request.params.items() if name not in body}}


def _chat_form(request: ProviderRequest) -> dict[str, Any]:  # noqa: PLR0911 - one for each mode
    name = request.schema_name
    match request.mode:
        case Mode.TOOLS if request.members and not request.is_list:
            return {"tools": [_member_tool(member) for member in request.members], "tool_choice": "required"}
        case Mode.TOOLS:
            choice = {"type": "function", "function": {"name": name}}
            return {"tools": [_tool(name, request.schema, strict=request.strict)], "tool_choice": choice}
        case Mode.FUNCTIONS:
            return {"functions": [{"name": name, "parameters": request.schema}], "function_call": {"name": name}}
        case Mode.JSON_SCHEMA if GRAMMAR in request.params:
            return {}
        case Mode.JSON_SCHEMA:
            return {"response_format": {"type": "json_schema", "json_schema": _format(request)}}
        case Mode.JSON:
            return {"response_format": {"type": "json_object"}}
        case Mode.MD_JSON:
            return {}
        case Mode.RESPONSES:
            raise AssertionError("not a chat completion")
    assert_never(request.mode)


def _member_tool(member: Member) -> dict[str, Any]:
    return _tool(member.name, member.schema, strict=member.strict)


def _tool(name: str, schema: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": schema, **_strict(strict)}}


def _format(request: ProviderRequest) -> dict[str, Any]:
    return {"name": request.schema_name, "schema": request.schema, **_strict(request.strict)}


def _strict(is_strict: bool) -> dict[str, bool]:
    """Say `strict` of a schema that fulfils the rules, and otherwise nothing: not every server knows the word."""
    return {"strict": True} if is_strict else {}


def _messages(request: ProviderRequest) -> list[Mapping[str, Any]]:
    """The request's messages; with the schema in words where the provider sees it nowhere else.

    The words join a system message that is there already: many chat templates allow only one.
    """
    messages = list(request.chat)
    if request.mode not in _WORDS:
        return messages
    words = _WORDS[request.mode].format(msgspec.json.encode(request.schema).decode())
    first = messages[0] if messages else {}
    if first.get("role") == "system" and isinstance(first.get("content"), str):
        return [{**first, "content": f"{first['content']}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]


def _response(request: ProviderRequest, model: str) -> dict[str, Any]:
    """Ask the Responses API, which would keep the answer where it is not told otherwise."""
    for name in request.params:
        if name not in _RESPONSE_PARAMS:
            raise BadRequest(f"params.{name}: the mode responses has no such parameter", param=f"params.{name}")
    # It takes a schema that is not strict too, but wants to be told so: left out, it means strict.
    text = {"type": "json_schema", **_format(request), "strict": request.strict}
    return {
        "model": model,
        "input": [_input(message) for message in request.chat],
        "stream": True,
        "store": False,
        "text": {"format": text},
        "extra_body": {_RESPONSE_PARAMS[name]: value for name, value in request.params.items()},
    }


def _input(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A chat message as an input item; its text is verbatim, only its parts have other names there."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    kind = "output_text" if message.get("role") == "assistant" else "input_text"
    return {**message, "content": [_input_part(part, kind) for part in content]}


def _input_part(part: Any, kind: str) -> Any:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": kind, "text": text}
        case {"type": "image_url", "image_url": {"url": str(url), **rest}}:
            return {"type": "input_image", "image_url": url, **rest}
        case _:
            return part
