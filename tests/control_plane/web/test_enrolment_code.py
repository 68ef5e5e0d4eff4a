"""What an enrolment code looks like to people."""

from __future__ import annotations

import re
from pathlib import Path

from control_plane.enrolment import words
from shared.enrolment_code import EnrolmentCode, write_typed
from tests.control_plane.web.test_pages import browser_of
from tests.support.primary_site import a_site
from tests.support.web import Browser


def test_the_picture_is_of_this_code_and_brings_no_script() -> None:
    codes = [str(EnrolmentCode(secret * 16, b"p" * 32, "https://x")) for secret in (b"a", b"b")]
    drawn = [str(words.picture(code)) for code in codes]
    assert drawn[0] != drawn[1]
    assert drawn[0] == str(words.picture(codes[0]))
    for text in drawn:
        assert text.startswith("<svg")
        assert not re.search(r"script|style=|href|on\w+=", text)


def test_a_fingerprint_is_read_in_groups() -> None:
    assert words.fingerprint("ab12" * 16) == " ".join(["AB12"] * 8)


def test_the_page_shows_the_code_its_picture_and_whose_it_is(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        browser = Browser(browser_of(site, "alder", "ada"), "alder.localhost")
        path = f"/gateways/{site.town.alder.gateway.id}"
        page = browser.get(path).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert 'class="qr"' not in page
        shown = browser.post(
            f"{path}/code", data={"csrf_token": token}, headers={"X-CSRF-Token": None}
        ).text
    found = re.search(r"SH1-[A-Z2-7]+", shown)
    assert found is not None
    code = EnrolmentCode.parse(found[0])
    assert str(words.picture(found[0])) in shown
    assert words.fingerprint(code.pin.hex()) in shown
    assert f"--primary {code.url} --code {write_typed(code.secret)}" in shown
