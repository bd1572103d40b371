"""Collects the deltas of one answer while its events are read.

Half a surrogate pair at the end of a piece waits for its other half. Of several finish reasons the first that is not
`stop` counts.
"""

from gateway.errors import ProviderError
from gateway.ports import Delta, Reasoning, Refusal, Text, Usage

__all__ = ["Deltas"]

_LENGTH, _FILTER, _FAILED = "length", "content_filter", "failed"
_FINISH_REASONS = {
    "length": _LENGTH,
    "max_length": _LENGTH,
    "max_output_tokens": _LENGTH,
    "max_tokens": _LENGTH,
    "model_length": _LENGTH,
    "blocklist": _FILTER,
    "content_filter": _FILTER,
    "content_filtered": _FILTER,
    "guardrail_intervened": _FILTER,
    "prohibited_content": _FILTER,
    "recitation": _FILTER,
    "refusal": _FILTER,
    "safety": _FILTER,
    "sensitive": _FILTER,
    "spii": _FILTER,
    "abort": _FAILED,
    "error": _FAILED,
    "function_call_filter": _FAILED,
    "insufficient_system_resource": _FAILED,
    "malformed_function_call": _FAILED,
    "network_error": _FAILED,
}
"""Servers' words for an end that is none of the model's own; any other word means `stop`."""


class Deltas:
    """The deltas found since the last `take`.

    Attributes:
        finish_reason: why the model stopped, in the words of `gateway.ports.Finish`; empty until it has said so.
        is_done: nothing that matters can follow.
    """

    __slots__ = ("_found", "_reasoning", "_text", "finish_reason", "is_done")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._found: list[Delta] = []
        self._text = _PairJoiner()
        self._reasoning = _PairJoiner()
        self.finish_reason = ""
        self.is_done = False

    def text(self, piece: str) -> None:
        """Add a piece of the JSON text, which may be empty."""
        if piece and (piece := self._text.join(piece)):
            self._found.append(Text(piece))

    def end_text(self) -> None:
        """Add what is left of half a pair."""
        if piece := self._text.finish():
            self._found.append(Text(piece))

    def reasoning(self, piece: str) -> None:
        """Add a piece of what the model thinks."""
        if piece and (piece := self._reasoning.join(piece)):
            self._found.append(Reasoning(piece))

    def refusal(self, piece: str) -> None:
        """Add a piece of a refusal."""
        self._found.append(Refusal(piece))

    def usage(self, input_tokens: int, output_tokens: int) -> None:
        """Add a count of tokens."""
        self._found.append(Usage(input_tokens, output_tokens))

    def finish(self, said: str) -> None:
        """Take a server's word on why the model stopped, such as `stop`, `MAX_TOKENS` or `content_filter: SAFETY`.

        Raises:
            ProviderError: it says that the provider failed.
        """
        reason = _FINISH_REASONS.get(said.partition(":")[0].strip().lower(), "stop")
        if reason == _FAILED:
            raise ProviderError("the provider broke off its answer")
        if self.finish_reason in ("", "stop"):
            self.finish_reason = reason

    def take(self) -> list[Delta]:
        """Return what was found since the last time."""
        found, self._found = self._found, []
        return found


class _PairJoiner:
    """Joins surrogate pairs that a server cut in two; half a pair that stays alone becomes U+FFFD."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def join(self, piece: str) -> str:
        if not self._half and piece.isascii():
            return piece
        text, self._half = self._half + piece, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def finish(self) -> str:
        return "\ufffd" if self._half else ""
