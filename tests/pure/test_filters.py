"""Filters of both clouds: exact rules for the example, and what holds for any networks.

Does not prove that packets pass: the lab's fabric does that.
"""

from __future__ import annotations

import json
import random
from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from components import oci_rules, rules
from components.addresses import MAXIMUM_STATIC_ROUTES
from components.host_firewall import (
    FIRST_RULE,
    AclRule,
    acl_headend_number,
    acl_rules,
    security_group_egress,
    security_group_ingress,
    slug,
)
from components.ingress import Ingress

VPC = [IPv4Network("10.0.0.0/16")]
SSH = [IPv4Network("192.0.2.0/24")]

cidrs = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)
vpc_lists = st.lists(cidrs, min_size=1, max_size=MAXIMUM_STATIC_ROUTES, unique=True)
ssh_lists = st.lists(cidrs, max_size=rules.MAXIMUM_SSH_CIDRS, unique=True)
# Amazon takes numbers up to 32766; the settings end at 32000.
first_numbers = st.integers(1, 32_000)


def with_headends(vpc: list[IPv4Network], ssh: list[IPv4Network], first: int) -> list[tuple[bool, int]]:
    numbers = [(rule.egress, rule.number) for rule in acl_rules(vpc, ssh, first)]
    return numbers + [(egress, acl_headend_number(tunnel, first)) for egress in (False, True) for tunnel in (1, 2)]


@given(vpc_lists, ssh_lists, first_numbers)
def test_acl_numbers_are_unique_a_direction_and_within_the_range(
    vpc: list[IPv4Network], ssh: list[IPv4Network], first: int
) -> None:
    numbers = with_headends(vpc, ssh, first)
    assert len(set(numbers)) == len(numbers)
    # Pulumi.yaml promises that 45 numbers suffice.
    assert all(first <= number < first + 45 and number <= 32_766 for _, number in numbers)


@given(vpc_lists, ssh_lists)
def test_an_acl_has_room_for_its_rules(vpc: list[IPv4Network], ssh: list[IPv4Network]) -> None:
    """20 a direction, the one that denies all the rest among them."""
    for egress in (False, True):
        assert sum(out == egress for out, _ in with_headends(vpc, ssh, FIRST_RULE)) + 1 <= 20


@given(vpc_lists, ssh_lists)
def test_rule_names_are_unique(vpc: list[IPv4Network], ssh: list[IPv4Network]) -> None:
    for names in (
        [(rule.egress, rule.name) for rule in acl_rules(vpc, ssh)],
        [rule.name for rule in security_group_ingress(vpc, ssh)],
        [rule.name for rule in security_group_egress(vpc)],
    ):
        assert len(set(names)) == len(names)


@given(vpc_lists, ssh_lists)
def test_a_stateless_filter_lets_every_answer_back(vpc: list[IPv4Network], ssh: list[IPv4Network]) -> None:
    """What a security group remembers, the ACL has to say: for each rule one the other way."""
    found = acl_rules(vpc, ssh)

    def some(egress: bool, protocol: str, cidr: str, ports: tuple[int, int] | None) -> bool:
        return any(
            (rule.egress, rule.protocol, rule.cidr, rule.ports) == (egress, protocol, cidr, ports) for rule in found
        )

    ephemeral = (1024, 65535)
    for port in (80, 443):
        assert some(True, "tcp", "0.0.0.0/0", (port, port))
    assert some(False, "tcp", "0.0.0.0/0", ephemeral)
    for cidr in vpc:
        assert some(False, "-1", str(cidr), None)
        assert some(True, "-1", str(cidr), None)
    for cidr in ssh:
        assert some(False, "tcp", str(cidr), (22, 22))
        assert some(True, "tcp", str(cidr), ephemeral)


def test_rules_keep_name_and_number_when_a_cidr_behind_them_changes() -> None:
    def places(found: list[AclRule]) -> list[tuple[bool, int, str]]:
        return [(rule.egress, rule.number, rule.name) for rule in found]

    other = [IPv4Network("10.9.0.0/16")]
    assert places(acl_rules(VPC, SSH)) == places(acl_rules(other, SSH))


def test_nothing_is_open_to_everybody_but_icmp_and_answers() -> None:
    anywhere_in = [r.name for r in security_group_ingress(VPC, SSH) if r.cidr == "0.0.0.0/0"]
    assert anywhere_in == ["path-mtu"]
    anywhere_acl = [(r.name, r.ports) for r in acl_rules(VPC, SSH) if r.cidr == "0.0.0.0/0" and not r.egress]
    assert anywhere_acl == [("answers", (1024, 65535)), ("path-mtu", None)]


def test_a_slug_is_a_name() -> None:
    assert slug(IPv4Network("10.0.0.0/16")) == "10-0-0-0-16"


def test_what_the_vcn_lets_in_in_three_forms() -> None:
    path_mtu, all_in = oci_rules.ingress_filters(VPC, [Ingress.parse("all")])
    tcp = oci_rules.ingress_filters(VPC, [Ingress.parse("tcp/22")])[1]
    udp = oci_rules.ingress_filters(VPC, [Ingress.parse("udp/5000-5010")])[1]
    source = {"source": "10.0.0.0/16", "source_type": "CIDR_BLOCK"}
    assert oci_rules.security_list_rule(path_mtu) == {
        "protocol": "1",
        "source": "0.0.0.0/0",
        "source_type": "CIDR_BLOCK",
        "icmp_options": {"type": 3, "code": 4},
    }
    assert oci_rules.security_list_rule(all_in) == {"protocol": "all", **source}
    assert oci_rules.security_list_rule(tcp) == {"protocol": "6", **source, "tcp_options": {"min": 22, "max": 22}}
    assert oci_rules.security_list_rule(udp) == {"protocol": "17", **source, "udp_options": {"min": 5000, "max": 5010}}
    assert oci_rules.security_group_rule(tcp) == {
        "protocol": "6",
        **source,
        "tcp_options": {"destination_port_range": {"min": 22, "max": 22}},
    }
    assert oci_rules.security_group_rule(all_in) == {"protocol": "all", **source}
    api = {"source": "10.0.0.0/16", "sourceType": "CIDR_BLOCK"}
    assert oci_rules.api_rule(udp) == {
        "protocol": "17",
        **api,
        "udpOptions": {"destinationPortRange": {"min": 5000, "max": 5010}},
    }
    assert oci_rules.api_rule(path_mtu) == {
        "protocol": "1",
        "source": "0.0.0.0/0",
        "sourceType": "CIDR_BLOCK",
        "icmpOptions": {"type": 3, "code": 4},
    }


def test_a_route_in_the_words_of_the_api() -> None:
    assert oci_rules.route_text(VPC[0], "ocid1.drg.x") == (
        '{"destination":"10.0.0.0/16","destinationType":"CIDR_BLOCK","networkEntityId":"ocid1.drg.x"}'
    )


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=6), st.randoms())
def test_a_rule_is_the_same_text_in_any_order(rule: dict[str, object], chance: random.Random) -> None:
    items = list(rule.items())
    chance.shuffle(items)
    assert oci_rules.as_text(dict(items)) == oci_rules.as_text(rule)
    assert json.loads(oci_rules.as_text(rule)) == rule
