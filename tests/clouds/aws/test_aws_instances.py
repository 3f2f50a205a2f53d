"""An instance on a lasting interface, as EC2 keeps it: the three descriptions agree through its whole life.

Also what moto does otherwise and the stand-in mends: disks, routes without a target, network ACLs, ICMP, ESP.
Does not prove that anything boots or that a packet passes.
"""

from __future__ import annotations

import gzip
import time
from base64 import b64decode
from ipaddress import IPv4Address
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.clouds.aws.behaviour import PUBLIC_BLOCK
from lab.clouds.aws.server import AwsCloud


def instance_of(stack: Any, instance: str) -> dict[str, Any]:
    return dict(stack.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0])


def interface_of(stack: Any, interface: str) -> dict[str, Any]:
    return dict(stack.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0])


def address_of(stack: Any) -> dict[str, Any]:
    return dict(stack.ec2.describe_addresses(AllocationIds=[stack.address])["Addresses"][0])


def routes_of(stack: Any) -> dict[str, tuple[str, str]]:
    [table] = stack.ec2.describe_route_tables(RouteTableIds=[stack.route_table])["RouteTables"]
    return {
        route["DestinationCidrBlock"]: (
            route.get("GatewayId") or route.get("NetworkInterfaceId"),
            route["State"],
        )
        for route in table["Routes"]
    }


def settled(stack: Any, interface: str) -> None:
    deadline = time.monotonic() + 20
    while interface_of(stack, interface)["Status"] != "available":
        assert time.monotonic() < deadline, "the interface was not detached"
        time.sleep(0.05)


def test_instance_interface_and_address_agree(stack: Any) -> None:
    instance = instance_of(stack, stack.instance)
    interface = interface_of(stack, stack.interface)
    address = address_of(stack)
    public = address["PublicIp"]

    assert {
        key: instance[key] for key in ("PrivateIpAddress", "PublicIpAddress", "SubnetId", "VpcId", "SecurityGroups")
    } == {
        "PrivateIpAddress": "10.0.1.10",
        "PublicIpAddress": public,
        "SubnetId": stack.subnet,
        "VpcId": stack.vpc,
        "SecurityGroups": [{"GroupId": stack.group, "GroupName": "host"}],
    }
    assert instance["Placement"]["AvailabilityZone"] == interface["AvailabilityZone"] == "eu-central-1b"
    [own] = instance["NetworkInterfaces"]
    for key in (
        "NetworkInterfaceId",
        "PrivateIpAddress",
        "Groups",
        "MacAddress",
        "Status",
        "SourceDestCheck",
    ):
        assert own[key] == interface[key]
    assert own["Association"]["PublicIp"] == interface["Association"]["PublicIp"] == public
    assert interface["Association"]["AllocationId"] == stack.address
    assert interface["Status"] == "in-use"
    assert interface["Attachment"]["InstanceId"] == stack.instance
    assert interface["Attachment"]["DeviceIndex"] == 0
    assert interface["Attachment"]["DeleteOnTermination"] is False
    assert {key: address[key] for key in ("NetworkInterfaceId", "InstanceId", "PrivateIpAddress")} == {
        "NetworkInterfaceId": stack.interface,
        "InstanceId": stack.instance,
        "PrivateIpAddress": "10.0.1.10",
    }


def test_groups_and_check_follow_whichever_side_was_changed(stack: Any) -> None:
    ec2 = stack.ec2
    second = ec2.create_security_group(GroupName="two", Description="two", VpcId=stack.vpc)["GroupId"]

    ec2.modify_network_interface_attribute(NetworkInterfaceId=stack.interface, Groups=[second])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=stack.interface, SourceDestCheck={"Value": False})
    instance = instance_of(stack, stack.instance)
    assert instance["SecurityGroups"] == [{"GroupId": second, "GroupName": "two"}]
    assert instance["SourceDestCheck"] is False

    ec2.modify_instance_attribute(InstanceId=stack.instance, Groups=[stack.group])
    ec2.modify_instance_attribute(InstanceId=stack.instance, SourceDestCheck={"Value": True})
    interface = interface_of(stack, stack.interface)
    assert interface["Groups"] == [{"GroupId": stack.group, "GroupName": "host"}]
    assert interface["SourceDestCheck"] is True


def test_interface_outlives_its_instance_and_serves_the_next(cloud: AwsCloud, stack: Any) -> None:
    cloud.detach_seconds = 2.0
    on_interface = [{"NetworkInterfaceId": stack.interface, "DeviceIndex": 0}]
    ended = stack.ec2.terminate_instances(InstanceIds=[stack.instance])["TerminatingInstances"]
    assert ended == [
        {
            "InstanceId": stack.instance,
            "PreviousState": {"Code": 16, "Name": "running"},
            "CurrentState": {"Code": 32, "Name": "shutting-down"},
        }
    ]
    assert instance_of(stack, stack.instance)["State"]["Name"] == "shutting-down"
    assert interface_of(stack, stack.interface)["Attachment"]["InstanceId"] == stack.instance
    with pytest.raises(ClientError, match="InvalidNetworkInterface.InUse"):
        stack.launch(NetworkInterfaces=on_interface)

    settled(stack, stack.interface)
    gone = instance_of(stack, stack.instance)
    assert gone["State"]["Name"] == "terminated"
    assert gone["NetworkInterfaces"] == gone["BlockDeviceMappings"] == []
    assert "PrivateIpAddress" not in gone and "PublicIpAddress" not in gone
    assert "Attachment" not in interface_of(stack, stack.interface)
    kept = address_of(stack)
    assert (kept["NetworkInterfaceId"], kept["InstanceId"]) == (stack.interface, "")
    assert kept["AssociationId"] == stack.association

    following = instance_of(stack, stack.launch(NetworkInterfaces=on_interface))
    assert following["PrivateIpAddress"] == "10.0.1.10"
    assert following["PublicIpAddress"] == kept["PublicIp"]
    assert address_of(stack)["InstanceId"] == following["InstanceId"]


def test_second_termination_changes_nothing(cloud: AwsCloud, stack: Any) -> None:
    cloud.detach_seconds = 3600.0
    stack.ec2.terminate_instances(InstanceIds=[stack.instance])
    moment = cloud.behaviour.shutting_down[stack.instance]
    [again] = stack.ec2.terminate_instances(InstanceIds=[stack.instance])["TerminatingInstances"]
    assert again["PreviousState"]["Name"] == "shutting-down"
    assert cloud.behaviour.shutting_down[stack.instance] == moment


def test_interface_of_a_launch_goes_with_its_instance(stack: Any) -> None:
    launched = instance_of(stack, stack.launch(SubnetId=stack.subnet))
    [own] = launched["NetworkInterfaces"]
    volume = launched["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    # .10 is the stack's, and EC2 keeps .0 to .3 of each subnet.
    assert own["PrivateIpAddress"] == "10.0.1.4"
    assert own["Attachment"]["DeleteOnTermination"] is True
    stack.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    left = stack.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert own["NetworkInterfaceId"] not in [interface["NetworkInterfaceId"] for interface in left]
    assert volume not in [one["VolumeId"] for one in stack.ec2.describe_volumes()["Volumes"]]


def test_root_disk_takes_from_the_image_what_is_not_given(stack: Any) -> None:
    given = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}]
    launched = instance_of(stack, stack.launch(SubnetId=stack.subnet, BlockDeviceMappings=given))
    [disk] = launched["BlockDeviceMappings"]
    assert (disk["DeviceName"], disk["Ebs"]["DeleteOnTermination"]) == ("/dev/xvda", True)
    [volume] = stack.ec2.describe_volumes(VolumeIds=[disk["Ebs"]["VolumeId"]])["Volumes"]
    assert {key: volume[key] for key in ("Size", "VolumeType", "Encrypted", "AvailabilityZone")} == {
        "Size": 8,
        "VolumeType": "gp3",
        "Encrypted": True,
        "AvailabilityZone": "eu-central-1b",
    }


def test_user_data_comes_back_byte_for_byte(stack: Any) -> None:
    packed = gzip.compress(b"#cloud-config\n")
    instance = stack.launch(SubnetId=stack.subnet, UserData=packed)
    served = stack.ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
    assert b64decode(served["UserData"]["Value"]) == packed


def test_metadata_options_are_kept(stack: Any) -> None:
    wanted = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
    instance = instance_of(stack, stack.launch(SubnetId=stack.subnet, MetadataOptions=wanted))
    assert {key: instance["MetadataOptions"][key] for key in wanted} == wanted


def test_console_is_what_the_test_wrote(cloud: AwsCloud, stack: Any) -> None:
    assert stack.ec2.get_console_output(InstanceId=stack.instance)["Output"] == ""
    cloud.console[stack.instance] = "x" * 70_000 + "the last lïne\n"
    output = stack.ec2.get_console_output(InstanceId=stack.instance)["Output"]
    assert len(output.encode()) == 65_536
    assert output.endswith("xthe last lïne\n")
    with pytest.raises(ClientError, match="InvalidInstanceID.NotFound"):
        stack.ec2.get_console_output(InstanceId="i-0123456789abcdef0")


def test_route_without_its_target_is_a_black_hole(stack: Any) -> None:
    ec2 = stack.ec2
    assert routes_of(stack) == {
        "10.0.0.0/16": ("local", "active"),
        "0.0.0.0/0": (stack.gateway, "active"),
        "172.16.0.0/16": (stack.interface, "active"),
    }
    ec2.terminate_instances(InstanceIds=[stack.instance])
    ec2.disassociate_address(AssociationId=stack.association)
    ec2.detach_internet_gateway(InternetGatewayId=stack.gateway, VpcId=stack.vpc)
    assert routes_of(stack) == {
        "10.0.0.0/16": ("local", "active"),
        "0.0.0.0/0": (stack.gateway, "blackhole"),
        "172.16.0.0/16": (stack.interface, "blackhole"),
    }
    ec2.delete_network_interface(NetworkInterfaceId=stack.interface)
    assert routes_of(stack)["172.16.0.0/16"] == (stack.interface, "blackhole")


def test_second_cidr_is_local_in_every_route_table(stack: Any) -> None:
    stack.ec2.associate_vpc_cidr_block(VpcId=stack.vpc, CidrBlock="10.1.0.0/16")
    assert routes_of(stack)["10.1.0.0/16"] == ("local", "active")


def test_elastic_addresses_are_public_and_new(stack: Any) -> None:
    given = [stack.ec2.allocate_address(Domain="vpc") for _ in range(3)]
    stack.ec2.release_address(AllocationId=given[0]["AllocationId"])
    given.append(stack.ec2.allocate_address(Domain="vpc"))
    addresses = [one["PublicIp"] for one in given]
    assert len(set(addresses)) == 4
    assert all(IPv4Address(address) in PUBLIC_BLOCK for address in addresses)


def test_new_acl_denies_all_and_keeps_icmp_type_and_code(stack: Any) -> None:
    stack.ec2.create_network_acl_entry(
        NetworkAclId=stack.acl,
        RuleNumber=100,
        Egress=False,
        Protocol="1",
        RuleAction="allow",
        CidrBlock="0.0.0.0/0",
        IcmpTypeCode={"Type": 3, "Code": 4},
    )
    [acl] = stack.ec2.describe_network_acls(NetworkAclIds=[stack.acl])["NetworkAcls"]
    last = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767}
    assert sorted(acl["Entries"], key=lambda one: (one["Egress"], one["RuleNumber"])) == [
        {
            "CidrBlock": "0.0.0.0/0",
            "Egress": False,
            "IcmpTypeCode": {"Type": 3, "Code": 4},
            "Protocol": "1",
            "RuleAction": "allow",
            "RuleNumber": 100,
        },
        {**last, "Egress": False},
        {**last, "Egress": True},
    ]


def test_subnet_changes_its_acl_and_goes_back(stack: Any) -> None:
    default, first = stack.default_acl(), stack.acl_association(stack.subnet)
    moved = stack.ec2.replace_network_acl_association(AssociationId=first, NetworkAclId=stack.acl)
    assert moved["NewAssociationId"] == stack.acl_association(stack.subnet) != first
    stack.ec2.replace_network_acl_association(AssociationId=moved["NewAssociationId"], NetworkAclId=default)
    stack.ec2.delete_network_acl(NetworkAclId=stack.acl)
    [acl] = stack.ec2.describe_network_acls(NetworkAclIds=[default])["NetworkAcls"]
    assert [one["SubnetId"] for one in acl["Associations"]] == [stack.subnet]


def test_protocol_without_ports(stack: Any) -> None:
    added = stack.ec2.authorize_security_group_ingress(
        GroupId=stack.group,
        IpPermissions=[{"IpProtocol": "50", "IpRanges": [{"CidrIp": "198.51.100.1/32"}]}],
    )
    [rule] = added["SecurityGroupRules"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("50", -1, -1)
