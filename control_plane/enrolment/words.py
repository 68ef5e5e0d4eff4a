"""An enrolment code as people see it: a picture to scan, and fingerprints to compare."""

from __future__ import annotations

from typing import Final

import segno
from markupsafe import Markup

_GROUP: Final = 4
_SHOWN: Final = 32  # hexadecimal digits, 128 bits: nobody finds another key with the same ones


def picture(code: str) -> Markup:
    """Draw a code as a QR symbol (ISO/IEC 18004), to stand in a page."""
    symbol = segno.make_qr(code, error="m")
    drawn = symbol.svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(drawn)  # noqa: S704  # drawn by us; the code is only in its shape


def fingerprint(digest: str) -> str:
    """Write the beginning of a hexadecimal SHA-256 so that two people can compare it."""
    digits = digest[:_SHOWN].upper()
    return " ".join(digits[n : n + _GROUP] for n in range(0, len(digits), _GROUP))
