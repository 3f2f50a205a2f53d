"""Oracle's side as declared: a headend's place, the DRG and the VCN's router, as text.

Not proven here: that ip and nft do what the text says (the lab does).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from lab.fabric import addresses, oracle
from lab.fabric.declared import Attachment, Declared, DrgRoute, Filter, RuleSet
from lab.fabric.returning import Choice
from tests.fabric.test_fabric_vpc import chain, table
from tests.fabric.world import VCN, VPC, WORLD, route, with_attachment

HOPS = {number: f"nexthop via 100.64.0.1{number} dev headend-{number} onlink" for number in (1, 2)}
THROUGH = {number: DrgRoute(destination=VPC, attachment_id=f"attachment-{number}") for number in (1, 2)}
BOTH = with_attachment("attachment-vcn", THROUGH[1], THROUGH[2])
HOME = ["unreachable 172.16.0.0/16", "172.16.0.254/32 dev vcn-host scope link"]


def from_vcn(declared: Declared, choice: Choice, *, ecmp: bool = False) -> list[str]:
    """The DRG's routes for what comes from the VCN."""

    def change(one: Attachment) -> Attachment:
        return replace(one, ecmp=ecmp) if one.kind == "VCN" else one

    changed = replace(declared, attachments=tuple(change(one) for one in declared.attachments))
    return table(oracle.drg_script(changed, choice), "vcn")


@pytest.mark.parametrize("sticky", [1, 2])
def test_without_ecmp_the_chosen_tunnel_carries_even_beside_another(sticky: int) -> None:
    choice = Choice(up=frozenset({1, 2}), sticky=sticky)
    assert from_vcn(BOTH, choice) == [f"10.0.0.0/16 {HOPS[sticky]}"]


@pytest.mark.parametrize(
    ("up", "numbers"), [(frozenset({1, 2}), (1, 2)), (frozenset({2}), (2,)), (frozenset({1}), (1,))]
)
def test_with_ecmp_every_tunnel_that_is_up_carries(up: frozenset[int], numbers: tuple[int, ...]) -> None:
    hops = " ".join(HOPS[number] for number in numbers)
    assert from_vcn(BOTH, Choice(up=up, sticky=1), ecmp=True) == [f"10.0.0.0/16 {hops}"]


@pytest.mark.parametrize("ecmp", [False, True])
def test_a_route_stays_when_no_tunnel_is_up(ecmp: bool) -> None:
    assert from_vcn(BOTH, Choice(), ecmp=ecmp) == [f"10.0.0.0/16 {HOPS[1]}"]


def test_only_tunnels_that_have_a_route_count() -> None:
    only = with_attachment("attachment-vcn", THROUGH[2])
    assert from_vcn(only, Choice(up=frozenset({1, 2}), sticky=1)) == [f"10.0.0.0/16 {HOPS[2]}"]
    assert from_vcn(with_attachment("attachment-vcn"), Choice(sticky=1)) == []


def test_a_route_to_an_attachment_that_is_gone_is_none() -> None:
    gone = with_attachment("attachment-vcn", DrgRoute(destination=VPC, attachment_id="attachment-gone"))
    assert from_vcn(gone, Choice(sticky=1)) == []


def test_what_comes_from_a_tunnel_goes_by_that_tunnels_table() -> None:
    one_way = with_attachment("attachment-2")
    text = oracle.drg_script(one_way, Choice(up=frozenset({1, 2}), sticky=2))
    assert table(text, "headend-1") == ["172.16.0.0/16 nexthop via 100.64.0.30 dev vcn onlink"]
    assert table(text, "headend-2") == []


def test_nothing_is_routed_to_a_vcn_that_is_not_attached() -> None:
    without = replace(WORLD, attachments=WORLD.attachments[1:])
    text = oracle.drg_script(without, Choice(sticky=1))
    assert "iif vcn" not in text
    assert table(text, "headend-1") == []


def test_a_headend_without_an_address_does_nothing() -> None:
    assert oracle.headend_script(replace(WORLD.tunnels[0], headend=None)) == ""


def test_a_headends_addresses_and_routes() -> None:
    text = oracle.headend_script(replace(WORLD.tunnels[1], static_routes=(VPC, IPv4Network("10.9.0.0/16"))))
    assert text.split("ip -force")[0].splitlines() == [
        *addresses.only("lo", "100.64.0.12/32", "198.51.100.7/32"),
        "ip route replace default via 100.64.0.2 dev internet onlink src 198.51.100.7",
        *addresses.only("ipsec", "169.254.22.1/30"),
        "ip route replace 10.0.0.0/16 dev ipsec scope link",
        "ip route replace 10.9.0.0/16 dev ipsec scope link",
    ]
    assert table(text, "drg") == ["10.0.0.0/16 dev ipsec scope link", "10.9.0.0/16 dev ipsec scope link"]
    assert table(text, "ipsec") == ["default via 100.64.0.20 dev drg onlink"]


def test_a_headend_without_inside_address_or_static_routes() -> None:
    text = oracle.headend_script(replace(WORLD.tunnels[0], oracle_inside=None, static_routes=()))
    assert "169.254." not in text and "dev ipsec scope link" not in text
    assert table(text, "drg") == []


def test_routes_of_the_vcn() -> None:
    text = oracle.vcn_script(WORLD)
    assert table(text, "vcn-host") == [*HOME, "10.0.0.0/16 via 100.64.0.20 dev drg onlink"]
    assert table(text, "drg") == HOME
    assert "ip address replace 172.16.0.1/24 dev vcn-host" in text


def test_a_rule_to_a_drg_that_is_not_attached_is_a_black_hole() -> None:
    without = replace(WORLD, attachments=WORLD.attachments[1:])
    assert table(oracle.vcn_script(without), "vcn-host") == [*HOME, "blackhole 10.0.0.0/16"]


@pytest.mark.parametrize("target", ["ocid1.drg.oc1..another", "ocid1.internetgateway.oc1..a"])
def test_a_rule_to_anything_but_the_tunnels_drg_is_a_black_hole(target: str) -> None:
    assert WORLD.vcn is not None
    given = replace(WORLD.vcn.tables["vcn-table"], routes=(route("10.0.0.0/16", target),))
    elsewhere = replace(WORLD, vcn=replace(WORLD.vcn, tables={"vcn-table": given}))
    assert table(oracle.vcn_script(elsewhere), "vcn-host") == [*HOME, "blackhole 10.0.0.0/16"]


def test_rules_of_every_list_of_the_subnet_and_of_every_group_count_and_no_others() -> None:
    def allowing(name: str, protocol: int) -> RuleSet:
        rule = Filter(protocol=protocol, cidr=VCN)
        return RuleSet(id=name, ingress=(rule,), egress=(rule,))

    assert WORLD.vcn is not None
    lists = {one.id: one for one in (allowing("first", 1), allowing("second", 2), allowing("another subnet's", 3))}
    [subnet] = WORLD.vcn.subnets
    vcn = replace(
        WORLD.vcn,
        subnets=(replace(subnet, filter_ids=("first", "second", "gone")),),
        lists=lists,
        groups=(allowing("nsg-1", 4), allowing("nsg-2", 5)),
    )
    text = oracle.rules(replace(WORLD, vcn=vcn))
    for name, end, word in (("to-host", "saddr", "ingress"), ("from-host", "daddr", "egress")):
        assert chain(text, name) == [
            "ct state established return",
            *(f"ip {end} 172.16.0.0/16 meta l4proto {number} return" for number in (1, 2, 4, 5)),
            f'counter drop comment "security rules of subnet …vcn-subnet, {word}"',
        ]
    assert chain(text, "forward")[1:] == ['iifname "vcn-host" jump from-host', 'oifname "vcn-host" jump to-host']


def test_a_vcn_without_rules_lets_nothing_through() -> None:
    assert WORLD.vcn is not None
    text = oracle.rules(replace(WORLD, vcn=replace(WORLD.vcn, lists={})))
    for name in ("to-host", "from-host"):
        assert [line for line in chain(text, name) if "return" in line] == ["ct state established return"]


def test_before_there_is_a_vcn_nothing_is_forwarded() -> None:
    assert chain(oracle.rules(Declared()), "forward") == ["type filter hook forward priority 0; policy drop;"]
    assert "iif " not in oracle.vcn_script(Declared())


def test_the_host_in_the_vcn() -> None:
    assert oracle.vcn_host_script(WORLD).splitlines() == [
        "ip link set vcn mtu 9000",
        *addresses.only("vcn", "172.16.0.254/24"),
        "ip route replace default via 172.16.0.1 dev vcn",
    ]
    assert "address replace" not in oracle.vcn_host_script(Declared())
