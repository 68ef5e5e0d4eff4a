"""What a profile knows of a printer, in words."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from control_plane.printers import abilities as told
from shared.profiles import printer_profile

OFFICE = """
[profile]
kind = "printer"
title = "An old office printer"
trust = "guess"

[[printer.delivery]]
via = "raw"

[[printer.delivery]]
via = "lpr"
{documents}
"""
DOCUMENTS = """
[printer.documents]
formats = ["application/vnd.hp-pcl", "application/vnd.example"]
"""


@pytest.mark.parametrize(
    ("documents", "takes"),
    [(DOCUMENTS, "PCL 5, application/vnd.example"), ("", "not told")],
)
def test_what_it_lacks_is_told_too(tmp_path: Path, documents: str, takes: str) -> None:
    file = tmp_path / "printers" / "example" / "office.toml"
    file.parent.mkdir(parents=True)
    file.write_text(OFFICE.format(documents=documents))
    known = printer_profile("example/office", tmp_path)
    with patch.object(told, "printer_profile", return_value=known):
        able = told.abilities("example/office")
    assert able is not None
    assert able.profile == "An old office printer"
    assert dict(able.lines) == {
        "Colour": "no, black only",
        "Both sides": "no, one side only",
        "Takes": takes,
        "Reached by": "raw printing, LPD",
    }


@pytest.mark.parametrize("name", ["example/unheard-of", "../../etc/passwd", ""])
def test_a_profile_that_is_not_here_tells_nothing(name: str) -> None:
    assert told.abilities(name) is None
