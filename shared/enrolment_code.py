"""The one string that makes a box a gateway.

It is ``SH1-`` and base32 of

::

    check    2 bytes   the first of SHA-256 over the rest: a slip of the pen is noticed at once
    secret  16 bytes   random; valid once, for an hour
    pin     32 bytes   SHA-256 of the authority's certificate (DER): both know each other
    url      n bytes   where the primary is: https://host:port

Case, hyphens and white space do not matter.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PREFIX: Final = "SH1"
SECRET_BYTES: Final = 16
_CHECK_BYTES: Final = 2
_PIN_BYTES: Final = 32
_GROUP: Final = 4
_TYPED_LETTERS: Final = 28  # 140 bits: the secret and the check
_TYPED_CHECK_BITS: Final = 12
_TYPED_BYTES: Final = 20  # what base32 writes in 32 letters
_TYPED_SPARE_BITS: Final = _TYPED_BYTES * 8 - _TYPED_LETTERS * 5
_LOOK_ALIKES: Final = str.maketrans("018", "OIB")


class CodeError(Exception):
    """This is no enrolment code, or not all of it."""


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """What the string says."""

    secret: bytes
    pin: bytes
    url: str

    def __str__(self) -> str:
        body = self.secret + self.pin + self.url.encode()
        text = base64.b32encode(_check(body) + body).decode().rstrip("=")
        return f"{PREFIX}-{text}"

    @classmethod
    def parse(cls, text: str) -> EnrolmentCode:
        """Read the string.

        Raises:
            CodeError: It is something else.
        """
        letters = re.sub(r"[\s-]", "", text).upper()
        if not letters.startswith(PREFIX):
            raise CodeError(f"an enrolment code begins with {PREFIX}-")
        letters = letters.removeprefix(PREFIX)
        try:
            data = base64.b32decode(letters + "=" * (-len(letters) % 8))
        except binascii.Error:
            raise CodeError("the enrolment code has letters that it should not have") from None
        check, body = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
        if check != _check(body) or len(body) <= SECRET_BYTES + _PIN_BYTES:
            raise CodeError("the enrolment code is not complete, or was mistyped")
        secret, rest = body[:SECRET_BYTES], body[SECRET_BYTES:]
        return cls(secret, rest[:_PIN_BYTES], _read_url(rest[_PIN_BYTES:]))


def write_typed(secret: bytes) -> str:
    """Write a code's secret to be typed by hand: 26 letters of secret, and two that check them.

    It says neither where the primary is nor who it is: the person types the address, and compares
    the fingerprint of the primary.
    """
    bits = int.from_bytes(secret) << _TYPED_CHECK_BITS | _typed_check(secret)
    text = base64.b32encode((bits << _TYPED_SPARE_BITS).to_bytes(_TYPED_BYTES)).decode()
    letters = text[:_TYPED_LETTERS]
    return "-".join(letters[n : n + _GROUP] for n in range(0, _TYPED_LETTERS, _GROUP))


def is_typed(text: str) -> bool:
    """Whether somebody means the form that is typed, and not the one that is pasted."""
    return not re.sub(r"[\s-]", "", text).upper().startswith(PREFIX)


def read_typed(text: str) -> bytes:
    """Read the secret that somebody typed; 0, 1 and 8 are taken for O, I and B.

    Raises:
        CodeError: It is something else, or has a slip.
    """
    letters = re.sub(r"[\s-]", "", text).upper().translate(_LOOK_ALIKES)
    if len(letters) != _TYPED_LETTERS:
        raise CodeError(f"the enrolment code has {_TYPED_LETTERS} letters, not {len(letters)}")
    try:
        data = base64.b32decode(letters + "A" * 4)
    except binascii.Error:
        raise CodeError("the enrolment code has letters that it should not have") from None
    bits = int.from_bytes(data) >> (len(data) * 8 - SECRET_BYTES * 8 - _TYPED_CHECK_BITS)
    secret = (bits >> _TYPED_CHECK_BITS).to_bytes(SECRET_BYTES)
    if bits & ((1 << _TYPED_CHECK_BITS) - 1) != _typed_check(secret):
        raise CodeError("the enrolment code was mistyped")
    return secret


def hash_secret(secret: bytes) -> str:
    """The form in which the primary keeps it."""
    return hashlib.sha256(b"spoolhouse-enrolment-1\0" + secret).hexdigest()


def _typed_check(secret: bytes) -> int:
    digest = hashlib.sha256(b"spoolhouse-typed-1\0" + secret).digest()
    return int.from_bytes(digest[:2]) >> (16 - _TYPED_CHECK_BITS)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]


def _read_url(data: bytes) -> str:
    try:
        url = data.decode()
        parts = urlsplit(url)
    except ValueError:
        raise CodeError("the enrolment code names no address") from None
    if parts.scheme != "https" or not parts.hostname:
        raise CodeError("the enrolment code names no https address")
    return url
