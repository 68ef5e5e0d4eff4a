"""Moments on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from shared import clock


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives_the_wire_to_the_millisecond(moment: datetime) -> None:
    kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert clock.from_wire(clock.to_wire(moment)) == kept


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 11, 22, 11, 41, 31, 204_999, timezone(timedelta(hours=1)))
    assert clock.to_wire(moment) == "2026-11-22T10:41:31.204Z"
