"""The primary's signing key is changed: gateways are told of the next one by the present one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from control_plane.cli import main
from control_plane.database import utc_now
from control_plane.ingest import hello
from control_plane.pki import keys
from control_plane.pki.keys import KeyRing
from tests.support.line import Primary, a_gateway, until


async def begin_again(primary: Primary) -> None:
    """Start the primary anew, with the keys that are on its disk."""
    await asyncio.to_thread(primary.stop)
    primary.keys = KeyRing.open_or_create(primary.folder / "keys")
    await asyncio.to_thread(primary.restart)


async def test_an_announced_key_is_believed_and_another_one_is_not(
    primary: Primary, tmp_path: Path
) -> None:
    first = primary.keys.signer.public_key
    there = primary.enrol(primary.new_gateway("Hall"), tmp_path / "there")
    away = primary.enrol(primary.new_gateway("Barn"), tmp_path / "away")
    async with a_gateway(primary, tmp_path / "there", there) as box:
        await box.connected()
        began = utc_now()
        second = keys.announce_signing_key(primary.folder / "keys")
        await begin_again(primary)
        assert list(primary.keys.trusted) == [first, second]
        assert primary.keys.signer.public_key == first
        await until(
            lambda: set(box.link._identity.signing_keys) == {first, second}, "it is told", 60
        )
        with primary.database.reading() as session:
            assert hello.not_heard_since(session, began) == ["Barn"]

        assert keys.use_announced_key(primary.folder / "keys") == second
        await begin_again(primary)
        assert list(primary.keys.trusted) == [second]
        await until(lambda: box.link._identity.signing_keys == (second,), "it follows", 60)
        await box.tell("seen.after")
        await until(lambda: primary.count("seen.after") == 1, "the line works as before", 30)
        assert not box.refused
    # The twin: one that was away all the time believes nothing that the new key signs.
    async with a_gateway(primary, tmp_path / "away", away) as box:
        await until(lambda: box.refused, "it refuses what it hears", 60)
        assert box.refused[0][0] == "link.refused"
        assert not box.link.health().ok
        assert box.link._identity.signing_keys == (first,)


def test_the_command_line_changes_keys_in_two_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "state")]
    assert main(["migrate", *state]) == 0
    before = KeyRing.open_or_create(tmp_path / "state" / "keys").signer.public_key
    assert main(["signing-key", "use", *state]) == 1
    assert "no key was announced" in capsys.readouterr().err
    assert main(["signing-key", "announce", *state]) == 0
    ring = KeyRing.open_or_create(tmp_path / "state" / "keys")
    assert ring.signer.public_key == before
    assert main(["signing-key", "use", *state]) == 0
    assert KeyRing.open_or_create(tmp_path / "state" / "keys").trusted == (ring.announced,)
