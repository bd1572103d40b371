"""The final validation of a value: by pydantic for a model, by a compiled schema for an inline one.

A validator promises: what it returns is JSON, finite and as the schema says; what it refuses it refuses with
InvalidOutput, whose errors are few, short, and each name a place, what was expected there and what came.
"""

from collections.abc import Iterator
from math import isfinite
from typing import Any, NoReturn, Protocol, cast
from urllib.parse import quote

import jsonschema_rs
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator, to_json

from gateway.core.admission import refuse
from gateway.core.explanation import MAX_ERRORS, VALUE, Compiled, Explanation, error_at
from gateway.core.pointer import append, join
from gateway.core.values import JsonObject, JsonValue, came
from gateway.errors import InvalidOutput

__all__ = ["InlineValidator", "ItemsValidator", "ModelValidator", "PartValidator", "Unchecked", "Validator", "refusal"]

_SCHEMA_URI = "urn:schema"
_PATTERN_BYTES = 262_144  # of one compiled pattern: a class of letters may repeat some hundred times


class Validator(Protocol):
    """Decides whether a value is what was asked for."""

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the value as the schema has it; InvalidOutput where it does not fit."""
        ...

    def instance(self, value: JsonValue) -> Any:
        """Return what a valid value is to the application: an instance of its model."""
        ...


class ModelValidator:
    """Validates by pydantic, the way the model validates JSON text."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        """Keep the adapter of a model."""
        self._adapter = adapter

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the JSON of the validated model, under its aliases."""
        try:
            validated = self._adapter.validate_json(to_json(value))
        except ValidationError as fault:
            _refuse_by_model(fault, value)
        dumped = cast("JsonValue", self._adapter.dump_python(validated, mode="json", by_alias=True, warnings=False))
        for path in _non_finite(dumped, ""):
            _refuse([error_at(path, "expected a finite number, got NaN or an infinity")])
        return dumped

    def instance(self, value: JsonValue) -> Any:
        """Return the instance of the model."""
        return self._adapter.validate_json(to_json(value))


class PartValidator:
    """Judges a part of a model's value by pydantic; what it is made into is left to the model's own validation."""

    def __init__(self, compiled: SchemaValidator) -> None:
        """Keep the validator of the part."""
        self._compiled = compiled

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the value itself."""
        try:
            self._compiled.validate_json(to_json(value))
        except ValidationError as fault:
            _refuse_by_model(fault, value)
        return value

    def instance(self, value: JsonValue) -> Any:
        """Return the value itself."""
        return value


class InlineValidator:
    """Validates by a compiled schema: formats are checked, patterns take linear time, nothing is fetched.

    Only the verdict is the compiled schema's. Its own error reports take time and memory exponential in the
    depth of the value where a union is recursive (measured: 2 s at a depth of 14, out of memory at 22).
    """

    def __init__(self, schema: JsonObject) -> None:
        """Compile an admitted schema; SchemaInvalid where it does not."""
        self._schema = {keyword: held for keyword, held in schema.items() if keyword != "$id"}
        try:
            self._compiled = _compiled(self._schema)
        except jsonschema_rs.ValidationError as fault:
            refuse(join(fault.instance_path), _compiler_words(fault))
        except (ValueError, jsonschema_rs.ReferencingError) as fault:
            refuse("", f"expected a schema that compiles, got one that does not: {str(fault)[:200]}")

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the value itself."""
        if not self._compiled.is_valid(value):
            _refuse(Explanation(self._schema, _Parts(self._schema)).errors(value))
        return value

    def instance(self, value: JsonValue) -> Any:
        """Return the value itself."""
        return value


class Unchecked:
    """Lets every value pass: for a place about which nothing is known."""

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the value itself."""
        return value

    def instance(self, value: JsonValue) -> Any:
        """Return the value itself."""
        return value


class ItemsValidator:
    """Validates each item of an array on its own.

    Attributes:
        item: the validator of an item.
    """

    def __init__(self, item: Validator) -> None:
        """Keep the validator of an item."""
        self.item = item

    def validate(self, value: JsonValue) -> JsonValue:
        """Return the items as their validator has them."""
        if not isinstance(value, list):
            _refuse([error_at("", f"expected an array, got {came(value)}")])
        validated: list[JsonValue] = []
        errors: list[dict[str, str]] = []
        for index, item in enumerate(value):
            try:
                validated.append(self.item.validate(item))
            except InvalidOutput as fault:
                place = append("", index)
                errors.extend(error_at(place + error["path"], error["message"]) for error in fault.errors)
            if len(errors) >= MAX_ERRORS:
                break
        if errors:
            _refuse(errors[:MAX_ERRORS])
        return validated

    def instance(self, value: JsonValue) -> Any:
        """Return the instances of the items."""
        return [self.item.instance(item) for item in value] if isinstance(value, list) else value


class _Parts:
    """Compiles parts of one schema when an explanation asks for them."""

    def __init__(self, schema: JsonObject) -> None:
        self._dialect = {"$schema": schema["$schema"]} if "$schema" in schema else {}
        self._registry = jsonschema_rs.Registry([(_SCHEMA_URI, schema)], retriever=_refuse_to_fetch)
        self._at: dict[str, Compiled] = {}

    def at(self, place: str) -> Compiled:
        compiled = self._at.get(place)
        if compiled is None:
            reference: JsonObject = {**self._dialect, "$ref": f"{_SCHEMA_URI}#{quote(place)}"}
            compiled = self._at[place] = _compiled(reference, self._registry)
        return compiled

    def alone(self, schema: JsonObject) -> Compiled:
        return _compiled({**self._dialect, **schema})


def _compiled(schema: JsonObject, registry: jsonschema_rs.Registry | None = None) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        schema,
        mask=VALUE,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES),
        registry=registry,
        retriever=_refuse_to_fetch,
        validate_formats=True,
    )


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise LookupError(f"{came(uri)} is outside the schema, and nothing is fetched")


def refusal(errors: list[dict[str, str]], count: int | None = None) -> InvalidOutput:
    """Return the error of a value with these errors; `count` in all, where more are known than are reported."""
    first, more = errors[0], (count or len(errors)) - 1
    message = f"the value at {first['path'] or 'its root'}: {first['message']}"
    at_least = "at least " if count is None and len(errors) >= MAX_ERRORS else ""
    return InvalidOutput(f"{message} (and {at_least}{more} more)" if more else message, errors=tuple(errors))


def _refuse(errors: list[dict[str, str]], count: int | None = None) -> NoReturn:
    raise refusal(errors, count) from None


def _refuse_by_model(fault: ValidationError, value: JsonValue) -> NoReturn:
    details = fault.errors(include_url=False, include_context=False)
    _refuse([_model_error(detail, value) for detail in details[:MAX_ERRORS]], len(details))


def _compiler_words(fault: jsonschema_rs.ValidationError) -> str:
    """Say what is wrong with a schema; the compiler quotes what came, at any length."""
    match fault.kind:
        case jsonschema_rs.ValidationErrorKind.Format(format="regex"):
            bound = f"without look-around and back-references, of at most {_PATTERN_BYTES >> 10} KiB compiled"
            return f"expected a regular expression {bound}, got {came(fault.instance)}"
        case jsonschema_rs.ValidationErrorKind.Referencing():
            return "expected references to places within the schema, got another; nothing is fetched"
        case _:
            return f"expected what the meta-schema says, got {came(fault.instance)}: {fault.message[:200]}"


def _model_error(detail: ErrorDetails, value: JsonValue) -> dict[str, str]:
    if detail["type"] == "missing":
        return error_at(_path(detail, value), "expected a member that is required, got none")
    return error_at(_path(detail, value), f"{detail['msg']}; got {came(detail['input'])}")


def _path(detail: ErrorDetails, value: JsonValue) -> str:
    """Name the place of a model's error, whose location also holds names of union members."""
    path = ""
    for token in detail["loc"]:
        match value:
            case dict() if token in value:
                value, path = value[str(token)], append(path, token)
            case list() if isinstance(token, int) and token < len(value):
                value, path = value[token], append(path, token)
            case _:
                pass
    return append(path, detail["loc"][-1]) if detail["type"] == "missing" else path


def _non_finite(value: JsonValue, path: str) -> Iterator[str]:
    match value:
        case float() if not isfinite(value):
            yield path
        case dict():
            for key, member in value.items():
                yield from _non_finite(member, append(path, key))
        case list():
            for index, item in enumerate(value):
                yield from _non_finite(item, append(path, index))
        case _:
            pass
