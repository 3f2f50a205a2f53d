"""Rules of both clouds in nftables' words, judged by a reading of these words that knows nothing of the clouds.

Not proven here: that nft takes them (test_fabric_accepted.py), and that a kernel does what they say (the lab).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.fabric import nft
from lab.fabric.declared import AclEntry, Filter, Protocol
from lab.fabric.packets import Packet, matches
from tests.fabric.world import ANYWHERE, VPC, entry

FROM_VPC = "ip saddr 10.0.0.0/16"


def filter_of(protocol: Protocol, cidr: IPv4Network = VPC) -> Filter:
    return Filter(protocol=protocol, cidr=cidr)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (filter_of("all", ANYWHERE), ""),
        (filter_of("all"), FROM_VPC),
        (filter_of("esp"), f"{FROM_VPC} meta l4proto esp"),
        (filter_of(47), f"{FROM_VPC} meta l4proto 47"),
        (filter_of("tcp", ANYWHERE), "meta l4proto tcp"),
        (filter_of("udp"), f"{FROM_VPC} meta l4proto udp"),
        (replace(filter_of("tcp"), ports=(22, 22)), f"{FROM_VPC} tcp dport 22-22"),
        (replace(filter_of("udp"), ports=(0, 65535)), f"{FROM_VPC} udp dport 0-65535"),
        (replace(filter_of("udp"), source_ports=(500, 500)), f"{FROM_VPC} udp sport 500-500"),
        (
            replace(filter_of("tcp"), source_ports=(1024, 65535), ports=(80, 443)),
            f"{FROM_VPC} tcp sport 1024-65535 tcp dport 80-443",
        ),
        (filter_of("icmp"), f"{FROM_VPC} meta l4proto icmp"),
        (replace(filter_of("icmp"), icmp=(8, None)), f"{FROM_VPC} icmp type 8"),
        (replace(filter_of("icmp"), icmp=(3, 4)), f"{FROM_VPC} icmp type 3 icmp code 4"),
        # Both are numbers that are false.
        (replace(filter_of("icmp"), icmp=(0, 0)), f"{FROM_VPC} icmp type 0 icmp code 0"),
    ],
)
def test_what_comes_in(rule: Filter, text: str) -> None:
    assert nft.match(rule, "in") == text
    assert nft.match(rule, "out") == text.replace("saddr", "daddr")


def says(text: str, packet: Packet) -> bool:
    """Whether nft's words match a packet."""
    words = text.split()
    while words:
        if words[0] == "ip":
            address = packet.source if words[1] == "saddr" else packet.destination
            holds, words = address in IPv4Network(words[2]), words[3:]
        elif words[0] == "meta":
            holds, words = str(packet.protocol) == words[2], words[3:]
        elif words[0] == "icmp":
            assert packet.protocol != "icmp" or packet.icmp is not None
            own = packet.icmp[words[1] == "code"] if packet.icmp else None
            holds, words = own == int(words[2]), words[3:]
        else:
            ports = packet.source_ports if words[1] == "sport" else packet.ports
            low, high = (int(port) for port in words[2].split("-"))
            holds, words = words[0] == packet.protocol and ports is not None and low <= ports[0] <= high, words[3:]
        if not holds:
            return False
    return True


def ranges(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda two: (min(two), max(two)))


few_ports = ranges(0, 3)
networks = st.sampled_from([ANYWHERE, VPC, IPv4Network("10.0.1.0/24"), IPv4Network("172.16.0.0/16")])
filters = st.one_of(
    st.builds(Filter, protocol=st.sampled_from(["all", "esp", "icmp", "tcp", "udp", 47]), cidr=networks),
    st.builds(
        Filter,
        protocol=st.sampled_from(["tcp", "udp"]),
        cidr=networks,
        ports=st.none() | few_ports,
        source_ports=st.none() | few_ports,
    ),
    st.builds(
        Filter,
        protocol=st.just("icmp"),
        cidr=networks,
        icmp=st.tuples(st.integers(0, 1), st.none() | st.integers(0, 1)),
    ),
)
addresses = st.sampled_from([IPv4Address(one) for one in ("10.0.1.9", "10.0.2.9", "172.16.0.9", "8.8.8.8")])
one_port = st.integers(0, 3).map(lambda port: (port, port))
packets = st.one_of(
    st.builds(
        Packet,
        source=addresses,
        destination=addresses,
        protocol=st.sampled_from(["tcp", "udp"]),
        ports=one_port,
        source_ports=one_port,
    ),
    st.builds(
        Packet,
        source=addresses,
        destination=addresses,
        protocol=st.just("icmp"),
        icmp=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    ),
    st.builds(Packet, source=addresses, destination=addresses, protocol=st.sampled_from(["esp", 47])),
)
directions: st.SearchStrategy[nft.Direction] = st.sampled_from(["in", "out"])


@given(filters, packets, directions)
def test_the_words_match_what_the_reachability_function_matches(
    rule: Filter, packet: Packet, direction: nft.Direction
) -> None:
    assert says(nft.match(rule, direction), packet) == matches(rule, packet, direction)


def decide(lines: list[str], packet: Packet) -> bool:
    """Whether a chain returns for a packet that belongs to no conversation."""
    for line in lines:
        match, dropped, _ = line.partition("counter drop")
        if not dropped:
            match = match.removesuffix("return")
        if says(match, packet):
            return not dropped
    raise AssertionError("a chain that decides nothing")


entries = st.lists(
    st.builds(AclEntry, number=st.integers(1, 32766), allow=st.booleans(), filter=filters),
    max_size=5,
    unique_by=lambda one: one.number,
)


@given(entries, packets, directions)
def test_the_first_entry_by_number_decides(
    given_entries: list[AclEntry], packet: Packet, direction: nft.Direction
) -> None:
    fitting = [one for one in given_entries if matches(one.filter, packet, direction)]
    allowed = min(fitting, key=lambda one: one.number).allow if fitting else False
    assert decide(nft.stateless(given_entries, direction, "ACL"), packet) == allowed


def test_entries_are_in_the_order_of_their_numbers_whatever_the_given_one() -> None:
    given_entries = [entry(300), entry(100, filter_of("tcp")), entry(200, filter_of("udp"), allow=False)]
    assert nft.stateless(given_entries, "out", "ACL a, egress") == [
        "ip daddr 10.0.0.0/16 meta l4proto tcp return",
        'ip daddr 10.0.0.0/16 meta l4proto udp counter drop comment "ACL a, egress, entry 200"',
        "return",
        'counter drop comment "ACL a, egress"',
    ]


def test_stateful_rules_let_answers_through_first_and_the_rest_be_refused() -> None:
    assert nft.stateful([filter_of("tcp"), filter_of("all", ANYWHERE)], "in", "group g") == [
        "ct state established return",
        "ip saddr 10.0.0.0/16 meta l4proto tcp return",
        "return",
        'counter drop comment "group g"',
    ]


@given(st.integers(1, 300).flatmap(lambda size: st.text("abc-, ", min_size=size, max_size=size)))
def test_a_refusal_is_named_in_no_more_than_nft_takes(why: str) -> None:
    [_, comment, _] = nft.refusal(why).split('"')
    assert len(comment.encode()) <= 128
    # Of each end so much that a name can still be told.
    assert comment[:20] == why[:20] and comment[-20:] == why[-20:]


def test_a_ruleset_takes_the_place_of_the_former_at_once() -> None:
    assert nft.ruleset([nft.chain("a", ["accept"], "type filter hook input priority 0;")]) == (
        "table ip fabric\ndelete table ip fabric\ntable ip fabric {\n"
        "  chain a {\n    type filter hook input priority 0;\n    accept\n  }\n}\n"
    )
    assert nft.load("table ip x {}").splitlines() == [
        "nft -f - <<'RULES'",
        "table ip x {}",
        "RULES",
        "conntrack -F 2>/dev/null || true",
    ]
