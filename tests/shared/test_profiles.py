from __future__ import annotations

from pathlib import Path

import pytest

from shared import profiles
from shared.cards import Card, CardError
from shared.profiles import card_reader_profile, printer_profile
from shared.toml_tables import ProfileError, Table


def table(folder: Path, kind: str, text: str, name: str = "some/thing") -> None:
    path = folder / kind / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


READER = """
[profile]
kind = "card_reader"
title = "A reader"
trust = "guess"
[card_reader]
driver = "tcp-line"
"""
PRINTER = """
[profile]
kind = "printer"
title = "A printer"
trust = "guess"
[[printer.delivery]]
via = "raw"
"""


@pytest.mark.parametrize("name", list(profiles.list_profiles(profiles.CARD_READERS)))
def test_each_card_reader_profile_loads_without_an_unknown_field(name: str) -> None:
    file = Table.load(profiles.FOLDER / profiles.CARD_READERS / f"{name}.toml", name)
    assert profiles.read_card_reader(file, name) == card_reader_profile(name)
    assert file.unread() == []


@pytest.mark.parametrize("name", list(profiles.list_profiles(profiles.PRINTERS)))
def test_each_printer_profile_loads_without_an_unknown_field(name: str) -> None:
    file = Table.load(profiles.FOLDER / profiles.PRINTERS / f"{name}.toml", name)
    assert profiles.read_printer(file, name) == printer_profile(name)
    assert file.unread() == []


def test_the_first_profiles_are_there() -> None:
    assert {"generic/tcp-line", "rfideas/lantronix-tcp-ascii", "elatec/tcp-converter"} <= set(
        profiles.list_profiles(profiles.CARD_READERS)
    )
    assert "generic/ipp-everywhere" in profiles.list_profiles(profiles.PRINTERS)


def test_a_line_of_a_generic_reader_is_its_card() -> None:
    profile = card_reader_profile("generic/tcp-line")
    assert profile.delimiters == (b"\r", b"\n")
    assert profile.read("04:a1:b2:c3:d4:e5:80") == Card("04A1B2C3D4E580")
    with pytest.raises(CardError, match="zeros"):
        profile.read("00000000")


@pytest.mark.parametrize("line", [";0012345", "012345", "12345"])
def test_a_line_of_an_rf_ideas_reader_is_its_card(line: str) -> None:
    profile = card_reader_profile("rfideas/lantronix-tcp-ascii")
    assert (profile.role, profile.port) == ("client", 10001)
    assert profile.read(line) == Card("12345")


def test_a_printer_profile_names_the_preferred_way_first() -> None:
    profile = printer_profile("generic/ipp-everywhere")
    assert [delivery.via for delivery in profile.deliveries] == ["ipps", "ipp"]
    assert "application/pdf" in profile.formats


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("transform = ['fold']", "card_reader.transform: 'fold' is no operation on card numbers"),
        ("transform = 'upper'", "card_reader.transform: must be a list, not 'upper'"),
        ("transform = [1]", "card_reader.transform: must be a list of texts, not of 1"),
        ("dedupe_ms = -1", "card_reader.dedupe_ms: must be 0 to 60000, not -1"),
        ("dedupe_ms = true", "card_reader.dedupe_ms: must be a whole number, not True"),
        ("form = 'octal'", "card_reader.form: must be one of hex, dec, ascii, bits, not 'octal'"),
        ("[card_reader.transport]\nport = 70000", "card_reader.transport.port: must be 0 to"),
        ("[card_reader.read]\ndelimiters = ['ab']", "card_reader.read.delimiters: 'ab' is not one"),
        ("[[card_reader.reject]]\npattern = '('", "card_reader.reject[1].pattern: is no regular"),
        ("[[card_reader.reject]]\npattern = 'a'", "card_reader.reject[1].reason: is missing"),
        ("reject = [1]", "card_reader.reject: must be a list of tables"),
    ],
)
def test_a_wrong_field_of_a_card_reader_is_named(tmp_path: Path, more: str, error: str) -> None:
    table(tmp_path, "card_readers", READER + more)
    with pytest.raises(ProfileError) as raised:
        card_reader_profile("some/thing", tmp_path)
    assert str(raised.value).startswith(f"card_readers/some/thing.toml: {error}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "profile: is missing"),
        (PRINTER.replace("raw", "pigeon"), "printer.delivery[1].via: must be one of ipp"),
        (PRINTER.replace("[[printer.delivery]]\nvia", "[printer]\nx"), "printer.delivery: is miss"),
        (
            PRINTER + "[printer.completion]\nsignals = ['bell']",
            "printer.completion.signals: 'bell'",
        ),
        (PRINTER.replace('trust = "guess"', ""), "profile.trust: is missing"),
        (READER, "profile.kind: must be one of printer, not 'card_reader'"),
        ("not = toml = at all", "Invalid value"),
    ],
)
def test_a_wrong_field_of_a_printer_is_named(tmp_path: Path, text: str, error: str) -> None:
    table(tmp_path, "printers", text)
    with pytest.raises(ProfileError) as raised:
        printer_profile("some/thing", tmp_path)
    assert f"printers/some/thing.toml: {error}" in str(raised.value)


@pytest.mark.parametrize("name", ["../etc/passwd", "generic", "/a/b", "a/b/c", "A/b", "a/../b", ""])
def test_a_name_never_becomes_a_path_of_its_own_making(name: str) -> None:
    with pytest.raises(ProfileError, match="make/model"):
        printer_profile(name)


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(ProfileError, match="printers/acme/teapot"):
        printer_profile("acme/teapot")


def test_a_field_of_a_later_release_is_skipped_and_told(tmp_path: Path) -> None:
    table(tmp_path, "card_readers", READER + "sings = true\n")
    file = Table.load(tmp_path / "card_readers/some/thing.toml", "x")
    assert profiles.read_card_reader(file, "some/thing").driver == "tcp-line"
    assert file.unread() == ["card_reader.sings"]
