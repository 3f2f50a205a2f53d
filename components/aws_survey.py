"""What the AWS account offers and what a given VPC looks like now, read before any network is registered."""

from __future__ import annotations

from ipaddress import IPv4Network

import pulumi_aws as aws
from pulumi import InvokeOptions

from components.aws_findings import AwsSurvey, GivenSubnet, GivenVpc, Route, no_image, wrong_architecture
from components.host_os import ImageParameter
from components.labels import Tags
from components.settings import AwsSettings, HostSettings


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


def _newest_image(host: HostSettings, opts: InvokeOptions) -> str:
    if host.image_id:
        image = _image(host, opts)
        if fault := wrong_architecture(image.architecture, host):
            raise LookupError(fault)
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
        raise LookupError(no_image(host, _first_line(missing))) from missing


def _image(host: HostSettings, opts: InvokeOptions) -> aws.ec2.AwaitableGetAmiResult:
    try:
        return aws.ec2.get_ami(
            filters=[{"name": "image-id", "values": [str(host.image_id)]}],
            include_deprecated=True,
            allow_unsafe_filter=True,
            opts=opts,
        )
    except Exception as missing:
        raise LookupError(no_image(host, _first_line(missing))) from missing


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
