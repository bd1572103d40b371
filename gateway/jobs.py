"""What a client's `extract` and watch options ask for, checked against what this server offers (PROTOCOL.md §3)."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from gateway.core import messages
from gateway.core.checks import Check
from gateway.core.document import Encoding, View
from gateway.core.limits import Limits
from gateway.core.parts import ENCODINGS, Shown
from gateway.core.projection import Projection
from gateway.core.redaction import Transform
from gateway.core.schema import Schema
from gateway.errors import BadRequest, Forbidden
from gateway.inputs import NO_TEXT, is_blank
from gateway.ports import Mode, ProviderRequest
from gateway.principal import ANYBODY, Principal
from gateway.registry import DEFAULT_INSTRUCTIONS, Extractor, Registry

__all__ = ["Busy", "Job", "Jobs", "shown_by", "view_of"]

_WATCH_FIELDS = ("id", "encoding", "interval_ms", "progress", "reasoning", "grounding", "skeleton", "paths", "key")
"""What two requests with the same idempotency key may differ in."""

_VIEW_WISHES = ("grounding",)
"""Fields of PROTOCOL.md §3 that are not offered yet (§12)."""


class Busy(StrEnum):
    """What happens to an extraction for which its session has no place free (PROTOCOL.md §3)."""

    REJECT = "reject"
    QUEUE = "queue"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One extraction to run.

    Attributes:
        extractor: its name.
        schema: of the value.
        request: what the provider is asked.
        input_chars: length of the input, for estimates of tokens.
        key: who asks, and their idempotency key.
        body: fingerprint of what was asked, watch options aside.
        retries: how often the model may be asked again after an answer that is not valid.
        budget_tokens: of all attempts' output; None for no end.
        busy: what happens at the session's limit.
        cancel_after_s: it is cancelled when nobody has watched for so long; None: never.
        retain_s: how long it is kept once it has ended; None: as long as any.
        redact: what a leaf that may not be shown is shown as.
        checks: what is expected of the whole value, and only reported.
        realm: whose it is.
        principal: who asks; nobody in particular where that is empty.
        channel: where it is announced; None for nowhere.
    """

    extractor: str
    schema: Schema
    request: ProviderRequest
    input_chars: int
    key: tuple[str, str] | None
    body: str
    retries: int = 0
    budget_tokens: int | None = None
    busy: Busy = Busy.QUEUE
    cancel_after_s: float | None = None
    retain_s: float | None = None
    redact: Transform | None = None
    checks: tuple[Check, ...] = ()
    realm: str = ""
    principal: str = ""
    channel: str | None = None


def view_of(options: messages.Extract | messages.Watch) -> View:
    """Return how a watch wants to see the value; where it shows something else, its last state is a snapshot.

    Raises:
        BadRequest: an encoding or option that is not offered, or patterns that are none.
    """
    _check_not_asked(options, _VIEW_WISHES)
    carries_state = Shown.VALUE in shown_by(options)
    encoding = Encoding(options.encoding) if carries_state else Encoding.SNAPSHOT
    return View(encoding, options.skeleton, options.progress, _projection(options))


def shown_by(options: messages.Extract | messages.Watch) -> Shown:
    """Return what a watch wants to see.

    Raises:
        BadRequest: an encoding that is not offered.
    """
    part = ENCODINGS.get(options.encoding)
    if part is None:
        offered = ", ".join(ENCODINGS)
        raise BadRequest(f"encoding: expected one of {offered}; got {options.encoding[:60]!r}", param="encoding")
    part |= Shown.REASONING if options.reasoning else Shown(0)
    return part | Shown.PROGRESS if options.progress and Shown.VALUE in part else part


class Jobs:
    """Turns `extract` messages into jobs.

    Args:
        registry: the extractors there are.
        limits: of inline schemas.
        model: the model where neither client nor extractor names one.
        has_inline_schemas: whether clients may bring their own schema.
    """

    def __init__(self, registry: Registry, *, limits: Limits, model: str | None, has_inline_schemas: bool) -> None:
        """Know what is offered."""
        self._registry = registry
        self._limits = limits
        self._model = model
        self._has_inline_schemas = has_inline_schemas

    def job(
        self, request: messages.Extract, extractor: Extractor | None = None, *, principal: Principal = ANYBODY
    ) -> Job:
        """Return the job a client asks for.

        Args:
            request: what is asked.
            extractor: what to extract with, where it is not the request that says so.
            principal: who asks; an idempotency key is theirs alone, and their realm's is the extraction.

        Raises:
            ClientError: what is asked is malformed, unknown, or not offered; says which field.
        """
        extractor = self._extractor(request) if extractor is None else extractor
        schema = extractor.schema.many() if request.many else extractor.schema
        chat = _chat(request, extractor)
        return Job(
            extractor=extractor.name,
            schema=schema,
            request=ProviderRequest(
                messages=chat,
                schema=schema.provider_schema,
                schema_name=schema.name,
                strict=schema.strict,
                wrapper=schema.wrapper,
                is_list=request.many,
                members=schema.members,
                mode=extractor.mode if request.mode is None else _mode(request.mode),
                model=request.model or extractor.model or self._model,
                params={} if request.params is None else msgspec.to_builtins(request.params),
            ),
            input_chars=sum(len(str(message.get("content", ""))) for message in chat),
            key=None if request.key is None else (principal.name, request.key),
            body=_fingerprint(request),
            retries=extractor.retries if request.retries is None else request.retries,
            budget_tokens=_least(request.budget_tokens, extractor.budget_tokens),
            busy=_busy(request.busy),
            cancel_after_s=_seconds(request.cancel_after_ms),
            retain_s=_seconds(extractor.retain_ms),
            redact=extractor.redact,
            checks=extractor.checks,
            realm=principal.realm,
            principal=principal.name,
            channel=request.channel,
        )

    def _extractor(self, request: messages.Extract) -> Extractor:
        has_schema = request.schema is not msgspec.UNSET
        if (request.extractor is None) != has_schema:
            got = "both" if has_schema else "neither"
            raise BadRequest(f"extractor: expected either extractor or schema, got {got}", param="extractor")
        if request.extractor is not None:
            return self._registry.get(request.extractor)
        if not self._has_inline_schemas:
            raise Forbidden("schema: this server runs registered extractors only", param="schema")
        return Extractor(name="inline", schema=Schema.from_json(request.schema, limits=self._limits))


def _chat(request: messages.Extract, extractor: Extractor) -> tuple[dict[str, Any], ...]:
    """Return the chat: the instructions, then the client's input verbatim."""
    if (request.input is None) == (request.messages is None):
        got = "neither" if request.input is None else "both"
        raise BadRequest(f"input: expected either input or messages, got {got}", param="input")
    if request.input is not None:
        if is_blank(request.input):
            raise BadRequest(f"input: {NO_TEXT}", param="input")
        return (_system(extractor.instructions), {"role": "user", "content": request.input})
    given = tuple(request.messages or ())
    if not given:
        raise BadRequest("messages: expected at least one message, got none", param="messages")
    for index, message in enumerate(given):
        if not isinstance(message.get("role"), str):
            raise BadRequest(f"messages[{index}].role: expected a string", param=f"messages[{index}].role")
    return given if extractor.instructions == DEFAULT_INSTRUCTIONS else (_system(extractor.instructions), *given)


def _system(instructions: str) -> dict[str, Any]:
    return {"role": "system", "content": instructions}


def _mode(name: str) -> Mode:
    try:
        return Mode(name)
    except ValueError:
        raise BadRequest(f"mode: expected one of {', '.join(Mode)}; got {name[:60]!r}", param="mode") from None


def _busy(name: str) -> Busy:
    try:
        return Busy(name)
    except ValueError:
        raise BadRequest(f"busy: expected one of {', '.join(Busy)}; got {name[:60]!r}", param="busy") from None


def _least(*bounds: int | None) -> int | None:
    """Return the narrowest of some bounds, of which each may be none."""
    return min((bound for bound in bounds if bound is not None), default=None)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _projection(options: messages.Extract | messages.Watch) -> Projection | None:
    """Return what is to be seen of the value; raw text and reasoning have no parts."""
    if options.paths is None:
        return None
    if options.encoding == "text" or options.reasoning:
        raise BadRequest("paths: expected none with the encoding text or with reasoning, got some", param="paths")
    return Projection(options.paths)


def _check_not_asked(request: messages.Extract | messages.Watch, names: tuple[str, ...]) -> None:
    """Refuse what is not offered yet, so that nobody relies on what is ignored."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(request)}
    for name in names:
        if getattr(request, name) != defaults[name]:
            raise BadRequest(f"{name}: this server does not offer it", param=name)


def _fingerprint(request: messages.Extract) -> str:
    asked = {name: value for name, value in msgspec.to_builtins(request).items() if name not in _WATCH_FIELDS}
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
