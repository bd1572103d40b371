"""What runs is kept, what ended is kept for a while."""

from typing import Any

import pytest

from gateway.errors import NotFound
from gateway.stores.memory import MemoryStore


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def new_store(clock: Clock | None = None, **bounds: Any) -> tuple[MemoryStore[str], list[str]]:
    """Return a store and the list of what it forgot."""
    forgotten: list[str] = []
    bounds = {"retain_s": 10, "retained_extractions": 3, "retained_bytes": 100, **bounds}
    return MemoryStore(clock or Clock(), on_evict=forgotten.append, **bounds), forgotten


def end(store: MemoryStore[str], name: str, size_bytes: int = 1) -> None:
    """Keep something and end it."""
    store.add(name, name.upper())
    store.retire(name, size_bytes)


def knows(store: MemoryStore[str], name: str) -> bool:
    """Tell whether something can be found."""
    try:
        return store.get(name) == name.upper()
    except NotFound:
        return False


def test_what_runs_is_kept_without_end() -> None:
    """No time and no number is too large."""
    store, forgotten = new_store(clock := Clock())
    for number in range(10):
        store.add(f"x{number}", f"X{number}")
    clock.now_s = 1e9
    assert (store.get("x0"), len(store.running()), forgotten) == ("X0", 10, [])


def test_what_ended_is_kept_for_its_time() -> None:
    """To the last moment, not longer."""
    store, forgotten = new_store(clock := Clock())
    end(store, "a")
    clock.now_s = 9.9
    assert (knows(store, "a"), store.running()) == (True, [])
    clock.now_s = 10
    assert (knows(store, "a"), forgotten) == (False, ["A"])


def test_when_the_next_one_goes() -> None:
    """It can be asked for, and then nothing else need be."""
    store, forgotten = new_store(clock := Clock())
    assert store.next_eviction_s() is None
    for clock.now_s, name in ((1, "a"), (4, "b")):
        end(store, name)
    seen = []
    while (until_s := store.next_eviction_s()) is not None:
        clock.now_s = until_s
        store.evict()
        seen.append((until_s, *forgotten))
    assert seen == [(11, "A"), (14, "A", "B")]


def test_a_time_of_its_own() -> None:
    """It may be shorter or longer than that of the others, and nought is not at all."""
    store, forgotten = new_store(clock := Clock(), retained_extractions=9)
    for name, retain_s in (("long", 20), ("usual", None), ("short", 5), ("none", 0)):
        store.add(name, name.upper())
        store.retire(name, 1, retain_s)
    seen: list[tuple[object, ...]] = [tuple(forgotten)]
    while (until_s := store.next_eviction_s()) is not None:
        clock.now_s = until_s
        store.evict()
        seen.append((until_s, *forgotten))
    assert seen == [
        ("NONE",),
        (5, "NONE", "SHORT"),
        (10, "NONE", "SHORT", "USUAL"),
        (20, "NONE", "SHORT", "USUAL", "LONG"),
    ]


def test_the_oldest_goes_first_when_there_are_too_many() -> None:
    """By when they ended, not when they began."""
    store, forgotten = new_store()
    for name in "abcd":
        store.add(name, name.upper())
    for name in "dcba":
        store.retire(name, 1)
    assert ([name for name in "abcd" if knows(store, name)], forgotten) == (["a", "b", "c"], ["D"])


def test_the_oldest_goes_first_when_they_are_too_large() -> None:
    """As many as need to go, also the last one itself."""
    store, forgotten = new_store()
    end(store, "a", 60)
    end(store, "b", 40)
    assert forgotten == []
    end(store, "c", 70)
    assert forgotten == ["A", "B"]
    end(store, "d", 101)
    assert (forgotten, knows(store, "d")) == (["A", "B", "C", "D"], False)


def test_unknown_and_expired_are_told_apart_by_nobody() -> None:
    """The same error for both."""
    store, _ = new_store(clock := Clock())
    end(store, "a")
    clock.now_s = 11
    messages = []
    for name in ("a", "never"):
        with pytest.raises(NotFound) as missing:
            store.get(name)
        messages.append((missing.value.message, missing.value.param))
    assert messages[0] == messages[1]


def test_how_much_there_is() -> None:
    """What runs, what is kept, and its bytes; nothing of what has gone."""
    store, _ = new_store(clock := Clock())
    store.add("r", "R")
    end(store, "a", 60)
    before = store.kept
    clock.now_s = 11
    store.evict()
    assert (before, store.kept) == ((1, 1, 60), (1, 0, 0))
