"""Sealed boxes: for one X25519 key to open.

``0x01 || ephemeral public key (32) || AES-256-GCM ciphertext and tag``. The key is HKDF-SHA256 of
the X25519 agreement with salt ``ephemeral || recipient`` and info ``spoolhouse-seal-1``; it is
used once, so the nonce is twelve zero bytes. The context is associated data: what is sealed as
one thing cannot be opened as another.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)


class SealError(Exception):
    """The box is not for this key or this context, or it was changed on its way."""


def new_key() -> bytes:
    """Make a private key."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_key(private_key: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def seal(recipient: bytes, secret: bytes, context: str) -> bytes:
    """Seal a secret to a public key.

    Raises:
        SealError: The public key is none.
    """
    ephemeral = X25519PrivateKey.generate()
    sender = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    except ValueError:
        raise SealError("no X25519 public key") from None
    sealed = AESGCM(_derive(shared, sender, recipient)).encrypt(_NONCE, secret, context.encode())
    return _VERSION + sender + sealed


def unseal(private_key: bytes, box: bytes, context: str) -> bytes:
    """Open a box.

    Raises:
        SealError: It is not for this key and context, or it was changed.
    """
    if box[:1] != _VERSION or len(box) < 1 + _KEY_BYTES + _TAG_BYTES:
        raise SealError("no sealed box")
    key = X25519PrivateKey.from_private_bytes(private_key)
    sender = box[1 : 1 + _KEY_BYTES]
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(sender))
        derived = _derive(shared, sender, key.public_key().public_bytes_raw())
        return AESGCM(derived).decrypt(_NONCE, box[1 + _KEY_BYTES :], context.encode())
    except (InvalidTag, ValueError):
        raise SealError("not for this key and context, or changed on its way") from None


def _derive(shared: bytes, sender: bytes, recipient: bytes) -> bytes:
    hkdf = HKDF(SHA256(), _KEY_BYTES, salt=sender + recipient, info=b"spoolhouse-seal-1")
    return hkdf.derive(shared)
