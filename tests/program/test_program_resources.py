"""Exactly which resources the program registers, by type and logical name, for each kind of stack.

Does not prove their inputs and options (the other files of this folder) nor that a cloud accepts them.
"""

from __future__ import annotations

import pytest

from tests.program.pretend_clouds import GIVEN, record
from tests.program.recording import Recording

Pairs = set[tuple[str, str]]

ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
COMMAND = "command:local:Command"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP_RULE = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
PARAMETER = "aws:ssm/parameter:Parameter"
ROUTE = "aws:ec2/route:Route"
STASH = "pulumi:index:Stash"
SUBNET = "aws:ec2/subnet:Subnet"

PROOF: Pairs = {("aws-oci-libreswan:proof:TunnelCheck", "proof"), (COMMAND, "proof-tunnels-up")}
KEYS_BY_STORE: Pairs = {
    (PARAMETER, "host-tunnel-1-key"),
    (PARAMETER, "host-tunnel-2-key"),
    ("aws:iam/rolePolicy:RolePolicy", "host-keys"),
}
ROLE: Pairs = {
    ("aws:iam/role:Role", "host"),
    ("aws:iam/rolePolicy:RolePolicy", "host-sessions"),
    ("aws:iam/instanceProfile:InstanceProfile", "host"),
}
# What every stack with one CIDR a side has, however little of it is created.
COMMON: Pairs = {
    ("pulumi:providers:aws", "aws"),
    ("pulumi:providers:oci", "oci"),
    ("aws-oci-libreswan:aws:AwsSide", "aws"),
    ("aws-oci-libreswan:oci:OciSide", "oci"),
    ("aws-oci-libreswan:host:LibreswanHost", "host"),
    ("aws:ec2/securityGroup:SecurityGroup", "aws-host"),
    (INGRESS, "aws-host-in-path-mtu"),
    (INGRESS, "aws-host-in-from-10-0-0-0-16"),
    (EGRESS, "aws-host-out-path-mtu"),
    (EGRESS, "aws-host-out-packages-80"),
    (EGRESS, "aws-host-out-packages-443"),
    (EGRESS, "aws-host-out-to-10-0-0-0-16"),
    ("aws:ec2/networkInterface:NetworkInterface", "aws-interface"),
    ("aws:ec2/eip:Eip", "aws-address"),
    ("aws:ec2/eipAssociation:EipAssociation", "aws-address"),
    ("oci:Core/cpe:Cpe", "oci-cpe"),
    ("oci:Core/ipsec:Ipsec", "oci-connection"),
    *((COMMAND, f"oci-tunnel-{n}-ready") for n in (1, 2)),
    *((MANAGEMENT, f"oci-tunnel-{n}") for n in (1, 2)),
    *((INGRESS, f"host-tunnel-{n}-in-udp-{port}") for n in (1, 2) for port in (500, 4500)),
    *((EGRESS, f"host-tunnel-{n}-out") for n in (1, 2)),
    (STASH, "host-image"),
    (STASH, "host-user-data"),
    ("aws:ec2/instance:Instance", "host-instance"),
}
ACL_RULES: Pairs = {
    (ACL_RULE, "aws-acl-in-answers"),
    (ACL_RULE, "aws-acl-in-path-mtu"),
    (ACL_RULE, "aws-acl-in-clients-1"),
    (ACL_RULE, "aws-acl-out-packages-80"),
    (ACL_RULE, "aws-acl-out-packages-443"),
    (ACL_RULE, "aws-acl-out-path-mtu"),
    (ACL_RULE, "aws-acl-out-clients-1"),
    *((ACL_RULE, f"host-tunnel-{n}-{way}-udp") for n in (1, 2) for way in ("in", "out")),
}
HOST_SUBNET: Pairs = {
    (STASH, "aws-zone"),
    (SUBNET, "aws-host"),
    ("aws:ec2/routeTable:RouteTable", "aws-host"),
    (ASSOCIATION, "aws-host"),
    (ROUTE, "aws-host-internet"),
    (ROUTE, "aws-host-to-172-16-0-0-16"),
    ("aws:ec2/networkAcl:NetworkAcl", "aws-host"),
    ("aws:ec2/networkAclAssociation:NetworkAclAssociation", "aws-host"),
    *ACL_RULES,
}
CLIENTS: Pairs = {
    (SUBNET, "aws-client-10-0-1-0-24"),
    ("aws:ec2/routeTable:RouteTable", "aws-clients"),
    (ASSOCIATION, "aws-client-10-0-1-0-24"),
    (ROUTE, "aws-clients-to-172-16-0-0-16"),
}
VPC: Pairs = {("aws:ec2/vpc:Vpc", "aws-vpc"), ("aws:ec2/internetGateway:InternetGateway", "aws-internet")}
DRG: Pairs = {("oci:Core/drg:Drg", "oci-drg"), ("oci:Core/drgAttachment:DrgAttachment", "oci-attachment")}
VCN_SUBNETS: Pairs = {
    ("oci:Core/routeTable:RouteTable", "oci-subnets"),
    ("oci:Core/securityList:SecurityList", "oci-subnets"),
    ("oci:Core/subnet:Subnet", "oci-subnet-172-16-0-0-24"),
}
VCN: Pairs = {("oci:Core/vcn:Vcn", "oci-vcn"), *VCN_SUBNETS}
RULES_IN_GIVEN: Pairs = {
    *((COMMAND, f"oci-table-{table}-to-10-0-0-0-16") for table in ("first", "second")),
    *((COMMAND, f"oci-list-given-{rule}") for rule in ("path-mtu", "icmp-from-10-0-0-0-16", "tcp-22-from-10-0-0-0-16")),
    *(
        (GROUP_RULE, f"oci-group-given-{rule}")
        for rule in ("path-mtu", "icmp-from-10-0-0-0-16", "tcp-22-from-10-0-0-0-16")
    ),
}
ROUTES_IN_GIVEN: Pairs = {
    (ROUTE, "aws-rtb-0c0c0c0c0c0c0c0c1-to-172-16-0-0-16"),
    (ROUTE, "aws-rtb-0c0c0c0c0c0c0c0c2-to-172-16-0-0-16"),
}
DEV: Pairs = COMMON | PROOF | KEYS_BY_STORE | ROLE | VPC | HOST_SUBNET | CLIENTS | DRG | VCN
ALL_GIVEN: Pairs = COMMON | PROOF | KEYS_BY_STORE | ROLE | ACL_RULES | RULES_IN_GIVEN | ROUTES_IN_GIVEN


def test_dev(dev: Recording) -> None:
    assert dev.pairs() == sorted(DEV)


def test_all_given(given: Recording) -> None:
    assert given.pairs() == sorted(ALL_GIVEN)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"preSharedKeyDelivery": "userData"}, DEV - KEYS_BY_STORE, id="keys-in-user-data"),
        pytest.param(
            {"instanceProfileName": "ours"},
            DEV - ROLE - {("aws:iam/rolePolicy:RolePolicy", "host-keys")},
            id="given-instance-profile",
        ),
        pytest.param({"proof": False}, DEV - PROOF, id="no-proof"),
        pytest.param({"clientSubnetCidrs": None}, DEV - CLIENTS, id="no-client-subnets"),
        pytest.param({"vcnSubnetCidrs": None}, DEV - VCN_SUBNETS, id="no-vcn-subnets"),
        pytest.param({"availabilityZone": "us-east-1b"}, DEV - {(STASH, "aws-zone")}, id="zone-by-name"),
        pytest.param({"drgId": "ocid1.drg.oc1.iad.given"}, DEV - {("oci:Core/drg:Drg", "oci-drg")}, id="given-drg"),
        pytest.param(
            {"sshCidrs": ["192.0.2.0/24"], "sshKeyName": "ops"},
            DEV
            | {
                (INGRESS, "aws-host-in-ssh-from-192-0-2-0-24"),
                (ACL_RULE, "aws-acl-in-ssh-1"),
                (ACL_RULE, "aws-acl-out-ssh-1"),
            },
            id="ssh",
        ),
    ],
)
def test_dev_with_a_change(changes: dict[str, object], expected: Pairs) -> None:
    assert record(changes).pairs() == sorted(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"networkAclId": None}, ALL_GIVEN - ACL_RULES, id="acl-left-alone"),
        pytest.param(
            # The given ACL belongs to the given subnet; a created one gets its own.
            {"hostSubnetId": None, "hostSubnetCidr": "10.0.0.0/24", "networkAclId": None},
            ALL_GIVEN | HOST_SUBNET,
            id="created-host-subnet",
        ),
        pytest.param({"clientSubnetCidrs": ["10.0.1.0/24"]}, ALL_GIVEN | CLIENTS, id="created-client-subnets"),
        pytest.param({"vcnSubnetCidrs": ["172.16.0.0/24"]}, ALL_GIVEN | VCN_SUBNETS, id="created-vcn-subnets"),
        pytest.param(
            {"routeTableIds": ["rtb-0c0c0c0c0c0c0c0c2"], "vcnRouteTableIds": ["ocid1.routetable.oc1.iad.second"]},
            # Names follow the table: taking out the first one leaves the second one's routes alone.
            ALL_GIVEN
            - {
                (ROUTE, "aws-rtb-0c0c0c0c0c0c0c0c1-to-172-16-0-0-16"),
                (COMMAND, "oci-table-first-to-10-0-0-0-16"),
            },
            id="one-table-less",
        ),
    ],
)
def test_given_networks_with_a_change(changes: dict[str, object], expected: Pairs) -> None:
    assert record({**GIVEN, **changes}).pairs() == sorted(expected)


def test_several_cidrs_on_both_sides() -> None:
    several = record({"vpcCidrs": ["10.0.0.0/16", "10.1.0.0/16"], "vcnCidrs": ["172.16.0.0/16", "172.17.0.0/16"]})
    assert several.pairs() == sorted(
        DEV
        | {
            ("aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation", "aws-vpc-10-1-0-0-16"),
            (INGRESS, "aws-host-in-from-10-1-0-0-16"),
            (EGRESS, "aws-host-out-to-10-1-0-0-16"),
            (ACL_RULE, "aws-acl-in-clients-2"),
            (ACL_RULE, "aws-acl-out-clients-2"),
            (ROUTE, "aws-host-to-172-17-0-0-16"),
            (ROUTE, "aws-clients-to-172-17-0-0-16"),
        }
    )


def test_two_runs_register_the_same_inputs_and_options(dev: Recording) -> None:
    def written(recording: Recording) -> list[tuple[str, bytes]]:
        everything = []
        for resource in recording.resources:
            request = type(resource.request)()
            request.CopyFrom(resource.request)
            # Where in the program it was registered: the SDK's own note, with the checkout's path.
            for field in ("sourcePosition", "stackTrace"):
                request.ClearField(field)
            # A set on the wire, in no order.
            request.dependencies[:] = sorted(request.dependencies)
            for listed in request.propertyDependencies.values():
                listed.urns[:] = sorted(listed.urns)
            everything.append((resource.urn, request.SerializeToString(deterministic=True)))
        return sorted(everything)

    assert written(record()) == written(dev)
