"""What a change of the declared state changes in the fabric: no more than it must, so no packet is disturbed.

Not proven here: that the fabric runs only what differs (tests of the running lab do).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lab.fabric.declared import AclEntry, Declared, DrgRoute, Filter, RouteTable, RuleSet, Tunnel
from lab.fabric.internet import Servers, Weather
from lab.fabric.plan import Around, Plan, plan
from lab.fabric.returning import Choice
from tests.fabric.world import (
    ALL,
    ANYWHERE,
    VPC,
    WORLD,
    entry,
    route,
    with_acl,
    with_attachment,
    with_group,
    with_interface,
    with_routes,
    with_tunnel,
    with_vpc,
)

AROUND = Around(
    region="eu-central-1",
    servers=Servers(endpoint=8443, mirror=8080),
    choice=Choice(up=frozenset({1, 2}), sticky=2),
    metadata_port=8081,
)
ICMP = Filter(protocol="icmp", cidr=ANYWHERE)


def differences(before: Plan, after: Plan) -> set[str]:
    """Everything that the fabric would run."""

    def keys(kind: str, one: Mapping[Any, object], other: Mapping[Any, object]) -> set[str]:
        return {f"{kind}{key}" for key in one.keys() | other.keys() if one.get(key) != other.get(key)}

    found = keys("", before.places, after.places)
    found |= keys("daemon of ", before.daemons, after.daemons)
    return found | ({"name server"} if before.name_server != after.name_server else set())


def with_vcn_rule() -> Declared:
    assert WORLD.vcn is not None
    table = WORLD.vcn.tables["vcn-table"]
    changed = RouteTable(id=table.id, routes=(*table.routes, route("10.9.0.0/16", "drg")))
    return replace(WORLD, vcn=replace(WORLD.vcn, tables={"vcn-table": changed}))


def with_vcn_filters(*, group: bool) -> Declared:
    assert WORLD.vcn is not None
    rules = RuleSet(id="x", ingress=(ICMP,), egress=(ICMP,))
    vcn = replace(WORLD.vcn, groups=(rules,)) if group else replace(WORLD.vcn, lists={"list": rules})
    return replace(WORLD, vcn=vcn)


def tunnel(number: int, **changes: object) -> Declared:
    def change(one: Tunnel) -> Tunnel:
        return replace(one, **changes)  # type: ignore[arg-type]

    return with_tunnel(number, change)


DECLARED: dict[str, tuple[Declared, set[str]]] = {
    "rule of the VCN": (with_vcn_rule(), {"vcn"}),
    "security list": (with_vcn_filters(group=False), {"vcn"}),
    "network security group": (with_vcn_filters(group=True), {"vcn"}),
    "route of the DRG": (
        with_attachment("attachment-vcn", DrgRoute(destination=VPC, attachment_id="attachment-1")),
        {"drg"},
    ),
    "attachment of the VCN": (replace(WORLD, attachments=WORLD.attachments[1:]), {"drg", "vcn"}),
    "security group": (with_group((ICMP,), (ALL,)), {"vpc"}),
    "ACL": (with_acl("acl", ingress=(entry(100, ICMP),)), {"vpc"}),
    "order of an ACL": (with_acl("acl", ingress=(entry(100), entry(200, ICMP))), {"vpc"}),
    "route of the VPC": (with_routes("rtb-client", route("10.9.0.0/16", "eni")), {"vpc"}),
    "source/dest check": (with_interface(lambda one: replace(one, source_dest_check=True)), {"vpc"}),
    "gateway": (with_vpc(lambda one: replace(one, gateway_id=None)), {"vpc", "internet"}),
    "elastic address": (
        with_interface(lambda one: replace(one, public_ip=IPv4Address("203.0.113.9"))),
        {"internet"},
    ),
    "MAC address": (with_interface(lambda one: replace(one, mac="02:00:00:00:00:02")), {"name server"}),
    "key of tunnel 1": (tunnel(1, pre_shared_key="another"), {"daemon of headend-1"}),
    "key of tunnel 2": (tunnel(2, pre_shared_key="another"), {"daemon of headend-2"}),
    "IKE version": (tunnel(2, ike_version=1), {"daemon of headend-2"}),
    "lifetime": (tunnel(1, child_seconds=500), {"daemon of headend-1"}),
    "CPE's address": (tunnel(1, cpe_address=IPv4Address("203.0.113.9")), {"daemon of headend-1"}),
    "static routes": (tunnel(1, static_routes=(IPv4Network("10.9.0.0/16"),)), {"headend-1"}),
    "inside address": (tunnel(2, oracle_inside=None), {"headend-2"}),
    "headend's address": (
        tunnel(1, headend=IPv4Address("192.0.2.8")),
        {"headend-1", "daemon of headend-1", "internet"},
    ),
    "headend without address": (
        tunnel(1, headend=None),
        {"headend-1", "daemon of headend-1", "internet"},
    ),
    "state of a tunnel": (tunnel(1, available=False), set()),
    "host's files": (replace(WORLD, host=None), set()),
}

PLANNED: dict[str, tuple[Around, set[str]]] = {
    "delay": (replace(AROUND, weather=Weather(delay_ms=80)), {"internet"}),
    "loss": (replace(AROUND, weather=Weather(loss_percent=3)), {"internet"}),
    "path MTU": (replace(AROUND, weather=Weather(path_mtu=1400)), {"internet"}),
    "cut": (replace(AROUND, weather=Weather(cut=frozenset({(1, "to")}))), {"internet"}),
    "choice": (replace(AROUND, choice=Choice(up=frozenset({1, 2}), sticky=1)), set()),
    "servers": (replace(AROUND, servers=Servers(endpoint=1, mirror=2)), {"internet"}),
    "metadata service": (replace(AROUND, metadata_port=8082), {"vpc"}),
    "hop limit": (replace(AROUND, hop_limit=2), {"vpc"}),
    "region": (replace(AROUND, region="us-east-1"), {"name server"}),
}


@pytest.mark.parametrize("name", DECLARED)
def test_a_change_of_what_is_declared_changes_only(name: str) -> None:
    declared, places = DECLARED[name]
    assert declared != WORLD
    assert differences(plan(WORLD, AROUND), plan(declared, AROUND)) == places


@pytest.mark.parametrize("name", PLANNED)
def test_a_change_around_it_changes_only(name: str) -> None:
    around, places = PLANNED[name]
    assert around != AROUND
    assert differences(plan(WORLD, AROUND), plan(WORLD, around)) == places


def test_another_choice_changes_the_drg_where_there_are_two_ways() -> None:
    ways = [DrgRoute(destination=VPC, attachment_id=f"attachment-{number}") for number in (1, 2)]
    both = with_attachment("attachment-vcn", *ways)
    around, _ = PLANNED["choice"]
    assert differences(plan(both, AROUND), plan(both, around)) == {"drg"}
    # Time alone is no change.
    waiting = replace(AROUND, choice=replace(AROUND.choice, down_since=5.0))
    assert differences(plan(both, AROUND), plan(both, waiting)) == set()


def test_equal_snapshots_give_equal_plans() -> None:
    for declared in (WORLD, Declared(), *(declared for declared, _ in DECLARED.values())):
        assert plan(copy.deepcopy(declared), AROUND) == plan(declared, AROUND)


def test_the_order_of_acl_entries_in_the_answer_is_no_change() -> None:
    entries: tuple[AclEntry, ...] = (entry(100, ICMP), entry(200))
    one, other = with_acl("acl", ingress=entries), with_acl("acl", ingress=entries[::-1])
    assert plan(one, AROUND) == plan(other, AROUND)


def test_every_place_of_the_world_has_a_script_and_each_headend_a_daemon() -> None:
    made = plan(WORLD, AROUND)
    assert made.places.keys() == {"client", "vcn-host", "vpc", "internet", "vcn", "drg", "headend-1", "headend-2"}
    assert made.daemons.keys() == {"headend-1", "headend-2"}
    nothing = plan(Declared(), AROUND)
    assert nothing.places.keys() == made.places.keys() - {"headend-1", "headend-2"}
    assert nothing.daemons == {}


def test_no_key_is_in_a_script_or_in_what_a_traceback_would_show() -> None:
    declared = tunnel(1, pre_shared_key="Geheim-42")
    made = plan(declared, AROUND)
    assert "Geheim-42" in made.daemons["headend-1"].files[0][1]
    for seen in (*made.places.values(), made.name_server, repr(made), repr(made.daemons), repr(declared)):
        assert "Geheim-42" not in seen
