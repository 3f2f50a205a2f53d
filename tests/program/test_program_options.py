"""The options of every resource: parents, providers, order, protection, replacement.

Does not prove what the engine makes of them (tests/engine does).
"""

from __future__ import annotations

import pytest

from tests.program.pretend_clouds import GIVEN, answer_with, record
from tests.program.recording import Recording, stack_urn

COMMAND = "command:local:Command"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
STASH = "pulumi:index:Stash"
LASTING = {
    ("aws:ec2/eip:Eip", "aws-address"),
    ("oci:Core/cpe:Cpe", "oci-cpe"),
    ("oci:Core/ipsec:Ipsec", "oci-connection"),
}


@pytest.fixture(params=["dev", "given"])
def recording(request: pytest.FixtureRequest) -> Recording:
    chosen: Recording = request.getfixturevalue(request.param)
    return chosen


def test_every_child_belongs_to_the_component_whose_name_it_begins_with(recording: Recording) -> None:
    components = {r.name: r.urn for r in recording.resources if r.is_component}
    assert sorted(components) == ["aws", "host", "oci", "proof"]
    for resource in recording.resources:
        if resource.type.startswith("pulumi:providers:") or resource.is_component:
            assert resource.request.parent == stack_urn(), resource.urn
        else:
            assert resource.request.parent == components[resource.name.split("-")[0]], resource.urn


def test_every_resource_and_look_up_of_a_cloud_uses_its_explicit_provider(recording: Recording) -> None:
    provider = {
        cloud: f"{recording.one(f'pulumi:providers:{cloud}', cloud).urn}::{cloud}/{cloud}" for cloud in ("aws", "oci")
    }
    used = [(r.type, r.request.provider) for r in recording.resources if r.request.custom]
    used += [(invoke.token, invoke.provider) for invoke in recording.invokes]
    for token, reference in used:
        cloud = token.split(":")[0]
        if cloud in provider:
            assert reference == provider[cloud], token


def test_nothing_of_a_cloud_comes_before_its_provider(dev: Recording) -> None:
    assert [r.type for r in dev.resources[:2]] == ["pulumi:providers:aws", "pulumi:providers:oci"]


@pytest.mark.parametrize(("disposable", "protected"), [(True, set()), (False, LASTING)])
def test_what_is_protected(disposable: bool, protected: set[tuple[str, str]]) -> None:
    recording = record({"disposable": disposable})
    assert {(r.type, r.name) for r in recording.resources if r.request.protect} == protected


def test_what_is_deleted_before_its_replacement(recording: Recording) -> None:
    """Everything of which there can be only one at a time."""
    found = {(r.type, r.name) for r in recording.resources if r.request.deleteBeforeReplace}
    one_rule = {(r.type, r.name) for r in recording.of_type(COMMAND) if r.name.startswith(("oci-table-", "oci-list-"))}
    acl_rules = {(r.type, r.name) for r in recording.of_type("aws:ec2/networkAclRule:NetworkAclRule")}
    managements = {(MANAGEMENT, "oci-tunnel-1"), (MANAGEMENT, "oci-tunnel-2")}
    assert found == (
        {("aws:ec2/instance:Instance", "host-instance"), ("oci:Core/ipsec:Ipsec", "oci-connection")}
        | managements
        | acl_rules
        | one_rule
    )


def test_a_reviewer_sees_user_data_as_text_and_not_compressed(dev: Recording) -> None:
    hidden = {(r.type, r.name): list(r.request.hideDiffs) for r in dev.resources if r.request.hideDiffs}
    assert hidden == {("aws:ec2/instance:Instance", "host-instance"): ["userDataBase64"]}


def test_what_is_held_in_state_ignores_a_newer_look_up(dev: Recording) -> None:
    held = {(r.type, r.name): list(r.request.ignoreChanges) for r in dev.resources if r.request.ignoreChanges}
    assert held == {(STASH, "aws-zone"): ["input"], (STASH, "host-image"): ["input"]}


def test_a_management_follows_its_connection_and_tunnel(dev: Recording) -> None:
    for management in dev.of_type(MANAGEMENT):
        assert list(management.request.replaceOnChanges) == ["ipsecId", "tunnelId"]


def test_commands_run_again_for_another_connection_host_or_key(dev: Recording) -> None:
    connection, instance = "Ipsec/oci-connection", "Instance/host-instance"
    assert {command.name: command.inputs["triggers"] for command in dev.of_type(COMMAND)} == {
        "oci-tunnel-1-ready": [connection],
        "oci-tunnel-2-ready": [connection],
        "proof-tunnels-up": [instance, connection, "1", "1"],
    }


def test_where_user_data_carries_the_keys_another_key_is_another_host() -> None:
    proof = record({"preSharedKeyDelivery": "userData"}).one(COMMAND, "proof-tunnels-up")
    assert proof.inputs["triggers"] == ["Instance/host-instance", "Ipsec/oci-connection"]


def test_what_oracle_gives_is_secret_and_may_take_its_time(dev: Recording) -> None:
    for management in dev.of_type(MANAGEMENT):
        assert set(management.request.additionalSecretOutputs) == {"sharedSecret"}
        assert management.request.customTimeouts.create == "30m"
        assert management.request.customTimeouts.update == "30m"


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({}, False),
        ({"pathMtu": 1400}, False),
        ({"instanceType": "t3.medium"}, False),
        ({"hostOs": "debian-12"}, True),
        ({"instanceType": "t4g.small"}, True),
        ({"imageRevision": 2}, True),
        ({"imageId": "ami-0123456789abcdef0"}, True),
    ],
)
def test_the_held_image_moves_only_on_purpose(dev: Recording, changes: dict[str, object], moves: bool) -> None:
    before = dev.one(STASH, "host-image").request.replacement_trigger
    after = record(changes).one(STASH, "host-image").request.replacement_trigger
    assert (after != before) == moves


def test_the_first_boot_finds_the_way_open(recording: Recording) -> None:
    """Address, routes, filters, rights and keys are there before the instance (CT3)."""
    instance = recording.one("aws:ec2/instance:Instance", "host-instance")
    needed = {
        (r.type, r.name)
        for r in recording.resources
        if r.type
        in {
            "aws:ec2/eipAssociation:EipAssociation",
            "aws:ec2/route:Route",
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "aws:ec2/networkAclRule:NetworkAclRule",
            "aws:ec2/networkAclAssociation:NetworkAclAssociation",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:iam/instanceProfile:InstanceProfile",
            "aws:ssm/parameter:Parameter",
        }
    }
    assert needed - recording.dependencies(instance) == set()


def test_the_proof_comes_after_all_that_it_proves(recording: Recording) -> None:
    dependencies = recording.dependencies(recording.one(COMMAND, "proof-tunnels-up"))
    expected = {
        (r.type, r.name)
        for r in recording.resources
        if r.name != "proof-tunnels-up"
        and r.type
        in {
            "aws:ec2/instance:Instance",
            "aws:ec2/route:Route",
            MANAGEMENT,
            "oci:Core/drgAttachment:DrgAttachment",
            "oci:Core/routeTable:RouteTable",
            "oci:Core/securityList:SecurityList",
            "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule",
        }
    }
    expected |= {(r.type, r.name) for r in recording.of_type(COMMAND) if r.name.startswith(("oci-table", "oci-list"))}
    assert expected - dependencies == set()


GATEWAY = ("aws:ec2/internetGateway:InternetGateway", "aws-internet")
ATTACHMENT = ("oci:Core/drgAttachment:DrgAttachment", "oci-attachment")


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (("aws:ec2/eip:Eip", "aws-address"), GATEWAY),
        (("aws:ec2/eipAssociation:EipAssociation", "aws-address"), GATEWAY),
        (("oci:Core/routeTable:RouteTable", "oci-subnets"), ATTACHMENT),
        (("oci:Core/cpe:Cpe", "oci-cpe"), ("aws:ec2/eip:Eip", "aws-address")),
        (("oci:Core/ipsec:Ipsec", "oci-connection"), ("oci:Core/cpe:Cpe", "oci-cpe")),
        ((COMMAND, "oci-tunnel-1-ready"), ("oci:Core/ipsec:Ipsec", "oci-connection")),
        ((MANAGEMENT, "oci-tunnel-1"), (COMMAND, "oci-tunnel-1-ready")),
        ((COMMAND, "oci-tunnel-2-ready"), (MANAGEMENT, "oci-tunnel-1")),
        ((MANAGEMENT, "oci-tunnel-2"), (COMMAND, "oci-tunnel-2-ready")),
    ],
)
def test_order(dev: Recording, later: tuple[str, str], earlier: tuple[str, str]) -> None:
    assert earlier in dev.dependencies(dev.one(*later))


def test_a_subnet_of_a_further_cidr_waits_for_it() -> None:
    recording = record({"vpcCidrs": ["10.0.0.0/16", "10.1.0.0/16"], "clientSubnetCidrs": ["10.1.1.0/24"]})
    further = ("aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation", "aws-vpc-10-1-0-0-16")
    client = recording.one("aws:ec2/subnet:Subnet", "aws-client-10-1-1-0-24")
    assert further in recording.dependencies(client)


def test_a_rule_in_a_given_table_waits_for_the_attachment() -> None:
    """Oracle refuses a rule to a DRG that the VCN is not attached to."""
    unattached: dict[str, object] = {"drgAttachments": []}
    recording = record({**GIVEN, "drgAttachmentId": None}, answer=answer_with(getDrgAttachments=unattached))
    for table in ("first", "second"):
        rule = recording.one(COMMAND, f"oci-table-{table}-to-10-0-0-0-16")
        assert ATTACHMENT in recording.dependencies(rule)


@pytest.mark.parametrize(
    ("changes", "waits_again"),
    [
        ({"pathMtu": 1400}, False),
        ({"ikeVersion": 1, "cryptoProfile": "aes256gcm-group14"}, True),
        ({"cryptoProfile": "aes256cbc-group14"}, True),
        ({"tunnel1InsideCidr": "169.254.23.0/30"}, True),
        ({"tunnel2InsideCidr": "169.254.23.0/30"}, False),
    ],
)
def test_tunnel_2_waits_again_when_tunnel_1_changes(
    dev: Recording, changes: dict[str, object], waits_again: bool
) -> None:
    """A change of tunnel 1 makes the connection PROVISIONING, in which Oracle refuses a change of tunnel 2."""
    before = dev.one(COMMAND, "oci-tunnel-2-ready").inputs["environment"]["AFTER"]
    after = record(changes).one(COMMAND, "oci-tunnel-2-ready").inputs["environment"]["AFTER"]
    assert (after != before) == waits_again
