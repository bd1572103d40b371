"""llama.cpp's grammars as regular expressions: a reader of our own, which takes a whole value or refuses it."""

import re
from itertools import starmap

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|(\[(?:[^\]\\]|\\.)*\])|([a-z][a-z0-9-]*)|([()|?*]|\{\d+(?:,\d+)?\})|\s+')
_ESCAPED, _PLAIN = re.compile(r"\\(.)"), r"\1"


def accepts(grammar: str, value: str) -> bool:
    """Tell whether a grammar without recursion takes a text."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    return re.fullmatch(_expression(rules, rules["root"]), value) is not None


def _expression(rules: dict[str, str], body: str) -> str:
    def part(text: str | None, group: str | None, name: str | None, mark: str | None) -> str:
        if text is not None:
            return f"(?:{re.escape(_ESCAPED.sub(_PLAIN, text))})" if text else ""
        return f"(?:{_expression(rules, rules[name])})" if name else group or mark or ""

    return "".join(starmap(part, (match.groups() for match in _PART.finditer(body))))
