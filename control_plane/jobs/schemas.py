from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from control_plane.schemas import Body, Identifier, View, Words
from shared.ids import PrinterId, QueueId, UserId

MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9.+-]{1,100}$")]


class ReleaseJob(Body):
    printer_id: Annotated[PrinterId, Identifier]


class ReassignJob(Body):
    """Whose it is from now on."""

    owner_id: Annotated[UserId, Identifier]


class NewUpload(Body):
    """What is to be sent; the document itself goes to a gateway, never through the primary."""

    queue_id: Annotated[QueueId, Identifier]
    title: Words = ""
    document_format: MediaType = "application/pdf"


class UploadView(View):
    """Where the document is to be PUT, and until when."""

    url: str
    gateway_id: str
    expires_at: datetime


class CommandView(View):
    """What was asked of a gateway, and how far it is; final states end with its own report."""

    id: str
    gateway_id: str
    kind: str
    state: str
    message: str
    result: dict[str, Any]
    issued_at: datetime
    expires_at: datetime
    changed_at: datetime
