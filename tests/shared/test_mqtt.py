"""The back-off: at once where nobody answers, less and less where we were not let in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.mqtt import Backoff


@given(st.integers(0, 10_000), st.booleans())
def test_a_wait_is_never_nothing_and_never_more_than_its_cap(attempt: int, answered: bool) -> None:
    backoff = Backoff()
    wait = backoff.wait(attempt, answered=answered)
    assert 0.05 <= wait <= (60 if answered else 15)


def test_a_line_that_is_back_is_used_within_seconds() -> None:
    waits = [Backoff().wait(attempt, answered=False) for attempt in range(100, 200)]
    assert max(waits) <= 3
    assert len(set(waits)) > 50  # Gateways that were cut together do not come back together.
