from __future__ import annotations

import hashlib
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "control_plane" / "static" / "vendor"


def test_what_others_made_is_served_as_it_came() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    found = {
        f"./{path.relative_to(VENDOR)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name not in ("SHA256SUMS", "README.md")
    }
    assert found == listed


def test_every_vendored_folder_has_its_licence() -> None:
    assert [d.name for d in VENDOR.iterdir() if d.is_dir() and not (d / "LICENSE").exists()] == []
