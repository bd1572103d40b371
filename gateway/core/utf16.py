"""Text as UTF-16 counts it: JavaScript's strings, and the offset `at` of `text` and `reasoning` (PROTOCOL.md §4)."""

from codecs import utf_16_le_decode, utf_16_le_encode  # themselves: by its name a codec is looked for in files

__all__ = ["behind", "mended", "units"]


def units(text: str) -> int:
    """Return the UTF-16 code units of a text: two for each code point beyond the basic plane."""
    return len(text) if text.isascii() else len(utf_16_le_encode(text, "surrogatepass")[0]) // 2


def behind(text: str, count: int) -> str:
    """Return what stands behind so many code units; a pair that this would split is left out."""
    if text.isascii():
        return text[count:]
    return utf_16_le_decode(utf_16_le_encode(text, "surrogatepass")[0][2 * count :], "ignore", True)[0]


def mended(text: str) -> str:
    """Return the text with the halves of surrogate pairs joined; one that stands alone becomes U+FFFD."""
    return utf_16_le_decode(utf_16_le_encode(text, "surrogatepass")[0], "replace", True)[0]
