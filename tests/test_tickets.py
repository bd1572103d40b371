"""Tickets: good once, for a while, for the one who asked; as many and as often as may be."""

from itertools import count

import pytest

from gateway.core.limits import Limits
from gateway.errors import GatewayError, OverCapacity, RateLimited, Unauthenticated
from gateway.principal import ANYBODY, Principal
from gateway.tickets import Tickets

ANN, BO = Principal("user:ann", "user:ann"), Principal("user:bo", "user:bo")


def new_tickets(*, is_private: bool = False, **limits: float) -> Tickets:
    """Return a table whose tickets are `t0`, `t1` and so on."""
    numbers = count()
    return Tickets(Limits(**limits), lambda: f"t{next(numbers)}", is_private=is_private)  # type: ignore[arg-type]


def refused_by(tickets: Tickets, ticket: str, now_s: float) -> GatewayError:
    """Return why a ticket opens nothing."""
    with pytest.raises(Unauthenticated) as refused:
        tickets.spend(ticket, now_s)
    return refused.value


def test_a_ticket_stands_for_who_asked_for_it_once() -> None:
    """Whoever brings it is them, rights and limits alike; it is spent by that."""
    tickets = new_tickets()
    mine, other = tickets.give(ANN, 0), tickets.give(BO, 0)
    assert (tickets.spend(other, 1), tickets.spend(mine, 1)) == (BO, ANN)
    assert refused_by(tickets, mine, 1).code == "unauthenticated"


@pytest.mark.parametrize(("at_s", "is_good"), [(0, True), (29.9, True), (30, False), (1e9, False)])
def test_a_ticket_is_good_for_its_time(at_s: float, is_good: bool) -> None:
    """To the end of it, and no longer; who comes too late has spent it as well."""
    tickets = new_tickets(ticket_s=30)
    ticket = tickets.give(ANN, 0)
    if is_good:
        assert tickets.spend(ticket, at_s) == ANN
    else:
        refused_by(tickets, ticket, at_s)
    assert len(tickets) == 0


def test_unknown_spent_and_expired_are_one_answer() -> None:
    """Nobody learns whether there was such a ticket."""
    tickets = new_tickets(ticket_s=30)
    spent, expired = tickets.give(ANN, 0), tickets.give(ANN, 0)
    tickets.spend(spent, 1)
    answers = [refused_by(tickets, ticket, 31) for ticket in (spent, expired, "never was", "", "\ud800")]
    assert {(answer.code, answer.message, answer.param) for answer in answers} == {
        ("unauthenticated", "expected a ticket that is open: each is good once, and not for long", "ticket")
    }


def test_as_many_are_open_as_may_be() -> None:
    """The next one is refused until one is spent or expired; what was given before holds."""
    tickets = new_tickets(max_tickets=2, ticket_s=30)
    first, second = tickets.give(ANN, 0), tickets.give(ANN, 10)
    with pytest.raises(OverCapacity) as refused:
        tickets.give(BO, 12)
    assert refused.value.retry_after_ms == 18_000
    assert tickets.spend(second, 13) == ANN
    third = tickets.give(BO, 14)
    assert (tickets.spend(first, 15), tickets.spend(third, 16)) == (ANN, BO)


def test_expired_tickets_make_room_without_a_timer() -> None:
    """When the next one is given."""
    tickets = new_tickets(max_tickets=3, ticket_s=30, is_private=True)
    for at_s in (0, 1, 2):
        tickets.give(ANN, at_s)
    tickets.give(ANN, 31)
    assert len(tickets) == 2


def test_one_principal_gets_so_many_in_a_time() -> None:
    """From however many addresses; another's are their own."""
    tickets = new_tickets(handshakes_burst=2, handshakes_per_address_per_s=0.5)
    for _ in range(2):
        tickets.give(ANN, 0)
    with pytest.raises(RateLimited) as refused:
        tickets.give(ANN, 0)
    tickets.give(BO, 0)
    assert refused.value.retry_after_ms == 2_000
    tickets.give(ANN, 2)


def test_one_address_asks_so_often() -> None:
    """An IPv6 address counts as its network."""
    tickets = new_tickets(handshakes_burst=1, handshakes_per_address_per_s=1)
    tickets.ask("2001:db8::1", 0)
    tickets.ask("192.0.2.7", 0)
    with pytest.raises(RateLimited):
        tickets.ask("2001:db8::2", 0)


def test_where_nobody_has_a_name_only_addresses_are_counted() -> None:
    """Strangers do not use up each other's; on one's own machine nothing is counted."""
    tickets = new_tickets(handshakes_burst=1, handshakes_per_address_per_s=0.1)
    assert [tickets.give(ANYBODY, 0) for _ in range(3)] == ["t0", "t1", "t2"]
    private = new_tickets(is_private=True, handshakes_burst=1, handshakes_per_address_per_s=0.1)
    for _ in range(3):
        private.ask("127.0.0.1", 0)
        private.give(ANN, 0)
