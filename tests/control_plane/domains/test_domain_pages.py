"""A domain's page: whose it is, its look, and a certificate that is shown without a restart."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.domains import brand, certificates
from control_plane.domains import service as domains
from control_plane.domains.hosts import HostCertificates
from control_plane.domains.models import DomainCertificate
from control_plane.errors import InvalidError
from control_plane.pki import certificates as own
from control_plane.pki.keys import KeyRing
from control_plane.vault import Vault
from control_plane.webserver import WebServer
from tests.support.brought import chained, issue, key_pem, pem
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, a_browser, an_app, give_domains, signed_in

HOST = "alder.localhost"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@dataclass
class Desk:
    app: Flask
    database: Database
    vault: Vault
    town: Town
    ada: Browser
    ben: Browser
    cleo: Browser

    @property
    def own(self) -> str:
        """The path of the page of the domain where Ada is."""
        return f"/domains/{self.domain_id(HOST)}"

    def domain_id(self, name: str) -> str:
        tenant = tenants.account(self.town.alder.account.id)
        with self.database.reading() as session:
            found = domains.list_domains(session, tenant)
            return next(domain.id for domain in found if domain.name == name)

    def events(self) -> list[str]:
        with self.database.reading() as session:
            tenant = str(tenants.account(self.town.alder.account.id))
            rows = select(AuditEvent.event).where(AuditEvent.tenant == tenant)
            return list(session.scalars(rows.order_by(AuditEvent.seq)))


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    return Desk(
        app,
        database,
        vault,
        town,
        signed_in(app, database, HOST, town.ada),
        signed_in(app, database, HOST, town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
    )


def upload(browser: Browser, path: str, field: str, data: bytes) -> Any:
    head = f'Content-Disposition: form-data; name="{field}"; filename="x"'
    body = f"--x\r\n{head}\r\n\r\n".encode() + data + b"\r\n--x--\r\n"
    return browser.post(path, data=body, content_type="multipart/form-data; boundary=x")


def test_a_domain_is_added_shows_its_record_and_says_what_dns_does_not_show(desk: Desk) -> None:
    added = desk.ada.post("/domains", data={"name": "Print.Example.invalid."})
    page = desk.ada.get(added.headers["Location"]).text
    assert "_spoolhouse-challenge.print.example.invalid" in page
    assert "spoolhouse=" in page
    refused = desk.ada.post(f"{added.headers['Location']}/verify")
    assert refused.status_code == 409
    assert "DNS shows no TXT record" in refused.text
    again = desk.ada.post("/domains", data={"name": "print.example.invalid"})
    assert "This domain is claimed already." in again.text


def test_a_name_below_ones_own_is_verified_at_once(desk: Desk) -> None:
    path = desk.ada.post("/domains", data={"name": f"print.{HOST}"}).headers["Location"]
    assert desk.ada.post(f"{path}/verify").status_code == 303
    assert "by the owner of the domain above it" in desk.ada.get(path).text
    assert a_browser(desk.app, f"print.{HOST}").get("/sign-in").status_code == 200


def test_the_last_verified_domain_stays_and_another_goes(desk: Desk) -> None:
    refused = desk.ada.post(f"{desk.own}/delete")
    assert refused.status_code == 409
    assert "nobody could sign in without it" in refused.text
    spare = desk.ada.post("/domains", data={"name": "spare.example"}).headers["Location"]
    assert desk.ada.post(f"{spare}/delete").status_code == 303
    assert desk.ada.get(spare).status_code == 404


def test_the_sign_in_page_wears_name_colours_and_logo(desk: Desk) -> None:
    form = {"brand_name": "Alder Prints", "brand_color": "#FFDD00", "brand_side_color": "#223366"}
    assert desk.ada.post(f"{desk.own}/brand", data=form).status_code == 303
    assert upload(desk.ada, f"{desk.own}/logo", "logo", PNG).status_code == 303
    stranger = a_browser(desk.app, HOST)
    door = stranger.get("/sign-in").text
    assert "Alder Prints" in door
    assert 'src="/brand/logo?v=' in door
    logo = stranger.get("/brand/logo")
    assert (logo.data, logo.mimetype) == (PNG, "image/png")
    assert logo.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in logo.headers["Content-Security-Policy"]
    sheet = stranger.get("/brand.css").text
    assert "--tblr-primary:#ffdd00" in sheet
    assert "--tblr-primary-fg:#10201e" in sheet  # Yellow carries dark letters.
    assert ".side{background:#223366;}" in sheet
    assert a_browser(desk.app, "cedar.localhost").get("/brand/logo").status_code == 404
    assert desk.ada.post(f"{desk.own}/logo/remove").status_code == 303
    assert stranger.get("/brand/logo").status_code == 404


@pytest.mark.parametrize(
    "data",
    [b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", b"GIF89a", b""],
)
def test_only_pictures_that_run_nothing_are_logos(desk: Desk, data: bytes) -> None:
    assert upload(desk.ada, f"{desk.own}/logo", "logo", data).status_code == 422
    assert upload(desk.ada, f"{desk.own}/logo", "logo", PNG).status_code == 303


def test_a_logo_has_a_size(desk: Desk) -> None:
    large = upload(desk.ada, f"{desk.own}/logo", "logo", PNG + b"\0" * brand.MAX_BYTES)
    assert large.status_code == 422
    assert "The picture is larger than 256 KB." in large.text


@pytest.mark.parametrize("color", ["red", "#12345", "#123456;}body{", "url(x)"])
def test_a_colour_is_a_colour(desk: Desk, color: str) -> None:
    refused = desk.ada.post(f"{desk.own}/brand", data={"brand_color": color})
    assert refused.status_code == 422
    assert "A colour is written #rrggbb." in refused.text
    assert desk.ada.post(f"{desk.own}/brand", data={"brand_color": ""}).status_code == 303


def test_letters_on_a_brand_colour_can_be_read() -> None:
    for color in ("#000000", "#ffffff", "#0f766e", "#ffdd00", "#ff0000", "#777777"):
        best = max(brand.contrast(color, other) for other in ("#ffffff", "#10201e"))
        assert best > 3.9
    assert round(brand.contrast("#000000", "#ffffff"), 1) == 21


def test_a_certificate_is_checked_sealed_and_removed(desk: Desk) -> None:
    chain, key = chained(HOST)
    path = f"{desk.own}/certificate"
    assert desk.ada.post(path, data={"chain": chain, "key": key}).status_code == 303
    page = desk.ada.get(desk.own).text
    assert "Some Authority" in page
    assert key.splitlines()[1] not in page
    with desk.database.reading() as session:
        row = session.scalars(select(DomainCertificate)).one()
        assert b"PRIVATE" not in row.sealed_key
        assert certificates.open_key(row, desk.vault).startswith(b"-----BEGIN PRIVATE KEY-----")
    assert desk.ada.post(f"{path}/remove").status_code == 303
    with desk.database.reading() as session:
        assert session.scalars(select(DomainCertificate)).all() == []
    told = [event for event in desk.events() if event.startswith("domain.certificate")]
    assert told == ["domain.certificate-brought", "domain.certificate-removed"]


def wrong_pairs() -> dict[str, tuple[str, str]]:
    chain, key = chained(HOST)
    other_chain, other_key = chained(HOST)
    leaf, leaf_key = issue(HOST, (issue("Above")[0].subject, issue("Above")[1]))
    return {
        "does not belong to the first certificate": (chain, other_key),
        "does not name alder.localhost, but cedar.localhost": chained("cedar.localhost"),
        "the certificate ended on": chained(HOST, days=-1, begins=-9),
        "the certificate begins on": chained(HOST, days=9, begins=3),
        "certificate 1 is not issued by the one after it": (
            pem(leaf) + other_chain, key_pem(leaf_key),
        ),
        "these are no certificates in PEM": ("nonsense", key),
        "this is no private key in PEM": (chain, "nonsense"),
        "this key has a password": (chain, key_pem(issue(HOST)[1], b"secret")),
        "browsers take RSA": (chain, key_pem(ec.generate_private_key(ec.SECP521R1()))),
    }  # fmt: skip


@pytest.mark.parametrize("says", list(wrong_pairs()))
def test_a_wrong_certificate_says_why(says: str) -> None:
    with pytest.raises(InvalidError, match=says):
        certificates.read(*wrong_pairs()[says], HOST, datetime.now(UTC))
    assert certificates.read(*chained(HOST), HOST, datetime.now(UTC)).issuer == "Some Authority"
    wildcard = chained("*.localhost")
    assert certificates.read(*wildcard, HOST, datetime.now(UTC)).stamp


def test_a_refused_certificate_is_told_beside_its_field_and_shows_no_key(desk: Desk) -> None:
    chain, _ = chained(HOST)
    _, key = chained(HOST)
    refused = desk.ada.post(f"{desk.own}/certificate", data={"chain": chain, "key": key})
    assert refused.status_code == 422
    assert "This key does not belong to the first certificate." in refused.text
    assert key.splitlines()[1] not in refused.text
    assert chain.splitlines()[1] in refused.text


def test_a_certificate_that_ends_within_thirty_days_asks_for_somebody(desk: Desk) -> None:
    assert "A certificate of your pages" not in desk.ada.get("/").text
    chain, key = chained(HOST, days=29)
    desk.ada.post(f"{desk.own}/certificate", data={"chain": chain, "key": key})
    assert "A certificate of your pages ends" in desk.ada.get("/").text
    assert "Bring the next one in time." in desk.ada.get(desk.own).text
    chain, key = chained(HOST, days=31)
    desk.ada.post(f"{desk.own}/certificate", data={"chain": chain, "key": key})
    assert "A certificate of your pages" not in desk.ada.get("/").text


def issuer_shown(port: int, host: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        found = tls.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found).issuer.rfc4514_string()


def test_a_brought_certificate_is_shown_by_sni_without_a_restart_and_to_its_host_alone(
    desk: Desk, tmp_path: Path
) -> None:
    keys = KeyRing.open_or_create(tmp_path / "keys")
    hosts = HostCertificates(
        desk.database, desk.vault, keys.authority, tmp_path / "keys", {"localhost"}
    )
    files = own.for_listener(
        keys.authority, tmp_path / "keys", "web", ["localhost"], datetime.now(UTC)
    )
    server = WebServer("127.0.0.1", 0, desk.app, files, find_certificate=hosts.find)
    server.start()
    try:
        ours = issuer_shown(server.port, HOST)
        chain, key = chained(HOST)
        desk.ada.post(f"{desk.own}/certificate", data={"chain": chain, "key": key})
        deadline = time.monotonic() + 20
        while (shown := issuer_shown(server.port, HOST)) == ours:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "Some Authority" in shown
        assert issuer_shown(server.port, "cedar.localhost") == ours
        assert issuer_shown(server.port, "localhost") == ours
        names = {path.name for path in (tmp_path / "keys").iterdir()}
        assert not any(
            b"Some Authority" in (tmp_path / "keys" / name).read_bytes() for name in names
        )
    finally:
        server.stop()


def test_the_name_by_which_gateways_come_keeps_our_own_certificate(desk: Desk) -> None:
    tenant = tenants.account(desk.town.alder.account.id)
    chain, key = chained(HOST)
    given: dict[str, Any] = {"chain": chain, "key": key, "vault": desk.vault}
    with pytest.raises(InvalidError, match="gateways"), desk.database.writing() as session:
        certificates.bring(session, tenant, desk.domain_id(HOST), TESTER, **given, own_names={HOST})


def test_neither_a_user_nor_another_account_sees_or_changes_a_domain(desk: Desk) -> None:
    chain, key = chained(HOST)
    for browser, expected in ((desk.ben, 403), (desk.cleo, 404)):
        assert browser.get(desk.own).status_code == expected
        assert browser.get(f"{desk.own}/logo").status_code == expected
        for what in ("verify", "brand", "logo/remove", "certificate/remove", "delete"):
            assert browser.post(f"{desk.own}/{what}", data={}).status_code == expected
        assert upload(browser, f"{desk.own}/logo", "logo", PNG).status_code == expected
        given = {"chain": chain, "key": key}
        assert browser.post(f"{desk.own}/certificate", data=given).status_code == expected
    assert desk.ada.get(desk.own).status_code == 200
