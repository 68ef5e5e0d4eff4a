"""The files of hosts: made when somebody first asks, and gone when their domain is."""

from __future__ import annotations

from pathlib import Path

from control_plane import tenants
from control_plane.database import Database
from control_plane.domains import service as domains
from control_plane.domains.hosts import HostCertificates
from control_plane.domains.schemas import NewDomain
from control_plane.pki.keys import KeyRing
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import give_domains


def test_files_of_a_domain_that_is_no_more_are_removed_and_all_others_stay(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    give_domains(database, town)
    keys = KeyRing.open_or_create(tmp_path)
    hosts = HostCertificates(database, vault, keys.authority, tmp_path, ())
    alder = tenants.account(town.alder.account.id)
    with database.writing() as session:
        second = domains.create(session, alder, NewDomain(name="print.localhost"), TESTER)
        domains.verify(session, alder, second.id, TESTER, verified_by="installation")
    before = {path.name for path in tmp_path.iterdir()}
    for host in ("alder.localhost", "print.localhost"):
        assert hosts.find(host) is not None
    made = {path.name for path in tmp_path.iterdir()} - before
    assert f"web-{second.id}.key" in made
    assert len(made) == 4
    hosts.forget_gone()
    assert {path.name for path in tmp_path.iterdir()} == before | made
    with database.writing() as session:
        domains.delete(session, alder, second.id, TESTER)
    hosts.forget_gone()
    gone = {f"web-{second.id}.key", f"web-{second.id}.pem"}
    assert {path.name for path in tmp_path.iterdir()} == (before | made) - gone
    assert hosts.find("alder.localhost") is not None
    assert hosts.find("print.localhost") is None
