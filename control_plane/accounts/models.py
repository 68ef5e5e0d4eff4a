from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, VendorId


class Account(Versioned, Base):
    """An end customer."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("vendor_id", "short_name"),)

    id: Mapped[AccountId] = mapped_column(primary_key=True)
    vendor_id: Mapped[VendorId] = mapped_column(ForeignKey("vendors.id"), index=True)
    name: Mapped[str]
    short_name: Mapped[str]
    language: Mapped[str] = mapped_column(default="en")
    time_zone: Mapped[str] = mapped_column(default="UTC")
    retention_seconds: Mapped[int] = mapped_column(default=86_400)
    titles_visible_to_vendor: Mapped[bool] = mapped_column(default=False)
    claimed_allowed: Mapped[bool] = mapped_column(default=True)
    offline_limit_seconds: Mapped[int | None]
    card_needs_pin: Mapped[bool] = mapped_column(default=False)
    unknown_cards: Mapped[str] = mapped_column(default="refuse", server_default="refuse")
    # The public half of what numbers are sealed to that people enrol at a terminal (hex).
    card_sealing_key: Mapped[str | None]
    # A box with a right code waits until somebody has compared its key and approved it.
    gateways_need_approval: Mapped[bool] = mapped_column(default=False)
    hash_key_version: Mapped[int] = mapped_column(default=1)
    closed_at: Mapped[datetime | None]
    kept_until: Mapped[datetime | None]  # of a closed one; then it is erased
    erase_at: Mapped[datetime | None]  # at the latest: gateways are waited for until then

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None


class Licence(Base):
    """What an account may add; it never stops printing."""

    __tablename__ = "licences"

    account_id: Mapped[AccountId] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str]  # trial | full
    devices: Mapped[int]
    expires_at: Mapped[datetime]


class AccountSecret(Base):
    """A secret of an account, sealed under the data key, which is a file and never in here."""

    __tablename__ = "account_secrets"

    account_id: Mapped[AccountId] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[str] = mapped_column(primary_key=True)  # card-hmac | pepper | ...
    # "version" is the secret's own, told to gateways beside the hashes made with it.
    version: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
