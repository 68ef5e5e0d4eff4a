"""An enrolment code's secret as somebody types it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrolment_code import (
    PREFIX,
    CodeError,
    EnrolmentCode,
    is_typed,
    read_typed,
    write_typed,
)


@given(st.binary(min_size=16, max_size=16))
def test_all_128_bits_survive_the_hand(secret: bytes) -> None:
    text = write_typed(secret)
    assert len(text.replace("-", "")) == 28
    assert read_typed(text) == secret
    assert read_typed(f" {text.lower().replace('-', ' ')} ") == secret
    look_alike = text.replace("O", "0").replace("I", "1").replace("B", "8")
    assert read_typed(look_alike) == secret
    assert is_typed(text)
    assert not is_typed(str(EnrolmentCode(secret, b"p" * 32, "https://x")))


def test_a_slip_is_found() -> None:
    text = write_typed(b"0123456789abcdef")
    found = 0
    for n, letter in enumerate(text):
        if letter == "-":
            continue
        with pytest.raises(CodeError):
            read_typed(text[:n] + ("A" if letter != "A" else "C") + text[n + 1 :])
        found += 1
    assert found == 28


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 27, "A" * 29, "9" * 28, f"{PREFIX}-AAAA"])
def test_what_is_none_is_said_to_be_none(text: str) -> None:
    with pytest.raises(CodeError):
        read_typed(text)
