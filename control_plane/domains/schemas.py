from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from control_plane.domains.names import canonical_host
from control_plane.schemas import Body, Color, View, Words
from shared.i18n import mark

MAX_PEM: Final = 65_536
_MAX_BASE64: Final = 350_000  # a little more than the largest logo: the service says which it is


def _in_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(mark("must be base64")) from None
    return text


HostName = Annotated[str, AfterValidator(canonical_host)]


class NewDomain(Body):
    name: HostName
    brand_name: Words = ""
    brand_color: Color | None = None


class DomainChanges(Body):
    brand_name: Words | None = None
    brand_color: Color | Literal[""] | None = None
    brand_side_color: Color | Literal[""] | None = None


class NewLogo(Body):
    """A PNG, JPEG or WebP picture of at most 256 KB."""

    logo: Annotated[
        str,
        Field(max_length=_MAX_BASE64, json_schema_extra={"contentEncoding": "base64"}),
        AfterValidator(_in_base64),
    ]

    def picture(self) -> bytes:
        return base64.b64decode(self.logo)


class NewCertificate(Body):
    """In PEM: the domain's own certificate, then those above it; a key without a password."""

    chain: Annotated[str, Field(max_length=MAX_PEM)]
    key: Annotated[str, Field(max_length=MAX_PEM)]


class CertificateView(View):
    """The certificate that browsers are shown; its key is shown to nobody."""

    chain: str
    stamp: str
    issuer: str
    added_at: datetime
    begins_at: datetime
    ends_at: datetime


class DomainView(View):
    id: str
    name: str
    verified_at: datetime | None
    verified_by: str | None
    challenge: str
    brand_name: str
    brand_color: str
    brand_side_color: str
    logo_stamp: str  # of the logo that there is; empty: there is none
    version: int
