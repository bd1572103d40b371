"""The states of reading a JSON text (RFC 8259 §2) and what stands around it, and what each expects."""

from enum import IntEnum

__all__ = [
    "ASIDE",
    "COLON",
    "COMMA",
    "END",
    "EXPECTED",
    "FIRST_ITEM",
    "FIRST_KEY",
    "KEY",
    "KEY_TEXT",
    "LITERAL",
    "LITERALS",
    "NUMBER",
    "PROSE",
    "START",
    "TEXT",
    "VALUE",
    "State",
]

LITERALS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}


class State(IntEnum):
    """What the next character belongs to."""

    VALUE = 0
    FIRST_ITEM = 1  # a value, or the end of an empty array
    FIRST_KEY = 2  # a key, or the end of an empty object
    KEY = 3
    COLON = 4
    COMMA = 5  # or the end of the container
    KEY_TEXT = 6
    TEXT = 7
    NUMBER = 8
    LITERAL = 9
    END = 10
    START = 11  # the root value, or what stands before it; this and what follows only where reading is lenient
    PROSE = 12  # what stands before the root value
    ASIDE = 13  # a comment, or what the model thinks aloud


# Names of their own: looking a member up behind its class costs 30 ns each time.
VALUE, FIRST_ITEM, FIRST_KEY, KEY, COLON, COMMA, KEY_TEXT, TEXT, NUMBER, LITERAL, END, START, PROSE, ASIDE = State

EXPECTED = {
    VALUE: "a value",
    FIRST_ITEM: "a value or ]",
    FIRST_KEY: "a key or }",
    KEY: "a key",
    COLON: "a colon",
    COMMA: "a comma or the end of the container",
    KEY_TEXT: "the rest of a key",
    TEXT: "the rest of a string",
    NUMBER: "the rest of a number",
    LITERAL: "the rest of true, false or null",
    END: "nothing more",
    START: "a value",
    PROSE: "a value",
    ASIDE: "a value",
}
