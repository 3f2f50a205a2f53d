"""The guards of security groups, network ACLs and instances refuse what they are there for.

Each case is one call on a stack in use; what passes is shown beside it or by the tests of instances. Not
proven: that EC2 itself words it so; codes and messages are from its reference and from reports of users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.clouds.aws.server import AwsCloud

Call = Callable[[Any], Any]

ALLOWED = "are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"


def permission(**given: Any) -> dict[str, Any]:
    source = {"CidrIp": "198.51.100.1/32", **{k: given.pop(k) for k in ("Description",) if k in given}}
    return {"IpProtocol": "udp", "FromPort": 500, "ToPort": 500, "IpRanges": [source], **given}


def entry(number: int) -> dict[str, Any]:
    return {
        "RuleNumber": number,
        "Egress": False,
        "Protocol": "-1",
        "RuleAction": "allow",
        "CidrBlock": "0.0.0.0/0",
    }


def add_rule_naming_group(s: Any) -> None:
    client = s.ec2.create_security_group(GroupName="client", Description="a client", VpcId=s.vpc)["GroupId"]
    named = permission(IpRanges=[], UserIdGroupPairs=[{"GroupId": client}])
    s.ec2.authorize_security_group_ingress(GroupId=s.group, IpPermissions=[named])
    s.ec2.delete_security_group(GroupId=client)


CASES: dict[str, tuple[Call, str, str]] = {
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
        lambda s: s.launch(
            NetworkInterfaces=[
                {"DeviceIndex": 0, "SubnetId": s.subnet, "Groups": ["sg-0123456789abcdef0"]},
            ],
        ),
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


@pytest.mark.parametrize("case", CASES)
def test_refused(stack: Any, assert_refused: Callable[..., None], case: str) -> None:
    assert_refused(stack, *CASES[case])


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


def test_user_data_at_the_limit_passes(stack: Any) -> None:
    assert stack.launch(SubnetId=stack.subnet, UserData=bytes(16384)).startswith("i-")
