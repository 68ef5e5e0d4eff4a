"""What the primary says to a gateway is signed: key id (8) || Ed25519 signature (64) || content.

The content is zlib-compressed JSON. The signature is over ``topic || 0x00 || content``: a message
for one gateway, or of one sort, is nothing under another topic, whatever broker carried it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from shared.messages import codec, envelope

KEY_ID_BYTES: Final = 8
SIGNATURE_BYTES: Final = 64
MAX_SIGNED_BYTES: Final = 256 * 1024  # what travels
MAX_CONTENT_BYTES: Final = 4 * 1024 * 1024  # what it may unpack to


class SignatureError(Exception):
    """It was not signed by a key we trust, for this topic; drop it and leave an audit row."""


def key_id(public_key: bytes) -> bytes:
    """Name a public key: the first bytes of its SHA-256."""
    return hashlib.sha256(public_key).digest()[:KEY_ID_BYTES]


class Signer:
    """The primary's signing key."""

    def __init__(self, private_key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key: Final = self._key.public_key().public_bytes_raw()
        self.key_id: Final = key_id(self.public_key)

    @staticmethod
    def new_key() -> bytes:
        return Ed25519PrivateKey.generate().private_bytes_raw()

    def sign(self, topic: str, message: Any) -> bytes:
        """Wrap a message for the topic on which it will travel."""
        content = zlib.compress(codec.dumps(codec.to_plain(message)), 6)
        return self.key_id + self._key.sign(_signed(topic, content)) + content


class Verifier:
    """The public keys that a gateway trusts; several while a key is being changed."""

    def __init__(self, public_keys: Iterable[bytes]) -> None:
        self._keys: Final[Mapping[bytes, Ed25519PublicKey]] = {
            key_id(key): Ed25519PublicKey.from_public_bytes(key) for key in public_keys
        }

    def open(self, topic: str, payload: bytes) -> Any:
        """Check the signature and read the JSON inside.

        Raises:
            SignatureError: Unknown key, or the signature is not for these bytes and this topic.
            MessageError: Signed, and not readable.
        """
        start = KEY_ID_BYTES + SIGNATURE_BYTES
        key = self._keys.get(payload[:KEY_ID_BYTES])
        if key is None or len(payload) <= start:
            raise SignatureError("no key of ours has this id")
        signature, content = payload[KEY_ID_BYTES:start], payload[start:]
        try:
            key.verify(signature, _signed(topic, content))
        except InvalidSignature:
            raise SignatureError("the signature does not fit") from None
        return codec.loads(envelope.inflate(content, MAX_CONTENT_BYTES))


def _signed(topic: str, content: bytes) -> bytes:
    return topic.encode() + b"\0" + content
