"""A running AWS stand-in, and a small stack in it: a VPC in use from its gateway to its instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.clouds.aws.server import AwsCloud, start_aws

REGION = "eu-central-1"
ZONE = "eu-central-1b"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Ids of what was made, with the client that made it."""

    ec2: Any
    image: str
    arm_image: str
    vpc: str
    other_vpc: str
    gateway: str
    subnet: str
    other_subnet: str
    route_table: str
    group: str
    other_group: str
    acl: str
    interface: str
    address: str
    association: str
    instance: str

    def launch(self, **given: Any) -> str:
        """The id of a new t3.small of the stack's image; anything else as given."""
        wanted = {"ImageId": self.image, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1, **given}
        return str(self.ec2.run_instances(**wanted)["Instances"][0]["InstanceId"])

    def interface_at(self, address: str | None = None, **given: Any) -> str:
        """The id of a new interface in the stack's subnet."""
        if address is not None:
            given["PrivateIpAddress"] = address
        made = self.ec2.create_network_interface(**{"SubnetId": self.subnet, "Groups": [self.group], **given})
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def main_route_table(self) -> str:
        filters = [
            {"Name": "vpc-id", "Values": [self.vpc]},
            {"Name": "association.main", "Values": ["true"]},
        ]
        return str(self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])

    def default_acl(self) -> str:
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "default", "Values": ["true"]}]
        return str(self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["NetworkAclId"])

    def acl_association(self, subnet: str) -> str:
        """The id of the association that ties a subnet to its network ACL."""
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        [acl] = self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
        [found] = [one for one in acl["Associations"] if one["SubnetId"] == subnet]
        return str(found["NetworkAclAssociationId"])


@pytest.fixture(scope="module")
def cloud() -> Iterator[AwsCloud]:
    running = start_aws()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ec2(cloud: AwsCloud) -> Any:
    return cloud.client("ec2", REGION)


@pytest.fixture(scope="module")
def images(cloud: AwsCloud) -> list[str]:
    """Ids of Debian 13's image for x86_64 and for arm64."""
    ssm = cloud.client("ssm", REGION)
    return [
        ssm.get_parameter(Name=f"/aws/service/debian/release/13/latest/{word}")["Parameter"]["Value"]
        for word in ("amd64", "arm64")
    ]


@pytest.fixture
def stack(cloud: AwsCloud, ec2: Any, images: list[str]) -> Stack:
    """Torn down by nobody: each test has VPCs of its own, and the account goes with the module."""
    cloud.detach_seconds = 0.0
    vpc, other_vpc = (ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"] for block in ("10.0.0.0/16", "10.9.0.0/16"))
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnet, other_subnet = (
        ec2.create_subnet(VpcId=network, CidrBlock=block, AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
        for network, block in ((vpc, "10.0.1.0/24"), (other_vpc, "10.9.1.0/24"))
    )
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    group, other_group = (
        ec2.create_security_group(GroupName="host", Description="the host", VpcId=network)["GroupId"]
        for network in (vpc, other_vpc)
    )
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    made = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.1.10", Groups=[group])
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="172.16.0.0/16", NetworkInterfaceId=interface)
    launched = ec2.run_instances(
        ImageId=images[0],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"NetworkInterfaceId": interface, "DeviceIndex": 0}],
    )
    return Stack(
        ec2=ec2,
        image=images[0],
        arm_image=images[1],
        vpc=vpc,
        other_vpc=other_vpc,
        gateway=gateway,
        subnet=subnet,
        other_subnet=other_subnet,
        route_table=table,
        group=group,
        other_group=other_group,
        acl=acl,
        interface=interface,
        address=address,
        association=association,
        instance=launched["Instances"][0]["InstanceId"],
    )


@pytest.fixture
def assert_refused() -> Callable[[Stack, Callable[[Stack], object], str, str], None]:
    """That a call on a stack ends in exactly this error; `{s.…}` in the message is the stack's."""

    def check(stack: Stack, call: Callable[[Stack], object], code: str, message: str) -> None:
        described = stack.ec2.describe_addresses(AllocationIds=[stack.address])["Addresses"]
        expected = message.format(
            s=stack,
            main=stack.main_route_table(),
            default_acl=stack.default_acl(),
            public=described[0]["PublicIp"],
        )
        with pytest.raises(ClientError) as refusal:
            call(stack)
        response = refusal.value.response
        assert response["Error"]["Code"] == code
        # A dotted message begins with an id that the call itself has just made.
        if expected.startswith("…"):
            assert response["Error"]["Message"].endswith(expected[1:])
        else:
            assert response["Error"]["Message"] == expected
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400

    return check
