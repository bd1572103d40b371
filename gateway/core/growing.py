"""A JSON value that grows in place, with its encoded size; the one place where operations change a value.

1. A string that grows is kept in pieces and joined when the value is looked at: growth costs the new text, not the
   string.
2. `encoded_bytes` is the size of the value's compact JSON in UTF-8 at any moment, counted as it grows.
"""

import msgspec

from gateway.core.pointer import JsonValue, index_of, resolve, step, unescape

__all__ = ["GrowingValue", "encoded_size", "fresh"]

_encode = msgspec.json.encode
_KINDS = ("add", "fill", "replace", "remove")  # tuples: the hash of an enumeration's member costs 0.1 µs
_SILENT = ("close", "begin")


def encoded_size(value: JsonValue) -> int:
    """Return the bytes of the value's compact JSON in UTF-8."""
    return len(_encode(value))


def fresh(value: JsonValue) -> JsonValue:
    """Return a copy that shares no container with the value."""
    if isinstance(value, dict):
        return {key: fresh(member) for key, member in value.items()}
    if isinstance(value, list):
        return [fresh(item) for item in value]
    return value


class GrowingValue:
    """One JSON value and the operations that change it in place.

    Attributes:
        encoded_bytes: size of the compact JSON in UTF-8; see invariant 2.
    """

    __slots__ = ("_container", "_growing", "_head", "_pieces", "_root", "encoded_bytes")

    def __init__(self, value: JsonValue) -> None:
        """Start from a value, which is owned and changed from now on."""
        self._root = value
        self._growing: str | None = None  # the pointer of the string that is kept in pieces
        self._pieces: list[str] = []
        self._head: str | None = None  # the container that was touched last, and its pointer
        self._container: JsonValue = None
        self.encoded_bytes = encoded_size(value)

    @property
    def value(self) -> JsonValue:
        """The value itself, live: encode or copy it before the next operation."""
        self._join()
        return self._root

    def apply(self, kind: str, pointer: str, value: JsonValue = None) -> None:
        """Change the value by one operation (`add fill replace append remove close begin`).

        Raises:
            LookupError, TypeError, ValueError: there is no such place for such an operation; nothing has changed.
        """
        if kind == "append":
            self.append(pointer, value)
        elif kind not in _SILENT:
            if kind not in _KINDS:
                raise ValueError(f"no such operation: {kind!r}")
            self._join()
            self._growing = None
            if not pointer:
                self._set_root(value)
            elif kind == "remove":
                self._remove(pointer)
            else:
                self._set(kind, pointer, value)

    def append(self, pointer: str, text: JsonValue) -> int:
        """Let the string at a place grow, as `apply` does, and return by how many bytes."""
        if not isinstance(text, str):
            raise TypeError(f"append at {pointer!r} takes a string")
        if pointer != self._growing:
            self._join()
            start = step(*self._find(pointer)) if pointer else self._root
            if not isinstance(start, str):
                raise TypeError(f"append at {pointer!r}: no string stands there")
            self._growing, self._pieces = pointer, [start]
        self._pieces.append(text)
        size = len(_encode(text)) - 2
        self.encoded_bytes += size
        return size

    def at(self, pointer: str) -> JsonValue:
        """Return what stands at the pointer, live.

        Raises:
            LookupError: nothing stands there.
        """
        self._join()
        if pointer == self._growing:
            return self._pieces[0]
        return resolve(self._root, pointer)

    def _join(self) -> None:
        """Put the string that grew where it stands; it may grow on."""
        pointer = self._growing
        if pointer is None or len(self._pieces) == 1:
            return
        text = "".join(self._pieces)
        self._pieces = [text]
        if not pointer:
            self._root = text
            return
        container, token = self._find(pointer)
        if isinstance(container, list):
            container[int(token)] = text
        elif isinstance(container, dict):
            container[token] = text

    def _set_root(self, value: JsonValue) -> None:
        self._root = fresh(value)
        self._head = None
        self.encoded_bytes = encoded_size(value)

    def _set(self, kind: str, pointer: str, value: JsonValue) -> None:
        container, token = self._find(pointer)
        if isinstance(container, dict):
            self._set_member(container, token, value, must_exist=kind != "add")
        elif kind == "add":
            self._insert(container, token, value)
        else:
            index = index_of(token, len(container) - 1)
            self.encoded_bytes += encoded_size(value) - encoded_size(container[index])
            container[index] = fresh(value)

    def _set_member(self, members: dict[str, JsonValue], key: str, value: JsonValue, *, must_exist: bool) -> None:
        if key in members:
            self.encoded_bytes -= encoded_size(members[key])
        elif must_exist:
            raise KeyError(key)
        else:
            self.encoded_bytes += encoded_size(key) + 1 + bool(members)
        self.encoded_bytes += encoded_size(value)
        members[key] = fresh(value)

    def _insert(self, items: list[JsonValue], token: str, value: JsonValue) -> None:
        index = len(items) if token == "-" else index_of(token, len(items))  # noqa: S105
        self.encoded_bytes += encoded_size(value) + bool(items)
        items.insert(index, fresh(value))

    def _remove(self, pointer: str) -> None:
        container, token = self._find(pointer)
        if isinstance(container, dict):
            self.encoded_bytes -= encoded_size(token) + 1 + encoded_size(container[token])
            del container[token]
        else:
            index = index_of(token, len(container) - 1)
            self.encoded_bytes -= encoded_size(container[index])
            del container[index]
        self.encoded_bytes -= bool(container)

    def _find(self, pointer: str) -> "tuple[dict[str, JsonValue] | list[JsonValue], str]":
        """Return the container a pointer leads into, and the last token; the container touched last is at hand."""
        head, slash, token = pointer.rpartition("/")
        if not slash:
            raise ValueError(f"not a JSON Pointer: {pointer!r}")
        if head != self._head:
            self._container = resolve(self._root, head)
            self._head = head
        container = self._container
        if not isinstance(container, dict | list):
            raise TypeError(f"no container stands at {head!r}")
        return container, unescape(token)
