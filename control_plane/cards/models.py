from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, CardId, UserId


class Card(Versioned, Base):
    """What a person taps. Its number stands here only as a keyed hash and sealed."""

    __tablename__ = "cards"
    __table_args__ = (
        # A revoked card may be given to somebody else; one that is in use may not.
        Index(
            "uq_cards_account_id_card_hash",
            "account_id",
            "card_hash",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_cards_account_id_last4", "account_id", "last4"),
    )

    id: Mapped[CardId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    user_id: Mapped[UserId] = mapped_column(ForeignKey("users.id"), index=True)
    card_hash: Mapped[str]
    last4: Mapped[str]
    hash_key_version: Mapped[int]
    form_version: Mapped[int]
    sealed_number: Mapped[bytes] = mapped_column(LargeBinary)  # under the data key
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_printer_id: Mapped[str | None]
    # Where its person made it theirs, by themselves; None where somebody gave it to them.
    enrolled_printer_id: Mapped[str | None]
