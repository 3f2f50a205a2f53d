"""What was found in the AWS account, and why the network could not work there. Pure: the program reads it by its
provider, `make doctor` by boto3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from components import addresses
from components.settings import AwsSettings, HostSettings


@dataclass(frozen=True, kw_only=True)
class Route:
    destination: str
    gateway: str | None
    """Internet or virtual private gateway."""
    interface: str | None


@dataclass(frozen=True, kw_only=True)
class GivenSubnet:
    id: str
    vpc_id: str
    cidr: IPv4Network
    zone: str
    routes: tuple[Route, ...]
    network_acl_id: str
    """The ACL that it is under; a subnet always has one."""


@dataclass(frozen=True, kw_only=True)
class GivenVpc:
    """A VPC that was there before, as it is now."""

    id: str
    cidrs: tuple[IPv4Network, ...]
    internet_gateway_id: str | None
    host_subnet: GivenSubnet | None
    route_tables: Mapping[str, tuple[Route, ...]]
    """The tables that the settings name."""
    own_interfaces: frozenset[str]
    """Interfaces of this stack: a route to one of them is the stack's own."""


@dataclass(frozen=True, kw_only=True)
class AwsSurvey:
    zones: tuple[str, ...]
    """Zones of the region that offer the instance type, sorted."""
    newest_image: str
    vpc: GivenVpc | None


def survey_faults(
    found: AwsSurvey, settings: AwsSettings, host: HostSettings, vcn_cidrs: Sequence[IPv4Network]
) -> Iterator[str]:
    """Why the network cannot work as it is, a line a fault with key, value and rule."""
    yield from offer_faults(found.zones, found.vpc, settings, host)
    if found.vpc is not None:
        yield from internet_faults(found.vpc)
        yield from vpc_faults(found.vpc, settings, vcn_cidrs)


def offer_faults(
    zones: Sequence[str], vpc: GivenVpc | None, settings: AwsSettings, host: HostSettings
) -> Iterator[str]:
    """Why the instance type cannot be had where the host is to be."""
    if not zones:
        yield f"instanceType: {host.instance_type!r} is refused: no zone of the region offers it"
        return
    if settings.availability_zone and settings.availability_zone not in zones:
        yield (
            f"availabilityZone: {settings.availability_zone!r} is refused: {host.instance_type} is offered in "
            f"{', '.join(zones)}"
        )
    subnet = None if vpc is None else vpc.host_subnet
    if subnet is not None and subnet.zone not in zones:
        yield (
            f"hostSubnetId: {subnet.id!r} is refused: it is in {subnet.zone}, which does not offer "
            f"{host.instance_type}; {', '.join(zones)} do"
        )


def internet_faults(vpc: GivenVpc) -> Iterator[str]:
    """Why the host would not reach the internet."""
    subnet = vpc.host_subnet
    if subnet is None:
        if vpc.internet_gateway_id is None:
            yield f"vpcId: {vpc.id!r} is refused: no internet gateway is attached to it, and the host needs one"
    elif not any(r.destination == "0.0.0.0/0" and (r.gateway or "").startswith("igw-") for r in subnet.routes):
        yield (
            f"hostSubnetId: {subnet.id!r} is refused: its route table has no route 0.0.0.0/0 to an internet "
            "gateway, which the tunnels and the packages need"
        )


def vpc_faults(vpc: GivenVpc, settings: AwsSettings, vcn_cidrs: Sequence[IPv4Network]) -> Iterator[str]:
    """Why what the settings name in a given VPC does not fit together."""
    created = [("hostSubnetCidr", settings.host_subnet_cidr)] if settings.host_subnet_cidr else []
    for key, cidr in [*created, *(("clientSubnetCidrs", cidr) for cidr in settings.client_subnet_cidrs)]:
        if not addresses.is_within(cidr, vpc.cidrs):
            yield f"{key}: {cidr} is refused: it lies in none of the CIDRs of {vpc.id}"
    subnet = vpc.host_subnet
    if subnet is not None:
        if subnet.vpc_id != vpc.id:
            yield f"hostSubnetId: {subnet.id!r} is refused: it belongs to {subnet.vpc_id}, not to {vpc.id}"
        if settings.network_acl_id not in (None, subnet.network_acl_id):
            yield (
                f"networkAclId: {settings.network_acl_id!r} is refused: {subnet.id} is under {subnet.network_acl_id}, "
                "so rules of another ACL would let nothing in"
            )
    for table, routes in vpc.route_tables.items():
        for route in routes:
            if route.interface not in vpc.own_interfaces and route.destination in map(str, vcn_cidrs):
                yield (
                    f"routeTableIds: {table!r} is refused: it has a route to {route.destination} already, "
                    "and not by this stack"
                )


def wrong_architecture(architecture: str, host: HostSettings) -> str | None:
    """Why a given image, which is for this architecture, cannot run on the instance type; None if it can."""
    if architecture == host.architecture:
        return None
    return (
        f"imageId: {host.image_id!r} is refused: it is for {architecture}, and "
        f"{host.instance_type} is {host.architecture}"
    )


def no_image(host: HostSettings, reason: str) -> str:
    """Says that the look-up of the image failed: of the given one, or of the operating system's newest."""
    if host.image_id:
        return f"imageId: {host.image_id!r} is refused: the region has no such image ({reason})"
    name = host.os.image.names[host.architecture]
    return (
        f"hostOs: {host.host_os!r} is refused: this region has no image by {name!r} ({reason}); give one with imageId"
    )
