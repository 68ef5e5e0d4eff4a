from __future__ import annotations

from pathlib import Path

import pytest

from shared import secrets

PEPPER = b"p" * 32


def test_a_password_verifies_only_with_its_pepper() -> None:
    stored = secrets.hash_password(PEPPER, "correct horse")
    assert secrets.verify_password(PEPPER, "correct horse", stored)
    assert not secrets.verify_password(PEPPER, "correct hors", stored)
    assert not secrets.verify_password(b"q" * 32, "correct horse", stored)
    assert not secrets.verify_password(PEPPER, "correct horse", "no hash at all")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ada", "ada"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("\uff41\uff44\uff41", "ada"),
        (" a  b ", "a b"),
    ],
)
def test_a_user_name_has_one_form(typed: str, kept: str) -> None:
    assert secrets.canonical_username(typed) == kept
    assert secrets.canonical_username(kept) == kept


@pytest.mark.parametrize("typed", ["", "  ", "a\nb", "a\u202eb", "a\x00", "x" * 129])
def test_a_user_name_that_could_deceive_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="user name"):
        secrets.canonical_username(typed)


def test_a_typed_code_may_be_in_small_letters_without_hyphens() -> None:
    code = secrets.new_code(64)
    assert len(code.replace("-", "")) == 13
    assert secrets.hash_code(code.lower().replace("-", " ")) == secrets.hash_code(code)
    assert secrets.hash_code(code) != secrets.hash_code(secrets.new_code(64))


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "data.key"
    key = secrets.load_or_create_key(path)
    assert secrets.load_or_create_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="read by others"):
        secrets.load_or_create_key(path)
