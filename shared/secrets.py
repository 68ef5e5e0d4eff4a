"""Passwords, PINs, one-time codes and the one canonical form of a user name.

A stored password is argon2id over HMAC-SHA256(pepper, password): whoever has the database alone
cannot guess even a four-digit PIN. The pepper belongs to the account and travels sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from shared.i18n import mark

KEY_BYTES: Final = 32
_PRINT_TOKEN_BYTES: Final = 20
MAX_USERNAME: Final = 128
# About 30 ms on the machines we were measured on; memory is what costs the guesser.
_HASHER: Final = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Without 0, 1, I and O: a code is read aloud and typed.
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_BITS_PER_LETTER: Final = 5
_SPACES: Final = re.compile(r"\s+")
SIGN_IN_CODE_SECONDS: Final = 900
_SIGN_IN_DIGITS: Final = 8


def hash_password(pepper: bytes, password: str) -> str:
    """Hash a password or PIN for keeping."""
    return _HASHER.hash(_peppered(pepper, password))


def verify_password(pepper: bytes, password: str, stored: str) -> bool:
    """Whether the password is the stored one; False also for what is no hash."""
    try:
        return _HASHER.verify(stored, _peppered(pepper, password))
    except (VerificationError, InvalidHashError):
        return False


def waste_time(pepper: bytes, password: str) -> None:
    """Spend what a verification costs: an unknown name must not answer faster."""
    verify_password(pepper, password, _DUMMY_HASH)


def _peppered(pepper: bytes, password: str) -> bytes:
    # NFC: the same key strokes give the same password on every system.
    return hmac.digest(pepper, unicodedata.normalize("NFC", password).encode(), "sha256")


_DUMMY_HASH: Final = _HASHER.hash(os.urandom(KEY_BYTES))


@lru_cache(maxsize=4096)
def canonical_username(text: str) -> str:
    """The one form in which user names are stored and compared: NFKC, casefolded, trimmed.

    Raises:
        ValueError: Empty, too long, or with control, format or unassigned characters.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    name = _SPACES.sub(" ", unicodedata.normalize("NFKC", folded)).strip()
    if not name or len(name) > MAX_USERNAME:
        raise ValueError(f"a user name has 1 to {MAX_USERNAME} characters")
    if any(unicodedata.category(c).startswith("C") for c in text):
        raise ValueError(mark("a user name has no control characters"))
    return name


def new_code(n_bits: int) -> str:
    """Make a one-time code of at least so many bits, in groups of four: ``K7QF-2MXA``."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(-(-n_bits // _BITS_PER_LETTER)))
    return "-".join(letters[i : i + 4] for i in range(0, len(letters), 4))


def hash_code(code: str) -> str:
    """The form in which one-time codes and tokens are kept: SHA-256 in hex.

    Case and hyphens of what a person typed do not matter.
    """
    return hashlib.sha256(re.sub(r"[\s-]", "", code).upper().encode()).hexdigest()


def new_sign_in_code() -> str:
    """Make the digits of a one-time code that somebody types at a printer."""
    return f"{secrets.randbelow(10**_SIGN_IN_DIGITS):0{_SIGN_IN_DIGITS}}"


def read_sign_in_code(typed: str) -> str | None:
    """Read the digits of such a code, typed with or without a gap; None: it cannot be one."""
    digits = re.sub(r"[ -]", "", typed)
    is_code = len(digits) == _SIGN_IN_DIGITS and digits.isascii() and digits.isdecimal()
    return digits if is_code else None


def load_or_create_key(path: Path, make: int = KEY_BYTES) -> bytes:
    """Read a secret key file, or make it: mode 0600, whole or not at all.

    Raises:
        PermissionError: Others may read it, or it has the wrong size; we do not start with that.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(make))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # Fails where another process was first; then theirs counts.
        except FileExistsError:
            pass
        finally:
            beside.unlink()
        _sync_folder(path.parent)
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} may be read by others; chmod 600 it and change the key")
    key = path.read_bytes()
    if len(key) != make:
        raise PermissionError(f"{path} is no key of {make} bytes")
    return key


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_token() -> str:
    """Make a token of 256 bits for machines: sessions, API keys, links."""
    return secrets.token_urlsafe(KEY_BYTES)


def hash_token(token: str) -> str:
    """The form in which a machine's token is kept; every character counts."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_print_token() -> str:
    """Make the token of a path, 160 bits: letters and digits that a phone's keyboard has."""
    return base64.b32encode(os.urandom(_PRINT_TOKEN_BYTES)).decode().lower()


def hash_print_token(token: str) -> str:
    """The form in which a print token is kept; whoever types it may use capitals."""
    return hash_token(token.lower())
