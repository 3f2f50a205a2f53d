"""What the AWS account offers, read before any network is registered, and why a given network could not work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi_aws as aws
from pulumi import InvokeOptions

from components import addresses
from components.host_os import ImageParameter
from components.labels import Tags
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


def survey(aws_settings: AwsSettings, host: HostSettings, tags: Tags, provider: aws.Provider) -> AwsSurvey:
    """Reads only. Raises LookupError that names the key where something is not there."""
    opts = InvokeOptions(provider=provider)
    offers = aws.ec2.get_instance_type_offerings(
        location_type="availability-zone",
        filters=[{"name": "instance-type", "values": [host.instance_type]}],
        opts=opts,
    )
    return AwsSurvey(
        zones=tuple(sorted(offers.locations)),
        newest_image=_newest_image(host, opts),
        vpc=None if aws_settings.vpc_id is None else _given_vpc(aws_settings, aws_settings.vpc_id, tags, opts),
    )


def survey_faults(
    found: AwsSurvey, settings: AwsSettings, host: HostSettings, vcn_cidrs: Sequence[IPv4Network]
) -> Iterator[str]:
    """Why the network cannot work as it is, a line a fault with key, value and rule."""
    if not found.zones:
        yield f"instanceType: {host.instance_type!r} is refused: no zone of the region offers it"
    elif settings.availability_zone and settings.availability_zone not in found.zones:
        yield (
            f"availabilityZone: {settings.availability_zone!r} is refused: {host.instance_type} is offered in "
            f"{', '.join(found.zones)}"
        )
    if found.vpc is not None:
        yield from _vpc_faults(found.vpc, found.zones, settings, host, vcn_cidrs)


def _vpc_faults(
    vpc: GivenVpc,
    zones: Sequence[str],
    settings: AwsSettings,
    host: HostSettings,
    vcn_cidrs: Sequence[IPv4Network],
) -> Iterator[str]:
    created = [("hostSubnetCidr", settings.host_subnet_cidr)] if settings.host_subnet_cidr else []
    for key, cidr in [*created, *(("clientSubnetCidrs", cidr) for cidr in settings.client_subnet_cidrs)]:
        if not addresses.is_within(cidr, vpc.cidrs):
            yield f"{key}: {cidr} is refused: it lies in none of the CIDRs of {vpc.id}"
    subnet = vpc.host_subnet
    if subnet is None:
        if vpc.internet_gateway_id is None:
            yield f"vpcId: {vpc.id!r} is refused: no internet gateway is attached to it, and the host needs one"
    else:
        if subnet.vpc_id != vpc.id:
            yield f"hostSubnetId: {subnet.id!r} is refused: it belongs to {subnet.vpc_id}, not to {vpc.id}"
        if not any(r.destination == "0.0.0.0/0" and (r.gateway or "").startswith("igw-") for r in subnet.routes):
            yield (
                f"hostSubnetId: {subnet.id!r} is refused: its route table has no route 0.0.0.0/0 to an internet "
                "gateway, which the tunnels and the packages need"
            )
        if settings.network_acl_id not in (None, subnet.network_acl_id):
            yield (
                f"networkAclId: {settings.network_acl_id!r} is refused: {subnet.id} is under {subnet.network_acl_id}, "
                "so rules of another ACL would let nothing in"
            )
        if zones and subnet.zone not in zones:
            yield (
                f"hostSubnetId: {subnet.id!r} is refused: it is in {subnet.zone}, which does not offer "
                f"{host.instance_type}; {', '.join(zones)} do"
            )
    for table, routes in vpc.route_tables.items():
        for route in routes:
            if route.interface not in vpc.own_interfaces and route.destination in map(str, vcn_cidrs):
                yield (
                    f"routeTableIds: {table!r} is refused: it has a route to {route.destination} already, "
                    "and not by this stack"
                )


def _newest_image(host: HostSettings, opts: InvokeOptions) -> str:
    if host.image_id:
        image = _image(host.image_id, opts)
        if image.architecture != host.architecture:
            raise LookupError(
                f"imageId: {host.image_id!r} is refused: it is for {image.architecture}, and "
                f"{host.instance_type} is {host.architecture}"
            )
        return host.image_id
    source = host.os.image
    name = source.names[host.architecture]
    try:
        if isinstance(source, ImageParameter):
            return aws.ssm.get_parameter(name=name, opts=opts).insecure_value
        return aws.ec2.get_ami(
            most_recent=True,
            owners=[source.owner],
            filters=[
                {"name": "name", "values": [name]},
                {"name": "architecture", "values": [host.architecture]},
                {"name": "state", "values": ["available"]},
            ],
            opts=opts,
        ).id
    except Exception as missing:
        raise LookupError(
            f"hostOs: {host.host_os!r} is refused: this region has no image by {name!r} "
            f"({_first_line(missing)}); give one with imageId"
        ) from missing


def _image(image_id: str, opts: InvokeOptions) -> aws.ec2.AwaitableGetAmiResult:
    try:
        return aws.ec2.get_ami(
            filters=[{"name": "image-id", "values": [image_id]}],
            include_deprecated=True,
            allow_unsafe_filter=True,
            opts=opts,
        )
    except Exception as missing:
        raise LookupError(
            f"imageId: {image_id!r} is refused: the region has no such image ({_first_line(missing)})"
        ) from missing


def _given_vpc(settings: AwsSettings, vpc_id: str, tags: Tags, opts: InvokeOptions) -> GivenVpc:
    try:
        vpc = aws.ec2.get_vpc(id=vpc_id, opts=opts)
    except Exception as missing:
        raise LookupError(f"vpcId: {vpc_id!r} is refused: {_first_line(missing)}") from missing
    own = aws.ec2.get_network_interfaces(
        filters=[
            {"name": "vpc-id", "values": [vpc_id]},
            {"name": "tag:project", "values": [tags.project]},
            {"name": "tag:stack", "values": [tags.stack]},
        ],
        opts=opts,
    )
    return GivenVpc(
        id=vpc_id,
        cidrs=tuple(IPv4Network(association.cidr_block) for association in vpc.cidr_block_associations),
        internet_gateway_id=None if settings.host_subnet_id else _internet_gateway(vpc_id, opts),
        host_subnet=None if settings.host_subnet_id is None else _subnet(settings.host_subnet_id, opts),
        route_tables={table: _routes_of_table(table, vpc_id, opts) for table in settings.route_table_ids},
        own_interfaces=frozenset(own.ids),
    )


def _internet_gateway(vpc_id: str, opts: InvokeOptions) -> str | None:
    try:
        found = aws.ec2.get_internet_gateway(filters=[{"name": "attachment.vpc-id", "values": [vpc_id]}], opts=opts)
    except Exception:
        # The look-up has no other way to say that there is none.
        return None
    return found.internet_gateway_id


def _subnet(subnet_id: str, opts: InvokeOptions) -> GivenSubnet:
    try:
        subnet = aws.ec2.get_subnet(id=subnet_id, opts=opts)
    except Exception as missing:
        raise LookupError(f"hostSubnetId: {subnet_id!r} is refused: {_first_line(missing)}") from missing
    under: list[aws.ec2.GetNetworkAclsFilterArgsDict] = [{"name": "association.subnet-id", "values": [subnet_id]}]
    [network_acl_id] = aws.ec2.get_network_acls(filters=under, opts=opts).ids
    return GivenSubnet(
        id=subnet_id,
        vpc_id=subnet.vpc_id,
        cidr=IPv4Network(subnet.cidr_block),
        zone=subnet.availability_zone,
        routes=_routes_of_subnet(subnet_id, subnet.vpc_id, opts),
        network_acl_id=network_acl_id,
    )


def _routes_of_subnet(subnet_id: str, vpc_id: str, opts: InvokeOptions) -> tuple[Route, ...]:
    try:
        return _routes(aws.ec2.get_route_table(subnet_id=subnet_id, opts=opts))
    except Exception:
        # A subnet without a table of its own uses the main one, which only a filter finds.
        main: list[aws.ec2.GetRouteTableFilterArgsDict] = [
            {"name": "vpc-id", "values": [vpc_id]},
            {"name": "association.main", "values": ["true"]},
        ]
        return _routes(aws.ec2.get_route_table(filters=main, opts=opts))


def _routes_of_table(table: str, vpc_id: str, opts: InvokeOptions) -> tuple[Route, ...]:
    try:
        return _routes(aws.ec2.get_route_table(route_table_id=table, vpc_id=vpc_id, opts=opts))
    except Exception as missing:
        raise LookupError(
            f"routeTableIds: {table!r} is refused: {vpc_id} has no such route table ({_first_line(missing)})"
        ) from missing


def _routes(table: aws.ec2.AwaitableGetRouteTableResult) -> tuple[Route, ...]:
    return tuple(
        Route(
            destination=route.cidr_block,
            gateway=route.gateway_id or None,
            interface=route.network_interface_id or None,
        )
        for route in table.routes
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
