"""Address arithmetic of Oracle's checks. Each raises 400 InvalidParameter that names attribute, value, rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address, ip_network

from lab.clouds.oci.errors import invalid

_LINK_LOCAL = IPv4Network("169.254.0.0/16")
# Third octets of 169.254.x.0/24 that Oracle keeps for itself (Oracle: Network/Tasks/settingupIPsec.htm).
_BANNED_INSIDE = {*range(10, 20), *range(100, 110), *range(192, 202)}
_UNROUTABLE = IPv4Network("224.0.0.0/3")


def network(text: str, attribute: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as fault:
        raise invalid(attribute, f"{text!r} is not an IPv4 CIDR block: {fault}") from None


def any_network(text: str, attribute: str) -> str:
    """A CIDR block of either family, as it was given."""
    try:
        ip_network(text)
    except ValueError as fault:
        raise invalid(attribute, f"{text!r} is not a CIDR block: {fault}") from None
    return text


def address(text: str, attribute: str) -> str:
    try:
        ip_address(text)
    except ValueError as fault:
        raise invalid(attribute, f"{text!r} is not an IP address: {fault}") from None
    return text


def cidr_block(text: str, attribute: str) -> IPv4Network:
    """A block for a VCN or a subnet: /16 to /30."""
    block = network(text, attribute)
    if not 16 <= block.prefixlen <= 30:
        raise invalid(attribute, f"{text} is not between /16 and /30")
    return block


def disjoint(blocks: Sequence[IPv4Network], attribute: str) -> None:
    for place, block in enumerate(blocks):
        for other in blocks[:place]:
            if block.overlaps(other):
                raise invalid(attribute, f"{block} overlaps {other}")


def within(inner: IPv4Network, outer: Iterable[str], attribute: str) -> None:
    blocks = list(outer)
    if not any(inner.subnet_of(IPv4Network(block)) for block in blocks):
        raise invalid(attribute, f"{inner} is not within the VCN's {', '.join(blocks)}")


def static_route(text: str, attribute: str) -> str:
    """Oracle: "a static route's CIDR must not be a multicast address or class E address"."""
    any_network(text, attribute)
    if ":" not in text and IPv4Network(text).subnet_of(_UNROUTABLE):
        raise invalid(attribute, f"{text} is a multicast or class E block")
    return text


def inside_pair(oracle: str, customer: str, path: str) -> IPv4Network:
    """The /30 or /31 that holds both inside addresses of a tunnel."""
    ends = [
        (f"{path}.{name}", _inside_end(text, f"{path}.{name}"))
        for name, text in (("oracleInterfaceIp", oracle), ("customerInterfaceIp", customer))
    ]
    (_, first), (attribute, second) = ends
    if first.network != second.network or first.ip == second.ip:
        raise invalid(attribute, f"{customer} and Oracle's {oracle} are not two addresses of one network")
    return first.network


def _inside_end(text: str, attribute: str) -> IPv4Interface:
    try:
        end = IPv4Interface(text)
    except ValueError as fault:
        raise invalid(attribute, f"{text!r} is not an address with a prefix: {fault}") from None
    if end.network.prefixlen not in (30, 31) or "/" not in text:
        raise invalid(attribute, f"{text} is neither a /30 nor a /31")
    if end.network.prefixlen == 30 and end.ip in (end.network.network_address, end.network.broadcast_address):
        raise invalid(attribute, f"{text} is the network's own or its broadcast address")
    if end.ip in _LINK_LOCAL and end.ip.packed[2] in _BANNED_INSIDE:
        raise invalid(attribute, f"{text} is in a range that Oracle keeps: 169.254.10-19, .100-109, .192-201")
    return end


def dns_label(text: str, attribute: str = "dnsLabel") -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,14}", text):
        raise invalid(attribute, f"{text!r} is not a letter followed by at most 14 letters and digits")
    return text


def first_host(block: IPv4Network) -> IPv4Address:
    return block.network_address + 1
