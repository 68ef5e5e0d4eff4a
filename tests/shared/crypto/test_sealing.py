"""Sealed boxes: one key opens them, for one purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto import sealing
from shared.crypto.sealing import SealError

KEY = sealing.new_key()
PUBLIC = sealing.public_key(KEY)


@given(st.binary(max_size=200))
def test_a_box_opens_for_its_key_and_context(secret: bytes) -> None:
    assert sealing.unseal(KEY, sealing.seal(PUBLIC, secret, "pepper"), "pepper") == secret


def test_a_box_does_not_open_for_another_key() -> None:
    box = sealing.seal(PUBLIC, b"secret", "pepper")
    with pytest.raises(SealError):
        sealing.unseal(sealing.new_key(), box, "pepper")


def test_a_box_does_not_open_as_another_thing() -> None:
    box = sealing.seal(PUBLIC, b"secret", "pepper of Alder")
    with pytest.raises(SealError):
        sealing.unseal(KEY, box, "pepper of Cedar")


@given(st.binary(max_size=120))
def test_noise_raises_seal_error(noise: bytes) -> None:
    with pytest.raises(SealError):
        sealing.unseal(KEY, b"\x01" + noise, "pepper")


def test_a_public_key_that_is_none_is_refused() -> None:
    with pytest.raises(SealError):
        sealing.seal(b"short", b"secret", "pepper")
