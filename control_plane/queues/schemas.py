from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from control_plane.schemas import Body, Identifier, Name, Port, Seconds, ShortName, Ticket, View
from control_plane.users.schemas import PastedUsernames
from shared.i18n import mark
from shared.ids import PrinterId, UserId
from shared.messages.records import IdentityPolicy, QueueType


class NewQueue(Body):
    name: Name
    path: ShortName
    type: QueueType
    printer_id: Annotated[PrinterId, Identifier] | None = None
    identity: IdentityPolicy = IdentityPolicy.SIGN_IN
    user_ids: tuple[Annotated[UserId, Identifier], ...] = ()
    group_ids: tuple[Identifier, ...] = ()
    ticket_defaults: Ticket = Field(default_factory=dict)
    retention_seconds: Seconds | None = None
    raw_port: Port | None = None
    keep_after_printing: bool = False

    @model_validator(mode="after")
    def _needs_its_printer(self) -> NewQueue:
        if (self.type is QueueType.DIRECT) != (self.printer_id is not None):
            raise ValueError(mark("a direct queue has its printer, a pull queue has none"))
        return self


class QueueChanges(Body):
    name: Name | None = None
    printer_id: Annotated[PrinterId, Identifier] | None = None
    identity: IdentityPolicy | None = None
    user_ids: tuple[Annotated[UserId, Identifier], ...] | None = None
    group_ids: tuple[Identifier, ...] | None = None
    ticket_defaults: Ticket | None = None
    retention_seconds: Seconds | None = None
    raw_port: Port | None = None
    keep_after_printing: bool | None = None


class OpenTo(Body):
    """Who may use a queue: whoever belongs to the account, or those who are named alone."""

    open_to: Literal["everybody", "named"]
    usernames: PastedUsernames = ()
    group_ids: tuple[Identifier, ...] = ()


class QueueView(View):
    id: str
    name: str
    path: str
    type: str
    printer_id: str | None
    identity: str
    user_ids: list[str]
    group_ids: list[str]
    ticket_defaults: Ticket
    retention_seconds: int | None
    raw_port: int | None
    keep_after_printing: bool
    version: int
