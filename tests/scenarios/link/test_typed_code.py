"""A box becomes a gateway by a code that was typed, after the fingerprints were compared."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from control_plane.enrolment import words
from edge_agent.command_line import main
from edge_agent.settings import read_settings
from shared.crypto import authority
from shared.enrolment_code import EnrolmentCode, write_typed
from shared.messages import codec
from shared.messages.enrolment import EnrolRequest
from tests.scenarios.link.test_enrolment import a_code
from tests.support.line import Primary


@pytest.fixture
def typed(primary: Primary, url: str) -> str:
    code = a_code(primary, primary.new_gateway("Hall"), url)
    return write_typed(EnrolmentCode.parse(code).secret)


async def enrol(state: Path, *more: str) -> int:
    return await asyncio.to_thread(main, ["enrol", "--state", str(state), *more])


async def test_a_script_gives_the_fingerprint_and_another_one_sends_nothing(
    primary: Primary, url: str, typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = words.fingerprint(authority.fingerprint(primary.ca).hex())
    given = ["--code", typed, "--primary", url.removeprefix("https://"), "--ca-fingerprint"]
    other = ("0" if shown[0] != "0" else "1") + shown[1:]
    for wrong, says in ((other, "another primary"), (shown[:9], "32 digits")):
        assert await enrol(tmp_path / "box", *given, wrong) == 1
        assert says in capsys.readouterr().err
    assert primary.count("gateway.enrolment-refused") == 0
    assert await enrol(tmp_path / "box", *given, shown) == 0
    assert read_settings(tmp_path / "box").primary_url == url
    assert await enrol(tmp_path / "again", *given, shown) == 1
    assert primary.count("gateway.enrolment-refused") == 1


async def test_a_person_compares_and_says_yes_or_no(  # noqa: PLR0917
    primary: Primary, url: str, typed: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    given = ["--code", typed, "--primary", url]
    assert await enrol(tmp_path / "box", *given) == 1
    assert "nobody is here to compare" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    for answer, status in (("n", 1), ("", 1), ("y", 0)):
        monkeypatch.setattr("builtins.input", lambda _asked, said=answer: said)
        assert await enrol(tmp_path / "box", *given) == status
    shown = words.fingerprint(authority.fingerprint(primary.ca).hex())
    assert capsys.readouterr().out.count(f"fingerprint of the primary at {url}: {shown}") == 3
    assert primary.count("gateway.enrolment-refused") == 0


async def test_without_an_address_and_with_a_slip_nothing_is_asked(
    url: str, typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await enrol(tmp_path / "box", "--code", typed) == 1
    assert "--primary" in capsys.readouterr().err
    slip = ("A" if typed[0] != "A" else "B") + typed[1:]
    assert await enrol(tmp_path / "box", "--code", slip, "--primary", url) == 1
    assert "mistyped" in capsys.readouterr().err


async def test_guessing_is_slowed_and_fills_no_audit(
    primary: Primary, url: str, typed: str, tmp_path: Path
) -> None:
    request = authority.signing_request(authority.new_key(), "x").decode()
    statuses = []
    async with aiohttp.ClientSession() as http:
        for n in range(50):
            guess = EnrolRequest(1, n.to_bytes(16), request, b"k" * 32)
            body = codec.dumps(codec.to_plain(guess))
            async with http.post(url + "/enrol/v1", data=body, ssl=False) as response:
                statuses.append(response.status)
    assert statuses[:20] == [403] * 20
    assert statuses.count(429) > 5
    assert primary.count("gateway.enrolment-refused") == statuses.count(403)
    # Who has a right code is let in all the same.
    shown = words.fingerprint(authority.fingerprint(primary.ca).hex())
    given = ["--code", typed, "--primary", url, "--ca-fingerprint", shown]
    assert await enrol(tmp_path / "box", *given) == 0
