from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.errors import NotFoundError
from control_plane.roles import service as roles
from control_plane.vendors import repository
from control_plane.vendors.models import Vendor
from control_plane.vendors.schemas import NewVendor, VendorChanges
from shared.ids import VendorId, new_id

list_all = repository.list_all
list_children = repository.list_children
ancestors = repository.ancestors
count_children = repository.count_children


def create(
    session: Session, new: NewVendor, by: Actor, *, parent_id: VendorId | None = None
) -> Vendor:
    """Make a vendor, under another one or at the top, with its built-in roles."""
    vendor = Vendor(id=VendorId(new_id()), parent_id=parent_id, name=new.name)
    session.add(vendor)
    session.flush()
    roles.create_defaults(session, tenants.vendor(vendor.id))
    audit.record(
        session, tenants.vendor(vendor.id), "vendor.created", by, subject_kind="vendor",
        subject_id=vendor.id, detail={"name": vendor.name},
    )  # fmt: skip
    return vendor


def get_vendor(session: Session, vendor_id: VendorId) -> Vendor:
    vendor = repository.find_vendor(session, vendor_id)
    if vendor is None:
        raise NotFoundError("vendor", vendor_id)
    return vendor


def get_child(session: Session, parent_id: VendorId, vendor_id: VendorId) -> Vendor:
    """A vendor that stands under another one."""
    vendor = repository.find_vendor(session, vendor_id)
    if vendor is None or vendor.parent_id != parent_id:
        raise NotFoundError("vendor", vendor_id)
    return vendor


def update(
    session: Session,
    vendor_id: VendorId,
    body: VendorChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Vendor:
    vendor = get_vendor(session, vendor_id)
    changes.check_version(vendor, expected_version)
    changed = changes.apply(vendor, body)
    session.flush()
    audit.record(
        session, tenants.vendor(vendor.id), "vendor.changed", by, subject_kind="vendor",
        subject_id=vendor.id, detail={"name": vendor.name, **changed},
    )  # fmt: skip
    return vendor
