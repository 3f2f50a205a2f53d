"""Which DRG route tables let packets pass between the VCN and the tunnels, and what is said when they do not.

Pure. Does not prove how OCI fills the tables.
"""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from commands.drg_routes import Attachment, Drg, Rule, problems

VPC, VPC2 = IPv4Network("10.0.0.0/16"), IPv4Network("10.1.0.0/16")
VCN = IPv4Network("172.16.0.0/16")
VCN_ATTACHMENT = Attachment("att.vcn", "vcn", "table.vcn")
TUNNEL_A = Attachment("att.a", "tunnel.a", "table.tunnels")
TUNNEL_B = Attachment("att.b", "tunnel.b", "table.tunnels")
GOOD = {
    "table.vcn": [Rule(VPC, "att.a"), Rule(VPC, "att.b")],
    "table.tunnels": [Rule(VCN, "att.vcn")],
}


def found(
    rules: dict[str, list[Rule]],
    attachments: tuple[Attachment, ...] = (VCN_ATTACHMENT, TUNNEL_A, TUNNEL_B),
    vpc: tuple[IPv4Network, ...] = (VPC,),
    vcn: tuple[IPv4Network, ...] = (VCN,),
) -> list[str]:
    return problems(Drg("drg", attachments, rules), "vcn", ["tunnel.a", "tunnel.b"], vpc, vcn)


@pytest.mark.parametrize(
    "rules",
    [
        GOOD,
        {**GOOD, "table.vcn": [Rule(VPC, "att.b")]},
        {**GOOD, "table.vcn": [Rule(IPv4Network("0.0.0.0/0"), "att.a")]},
        {**GOOD, "table.vcn": [Rule(IPv4Network("0.0.0.0/0"), "att.rpc"), Rule(VPC, "att.a")]},
        {**GOOD, "table.vcn": [Rule(VPC, "att.gone", blackhole=True), Rule(VPC, "att.a")]},
        {**GOOD, "table.tunnels": [Rule(IPv4Network("172.16.0.0/12"), "att.vcn")]},
    ],
)
def test_packets_pass(rules: dict[str, list[Rule]]) -> None:
    assert found(rules) == []


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {**GOOD, "table.vcn": []},
            "DRG route table table.vcn (of the VCN) has no route to 10.0.0.0/16 by the tunnels",
        ),
        (
            {"table.tunnels": GOOD["table.tunnels"]},
            "DRG route table table.vcn (of the VCN) has no route to 10.0.0.0/16 by the tunnels",
        ),
        (
            {**GOOD, "table.vcn": [Rule(IPv4Network("10.0.0.0/17"), "att.a")]},
            "DRG route table table.vcn (of the VCN) has no route to 10.0.0.0/16 by the tunnels",
        ),
        (
            {**GOOD, "table.vcn": [Rule(IPv4Network("0.0.0.0/0"), "att.a"), Rule(VPC, "att.rpc")]},
            "DRG route table table.vcn (of the VCN) sends 10.0.0.0/16 to att.rpc, not to the tunnels",
        ),
        (
            {**GOOD, "table.vcn": [Rule(VPC, "att.a", blackhole=True)]},
            "DRG route table table.vcn (of the VCN) sends 10.0.0.0/16 to nowhere (blackhole), not to the tunnels",
        ),
        (
            {**GOOD, "table.tunnels": []},
            "DRG route table table.tunnels (of the tunnels) has no route to 172.16.0.0/16 by the VCN",
        ),
        (
            {**GOOD, "table.tunnels": [Rule(VCN, "att.a")]},
            "DRG route table table.tunnels (of the tunnels) sends 172.16.0.0/16 to att.a, not to the VCN",
        ),
    ],
)
def test_each_fault_names_the_table_and_the_network(rules: dict[str, list[Rule]], message: str) -> None:
    assert found(rules) == [message]


def test_each_cidr_is_looked_at() -> None:
    assert found(GOOD, vpc=(VPC, VPC2), vcn=(VCN, IPv4Network("192.168.0.0/24"))) == [
        "DRG route table table.vcn (of the VCN) has no route to 10.1.0.0/16 by the tunnels",
        "DRG route table table.tunnels (of the tunnels) has no route to 192.168.0.0/24 by the VCN",
    ]


def test_tunnels_with_tables_of_their_own_are_looked_at_one_by_one() -> None:
    other = Attachment("att.b", "tunnel.b", "table.b")
    assert found(GOOD, (VCN_ATTACHMENT, TUNNEL_A, other)) == [
        "DRG route table table.b (of the tunnels) has no route to 172.16.0.0/16 by the VCN"
    ]


@pytest.mark.parametrize(
    ("attachments", "messages"),
    [
        ((TUNNEL_A, TUNNEL_B), ["DRG drg has no attachment of VCN vcn"]),
        ((VCN_ATTACHMENT, TUNNEL_A), ["DRG drg has no attachment of tunnel tunnel.b"]),
        (
            (),
            [
                "DRG drg has no attachment of VCN vcn",
                "DRG drg has no attachment of tunnel tunnel.a",
                "DRG drg has no attachment of tunnel tunnel.b",
            ],
        ),
        (
            (Attachment("att.vcn", "vcn", None), TUNNEL_A, TUNNEL_B),
            ["the DRG attachment of the VCN has no DRG route table"],
        ),
    ],
)
def test_missing_attachments(attachments: tuple[Attachment, ...], messages: list[str]) -> None:
    assert found(GOOD, attachments) == messages


SUBNETS = (IPv4Network("172.16.1.0/24"), IPv4Network("172.16.2.0/24"))


def by_subnet(*routed: IPv4Network) -> list[str]:
    rules = {**GOOD, "table.tunnels": [Rule(network, "att.vcn") for network in routed]}
    drg = Drg("drg", (VCN_ATTACHMENT, TUNNEL_A, TUNNEL_B), rules, SUBNETS)
    return problems(drg, "vcn", ["tunnel.a", "tunnel.b"], (VPC,), (VCN,))


def test_an_attachment_that_announces_subnets_needs_no_route_to_the_whole_vcn() -> None:
    """What Oracle's console makes."""
    assert by_subnet(*SUBNETS) == []
    assert by_subnet(VCN) == []
    assert by_subnet(SUBNETS[0]) == [
        "DRG route table table.tunnels (of the tunnels) has no route to 172.16.2.0/24 by the VCN"
    ]
