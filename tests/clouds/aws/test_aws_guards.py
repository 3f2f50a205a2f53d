"""Every guard in front of moto refuses what it is there for, in EC2's code and words.

Each case is one call on a stack in use; the last tests take the causes away, and the same calls pass: a guard
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
from lab.clouds.aws.server import AwsCloud

Call = Callable[[Any], Any]

ALLOWED = "are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
EVERYWHERE = "0.0.0.0/0"


def permission(**given: Any) -> dict[str, Any]:
    source = {"CidrIp": "198.51.100.1/32", **{k: given.pop(k) for k in ("Description",) if k in given}}
    return {"IpProtocol": "udp", "FromPort": 500, "ToPort": 500, "IpRanges": [source], **given}


def entry(number: int) -> dict[str, Any]:
    return {
        "RuleNumber": number,
        "Egress": False,
        "Protocol": "-1",
        "RuleAction": "allow",
        "CidrBlock": EVERYWHERE,
    }


def add_rule_naming_group(s: Any) -> None:
    client = s.ec2.create_security_group(GroupName="client", Description="a client", VpcId=s.vpc)["GroupId"]
    named = permission(IpRanges=[], UserIdGroupPairs=[{"GroupId": client}])
    s.ec2.authorize_security_group_ingress(GroupId=s.group, IpPermissions=[named])
    s.ec2.delete_security_group(GroupId=client)


CASES: dict[str, tuple[Call, str, str]] = {
    "vpc in use": (
        lambda s: s.ec2.delete_vpc(VpcId=s.vpc),
        "DependencyViolation",
        "The vpc '{s.vpc}' has dependencies and cannot be deleted.",
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
    "group name like an id": (
        lambda s: s.ec2.create_security_group(GroupName="sg-host", Description="x", VpcId=s.vpc),
        "InvalidParameterValue",
        "Invalid value 'sg-host' for groupName. Group names may not be in the format sg-*.",
    ),
    "group name with a strange letter": (
        lambda s: s.ec2.create_security_group(GroupName="hôte", Description="x", VpcId=s.vpc),
        "InvalidParameterValue",
        f"Invalid security group name 'hôte'. Valid names {ALLOWED}".replace("{}", "{{}}"),
    ),
    "group description with a strange letter": (
        lambda s: s.ec2.create_security_group(GroupName="x", Description="Oracle’s", VpcId=s.vpc),
        "InvalidParameterValue",
        f"Invalid security group description. Valid descriptions {ALLOWED}".replace("{}", "{{}}"),
    ),
    "rule description with a strange letter": (
        lambda s: s.ec2.authorize_security_group_ingress(
            GroupId=s.group, IpPermissions=[permission(Description="Oracle's")]
        ),
        "InvalidParameterValue",
        f"Invalid rule description. Valid descriptions {ALLOWED}".replace("{}", "{{}}"),
    ),
    "port out of range": (
        lambda s: s.ec2.authorize_security_group_egress(GroupId=s.group, IpPermissions=[permission(ToPort=65536)]),
        "InvalidParameterValue",
        "TCP/UDP port (65536) out of range",
    ),
    "default group": (
        lambda s: s.ec2.delete_security_group(
            GroupId=s.ec2.describe_security_groups(
                Filters=[
                    {"Name": "vpc-id", "Values": [s.vpc]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            )["SecurityGroups"][0]["GroupId"]
        ),
        "CannotDelete",
        '… name: "default" cannot be deleted by a user',
    ),
    "group on an interface": (
        lambda s: s.ec2.delete_security_group(GroupId=s.group),
        "DependencyViolation",
        "resource {s.group} has a dependent object",
    ),
    "group in another one's rule": (add_rule_naming_group, "DependencyViolation", "… has a dependent object"),
    "default acl": (
        lambda s: s.ec2.delete_network_acl(NetworkAclId=s.default_acl()),
        "InvalidParameterValue",
        "cannot delete default network ACL {default_acl}",
    ),
    "acl in use": (
        lambda s: (
            s.ec2.replace_network_acl_association(AssociationId=s.acl_association(s.subnet), NetworkAclId=s.acl),
            s.ec2.delete_network_acl(NetworkAclId=s.acl),
        ),
        "DependencyViolation",
        "The networkAcl '{s.acl}' has dependencies and cannot be deleted.",
    ),
    "unknown acl": (
        lambda s: s.ec2.replace_network_acl_association(
            AssociationId=s.acl_association(s.subnet), NetworkAclId="acl-0123456789abcdef0"
        ),
        "InvalidNetworkAclID.NotFound",
        "The networkAcl ID 'acl-0123456789abcdef0' does not exist",
    ),
    "unknown acl association": (
        lambda s: s.ec2.replace_network_acl_association(AssociationId="aclassoc-0123456789abcdef0", NetworkAclId=s.acl),
        "InvalidAssociationID.NotFound",
        "The association ID 'aclassoc-0123456789abcdef0' does not exist",
    ),
    "acl of another vpc": (
        lambda s: s.ec2.replace_network_acl_association(
            AssociationId=s.acl_association(s.other_subnet), NetworkAclId=s.acl
        ),
        "InvalidParameterValue",
        "network ACL {s.acl} and subnet {s.other_subnet} belong to different networks",
    ),
    "acl rule number out of range": (
        lambda s: s.ec2.create_network_acl_entry(NetworkAclId=s.acl, **entry(32767)),
        "InvalidParameterValue",
        "The specified rule number must not be 32767",
    ),
    "unknown acl entry deleted": (
        lambda s: s.ec2.delete_network_acl_entry(NetworkAclId=s.acl, RuleNumber=100, Egress=True),
        "InvalidNetworkAclEntry.NotFound",
        "The specified network ACL entry does not exist.",
    ),
    "unknown acl entry replaced": (
        lambda s: s.ec2.replace_network_acl_entry(NetworkAclId=s.acl, **entry(100)),
        "InvalidNetworkAclEntry.NotFound",
        "The specified network ACL entry does not exist.",
    ),
    "unknown image": (
        lambda s: s.launch(ImageId="ami-0123456789abcdef0", SubnetId=s.subnet),
        "InvalidAMIID.NotFound",
        "The image id '[ami-0123456789abcdef0]' does not exist",
    ),
    "unknown image described": (
        lambda s: s.ec2.describe_images(ImageIds=["ami-0123456789abcdef0"]),
        "InvalidAMIID.NotFound",
        "The image id '[ami-0123456789abcdef0]' does not exist",
    ),
    "image that is no image": (
        lambda s: s.launch(ImageId="debian-13", SubnetId=s.subnet),
        "InvalidAMIID.Malformed",
        'Invalid id: "debian-13" (expecting "ami-...")',
    ),
    "unknown instance type": (
        lambda s: s.launch(InstanceType="t3.tiny", SubnetId=s.subnet),
        "InvalidParameterValue",
        "Invalid value 't3.tiny' for InstanceType.",
    ),
    "image of another architecture": (
        lambda s: s.launch(ImageId=s.arm_image, SubnetId=s.subnet),
        "InvalidParameterValue",
        "The architecture 'x86_64' of the specified instance type does not match the architecture 'arm64' of "
        "the specified AMI. Specify an instance type and an AMI that have matching architectures, and try "
        "again.",
    ),
    "interface and group on one launch": (
        lambda s: s.launch(
            SecurityGroupIds=[s.group],
            NetworkInterfaces=[{"NetworkInterfaceId": s.interface_at(), "DeviceIndex": 0}],
        ),
        "InvalidParameterCombination",
        "Network interfaces and an instance-level security groups may not be specified on the same request",
    ),
    "unknown group on a launch": (
        lambda s: s.launch(SubnetId=s.subnet, SecurityGroupIds=["sg-0123456789abcdef0"]),
        "InvalidGroup.NotFound",
        "The security group 'sg-0123456789abcdef0' does not exist",
    ),
    "private address of a launch outside its subnet": (
        lambda s: s.launch(SubnetId=s.subnet, PrivateIpAddress="10.0.2.10"),
        "InvalidParameterValue",
        "Address does not fall within the subnet's address range",
    ),
    "unknown instance profile": (
        lambda s: s.launch(SubnetId=s.subnet, IamInstanceProfile={"Name": "nobody"}),
        "InvalidParameterValue",
        "Value (nobody) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    ),
    "user data over the limit": (
        lambda s: s.launch(SubnetId=s.subnet, UserData=bytes(16385)),
        "InvalidParameterValue",
        "User data is limited to 16384 bytes",
    ),
    "user data over the limit, later": (
        lambda s: s.ec2.modify_instance_attribute(InstanceId=s.instance, UserData={"Value": bytes(16385)}),
        "InvalidParameterValue",
        "User data is limited to 16384 bytes",
    ),
    "instance protected from termination": (
        lambda s: s.ec2.terminate_instances(
            InstanceIds=[
                s.ec2.modify_instance_attribute(InstanceId=s.instance, DisableApiTermination={"Value": True})
                and s.instance
            ]
        ),
        "OperationNotPermitted",
        "The instance '{s.instance}' may not be terminated. Modify its 'disableApiTermination' instance "
        "attribute and try again.",
    ),
}


def public_address(stack: Any) -> str:
    return str(stack.ec2.describe_addresses(AllocationIds=[stack.address])["Addresses"][0]["PublicIp"])


@pytest.mark.parametrize("case", CASES)
def test_refused(stack: Any, case: str) -> None:
    call, code, message = CASES[case]
    expected = message.format(
        s=stack,
        main=stack.main_route_table(),
        default_acl=stack.default_acl(),
        public=public_address(stack),
    )
    with pytest.raises(ClientError) as refusal:
        call(stack)
    error = refusal.value.response["Error"]
    assert error["Code"] == code
    # A dotted message begins with an id that the call itself has just made.
    if expected.startswith("…"):
        assert error["Message"].endswith(expected[1:])
    else:
        assert error["Message"] == expected
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


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


def test_instance_type_withdrawn_from_a_zone(cloud: AwsCloud, stack: Any) -> None:
    cloud.withdraw("t3.nano", "eu-central-1b")
    offers = stack.ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.nano"]}]
    )["InstanceTypeOfferings"]
    assert sorted(offer["Location"] for offer in offers) == ["eu-central-1a", "eu-central-1c"]
    with pytest.raises(ClientError) as refusal:
        stack.launch(InstanceType="t3.nano", SubnetId=stack.subnet)
    assert refusal.value.response["Error"] == {
        "Code": "Unsupported",
        "Message": "Your requested instance type (t3.nano) is not supported in your requested Availability Zone "
        "(eu-central-1b). Please retry your request by not specifying an Availability Zone or choosing "
        "eu-central-1a, eu-central-1c.",
    }


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


def test_user_data_at_the_limit_passes(stack: Any) -> None:
    assert stack.launch(SubnetId=stack.subnet, UserData=bytes(16384)).startswith("i-")


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
