"""A renewed certificate is used on a real connection before the old one goes."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from control_plane.enrolment import service as enrolments
from control_plane.enrolment.service import EnrolmentRefusedError
from edge_agent import enrolment, private_files, renewal
from edge_agent.enrolment import Identity
from shared.crypto import authority
from shared.crypto.authority import Authority
from shared.messages.enrolment import RENEW_CONTEXT, VERSION, RenewRequest
from tests.scenarios.link.test_enrolment import expire
from tests.support.line import CLOCK, Primary, a_gateway, until


@pytest.fixture
def identity(primary: Primary, tmp_path: Path) -> Identity:
    return primary.enrol(primary.new_gateway("Hall"), tmp_path / "box")


def pair(identity: Identity) -> tuple[bytes, bytes]:
    return identity.key_file.read_bytes(), identity.certificate_file.read_bytes()


async def test_both_are_there_until_the_broker_took_the_new_one(
    primary: Primary, url: str, identity: Identity, tmp_path: Path
) -> None:
    old = pair(identity)
    await enrolment.renew(identity, url)
    assert pair(identity) == old
    new = renewal.next_pair(identity.folder).read_bytes()
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        await until(lambda: not identity.has_next, "the new one was used")
        await box.tell("seen.new")
        await box.told()
    assert b"".join(pair(identity)) == new
    assert pair(identity)[0] != old[0]


async def test_one_that_the_broker_refuses_goes_and_the_old_one_is_used(
    primary: Primary, identity: Identity, tmp_path: Path
) -> None:
    old, foreign = pair(identity), Authority.create("Spoolhouse other", CLOCK.now())
    key = authority.new_key()
    request = authority.signing_request(key, "x")
    certificate = foreign.issue_to_gateway(request, identity.gateway_id, CLOCK.now())
    renewal.keep(identity.folder, authority.key_to_pem(key), certificate)
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        await until(lambda: not identity.has_next, "the refused one is gone")
        await box.tell("seen.old")
        await box.told()
    assert pair(identity) == old


class KilledError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("after", range(4))
async def test_a_kill_at_any_step_leaves_a_pair_that_connects(  # noqa: PLR0917
    after: int,
    primary: Primary,
    url: str,
    identity: Identity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0
    real = private_files.write

    def killed(path: Path, content: bytes) -> None:
        nonlocal steps
        if steps == after:
            raise KilledError
        steps += 1
        real(path, content)

    monkeypatch.setattr(private_files, "write", killed)
    try:
        await enrolment.renew(identity, url)
        renewal.promote(identity.folder)
    except KilledError:
        assert after < 3
    else:
        assert after == 3
    monkeypatch.setattr(private_files, "write", real)
    assert renewal.repair(identity.folder) is (after == 2)
    assert not renewal.repair(identity.folder)
    async with a_gateway(primary, tmp_path / "box", enrolment.load(tmp_path / "box")) as box:
        await box.connected()
        assert not identity.has_next


@pytest.mark.parametrize(("days", "is_renewed"), [(9, False), (11, True)])
async def test_how_long_an_expired_certificate_is_renewed_is_a_setting(
    days: int, is_renewed: bool, primary: Primary, identity: Identity
) -> None:
    expire(primary, identity)  # It ended ten days ago.
    key = authority.key_from_pem(identity.key_file.read_bytes())
    request = authority.signing_request(authority.new_key(), identity.gateway_id)
    asked = RenewRequest(
        v=VERSION,
        certificate=identity.certificate_file.read_text(),
        signing_request=request.decode(),
        proof=authority.sign_possession(key, RENEW_CONTEXT, request),
    )
    wanted = timedelta(days=days)
    with (
        primary.database.writing() as session,
        nullcontext() if is_renewed else pytest.raises(EnrolmentRefusedError),
    ):
        issuer = primary.keys.authority
        enrolments.renew(session, issuer, asked, "192.0.2.9", expired_for=wanted)
