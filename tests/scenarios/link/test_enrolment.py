"""A box becomes a gateway by a code, over real HTTPS, and stays one; nobody else does."""

from __future__ import annotations

import asyncio
import base64
import stat
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import update

from control_plane import tenants
from control_plane.enrolment import service as enrolments
from control_plane.enrolment.models import GatewayCertificate, GatewayCode
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from edge_agent import enrolment
from edge_agent.enrolment import EnrolmentError, Identity
from edge_agent.settings import read_settings
from shared.crypto import authority
from shared.crypto.authority import Authority
from shared.enrolment_code import CodeError, EnrolmentCode
from shared.messages.records import SecretRecord, gateway_stream
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Primary, a_gateway, until


def a_code(primary: Primary, gateway: Gateway, url: str) -> str:
    with primary.database.writing() as session:
        found = gateways.get_by_id(session, gateway.id)
        code, _ = enrolments.create_code(session, found, TESTER, url=url, authority_pem=primary.ca)
    return str(code)


def modes(folder: Path) -> set[str]:
    return {oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.rglob("*") if path.is_file()}


async def test_a_box_becomes_a_gateway_and_connects(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    gateway = primary.town.alder.gateway
    state = tmp_path / "box"
    settings = await enrolment.enrol(state, a_code(primary, gateway, url))
    assert settings.gateway_id == gateway.id
    assert read_settings(state) == settings
    assert modes(state) == {"0o600"}
    identity = enrolment.load(state)
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        own = gateway_stream(gateway.id)
        await until(lambda: box.replica.list(SecretRecord, own), "its secrets are here")
        for record in box.replica.list(SecretRecord, own):
            assert len(identity.unseal(record)) == 32
    assert primary.count("gateway.enrolled") == 1


async def test_a_code_works_once(primary: Primary, url: str, tmp_path: Path) -> None:
    code = a_code(primary, primary.new_gateway("Hall"), url)
    await enrolment.enrol(tmp_path / "first", code)
    with pytest.raises(EnrolmentError, match="does not accept"):
        await enrolment.enrol(tmp_path / "second", code)
    assert not (tmp_path / "second" / "agent.toml").exists()
    [row] = primary.audit("gateway.enrolment-refused")
    assert row.detail == {"reason": "code used"}


async def test_two_boxes_with_one_code_at_once_are_one_gateway(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    code = a_code(primary, primary.new_gateway("Hall"), url)
    tries = (enrolment.enrol(tmp_path / f"box{n}", code) for n in range(5))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1


async def test_an_old_code_and_an_invented_one_are_refused(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    code = a_code(primary, primary.new_gateway("Hall"), url)
    with primary.database.writing() as session:
        session.execute(update(GatewayCode).values(expires_at=CLOCK.now() - timedelta(seconds=1)))
    invented = EnrolmentCode(b"x" * 16, authority.fingerprint(primary.ca), url)
    for text in (code, str(invented)):
        with pytest.raises(EnrolmentError):
            await enrolment.enrol(tmp_path / "box", text)
    reasons = {row.detail["reason"] for row in primary.audit("gateway.enrolment-refused")}
    assert reasons == {"code old", "code unknown"}


async def test_a_newer_code_makes_the_older_one_void(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    older, newer = a_code(primary, gateway, url), a_code(primary, gateway, url)
    with pytest.raises(EnrolmentError):
        await enrolment.enrol(tmp_path / "box", older)
    await enrolment.enrol(tmp_path / "box", newer)


async def test_a_gateway_that_changed_hands_is_not_enrolled_by_an_old_code(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    code = a_code(primary, gateway, url)
    with primary.database.writing() as session:
        other = tenants.account(primary.town.cedar.account.id)
        gateways.get_by_id(session, gateway.id).tenant = str(other)
    with pytest.raises(EnrolmentError):
        await enrolment.enrol(tmp_path / "box", code)


async def test_a_box_believes_no_other_primary(primary: Primary, url: str, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    code = EnrolmentCode.parse(a_code(primary, gateway, url))
    foreign = Authority.create("Spoolhouse other", CLOCK.now())
    pinned = EnrolmentCode(code.secret, authority.fingerprint(foreign.pem), url)
    with pytest.raises(EnrolmentError, match="not the primary"):
        await enrolment.enrol(tmp_path / "box", str(pinned))
    # The secret never left: the twin, with the right pin, still works.
    await enrolment.enrol(tmp_path / "box", str(code))


async def test_looking_at_an_enrolment_address_changes_nothing(primary: Primary, url: str) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ("/enrol/v1", "/enrol/v1/renew"):
            async with http.get(url + path, ssl=False) as response:
                assert response.status in {401, 404, 405}
        for body in (b"", b"{", b"[]", b"x" * 40_000, b'{"v":1}'):
            async with http.post(url + "/enrol/v1", data=body, ssl=False) as response:
                assert response.status == 400


@pytest.mark.parametrize("text", ["", "SH1-", "SH2-ABC", "SH1-ABCDEFGH", "SH1-!!!!", "x" * 500])
def test_what_is_no_code_is_said_to_be_none(text: str) -> None:
    with pytest.raises(CodeError):
        EnrolmentCode.parse(text)


def test_a_code_survives_case_spaces_and_hyphens_and_no_slip() -> None:
    code = EnrolmentCode(b"s" * 16, b"p" * 32, "https://localhost:8443")
    text = str(code)
    assert EnrolmentCode.parse(f" {text[:30].lower()}- {text[30:]}\n") == code
    for n in range(5, len(text)):
        slip = "A" if text[n] != "A" else "B"
        try:
            assert EnrolmentCode.parse(text[:n] + slip + text[n + 1 :]) == code
        except CodeError:
            continue


async def test_a_certificate_is_renewed_also_when_it_has_expired(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    state = tmp_path / "box"
    await enrolment.enrol(state, a_code(primary, primary.town.alder.gateway, url))
    identity = enrolment.load(state)
    expire(primary, identity)
    assert enrolment.renewal_is_due(identity, CLOCK.now())
    await enrolment.renew(identity, url)
    assert identity.has_next
    assert modes(state) == {"0o600"}
    async with a_gateway(primary, state, enrolment.load(state)) as box:
        await box.connected()
    assert identity.expires_at > CLOCK.now() + timedelta(days=80)
    assert not identity.has_next


async def test_a_revoked_or_foreign_certificate_is_not_renewed(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    revoked = primary.enrol(gateway, tmp_path / "revoked")
    with primary.database.writing() as session:
        alder = tenants.account(primary.town.alder.account.id)
        gateways.revoke(session, alder, gateway.id, TESTER)
    with pytest.raises(EnrolmentError):
        await enrolment.renew(revoked, url)
    stolen = primary.enrol(primary.new_gateway("Other"), tmp_path / "stolen")
    stolen.key_file.write_bytes(authority.key_to_pem(authority.new_key()))
    with pytest.raises(EnrolmentError):
        await enrolment.renew(stolen, url)


async def test_a_replaced_box_is_the_gateway_and_the_old_one_is_out(
    primary: Primary, url: str, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    await enrolment.enrol(tmp_path / "old", a_code(primary, gateway, url))
    old = enrolment.load(tmp_path / "old")
    await enrolment.enrol(tmp_path / "new", a_code(primary, gateway, url))
    new = enrolment.load(tmp_path / "new")
    assert new.gateway_id == old.gateway_id
    await asyncio.sleep(1)  # The broker hears of the revocation.
    async with a_gateway(primary, tmp_path / "new", new) as box:
        await box.connected()
        await box.tell("seen.new")
        await box.told()
        async with a_gateway(primary, tmp_path / "old", old) as late:
            await asyncio.sleep(1)
            assert not late.link.health().ok
            assert box.link.health().ok


def expire(primary: Primary, identity: Identity) -> None:
    """Give the box a certificate of a hundred days ago."""
    then = CLOCK.now() - timedelta(days=100)
    key = authority.key_from_pem(identity.key_file.read_bytes())
    request = authority.signing_request(key, "x")
    issued = primary.keys.authority.issue_to_gateway(request, identity.gateway_id, then)
    identity.certificate_file.write_bytes(issued)
    certificate = authority.certificate_from_pem(issued)
    with primary.database.writing() as session:
        session.add(
            GatewayCertificate(
                serial=f"{certificate.serial_number:x}",
                gateway_id=identity.gateway_id,
                issued_at=then,
                expires_at=certificate.not_valid_after_utc,
                revoked_at=None,
                why="enrolment",
            )
        )


def test_the_code_is_plain_base32() -> None:
    code = EnrolmentCode(b"s" * 16, b"p" * 32, "https://localhost:8443")
    letters = str(code).removeprefix("SH1-")
    assert base64.b32decode(letters + "=" * (-len(letters) % 8))[2:18] == b"s" * 16
