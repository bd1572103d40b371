"""How the log is written: as text for people, or one JSON object a line for programs (README.md, "Logs").

An entry is a short sentence and its fields. It is its own text, so that it can be read also where an application has
its own way of logging; what its fields hold is ours: ids, codes and numbers, never what a client or a model wrote.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

__all__ = ["Entry", "JsonFormatter", "configure"]

Value: TypeAlias = str | int | bool | None

_TEXT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
_PLAIN = re.compile(r"[\w.:/-]+", re.ASCII)


class Entry:
    """A sentence and what belongs to it; given to a logger as the message."""

    __slots__ = ("fields", "sentence")

    def __init__(self, sentence: str, **fields: Value) -> None:
        """Keep both; text leaves a field of None out."""
        self.sentence = sentence
        self.fields: Mapping[str, Value] = fields

    def __str__(self) -> str:
        """Return the sentence, and `key=value` behind it."""
        told = [f"{name}={_shown(value)}" for name, value in self.fields.items() if value is not None]
        return " ".join([self.sentence, *told])


def _shown(value: Value) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object on one line of ASCII, its time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {"time": time.replace("+00:00", "Z"), "level": record.levelname.lower()}
        told["logger"] = record.name
        if isinstance(record.msg, Entry):
            told |= {"message": record.msg.sentence, **record.msg.fields}
        else:
            told["message"] = record.getMessage()
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Log to standard error, every logger alike; without effect where the application has done so already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
