"""Who comes how often, and how many of them are there."""

import pytest

from gateway.core.limits import Limits
from gateway.errors import OverCapacity
from gateway.headcount import Arrivals, Headcount, network_of


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix", "unix"),
    ],
)
def test_what_an_address_is_counted_as(address: str, counted: str) -> None:
    """A subscriber has a whole network of IPv6 addresses."""
    assert network_of(address) == counted


def test_who_leaves_makes_room() -> None:
    """For one of the same name; another's room is another's."""
    there = Headcount(2, "cats")
    there.enter("a")
    there.enter("a")
    there.enter("b")
    with pytest.raises(OverCapacity, match="expected at most 2 cats"):
        there.enter("a")
    there.leave("a")
    there.enter("a")
    for name in ("a", "a", "b"):
        there.leave(name)
    assert len(there) == 0


def test_arrivals_of_many_addresses_are_not_remembered_for_ever() -> None:
    """Each has its own burst; whoever was longest not there is forgotten, and so may come again."""
    arrivals = Arrivals(Limits(handshakes_per_address_per_s=1, handshakes_burst=1))
    assert [arrivals.arrive("a", 0.0), arrivals.arrive("a", 0.0), arrivals.arrive("b", 0.0)] == [0, 1, 0]
    for number in range(4_096):
        arrivals.arrive(str(number), 0.0)
    assert arrivals.arrive("a", 0.0) == 0
