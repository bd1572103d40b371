"""JSON Pointer (RFC 6901): the names of places in a value; the empty pointer is the whole value."""

from collections.abc import Iterable

from gateway.core.values import JsonValue

__all__ = ["JsonValue", "append", "escape", "index_of", "join", "resolve", "split", "step", "unescape"]


def escape(token: str) -> str:
    """Write one member name as a reference token (RFC 6901 §4)."""
    if "~" in token or "/" in token:
        return token.replace("~", "~0").replace("/", "~1")
    return token


def unescape(token: str) -> str:
    """Read one reference token back; `~` before anything but 0 or 1 raises ValueError."""
    if "~" not in token:
        return token
    if "~" in token.replace("~0", "").replace("~1", ""):
        raise ValueError(f"expected ~0 or ~1 in the JSON Pointer token {token!r}")
    return token.replace("~1", "/").replace("~0", "~")


def append(pointer: str, token: str | int) -> str:
    """Name the member or item `token` of the place `pointer`."""
    return f"{pointer}/{token}" if isinstance(token, int) else f"{pointer}/{escape(token)}"


def join(tokens: Iterable[str | int]) -> str:
    """Name the place that is reached through `tokens` from the root."""
    return "".join(append("", token) for token in tokens)


def split(pointer: str) -> list[str]:
    """Give the unescaped tokens of a pointer; a pointer that does not start with `/` raises ValueError."""
    if not pointer:
        return []
    if pointer[0] != "/":
        raise ValueError(f"expected a JSON Pointer: empty, or starting with '/'; got {pointer!r}")
    return [unescape(token) for token in pointer[1:].split("/")]


def resolve(value: JsonValue, pointer: str) -> JsonValue:
    """Give what stands at `pointer` in `value`; LookupError where there is nothing."""
    for token in split(pointer):
        value = step(value, token)
    return value


def step(value: JsonValue, token: str) -> JsonValue:
    """Give the member or item that an unescaped token names; LookupError where there is none."""
    if isinstance(value, dict):
        return value[token]
    if isinstance(value, list):
        return value[index_of(token, len(value) - 1)]
    raise LookupError(f"nothing stands below a {type(value).__name__}")


def index_of(token: str, most: int) -> int:
    """Give an array index (RFC 6901 §4): digits without a leading zero, at most `most`; LookupError for others."""
    is_index = token.isascii() and token.isdecimal() and (token == "0" or token[0] != "0")  # noqa: S105
    if not is_index or len(token) > len(str(most)) or int(token) > most:
        raise LookupError(f"expected an array index of at most {most}, got {token[:20]!r}")
    return int(token)
