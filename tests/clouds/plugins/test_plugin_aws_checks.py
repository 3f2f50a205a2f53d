"""What the AWS plugin refuses in a preview, and what it lets pass as the real one does; and its configuration.

Does not prove the real provider's words: they are near them, the rules are its own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from lab.clouds.plugins import aws
from lab.clouds.plugins.table import Plugin
from lab.clouds.plugins.values import UNKNOWN, Secret, Values, to_struct

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
EIP = "aws:ec2/eip:Eip"
EIP_ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
INSTANCE = "aws:ec2/instance:Instance"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
PARAMETER = "aws:ssm/parameter:Parameter"

TARGETS = "gatewayId, natGatewayId, networkInterfaceId, transitGatewayId, vpcPeeringConnectionId"
SOURCES = "cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId"


@pytest.fixture
def engine(serve: Callable[[Plugin], Any]) -> Any:
    connected = serve(aws.plugin({}))
    connected.configure({"region": "eu-central-1"})
    return connected


def encoded(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


def host(**more: Any) -> Values:
    interface = {"primaryNetworkInterface": {"networkInterfaceId": "eni-1"}}
    return {"ami": "ami-1", "instanceType": "t3.small", **interface, **more}


def rule(**more: Any) -> Values:
    return {"securityGroupId": "sg-1", "ipProtocol": "udp", "cidrIpv4": "10.0.0.0/8", **more}


def route(**more: Any) -> Values:
    return {"routeTableId": "rtb-1", "destinationCidrBlock": "10.0.0.0/8", **more}


@pytest.mark.parametrize(
    ("token", "inputs", "name", "reason"),
    [
        (VPC, {"cidrBlock": "10.0.0.0"}, "cidrBlock",
         "cidrBlock: '10.0.0.0' is not a valid CIDR block; did you mean '10.0.0.0/32'?"),
        (VPC, {"cidrBlock": "ten/8"}, "cidrBlock", "cidrBlock: 'ten/8' is not a valid CIDR block"),
        (VPC, {"cidrBlock": "fd00::/16"}, "cidrBlock", "cidrBlock: 'fd00::/16' is not a valid IPv4 CIDR block"),
        (VPC, {"cidrBlock": "10.0.0.1/16"}, "cidrBlock",
         "cidrBlock: '10.0.0.1/16' is not a valid CIDR block; did you mean '10.0.0.0/16'?"),
        (VPC, {"cidrBlock": "10.0.0.0/15"}, "cidrBlock",
         "expected cidrBlock to contain a network Value with between 16 and 28 significant bits, got: 15"),
        (SUBNET, {"vpcId": "v", "cidrBlock": "10.0.0.0/29"}, "cidrBlock",
         "expected cidrBlock to contain a network Value with between 16 and 28 significant bits, got: 29"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "own"}, "instanceTenancy",
         "expected instanceTenancy to be one of ['dedicated', 'default'], got own"),
        (SUBNET, {"vpcId": "v", "availabilityZone": "a", "availabilityZoneId": "b"}, "availabilityZone",
         "availabilityZone conflicts with availabilityZoneId"),
        (ROUTE, route(), "", f"one of {TARGETS} must be specified"),
        (ROUTE, {"routeTableId": "r", "gatewayId": "g"}, "", "one of destinationCidrBlock must be specified"),
        (ROUTE, route(gatewayId="g", networkInterfaceId="e"), "gatewayId",
         "gatewayId conflicts with networkInterfaceId"),
        (ROUTE, route(gatewayId="g", destinationCidrBlock="10.0.0.1/8"), "destinationCidrBlock",
         "destinationCidrBlock: '10.0.0.1/8' is not a valid CIDR block; did you mean '10.0.0.0/8'?"),
        (ASSOCIATION, {"routeTableId": "r"}, "", "one of subnetId, gatewayId must be specified"),
        (ACL_RULE,
         {"networkAclId": "a", "protocol": "6", "ruleAction": "allow", "ruleNumber": 1, "cidrBlock": "10.0.0.1/8"},
         "cidrBlock", "cidrBlock: '10.0.0.1/8' is not a valid CIDR block; did you mean '10.0.0.0/8'?"),
        (ACL_RULE, {"networkAclId": "a", "protocol": "6", "ruleAction": "ALLOW", "ruleNumber": 1}, "ruleAction",
         "expected ruleAction to be one of ['allow', 'deny'], got ALLOW"),
        (GROUP, {"name": "sg-mine"}, "name", "invalid value for name (cannot begin with sg-): 'sg-mine'"),
        (GROUP, {"name": "x" * 256}, "name", "name cannot be longer than 255 characters"),
        (GROUP, {"description": "x" * 256}, "description",
         "expected length of description to be at most 255, got 256"),
        (INGRESS, {"securityGroupId": "g", "ipProtocol": "udp"}, "", f"one of {SOURCES} must be specified"),
        (INGRESS, rule(referencedSecurityGroupId="sg-2"), "cidrIpv4",
         "cidrIpv4 conflicts with referencedSecurityGroupId"),
        (INGRESS, rule(fromPort=-2), "fromPort", "expected fromPort to be in the range (-1 - 65535), got -2"),
        (INGRESS, rule(toPort=65536), "toPort", "expected toPort to be in the range (-1 - 65535), got 65536"),
        (INTERFACE, {"subnetId": "s", "privateIps": ["10.0.0.256"]}, "privateIps",
         "expected privateIps to contain a valid IPv4 address, got: 10.0.0.256"),
        (EIP, {"domain": "standard"}, "domain", "expected domain to be one of ['vpc'], got standard"),
        (EIP_ASSOCIATION, {"allocationId": "e"}, "", "one of instanceId, networkInterfaceId must be specified"),
        (INSTANCE, {key: value for key, value in host().items() if key != "ami"}, "", "one of ami must be specified"),
        (INSTANCE, host(userDataBase64=encoded(16_385)), "userDataBase64",
         "expected length of userDataBase64, decoded, to be at most 16384 bytes, got 16385"),
        (INSTANCE, host(userDataBase64=Secret("not base64!")), "userDataBase64",
         "expected userDataBase64 to be a base64 string"),
        (INSTANCE, host(userData="ü" * 8193), "userData",
         "expected length of userData, decoded, to be at most 16384 bytes, got 16386"),
        (INSTANCE, host(userData="x", userDataBase64="eA=="), "userData", "userData conflicts with userDataBase64"),
        (INSTANCE, host(metadataOptions={"httpTokens": "always"}), "metadataOptions.httpTokens",
         "expected metadataOptions.httpTokens to be one of ['optional', 'required'], got always"),
        (INSTANCE, host(metadataOptions={"httpPutResponseHopLimit": 65}), "metadataOptions.httpPutResponseHopLimit",
         "expected metadataOptions.httpPutResponseHopLimit to be in the range (1 - 64), got 65"),
        (INSTANCE, host(rootBlockDevice={"volumeType": "gp4"}), "rootBlockDevice.volumeType",
         "expected rootBlockDevice.volumeType to be one of "
         "['gp2', 'gp3', 'io1', 'io2', 'sc1', 'st1', 'standard'], got gp4"),
        (INSTANCE, host(primaryNetworkInterface={"networkInterfaceId": "e", "deleteOnTermination": False}),
         "primaryNetworkInterface.deleteOnTermination",
         "can't configure a value for primaryNetworkInterface.deleteOnTermination: it is decided by the provider"),
        (ROLE, {"assumeRolePolicy": "[]"}, "assumeRolePolicy",
         "assumeRolePolicy contains an invalid JSON policy: not a JSON object"),
        (ROLE_POLICY, {"role": "r", "policy": "{"}, "policy",
         "policy contains an invalid JSON policy: not a JSON object"),
        (PARAMETER, {"type": "Secure", "value": "x"}, "type",
         "expected type to be one of ['SecureString', 'String', 'StringList'], got Secure"),
    ],
)  # fmt: skip
def test_refused(engine: Any, token: str, inputs: Values, name: str, reason: str) -> None:
    assert engine.check(token, inputs)[1] == [(name, reason)]


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        (VPC, {"cidrBlock": "10.0.0.0/28"}),
        (VPC, {"cidrBlock": UNKNOWN, "tags": UNKNOWN}),
        (ROUTE, route(gatewayId="g", networkInterfaceId=UNKNOWN)),
        (INGRESS, rule(ipProtocol="by any name")),
        (INGRESS, rule(ipProtocol="-1", fromPort=5, toPort=6)),
        (INGRESS, rule(cidrIpv4=UNKNOWN)),
        (INSTANCE, host(instanceType="m99.huge", userDataBase64=encoded(16_384))),
        (INSTANCE, host(ami=UNKNOWN, userDataBase64=UNKNOWN, primaryNetworkInterface=UNKNOWN)),
        (INTERFACE, {"subnetId": UNKNOWN, "privateIps": UNKNOWN, "securityGroups": [UNKNOWN]}),
        (ROLE_POLICY, {"role": UNKNOWN, "policy": UNKNOWN}),
    ],
)
def test_accepted(engine: Any, token: str, inputs: Values) -> None:
    assert engine.check(token, inputs)[1] == []


def test_a_group_called_sg_is_refused_by_its_automatic_name(engine: Any) -> None:
    inputs, [(name, reason)] = engine.check(GROUP, {}, "sg")
    assert (name, reason) == ("name", f"invalid value for name (cannot begin with sg-): {inputs['name']!r}")
    assert engine.check(GROUP, {}, "host-sg")[1] == []


def test_refusals_do_not_show_user_data(engine: Any) -> None:
    text = base64.b64encode(b"hush" * 5000).decode()
    [(_, reason)] = engine.check(INSTANCE, host(userDataBase64=Secret(text)))[1]
    assert "hush" not in reason and text[:20] not in reason


@pytest.mark.parametrize(
    ("environment", "config", "failures"),
    [
        ({}, {}, [("region", "missing region: set aws:region, AWS_REGION or AWS_DEFAULT_REGION")]),
        ({"AWS_REGION": "us-east-1"}, {}, []),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, {}, []),
        ({}, {"region": UNKNOWN}, []),
        ({}, {"region": "us-east-1", "ignoreTags": '{"keys": ["a"], "keyPrefixes": ["b"]}'}, []),
        (
            {},
            {"region": "us-east-1", "ignoreTags": '{"key_prefixes": ["b"]}'},
            [("ignoreTags", "ignoreTags: unknown key 'key_prefixes'; known are keyPrefixes, keys")],
        ),
    ],
)
def test_configuration(
    serve: Callable[[Plugin], Any], environment: dict[str, str], config: Values, failures: list[tuple[str, str]]
) -> None:
    answer = serve(aws.plugin(environment)).stub.CheckConfig(pb.CheckRequest(news=to_struct(config)))
    assert [(failure.property, failure.reason) for failure in answer.failures] == failures
