"""AWS networks: VPC, further CIDRs, internet gateway, subnet."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from lab.clouds.plugins.aws_checks import all_of, cidr, conflicting, one_of
from lab.clouds.plugins.aws_client import (
    arn,
    client,
    explain,
    filters,
    given,
    read_tags,
    remove,
    retag,
    tag_specification,
    unless,
    until,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, InitFailedError, Resource
from lab.clouds.plugins.values import Values


def _create_vpc(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    made = ec2.create_vpc(
        **given(
            CidrBlock=inputs["cidrBlock"],
            InstanceTenancy=inputs.get("instanceTenancy"),
            TagSpecifications=tag_specification("vpc", inputs.get("tags")),
        )
    )["Vpc"]
    identifier: str = made["VpcId"]
    until(call, identifier, lambda: ec2.describe_vpcs(VpcIds=[identifier])["Vpcs"][0]["State"], "available")
    _set_vpc_dns(ec2, identifier, {"enableDnsSupport": True, "enableDnsHostnames": False}, inputs)
    return identifier, _read_vpc(call, identifier, inputs) or {}


def _set_vpc_dns(ec2: Any, identifier: str, old: Values, new: Values) -> None:
    # Support first: host names cannot be switched on without it.
    for key, name, default in (
        ("enableDnsSupport", "EnableDnsSupport", True),
        ("enableDnsHostnames", "EnableDnsHostnames", False),
    ):
        wanted = new.get(key, default)
        if wanted != old.get(key, default):
            ec2.modify_vpc_attribute(VpcId=identifier, **{name: {"Value": wanted}})


def _read_vpc(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = unless(["InvalidVpcID.NotFound"], lambda: ec2.describe_vpcs(VpcIds=[identifier]))
    if found is None:
        return None
    [vpc] = found["Vpcs"]

    def attribute(name: str, field: str) -> bool:
        value: bool = ec2.describe_vpc_attribute(VpcId=identifier, Attribute=name)[field]["Value"]
        return value

    [acl] = ec2.describe_network_acls(Filters=filters(vpc_id=identifier, default="true"))["NetworkAcls"]
    main = filters(vpc_id=identifier, association__main="true")
    [table] = ec2.describe_route_tables(Filters=main)["RouteTables"]
    [group] = ec2.describe_security_groups(Filters=filters(vpc_id=identifier, group_name="default"))["SecurityGroups"]
    return {
        "arn": arn(call, "ec2", f"vpc/{identifier}", state),
        "cidrBlock": vpc["CidrBlock"],
        "defaultNetworkAclId": acl["NetworkAclId"],
        "defaultRouteTableId": table["RouteTableId"],
        "mainRouteTableId": table["RouteTableId"],
        "defaultSecurityGroupId": group["GroupId"],
        "dhcpOptionsId": vpc["DhcpOptionsId"],
        "enableDnsSupport": attribute("enableDnsSupport", "EnableDnsSupport"),
        "enableDnsHostnames": attribute("enableDnsHostnames", "EnableDnsHostnames"),
        "instanceTenancy": vpc["InstanceTenancy"],
        "ownerId": vpc["OwnerId"],
        "region": ec2.meta.region_name,
        **read_tags(call, vpc.get("Tags")),
    }


def _update_vpc(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ec2 = client(call, "ec2", inputs)
    _set_vpc_dns(ec2, identifier, state, inputs)
    retag(ec2, identifier, state, inputs)
    return _read_vpc(call, identifier, inputs) or {}


def _delete_vpc(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    remove(call, "InvalidVpcID.NotFound", lambda: ec2.delete_vpc(VpcId=identifier))


def _create_cidr_association(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    made = ec2.associate_vpc_cidr_block(VpcId=inputs["vpcId"], CidrBlock=inputs["cidrBlock"])
    identifier: str = made["CidrBlockAssociation"]["AssociationId"]

    def state() -> str:
        association = _cidr_association(ec2, identifier)
        return association["CidrBlockState"]["State"] if association else "absent"

    until(call, identifier, state, "associated")
    return identifier, _read_cidr_association(call, identifier, inputs) or {}


def _cidr_association(ec2: Any, identifier: str) -> Any:
    vpcs = ec2.describe_vpcs(Filters=filters(cidr_block_association__association_id=identifier))["Vpcs"]
    for vpc in vpcs:
        for association in vpc["CidrBlockAssociationSet"]:
            if association["AssociationId"] == identifier and association["CidrBlockState"]["State"] != "disassociated":
                return association | {"VpcId": vpc["VpcId"]}
    return None


def _read_cidr_association(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = _cidr_association(ec2, identifier)
    if found is None:
        return None
    return {"cidrBlock": found["CidrBlock"], "vpcId": found["VpcId"], "region": ec2.meta.region_name}


def _delete_cidr_association(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    if _cidr_association(ec2, identifier) is not None:
        remove(
            call,
            "InvalidVpcCidrBlockAssociationID.NotFound",
            lambda: ec2.disassociate_vpc_cidr_block(AssociationId=identifier),
        )


def _create_gateway(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    made = ec2.create_internet_gateway(
        **given(TagSpecifications=tag_specification("internet-gateway", inputs.get("tags")))
    )
    identifier: str = made["InternetGateway"]["InternetGatewayId"]
    if "vpcId" in inputs:
        try:
            ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=inputs["vpcId"])
        except ClientError as refused:
            # The real provider has noted its id by then: the state keeps it, and the next `up` attaches it.
            reason = explain(refused) or str(refused)
            raise InitFailedError(identifier, _read_gateway(call, identifier, inputs) or {}, reason) from refused
    return identifier, _read_gateway(call, identifier, inputs) or {}


def _read_gateway(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = unless(
        ["InvalidInternetGatewayID.NotFound"],
        lambda: ec2.describe_internet_gateways(InternetGatewayIds=[identifier]),
    )
    if found is None:
        return None
    [gateway] = found["InternetGateways"]
    attached = [attachment["VpcId"] for attachment in gateway["Attachments"]]
    return {
        "arn": arn(call, "ec2", f"internet-gateway/{identifier}", state),
        "ownerId": gateway["OwnerId"],
        "vpcId": attached[0] if attached else None,
        "region": ec2.meta.region_name,
        **read_tags(call, gateway.get("Tags")),
    }


def _update_gateway(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ec2 = client(call, "ec2", inputs)
    if state.get("vpcId") != inputs.get("vpcId"):
        _detach_gateway(call, ec2, identifier, state)
        if "vpcId" in inputs:
            ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=inputs["vpcId"])
    retag(ec2, identifier, state, inputs)
    return _read_gateway(call, identifier, inputs) or {}


def _detach_gateway(call: Call, ec2: Any, identifier: str, state: Values) -> None:
    if state.get("vpcId") is None:
        return
    remove(
        call,
        "Gateway.NotAttached",
        lambda: ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=state["vpcId"]),
    )


def _delete_gateway(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    gone = "InvalidInternetGatewayID.NotFound"
    unless([gone], lambda: _detach_gateway(call, ec2, identifier, state))
    remove(call, gone, lambda: ec2.delete_internet_gateway(InternetGatewayId=identifier))


def _create_subnet(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    made = ec2.create_subnet(
        **given(
            VpcId=inputs["vpcId"],
            CidrBlock=inputs.get("cidrBlock"),
            AvailabilityZone=inputs.get("availabilityZone"),
            AvailabilityZoneId=inputs.get("availabilityZoneId"),
            TagSpecifications=tag_specification("subnet", inputs.get("tags")),
        )
    )["Subnet"]
    identifier: str = made["SubnetId"]
    until(
        call,
        identifier,
        lambda: ec2.describe_subnets(SubnetIds=[identifier])["Subnets"][0]["State"],
        "available",
    )
    _set_public_addresses(ec2, identifier, {}, inputs)
    return identifier, _read_subnet(call, identifier, inputs) or {}


def _set_public_addresses(ec2: Any, identifier: str, old: Values, new: Values) -> None:
    wanted = new.get("mapPublicIpOnLaunch", False)
    if wanted != old.get("mapPublicIpOnLaunch", False):
        ec2.modify_subnet_attribute(SubnetId=identifier, MapPublicIpOnLaunch={"Value": wanted})


def _read_subnet(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = unless(["InvalidSubnetID.NotFound"], lambda: ec2.describe_subnets(SubnetIds=[identifier]))
    if found is None:
        return None
    [subnet] = found["Subnets"]
    return {
        "arn": subnet["SubnetArn"],
        "availabilityZone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet["AvailabilityZoneId"],
        "cidrBlock": subnet["CidrBlock"],
        "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
        "ownerId": subnet["OwnerId"],
        "vpcId": subnet["VpcId"],
        "region": ec2.meta.region_name,
        **read_tags(call, subnet.get("Tags")),
    }


def _update_subnet(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ec2 = client(call, "ec2", inputs)
    _set_public_addresses(ec2, identifier, state, inputs)
    retag(ec2, identifier, state, inputs)
    return _read_subnet(call, identifier, inputs) or {}


def _delete_subnet(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    remove(call, "InvalidSubnetID.NotFound", lambda: ec2.delete_subnet(SubnetId=identifier))


RESOURCES = {
    "aws:ec2/vpc:Vpc": Resource(
        inputs=frozenset({"cidrBlock", "enableDnsHostnames", "enableDnsSupport", "instanceTenancy", "region", "tags"}),
        required=frozenset({"cidrBlock"}),
        force_new=frozenset({"cidrBlock", "region"}),
        computed=frozenset(
            {
                "arn",
                "defaultNetworkAclId",
                "defaultRouteTableId",
                "defaultSecurityGroupId",
                "dhcpOptionsId",
                "mainRouteTableId",
                "ownerId",
                "tagsAll",
            }
        ),
        defaults=with_default_tags,
        check=all_of(cidr("cidrBlock", 16, 28), one_of("instanceTenancy", ("default", "dedicated"))),
        create=_create_vpc,
        read=_read_vpc,
        update=_update_vpc,
        delete=_delete_vpc,
    ),
    "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation": Resource(
        inputs=frozenset({"vpcId", "cidrBlock", "region"}),
        required=frozenset({"vpcId", "cidrBlock"}),
        check=all_of(cidr("cidrBlock", 16, 28)),
        create=_create_cidr_association,
        read=_read_cidr_association,
        delete=_delete_cidr_association,
    ),
    "aws:ec2/internetGateway:InternetGateway": Resource(
        inputs=frozenset({"vpcId", "region", "tags"}),
        force_new=frozenset({"region"}),
        computed=frozenset({"arn", "ownerId", "tagsAll"}),
        defaults=with_default_tags,
        create=_create_gateway,
        read=_read_gateway,
        update=_update_gateway,
        delete=_delete_gateway,
    ),
    "aws:ec2/subnet:Subnet": Resource(
        inputs=frozenset(
            {
                "vpcId",
                "cidrBlock",
                "availabilityZone",
                "availabilityZoneId",
                "mapPublicIpOnLaunch",
                "region",
                "tags",
            }
        ),
        required=frozenset({"vpcId"}),
        force_new=frozenset({"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "region"}),
        computed=frozenset({"arn", "availabilityZone", "availabilityZoneId", "ownerId", "tagsAll"}),
        defaults=with_default_tags,
        check=all_of(cidr("cidrBlock", 16, 28), conflicting("availabilityZone", "availabilityZoneId")),
        create=_create_subnet,
        read=_read_subnet,
        update=_update_subnet,
        delete=_delete_subnet,
    ),
}
