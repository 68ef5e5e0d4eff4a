"""What a queue tells of itself (RFC 8011 4.2.5, RFC 3380 4.3)."""

from __future__ import annotations

from edge_agent.intake.desk import Desk
from edge_agent.intake.ipp_call import IppCall
from shared.ipp.message import Group, Message
from shared.ipp.tags import Tag


async def get_printer_attributes(desk: Desk, call: IppCall) -> Message:
    """Tell everybody: clients ask before anybody can sign in."""
    target, requester = call.target, call.requester
    constant = desk.queues.attributes(
        target, call.authority, secure=requester.secure, loopback=requester.loopback
    )
    requested = call.asked.list_words("requested-attributes")
    queued = await desk.jobs.count_active(target.queue.id)
    live = desk.queues.live(target, queued, has_room=desk.jobs.has_room())
    return call.ok((Group(Tag.PRINTER, constant.choose(requested, live)),))
