"""Which packets may reach and leave the host subnet and the host: what tunnels, packages and clients need.

Two filters with the same purpose: the network ACL is stateless, so it needs the answers too; the security group
remembers who asked. Neither sees Amazon's resolver, time and metadata services.
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

ANYWHERE = "0.0.0.0/0"
EPHEMERAL_PORTS = (1024, 65_535)

# IKE, and IKE and ESP in UDP behind a NAT (RFC 7296 section 2.23, RFC 3948).
IKE_PORTS = (500, 4500)

# Packages come over HTTP and HTTPS, and so do AWS' own services.
PACKAGE_PORTS = (80, 443)

# First rule number of a network ACL that the program makes.
FIRST_RULE = 100
_HEADENDS, _FIXED, _VPC, _SSH = 0, 10, 20, 40


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One rule, in the words that both clouds' rules share."""

    name: str
    protocol: str
    """`tcp`, `udp`, `icmp` or `-1` for all."""
    cidr: str
    """Source where packets come in, destination where they go out."""
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None
    """Type and code."""


@dataclass(frozen=True, kw_only=True)
class AclRule(Filter):
    number: int
    egress: bool


def slug(cidr: IPv4Network) -> str:
    """A CIDR as part of a resource's name."""
    return re.sub(r"[./]", "-", str(cidr))


# "Fragmentation needed" comes from any router on the way: without it large packets vanish (RFC 1191).
def _path_mtu(name: str) -> Filter:
    return Filter(name=name, protocol="icmp", cidr=ANYWHERE, icmp=(3, 4))


def security_group_ingress(vpc_cidrs: Sequence[IPv4Network], ssh_cidrs: Sequence[IPv4Network]) -> list[Filter]:
    """What may open a conversation with the host, but for the headends: their addresses come later."""
    return [
        _path_mtu("path-mtu"),
        *(Filter(name=f"from-{slug(cidr)}", protocol="-1", cidr=str(cidr)) for cidr in vpc_cidrs),
        *(Filter(name=f"ssh-from-{slug(cidr)}", protocol="tcp", cidr=str(cidr), ports=(22, 22)) for cidr in ssh_cidrs),
    ]


def security_group_egress(vpc_cidrs: Sequence[IPv4Network]) -> list[Filter]:
    """Where the host may open a conversation to."""
    return [
        _path_mtu("path-mtu"),
        *(Filter(name=f"packages-{port}", protocol="tcp", cidr=ANYWHERE, ports=(port, port)) for port in PACKAGE_PORTS),
        *(Filter(name=f"to-{slug(cidr)}", protocol="-1", cidr=str(cidr)) for cidr in vpc_cidrs),
    ]


def acl_rules(
    vpc_cidrs: Sequence[IPv4Network], ssh_cidrs: Sequence[IPv4Network], first: int = FIRST_RULE
) -> list[AclRule]:
    """
    Rules of the host subnet's ACL, but for the headends. A rule keeps its name and number as the CIDRs behind it
    change, so that no two rules ever want one number.
    """
    ingress = [
        (_FIXED, Filter(name="answers", protocol="tcp", cidr=ANYWHERE, ports=EPHEMERAL_PORTS)),
        (_FIXED + 1, _path_mtu("path-mtu")),
    ]
    egress = [
        *(
            (_FIXED + 2 + n, Filter(name=f"packages-{port}", protocol="tcp", cidr=ANYWHERE, ports=(port, port)))
            for n, port in enumerate(PACKAGE_PORTS)
        ),
        (_FIXED + 1, _path_mtu("path-mtu")),
    ]
    for n, cidr in enumerate(vpc_cidrs):
        clients = Filter(name=f"clients-{n + 1}", protocol="-1", cidr=str(cidr))
        ingress.append((_VPC + n, clients))
        egress.append((_VPC + n, clients))
    for n, cidr in enumerate(ssh_cidrs):
        login = Filter(name=f"ssh-{n + 1}", protocol="tcp", cidr=str(cidr), ports=(22, 22))
        answer = Filter(name=login.name, protocol="tcp", cidr=str(cidr), ports=EPHEMERAL_PORTS)
        ingress.append((_SSH + n, login))
        egress.append((_SSH + n, answer))
    return [
        AclRule(number=first + offset, egress=out, **vars(rule))
        for out, rules in ((False, ingress), (True, egress))
        for offset, rule in rules
    ]


def acl_headend_number(tunnel: int, first: int = FIRST_RULE) -> int:
    """
    Number of the rule that admits a tunnel's headend. All UDP and not its ports only: a fragment has none, and
    Oracle's first offer can be longer than a packet.
    """
    return first + _HEADENDS + tunnel - 1
