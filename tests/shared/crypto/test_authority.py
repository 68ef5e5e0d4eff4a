"""The authority: certificates that OpenSSL accepts, under the names that we give."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateSigningRequestBuilder, Name

from shared.crypto import authority
from shared.crypto.authority import Authority, CertificateError
from shared.ids import new_id

NOW = datetime.now(UTC)
AUTHORITY = Authority.create("Spoolhouse test", NOW)


def a_certificate(gateway_id: str) -> bytes:
    request = authority.signing_request(authority.new_key(), "whatever it says")
    return AUTHORITY.issue_to_gateway(request, gateway_id, NOW)


def openssl_verify(folder: Path, certificate: bytes, purpose: str) -> bool:
    (folder / "ca.pem").write_bytes(AUTHORITY.pem)
    (folder / "cert.pem").write_bytes(certificate)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose]
    files = ["-CAfile", str(folder / "ca.pem"), str(folder / "cert.pem")]
    done = subprocess.run([*command, *files], capture_output=True, check=False, timeout=20)
    return done.returncode == 0


def test_a_gateway_gets_the_name_that_we_chose() -> None:
    gateway_id = new_id()
    certificate = authority.certificate_from_pem(a_certificate(gateway_id))
    assert authority.common_name(certificate) == gateway_id
    assert certificate.not_valid_after_utc - NOW <= timedelta(days=90)
    assert AUTHORITY.has_issued(certificate)


def test_openssl_takes_a_gateway_as_client_and_not_as_server(tmp_path: Path) -> None:
    certificate = a_certificate(new_id())
    assert openssl_verify(tmp_path, certificate, "sslclient")
    assert not openssl_verify(tmp_path, certificate, "sslserver")


def test_openssl_takes_a_listener_as_server_and_not_as_client(tmp_path: Path) -> None:
    key = authority.new_key().public_key()
    certificate = AUTHORITY.issue_to_server(key, ["localhost", "127.0.0.1"], NOW)
    assert openssl_verify(tmp_path, certificate, "sslserver")
    assert not openssl_verify(tmp_path, certificate, "sslclient")


def test_a_request_without_a_p256_key_is_refused() -> None:
    request = CertificateSigningRequestBuilder().subject_name(Name([]))
    signed = request.sign(ed25519.Ed25519PrivateKey.generate(), None)
    with pytest.raises(CertificateError):
        AUTHORITY.issue_to_gateway(signed.public_bytes(Encoding.PEM), new_id(), NOW)


@pytest.mark.parametrize("noise", [b"", b"x", b"-----BEGIN CERTIFICATE-----"])
def test_noise_is_refused_in_our_words(noise: bytes) -> None:
    with pytest.raises(CertificateError):
        AUTHORITY.issue_to_gateway(noise, new_id(), NOW)
    with pytest.raises(CertificateError):
        authority.certificate_from_pem(noise)
    with pytest.raises(CertificateError):
        authority.key_from_pem(noise)


def test_another_authority_s_certificate_is_not_ours() -> None:
    other = Authority.create("Spoolhouse test", NOW)
    request = authority.signing_request(authority.new_key(), "x")
    certificate = other.issue_to_gateway(request, new_id(), NOW)
    assert not AUTHORITY.has_issued(authority.certificate_from_pem(certificate))


def test_possession_of_a_key_is_proved_by_its_holder_alone() -> None:
    key = authority.new_key()
    request = authority.signing_request(key, "x")
    issued = AUTHORITY.issue_to_gateway(request, new_id(), NOW)
    certificate = authority.certificate_from_pem(issued)
    proof = authority.sign_possession(key, "renew", b"data")
    authority.check_possession(certificate, proof, "renew", b"data")
    with pytest.raises(CertificateError):
        authority.check_possession(certificate, proof, "renew", b"other data")
    other = authority.sign_possession(authority.new_key(), "renew", b"data")
    with pytest.raises(CertificateError):
        authority.check_possession(certificate, other, "renew", b"data")


def test_the_authority_survives_its_files() -> None:
    again = Authority.load(authority.key_to_pem(AUTHORITY.key), AUTHORITY.pem)
    assert again.pem == AUTHORITY.pem
    with pytest.raises(CertificateError):
        Authority.load(authority.key_to_pem(authority.new_key()), AUTHORITY.pem)
