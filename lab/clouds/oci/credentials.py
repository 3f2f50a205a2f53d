"""A throw-away identity for Oracle's SDK: the emulator wants requests signed, and verifies nothing."""

from __future__ import annotations

from functools import cache
from typing import Any

import oci
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def throw_away_key() -> str:
    """A new RSA key, PEM, the same for the whole process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def throw_away_config(region: str = "eu-frankfurt-1") -> dict[str, str]:
    """What `oci.config.from_file()` would return for a made-up user."""
    return {
        "tenancy": "ocid1.tenancy.oc1..lab",
        "user": "ocid1.user.oc1..lab",
        "fingerprint": ":".join(["00"] * 16),
        "key_content": throw_away_key(),
        "region": region,
    }


def network_client(endpoint: str, *, raw: bool = False) -> Any:
    """
    An `oci.core.VirtualNetworkClient` that shows each answer: no retries, no circuit breaker.

    With `raw` its answers are the JSON that was sent, and not models.
    """
    return oci.core.VirtualNetworkClient(
        throw_away_config(),
        service_endpoint=endpoint,
        retry_strategy=oci.retry.NoneRetryStrategy(),
        skip_deserialization=raw,
        circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
    )
