"""What a model is told after an answer that was not valid, so that it can do better (PROTOCOL.md §3, `retries`).

The chat goes on: the model's own answer, then what is wrong with it. Both are bounded, however much it wrote.
"""

from collections.abc import Mapping
from typing import TypeAlias

from gateway.errors import InvalidOutput

__all__ = ["Answer", "ChatMessage", "errors_of", "follow_up"]

ChatMessage: TypeAlias = Mapping[str, str]

_ANSWER_CHARS = 16_384
"""What is quoted of an answer: some 4,000 tokens, which the next call reads again."""

_NOTHING = "(nothing)"
"""Stands for an empty answer: many chat templates refuse an empty message, or two of a user in a row."""


class Answer:
    """The beginning of what a model wrote, for quoting it to the model."""

    __slots__ = ("_chars", "_is_cut", "_pieces")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: list[str] = []
        self._chars = 0
        self._is_cut = False

    def write(self, text: str) -> None:
        """Take a piece, as far as there is room."""
        if self._is_cut:
            return
        room = _ANSWER_CHARS - self._chars
        self._is_cut = len(text) > room
        self._pieces.append(text[:room])
        self._chars += min(len(text), room)

    def quoted(self) -> str:
        """Return it as one text, with a mark where it is cut."""
        text = "".join(self._pieces)
        return f"{text}…" if self._is_cut else text


def errors_of(error: InvalidOutput) -> list[dict[str, str]]:
    """Return what was wrong as `{path, message}` each; text that is no JSON is wrong at the root."""
    return list(error.errors) or [{"path": "", "message": error.message}]


def follow_up(answer: str, error: InvalidOutput) -> tuple[ChatMessage, ChatMessage]:
    """Return how the chat goes on: the model's answer, and what is wrong with it."""
    faults = "\n".join(f"- {fault['path'] or 'the whole answer'}: {fault['message']}" for fault in errors_of(error))
    correction = (
        f"That answer is not valid:\n{faults}\n"
        "Write the whole answer again, as the schema asks for it, with these errors corrected."
    )
    return (
        {"role": "assistant", "content": answer if answer.strip() else _NOTHING},
        {"role": "user", "content": correction},
    )
