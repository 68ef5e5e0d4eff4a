from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import UserId


class PeopleImport(Base):
    """A file of people on its way in; its text stays sealed until it is used or thrown away."""

    __tablename__ = "people_imports"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[UserId | None]  # who brought it
    file_name: Mapped[str]
    created_at: Mapped[datetime]
    heard_at: Mapped[datetime]  # of whoever works on it
    state: Mapped[str]  # checking | checked | importing | done | failed
    lines: Mapped[int] = mapped_column(default=0)
    lines_done: Mapped[int] = mapped_column(default=0)
    # Lines by what becomes of them: created, changed, same, refused.
    counts: Mapped[dict[str, Any]]
    problems: Mapped[dict[str, Any]]  # {"items": the first of them}
    sealed_text: Mapped[bytes | None] = mapped_column(LargeBinary)
