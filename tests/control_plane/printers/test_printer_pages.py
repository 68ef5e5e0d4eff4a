"""A printer on its page: switched off and on, its profile, and fields that are emptied."""

from __future__ import annotations

from pathlib import Path

from control_plane.database import Database
from control_plane.printers import service as printers
from control_plane.vault import Vault
from tests.support.houses import Town
from tests.support.web import an_app, give_domains, signed_in

A_FORM = {
    "name": "Hall",
    "uri": "ipp://192.0.2.7/ipp/print",
    "location": "by the stairs",
    "profile": "generic/ipp-everywhere",
}


def test_a_printer_is_switched_off_and_on_and_its_place_is_emptied(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    give_domains(database, town)
    ada = signed_in(an_app(tmp_path, database, vault), database, "alder.localhost", town.ada)
    house = town.alder
    path = f"/printers/{house.printer.id}"

    def now() -> tuple[bool, str]:
        with database.reading() as session:
            printer = printers.get_printer(session, house.account.id, house.printer.id)
            return printer.enabled, printer.location

    assert ada.post(path, data={**A_FORM, "enabled": "on"}).status_code == 303
    assert now() == (True, "by the stairs")
    assert ada.post(path, data={**A_FORM, "location": ""}).status_code == 303
    assert now() == (False, "")
    assert "switched off here" in ada.get(path).text
    wrong = ada.post(path, data={**A_FORM, "profile": "no profile", "enabled": "on"})
    assert wrong.status_code == 422
    assert "is-invalid" in wrong.text
    assert now() == (False, "")


def test_its_page_tells_what_its_profile_says_that_it_can_do(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    give_domains(database, town)
    ada = signed_in(an_app(tmp_path, database, vault), database, "alder.localhost", town.ada)
    path = f"/printers/{town.alder.printer.id}"
    shown = ada.get(path).text
    assert "<dt>Both sides</dt><dd>yes</dd>" in shown
    assert "<dt>Takes</dt><dd>PDF, PWG raster, Apple raster, JPEG</dd>" in shown
    assert "“IPP Everywhere printer”" in shown
    # A newer profile than this release's: nothing is made up.
    assert ada.post(path, data={**A_FORM, "profile": "example/newer"}).status_code == 303
    shown = ada.get(path).text
    assert "Both sides" not in shown
    assert "does not have its profile" in shown
    assert "What it can do" not in ada.get("/printers/new").text
