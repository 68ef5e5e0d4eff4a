"""The back-off: at once where nobody answers, less and less where we were not let in."""

from __future__ import annotations

import threading

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from shared.mqtt import Backoff, _let_go


@given(st.integers(0, 10_000), st.booleans())
def test_a_wait_is_never_nothing_and_never_more_than_its_cap(attempt: int, answered: bool) -> None:
    backoff = Backoff()
    wait = backoff.wait(attempt, answered=answered)
    assert 0.05 <= wait <= (60 if answered else 15)


def test_a_line_that_is_back_is_used_within_seconds() -> None:
    waits = [Backoff().wait(attempt, answered=False) for attempt in range(100, 200)]
    assert max(waits) <= 3
    assert len(set(waits)) > 50  # Gateways that were cut together do not come back together.


class EndsWhileItIsStopped(mqtt.Client):
    """A client whose loop ends by itself between paho's look at its thread and its join."""

    _looks = 0

    @property
    def _thread(self) -> threading.Thread | None:
        self._looks += 1
        return None if self._looks > 2 else threading.Thread()

    @_thread.setter
    def _thread(self, thread: threading.Thread | None) -> None:
        self._looks = 0


def test_a_connection_that_ends_while_it_is_stopped_does_not_end_the_link() -> None:
    client = EndsWhileItIsStopped(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    with pytest.raises(AttributeError):
        client.loop_stop()
    client._looks = 0
    _let_go(client)
    assert client._looks == 3
