from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.accounts.opening import open_vendor
from control_plane.request import actor, caller, vault
from control_plane.rest.routing import Items, PageQuery, Rest, expected_version, items
from control_plane.security.permissions import Permission
from control_plane.vendors import deleting
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor, OpenedVendorView, VendorChanges, VendorView
from shared.ids import VendorId

rest = Rest("vendors", __name__)


@rest.get("/vendor", Permission.SEE_SETTINGS, answer=VendorView)
def get_own_vendor(session: Session) -> VendorView:
    """Show the vendor itself."""
    return VendorView.model_validate(vendors.get_vendor(session, caller().vendor_id))


@rest.patch("/vendor", Permission.CHANGE_SETTINGS, body=VendorChanges, answer=VendorView)
def update_own_vendor(session: Session, body: VendorChanges) -> VendorView:
    """Change the vendor itself."""
    vendor = vendors.update(
        session, caller().vendor_id, body, actor(), expected_version=expected_version()
    )
    return VendorView.model_validate(vendor)


@rest.get("/vendors", Permission.SEE_ACCOUNTS, query=PageQuery, answer=Items[VendorView])
def list_vendors(session: Session, query: PageQuery) -> Items[VendorView]:
    """List the vendors that stand under this one."""
    page = vendors.list_children(session, caller().vendor_id, **query.model_dump())
    return items(page, VendorView)


@rest.post("/vendors", Permission.CHANGE_ACCOUNTS, body=NewVendor, answer=OpenedVendorView)
def create_vendor(session: Session, body: NewVendor) -> OpenedVendorView:
    """Make a vendor under this one; also its domain, owner and set-up key."""
    vendor, furnished = open_vendor(session, caller().vendor_id, body, actor(), vault=vault())
    shown = VendorView.model_validate(vendor).model_dump()
    return OpenedVendorView(**shown, **furnished.shown())


@rest.get("/vendors/<child_id>", Permission.SEE_ACCOUNTS, answer=VendorView)
def get_vendor(session: Session, child_id: VendorId) -> VendorView:
    """Show a vendor that stands under this one."""
    return VendorView.model_validate(vendors.get_child(session, caller().vendor_id, child_id))


@rest.delete("/vendors/<child_id>", Permission.CLOSE_ACCOUNTS)
def delete_vendor(session: Session, child_id: VendorId) -> None:
    """Delete a vendor that has no accounts, vendors and gateways left."""
    deleting.delete(session, caller().vendor_id, child_id, actor())
