"""IPv4 arithmetic for two networks and the two tunnels between them. No Pulumi, no look-ups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from itertools import combinations

# RFC 1918, section 3.
PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))

# Amazon keeps 169.254.169.0/24 for the metadata service, the resolver and the time server of an instance:
# a tunnel there would take them away from the host.
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
AMAZON_LINK_LOCAL = IPv4Network("169.254.169.0/24")
LINK_LOCAL = IPv4Network("169.254.0.0/16")

# Third octets of 169.254.0.0/16 that Oracle keeps for itself.
# https://docs.oracle.com/en-us/iaas/Content/Network/Tasks/settingupIPsec.htm
ORACLE_RESERVED_OCTETS = (range(10, 20), range(100, 110), range(192, 202))

# Oracle takes at most so many static routes for one IPSec connection (same page).
MAXIMUM_STATIC_ROUTES = 10


def parse_network(text: str) -> IPv4Network:
    """An IPv4 network from CIDR text. Raises ValueError that says what to write instead."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("not an IPv4 CIDR such as 10.0.0.0/16") from None
    if not isinstance(network, IPv4Network) or "/" not in text:
        raise ValueError("not an IPv4 CIDR such as 10.0.0.0/16")
    if str(network) != text:
        raise ValueError(f"has host bits set; write {network}")
    return network


def is_private(network: IPv4Network) -> bool:
    """Whether all of the network lies in one of RFC 1918's blocks."""
    return any(network.subnet_of(block) for block in PRIVATE)


def overlaps(networks: Iterable[IPv4Network]) -> list[tuple[IPv4Network, IPv4Network]]:
    """Every pair that shares an address, in the order given."""
    return [(one, other) for one, other in combinations(networks, 2) if one.overlaps(other)]


def is_within(network: IPv4Network, blocks: Sequence[IPv4Network]) -> bool:
    """Whether one of the blocks holds all of the network."""
    return any(network.subnet_of(block) for block in blocks)


def inside_fault(network: IPv4Network) -> str | None:
    """Why Oracle or the host would refuse these inside-tunnel addresses, or None if neither does."""
    if network.prefixlen not in (30, 31):
        return "an inside-tunnel network is a /30 or a /31"
    if network.subnet_of(AMAZON_LINK_LOCAL):
        return f"Amazon's metadata and time services are in {AMAZON_LINK_LOCAL}"
    if network.subnet_of(LINK_LOCAL):
        octet = network.network_address.packed[2]
        if any(octet in reserved for reserved in ORACLE_RESERVED_OCTETS):
            return "Oracle reserves 169.254.10-19.x, 169.254.100-109.x and 169.254.192-201.x"
        return None
    if not is_private(network):
        return "inside-tunnel addresses are link-local (169.254.0.0/16) or private (RFC 1918)"
    return None


def inside_addresses(network: IPv4Network) -> tuple[IPv4Interface, IPv4Interface]:
    """(Oracle's, the host's) address of an inside-tunnel network: its first two usable ones, with prefix."""
    # hosts() of a /31 yields both addresses (RFC 3021), of a /30 the two in the middle.
    oracle, host = list(network.hosts())
    return IPv4Interface((oracle, network.prefixlen)), IPv4Interface((host, network.prefixlen))


def vpc_router(subnet: IPv4Network) -> IPv4Address:
    """The gateway of a VPC subnet: its base address plus one.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    """
    return subnet.network_address + 1
