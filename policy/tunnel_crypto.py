"""Tunnels that may be encrypted today and read tomorrow.

What is accepted is listed, and not what is refused: a name that nobody has judged yet is not let through. Left out of
what Oracle offers (https://docs.oracle.com/en-us/iaas/Content/Network/Reference/supportedIPsecparams.htm):

- groups 2 and 5, of 1024 and 1536 bits, and group 24, with its small subgroups: SHOULD NOT, RFC 8247 section 2.4. A
  state is expected to break group 5 within years, and can read then what it records today. It is what Oracle's guide
  for Libreswan takes, and Oracle's default for perfect forward secrecy;
- SHA-1, on its way out in RFC 8247 section 2.3 and RFC 8221 section 6 (MUST-).
"""

from __future__ import annotations

from collections.abc import Iterator

from policy.subject import Resource

MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"

GROUPS = ("GROUP14", "GROUP19", "GROUP20")
IKE_ENCRYPTION = ("AES_256_CBC", "AES_192_CBC", "AES_128_CBC")
IKE_INTEGRITY = ("SHA2_384", "SHA2_256")
CHILD_AEAD = ("AES_256_GCM", "AES_192_GCM", "AES_128_GCM")
CHILD_INTEGRITY = ("HMAC_SHA2_256_128",)


def faults(resource: Resource) -> Iterator[str]:
    """Each choice is the stack's own, and one of the accepted ones: Oracle's defaults include group 5."""
    if resource.type != MANAGEMENT:
        return
    one, two = "phaseOneDetails", "phaseTwoDetails"
    for path in ((one, "isCustomPhaseOneConfig"), (two, "isCustomPhaseTwoConfig"), (two, "isPfsEnabled")):
        if resource.read(*path) is not True:
            yield f"{'.'.join(path)} is not true: set it to true"
    yield from _not_among(resource, GROUPS, one, "customDhGroup")
    yield from _not_among(resource, IKE_ENCRYPTION, one, "customEncryptionAlgorithm")
    yield from _not_among(resource, IKE_INTEGRITY, one, "customAuthenticationAlgorithm")
    yield from _not_among(resource, GROUPS, two, "dhGroup")
    yield from _not_among(resource, (*CHILD_AEAD, *IKE_ENCRYPTION), two, "customEncryptionAlgorithm")
    # GCM authenticates by itself.
    if str(resource.read(two, "customEncryptionAlgorithm")).upper() not in CHILD_AEAD:
        yield from _not_among(resource, CHILD_INTEGRITY, two, "customAuthenticationAlgorithm")


def _not_among(resource: Resource, accepted: tuple[str, ...], *path: str) -> Iterator[str]:
    found = resource.read(*path)
    # Oracle does not mind the case.
    if str(found).upper() not in accepted:
        yield f"{'.'.join(path)} is {found!r}: choose a cryptoProfile with {', '.join(accepted)}"
