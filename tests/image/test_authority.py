"""The lab's authority, by the TLS of Python's standard library.

Does not prove that a program in an image trusts it: the tests that boot one do.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from lab.image.authority import authority, issue

NAME = "ssm.eu-central-1.amazonaws.com"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_made_once_and_its_key_is_for_nobody_else() -> None:
    first = authority()
    before = first.certificate.read_bytes()
    assert authority() == first
    assert first.certificate.read_bytes() == before
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600


def test_a_certificate_is_good_for_its_names(tmp_path: Path) -> None:
    certificate, key = issue([NAME, "mirror.lab"], tmp_path)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for name in (NAME, "mirror.lab"):
        _hands_shake(certificate, key, name, authority().certificate)


def test_and_for_no_other(tmp_path: Path) -> None:
    certificate, key = issue([NAME], tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        _hands_shake(certificate, key, "sts.eu-central-1.amazonaws.com", authority().certificate)


def test_another_authority_does_not_vouch_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = issue([NAME], tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    with pytest.raises(ssl.SSLCertVerificationError):
        _hands_shake(certificate, key, NAME, authority().certificate)


def test_a_server_signs_for_nobody(tmp_path: Path) -> None:
    certificate, _ = issue([NAME], tmp_path)
    assert [_may_sign(file) for file in (certificate, authority().certificate)] == [False, True]


def test_issued_again_in_the_same_folder(tmp_path: Path) -> None:
    issue([NAME], tmp_path)
    certificate, key = issue(["other.lab"], tmp_path)
    _hands_shake(certificate, key, "other.lab", authority().certificate)


def _may_sign(certificate: Path) -> bool:
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    return read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def _hands_shake(certificate: Path, key: Path, name: str, trusted: Path) -> None:
    """Let a client that trusts `trusted` alone greet the server by `name`, all in memory."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = ssl.create_default_context(cafile=str(trusted)).wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.getpeercert() is not None
