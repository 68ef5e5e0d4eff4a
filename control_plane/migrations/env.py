"""Run by Alembic: on the connection that ``control_plane.schema`` hands over."""

from __future__ import annotations

from alembic import context

from control_plane.models import Base


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite cannot alter a column in place: the table is made anew beside the old one.
        render_as_batch=True,
        transactional_ddl=False,  # Ours is the transaction around all of it.
        compare_type=True,
    )
    context.run_migrations()


run()
