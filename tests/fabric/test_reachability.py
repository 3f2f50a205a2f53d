"""The reachability function over small worlds that are written down here: filters, routes, and the way of each packet.

Not proven: that packets obey it; see the tests of the fabric.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.fabric.declared import AclEntry, Declared, DrgRoute, Filter
from lab.fabric.packets import EPHEMERAL, Packet, admitted, matches, opening, refusing
from lab.fabric.probes import Boot, verdict
from lab.fabric.reachability import rekey_fault, trace, tunnel_fault
from tests.fabric.world import (
    ALL,
    ANYWHERE,
    VCN,
    VPC,
    WORLD,
    conn,
    entry,
    route,
    tunnels_json,
    with_acl,
    with_attachment,
    with_files,
    with_group,
    with_interface,
    with_routes,
    with_tunnel,
    with_vpc,
)

CLIENT, VCN_HOST = IPv4Address("10.0.1.254"), IPv4Address("172.16.0.254")


def test_the_world_is_well() -> None:
    assert [tunnel_fault(WORLD, number) for number in (1, 2)] == [None, None]
    assert [rekey_fault(WORLD, number) for number in (1, 2)] == [None, None]


def test_every_hop_there_and_back() -> None:
    verdict = trace(WORLD, "client", "vcn-host")
    assert verdict.arrives and verdict.stopped_at is None and verdict.missing is None
    assert verdict.hops == (
        "client",
        "network ACL acl, out",
        "route table rtb-client of subnet-client",
        "network ACL acl-host, in",
        "security group sg, in",
        "interface eni",
        "host",
        "host, forwarding",
        "host, routes",
        "host, devices",
        "tunnel 1",
        "tunnel 2",
        "DRG route table drg-table-tunnels of tunnel 1",
        "DRG route table drg-table-tunnels of tunnel 2",
        "security list list, in",
        "vcn-host",
        "back: vcn-host",
        "back: security list list, out",
        "back: route table vcn-table",
        "back: DRG route table drg-table-vcn of vcn",
        "back: tunnel 1 or 2",
        "back: host, forwarding",
        "back: host",
        "back: interface eni",
        "back: security group sg, out",
        "back: network ACL acl-host, out",
        "back: route table rtb-host of subnet-host",
        "back: network ACL acl, in",
        "back: client",
    )


@pytest.mark.parametrize(
    ("origin", "target", "protocol", "port"),
    [
        ("vcn-host", "client", "icmp", None),
        ("client", "vcn-host", "tcp", 22),
        ("host", "vcn-host", "udp", 53),
        ("vcn-host", "host", "icmp", None),
        ("client", "host", "tcp", 22),
        ("host", "client", "icmp", None),
        ("host", "internet", "tcp", 80),
        ("host", "internet", "tcp", 443),
    ],
)
def test_what_passes_in_a_world_that_is_well(origin: Any, target: Any, protocol: Any, port: int | None) -> None:
    assert trace(WORLD, origin, target, protocol, port).missing is None


@pytest.mark.parametrize("ends", [("client", "client"), ("internet", "vcn-host"), ("vcn-host", "internet")])
def test_no_packet_of_the_lab_goes_there(ends: Any) -> None:
    with pytest.raises(ValueError, match=f"^the lab has no packets from {ends[0]} to {ends[1]}$"):
        trace(WORLD, *ends)


HTTPS = ("host", "internet", "tcp", 443)
ANSWERS = Filter(protocol="tcp", cidr=ANYWHERE, ports=(1024, 65_535))
SOME_ANSWERS = Filter(protocol="tcp", cidr=ANYWHERE, ports=(40_000, 40_010))


@pytest.mark.parametrize(
    ("ingress", "passes"),
    [
        ((entry(110, ANSWERS),), True),
        ((entry(110, replace(ANSWERS, ports=EPHEMERAL)),), True),
        # One port of those that a kernel may choose is missing, at either end of the range.
        ((entry(110, replace(ANSWERS, ports=(EPHEMERAL[0] + 1, 65_535))),), False),
        ((entry(110, replace(ANSWERS, ports=(1024, EPHEMERAL[1] - 1))),), False),
        # Two entries together.
        ((entry(2, replace(ANSWERS, ports=(1024, 49_999))), entry(3, replace(ANSWERS, ports=(50_000, 65_535)))), True),
        ((entry(2, replace(ANSWERS, ports=(1024, 49_999))), entry(3, replace(ANSWERS, ports=(50_001, 65_535)))), False),
        # The number decides, and not the place.
        ((entry(20, SOME_ANSWERS, allow=False), entry(10, ANSWERS)), True),
        ((entry(20, ANSWERS), entry(10, SOME_ANSWERS, allow=False)), False),
        ((), False),
    ],
)
def test_acl_and_the_answers_from_the_internet(ingress: tuple[AclEntry, ...], passes: bool) -> None:
    verdict = trace(with_acl("acl-host", ingress=ingress), *HTTPS)  # type: ignore[arg-type]
    assert verdict.arrives == passes
    if not passes:
        assert verdict.stopped_at == "back: network ACL acl-host, in"
        assert str(verdict.missing).startswith(
            "network ACL acl-host of subnet-host has no ingress entry that allows tcp 32768-60999 from 198.18."
        )


CLOSED = (entry(100, ALL, allow=False),)


@pytest.mark.parametrize(
    ("spoilt", "asked", "stopped_at"),
    [
        (with_acl("acl", egress=CLOSED), ("client", "vcn-host"), "network ACL acl, out"),
        (with_acl("acl", egress=CLOSED), ("vcn-host", "client"), "back: network ACL acl, out"),
        (with_acl("acl", ingress=CLOSED), ("client", "vcn-host"), "back: network ACL acl, in"),
        (with_acl("acl", ingress=CLOSED), ("vcn-host", "client"), "network ACL acl, in"),
        (with_acl("acl-host", ingress=CLOSED), ("client", "host"), "network ACL acl-host, in"),
        (with_acl("acl-host", ingress=CLOSED), ("host", "client"), "back: network ACL acl-host, in"),
        (with_acl("acl-host", egress=CLOSED), ("client", "host"), "back: network ACL acl-host, out"),
    ],
)
def test_acls_remember_nothing(spoilt: Declared, asked: Any, stopped_at: str) -> None:
    assert trace(spoilt, *asked).stopped_at == stopped_at


def test_no_acl_within_a_subnet() -> None:
    closed = with_acl("acl-host", ingress=CLOSED, egress=CLOSED)
    assert closed.vpc is not None
    [alone] = [subnet for subnet in closed.vpc.subnets if subnet.id == "subnet-host"]
    one_subnet = replace(closed, vpc=replace(closed.vpc, subnets=(alone,)))
    assert one_subnet.client is not None and one_subnet.client[0] == alone
    assert trace(one_subnet, "client", "host").missing is None
    assert trace(one_subnet, *HTTPS).stopped_at == "network ACL acl-host, out"  # type: ignore[arg-type]


IN_VPC = Filter(protocol="all", cidr=VPC)


@pytest.mark.parametrize(
    ("asked", "stopped_at"),
    [
        (("client", "vcn-host"), "security group sg, in"),
        (("vcn-host", "client"), "security group sg, out"),
        (("client", "host"), "security group sg, in"),
    ],
)
def test_group_without_rules_for_the_vpc(asked: Any, stopped_at: str) -> None:
    to_headends = Filter(protocol="udp", cidr=ANYWHERE, ports=(500, 4500))
    assert trace(with_group((), (to_headends,)), *asked).stopped_at == stopped_at


@pytest.mark.parametrize(
    ("ingress", "egress", "asked"),
    [
        ((IN_VPC,), (Filter(protocol="udp", cidr=ANYWHERE, ports=(500, 4500)),), ("client", "vcn-host")),
        ((), (ALL,), ("vcn-host", "client")),
        ((), (ALL,), ("host", "internet", "tcp", 443)),
    ],
)
def test_groups_let_answers_through(ingress: Any, egress: Any, asked: Any) -> None:
    assert trace(with_group(ingress, egress), *asked).missing is None


def test_who_may_open_ike_needs_the_rule() -> None:
    ike = Filter(protocol="udp", cidr=IPv4Network("192.0.2.7/32"), ports=(500, 4500))
    closed_out = with_group((ike,), ())
    assert tunnel_fault(closed_out, 1) == "security group sg has no egress rule for udp 500 from 10.0.0.9 to 192.0.2.7"
    both = replace(closed_out, tunnels=tuple(replace(tunnel, initiates=True) for tunnel in closed_out.tunnels))
    assert tunnel_fault(both, 1) is None
    assert tunnel_fault(both, 2) == "security group sg has no ingress rule for udp 500 from 198.51.100.7 to 10.0.0.9"


@pytest.mark.parametrize(
    ("spoilt", "missing"),
    [
        (
            with_routes("rtb-client", route("172.16.0.0/17", "eni-other")),
            "route table rtb-client of subnet-client leads 172.16.0.0/17 to eni-other, a black hole, "
            "and not to the host's interface, eni",
        ),
        (
            with_routes("rtb-client", route("172.16.0.254/32", "igw")),
            "route table rtb-client of subnet-client leads 172.16.0.254/32 to igw and not to the host's interface, eni",
        ),
        # Shorter, or beside it: of no account.
        (with_routes("rtb-client", route("172.0.0.0/8", "igw"), route("172.16.128.0/17", "igw")), None),
        # Back to the client something else is more specific than `local`.
        (
            with_routes("rtb-host", route("10.0.1.0/24", "eni-firewall")),
            "route table rtb-host of subnet-host leads 10.0.1.0/24 to eni-firewall, a black hole, "
            "and not to itself, local",
        ),
    ],
)
def test_longest_prefix_decides(spoilt: Declared, missing: str | None) -> None:
    assert trace(spoilt, "client", "vcn-host").missing == missing


@pytest.mark.parametrize(
    ("spoilt", "missing"),
    [
        (with_interface(lambda one: replace(one, public_ip=None)), "eni has no elastic IP, so not the CPE's address"),
        (
            with_interface(lambda one: replace(one, public_ip=IPv4Address("203.0.113.9"))),
            "eni has 203.0.113.9, which is not the CPE's address 203.0.113.1",
        ),
        (with_vpc(lambda vpc: replace(vpc, gateway_id=None)), "vpc has no attached internet gateway"),
        (
            with_vpc(lambda vpc: replace(vpc, gateway_id="igw-2")),
            "leads 0.0.0.0/0 to igw, a black hole, and not to the",
        ),
        (replace(WORLD, host=None), "no running instance is attached to eni"),
        (replace(WORLD, vpc=None, host=None), "there is no VPC"),
        (replace(WORLD, tunnels=()), "there is no tunnel 1"),
        (with_tunnel(1, lambda one: replace(one, headend=None)), "tunnel 1 (tunnel-1) has no address yet"),
        (with_tunnel(1, lambda one: replace(one, available=False)), "tunnel 1 (tunnel-1) is not AVAILABLE"),
        (with_files(oci_ipsec_conf=conn(2)), "tunnel 1 (tunnel-1): 0 conns lead to 192.0.2.7"),
        (with_files(oci_ipsec_conf=conn(1) + conn(2) + conn(1).replace("tunnel-1", "copy")), "2 conns lead to"),
        (with_files(oci_ipsec_secrets=""), "the host has no pre-shared key for 203.0.113.1 and 192.0.2.7"),
    ],
)
def test_what_keeps_a_tunnel_down(spoilt: Declared, missing: str) -> None:
    assert missing in str(tunnel_fault(spoilt, 1))


IKE = Filter(protocol="udp", cidr=ANYWHERE, ports=(500, 500))


def test_ike_needs_both_ports_there_and_back() -> None:
    after_nat = "udp 4500 from 10.0.0.9 to 192.0.2.7"
    assert tunnel_fault(with_group((), (IKE,)), 1) == f"security group sg has no egress rule for {after_nat}"
    back = tunnel_fault(with_acl("acl-host", ingress=(entry(1, IKE),)), 1)
    assert back == (
        "network ACL acl-host of subnet-host has no ingress entry that allows udp 4500 from 192.0.2.7 to 10.0.0.9"
    )


@pytest.mark.parametrize(
    ("ports", "parameter", "passing"),
    [
        ((80, 443), None, {"running", "host", "official"}),
        ((443,), None, {"running", "host"}),
        ((80,), None, {"running", "host", "official"}),
        ((80,), "/key", {"running"}),
        ((443,), "/key", {"running", "host"}),
    ],
)
def test_what_a_boot_fetches_comes_first(ports: tuple[int, ...], parameter: str | None, passing: set[str]) -> None:
    ike = replace(IKE, ports=(500, 4500))
    egress = tuple(Filter(protocol="tcp", cidr=ANYWHERE, ports=(port, port)) for port in ports)
    limited = with_group((IN_VPC,), (ike, *egress))
    keys = with_files(tunnels_json=tunnels_json(1, 2, parameter=parameter)).host
    assert keys is not None
    # The key that user-data carries, only that it is in a parameter.
    readable = {} if parameter is None else {parameter: "key of 192.0.2.7"}
    booting = replace(limited, host=replace(keys, readable_keys=readable))
    boots: tuple[Boot, ...] = get_args(Boot)
    assert {boot for boot in boots if verdict(booting, "tunnel-1", boot).arrives} == passing


def test_the_client_is_not_in_the_hosts_subnet() -> None:
    assert WORLD.vpc is not None
    theirs = replace(
        WORLD.vpc.interfaces[0], id="theirs", subnet_id="subnet-client", source_dest_check=True, public_ip=None
    )
    shared = replace(WORLD, vpc=replace(WORLD.vpc, interfaces=(*WORLD.vpc.interfaces, theirs)))
    assert shared.client == WORLD.client
    assert shared.client is not None and shared.client[1] == CLIENT


def test_source_destination_check_is_no_matter_to_the_tunnels() -> None:
    checked = with_interface(lambda one: replace(one, source_dest_check=True))
    assert tunnel_fault(checked, 1) is None
    assert trace(checked, "host", "internet", "tcp", 80).arrives
    assert trace(checked, "client", "host").arrives
    assert trace(checked, "client", "vcn-host").stopped_at == "interface eni"


@pytest.mark.parametrize(
    ("spoilt", "missing"),
    [
        (with_files(tunnels_json=tunnels_json(1, 2, vcn="172.17.0.0/16")), "has no CIDR in vcnCidrs that 172.16.0.254"),
        (with_files(tunnels_json=tunnels_json()), "no conn of i makes a device that tunnels.json names"),
        (
            with_files(oci_ipsec_conf=conn(1, **{"vti-interface": "vti7"}) + conn(2, **{"vti-interface": "vti8"})),
            "no conn of i makes a device that tunnels.json names",
        ),
        (with_files(oci_ipsec_conf=conn(1) + conn(2, leftid="10.0.0.9")), "may hash onto tunnel 2, which is down: "),
        (with_files(**{"60_host_conf": ""}), "i does not forward"),
        (with_files(**{"60_host_conf": "net/ipv4/ip_forward=1\nnet.ipv4.ip_forward=0\n"}), "i does not forward"),
        (replace(WORLD, vcn=None), "there is no VCN"),
        (replace(WORLD, attachments=()), "vcn is not attached to drg"),
        (replace(WORLD, attachments=WORLD.attachments[:1]), "tunnel-1 is not attached to drg"),
        (with_attachment("attachment-2"), "(tunnel 2) has no route for 172.16.0.254 to attachment-vcn of vcn"),
        (
            with_attachment(
                "attachment-2",
                DrgRoute(destination=VCN, attachment_id="attachment-vcn"),
                DrgRoute(destination=IPv4Network("172.16.0.0/24"), attachment_id="attachment-1"),
            ),
            "(tunnel 2) has no route for 172.16.0.254 to attachment-vcn of vcn",
        ),
        (
            # Equal, and so half of the flows go elsewhere.
            with_attachment(
                "attachment-1",
                DrgRoute(destination=VCN, attachment_id="attachment-vcn"),
                DrgRoute(destination=VCN, attachment_id="attachment-of-another-vcn"),
            ),
            "(tunnel 1) has no route for 172.16.0.254 to attachment-vcn of vcn",
        ),
        (with_attachment("attachment-vcn"), "has no route for 10.0.1.254 to a tunnel"),
        (with_tunnel(2, lambda one: replace(one, static_routes=())), "tunnel-2 has no static route to 10.0.1.254"),
    ],
)
def test_what_stops_packets_to_the_vcn(spoilt: Declared, missing: str) -> None:
    assert missing in str(trace(spoilt, "client", "vcn-host").missing)


def test_a_tunnel_that_the_host_does_not_use_may_be_down() -> None:
    one_only = with_files(tunnels_json=tunnels_json(1), oci_ipsec_conf=conn(1))
    assert tunnel_fault(one_only, 2) is not None
    assert trace(one_only, "client", "vcn-host").arrives
    assert trace(one_only, "vcn-host", "client").arrives


def test_a_later_file_of_sysctl_decides() -> None:
    assert WORLD.host is not None
    later = {**WORLD.host.files, "/etc/sysctl.d/90-site.conf": "net.ipv4.ip_forward = 0\n"}
    stops = replace(WORLD, host=replace(WORLD.host, files=later))
    assert trace(stops, "client", "vcn-host").stopped_at == "host, forwarding"


def test_a_groups_rule_of_the_vcn_does_for_a_list() -> None:
    assert WORLD.vcn is not None
    filters = WORLD.vcn.lists["list"]
    moved = replace(
        WORLD.vcn, lists={"list": replace(filters, ingress=())}, groups=(replace(filters, id="group", egress=()),)
    )
    assert trace(replace(WORLD, vcn=moved), "client", "vcn-host").arrives
    assert not trace(replace(WORLD, vcn=replace(moved, groups=())), "client", "vcn-host").arrives


def test_the_client_has_no_address_in_the_internet() -> None:
    routed = with_routes("rtb-client", route("0.0.0.0/0", "igw"))
    verdict = trace(routed, "client", "internet", "tcp", 80)
    assert (verdict.stopped_at, verdict.missing) == ("igw", "no elastic IP is associated with the client")


def test_who_comes_from_the_internet_needs_a_rule() -> None:
    assert trace(WORLD, "internet", "host", "tcp", 22).stopped_at == "security group sg, in"
    assert trace(with_group((IN_VPC, ANSWERS), (ALL,)), "internet", "host", "tcp", 2222).arrives


ADDRESSES = st.sampled_from(["10.0.0.0/8", "10.0.1.0/24", "172.16.0.0/12", "0.0.0.0/0"]).map(IPv4Network)
PORTS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: (min(pair), max(pair)))
FILTERS = st.builds(
    Filter,
    protocol=st.sampled_from(["all", "tcp", "udp"]),
    cidr=ADDRESSES,
    ports=st.none() | PORTS,
    source_ports=st.none() | PORTS,
)
RANGES = st.builds(
    Packet,
    source=st.just(CLIENT),
    destination=st.just(VCN_HOST),
    protocol=st.sampled_from(["tcp", "udp"]),
    ports=PORTS,
    source_ports=PORTS,
)


def every_packet(flow: Packet) -> list[Packet]:
    assert flow.ports is not None and flow.source_ports is not None
    return [
        replace(flow, ports=(port, port), source_ports=(source, source))
        for port in range(flow.ports[0], flow.ports[1] + 1)
        for source in range(flow.source_ports[0], flow.source_ports[1] + 1)
    ]


@given(st.lists(FILTERS, max_size=5), RANGES, st.sampled_from(["in", "out"]))
def test_ranges_are_admitted_as_each_of_their_packets(rules: list[Filter], flow: Packet, direction: Any) -> None:
    expected = all(any(matches(rule, one, direction) for rule in rules) for one in every_packet(flow))
    assert admitted(rules, flow, direction) == expected
    assert admitted(rules, replace(flow, is_answer=True), direction)


@given(st.lists(st.tuples(FILTERS, st.booleans()), max_size=5), RANGES, st.sampled_from(["in", "out"]), st.randoms())
def test_stateless_lists_decide_by_number_for_each_packet(
    rules: list[tuple[Filter, bool]], flow: Packet, direction: Any, chance: Any
) -> None:
    entries = [AclEntry(number=number, allow=allow, filter=rule) for number, (rule, allow) in enumerate(rules)]

    def allowed(packet: Packet) -> bool:
        return next((one.allow for one in entries if matches(one.filter, packet, direction)), False)

    shuffled = chance.sample(entries, len(entries))
    passes = refusing(shuffled, flow, direction) is None
    assert passes == all(allowed(one) for one in every_packet(flow))
    # Stateless: an answer is looked at like everything else.
    assert (refusing(shuffled, replace(flow, is_answer=True), direction) is None) == passes


def test_answers_swap_ends() -> None:
    request = opening(CLIENT, VCN_HOST, "tcp", 22)
    assert request.answer == Packet(
        source=VCN_HOST, destination=CLIENT, protocol="tcp", ports=EPHEMERAL, source_ports=(22, 22), is_answer=True
    )
    ping = opening(CLIENT, VCN_HOST, "icmp", None)
    assert (ping.icmp, ping.answer.icmp) == ((8, 0), (0, 0))


@pytest.mark.parametrize(
    ("icmp", "passes"), [(None, True), ((8, 0), True), ((8, None), True), ((3, 4), False), ((8, 1), False)]
)
def test_kinds_of_icmp(icmp: tuple[int, int | None] | None, passes: bool) -> None:
    rule = Filter(protocol="icmp", cidr=ANYWHERE, icmp=icmp)
    assert admitted([rule], opening(CLIENT, VCN_HOST, "icmp", None), "in") == passes
