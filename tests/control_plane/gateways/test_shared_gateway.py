"""A vendor's gateway serves two accounts; neither reads anything of the other's in its state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from control_plane import tenants
from control_plane.database import Database, utc_now
from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.gateways.schemas import NewGateway
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import an_app, give_domains

HEALTH = {
    "ok": True,
    "says": "Cedar's reader does not answer",
    "services": {"card-readers": {"ok": False, "says": "Not connected: Cedar hall"}},
    "readers": {"x": {"ok": False, "says": "Cedar"}},
    "if_the_line_were_cut": {
        "Signing in at Cedar": {"what": "signing-in", "works": True, "account_id": "cedar"}
    },
}


def test_each_account_reads_of_a_shared_gateway_only_how_it_is(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    give_domains(database, town)
    vic, alder = tenants.vendor(town.vendor.id), tenants.account(town.alder.account.id)
    with database.writing() as session:
        shared = gateways.create(session, vic, NewGateway(name="Shared"), TESTER, vault=vault)
        for house in (town.alder, town.cedar):
            gateways.serve(session, shared, house.account.id, TESTER, vault=vault)
        gateways.on_heartbeat(
            session, shared.id, at=utc_now(), running={"errors": {"Cedar": "x"}}, health=HEALTH
        )
    app = an_app(tmp_path, database, vault, pages=())

    def ask(tenant: Tenant) -> Any:
        new = NewApiKey(name="x", permissions=(Permission.SEE_THINGS,))
        with database.writing() as session:
            _row, key = api_keys.create(session, tenant, new, TESTER)
        client = app.test_client(use_cookies=False)
        headers = {"Authorization": f"Bearer {key}"}
        address = f"/api/v1/gateways/{shared.id}"
        return client.get(address, base_url="https://localhost", headers=headers)

    told = ask(alder)
    assert told.status_code == 200
    assert told.json["state"]["health"] == {"ok": True}
    assert "Cedar" not in told.text
    assert "Cedar hall" in ask(vic).text
    with database.reading() as session:
        row = gateways.get_gateway(session, alder, shared.id)
        state = gateways.states(session, [shared.id])[shared.id]
        view = words.view(
            row, state, utc_now(), people=1, is_own=False, account_id=town.alder.account.id
        )
    assert "Cedar" not in f"{view.services} {view.alone} {view.errors}"
