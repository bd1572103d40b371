"""How often something may happen, beside a naive count of what a rate and a burst allow."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limits import Limits
from gateway.core.throttle import Bucket, Throttle
from gateway.errors import RateLimited

LIMITS = Limits(messages_per_s=2, messages_burst=3, watches_per_connection=4)


@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_a_bucket_beside_a_naive_one(per_s: int, burst: int, pauses: list[int]) -> None:
    """Counted in whole ticks: each second is 16 of them, and brings 16 parts of a token for each of the rate."""
    bucket = Bucket(per_s, burst, 0.0)
    parts, ticks = burst * 16, 0
    for pause in pauses:
        ticks += pause
        parts = min(burst * 16, parts + pause * per_s)
        wait_s = bucket.take(ticks / 16)
        if parts >= 16:
            parts -= 16
            assert wait_s == 0
        else:
            assert wait_s == pytest.approx((16 - parts) / 16 / per_s)


def said(throttle: Throttle, times: Iterable[float], *, is_watch: bool = False) -> list[int | None]:
    """Return what each message led to: None, or how long to wait, in milliseconds."""
    waits: list[int | None] = []
    for now_s in times:
        try:
            throttle.take(now_s, is_watch=is_watch)
            waits.append(None)
        except RateLimited as error:
            waits.append(error.retry_after_ms)
    return waits


def test_messages_beyond_the_burst_wait_for_the_rate() -> None:
    """What is refused is not counted."""
    throttle = Throttle(LIMITS, 0.0)
    assert said(throttle, [0, 0, 0, 0, 0.25, 0.5, 0.5]) == [None, None, None, 500, 250, None, 500]


def test_watches_are_free_as_far_as_a_session_may_have_any() -> None:
    """Resuming costs nothing of what messages may; behind that a watch is a message."""
    throttle = Throttle(LIMITS, 0.0)
    assert said(throttle, [0] * 8, is_watch=True) == [None] * 7 + [500]


def test_abuse() -> None:
    """A hundred refusals within ten seconds, not as many within eleven."""
    hurried, patient = Throttle(LIMITS, 0.0), Throttle(Limits(messages_per_s=0.001, messages_burst=1), 0.0)
    seen = []
    for _ in range(103):
        said(hurried, [0.0])
        seen.append(hurried.is_abused)
    assert seen == [False] * 102 + [True]
    said(patient, [number / 9 for number in range(200)])
    assert not patient.is_abused
