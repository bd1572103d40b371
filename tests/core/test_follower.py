"""A document's value for readers who keep what they were given."""

from copy import deepcopy

import pytest

from gateway.core.document import Document
from gateway.core.follower import Follower
from gateway.core.operations import ADD, Operation


@pytest.mark.parametrize("tail_steps", [0, 9])
def test_it_goes_on_to_where_the_document_is(tail_steps: int) -> None:
    """Whether the tail holds the way or not; what was given before stays as it was."""
    document = Document("e1", [], tail_steps=tail_steps)
    follower = Follower(document)
    document.publish([Operation(ADD, "/0", "a")])
    assert (follower.catch_up(document), follower.rev, follower.value) == (True, 1, ["a"])
    before, as_it_was = follower.value, deepcopy(follower.value)
    assert not follower.catch_up(document)
    document.publish([Operation(ADD, "/1", "b")])
    document.publish([Operation(ADD, "/2", "c")])
    assert (follower.catch_up(document), follower.rev, follower.value) == (True, 3, ["a", "b", "c"])
    assert before == as_it_was


def test_another_document_begins_anew() -> None:
    """Also at the same revision: it is that of another attempt."""
    first = Document("e1", {"a": 1})
    follower = Follower(first)
    assert (follower.catch_up(Document("e2", {"a": None})), follower.rev, follower.value) == (True, 0, {"a": None})
