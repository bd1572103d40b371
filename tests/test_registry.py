"""Extractors by name."""

from typing import Any

import pytest

from gateway.core.limits import Limits
from gateway.core.schema import Schema
from gateway.errors import NotFound
from gateway.registry import Extractor, Registry

SCHEMA = Schema.from_json({"type": "object"}, limits=Limits())


def test_extractors_come_back_in_the_order_they_were_added() -> None:
    """By name, and all of them."""
    registry = Registry()
    added = [Extractor(name=name, schema=SCHEMA) for name in ("b", "a")]
    for extractor in added:
        registry.add(extractor)
    assert (list(registry), registry.get("a")) == (added, added[1])


def test_a_name_is_given_once() -> None:
    """The second one is an error of the application."""
    registry = Registry()
    registry.add(Extractor(name="a", schema=SCHEMA))
    with pytest.raises(ValueError, match="'a' is registered already"):
        registry.add(Extractor(name="a", schema=SCHEMA))


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    """So that a slip is seen at once; a long one is cut."""
    registry = Registry()
    with pytest.raises(NotFound, match="one of: none"):
        registry.get("x" * 1000)
    registry.add(Extractor(name="conference", schema=SCHEMA))
    with pytest.raises(NotFound, match="one of: conference; got 'conferense'") as unknown:
        registry.get("conferense")
    assert unknown.value.param == "extractor"


def test_what_a_client_is_told() -> None:
    """Name, mode and schema; description and example where there are any."""
    assert Extractor(name="a", schema=SCHEMA).described() == {
        "name": "a",
        "mode": "tools",
        "schema": {"type": "object"},
    }
    told = Extractor(name="a", schema=SCHEMA, description="What it is.", example="text").described()
    assert (told["description"], told["example"]) == ("What it is.", {"input": "text"})


@pytest.mark.parametrize("wrong", [{"retries": 11}, {"retries": -1}, {"budget_tokens": 0}, {"retain_ms": -1}])
def test_a_number_that_is_out_of_bounds(wrong: dict[str, Any]) -> None:
    """It is an error of the application, and names the option."""
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        Extractor(name="a", schema=SCHEMA, **wrong)
