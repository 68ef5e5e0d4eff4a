"""What this box asks with to become a gateway; kept until the answer, so that asking can go on.

``<state>/identity/asking.json`` holds code, address and the keys that were made for it. An identity
that is in force beside it stays so until a new one is given.
"""

from __future__ import annotations

import platform
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_agent import private_files
from shared.crypto import authority, sealing
from shared.crypto.authority import CertificateError
from shared.enrolment_code import CodeError, EnrolmentCode
from shared.messages import codec
from shared.messages.codec import MessageError
from shared.messages.enrolment import VERSION, EnrolRequest

_FILE: Final = "asking.json"
_SHOWN: Final = 32  # hexadecimal digits, 128 bits
_GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class Asking:
    """A code and the keys that ask with it."""

    code: str = field(repr=False)
    url: str
    key: str = field(repr=False)  # PEM, P-256
    sealing_key: bytes = field(repr=False)

    @property
    def request(self) -> EnrolRequest:
        key = authority.key_from_pem(self.key.encode())
        return EnrolRequest(
            v=VERSION,
            secret=EnrolmentCode.parse(self.code).secret,
            signing_request=authority.signing_request(key, "spoolhouse gateway").decode(),
            sealing_key=sealing.public_key(self.sealing_key),
            host_name=socket.gethostname(),
            agent_version=platform.python_version(),
        )

    @property
    def fingerprint(self) -> str:
        """Our own key, as a person compares it with the primary's page."""
        key = authority.key_from_pem(self.key.encode())
        return in_groups(authority.key_fingerprint(key.public_key()))


def begin(folder: Path, code: EnrolmentCode, url: str) -> Asking:
    """Make keys for a code, or go on with those that were made for it."""
    before = find(folder)
    if before is not None and before.code == str(code):
        key, sealing_key = before.key, before.sealing_key
    else:
        key, sealing_key = authority.key_to_pem(authority.new_key()).decode(), sealing.new_key()
    asking = Asking(str(code), url, key, sealing_key)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_files.write(folder / _FILE, codec.dumps(codec.to_plain(asking)))
    return asking


def find(folder: Path) -> Asking | None:
    """What this box asks with; None if it does not, or nobody can read it any more."""
    try:
        asking = codec.from_plain(Asking, codec.loads((folder / _FILE).read_bytes()))
        EnrolmentCode.parse(asking.code)
        authority.key_from_pem(asking.key.encode())
    except (FileNotFoundError, MessageError, CodeError, CertificateError):
        return None
    return asking


def end(folder: Path) -> None:
    """The answer is there: the code is used up, and the keys are in force or of no use."""
    (folder / _FILE).unlink(missing_ok=True)


def in_groups(digest: str) -> str:
    """Write the beginning of a hexadecimal SHA-256 so that two people can compare it."""
    digits = digest[:_SHOWN].upper()
    return " ".join(digits[n : n + _GROUP] for n in range(0, len(digits), _GROUP))
