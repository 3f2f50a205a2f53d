"""The policies on resources in every form that the providers accept, and on kinds of stack other than `dev`.

What `dev` and each policy's broken stack show by the real engine is in tests/policy/test_pack_in_the_engine.py.
"""

from __future__ import annotations

import ast
import base64
import gzip
import importlib
import inspect
import json
import re
import sys
from typing import Any

import pytest

from policy import tags
from policy.openings import openings
from policy.pack import POLICIES
from policy.subject import UNKNOWN, NotKnownError, Resource
from tests.policy import recorded
from tests.policy.pack import PACK
from tests.program.pretend_clouds import GIVEN, record

BY_NAME = {policy.name: policy for policy in POLICIES}
INSTANCE = "aws:ec2/instance:Instance"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
GROUP_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
NSG_RULE = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
KEY = "MadeUpKeyOf32Letters0123456789abc"
ARN = "arn:aws:ssm:us-east-1:123456789012:parameter/libreswan/aws-oci-libreswan/dev/tunnel-1/pre-shared-key"


def declared(kind: str, *, protect: bool = False, stack: str = "dev", **properties: Any) -> Resource:
    urn = f"urn:pulumi:{stack}::aws-oci-libreswan::{kind}::made-up"
    return Resource(urn=urn, type=kind, name="made-up", properties=properties, protect=protect)


def faults(policy: str, resource: Resource, **configured: Any) -> list[str]:
    return list(BY_NAME[policy].faults(resource, configured))


@pytest.mark.parametrize(
    ("settings", "preview"),
    [
        pytest.param(GIVEN, False, id="given-networks"),
        pytest.param({"ikeVersion": 1, "interfaceKind": "xfrm"}, False, id="ikev1"),
        pytest.param({"cryptoProfile": "aes256cbc-group14"}, False, id="cbc"),
        pytest.param({"kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234"}, False, id="own-kms-key"),
        pytest.param({"disposable": False}, False, id="not-disposable"),
        pytest.param({"sshCidrs": ["192.0.2.0/24"], "sshKeyName": "ops"}, False, id="ssh"),
        pytest.param({"cloudWatchLogDays": 30, "alarms": True}, False, id="watched"),
        pytest.param({}, True, id="first-preview"),
    ],
)
def test_stacks_of_other_kinds_pass(settings: dict[str, object], preview: bool) -> None:
    """By the recording monitor and not by the engine; what a preview does not know yet is not judged."""
    resources = recorded.of_recording(record(settings, preview=preview))
    assert len(resources) > 30
    found: list[tuple[str, str, str]] = []
    unknown: list[tuple[str, str]] = []
    for resource in resources:
        for policy in POLICIES:
            try:
                found += [(policy.name, resource.name, fault) for fault in policy.faults(resource)]
            except NotKnownError as path:
                unknown.append((resource.name, str(path)))
    assert found == []
    assert (unknown != []) == preview
    if preview:
        assert {("host-instance", "userDataBase64"), ("host-keys", "policy")} <= set(unknown)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (declared(GROUP_RULE, ipProtocol="-1", cidrIpv4="0.0.0.0/0"), ["all"]),
        (declared(GROUP_RULE, ipProtocol="tcp", fromPort=22.0, toPort=22.0, cidrIpv6="::/0"), ["tcp 22"]),
        # Half of the internet is the internet.
        (declared(GROUP_RULE, ipProtocol="udp", fromPort=500, toPort=4500, cidrIpv4="128.0.0.0/1"), ["udp 500-4500"]),
        (declared(GROUP_RULE, ipProtocol="icmp", fromPort=-1, toPort=-1, cidrIpv4="0.0.0.0/0"), ["icmp"]),
        (declared(GROUP_RULE, ipProtocol="icmp", fromPort=8, toPort=-1, cidrIpv4="0.0.0.0/0"), ["icmp 8"]),
        (declared(GROUP_RULE, ipProtocol="-1", cidrIpv4="10.0.0.0/8"), []),
        (declared(GROUP_RULE, ipProtocol="-1", referencedSecurityGroupId="sg-1"), []),
        (
            declared(
                "aws:ec2/securityGroup:SecurityGroup",
                ingress=[
                    {"protocol": "6", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"]},
                    {"protocol": "17", "fromPort": 53, "toPort": 53, "ipv6CidrBlocks": ["::/0"]},
                ],
            ),
            ["tcp 443", "udp 53"],
        ),
        (
            declared(
                "aws:ec2/securityGroupRule:SecurityGroupRule",
                type="ingress",
                protocol="tcp",
                fromPort=1,
                toPort=2,
                cidrBlocks=["0.0.0.0/0"],
            ),
            ["tcp 1-2"],
        ),
        (
            declared(
                "aws:ec2/securityGroupRule:SecurityGroupRule", type="egress", protocol="-1", cidrBlocks=["0.0.0.0/0"]
            ),
            [],
        ),
        (
            declared(ACL_RULE, egress=False, ruleAction="allow", protocol="6", cidrBlock="0.0.0.0/0", fromPort="22"),
            ["tcp 22"],
        ),
        (declared(ACL_RULE, egress=True, ruleAction="allow", protocol="-1", cidrBlock="0.0.0.0/0"), []),
        (declared(ACL_RULE, egress=False, ruleAction="deny", protocol="-1", cidrBlock="0.0.0.0/0"), []),
        (
            declared(
                "aws:ec2/networkAcl:NetworkAcl",
                ingress=[
                    {"action": "allow", "protocol": "1", "icmpType": 8, "icmpCode": 0, "cidrBlock": "0.0.0.0/0"},
                    {"action": "deny", "protocol": "-1", "cidrBlock": "0.0.0.0/0"},
                ],
            ),
            ["icmp 8/0"],
        ),
        (
            declared(
                "oci:Core/securityList:SecurityList",
                ingressSecurityRules=[
                    {"protocol": "6", "source": "0.0.0.0/0", "tcpOptions": {"min": 22, "max": 22}},
                    {"protocol": "1", "source": "0.0.0.0/0", "icmpOptions": {"type": 3, "code": 4}},
                    {"protocol": "all", "source": "10.0.0.0/8"},
                ],
            ),
            ["tcp 22", "icmp 3/4"],
        ),
        (
            declared(
                NSG_RULE,
                direction="INGRESS",
                protocol="17",
                source="0.0.0.0/0",
                udpOptions={"destinationPortRange": {"min": 5000, "max": 5010}},
            ),
            ["udp 5000-5010"],
        ),
        (declared(NSG_RULE, direction="EGRESS", protocol="all", source="0.0.0.0/0"), []),
        (
            declared(
                "command:local:Command",
                environment={
                    "KIND": "security",
                    "RULE": json.dumps(
                        {
                            "protocol": "6",
                            "source": "0.0.0.0/0",
                            "tcpOptions": {"destinationPortRange": {"min": 22, "max": 23}},
                        }
                    ),
                },
            ),
            ["tcp 22-23"],
        ),
        (declared("command:local:Command", environment={"KIND": "route", "RULE": "{}"}), []),
    ],
)
def test_traffic_from_anywhere_is_read_in_every_form(resource: Resource, expected: list[str]) -> None:
    assert [opening.traffic for opening in openings(resource) if opening.from_anywhere] == expected


def test_traffic_that_the_configuration_names_is_let_in() -> None:
    rule = declared(GROUP_RULE, ipProtocol="tcp", fromPort=22, toPort=22, cidrIpv4="0.0.0.0/0")
    assert faults("no-ingress-from-anywhere", rule, securityRules=["tcp 22"]) == []
    # A network ACL's exceptions are its own.
    assert len(faults("no-ingress-from-anywhere", rule, networkAcls=["tcp 22"])) == 1
    assert len(faults("no-ingress-from-anywhere", rule, securityRules=["tcp 2222"])) == 1


def statement(**more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **more}})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (statement(Action="ssm:GetParameter", Resource=ARN), []),
        (statement(Action="ssmmessages:OpenDataChannel", Resource="*"), []),
        (statement(Action=["logs:PutLogEvents"], Resource="arn:aws:logs:us-east-1:1:log-group:/libreswan/dev:*"), []),
        ("{}", ["the policy is no JSON object with a Statement"]),
        ("none", ["the policy is no JSON object with a Statement"]),
        (statement(Action="ssm:GetParameter", Resource="*"), ["ssm:GetParameter is allowed on *: name the resource"]),
        (
            statement(Action=["ssm:GetParameters"], Resource=[ARN, ARN.replace("/dev/", "/other/")]),
            [
                f"ssm:GetParameters is allowed on {ARN.replace('/dev/', '/other/')}: allow it on this stack's own "
                "parameters, /libreswan/aws-oci-libreswan/dev/…"
            ],
        ),
        (statement(Action="ssm:*", Resource=ARN), ["ssm:* allows more than one action: name each"]),
        (statement(Action="*", Resource="*"), ["* allows more than one action: name each"]),
        (
            statement(Action="kms:Decrypt", Resource="arn:aws:kms:us-east-1:1:key:*"),
            ["kms:Decrypt is allowed on arn:aws:kms:us-east-1:1:key:*: name the resource"],
        ),
        (statement(NotAction="iam:*", Resource=ARN), ["NotAction allows all the rest: name what is allowed"]),
        (
            statement(Action="ssm:GetParameter", NotResource=ARN),
            ["NotResource allows all the rest: name what is allowed"],
        ),
        (json.dumps({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}), []),
    ],
)
def test_rights_are_named_actions_on_named_resources(policy: str, expected: list[str]) -> None:
    name = "host-role-reads-its-own-parameters"
    assert faults(name, declared("aws:iam/rolePolicy:RolePolicy", policy=policy)) == expected
    assert faults(name, declared("aws:iam/role:Role", inlinePolicies=[{"name": "a", "policy": policy}])) == expected


def test_a_managed_policy_is_refused_however_it_is_attached() -> None:
    managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    expected = [f"{managed} is a managed policy: write the rights that are needed into a RolePolicy"]
    attached = (
        declared("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=managed),
        declared("aws:iam/role:Role", managedPolicyArns=[managed]),
    )
    for resource in attached:
        assert faults("host-role-reads-its-own-parameters", resource) == expected


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"userData": f'192.0.2.1 198.51.100.1 : PSK "{KEY}"'}, ["a pre-shared key"]),
        ({"userData": f"192.0.2.1 198.51.100.1 : PSK '{KEY}'"}, ["a pre-shared key"]),
        ({"userData": "192.0.2.1 198.51.100.1 : PSK 0sTWFkZVVw"}, ["a pre-shared key"]),
        ({"userDataBase64": packed(f'@a @b: PSK  "{KEY}"')}, ["a pre-shared key"]),
        ({"userDataBase64": packed("-----BEGIN OPENSSH PRIVATE KEY-----")}, ["a private key"]),
        # Programs that write and read such lines.
        ({"userData": "f'{address} {headend} : PSK \"{keys[conn]}\"'"}, []),
        ({"userData": r"""re.compile(r'^\S+ (\S+) : PSK "([^"]*)"$')"""}, []),
        ({"userData": "#cloud-config\n"}, []),
        ({}, []),
    ],
)
def test_secrets_in_user_data_are_found_and_never_quoted(properties: dict[str, Any], expected: list[str]) -> None:
    found = faults("no-secret-in-user-data", declared(INSTANCE, **properties))
    assert [re.sub(r"^userData(?:Base64)? holds (.*?): .*", r"\1", fault) for fault in found] == expected
    assert KEY not in "".join(found)


@pytest.mark.parametrize("damaged", ["not base64!", packed("a" * 99)[:-12]], ids=["no base64", "cut"])
def test_user_data_that_cannot_be_read_is_refused(damaged: str) -> None:
    assert faults("no-secret-in-user-data", declared(INSTANCE, userDataBase64=damaged)) == [
        "userDataBase64 cannot be read: write text, or text in gzip and base64"
    ]


def test_a_team_may_accept_pre_shared_keys_but_no_private_key_in_user_data() -> None:
    instance = declared(INSTANCE, userData=f'a b : PSK "{KEY}"\n-----BEGIN PRIVATE KEY-----')
    assert faults("no-secret-in-user-data", instance, allowPreSharedKeys=True) == [
        "userData holds a private key: let the host fetch it when it boots"
    ]


def test_disks_beside_the_first_are_encrypted_too() -> None:
    disks = [{"encrypted": True}, {"deviceName": "/dev/sdf"}]
    instance = declared(INSTANCE, rootBlockDevice={"encrypted": True}, ebsBlockDevices=disks)
    expected = "ebsBlockDevices.1.encrypted is not true: set it to true"
    assert faults("encrypted-disks", instance) == [expected]
    assert faults("encrypted-disks", declared("aws:ebs/volume:Volume", size=8)) == [
        "encrypted is not true: set it to true"
    ]


def test_oracles_own_defaults_are_too_weak() -> None:
    """Nothing is said of either phase: Oracle then offers group 5 for perfect forward secrecy."""
    found = faults("no-weak-tunnel-crypto", declared(MANAGEMENT, routing="STATIC"))
    assert {fault.partition(" ")[0] for fault in found} == {
        "phaseOneDetails.isCustomPhaseOneConfig",
        "phaseOneDetails.customDhGroup",
        "phaseOneDetails.customEncryptionAlgorithm",
        "phaseOneDetails.customAuthenticationAlgorithm",
        "phaseTwoDetails.isCustomPhaseTwoConfig",
        "phaseTwoDetails.isPfsEnabled",
        "phaseTwoDetails.dhGroup",
        "phaseTwoDetails.customEncryptionAlgorithm",
        "phaseTwoDetails.customAuthenticationAlgorithm",
    }


@pytest.mark.parametrize(("stack", "passes"), [("dev", False), ("review-12", True), ("production", False)])
def test_the_pack_and_not_the_stack_says_what_is_disposable(stack: str, passes: bool) -> None:
    address = declared("aws:ec2/eip:Eip", stack=stack)
    found = faults("protected-unless-disposable", address, disposableStacks=["review-*"])
    assert (found == []) == passes
    assert faults("protected-unless-disposable", declared("aws:ec2/eip:Eip", protect=True), disposableStacks=[]) == []


def test_a_volume_without_tags_is_found() -> None:
    own = {"project": "aws-oci-libreswan", "stack": "dev", "managed-by": "pulumi"}
    assert len(faults("tags-say-whose-it-is", declared(INSTANCE, tags=own, rootBlockDevice={}))) == 3
    assert faults("tags-say-whose-it-is", declared(INSTANCE, tags=own, volumeTags=own)) == []


@pytest.mark.parametrize("kind", sorted(tags.WITHOUT_TAGS))
def test_what_the_tag_policy_leaves_out_takes_no_tags(kind: str) -> None:
    package, module, name = re.fullmatch(r"(\w+):(\w+)/\w+:(\w+)", kind).groups()  # type: ignore[union-attr]
    cls = getattr(importlib.import_module(f"pulumi_{package}.{module.lower()}"), name)
    assert not {"tags", "freeform_tags"} & inspect.signature(cls._internal_init).parameters.keys()


def test_an_unknown_value_says_where_it_is() -> None:
    resource = declared(INSTANCE, ebsBlockDevices=[{"encrypted": UNKNOWN}], rootBlockDevice={"encrypted": True})
    with pytest.raises(NotKnownError, match=r"^ebsBlockDevices\.0\.encrypted$"):
        faults("encrypted-disks", resource)


def test_no_secret_is_in_what_a_resource_prints() -> None:
    assert KEY not in repr(declared(INSTANCE, userData=KEY))


def test_policies_need_nothing_that_is_not_pythons_own() -> None:
    """The pack's environment holds Pulumi's SDK alone, and only the wiring may use that."""
    for path in sorted(PACK.glob("*.py")):
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        foreign = {name for name in imported if name not in sys.stdlib_module_names} - {"policy"}
        assert foreign == ({"pulumi_policy"} if path.name == "__main__.py" else set()), path.name
