"""Signed messages: what was changed, or was meant for somebody else, is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.signing import SignatureError, Signer, Verifier
from shared.messages.codec import MessageError

SIGNER = Signer(Signer.new_key())
VERIFIER = Verifier([SIGNER.public_key])


def test_a_signed_message_is_read_under_its_topic() -> None:
    payload = SIGNER.sign("down/a", {"hello": "Ada"})
    assert VERIFIER.open("down/a", payload) == {"hello": "Ada"}


def test_a_message_for_another_gateway_is_nothing() -> None:
    payload = SIGNER.sign("down/a", {"hello": "Ada"})
    with pytest.raises(SignatureError):
        VERIFIER.open("down/b", payload)


def test_a_stranger_s_signature_is_nothing() -> None:
    payload = Signer(Signer.new_key()).sign("down/a", {})
    with pytest.raises(SignatureError):
        VERIFIER.open("down/a", payload)


@given(st.integers(min_value=0))
def test_every_flipped_bit_is_noticed(position: int) -> None:
    payload = bytearray(SIGNER.sign("down/a", {"hello": "Ada"}))
    position %= len(payload) * 8
    payload[position // 8] ^= 1 << position % 8
    with pytest.raises(SignatureError):
        VERIFIER.open("down/a", bytes(payload))


@given(st.binary(max_size=400))
def test_noise_raises_our_errors_and_nothing_else(noise: bytes) -> None:
    with pytest.raises((SignatureError, MessageError)):
        VERIFIER.open("down/a", noise)


def test_a_second_key_is_trusted_while_keys_change() -> None:
    newer = Signer(Signer.new_key())
    both = Verifier([SIGNER.public_key, newer.public_key])
    assert both.open("t", SIGNER.sign("t", 1)) == 1
    assert both.open("t", newer.sign("t", 2)) == 2
