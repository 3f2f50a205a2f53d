"""Every kind of `up` is followed by a `destroy` that passes at the first try and leaves nothing of the stack.

Kinds with given networks have a file of their own. The stacks are one after the other in the same two clouds.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from lab.clouds.cluster import REGION
from lab.lab import Lab

Settings = dict[str, Any]
EC2_MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def own_profile(lab: Lab) -> Settings:
    """A role that an account's administrators have made for the host; user-data then carries the keys."""
    iam = lab.clouds.aws.client("iam", REGION)
    iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(EC2_MAY_ASSUME))
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName="theirs")
    return {"instanceProfileName": "theirs", "preSharedKeyDelivery": "userData"}


def ssh(lab: Lab) -> Settings:
    lab.clouds.aws.client("ec2", REGION).create_key_pair(KeyName="operators")
    return {"sshKeyName": "operators", "sshCidrs": ["198.51.100.0/24"]}


def boundary(lab: Lab) -> Settings:
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    made = lab.clouds.aws.client("iam", REGION).create_policy(PolicyName="edge", PolicyDocument=document)
    return {"permissionsBoundaryArn": made["Policy"]["Arn"]}


def own_keys(lab: Lab) -> Settings:
    for number in (1, 2):
        lab.project.config_set(f"tunnel{number}PreSharedKey", secrets.token_hex(24), secret=True).check()
    return {}


KINDS: dict[str, Settings | Callable[[Lab], Settings]] = {
    "IKEv1 and user-data": {"ikeVersion": 1, "preSharedKeyDelivery": "userData"},
    "a given profile": own_profile,
    "XFRM": {"interfaceKind": "xfrm"},
    "given keys": own_keys,
    "SSH": ssh,
    "a permissions boundary": boundary,
    "several networks each": {
        "vpcCidrs": ["10.0.0.0/16", "10.9.0.0/16"],
        "clientSubnetCidrs": ["10.0.1.0/24", "10.9.1.0/24"],
        "vcnCidrs": ["172.16.0.0/16", "172.20.0.0/16"],
        "vcnSubnetCidrs": ["172.16.0.0/24", "172.20.0.0/24"],
        "vcnIngress": ["icmp", "tcp/22"],
    },
    "no subnets for clients": {"clientSubnetCidrs": None, "vcnSubnetCidrs": None},
    "not proven": {"proof": False},
    "another OS and profile": {"hostOs": "debian-12", "cryptoProfile": "aes256cbc-group14"},
}
SHORT = ("a given profile",)
LONG = tuple(name for name in KINDS if name not in SHORT)


@pytest.mark.parametrize("kind", [*SHORT, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def test_destroy_passes_at_the_first_try_after(lab: Lab, kind: str) -> None:
    wanted = KINDS[kind]
    before_stack = lab.project.stack_file.read_text()
    settings = wanted(lab) if callable(wanted) else wanted
    before = lab.leftovers()
    lab.configure(**settings)
    up = lab.project.up().check()
    assert {one.op for one in up.operations()} == {"create"}
    destroyed = lab.project.destroy().check()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert lab.leftovers() == before
    lab.project.stack_file.write_text(before_stack)
