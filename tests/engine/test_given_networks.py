"""A stack in networks that were there before: only what is missing is made, and nothing that was there is touched.

The tests are one story for each of two stacks and run in their order: in the first everything is given, in the second
the host's subnet and the DRG are made in given networks. No packet flows, and what stands in for the clouds is checked
elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from components.labels import ocid_end
from lab.clouds.cluster import REGION
from lab.engine.result import Operation
from lab.lab import Lab
from tests.engine.disorder import delays
from tests.engine.given_networks import (
    FIRST_RULE,
    RULE_NUMBERS,
    GivenVcn,
    GivenVpc,
    add_acl_rule,
    add_vcn_rules,
    foreign_vcn,
    foreign_vpc,
    leave_hub,
    make_vcn,
    make_vpc,
    take_vcn_rules,
)

COMMAND = "command:local:Command"
GROUP_RULE = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
VPC_SLUGS, VCN_SLUGS = ("10-20-0-0-16", "10-21-0-0-16"), ("172-20-0-0-16", "172-21-0-0-16")
BOTH_UP = {"tunnel-1": "UP", "tunnel-2": "UP"}


@dataclass(frozen=True)
class Given:
    """Both networks in the lab's clouds, and how they were before any stack."""

    lab: Lab
    vpc: GivenVpc
    vcn: GivenVcn
    before: str
    leftovers: dict[str, list[str]]

    def describe_vpc(self) -> dict[str, Any]:
        return self.lab.clouds.aws.describe_network(self.vpc.id)

    def describe_vcn(self) -> dict[str, Any]:
        return self.lab.clouds.oci.describe_vcn(self.vcn.id)

    def now(self) -> str:
        return json.dumps([self.describe_vpc(), self.describe_vcn()])

    def foreign(self) -> str:
        """What is there and not the stack's, while it is up."""
        interface = self.lab.project.outputs()["networkInterfaceId"]
        [described] = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
        groups = {group["GroupId"] for group in described["Groups"]}
        return json.dumps([foreign_vpc(self.describe_vpc(), {interface}, groups), foreign_vcn(self.describe_vcn())])

    @property
    def ec2(self) -> Any:
        return self.lab.clouds.aws.client("ec2", REGION)


@pytest.fixture(scope="module")
def given(lab: Lab) -> Given:
    vpc, vcn = make_vpc(lab.clouds), make_vcn(lab.clouds)
    found = Given(lab, vpc, vcn, "", lab.leftovers())
    return Given(lab, vpc, vcn, found.now(), found.leftovers)


def steps(operations: list[Operation]) -> set[tuple[str, str, str]]:
    every = [(one.op, one.type, one.name) for one in operations]
    assert len(set(every)) == len(every)
    return set(every)


def rules_of_list(listed: str, *labels: str) -> set[tuple[str, str]]:
    names = ["path-mtu", *(f"{label}-from-{vpc}" for label in labels for vpc in VPC_SLUGS)]
    return {(COMMAND, f"oci-list-{ocid_end(listed)}-{name}") for name in names}


def routes_of_table(table: str) -> set[tuple[str, str]]:
    return {(COMMAND, f"oci-table-{ocid_end(table)}-to-{vpc}") for vpc in VPC_SLUGS}


def rules_of_group(group: str, *labels: str) -> set[tuple[str, str]]:
    return {(GROUP_RULE, name.replace("-list-", "-group-")) for _, name in rules_of_list(group, *labels)}


def vpc_routes(role: str) -> set[tuple[str, str]]:
    return {(ROUTE, f"aws-{role}-to-{vcn}") for vcn in VCN_SLUGS}


ALWAYS = {
    ("pulumi:pulumi:Stack", "aws-oci-libreswan-dev"),
    ("pulumi:providers:aws", "aws"),
    ("pulumi:providers:oci", "oci"),
    ("aws-oci-libreswan:aws:AwsSide", "aws"),
    ("aws-oci-libreswan:oci:OciSide", "oci"),
    ("aws-oci-libreswan:host:LibreswanHost", "host"),
    ("aws-oci-libreswan:proof:TunnelCheck", "proof"),
    ("aws:ec2/securityGroup:SecurityGroup", "aws-host"),
    ("aws:ec2/networkInterface:NetworkInterface", "aws-interface"),
    ("aws:ec2/eip:Eip", "aws-address"),
    ("aws:ec2/eipAssociation:EipAssociation", "aws-address"),
    ("aws:ec2/instance:Instance", "host-instance"),
    ("aws:iam/role:Role", "host"),
    ("aws:iam/rolePolicy:RolePolicy", "host-keys"),
    ("aws:iam/rolePolicy:RolePolicy", "host-sessions"),
    ("aws:iam/instanceProfile:InstanceProfile", "host"),
    ("pulumi:index:Stash", "host-image"),
    ("pulumi:index:Stash", "host-user-data"),
    ("oci:Core/cpe:Cpe", "oci-cpe"),
    ("oci:Core/ipsec:Ipsec", "oci-connection"),
    (COMMAND, "proof-tunnels-up"),
    *((INGRESS, f"aws-host-in-{name}") for name in ("path-mtu", *(f"from-{vpc}" for vpc in VPC_SLUGS))),
    *((EGRESS, f"aws-host-out-{name}") for name in ("path-mtu", "packages-80", "packages-443")),
    *((EGRESS, f"aws-host-out-to-{vpc}") for vpc in VPC_SLUGS),
    *((ACL_RULE, f"aws-acl-in-{name}") for name in ("answers", "path-mtu", "clients-1", "clients-2")),
    *((ACL_RULE, f"aws-acl-out-{name}") for name in ("packages-80", "packages-443", "path-mtu")),
    *((ACL_RULE, f"aws-acl-out-{name}") for name in ("clients-1", "clients-2")),
    *((INGRESS, f"host-tunnel-{n}-in-udp-{port}") for n in (1, 2) for port in (500, 4500)),
    *((EGRESS, f"host-tunnel-{n}-out") for n in (1, 2)),
    *((ACL_RULE, f"host-tunnel-{n}-{way}-udp") for n in (1, 2) for way in ("in", "out")),
    *(("aws:ssm/parameter:Parameter", f"host-tunnel-{n}-key") for n in (1, 2)),
    *((COMMAND, f"oci-tunnel-{n}-ready") for n in (1, 2)),
    *(("oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement", f"oci-tunnel-{n}") for n in (1, 2)),
}


def test_only_what_is_missing_is_made(given: Given) -> None:
    vpc, vcn = given.vpc, given.vcn
    given.lab.configure(
        vpcCidrs=None,
        vpcId=vpc.id,
        hostSubnetCidr=None,
        hostSubnetId=vpc.host_subnet,
        clientSubnetCidrs=None,
        routeTableIds=[vpc.client_table],
        networkAclId=vpc.acl,
        networkAclFirstRule=FIRST_RULE,
        vcnCidrs=None,
        vcnId=vcn.id,
        vcnSubnetCidrs=None,
        vcnRouteTableIds=[vcn.table],
        vcnSecurityListIds=[vcn.filters],
        vcnNetworkSecurityGroupIds=[vcn.group],
        drgId=vcn.drg,
        drgAttachmentId=vcn.attachment,
    )
    up = given.lab.project.up().check()
    made = {
        *ALWAYS,
        *vpc_routes(vpc.client_table),
        *routes_of_table(vcn.table),
        *rules_of_list(vcn.filters, "all"),
        *rules_of_group(vcn.group, "all"),
    }
    assert steps(up.operations()) == {("create", *one) for one in made}
    assert given.lab.project.outputs()["tunnelStates"] == BOTH_UP


def test_nothing_that_was_there_is_touched(given: Given) -> None:
    assert given.foreign() == given.before
    assert given.now() != given.before


def test_nothing_changes_in_a_second_preview(given: Given) -> None:
    given.lab.project.preview("--refresh", "--expect-no-changes").check()


def test_rules_come_and_go_one_at_a_time(given: Given) -> None:
    """The subnets' default tables too, a second table of the VPC, and less that may come in."""
    vpc, vcn = given.vpc, given.vcn
    given.lab.configure(
        routeTableIds=[vpc.host_table, vpc.client_table],
        vcnRouteTableIds=[vcn.default_table, vcn.table],
        vcnSecurityListIds=[vcn.default_list, vcn.filters],
        vcnIngress=["icmp", "tcp/22"],
    )
    up = given.lab.project.up().check()
    before = rules_of_list(vcn.filters, "all") | rules_of_group(vcn.group, "all")
    after = rules_of_list(vcn.filters, "icmp", "tcp-22") | rules_of_group(vcn.group, "icmp", "tcp-22")
    after |= vpc_routes(vpc.host_table) | routes_of_table(vcn.default_table)
    after |= rules_of_list(vcn.default_list, "icmp", "tcp-22")
    assert steps(up.operations()) == {
        *(("create", *one) for one in after - before),
        *(("delete", *one) for one in before - after),
        # It looks at the routes of the second table as well.
        ("update", COMMAND, "proof-tunnels-up"),
    }
    assert given.foreign() == given.before


def test_what_somebody_added_behind_our_back_stays(given: Given) -> None:
    given.ec2.create_route(
        RouteTableId=given.vpc.client_table,
        DestinationCidrBlock="192.168.99.0/24",
        NetworkInterfaceId=given.vpc.appliance,
    )
    add_acl_rule(given.ec2, given.vpc.acl, RULE_NUMBERS[-1] + 10, egress=False)
    add_vcn_rules(given.lab.clouds, given.vcn)
    with_theirs = given.foreign()
    assert with_theirs != given.before
    given.lab.project.preview("--expect-no-changes").check()

    given.lab.inject(*delays(4, "delete", longest=0.8))
    destroyed = given.lab.project.destroy().check()
    given.lab.inject()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert given.now() == with_theirs
    assert given.lab.leftovers() == given.leftovers


def test_networks_are_as_they_were_found(given: Given) -> None:
    """Once what somebody added is gone as well."""
    given.ec2.delete_route(RouteTableId=given.vpc.client_table, DestinationCidrBlock="192.168.99.0/24")
    given.ec2.delete_network_acl_entry(NetworkAclId=given.vpc.acl, RuleNumber=RULE_NUMBERS[-1] + 10, Egress=False)
    take_vcn_rules(given.lab.clouds, given.vcn)
    assert given.now() == given.before


def test_a_host_subnet_and_a_drg_are_made_in_given_networks(given: Given) -> None:
    """The second stack: somebody's hub is left, so the VCN hangs on no DRG."""
    vpc, vcn = given.vpc, given.vcn
    leave_hub(given.lab.clouds, vcn)
    given.lab.configure(
        hostSubnetId=None,
        hostSubnetCidr="10.21.64.0/24",
        clientSubnetCidrs=["10.20.65.0/24"],
        routeTableIds=[vpc.client_table],
        networkAclId=None,
        networkAclFirstRule=None,
        vcnSubnetCidrs=["172.21.66.0/24"],
        vcnRouteTableIds=[vcn.default_table],
        vcnSecurityListIds=None,
        vcnNetworkSecurityGroupIds=None,
        drgId=None,
        drgAttachmentId=None,
    )
    before, leftovers = given.now(), given.lab.leftovers()
    up = given.lab.project.up().check()
    made = {
        *ALWAYS,
        *(("aws:ec2/subnet:Subnet", f"aws-{name}") for name in ("host", "client-10-20-65-0-24")),
        *(("aws:ec2/routeTable:RouteTable", f"aws-{role}") for role in ("host", "clients")),
        (ASSOCIATION, "aws-host"),
        (ASSOCIATION, "aws-client-10-20-65-0-24"),
        (ROUTE, "aws-host-internet"),
        *vpc_routes("host"),
        *vpc_routes("clients"),
        *vpc_routes(vpc.client_table),
        ("aws:ec2/networkAcl:NetworkAcl", "aws-host"),
        ("aws:ec2/networkAclAssociation:NetworkAclAssociation", "aws-host"),
        ("pulumi:index:Stash", "aws-zone"),
        ("oci:Core/drg:Drg", "oci-drg"),
        ("oci:Core/drgAttachment:DrgAttachment", "oci-attachment"),
        ("oci:Core/subnet:Subnet", "oci-subnet-172-21-66-0-24"),
        ("oci:Core/routeTable:RouteTable", "oci-subnets"),
        ("oci:Core/securityList:SecurityList", "oci-subnets"),
        *routes_of_table(vcn.default_table),
    }
    assert steps(up.operations()) == {("create", *one) for one in made}
    assert given.lab.project.outputs()["tunnelStates"] == BOTH_UP
    given.lab.project.preview("--refresh", "--expect-no-changes").check()

    # What others wait for goes late, so that whatever does not wait goes too early.
    slow = (COMMAND, ROUTE, ASSOCIATION, "aws:ec2/eipAssociation:EipAssociation", "oci:Core/subnet:Subnet")
    given.lab.inject(*({"type": kind, "operation": "delete", "delay": 1.0} for kind in slow))
    given.lab.project.destroy().check()
    assert given.now() == before
    assert given.lab.leftovers() == leftovers
