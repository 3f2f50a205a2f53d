"""The guards of networks, addresses and interfaces refuse what they are there for, in EC2's code and words.

Each case is one call on a stack in use; the last test takes the causes away, and the same calls pass: a guard
that always refused would fail there. Not proven: that EC2 itself words it so; codes and messages are from its
reference and from reports of users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from lab.clouds.aws.guards.table import GUARDS

Call = Callable[[Any], Any]

EVERYWHERE = "0.0.0.0/0"


def vpc_with_gateway(s: Any) -> str:
    vpc = s.ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    gateway = s.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    s.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return str(vpc)


def vpc_with_acl(s: Any) -> str:
    vpc = s.ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    s.ec2.create_network_acl(VpcId=vpc)
    return str(vpc)


CASES: dict[str, tuple[Call, str, str]] = {
    "vpc with a gateway": (
        lambda s: s.ec2.delete_vpc(VpcId=vpc_with_gateway(s)),
        "DependencyViolation",
        "… has dependencies and cannot be deleted.",
    ),
    "vpc with a network acl": (
        lambda s: s.ec2.delete_vpc(VpcId=vpc_with_acl(s)),
        "DependencyViolation",
        "… has dependencies and cannot be deleted.",
    ),
    "vpc with a security group": (
        lambda s: (s.ec2.delete_subnet(SubnetId=s.other_subnet), s.ec2.delete_vpc(VpcId=s.other_vpc)),
        "DependencyViolation",
        "The vpc '{s.other_vpc}' has dependencies and cannot be deleted.",
    ),
    "second CIDR that overlaps": (
        lambda s: s.ec2.associate_vpc_cidr_block(VpcId=s.vpc, CidrBlock="10.0.128.0/17"),
        "InvalidVpc.Range",
        "The CIDR '10.0.128.0/17' conflicts with an existing CIDR of the VPC.",
    ),
    "second CIDR of another private range": (
        lambda s: s.ec2.associate_vpc_cidr_block(VpcId=s.vpc, CidrBlock="192.168.0.0/16"),
        "InvalidVpc.Range",
        "The CIDR '192.168.0.0/16' is restricted. Use a CIDR from the same private address range as the "
        "current VPC CIDR, or use a publicly-routable CIDR.",
    ),
    "subnet in use": (
        lambda s: s.ec2.delete_subnet(SubnetId=s.subnet),
        "DependencyViolation",
        "The subnet '{s.subnet}' has dependencies and cannot be deleted.",
    ),
    "second route table for a subnet": (
        lambda s: s.ec2.associate_route_table(RouteTableId=s.main_route_table(), SubnetId=s.subnet),
        "Resource.AlreadyAssociated",
        "the specified association for route table {main} conflicts with an existing association",
    ),
    "route table of another vpc": (
        lambda s: s.ec2.associate_route_table(RouteTableId=s.route_table, SubnetId=s.other_subnet),
        "InvalidParameterValue",
        "route table {s.route_table} and subnet {s.other_subnet} belong to different networks",
    ),
    "ACL for an association that has gone": (
        lambda s: s.ec2.replace_network_acl_association(AssociationId="aclassoc-0123456789abcdef0", NetworkAclId=s.acl),
        "InvalidAssociationID.NotFound",
        "The association ID 'aclassoc-0123456789abcdef0' does not exist",
    ),
    "main route table": (
        lambda s: s.ec2.delete_route_table(RouteTableId=s.main_route_table()),
        "DependencyViolation",
        "The routeTable '{main}' has dependencies and cannot be deleted.",
    ),
    "route that is there": (
        lambda s: s.ec2.create_route(
            RouteTableId=s.route_table,
            DestinationCidrBlock="172.16.0.0/16",
            NetworkInterfaceId=s.interface,
        ),
        "RouteAlreadyExists",
        "The route identified by 172.16.0.0/16 already exists.",
    ),
    "route to a gateway elsewhere": (
        lambda s: s.ec2.create_route(
            RouteTableId=s.ec2.create_route_table(VpcId=s.other_vpc)["RouteTable"]["RouteTableId"],
            DestinationCidrBlock=EVERYWHERE,
            GatewayId=s.gateway,
        ),
        "InvalidParameterValue",
        "… and network gateway {s.gateway} belong to different networks",
    ),
    "route to an interface elsewhere": (
        lambda s: s.ec2.create_route(
            RouteTableId=s.ec2.create_route_table(VpcId=s.other_vpc)["RouteTable"]["RouteTableId"],
            DestinationCidrBlock="172.16.0.0/16",
            NetworkInterfaceId=s.interface,
        ),
        "InvalidParameterValue",
        "… and interface {s.interface} belong to different networks",
    ),
    "local route": (
        lambda s: s.ec2.delete_route(RouteTableId=s.route_table, DestinationCidrBlock="10.0.0.0/16"),
        "InvalidParameterValue",
        "cannot remove local route 10.0.0.0/16 in route table {s.route_table}",
    ),
    "address in a vpc without gateway": (
        lambda s: s.ec2.associate_address(
            AllocationId=s.ec2.allocate_address(Domain="vpc")["AllocationId"],
            NetworkInterfaceId=s.interface_at(SubnetId=s.other_subnet, Groups=[s.other_group]),
        ),
        "Gateway.NotAttached",
        "Network {s.other_vpc} is not attached to any internet gateway",
    ),
    "second gateway of a vpc": (
        lambda s: s.ec2.attach_internet_gateway(
            InternetGatewayId=s.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"], VpcId=s.vpc
        ),
        "InvalidParameterValue",
        "Network {s.vpc} already has an internet gateway attached",
    ),
    "second address for an interface": (
        lambda s: s.ec2.associate_address(
            AllocationId=s.ec2.allocate_address(Domain="vpc")["AllocationId"],
            NetworkInterfaceId=s.interface,
        ),
        "Resource.AlreadyAssociated",
        "resource {s.interface} is already associated with associate-id {s.association}",
    ),
    "address in use": (
        lambda s: s.ec2.release_address(AllocationId=s.address),
        "InvalidIPAddress.InUse",
        "Address {public} is in use.",
    ),
    "gateway with mapped addresses": (
        lambda s: s.ec2.detach_internet_gateway(InternetGatewayId=s.gateway, VpcId=s.vpc),
        "DependencyViolation",
        "Network {s.vpc} has some mapped public address(es). Please unmap those public address(es) before "
        "detaching the gateway.",
    ),
    "private address outside its subnet": (
        lambda s: s.interface_at("10.0.2.10"),
        "InvalidParameterValue",
        "Address does not fall within the subnet's address range",
    ),
    "private address that Amazon keeps": (
        lambda s: s.interface_at("10.0.1.3"),
        "InvalidParameterValue",
        "Address is in subnet's reserved address range",
    ),
    "broadcast address": (
        lambda s: s.interface_at("10.0.1.255"),
        "InvalidParameterValue",
        "Address is in subnet's reserved address range",
    ),
    "private address that is no address": (
        lambda s: s.interface_at("10.0.1"),
        "InvalidParameterValue",
        "invalid value for parameter address: 10.0.1",
    ),
    "private address in use": (
        lambda s: s.interface_at("10.0.1.10"),
        "InvalidIPAddress.InUse",
        "The specified address is already in use.",
    ),
    "unknown group on a new interface": (
        lambda s: s.interface_at(Groups=["sg-0123456789abcdef0"]),
        "InvalidGroup.NotFound",
        "The security group 'sg-0123456789abcdef0' does not exist",
    ),
    "unknown group on an interface": (
        lambda s: s.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=s.interface, Groups=["sg-0123456789abcdef0"]
        ),
        "InvalidGroup.NotFound",
        "The security group 'sg-0123456789abcdef0' does not exist",
    ),
    "group of another vpc": (
        lambda s: s.interface_at(Groups=[s.other_group]),
        "InvalidParameterValue",
        "Security group {s.other_group} and subnet {s.subnet} belong to different networks",
    ),
    "interface attached": (
        lambda s: s.ec2.delete_network_interface(NetworkInterfaceId=s.interface),
        "InvalidParameterValue",
        "Network interface '{s.interface}' is currently in use.",
    ),
    "second instance at an interface": (
        lambda s: s.launch(NetworkInterfaces=[{"NetworkInterfaceId": s.interface, "DeviceIndex": 0}]),
        "InvalidNetworkInterface.InUse",
        "Interface: [{s.interface}] in use.",
    ),
    "second attachment": (
        lambda s: s.ec2.attach_network_interface(NetworkInterfaceId=s.interface, InstanceId=s.instance, DeviceIndex=1),
        "InvalidNetworkInterface.InUse",
        "Interface: [{s.interface}] in use.",
    ),
    "first interface of an instance": (
        lambda s: s.ec2.detach_network_interface(
            AttachmentId=s.ec2.describe_network_interfaces(NetworkInterfaceIds=[s.interface])["NetworkInterfaces"][0][
                "Attachment"
            ]["AttachmentId"]
        ),
        "OperationNotPermitted",
        "The network interface at device index 0 cannot be detached.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(stack: Any, assert_refused: Callable[..., None], case: str) -> None:
    assert_refused(stack, *CASES[case])


def test_cidr_block_with_a_subnet_stays(stack: Any) -> None:
    added = stack.ec2.associate_vpc_cidr_block(VpcId=stack.vpc, CidrBlock="10.1.0.0/16")
    association = added["CidrBlockAssociation"]["AssociationId"]
    subnet = stack.ec2.create_subnet(VpcId=stack.vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(ClientError) as refusal:
        stack.ec2.disassociate_vpc_cidr_block(AssociationId=association)
    assert refusal.value.response["Error"] == {
        "Code": "InvalidCidrBlock.InUse",
        "Message": f"The vpc {stack.vpc} CIDR block 10.1.0.0/16 is in use by subnet {subnet} and cannot be "
        "disassociated.",
    }
    stack.ec2.delete_subnet(SubnetId=subnet)
    stack.ec2.disassociate_vpc_cidr_block(AssociationId=association)
    [vpc] = stack.ec2.describe_vpcs(VpcIds=[stack.vpc])["Vpcs"]
    assert [one["CidrBlock"] for one in vpc["CidrBlockAssociationSet"]] == ["10.0.0.0/16"]


def test_subnet_without_a_free_address(stack: Any) -> None:
    made = stack.ec2.create_subnet(VpcId=stack.vpc, CidrBlock="10.0.9.0/28")
    subnet = made["Subnet"]["SubnetId"]
    for _ in range(11):
        stack.interface_at(SubnetId=subnet)
    with pytest.raises(ClientError) as refusal:
        stack.interface_at(SubnetId=subnet)
    assert refusal.value.response["Error"] == {
        "Code": "InsufficientFreeAddressesInSubnet",
        "Message": f"The specified subnet '{subnet}' does not have enough free addresses to satisfy the request.",
    }


def test_each_operation_passes_once_nothing_is_in_the_way(stack: Any) -> None:
    ec2 = stack.ec2
    ec2.terminate_instances(InstanceIds=[stack.instance])
    ec2.delete_route(RouteTableId=stack.route_table, DestinationCidrBlock="172.16.0.0/16")
    ec2.disassociate_address(AssociationId=stack.association)
    ec2.release_address(AllocationId=stack.address)
    ec2.delete_network_interface(NetworkInterfaceId=stack.interface)
    ec2.delete_security_group(GroupId=stack.group)
    ec2.replace_network_acl_association(AssociationId=stack.acl_association(stack.subnet), NetworkAclId=stack.acl)
    # The subnet takes its associations with it, so that table and ACL can go after it.
    ec2.delete_subnet(SubnetId=stack.subnet)
    ec2.delete_network_acl(NetworkAclId=stack.acl)
    ec2.delete_route_table(RouteTableId=stack.route_table)
    ec2.detach_internet_gateway(InternetGatewayId=stack.gateway, VpcId=stack.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=stack.gateway)
    ec2.delete_vpc(VpcId=stack.vpc)
    assert stack.vpc not in [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]


def test_every_guarded_operation_exists() -> None:
    """A misspelt key would be a guard that never runs."""
    operations = set(get_session().get_service_model("ec2").operation_names)
    assert set(GUARDS) - operations == set()
