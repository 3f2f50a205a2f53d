"""Crypto profiles: one row sets Oracle's phase one and two and Libreswan's `ike=` and `esp=` alike.

Only what both ends know is offered (Oracle's supported IPSec parameters, commercial realm:
https://docs.oracle.com/en-us/iaas/Content/Network/Reference/supportedIPsecparams.htm). Every row has the
same Diffie-Hellman group in both phases and a single proposal: a smaller group in phase two comes up and then
fails at the first re-key, and Oracle's answer to a list differs with who starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Encryption = Literal["AES_256_CBC", "AES_192_CBC", "AES_128_CBC"]
ChildEncryption = Literal["AES_256_GCM", "AES_192_GCM", "AES_128_GCM", "AES_256_CBC", "AES_128_CBC"]
Integrity = Literal["SHA2_384", "SHA2_256"]
Group = Literal["GROUP5", "GROUP14", "GROUP19", "GROUP20"]

# IKEv1 in Libreswan has no elliptic curve groups for perfect forward secrecy.
IKEV1_GROUPS: frozenset[Group] = frozenset({"GROUP5", "GROUP14"})

# Oracle's lifetimes, in seconds, and the host's a little below them: so the host re-keys first, as initiator.
ORACLE_IKE_LIFETIME = 28_800
ORACLE_CHILD_LIFETIME = 3_600
HOST_IKE_LIFETIME = 28_200
HOST_CHILD_LIFETIME = 3_300

_LIBRESWAN_ENCRYPTION = {
    "AES_256_CBC": "aes_cbc256",
    "AES_192_CBC": "aes_cbc192",
    "AES_128_CBC": "aes_cbc128",
    "AES_256_GCM": "aes_gcm256",
    "AES_192_GCM": "aes_gcm192",
    "AES_128_GCM": "aes_gcm128",
}
_LIBRESWAN_INTEGRITY = {"SHA2_384": "sha2_384", "SHA2_256": "sha2_256"}


@dataclass(frozen=True, kw_only=True)
class CryptoProfile:
    """One way to encrypt, in Oracle's names."""

    name: str
    ike_encryption: Encryption
    ike_integrity: Integrity
    child_encryption: ChildEncryption
    group: Group
    """Diffie-Hellman group of the IKE SA, and of perfect forward secrecy in the child SA."""

    @property
    def is_aead(self) -> bool:
        """Whether the child SA's cipher authenticates by itself (GCM), without an HMAC."""
        return self.child_encryption.endswith("_GCM")

    @property
    def child_integrity(self) -> str | None:
        """Oracle's name of the child SA's HMAC; None where the cipher needs none."""
        return None if self.is_aead else "HMAC_SHA2_256_128"

    @property
    def ike(self) -> str:
        """Libreswan's `ike=` value."""
        encryption, integrity = (
            _LIBRESWAN_ENCRYPTION[self.ike_encryption],
            _LIBRESWAN_INTEGRITY[self.ike_integrity],
        )
        return f"{encryption}-{integrity};{self._libreswan_group}"

    @property
    def esp(self) -> str:
        """Libreswan's `esp=` value. With GCM the group follows a semicolon: a dash is read as an HMAC."""
        encryption = _LIBRESWAN_ENCRYPTION[self.child_encryption]
        integrity = "" if self.is_aead else "-sha2_256"
        return f"{encryption}{integrity};{self._libreswan_group}"

    def supports(self, ike_version: int) -> bool:
        """Whether Libreswan can use the profile with this IKE version."""
        return ike_version == 2 or self.group in IKEV1_GROUPS

    @property
    def _libreswan_group(self) -> str:
        return f"dh{self.group.removeprefix('GROUP')}"


def _gcm(name: str, child: ChildEncryption, group: Group) -> CryptoProfile:
    return CryptoProfile(
        name=name,
        ike_encryption="AES_256_CBC",
        ike_integrity="SHA2_384",
        child_encryption=child,
        group=group,
    )


PROFILES = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _gcm("aes256gcm-group20", "AES_256_GCM", "GROUP20"),
            _gcm("aes256gcm-group19", "AES_256_GCM", "GROUP19"),
            _gcm("aes256gcm-group14", "AES_256_GCM", "GROUP14"),
            _gcm("aes128gcm-group19", "AES_128_GCM", "GROUP19"),
            CryptoProfile(
                name="aes256cbc-group14",
                ike_encryption="AES_256_CBC",
                ike_integrity="SHA2_256",
                child_encryption="AES_256_CBC",
                group="GROUP14",
            ),
            # What Oracle's guide for Libreswan writes: kept for a peer that must not change. Group 5 is weak.
            _gcm("guide", "AES_256_GCM", "GROUP5"),
        )
    }
)

DEFAULT_PROFILE = MappingProxyType({1: "aes256gcm-group14", 2: "aes256gcm-group20"})
