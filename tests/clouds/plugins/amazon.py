"""What tests of the AWS plugin share: the types' tokens, a network to put things in, the text of a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from lab.clouds.plugins.values import Values

REGION = "eu-central-1"
ZONE = "eu-central-1a"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
TABLE = "aws:ec2/routeTable:RouteTable"
TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ROUTE = "aws:ec2/route:Route"
ACL = "aws:ec2/networkAcl:NetworkAcl"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
ACL_ASSOCIATION = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
EIP = "aws:ec2/eip:Eip"
EIP_ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
INSTANCE = "aws:ec2/instance:Instance"
CIDR = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
PARAMETER = "aws:ssm/parameter:Parameter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        action()
    return str(refused.value.details())


@dataclass
class Network:
    """A VPC with a public subnet: what most resources need."""

    engine: Any

    def __post_init__(self) -> None:
        create = self.engine.create
        self.vpc = create(VPC, {"cidrBlock": "10.0.0.0/16"}).id
        self.subnet = create(SUBNET, {"vpcId": self.vpc, "cidrBlock": "10.0.0.0/24", "availabilityZone": ZONE}).id
        self.gateway = create(GATEWAY, {"vpcId": self.vpc}).id
        self.table = create(TABLE, {"vpcId": self.vpc}).id
        self.group = create(GROUP, {"vpcId": self.vpc, "description": "host"}, "host").id
        self.interface = create(INTERFACE, {"subnetId": self.subnet, "securityGroups": [self.group]}).id

    def instance(self, **more: Any) -> Values:
        ami = self.engine.invoke(
            "aws:ssm/getParameter:getParameter", {"name": "/aws/service/debian/release/13/latest/amd64"}
        )
        return {
            "ami": ami["value"],
            "instanceType": "t3.small",
            "primaryNetworkInterface": {"networkInterfaceId": self.interface},
            **more,
        }


def role(network: Network, name: str = "r") -> str:
    made: str = network.engine.create(ROLE, {"assumeRolePolicy": TRUST, "name": name}).id
    return made
