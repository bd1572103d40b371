"""JSON as models write it: a naive writer of random values with random faults, beside the value it means."""

import json
import re
from itertools import cycle
from typing import Any

from hypothesis import strategies as st

from tests.core.strategies import json_values, keys

__all__ = ["dirty_texts"]

_QUOTES = ['""', "''", "“”", "‘’'", "`´"]  # what opens, what closes, what else might
_BEFORE = [
    "",
    "Here is [the] answer:\n",
    "Sure! I used {placeholders} and <b>tags</b>.\n```json\n",
    '<think>Perhaps {"a": 1}, or [1, 2]?</think>\n',
    '<|channel|>analysis<|message|>{"a": 1}<|end|><|start|>assistant<|channel|>final<|message|>',
    "<tool_call>\n",
    '```python\nx = {"a": 1}\n```\nThe result is: ',
    "\ufeff",
]
_BEHIND = ["", "\n```\nHope that helps! {}", "</tool_call>", ', {"again": 1}', "}]", " // done"]
_GAPS = ["", "", "", " ", "\n", '/* a, b: {c} "d" */', "// it's\n", "# no ]\n", "\u00a0", "<!-- x -->"]
_WORDS: dict[Any, list[str]] = {
    True: ["true", "True", "TRUE"],
    False: ["false", "False"],
    None: ["null", "None", "undefined", "NaN", "-Infinity"],
}


@st.composite
def dirty_texts(draw: st.DrawFn) -> tuple[str, Any]:
    """Write a random object or array with faults, and text around it; return the text, and what it means."""
    value = draw(st.lists(json_values, max_size=4) | st.dictionaries(keys, json_values, max_size=4))
    way = draw(st.lists(st.integers(0, 29), min_size=1, max_size=9))
    writer = _Writer(way)
    before, behind = _BEFORE[draw(st.integers(0, len(_BEFORE) - 1))], _BEHIND[draw(st.integers(0, len(_BEHIND) - 1))]
    return f"{before}{writer.written(value)}{behind}", value


class _Writer:
    """Chooses by a few numbers, again and again."""

    def __init__(self, way: list[int]) -> None:
        self._way = cycle(way)

    def written(self, value: Any) -> str:
        """Write a value."""
        if isinstance(value, dict):
            members = [
                f"{self._key(key)}{self._gap()}{self._colon()}{self._gap()}{self.written(value[key])}" for key in value
            ]
            return "{" + self._joined(members) + "}"
        if isinstance(value, list):
            return "[" + self._joined([self.written(item) for item in value]) + "]"
        if isinstance(value, str):
            return self._quoted(value)
        if value is None or isinstance(value, bool):
            words = _WORDS[value]
            return words[next(self._way) % len(words)]
        return self._number(value)

    def _gap(self) -> str:
        return _GAPS[next(self._way) % len(_GAPS)]

    def _colon(self) -> str:
        return [":", ":", "=", "=>"][next(self._way) % 4]

    def _joined(self, parts: list[str]) -> str:
        if not parts:
            return ""
        commas = [",", ",", ",,", " , ", "\n"]
        text = self._gap() + parts[0]
        for part in parts[1:]:
            text += self._gap() + commas[next(self._way) % len(commas)] + self._gap() + part
        return text + ["", ",", self._gap()][next(self._way) % 3]

    def _key(self, key: str) -> str:
        if re.fullmatch("[a-z_]+", key) and next(self._way) % 2:
            return key
        return self._quoted(key)

    def _quoted(self, text: str) -> str:
        quotes = _QUOTES[next(self._way) % len(_QUOTES)]
        return quotes[0] + "".join(self._character(character, quotes) for character in text) + quotes[1]

    def _character(self, character: str, quotes: str) -> str:
        if character in quotes + '"“”‘’´`\\':
            return "\\" + character
        if character in "\n\t\x00" and next(self._way) % 2:
            return character
        if character < "A" and next(self._way) % 5 == 0:
            return f"\\x{ord(character):02x}"
        return json.dumps(character, ensure_ascii=next(self._way) % 2 == 0)[1:-1]

    def _number(self, number: Any) -> str:
        text = json.dumps(number)
        match next(self._way) % 5:
            case 1 if number > 0 and "e" not in text:
                return f"+{text}"
            case 2 if text.startswith("0."):
                return text[1:]
            case 3 if text.endswith(".0"):
                return text[:-1]
            case 4 if isinstance(number, int):
                return f"{number:_}"
            case _:
                return text
