"""The lab's own certificate authority: the images trust it, the stand-ins for AWS show certificates of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.setup.cache import fingerprint, make_once

# A machine in the lab may boot with a clock that is behind, and a cache is kept for years.
BACKDATED = timedelta(days=365)
VALID = timedelta(days=3650)


@dataclass(frozen=True)
class Authority:
    """An authority's two files, in PEM."""

    certificate: Path
    key: Path


def authority() -> Authority:
    """The lab's authority, made if it is new. It stays in the cache: nobody outside the lab has reason to trust it."""
    folder = make_once(f"authority-{fingerprint(Path(__file__))}", _make)
    return Authority(folder / "ca.crt", folder / "ca.key")


def issue(names: Sequence[str], folder: Path) -> tuple[Path, Path]:
    """A server's certificate for these DNS names, signed by the authority: `server.crt` and `server.key`."""
    signer = authority()
    issuer = x509.load_pem_x509_certificate(signer.certificate.read_bytes())
    issuer_key = load_pem_private_key(signer.key.read_bytes(), password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begin(_name(names[0]), issuer.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _write(certificate, key, folder, "server")


def _make(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("aws-oci-libreswan lab")
    certificate = (
        _begin(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_only(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(certificate, key, folder, "ca")


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALID)
    )


def _name(common: str) -> x509.Name:
    # A common name has at most 64 characters; what is checked is the alternative name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, folder: Path, name: str
) -> tuple[Path, Path]:
    public, private = folder / f"{name}.crt", folder / f"{name}.key"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.unlink(missing_ok=True)
    # Never readable by others, not even while it is being written.
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public, private
