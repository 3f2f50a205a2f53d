"""Every AWS type's life through the plugin, against the AWS stand-in: made, read, changed in place, deleted, gone.

Does not prove that the real plugin makes the same calls in the same order: they are written after its source and docs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.clouds.plugins.values import Secret, Values
from tests.clouds.plugins.amazon import (
    ACL,
    ACL_ASSOCIATION,
    ACL_RULE,
    ALARM,
    CIDR,
    EGRESS,
    EIP,
    EIP_ASSOCIATION,
    GATEWAY,
    GROUP,
    INGRESS,
    INSTANCE,
    INTERFACE,
    PARAMETER,
    PROFILE,
    ROLE,
    ROLE_POLICY,
    ROUTE,
    SUBNET,
    SUBSCRIPTION,
    TABLE,
    TABLE_ASSOCIATION,
    TOPIC,
    TRUST,
    VPC,
    Network,
    role,
)


@pytest.fixture
def network(amazon: Any) -> Network:
    return Network(amazon)


def case(token: str, inputs: Callable[[Network], Values], changed: Callable[[Network], Values] | None = None) -> Any:
    return pytest.param(token, inputs, changed, id=token.rpartition(":")[2])


UPDATES = [
    case(
        VPC,
        lambda n: {"cidrBlock": "10.9.0.0/16", "tags": {"Name": "a", "b": "c"}},
        lambda n: {"cidrBlock": "10.9.0.0/16", "enableDnsHostnames": True, "tags": {"Name": "d"}},
    ),
    case(
        SUBNET,
        lambda n: {"vpcId": n.vpc, "cidrBlock": "10.0.7.0/24", "tags": {"a": "b"}},
        lambda n: {"vpcId": n.vpc, "cidrBlock": "10.0.7.0/24", "mapPublicIpOnLaunch": True},
    ),
    case(GATEWAY, lambda n: {"tags": {"a": "b"}}, lambda n: {"tags": {"a": "c"}}),
    case(TABLE, lambda n: {"vpcId": n.vpc}, lambda n: {"vpcId": n.vpc, "tags": {"a": "c"}}),
    case(
        TABLE_ASSOCIATION,
        lambda n: {"routeTableId": n.table, "subnetId": n.subnet},
        lambda n: {"routeTableId": n.engine.create(TABLE, {"vpcId": n.vpc}).id, "subnetId": n.subnet},
    ),
    case(
        ROUTE,
        lambda n: {"routeTableId": n.table, "destinationCidrBlock": "172.16.0.0/16", "gatewayId": n.gateway},
        lambda n: {"routeTableId": n.table, "destinationCidrBlock": "172.16.0.0/16", "networkInterfaceId": n.interface},
    ),
    case(ACL, lambda n: {"vpcId": n.vpc, "tags": {"a": "b"}}, lambda n: {"vpcId": n.vpc, "tags": {"a": "c"}}),
    case(
        GROUP,
        lambda n: {"vpcId": n.vpc, "name": "x", "tags": {"a": "b"}},
        lambda n: {"vpcId": n.vpc, "name": "x", "tags": {"a": "c"}},
    ),
    case(
        INGRESS,
        lambda n: {
            "securityGroupId": n.group,
            "ipProtocol": "udp",
            "cidrIpv4": "203.0.113.7/32",
            "fromPort": 500,
            "toPort": 500,
            "tags": {"a": "b"},
        },
        lambda n: {
            "securityGroupId": n.group,
            "ipProtocol": "udp",
            "cidrIpv4": "203.0.113.8/32",
            "fromPort": 4500,
            "toPort": 4500,
            "tags": {"a": "c"},
        },
    ),
    case(
        EGRESS,
        lambda n: {"securityGroupId": n.group, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"},
        lambda n: {"securityGroupId": n.group, "ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8"},
    ),
    case(
        INTERFACE,
        lambda n: {"subnetId": n.subnet, "privateIps": ["10.0.0.20"], "sourceDestCheck": False},
        lambda n: {
            "subnetId": n.subnet,
            "privateIps": ["10.0.0.20", "10.0.0.21"],
            "securityGroups": [n.group],
            "description": "now said",
            "tags": {"a": "b"},
        },
    ),
    case(EIP, lambda n: {"domain": "vpc", "tags": {"a": "b"}}, lambda n: {"domain": "vpc", "tags": {"a": "c"}}),
    case(
        ROLE,
        lambda n: {"assumeRolePolicy": TRUST, "name": "r", "description": "a", "tags": {"a": "b"}},
        lambda n: {
            "assumeRolePolicy": TRUST.replace("ec2.", "ssm."),
            "name": "r",
            "maxSessionDuration": 7200,
            "permissionsBoundary": "arn:aws:iam::123456789012:policy/edge",
            "tags": {"c": "d"},
        },
    ),
    case(
        ROLE_POLICY,
        lambda n: {"role": role(n), "policy": policy("ssm:GetParameter"), "name": "p"},
        lambda n: {"role": "r", "policy": policy("kms:Decrypt"), "name": "p"},
    ),
    case(
        PROFILE,
        lambda n: {"name": "p", "role": role(n)},
        lambda n: {"name": "p", "role": role(n, "s"), "tags": {"a": "b"}},
    ),
    case(
        PARAMETER,
        lambda n: {"name": "/a", "type": "SecureString", "value": Secret("old"), "tags": {"a": "b"}},
        lambda n: {"name": "/a", "type": "SecureString", "value": Secret("new"), "description": "d"},
    ),
    case(
        ALARM,
        lambda n: alarm(alarmActions=["arn:aws:automate:eu-central-1:ec2:recover"], tags={"a": "b"}),
        lambda n: alarm(evaluationPeriods=5, okActions=["arn:aws:sns:eu-central-1:1:t"], tags={"a": "c", "d": "e"}),
    ),
    case(TOPIC, lambda n: {"tags": {"a": "b"}}, lambda n: {"tags": {"a": "c"}}),
    case(
        SUBSCRIPTION,
        lambda n: {"topic": n.engine.create(TOPIC, {}).id, "protocol": "email", "endpoint": "network@example.com"},
    ),
    case(CIDR, lambda n: {"vpcId": n.vpc, "cidrBlock": "10.1.0.0/16"}),
    case(
        ACL_RULE,
        lambda n: {
            "networkAclId": n.engine.create(ACL, {"vpcId": n.vpc}).id,
            "ruleNumber": 100,
            "protocol": "udp",
            "ruleAction": "allow",
            "cidrBlock": "0.0.0.0/0",
            "egress": True,
            "fromPort": 500,
            "toPort": 4500,
        },
    ),
    case(
        ACL_ASSOCIATION,
        lambda n: {"networkAclId": n.engine.create(ACL, {"vpcId": n.vpc}).id, "subnetId": n.subnet},
    ),
    case(
        EIP_ASSOCIATION,
        lambda n: {
            "allocationId": n.engine.create(EIP, {"domain": "vpc"}).id,
            "networkInterfaceId": n.interface,
            "allowReassociation": True,
        },
    ),
    case(
        INSTANCE,
        lambda n: n.instance(
            userDataBase64="b25l",
            metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1},
            rootBlockDevice={"encrypted": True, "volumeSize": 9, "tags": {"disk": "x"}},
            maintenanceOptions={"autoRecovery": "default"},
            tags={"a": "b"},
        ),
        lambda n: n.instance(
            instanceType="t3.micro",
            userDataBase64="b25l",
            metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2},
            rootBlockDevice={"encrypted": True, "volumeSize": 10, "tags": {"disk": "y"}},
            maintenanceOptions={"autoRecovery": "default"},
            tags={"a": "c"},
        ),
    ),
]  # fmt: skip


def alarm(**more: Any) -> Values:
    return {
        "namespace": "AWS/EC2",
        "metricName": "StatusCheckFailed_System",
        "dimensions": {"InstanceId": "i-0123456789abcdef0"},
        "statistic": "Maximum",
        "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "threshold": 1,
        "period": 60,
        "evaluationPeriods": 2,
        "alarmDescription": "what it means",
        **more,
    }


def policy(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(("token", "inputs", "changed"), UPDATES)
def test_a_life(network: Network, token: str, inputs: Callable[..., Values], changed: Callable[..., Values]) -> None:
    """Made, read back unchanged, updated in place, read back, deleted, gone, deleted again."""
    engine = network.engine
    made = engine.create(token, inputs(network), "one")
    before = dict(made.inputs)
    for key in before.keys() - {"__defaults"}:
        assert key in made.outputs
    assert engine.refresh(made) is True
    assert made.inputs == before
    if changed is not None:
        news = changed(network)
        told = engine.diff(made, news)
        assert (list(told.replaces), bool(told.diffs)) == ([], True)
        engine.update(made, news)
        after = dict(made.inputs)
        assert engine.refresh(made) is True
        assert made.inputs == after
    engine.delete(made)
    engine.delete(made)
    assert engine.refresh(made) is False
