"""Who may use a queue, as its page shows it and lets it be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.groups import service as groups
from control_plane.queues.models import Queue
from control_plane.users import service as users
from control_plane.web.forms import Form
from shared.ids import UserId

_ALL = 200

Named = tuple[str, str]  # id and name


@dataclass(frozen=True, slots=True)
class Access:
    """The groups and people that a queue names; without any it is open to the whole account."""

    is_open: bool
    groups: Sequence[Named]
    people: Sequence[Named]
    gone: int  # people who were named and have been removed since
    choices: Sequence[Named]
    form: Form


def access_of(session: Session, queue: Queue) -> Access:
    """Read who may use a queue, and which groups could."""
    named = groups.names(session, queue.account_id, queue.group_ids)
    ids, tenant = [UserId(key) for key in queue.user_ids], tenants.account(queue.account_id)
    people = users.names(session, tenant, ids)
    typed = users.usernames(session, tenant, ids)
    is_open = not queue.user_ids and not queue.group_ids
    known = groups.list_groups(session, queue.account_id, limit=_ALL).items
    # A group that is chosen can be given up, however many there are.
    choices = {**{group.id: group.name for group in known}, **named}
    return Access(
        is_open=is_open,
        groups=_by_name(named),
        people=_by_name(people),
        gone=len(ids) - len(people),
        choices=_by_name(choices),
        form=Form(
            {
                "open_to": "everybody" if is_open else "named",
                "usernames": "\n".join(sorted(typed.values())),
                "group_ids": queue.group_ids,
            }
        ),
    )


def _by_name(names: dict[str, str]) -> Sequence[Named]:
    return sorted(names.items(), key=lambda each: (each[1].casefold(), each[0]))
