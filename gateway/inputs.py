"""What a text has to be before a model is asked about it."""

__all__ = ["NO_TEXT", "is_blank"]

NO_TEXT = "expected a text to extract from, got nothing"


def is_blank(text: str) -> bool:
    """Tell whether there is nothing in a text but white space: of that a model only invents."""
    return not text or text.isspace()
