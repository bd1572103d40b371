"""The extractors an application offers: a schema with instructions, model and mode, under a name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.core.checks import Check
from gateway.core.messages import MOST_RETRIES
from gateway.core.redaction import Transform
from gateway.core.schema import Schema
from gateway.core.values import JsonValue
from gateway.errors import NotFound
from gateway.ports import Mode

__all__ = ["DEFAULT_INSTRUCTIONS", "Extractor", "Registry"]

DEFAULT_INSTRUCTIONS = (
    "Extract what the user's text says into the given structure. "
    "Use the text's own words, and leave out what it does not say."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """What is extracted, and how the model is asked.

    Attributes:
        name: how clients ask for it.
        schema: what is extracted.
        instructions: the system message; the client's input stays verbatim.
        model: the provider's model; None for the server's default.
        mode: how the provider is asked for JSON.
        description: one line for people.
        example: an input to try it with.
        declared: the type it was made from, where there is one.
        retries: how often the model is asked again after an answer that is not valid, where the client does not say.
        budget_tokens: that a model may write for one extraction, all attempts together; a client may only lower it.
        retain_ms: how long an extraction is kept once it has ended; None for the server's own time, 0 for not at all.
        redact: given the pointer and the value of a leaf that may not be shown, returns what is shown instead.
        checks: what is expected of the whole value, and only reported.

    Raises:
        ValueError: a number that is out of bounds.
    """

    name: str
    schema: Schema
    instructions: str = DEFAULT_INSTRUCTIONS
    model: str | None = None
    mode: Mode = Mode.TOOLS
    description: str = ""
    example: str = ""
    declared: Any = None
    retries: int = 0
    budget_tokens: int | None = None
    retain_ms: int | None = None
    redact: Transform | None = None
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        """Check what an application gives."""
        _require_integer("retries", self.retries, 0, MOST_RETRIES)
        if self.budget_tokens is not None:
            _require_integer("budget_tokens", self.budget_tokens, 1)
        if self.retain_ms is not None:
            _require_integer("retain_ms", self.retain_ms, 0)
        for check in self.checks:
            if not isinstance(check, Check):
                raise TypeError(f"checks: expected gateway.Check(name, function), got {check!r:.100}")
        if self.redact is not None and not callable(self.redact):
            raise TypeError(f"redact: expected a function of a pointer and a value, got {self.redact!r:.100}")

    def described(self) -> dict[str, JsonValue]:
        """Return the entry of `welcome.extractors`."""
        entry: dict[str, JsonValue] = {"name": self.name, "mode": self.mode.value, "schema": self.schema.json_schema}
        if self.description:
            entry["description"] = self.description
        if self.example:
            entry["example"] = {"input": self.example}
        return entry


def _require_integer(name: str, number: object, least: int, most: int | None = None) -> None:
    expected = f"at least {least}" if most is None else f"{least} to {most}"
    is_one = isinstance(number, int) and not isinstance(number, bool) and least <= number
    if not is_one or (most is not None and isinstance(number, int) and number > most):
        raise ValueError(f"{name}: expected {expected}, got {number!r:.100}")


class Registry:
    """Extractors by name."""

    def __init__(self) -> None:
        """Begin empty."""
        self._extractors: dict[str, Extractor] = {}

    def __iter__(self) -> Iterator[Extractor]:
        """Go through the extractors in the order they were added."""
        return iter(self._extractors.values())

    def add(self, extractor: Extractor) -> None:
        """Add an extractor.

        Raises:
            ValueError: there is one of that name already.
        """
        if extractor.name in self._extractors:
            raise ValueError(f"an extractor named {extractor.name!r} is registered already")
        self._extractors[extractor.name] = extractor

    def made_from(self, declared: object) -> Extractor | None:
        """Return the extractor that was registered for a type."""
        return next((extractor for extractor in self if extractor.declared is declared), None)

    def get(self, name: str) -> Extractor:
        """Return the extractor of that name.

        Raises:
            NotFound: there is none.
        """
        extractor = self._extractors.get(name)
        if extractor is None:
            known: Any = ", ".join(self._extractors) or "none"
            raise NotFound(f"extractor: expected one of: {known}; got {name[:60]!r}", param="extractor")
        return extractor
