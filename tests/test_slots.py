"""Places: so many held, so many waited for, in order."""

import asyncio

import pytest

from gateway.errors import OverCapacity
from gateway.slots import Place, Slot, Slots

pytestmark = pytest.mark.anyio


def leaving(slot: Slot, left: list[Slot]) -> Slot:
    """Let a slot's holder note that it was asked to leave."""
    slot.leave = lambda: left.append(slot)
    return slot


async def test_places_are_counted_by_the_call_that_reserves() -> None:
    """However many come in one turn of the loop, no more wait than may."""
    slots = Slots(2, 1, "full")
    held = [slots.reserve().is_held for _ in range(3)]
    with pytest.raises(OverCapacity, match="full"):
        slots.reserve()
    assert (held, slots.reserve(is_accepted=True).is_held) == ([True, True, False], False)


async def test_a_place_that_comes_free_goes_to_whoever_waited_longest() -> None:
    """Who left the queue is passed over, and giving back twice gives nothing twice."""
    slots = Slots(1, 9, "full")
    first, gone, second, third = (slots.reserve() for _ in range(4))
    waiting = asyncio.create_task(second.acquire())
    gone.release()
    first.release()
    first.release()
    await waiting
    assert (gone.is_held, second.is_held, third.is_held) == (False, True, False)
    second.release()
    third.release()
    assert slots.has_free


async def test_replacing() -> None:
    """Whoever has held a place longest is asked to leave, each once; the new one is in front of those that wait."""
    slots, left = Slots(2, 3, "full"), list[Slot]()
    first, second, queued = (leaving(slots.reserve(), left) for _ in range(3))
    new, newer = leaving(slots.replace(), left), leaving(slots.replace(), left)
    assert left == [first, second]
    for slot in left:
        slot.release()
    assert (new.is_held, newer.is_held, queued.is_held) == (True, True, False)


async def test_replacing_when_all_are_leaving() -> None:
    """What waits is asked to leave as well; where nothing is left to ask, or too many wait, it is refused."""
    slots, left = Slots(1, 2, "full"), list[Slot]()
    first = leaving(slots.reserve(), left)
    second, third = leaving(slots.replace(), left), leaving(slots.replace(), left)
    with pytest.raises(OverCapacity):
        slots.replace()
    assert (left, third.is_leaving) == ([first, second], False)


async def test_a_place_waits_for_its_session_first() -> None:
    """The provider's queue is not taken up before it is its turn; then it may not be refused any more."""
    calls, turns = Slots(1, 0, "full"), Slots(1, 1, "full")
    first, second = Place(calls, turns.reserve()), Place(calls, turns.reserve())
    waiting = asyncio.create_task(second.acquire())
    first.release()
    other = calls.reserve()
    await asyncio.sleep(0)
    assert not waiting.done()
    other.release()
    await waiting
    second.release()
    second.release()
    assert (calls.has_free, turns.has_free) == (True, True)


async def test_a_place_that_is_refused_gives_its_turn_back() -> None:
    """So that a full provider does not fill the session as well."""
    calls, turns = Slots(1, 0, "full"), Slots(1, 0, "full")
    calls.reserve()
    with pytest.raises(OverCapacity):
        Place(calls, turns.reserve())
    assert turns.has_free


def test_how_many_are_held() -> None:
    """Those that wait are not."""
    slots = Slots(1, 1, "full")
    held, _ = slots.reserve(), slots.reserve()
    before = slots.held
    held.release()
    assert (before, slots.held) == (1, 1)
