from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, PrintTokenId, QueueId, UserId


class PrintToken(Versioned, Base):
    """What stands in the path of a queue for a client that cannot sign in; kept as its hash."""

    __tablename__ = "print_tokens"

    id: Mapped[PrintTokenId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"), index=True)
    user_id: Mapped[UserId] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    # No foreign key: where the queue is gone, its token must not become one for every queue.
    queue_id: Mapped[QueueId | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
