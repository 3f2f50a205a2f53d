"""What a survey concludes from what it found, the order of tunnels, and the text of commands.

Does not prove the look-ups themselves (tests/program and tests/engine do).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import IPv4Network

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import aws_findings, local_command, oci_findings
from components.aws_findings import AwsSurvey, GivenSubnet, GivenVpc, Route
from components.oci_findings import Attachment, GivenVcn, OciSurvey
from components.oci_tunnels import in_order
from components.settings import Settings
from components.tunnel_check import tunnel_states
from tests.pure.stacks import parse

VPC, SUBNET, TABLE = "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "rtb-0123456789abcdef0"
GROUP = "ocid1.networksecuritygroup.oc1.iad.x"
VCN, DRG, LIST = "ocid1.vcn.oc1.iad.x", "ocid1.drg.oc1.iad.x", "ocid1.securitylist.oc1.iad.x"
ATTACHMENT, VCN_TABLE = "ocid1.drgattachment.oc1.iad.x", "ocid1.routetable.oc1.iad.x"
INTERNET = Route(destination="0.0.0.0/0", gateway="igw-1", interface=None)
VCN_CIDRS = (IPv4Network("172.16.0.0/16"),)
VPC_CIDRS = (IPv4Network("10.0.0.0/16"),)

ACL = "acl-0123456789abcdef0"
SUBNET_FOUND = GivenSubnet(
    id=SUBNET,
    vpc_id=VPC,
    cidr=IPv4Network("10.0.0.0/24"),
    zone="us-east-1a",
    routes=(INTERNET,),
    network_acl_id=ACL,
)
VPC_FOUND = GivenVpc(
    id=VPC,
    cidrs=VPC_CIDRS,
    internet_gateway_id="igw-1",
    host_subnet=SUBNET_FOUND,
    route_tables={TABLE: ()},
    own_interfaces=frozenset({"eni-own"}),
)
VCN_FOUND = GivenVcn(
    id=VCN,
    compartment_id="c",
    has_dns=True,
    cidrs=VCN_CIDRS,
    attachment=Attachment(id=ATTACHMENT, drg_id=DRG, own=False),
    foreign_routes={VCN_TABLE: ("192.168.0.0/16",)},
    security_lists=frozenset({LIST}),
    groups={GROUP: VCN},
)


def given_settings(**changes: object) -> Settings:
    return parse(
        **{
            "vpcCidrs": None,
            "vpcId": VPC,
            "hostSubnetCidr": None,
            "hostSubnetId": SUBNET,
            "routeTableIds": [TABLE],
            "vcnCidrs": None,
            "vcnId": VCN,
            "vcnRouteTableIds": [VCN_TABLE],
            "vcnSecurityListIds": [LIST],
            "drgId": DRG,
            "drgAttachmentId": ATTACHMENT,
            **changes,
        }
    )


def aws_faults(vpc: GivenVpc, **changes: object) -> list[str]:
    settings = given_settings(**changes)
    found = AwsSurvey(zones=("us-east-1a", "us-east-1b"), newest_image="ami-1", vpc=vpc)
    return list(aws_findings.survey_faults(found, settings.aws, settings.host, VCN_CIDRS))


def oci_faults(vcn: GivenVcn, changes: dict[str, object], inside: tuple[IPv4Network, ...] = ()) -> list[str]:
    settings = given_settings(**changes)
    found = OciSurvey(vcn=vcn, inside_cidrs=inside, device_shape_id=None)
    return list(oci_findings.survey_faults(found, settings.oci, VPC_CIDRS, settings.tunnel.inside_cidrs))


def test_networks_that_can_work_have_no_fault() -> None:
    assert aws_faults(VPC_FOUND) == []
    assert oci_faults(VCN_FOUND, {}) == []


def routes(*more: Route) -> GivenVpc:
    return replace(VPC_FOUND, route_tables={TABLE: (INTERNET, *more)})


@pytest.mark.parametrize(
    ("vpc", "changes", "faults"),
    [
        (
            replace(VPC_FOUND, host_subnet=replace(SUBNET_FOUND, vpc_id="vpc-2")),
            {},
            [f"hostSubnetId: '{SUBNET}' is refused: it belongs to vpc-2, not to {VPC}"],
        ),
        (
            replace(VPC_FOUND, host_subnet=replace(SUBNET_FOUND, routes=())),
            {},
            [
                f"hostSubnetId: '{SUBNET}' is refused: its route table has no route 0.0.0.0/0 to an internet gateway, "
                "which the tunnels and the packages need"
            ],
        ),
        (
            replace(VPC_FOUND, host_subnet=replace(SUBNET_FOUND, zone="us-east-1f")),
            {},
            [
                f"hostSubnetId: '{SUBNET}' is refused: it is in us-east-1f, which does not offer t3.small; "
                "us-east-1a, us-east-1b do"
            ],
        ),
        (
            VPC_FOUND,
            {"networkAclId": "acl-0fedcba9876543210"},
            [
                f"networkAclId: 'acl-0fedcba9876543210' is refused: {SUBNET} is under {ACL}, so rules of another ACL "
                "would let nothing in"
            ],
        ),
        (VPC_FOUND, {"networkAclId": ACL}, []),
        (
            replace(VPC_FOUND, host_subnet=None, internet_gateway_id=None),
            {"hostSubnetId": None, "hostSubnetCidr": "10.0.0.0/24"},
            [f"vpcId: '{VPC}' is refused: no internet gateway is attached to it, and the host needs one"],
        ),
        (
            replace(VPC_FOUND, host_subnet=None),
            {"hostSubnetId": None, "hostSubnetCidr": "10.9.0.0/24"},
            [f"hostSubnetCidr: 10.9.0.0/24 is refused: it lies in none of the CIDRs of {VPC}"],
        ),
        (
            VPC_FOUND,
            {"clientSubnetCidrs": ["10.9.0.0/24"]},
            [f"clientSubnetCidrs: 10.9.0.0/24 is refused: it lies in none of the CIDRs of {VPC}"],
        ),
        (
            routes(Route(destination="172.16.0.0/16", gateway=None, interface="eni-2")),
            {},
            [f"routeTableIds: '{TABLE}' is refused: it has a route to 172.16.0.0/16 already, and not by this stack"],
        ),
        (
            routes(Route(destination="172.16.0.0/16", gateway="vgw-1", interface=None)),
            {},
            [f"routeTableIds: '{TABLE}' is refused: it has a route to 172.16.0.0/16 already, and not by this stack"],
        ),
        (routes(Route(destination="172.16.0.0/16", gateway=None, interface="eni-own")), {}, []),
        (routes(Route(destination="172.17.0.0/16", gateway="vgw-1", interface=None)), {}, []),
        (
            VPC_FOUND,
            {"availabilityZone": "us-east-1c", "hostSubnetId": "", "hostSubnetCidr": "10.0.7.0/24"},
            ["availabilityZone: 'us-east-1c' is refused: t3.small is offered in us-east-1a, us-east-1b"],
        ),
    ],
)
def test_why_a_given_vpc_cannot_work(vpc: GivenVpc, changes: dict[str, object], faults: list[str]) -> None:
    assert aws_faults(vpc, **changes) == faults


def attached(drg: str, *, own: bool) -> GivenVcn:
    return replace(VCN_FOUND, attachment=Attachment(id=ATTACHMENT, drg_id=drg, own=own))


NO_ATTACHMENT = replace(VCN_FOUND, attachment=None)


@pytest.mark.parametrize(
    ("vcn", "changes", "faults"),
    [
        (
            attached("ocid1.drg.other", own=False),
            {},
            [
                f"vcnId: '{VCN}' is refused: it is attached to ocid1.drg.other, and a VCN attaches to one DRG only; "
                f"set drgId to that and drgAttachmentId to {ATTACHMENT}"
            ],
        ),
        (
            VCN_FOUND,
            {"drgAttachmentId": None},
            [f"vcnId: '{VCN}' is attached to drgId already; set drgAttachmentId to {ATTACHMENT}"],
        ),
        (attached("ocid1.drg.ours", own=True), {"drgId": None, "drgAttachmentId": None}, []),
        (NO_ATTACHMENT, {"drgAttachmentId": None}, []),
        (NO_ATTACHMENT, {}, [f"drgAttachmentId: '{ATTACHMENT}' is refused: it does not attach {VCN}"]),
        (
            VCN_FOUND,
            {"vcnSubnetCidrs": ["172.17.0.0/24"]},
            [f"vcnSubnetCidrs: 172.17.0.0/24 is refused: it lies in none of the CIDRs of {VCN}"],
        ),
        (
            replace(VCN_FOUND, foreign_routes={}),
            {},
            [f"vcnRouteTableIds: '{VCN_TABLE}' is refused: {VCN} has no such route table"],
        ),
        (
            replace(VCN_FOUND, foreign_routes={VCN_TABLE: ("10.0.0.0/16",)}),
            {},
            [
                f"vcnRouteTableIds: '{VCN_TABLE}' is refused: it has a rule for 10.0.0.0/16 already, and not by this "
                "stack"
            ],
        ),
        (
            replace(VCN_FOUND, security_lists=frozenset()),
            {},
            [f"vcnSecurityListIds: '{LIST}' is refused: {VCN} has no such security list"],
        ),
        (
            replace(VCN_FOUND, groups={GROUP: "ocid1.vcn.oc1.iad.y"}),
            {},
            [f"vcnNetworkSecurityGroupIds: '{GROUP}' is refused: it belongs to ocid1.vcn.oc1.iad.y, not to {VCN}"],
        ),
    ],
)
def test_why_a_given_vcn_cannot_work(vcn: GivenVcn, changes: dict[str, object], faults: list[str]) -> None:
    assert oci_faults(vcn, changes) == faults


def test_inside_networks_of_another_connection_are_refused() -> None:
    assert oci_faults(VCN_FOUND, {}, (IPv4Network("169.254.22.0/31"),)) == [
        "tunnel2InsideCidr: 169.254.22.0/30 is refused: another connection of the DRG has 169.254.22.0/31 "
        "inside a tunnel"
    ]


def test_an_instance_type_that_no_zone_offers() -> None:
    settings = parse()
    found = AwsSurvey(zones=(), newest_image="ami-1", vpc=None)
    assert list(aws_findings.survey_faults(found, settings.aws, settings.host, VCN_CIDRS)) == [
        "instanceType: 't3.small' is refused: no zone of the region offers it"
    ]


tunnels = st.tuples(st.text("ocid1.tunelabc", min_size=1), st.ip_addresses(v=4).map(str))


@given(st.lists(tunnels, min_size=2, max_size=2, unique_by=lambda tunnel: tunnel[0]))
def test_tunnels_are_ordered_by_ocid_whatever_the_listing(two: list[tuple[str, str]]) -> None:
    ordered = in_order(two)
    assert ordered == in_order(list(reversed(two)))
    assert [ocid for ocid, _ in ordered] == sorted(ocid for ocid, _ in two)
    assert set(ordered) == set(two)


@given(st.lists(tunnels, max_size=5).filter(lambda found: len(found) != 2))
def test_other_than_two_tunnels_are_refused(found: list[tuple[str, str]]) -> None:
    with pytest.raises(pulumi.RunError, match=f"^the IPSec connection has {len(found)} tunnels, and two"):
        in_order(found)


def test_a_tunnel_without_an_address_is_refused() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        in_order([("b", ""), ("a", "198.51.100.1")])
    assert str(refused.value) == (
        "the IPSec connection has 2 tunnels, and two with an address are needed: a (198.51.100.1), b (no address); "
        "look at it in the OCI console, then run `pulumi up` again"
    )


def test_states_are_named_in_the_order_of_the_proof() -> None:
    said = json.dumps([{"id": "a", "vpnIp": "1", "status": "UP"}, {"id": "b", "vpnIp": "2", "status": "DOWN"}])
    assert tunnel_states(said) == {"tunnel-1": "UP", "tunnel-2": "DOWN"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("check-tunnels", "./commands/run check-tunnels"),
        ("PROVEN_BEFORE=true check-tunnels", "PROVEN_BEFORE=true ./commands/run check-tunnels"),
    ],
)
def test_command_text(name: str, text: str) -> None:
    assert local_command.run(name) == text
    assert not re.search(r"(^|\s)/", text)
