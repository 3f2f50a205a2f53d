"""What both clouds were told, as plain values: all that decides whether a packet arrives.

The fabric is configured from it and the reachability function walks it; neither asks a cloud itself. Two snapshots
are equal when nothing that matters has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Literal

Protocol = Literal["all", "icmp", "tcp", "udp", "esp"] | int
"""By name where it has one here, else its IANA number."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What a rule of either cloud matches."""

    protocol: Protocol
    cidr: IPv4Network
    """Source of what comes in, destination of what goes out."""
    ports: tuple[int, int] | None = None
    """Destination ports; None: all."""
    icmp: tuple[int, int | None] | None = None
    """Type, and code unless any; None: all."""
    source_ports: tuple[int, int] | None = None
    """OCI only."""


@dataclass(frozen=True, kw_only=True)
class AclEntry:
    number: int
    allow: bool
    filter: Filter


@dataclass(frozen=True, kw_only=True)
class NetworkAcl:
    """Stateless; the first entry by number that matches decides, and nothing matching is a refusal."""

    id: str
    ingress: tuple[AclEntry, ...]
    egress: tuple[AclEntry, ...]


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """Stateful rules that allow: a security group, a security list or a network security group."""

    id: str
    ingress: tuple[Filter, ...]
    egress: tuple[Filter, ...]


@dataclass(frozen=True, kw_only=True)
class Route:
    destination: IPv4Network
    target: str
    """Id of a gateway, interface or DRG; `local` in a VPC."""


@dataclass(frozen=True, kw_only=True)
class RouteTable:
    """The longest matching prefix decides."""

    id: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, kw_only=True)
class Subnet:
    id: str
    cidr: IPv4Network
    table_id: str
    """Its own, or the main (VPC) or given (VCN) one."""
    filter_ids: tuple[str, ...]
    """The network ACL (VPC), or the security lists (VCN)."""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """An elastic network interface."""

    id: str
    subnet_id: str
    mac: str
    private_ip: IPv4Address
    group_ids: tuple[str, ...]
    source_dest_check: bool
    public_ip: IPv4Address | None
    """Of the elastic IP that is associated with it."""
    instance_id: str | None
    """Of the running instance that it is attached to."""


@dataclass(frozen=True, kw_only=True)
class Vpc:
    id: str
    cidrs: tuple[IPv4Network, ...]
    gateway_id: str | None
    """The attached internet gateway."""
    subnets: tuple[Subnet, ...]
    tables: Mapping[str, RouteTable]
    acls: Mapping[str, NetworkAcl]
    groups: Mapping[str, RuleSet]
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, kw_only=True)
class Vcn:
    id: str
    cidrs: tuple[IPv4Network, ...]
    subnets: tuple[Subnet, ...]
    tables: Mapping[str, RouteTable]
    lists: Mapping[str, RuleSet]
    groups: tuple[RuleSet, ...]
    """Every network security group: the VCN's host is in all of them."""


@dataclass(frozen=True, kw_only=True)
class DrgRoute:
    """In force, or of a tunnel that stands by for another one."""

    destination: IPv4Network
    attachment_id: str


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """Of a VCN or a tunnel to the DRG. Its table says where what comes in through it goes."""

    id: str
    kind: Literal["VCN", "IPSEC_TUNNEL"]
    network_id: str
    table_id: str
    routes: tuple[DrgRoute, ...]
    """Of one destination there may be several: through either tunnel."""
    ecmp: bool


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """Oracle's end of a tunnel: what its headend is configured with."""

    id: str
    number: Literal[1, 2]
    """By OCID, as everywhere in the project."""
    headend: IPv4Address | None
    pre_shared_key: str = field(repr=False)
    cpe_address: IPv4Address
    cpe_identifier: str
    ike_version: Literal[1, 2]
    ike: tuple[str, str, str]
    """Encryption, integrity, group of the IKE SA, in Oracle's words."""
    child: tuple[str, str | None, str | None]
    """Encryption, integrity (None: the cipher's own), PFS group (None: no PFS) of the child SA."""
    ike_seconds: int
    child_seconds: int
    dpd_seconds: int
    dpd_initiates: bool
    initiates: bool
    forces_nat_traversal: bool
    oracle_inside: IPv4Interface | None
    static_routes: tuple[IPv4Network, ...]
    available: bool


@dataclass(frozen=True, kw_only=True)
class Host:
    """The instance behind the CPE's address, as its user-data and the clouds' stores make it."""

    instance_id: str
    interface_id: str
    files: Mapping[str, str] = field(repr=False)
    """What cloud-init writes, by path; may hold keys."""
    readable_keys: Mapping[str, str] = field(repr=False)
    """Parameter name to value, for those that the instance's role may read."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One snapshot. Nothing is there before the engine has made it."""

    vpc: Vpc | None = None
    vcn: Vcn | None = None
    drg_id: str | None = None
    """What the routes of the VCN lead to."""
    attachments: tuple[Attachment, ...] = ()
    """Of the one DRG that the tunnels are on."""
    tunnels: tuple[Tunnel, ...] = ()
    host: Host | None = None

    @property
    def client(self) -> tuple[Subnet, IPv4Address] | None:
        """The lab's AWS client: at the last address of the first subnet that is not the host's."""
        if self.vpc is None or not self.vpc.subnets:
            return None
        # Others may have interfaces in any subnet; the host's forwards, and has the elastic IP.
        host = {one.subnet_id for one in self.vpc.interfaces if one.public_ip or not one.source_dest_check}
        subnet = min(self.vpc.subnets, key=lambda one: (one.id in host, one.cidr))
        return subnet, subnet.cidr.broadcast_address - 1

    @property
    def vcn_host(self) -> tuple[Subnet, IPv4Address] | None:
        """The lab's host in the VCN: at the last address of its first subnet."""
        if self.vcn is None or not self.vcn.subnets:
            return None
        subnet = min(self.vcn.subnets, key=lambda one: one.cidr)
        return subnet, subnet.cidr.broadcast_address - 1


def longest(routes: tuple[Route, ...], address: IPv4Address) -> Route | None:
    """The route that a packet to the address takes."""
    matching = [route for route in routes if address in route.destination]
    return max(matching, key=lambda route: route.destination.prefixlen, default=None)
