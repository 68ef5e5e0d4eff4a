"""Uploads by programs: an address at a gateway that the caller can reach.

A document never passes through the primary. No service of a gateway takes documents over plain
HTTP yet, so the answer is the reason, and the way that works today.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.jobs.schemas import NewUpload, UploadView
from control_plane.queues import service as queues
from shared.ids import AccountId


def find_address(session: Session, account_id: AccountId, new: NewUpload) -> UploadView:
    """Find a gateway that takes the document.

    Raises:
        InvalidError: There is no such queue.
        ConflictError: No gateway of the account takes uploads; the text says what to do instead.
    """
    try:
        queue = queues.get_queue(session, account_id, new.queue_id)
    except NotFoundError as error:
        raise InvalidError("queue_id", str(error)) from None
    serving = gateways.serving_gateways(session, account_id)
    enrolled = sorted(gateway.name for gateway in serving if gateway.enrolled_at)
    if not enrolled:
        raise ConflictError("no gateway serves this account yet, so nothing can take the document")
    raise ConflictError(
        f"no gateway that you can reach takes uploads ({', '.join(enrolled)}); "
        f"send the document by IPP to the queue {queue.path} instead"
    )
