"""At the terminal: a one-time code goes where the password goes, and prints without any line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.ids import new_id
from shared.messages.records import SignInCode
from shared.secrets import SIGN_IN_CODE_SECONDS, hash_password
from tests.support.ippeveprinter import ippeveprinter
from tests.support.people import PEPPER
from tests.support.site import Site, a_site

PAIRING = "ABCD-2345"
CODE = "47110815"


@pytest.fixture
async def paired(tmp_path: Path) -> AsyncIterator[Site]:
    with ippeveprinter(tmp_path / "printer") as printer:
        async with a_site(tmp_path / "state", printer) as site:
            site.people.new_code(PAIRING)
            await site.screen.pair(PAIRING)
            yield site


async def test_who_left_the_card_at_home_signs_in_once_by_a_code(paired: Site) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=SIGN_IN_CODE_SECONDS)
    code = SignInCode(new_id(), hash_password(PEPPER, CODE), expires_at)
    paired.people.change_user(paired.people.alder, "ada", code=code)
    await paired.submit(b"%PDF-1.4 a page")
    typed = {"username": "ada", "password": CODE}
    assert (await paired.screen.post("sign-in", {**typed, "username": "ben"}))[0] == 403
    assert (await paired.screen.post("sign-in", typed))[0] == 200
    await paired.screen.sees("session", having=lambda s: len(s["jobs"]) == 1)
    [fact] = await paired.facts("code.used")
    assert (fact["code_id"], fact["user_id"]) == (code.id, paired.people.alder.users["ada"].id)
    await paired.screen.post("sign-out", {})
    await paired.screen.sees("idle")
    assert (await paired.screen.post("sign-in", typed))[0] == 403
    assert len(await paired.facts("code.used")) == 1
