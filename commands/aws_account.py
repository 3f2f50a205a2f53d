"""The AWS account as the program's survey sees it, asked by boto3: nothing but Describe… and Get…."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from commands.aws_view import AbsentError, ec2_call
from components.aws_findings import GivenSubnet, GivenVpc, Route, no_image, wrong_architecture
from components.host_os import ImageParameter
from components.labels import Tags
from components.settings import AwsSettings, HostSettings


def offered_zones(ec2: Any, host: HostSettings) -> tuple[str, ...]:
    """Zones of the region that offer the instance type, sorted."""
    found = _every(
        ec2,
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=_filters({"instance-type": host.instance_type}),
    )
    return tuple(sorted(offer["Location"] for offer in found))


def newest_image(ec2: Any, ssm: Any, host: HostSettings) -> str:
    """The image that a new host would be made of. Raises LookupError where the region has none."""
    image_id = host.image_id or _published(ec2, ssm, host)
    # The parameter of an image that has been withdrawn still names it.
    found = _every(ec2, "describe_images", "Images", Filters=_filters({"image-id": image_id}), IncludeDeprecated=True)
    if not found:
        raise LookupError(no_image(host, f"{image_id} is not there"))
    if host.image_id and (fault := wrong_architecture(found[0]["Architecture"], host)):
        raise LookupError(fault)
    return image_id


def _published(ec2: Any, ssm: Any, host: HostSettings) -> str:
    source = host.os.image
    name = source.names[host.architecture]
    if isinstance(source, ImageParameter):
        try:
            parameter = ec2_call(f"read the parameter {name}", ssm.get_parameter, Name=name)
        except AbsentError as absent:
            raise LookupError(no_image(host, str(absent))) from None
        return str(parameter["Parameter"]["Value"])
    wanted = {"name": name, "architecture": host.architecture, "state": "available"}
    found = _every(ec2, "describe_images", "Images", Owners=[source.owner], Filters=_filters(wanted))
    if not found:
        raise LookupError(no_image(host, f"none of owner {source.owner}"))
    return str(max(found, key=lambda image: str(image["CreationDate"]))["ImageId"])


def given_vpc(ec2: Any, vpc_id: str, settings: AwsSettings, tags: Tags) -> GivenVpc:
    """The given VPC as it is now. Raises LookupError that names the key of what is not there."""
    found = _every(ec2, "describe_vpcs", "Vpcs", Filters=_filters({"vpc-id": vpc_id}))
    if not found:
        raise LookupError(f"vpcId: {vpc_id!r} is refused: the region has no such VPC")
    own = _every(
        ec2,
        "describe_network_interfaces",
        "NetworkInterfaces",
        Filters=_filters({"vpc-id": vpc_id, "tag:project": tags.project, "tag:stack": tags.stack}),
    )
    gateways = _every(
        ec2, "describe_internet_gateways", "InternetGateways", Filters=_filters({"attachment.vpc-id": vpc_id})
    )
    tables = {
        table["RouteTableId"]: table
        for table in _every(ec2, "describe_route_tables", "RouteTables", Filters=_filters({"vpc-id": vpc_id}))
    }
    for table in settings.route_table_ids:
        if table not in tables:
            raise LookupError(f"routeTableIds: {table!r} is refused: {vpc_id} has no such route table")
    subnet = settings.host_subnet_id
    return GivenVpc(
        id=vpc_id,
        cidrs=tuple(IPv4Network(each["CidrBlock"]) for each in found[0]["CidrBlockAssociationSet"]),
        internet_gateway_id=gateways[0]["InternetGatewayId"] if gateways else None,
        host_subnet=None if subnet is None else _subnet(ec2, subnet, list(tables.values())),
        route_tables={table: _routes(tables[table]) for table in settings.route_table_ids},
        own_interfaces=frozenset(each["NetworkInterfaceId"] for each in own),
    )


def _subnet(ec2: Any, subnet_id: str, tables: Sequence[Mapping[str, Any]]) -> GivenSubnet:
    found = _every(ec2, "describe_subnets", "Subnets", Filters=_filters({"subnet-id": subnet_id}))
    if not found:
        raise LookupError(f"hostSubnetId: {subnet_id!r} is refused: the region has no such subnet")
    under = _every(ec2, "describe_network_acls", "NetworkAcls", Filters=_filters({"association.subnet-id": subnet_id}))
    return GivenSubnet(
        id=subnet_id,
        vpc_id=found[0]["VpcId"],
        cidr=IPv4Network(found[0]["CidrBlock"]),
        zone=found[0]["AvailabilityZone"],
        routes=_routes(table_of(subnet_id, tables)),
        network_acl_id=under[0]["NetworkAclId"],
    )


def table_of(subnet_id: str, tables: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The route table that a subnet uses: its own, or its VPC's main one. Empty where neither is among them."""
    for key, value in (("SubnetId", subnet_id), ("Main", True)):
        for table in tables:
            if any(association.get(key) == value for association in table.get("Associations", [])):
                return table
    return {}


def _routes(table: Mapping[str, Any]) -> tuple[Route, ...]:
    return tuple(
        Route(
            destination=route.get("DestinationCidrBlock", ""),
            gateway=route.get("GatewayId"),
            interface=route.get("NetworkInterfaceId"),
        )
        for route in table.get("Routes", [])
    )


def elastic_addresses(ec2: Any) -> list[dict[str, Any]]:
    """All elastic addresses of the region."""
    answer = ec2_call("list the elastic addresses", ec2.describe_addresses)
    addresses: list[dict[str, Any]] = answer["Addresses"]
    return addresses


def vpcs(ec2: Any) -> list[dict[str, Any]]:
    """All VPCs of the region."""
    return _every(ec2, "describe_vpcs", "Vpcs")


def quota(client: Any, service: str, code: str) -> int:
    """A quota's value in this account and region."""
    answer = ec2_call(f"read the quota {code}", client.get_service_quota, ServiceCode=service, QuotaCode=code)
    return int(answer["Quota"]["Value"])


def is_own(resource: Mapping[str, Any], tags: Tags) -> bool:
    """Whether this stack made it, as its tags say."""
    found = {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
    return found.get("project") == tags.project and found.get("stack") == tags.stack


def _every(client: Any, operation: str, listed: str, **arguments: Any) -> list[dict[str, Any]]:
    """All items of a Describe… operation, over all its pages."""
    pages = client.get_paginator(operation).paginate(**arguments)
    answer = ec2_call(operation.replace("_", " "), pages.build_full_result)
    items: list[dict[str, Any]] = answer.get(listed, [])
    return items


def _filters(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]} for name, value in values.items()]
