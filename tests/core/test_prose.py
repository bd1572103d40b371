"""Where a root value opens in the middle of other text."""

import pytest

from gateway.core.prose import MARK_CHARS, root_remedy
from gateway.core.remedies import LOOK_CHARS, Step


def opening(text: str, openers: str = "{[", *, is_over: bool = False) -> tuple[str, int]:
    """Return what is done first that is not skipping, and where."""
    position = 0
    while position < len(text):
        found = root_remedy(text, position, openers, is_over=is_over)
        if found.step is not Step.SKIP:
            return str(found.step), position
        position += found.chars
    return "nothing", position


@pytest.mark.parametrize(
    "text",
    [
        'so: {"a": 1}', "so: {'a'=1}", "so: {a_b: 1}", "so: {my key: 1}", "so: {}", "so: { /* a */", "so: [1,",
        'so: ["a"', "so: [{", "so: [[", "so: [null,", "so: [True,", "so: [].", 'so: {"a \\" b": ',
        "so: {“it’s”: ", "so: [-1,", "so: []\n\nThe text has no [such] people.",
    ],
)  # fmt: skip
def test_what_opens_the_root(text: str) -> None:
    """A key with its colon, an item, or nothing at all inside."""
    assert opening(text) == ("go", 4)


@pytest.mark.parametrize(
    "text",
    [
        "so {care} ", 'so {"care"} ', "so {a b} ", "so {{x}} ", "so [the] ", "so [the, other] ", "so [1]: see ",
        "so [1](x) ", "so - [ ] do ", "so [x] done ", "so (a) <b>c</b> ", "so `code` ", "so { ; ",
    ],
)  # fmt: skip
def test_what_does_not(text: str) -> None:
    """Words in brackets, marks of footnotes, links and tasks."""
    assert opening(text + "." * LOOK_CHARS)[0] == "nothing"


@pytest.mark.parametrize(
    "text",
    [
        "so {",
        'so {"a',
        'so {"a"',
        "so {a",
        "so [",
        "so [t",
        "so [1]",
        "so `",
        "so ```js",
        "so <thi",
        "so <|chan",
        "so [THI",
    ],
)
def test_what_is_not_known_yet(text: str) -> None:
    """What may still become either is waited for, and decided at the end of the text."""
    assert opening(text) == ("wait", 3)
    assert opening(text, is_over=True)[0] != "wait"


@pytest.mark.parametrize("openers", ["{", "["])
def test_only_what_is_wanted_opens(openers: str) -> None:
    """The other kind of bracket is a character like any other."""
    assert opening('[1] {"a":[2]}', openers)[1] == {"{": 4, "[": 0}[openers]


@pytest.mark.parametrize("tag", ["<think>", "<Reasoning>", "[THINK]", "<|channel|>analysis", "<seed:think>"])
def test_thinking_is_set_aside(tag: str) -> None:
    """With all that is in it, up to its own end."""
    found = root_remedy(tag, 0, "{[", is_over=False)
    assert (found.step, found.chars, found.kind) == (Step.ASIDE, len(tag), "thinking")
    assert not found.argument.search("</b> }")
    assert len(tag) <= MARK_CHARS


@pytest.mark.parametrize(
    ("fence", "step"), [("```json\n", "go"), ("```\n", "go"), ("````json5 ", "go"), ("```python\n", "aside")]
)
def test_fences(fence: str, step: str) -> None:
    """Behind a fence for JSON the root may begin; another language's block is set aside."""
    assert str(root_remedy(fence, 0, "{[", is_over=False).step) == step
