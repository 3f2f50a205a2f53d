"""The places of the fabric and their addresses. `guest/skeleton` makes them; a device is named after its far end."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Literal

Place = Literal["vpc", "internet", "headend-1", "headend-2", "drg", "vcn", "client", "vcn-host"]
"""A network namespace of the fabric."""

ADDRESS: dict[Place | Literal["lab"], str] = {
    "vpc": "100.64.0.1",
    "internet": "100.64.0.2",
    "headend-1": "100.64.0.11",
    "headend-2": "100.64.0.12",
    "drg": "100.64.0.20",
    "vcn": "100.64.0.30",
    "client": "100.64.0.40",
    "vcn-host": "100.64.0.41",
    "lab": "100.64.0.99",
}

# RFC 2544, section C.2.2: for tests between networks, so nobody's VPC or VCN.
OUTSIDE = "198.18.255.15/24"
OUTSIDE_NETWORK = "198.18.255.0/24"
THIS_COMPUTER = "198.18.255.2"
AWS_ENDPOINT = IPv4Address("198.18.0.10")
PACKAGE_MIRROR = IPv4Address("198.18.0.20")
MIRROR_NAME = "mirror.lab"
"""Known only to the lab's own name server, and to the images."""

# https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
LINK_LOCAL = IPv4Network("169.254.0.0/16")
METADATA = IPv4Address("169.254.169.254")
RESOLVER = IPv4Address("169.254.169.253")


def headend(number: int) -> Place:
    """The place of a tunnel's far end."""
    return "headend-1" if number == 1 else "headend-2"


def via(place: Place, device: str | None = None) -> str:
    """The next hop of a route to a place."""
    return f"via {ADDRESS[place]} dev {device or place} onlink"
