"""The end of a vendor: only one that looks after nobody and nothing any more is deleted."""

from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane import erasing, tenants
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.enrolment import service as enrolment
from control_plane.errors import ConflictError
from control_plane.gateways import service as gateways
from control_plane.vendors import service
from control_plane.vendors.models import Vendor
from shared.i18n import gettext, ngettext
from shared.ids import VendorId

_ = gettext


def in_the_way(session: Session, vendor: Vendor) -> list[str]:
    """List in words what keeps a vendor from being deleted."""
    below = accounts.count_of_vendor(session, vendor.id)
    children = service.count_children(session, vendor.id)
    boxes = len(gateways.list_living(session, tenants.vendor(vendor.id)))
    counted = (
        (below, ngettext("%(num)s account", "%(num)s accounts", below)),
        (children, ngettext("%(num)s vendor below it", "%(num)s vendors below it", children)),
        (boxes, ngettext("%(num)s gateway", "%(num)s gateways", boxes)),
    )
    return [words for count, words in counted if count]


def delete(session: Session, parent_id: VendorId, vendor_id: VendorId, by: Actor) -> None:
    """Delete a vendor that stands under another one, with its people, roles and domains.

    Raises:
        ConflictError: It still has accounts, vendors or gateways.
    """
    vendor = service.get_child(session, parent_id, vendor_id)
    if words := in_the_way(session, vendor):
        raise ConflictError("the vendor still has: %(what)s", what=", ".join(words))
    told = {"name": vendor.name}
    enrolment.end_certificates(session, tenants.vendor(vendor_id))
    erasing.erase_rest(session, tenants.vendor(vendor_id))
    audit.record(
        session, tenants.vendor(parent_id), "vendor.deleted", by, subject_kind="vendor",
        subject_id=vendor_id, detail=told,
    )  # fmt: skip
