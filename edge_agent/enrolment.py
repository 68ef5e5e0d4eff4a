"""How this box becomes a gateway: keys made here, a certificate for them from the primary.

::

    <state>/identity/tls.key       P-256, PKCS #8; never leaves this box
    <state>/identity/sealing.key   X25519; secrets come sealed to it; never leaves this box
    <state>/identity/tls.pem       our certificate; its name is our gateway id
    <state>/identity/ca.pem        the authority that both sides believe
    <state>/identity/signing.json  the keys whose feed pages and commands we believe
    <state>/identity/asking.json   while an enrolment waits for its answer (``asking``)

Everything has mode 0600 and appears whole or not at all; ``agent.toml`` is written last.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

from edge_agent import asking, private_files, renewal
from edge_agent.asking import Asking, in_groups
from edge_agent.settings import Settings, write_settings
from shared.crypto import authority, sealing
from shared.crypto.authority import CertificateError
from shared.crypto.signing import Verifier
from shared.enrolment_code import EnrolmentCode, read_typed
from shared.ids import GatewayId, is_id
from shared.messages import codec
from shared.messages.codec import MessageError
from shared.messages.enrolment import (
    AUTHORITY_PATH,
    ENROL_PATH,
    MAX_BYTES,
    REFUSED_BY_A_PERSON,
    RENEW_CONTEXT,
    RENEW_PATH,
    VERSION,
    WAITED_TOO_LONG,
    EnrolAnswer,
    RenewRequest,
    WaitAnswer,
)
from shared.messages.records import SecretRecord, secret_context

T = TypeVar("T")

FOLDER: Final = "identity"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=10)
_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
WAIT_SECONDS: Final = 86_400  # the primary forgets a box that waits after a day
_ASK_SECONDS: Final = 3.0  # how often a box that waits asks again ...
_ASK_SLOWLY_SECONDS: Final = 15.0  # ... and how often
_SLOWLY_AFTER_SECONDS: Final = 600.0
_OLD_CODE: Final = (
    "the primary does not accept this: a code is good once and for an hour; make a new one"
)
_WHY_REFUSED: Final = {
    REFUSED_BY_A_PERSON: "somebody looked at this machine's key and refused it;"
    " its code is used up: ask whoever gave it to you for a new one",
    WAITED_TOO_LONG: "nobody approved this machine within a day; its code is used up: make a new"
    " one",
}


def _quiet(_said: str) -> None:
    """Who calls does not want to hear how it goes on."""


class EnrolmentError(Exception):
    """This box did not become a gateway; the text says what to do."""


class UnreachableError(EnrolmentError):
    """Nobody answered, or not as a primary does: it may be asked again."""


class RefusedError(EnrolmentError):
    """The primary answered no: with this code nobody becomes a gateway any more."""


class StillWaitingError(EnrolmentError):
    """Nobody has decided yet; it can be asked again later with the same keys."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this gateway is, and whom it believes."""

    folder: Path
    gateway_id: GatewayId
    sealing_key: bytes = field(repr=False)
    signing_keys: tuple[bytes, ...] = ()

    @property
    def key_file(self) -> Path:
        return self.folder / "tls.key"

    @property
    def certificate_file(self) -> Path:
        return self.folder / "tls.pem"

    @property
    def authority_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def expires_at(self) -> datetime:
        pem = self.certificate_file.read_bytes()
        return authority.certificate_from_pem(pem).not_valid_after_utc

    def verifier(self) -> Verifier:
        return Verifier(self.signing_keys)

    def unseal(self, record: SecretRecord) -> bytes:
        """Open a secret that was sealed to us.

        Raises:
            SealError: It is for another box, or was changed.
        """
        return sealing.unseal(self.sealing_key, record.sealed, secret_context(record.id))

    @property
    def has_next(self) -> bool:
        """Whether a renewed certificate waits for its first use."""
        return renewal.next_pair(self.folder).exists()

    def tls(self, *, with_next: bool = False) -> ssl.SSLContext:
        """Make the context for the broker: our certificate, and no authority but ours."""
        context = _context(self.authority_file.read_text())
        if with_next:
            context.load_cert_chain(renewal.next_pair(self.folder))
        else:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def trust(self, signing_keys: tuple[bytes, ...]) -> Identity:
        """Believe these signing keys from now on; a believed one vouched for them."""
        _write_signing_keys(self.folder, signing_keys)
        return Identity(self.folder, self.gateway_id, self.sealing_key, signing_keys)


def load(state_dir: Path) -> Identity:
    """Read the identity of an enrolled gateway.

    Raises:
        EnrolmentError: There is none, or it is damaged.
    """
    folder = state_dir / FOLDER
    try:
        certificate = authority.certificate_from_pem((folder / "tls.pem").read_bytes())
        keys = codec.loads((folder / "signing.json").read_bytes())
        signing_keys = codec.from_plain(tuple[bytes, ...], keys)
        sealing_key = (folder / "sealing.key").read_bytes()
    except FileNotFoundError as error:
        raise EnrolmentError(f"{error.filename} is missing: enrol this gateway first") from None
    except (OSError, CertificateError, MessageError) as error:
        raise EnrolmentError(f"the identity in {folder} is damaged: {error}") from None
    name = authority.common_name(certificate)
    if not is_id(name):
        raise EnrolmentError(f"the certificate in {folder} names no gateway")
    return Identity(folder, GatewayId(name), sealing_key, signing_keys)


async def enrol(
    state_dir: Path,
    code_text: str | None,
    *,
    primary_url: str | None = None,
    say: Callable[[str], None] = _quiet,
    wait_seconds: float = WAIT_SECONDS,
) -> Settings:
    """Become a gateway by a code, or without one go on waiting for approval.

    ``primary_url`` overrides the address in the code.

    Raises:
        EnrolmentError: The primary cannot be reached, is another one, or refuses.
        StillWaitingError: Nobody approved this box in the given time; it may ask again.
        CodeError: This is no code.
    """
    folder = state_dir / FOLDER
    asked = await asyncio.to_thread(_begin, folder, code_text, primary_url)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as http:
        pem = await _pinned_authority(http, asked.url, EnrolmentCode.parse(asked.code).pin)
        try:
            answer = await _ask_until_decided(http, asked, pem, say, wait_seconds)
        except RefusedError:
            await asyncio.to_thread(asking.end, folder)
            raise
    settings = Settings(answer.gateway_id, asked.url, answer.broker_host, answer.broker_port)
    await asyncio.to_thread(
        _write_identity, state_dir, answer, asked.key.encode(), asked.sealing_key
    )
    await asyncio.to_thread(write_settings, state_dir, settings)
    await asyncio.to_thread(asking.end, folder)
    return settings


async def ask_for_authority(primary_url: str) -> str:
    """Fetch who the primary says it is (PEM); believed only when a person has compared it.

    Raises:
        EnrolmentError: Nobody answers there, or no primary.
    """
    async with aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as http:
        return await _authority_of(http, primary_url.rstrip("/"))


def whole_code(typed: str, primary_url: str, authority_pem: str) -> str:
    """Put together what was typed and compared: from here on it is as if it had been pasted.

    Raises:
        CodeError: The code was mistyped, or the address is none.
    """
    pin = authority.fingerprint(authority_pem.encode())
    text = str(EnrolmentCode(read_typed(typed), pin, primary_url.rstrip("/")))
    return str(EnrolmentCode.parse(text))


def _begin(folder: Path, code_text: str | None, primary_url: str | None) -> Asking:
    if code_text is not None:
        code = EnrolmentCode.parse(code_text)
        return asking.begin(folder, code, (primary_url or code.url).rstrip("/"))
    waits = asking.find(folder)
    if waits is None:
        raise EnrolmentError("nothing waits for approval here: give the code that the primary made")
    return waits


async def _ask_until_decided(
    http: aiohttp.ClientSession,
    asked: Asking,
    pem: str,
    say: Callable[[str], None],
    wait_seconds: float,
) -> EnrolAnswer:
    began = time.monotonic()
    answer = await _ask(http, asked, pem)
    if isinstance(answer, WaitAnswer):
        say(f"waiting for approval of this machine as gateway {answer.name!r};")
        say(f"fingerprint of its own key: {asked.fingerprint}")
        say("compare it with the gateway's page at the primary and approve it there;")
        say("this command can be ended: without --code it goes on waiting")
    while isinstance(answer, WaitAnswer):
        waited = time.monotonic() - began
        pause = _ASK_SECONDS if waited < _SLOWLY_AFTER_SECONDS else _ASK_SLOWLY_SECONDS
        if waited + pause > wait_seconds:
            raise StillWaitingError("nobody has decided yet; enrol without --code goes on waiting")
        await asyncio.sleep(pause)
        try:
            answer = await _ask(http, asked, pem)
        except UnreachableError as error:
            say(f"{error}; asking on")
    return answer


async def _ask(http: aiohttp.ClientSession, asked: Asking, pem: str) -> EnrolAnswer | WaitAnswer:
    status, body = await _post(http, asked.url + ENROL_PATH, asked.request, pem)
    if status == HTTPStatus.ACCEPTED:
        return _read(WaitAnswer, body)
    return _read(EnrolAnswer, body)


async def renew(identity: Identity, primary_url: str) -> None:
    """Get the next certificate with a new key; also for one that has expired.

    Both wait on the disk for their first use; the old ones stay beside them (``renewal``).

    Raises:
        EnrolmentError: The primary cannot be reached, or refuses.
    """
    old_key = authority.key_from_pem(identity.key_file.read_bytes())
    key = authority.new_key()
    request = authority.signing_request(key, identity.gateway_id)
    asked = RenewRequest(
        v=VERSION,
        certificate=identity.certificate_file.read_text(),
        signing_request=request.decode(),
        proof=authority.sign_possession(old_key, RENEW_CONTEXT, request),
    )
    pem = identity.authority_file.read_text()
    async with aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as http:
        _status, body = await _post(http, primary_url.rstrip("/") + RENEW_PATH, asked, pem)
    answer = _read(EnrolAnswer, body)
    await asyncio.to_thread(
        renewal.keep, identity.folder, authority.key_to_pem(key), answer.certificate.encode()
    )


def authority_fingerprint(state_dir: Path) -> str:
    """Tell whom this gateway believes, so that a person can compare it with the primary's page."""
    pem = (state_dir / FOLDER / "ca.pem").read_bytes()
    return in_groups(authority.fingerprint(pem).hex())


def renewal_is_due(identity: Identity, now: datetime) -> bool:
    """Whether two thirds of the certificate's life are over."""
    certificate = authority.certificate_from_pem(identity.certificate_file.read_bytes())
    begun, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now > begun + (ends - begun) * 2 / 3


def _context(authority_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority_pem)
    issued = authority.certificate_from_pem(authority_pem.encode()).not_valid_before_utc
    if datetime.now(UTC) < issued:
        # A box without a clock: chain and name are checked, dates cannot be.
        context.verify_flags |= _NO_CHECK_TIME
    return context


async def _pinned_authority(http: aiohttp.ClientSession, url: str, pin: bytes) -> str:
    """Fetch the authority's certificate from whoever answers, and believe it by the pin alone."""
    pem = await _authority_of(http, url)
    if authority.fingerprint(pem.encode()) != pin:
        raise EnrolmentError(f"{url} is not the primary that made this code")
    return pem


async def _authority_of(http: aiohttp.ClientSession, url: str) -> str:
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    try:
        async with http.get(url + AUTHORITY_PATH, ssl=unchecked) as response:
            pem = await response.content.read(MAX_BYTES)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EnrolmentError(f"{url} cannot be reached: {error or 'it does not answer'}") from None
    try:
        authority.certificate_from_pem(pem)
    except CertificateError:
        raise EnrolmentError(f"{url} is no Spoolhouse primary") from None
    return pem.decode()


async def _post(http: aiohttp.ClientSession, url: str, asked: Any, pem: str) -> tuple[int, bytes]:
    body = codec.dumps(codec.to_plain(asked))
    headers = {"Content-Type": "application/json"}
    try:
        async with http.post(url, data=body, headers=headers, ssl=_context(pem)) as response:
            status, text = response.status, await response.content.read(MAX_BYTES * 4)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        says = f"{url} cannot be reached: {error or 'it does not answer'}"
        raise UnreachableError(says) from None
    if status == HTTPStatus.FORBIDDEN:
        raise RefusedError(_why_refused(text))
    if status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        raise UnreachableError(f"the primary answered {status} to {url}")
    return status, text


def _why_refused(body: bytes) -> str:
    try:
        said = codec.loads(body)
    except MessageError:
        return _OLD_CODE
    reason = said.get("reason") if isinstance(said, dict) else None
    return _WHY_REFUSED.get(str(reason), _OLD_CODE)


def _read(kind: type[T], body: bytes) -> T:
    try:
        return codec.from_plain(kind, codec.loads(body))
    except MessageError as error:
        raise EnrolmentError(f"the primary's answer cannot be read: {error}") from None


def _write_identity(
    state_dir: Path, answer: EnrolAnswer, key_pem: bytes, sealing_key: bytes
) -> None:
    folder = state_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_files.write(folder / "sealing.key", sealing_key)
    private_files.write(folder / "ca.pem", answer.authority.encode())
    _write_signing_keys(folder, answer.signing_keys)
    renewal.discard(folder)
    private_files.write(folder / "tls.key", key_pem)
    private_files.write(folder / "tls.pem", answer.certificate.encode())


def _write_signing_keys(folder: Path, keys: tuple[bytes, ...]) -> None:
    private_files.write(folder / "signing.json", codec.dumps(codec.to_plain(keys)))
