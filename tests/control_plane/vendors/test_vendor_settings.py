"""A vendor's own name on its page."""

from __future__ import annotations

from pathlib import Path

from control_plane.database import Database
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from tests.support.houses import Town
from tests.support.web import an_app, give_domains, signed_in


def test_a_vendor_is_renamed_by_its_own_owner_alone(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    vic = signed_in(app, database, "vic.localhost", town.vic)
    ada = signed_in(app, database, "alder.localhost", town.ada)

    def name() -> str:
        with database.reading() as session:
            return vendors.get_vendor(session, town.vendor.id).name

    assert ada.get("/vendor-settings").headers["Location"] == "/settings"
    before = name()
    assert ada.post("/vendor-settings", data={"name": "Ada's"}).status_code in (403, 404)
    empty = vic.post("/vendor-settings", data={"name": " "})
    assert empty.status_code == 422
    assert "is-invalid" in empty.text
    assert name() == before
    assert vic.post("/vendor-settings", data={"name": "Vic & Sons"}).status_code == 303
    assert name() == "Vic & Sons"
    assert "Vic &amp; Sons" in vic.get("/accounts").text
