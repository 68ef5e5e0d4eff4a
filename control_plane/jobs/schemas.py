from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from control_plane.schemas import Body, Identifier, View, Words
from shared.ids import JobId, PrinterId, QueueId, UserId
from shared.messages.uploads import MOST_BYTES

MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9.+-]{1,100}$")]


class ReleaseJob(Body):
    printer_id: Annotated[PrinterId, Identifier]


class CancelJobs(Body):
    """Several jobs at once; those that have ended stay as they are."""

    job_ids: Annotated[
        tuple[Annotated[JobId, Identifier], ...], Field(min_length=1, max_length=200)
    ]


class ReassignJob(Body):
    """Whose it is from now on."""

    owner_id: Annotated[UserId, Identifier]


class NewUpload(Body):
    """What is to be sent; the document itself goes to a gateway, never through the primary."""

    queue_id: Annotated[QueueId, Identifier]
    user_id: Annotated[UserId, Identifier] | None = None  # whose job; a person who asks: their own
    title: Words = ""
    document_format: MediaType = "application/pdf"
    max_bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)] = MOST_BYTES


class UploadView(View):
    """Where the document is to be PUT, with ``Authorization: Bearer <ticket>``, and until when.

    ``key_pin`` names the gateway's own key as ``curl --pinnedpubkey`` takes it. ``job_id`` is the
    job that it becomes.
    """

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"ticket"})

    job_id: str
    gateway_id: str
    url: str
    ticket: str
    key_pin: str
    max_bytes: int
    expires_at: datetime
