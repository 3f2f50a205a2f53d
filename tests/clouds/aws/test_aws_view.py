"""The AWS stand-in as a whole: regions, parallel callers, what is left of a stack, what a network looks like.

Does not prove anything about a stack of ours: the engine's tests do.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import Request, urlopen

import pytest

from lab.clouds.aws.server import AwsCloud


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


TRUST = policy(Action="sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"})


def test_an_unsigned_request_is_answered(cloud: AwsCloud) -> None:
    with urlopen(Request(f"{cloud.endpoint}/moto-api/", method="GET")) as answer:
        assert answer.status == 200


def test_account_and_partition(cloud: AwsCloud) -> None:
    assert cloud.client("sts", "eu-west-3").get_caller_identity()["Account"] == "123456789012"
    role = cloud.client("iam", "cn-north-1").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert role["Role"]["Arn"] == "arn:aws-cn:iam::123456789012:role/r"


def test_parallel_callers_get_different_addresses(stack: Any) -> None:
    with ThreadPoolExecutor(16) as callers:
        interfaces = list(callers.map(lambda _: stack.interface_at(), range(40)))
    found = stack.ec2.describe_network_interfaces(NetworkInterfaceIds=interfaces)["NetworkInterfaces"]
    addresses = [interface["PrivateIpAddress"] for interface in found]
    assert len(set(addresses)) == 40
    assert "10.0.1.10" not in addresses


def test_leftovers_names_every_kind(cloud: AwsCloud, stack: Any) -> None:
    iam, ssm = cloud.client("iam", "eu-central-1"), cloud.client("ssm", "eu-central-1")
    iam.create_role(RoleName="host", AssumeRolePolicyDocument=TRUST)
    own_policy = iam.create_policy(PolicyName="own", PolicyDocument=policy(Action="ssm:GetParameter", Resource="*"))
    iam.attach_role_policy(RoleName="host", PolicyArn=own_policy["Policy"]["Arn"])
    iam.create_instance_profile(InstanceProfileName="host")
    ssm.put_parameter(Name="/vpn/psk", Value="x", Type="SecureString")
    left = cloud.leftovers("eu-central-1")
    volume = stack.ec2.describe_instances(InstanceIds=[stack.instance])["Reservations"][0]["Instances"][0][
        "BlockDeviceMappings"
    ][0]["Ebs"]["VolumeId"]
    own = {
        "vpcs": {stack.vpc, stack.other_vpc},
        "subnets": {stack.subnet, stack.other_subnet},
        "internetGateways": {stack.gateway},
        "routeTables": {stack.route_table},
        "networkAcls": {stack.acl},
        "securityGroups": {stack.group, stack.other_group},
        "networkInterfaces": {stack.interface},
        "addresses": {stack.address},
        "instances": {stack.instance},
        "volumes": {volume},
        "roles": {"host"},
        "instanceProfiles": {"host"},
        "policies": {"arn:aws:iam::123456789012:policy/own"},
        "parameters": {"/vpn/psk"},
    }
    assert set(left) == set(own)
    assert {kind: ids - set(left[kind]) for kind, ids in own.items()} == {kind: set() for kind in own}
    # The other tests' stacks are in the same region, so another one shows what a clean region gives.
    assert set(cloud.leftovers("sa-east-1")) == {"roles", "instanceProfiles", "policies"}


def test_network_is_described_alike_after_a_change_and_its_undoing(cloud: AwsCloud, stack: Any) -> None:
    ec2 = stack.ec2
    before = json.dumps(cloud.describe_network(stack.vpc))
    moved = ec2.replace_network_acl_association(
        AssociationId=stack.acl_association(stack.subnet), NetworkAclId=stack.acl
    )
    ec2.create_route(
        RouteTableId=stack.route_table,
        DestinationCidrBlock="172.17.0.0/16",
        NetworkInterfaceId=stack.interface,
    )
    rule = ec2.authorize_security_group_ingress(
        GroupId=stack.group,
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "172.16.0.0/16"}]}],
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    during = json.dumps(cloud.describe_network(stack.vpc))
    assert "172.17.0.0/16" in during and rule in during

    ec2.replace_network_acl_association(AssociationId=moved["NewAssociationId"], NetworkAclId=stack.default_acl())
    ec2.delete_route(RouteTableId=stack.route_table, DestinationCidrBlock="172.17.0.0/16")
    assert json.dumps(cloud.describe_network(stack.vpc)) != before
    ec2.revoke_security_group_ingress(GroupId=stack.group, SecurityGroupRuleIds=[rule])
    assert json.dumps(cloud.describe_network(stack.vpc)) == before


def test_network_that_is_nowhere(cloud: AwsCloud) -> None:
    with pytest.raises(KeyError, match="vpc-0123456789abcdef0 is in no region"):
        cloud.describe_network("vpc-0123456789abcdef0")
