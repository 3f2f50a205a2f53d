"""Exact inputs of what is open to others, what may do what, and what both ends must agree on.

Does not prove that a cloud accepts them, nor that a packet passes.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lab.clouds.aws.authorization import allows
from tests.program.pretend_clouds import (
    ACL,
    ATTACHMENT,
    DRG,
    ELASTIC_IP,
    GIVEN,
    HEADENDS,
    IMAGE,
    NETWORK_COMPARTMENT,
    PRIVATE_IP,
    SUBNET,
    TABLES,
    VCN,
    VPC,
    answer_with,
    record,
    tunnels,
)
from tests.program.recording import COMPARTMENT, Recording, RefusedError

COMMAND = "command:local:Command"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
PARAMETERS = "arn:aws:ssm:us-east-1:123456789012:parameter"
KEY = "arn:aws:kms:us-east-1:123456789012:key/abc"
FIRST, SECOND = (HEADENDS[tunnel] for tunnel in sorted(HEADENDS))


def rules(recording: Recording, type_token: str) -> list[tuple[Any, ...]]:
    keys = ("ipProtocol", "cidrIpv4", "fromPort", "toPort")
    found = recording.of_type(type_token)
    assert {r.inputs["securityGroupId"] for r in found} == {"SecurityGroup/aws-host"}
    return sorted((tuple(r.inputs.get(key) for key in keys) for r in found), key=str)


def test_who_may_open_a_conversation_with_the_host(dev: Recording) -> None:
    assert rules(dev, INGRESS) == sorted(
        [
            ("icmp", "0.0.0.0/0", 3, 4),
            ("-1", "10.0.0.0/16", None, None),
            *(("udp", f"{headend}/32", port, port) for headend in (FIRST, SECOND) for port in (500, 4500)),
        ],
        key=str,
    )


def test_where_the_host_may_open_one_to(dev: Recording) -> None:
    assert rules(dev, EGRESS) == sorted(
        [
            ("icmp", "0.0.0.0/0", 3, 4),
            ("tcp", "0.0.0.0/0", 80, 80),
            ("tcp", "0.0.0.0/0", 443, 443),
            ("-1", "10.0.0.0/16", None, None),
            *(("udp", f"{headend}/32", 500, 4500) for headend in (FIRST, SECOND)),
        ],
        key=str,
    )


def test_the_security_group_has_no_rules_inline(dev: Recording) -> None:
    group = dev.one("aws:ec2/securityGroup:SecurityGroup", "aws-host").inputs
    assert {"ingress", "egress"} & set(group) == set()


# number, egress, protocol, CIDR, first port, last port, ICMP type, ICMP code
DEV_ACL = [
    (100, False, "udp", f"{FIRST}/32", 0, 65535, None, None),
    (101, False, "udp", f"{SECOND}/32", 0, 65535, None, None),
    (110, False, "tcp", "0.0.0.0/0", 1024, 65535, None, None),
    (111, False, "icmp", "0.0.0.0/0", None, None, 3, 4),
    (120, False, "-1", "10.0.0.0/16", None, None, None, None),
    (100, True, "udp", f"{FIRST}/32", 0, 65535, None, None),
    (101, True, "udp", f"{SECOND}/32", 0, 65535, None, None),
    (111, True, "icmp", "0.0.0.0/0", None, None, 3, 4),
    (112, True, "tcp", "0.0.0.0/0", 80, 80, None, None),
    (113, True, "tcp", "0.0.0.0/0", 443, 443, None, None),
    (120, True, "-1", "10.0.0.0/16", None, None, None, None),
]


@pytest.mark.parametrize(
    ("stack", "first", "acl"), [("dev", 100, "NetworkAcl/aws-host"), ("given", 2000, ACL)], ids=["own", "given"]
)
def test_the_acl_lets_in_what_is_needed_and_nothing_else(
    request: pytest.FixtureRequest, stack: str, first: int, acl: str
) -> None:
    found = request.getfixturevalue(stack).of_type(ACL_RULE)
    keys = ("ruleNumber", "egress", "protocol", "cidrBlock", "fromPort", "toPort", "icmpType", "icmpCode")
    assert sorted((tuple(r.inputs.get(key) for key in keys) for r in found), key=str) == sorted(
        ((number - 100 + first, *rest) for number, *rest in DEV_ACL), key=str
    )
    assert {(r.inputs["networkAclId"], r.inputs["ruleAction"]) for r in found} == {(acl, "allow")}


def test_the_instance(dev: Recording) -> None:
    inputs = dev.one("aws:ec2/instance:Instance", "host-instance").inputs
    assert {k: v for k, v in inputs.items() if k not in ("tags", "userDataBase64")} == {
        "ami": IMAGE,
        "instanceType": "t3.small",
        "iamInstanceProfile": "host-1234567",
        "primaryNetworkInterface": {"networkInterfaceId": "NetworkInterface/aws-interface"},
        "userDataReplaceOnChange": True,
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "rootBlockDevice": {
            "encrypted": True,
            "volumeType": "gp3",
            "volumeSize": 16,
            "tags": {
                "Name": "host-instance",
                "managed-by": "pulumi",
                "project": "aws-oci-libreswan",
                "stack": "dev",
            },
        },
        "maintenanceOptions": {"autoRecovery": "default"},
    }


def parameter_arns(recording: Recording) -> list[str]:
    return [PARAMETERS + r.inputs["name"] for r in recording.of_type("aws:ssm/parameter:Parameter")]


def role_policies(recording: Recording) -> dict[str, Any]:
    """All that gives the role a right, by name: nothing else of IAM is made, and the role brings none along."""
    kinds = {r.type for r in recording.resources if r.type.startswith("aws:iam/")}
    assert kinds <= {"aws:iam/role:Role", ROLE_POLICY, "aws:iam/instanceProfile:InstanceProfile"}
    role = recording.one("aws:iam/role:Role", "host").inputs
    assert {"inlinePolicies", "managedPolicyArns"} & set(role) == set()
    found = {r.name: r.inputs for r in recording.of_type(ROLE_POLICY)}
    assert {inputs["role"] for inputs in found.values()} == {"host-1234567"}
    return {name: json.loads(inputs["policy"]) for name, inputs in found.items()}


def test_the_role_may_read_its_two_keys_and_hold_sessions(dev: Recording) -> None:
    arns = parameter_arns(dev)
    assert len(arns) == 2
    actions = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ]
    assert role_policies(dev) == {
        "host-keys": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": arns}],
        },
        "host-sessions": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        },
    }
    trust = json.loads(dev.one("aws:iam/role:Role", "host").inputs["assumeRolePolicy"])["Statement"]
    assert trust == [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]


@pytest.mark.parametrize("changes", [{}, {"kmsKeyArn": KEY}, {"preSharedKeyDelivery": "userData"}], ids=str)
def test_the_role_may_read_no_other_parameter(changes: dict[str, object]) -> None:
    recording = record(changes)
    policies, own = list(role_policies(recording).values()), parameter_arns(recording)
    assert all(allows(policies, "ssm:GetParameter", arn) for arn in own)
    others = [
        f"{PARAMETERS}/libreswan/{name}"
        for name in ("aws-oci-libreswan/prod/tunnel-1/pre-shared-key", "aws-oci-libreswan/dev/tunnel-3/pre-shared-key")
    ]
    others += [f"{PARAMETERS}/ours/database", f"{PARAMETERS}/", "*"]
    others += [
        changed for arn in own for changed in (f"{arn}x", f"{arn}/x", arn[:-1], arn.replace("us-east-1", "eu-west-3"))
    ]
    for action in ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory", "DescribeParameters"):
        allowed = [arn for arn in (*own, *others) if allows(policies, f"ssm:{action}", arn)]
        assert allowed == (own if action == "GetParameter" else []), action
    assert not allows(policies, "kms:Decrypt", f"{KEY}d")
    # A condition would hide a right from this judge.
    assert not any("Condition" in statement for policy in policies for statement in policy["Statement"])


def test_a_kms_key_of_ones_own_may_only_decrypt() -> None:
    recording = record({"kmsKeyArn": KEY})
    statements = role_policies(recording)["host-keys"]["Statement"]
    assert statements[1:] == [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}]
    assert {r.inputs["keyId"] for r in recording.of_type("aws:ssm/parameter:Parameter")} == {KEY}


def test_the_role_may_write_into_its_own_log_and_no_other(dev: Recording, logged: Recording) -> None:
    assert not dev.of_type(LOG_GROUP)
    assert "logGroup" not in dev.stack_outputs
    group = logged.one(LOG_GROUP, "host-log").inputs
    assert (group["name"], group["retentionInDays"]) == ("/libreswan/aws-oci-libreswan/dev", 30)
    assert logged.stack_outputs["logGroup"] == group["name"]
    policies = list(role_policies(logged).values())
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group['name']}"
    for action in ("CreateLogStream", "PutLogEvents"):
        assert allows(policies, f"logs:{action}", f"{arn}:log-stream:i-1")
        assert not allows(policies, f"logs:{action}", f"{arn}-other:log-stream:i-1")
    for action in ("CreateLogGroup", "DeleteLogGroup", "GetLogEvents", "PutRetentionPolicy"):
        assert not allows(policies, f"logs:{action}", f"{arn}:*")


def test_a_given_profile_and_a_boundary_are_used() -> None:
    given = record({"instanceProfileName": "ours"}).one("aws:ec2/instance:Instance", "host-instance").inputs
    assert given["iamInstanceProfile"] == "ours"
    boundary = "arn:aws:iam::123456789012:policy/edge"
    assert (
        record({"permissionsBoundaryArn": boundary}).one("aws:iam/role:Role", "host").inputs["permissionsBoundary"]
        == boundary
    )


def test_the_interface_forwards_and_routes_lead_to_it(dev: Recording, given: Recording) -> None:
    interface = dev.one("aws:ec2/networkInterface:NetworkInterface", "aws-interface").inputs
    assert interface["sourceDestCheck"] is False
    assert interface["securityGroups"] == ["SecurityGroup/aws-host"]
    assert interface["subnetId"] == "Subnet/aws-host"
    for recording, tables in (
        (dev, {"RouteTable/aws-host", "RouteTable/aws-clients"}),
        (given, set(TABLES)),
    ):
        routes = [r.inputs for r in recording.of_type("aws:ec2/route:Route") if "networkInterfaceId" in r.inputs]
        assert {route["routeTableId"] for route in routes} == tables
        assert {(route["destinationCidrBlock"], route["networkInterfaceId"]) for route in routes} == {
            ("172.16.0.0/16", "NetworkInterface/aws-interface")
        }
    assert given.one("aws:ec2/networkInterface:NetworkInterface", "aws-interface").inputs["subnetId"] == SUBNET
    assert given.one("aws:ec2/securityGroup:SecurityGroup", "aws-host").inputs["vpcId"] == VPC


def test_the_zone_is_the_first_that_offers_the_type(dev: Recording) -> None:
    assert dev.one("pulumi:index:Stash", "aws-zone").inputs["input"] == "us-east-1a"
    assert {s.inputs["availabilityZone"] for s in dev.of_type("aws:ec2/subnet:Subnet")} == {"us-east-1a"}


def test_the_cpe_is_the_elastic_ip_and_a_libreswan(dev: Recording) -> None:
    cpe = dev.one("oci:Core/cpe:Cpe", "oci-cpe").inputs
    assert (cpe["ipAddress"], cpe["cpeDeviceShapeId"]) == (ELASTIC_IP, "shape-libreswan")
    connection = dev.one("oci:Core/ipsec:Ipsec", "oci-connection").inputs
    assert connection["cpeId"] == "Cpe/oci-cpe"
    assert connection["drgId"] == "Drg/oci-drg"
    assert connection["staticRoutes"] == ["10.0.0.0/16"]
    unlisted = record(answer=answer_with(getCpeDeviceShapes={"cpeDeviceShapes": []}))
    assert "cpeDeviceShapeId" not in unlisted.one("oci:Core/cpe:Cpe", "oci-cpe").inputs


def management(number: int, inside: tuple[str, str]) -> dict[str, Any]:
    return {
        "ipsecId": "Ipsec/oci-connection",
        "tunnelId": sorted(HEADENDS)[number - 1],
        "routing": "STATIC",
        "ikeVersion": "V2",
        "bgpSessionInfo": {"oracleInterfaceIp": inside[0], "customerInterfaceIp": inside[1]},
        "oracleCanInitiate": "RESPONDER_ONLY",
        "natTranslationEnabled": "ENABLED",
        "dpdConfigs": [{"dpdMode": "INITIATE_AND_RESPOND", "dpdTimeoutInSec": 20}],
        "phaseOneDetails": {
            "isCustomPhaseOneConfig": True,
            "customEncryptionAlgorithm": "AES_256_CBC",
            "customAuthenticationAlgorithm": "SHA2_384",
            "customDhGroup": "GROUP20",
            "lifetime": 28800,
        },
        "phaseTwoDetails": {
            "isCustomPhaseTwoConfig": True,
            "customEncryptionAlgorithm": "AES_256_GCM",
            "isPfsEnabled": True,
            "dhGroup": "GROUP20",
            "lifetime": 3600,
        },
    }


def test_both_tunnels_as_they_are_managed(dev: Recording) -> None:
    assert [r.inputs for r in dev.of_type(MANAGEMENT)] == [
        management(1, ("169.254.21.1/30", "169.254.21.2/30")),
        management(2, ("169.254.22.1/30", "169.254.22.2/30")),
    ]


def test_a_cbc_child_and_ikev1_as_they_are_managed() -> None:
    recording = record({"ikeVersion": 1, "cryptoProfile": "aes256cbc-group14"})
    for tunnel in recording.of_type(MANAGEMENT):
        assert tunnel.inputs["ikeVersion"] == "V1"
        assert tunnel.inputs["phaseOneDetails"]["customAuthenticationAlgorithm"] == "SHA2_256"
        assert tunnel.inputs["phaseTwoDetails"]["customEncryptionAlgorithm"] == "AES_256_CBC"
        assert tunnel.inputs["phaseTwoDetails"]["customAuthenticationAlgorithm"] == "HMAC_SHA2_256_128"


def test_tunnels_keep_their_names_whatever_the_listing_says_first(dev: Recording) -> None:
    turned = dict(reversed(HEADENDS.items()))
    assert list(turned) != list(HEADENDS)
    other = record(answer=answer_with(getIpsecConnectionTunnels={"ipSecConnectionTunnels": tunnels(turned)}))
    assert [r.inputs for r in other.of_type(MANAGEMENT)] == [r.inputs for r in dev.of_type(MANAGEMENT)]
    instance = ("aws:ec2/instance:Instance", "host-instance")
    assert other.one(*instance).inputs == dev.one(*instance).inputs


@pytest.mark.parametrize(
    ("headends", "message"),
    [
        ({}, "the IPSec connection has 0 tunnels, and two with an address are needed: none"),
        ({"a": "198.51.100.1"}, "the IPSec connection has 1 tunnels, .* needed: a \\(198.51.100.1\\)"),
        ({"a": "198.51.100.1", "b": ""}, "has 2 tunnels, .* needed: a \\(198.51.100.1\\), b \\(no address\\)"),
    ],
)
def test_other_than_two_tunnels_is_a_readable_error(headends: dict[str, str], message: str) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        record(answer=answer_with(getIpsecConnectionTunnels={"ipSecConnectionTunnels": tunnels(headends)}))
    assert str(refused.value).endswith("; look at it in the OCI console, then run `pulumi up` again")


def test_the_vcn_of_its_own(dev: Recording) -> None:
    """Rules to the VPC through the DRG; in from the VPC and, for path MTU discovery, from any router."""
    table = dev.one("oci:Core/routeTable:RouteTable", "oci-subnets").inputs
    owner = "managed by pulumi: aws-oci-libreswan/dev"
    assert table["routeRules"] == [
        {
            "destination": "10.0.0.0/16",
            "destinationType": "CIDR_BLOCK",
            "networkEntityId": "Drg/oci-drg",
            "description": owner,
        }
    ]
    filters = dev.one("oci:Core/securityList:SecurityList", "oci-subnets").inputs
    assert filters["ingressSecurityRules"] == [
        {
            "protocol": "1",
            "source": "0.0.0.0/0",
            "sourceType": "CIDR_BLOCK",
            "icmpOptions": {"type": 3, "code": 4},
        },
        {"protocol": "all", "source": "10.0.0.0/16", "sourceType": "CIDR_BLOCK"},
    ]
    assert filters["egressSecurityRules"] == [{"protocol": "all", "destination": "0.0.0.0/0"}]
    attachment = dev.one("oci:Core/drgAttachment:DrgAttachment", "oci-attachment").inputs
    details = {"type": "VCN", "id": "Vcn/oci-vcn", "vcnRouteType": "VCN_CIDRS"}
    assert (attachment["drgId"], attachment["networkDetails"]) == ("Drg/oci-drg", details)
    compartments = {r.inputs["compartmentId"] for r in dev.resources if "compartmentId" in r.inputs}
    assert compartments == {COMPARTMENT}


def test_subnets_of_a_given_vcn_lie_in_its_compartment_and_attachment_is_used() -> None:
    recording = record({**GIVEN, "vcnSubnetCidrs": ["172.16.5.0/24"]})
    subnet = recording.one("oci:Core/subnet:Subnet", "oci-subnet-172-16-5-0-24").inputs
    assert (subnet["compartmentId"], subnet["vcnId"]) == (NETWORK_COMPARTMENT, VCN)
    assert recording.one("oci:Core/ipsec:Ipsec", "oci-connection").inputs["drgId"] == DRG
    assert ATTACHMENT not in json.dumps([str(r.inputs) for r in recording.resources])


def test_rules_in_a_given_vcn(given: Recording) -> None:
    commands = {c.name: c.inputs for c in given.of_type(COMMAND) if "remove-rule" in c.inputs.get("delete", "")}
    assert {c["create"] for c in commands.values()} == {"./commands/run add-rule"}
    route = commands["oci-table-first-to-10-0-0-0-16"]["environment"]
    assert json.loads(route["RULE"]) == {
        "destination": "10.0.0.0/16",
        "destinationType": "CIDR_BLOCK",
        "networkEntityId": DRG,
    }
    assert (route["KIND"], route["LIST_ID"]) == ("route", "ocid1.routetable.oc1.iad.first")
    login = commands["oci-list-given-tcp-22-from-10-0-0-0-16"]["environment"]
    assert json.loads(login["RULE"]) == {
        "protocol": "6",
        "source": "10.0.0.0/16",
        "sourceType": "CIDR_BLOCK",
        "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}},
    }
    assert login["KIND"] == "security"
    for command in commands.values():
        environment = command["environment"]
        assert command["triggers"] == [environment["LIST_ID"], environment["RULE"]]


def test_commands_are_the_same_in_every_checkout(given: Recording) -> None:
    for command in given.of_type(COMMAND):
        texts = [command.inputs[key] for key in ("create", "update", "delete") if key in command.inputs]
        for text in texts:
            assert re.fullmatch(r"([A-Z_]+=\w+ )?\./commands/run [a-z-]+", text), text
        for value in command.inputs["environment"].values():
            assert not value.startswith("/"), value
        assert "dir" not in command.inputs
        assert "interpreter" not in command.inputs


def test_commands_sign_in_with_the_settings_of_the_stack(dev: Recording) -> None:
    for command in dev.of_type(COMMAND):
        assert json.loads(command.inputs["stdin"]) == {
            "aws": {"region": "us-east-1"},
            "oci": {"region": "us-ashburn-1"},
        }


def test_what_the_proof_is_told(dev: Recording) -> None:
    proof = dev.one(COMMAND, "proof-tunnels-up").inputs
    assert proof["create"] == "./commands/run check-tunnels"
    assert proof["update"] == "PROVEN_BEFORE=true ./commands/run check-tunnels"
    tables = proof["environment"].pop("AWS_ROUTE_TABLE_IDS")
    assert sorted(tables.split(",")) == ["RouteTable/aws-clients", "RouteTable/aws-host"]
    assert proof["environment"] == {
        "IPSEC_ID": "Ipsec/oci-connection",
        "DRG_ID": "Drg/oci-drg",
        "VCN_ID": "Vcn/oci-vcn",
        "VPC_CIDRS": "10.0.0.0/16",
        "VCN_CIDRS": "172.16.0.0/16",
        "INSTANCE_ID": "Instance/host-instance",
        "NETWORK_INTERFACE_ID": "NetworkInterface/aws-interface",
        "REGION": "us-east-1",
        "TIMEOUT_SECONDS": "1200",
    }


def test_outputs_of_the_stack(dev: Recording) -> None:
    outputs = dict(dev.stack_outputs)
    assert outputs.pop("readme").startswith("# AWS to Oracle Cloud by two IPsec tunnels\n")
    assert outputs == {
        "cpeAddress": ELASTIC_IP,
        "headends": {"tunnel-1": FIRST, "tunnel-2": SECOND},
        "tunnelIds": {f"tunnel-{n}": tunnel for n, tunnel in enumerate(sorted(HEADENDS), start=1)},
        "tunnelStates": {"tunnel-1": "UP", "tunnel-2": "UP"},
        "connectionId": "Ipsec/oci-connection",
        "drgId": "Drg/oci-drg",
        "vcnId": "Vcn/oci-vcn",
        "instanceId": "Instance/host-instance",
        "networkInterfaceId": "NetworkInterface/aws-interface",
        "lookCloser": "aws ssm start-session --region us-east-1 --target Instance/host-instance",
    }


def test_the_stacks_readme_is_drawn_from_its_networks(dev: Recording, given: Recording) -> None:
    assert 'subgraph aws ["VPC 10.0.0.0/16"]' in dev.stack_outputs["readme"]
    assert f'subgraph aws ["VPC {VPC} 10.0.0.0/16"]' in given.stack_outputs["readme"]
    assert f'table1(["route table<br/>{TABLES[0]}"])' in given.stack_outputs["readme"]


def test_the_region_may_come_from_elsewhere_than_the_stack() -> None:
    recording = record({"aws:region": None}, answer=answer_with(getRegion={"region": "eu-west-3"}))
    assert recording.one(COMMAND, "proof-tunnels-up").inputs["environment"]["REGION"] == "eu-west-3"
    assert "--region eu-west-3 " in recording.stack_outputs["lookCloser"]


def test_addresses_reach_the_host(dev: Recording) -> None:
    text = dev.one("pulumi:index:Stash", "host-user-data").inputs["input"]
    for line in (f"left={PRIVATE_IP}", f"leftid={ELASTIC_IP}", f"right={FIRST}", f"right={SECOND}"):
        assert f"    {line}\n" in text
