"""The VPC's router as declared: routing by device, its chains, DHCP and Amazon's own services, as text.

Not proven here: that nft and ip take the text (test_fabric_accepted.py), and that packets obey it (the lab).
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.fabric import addresses, routing, vpc
from lab.fabric.declared import Declared
from lab.fabric.oracle import client_script
from tests.fabric.world import WORLD, route, with_interface, with_routes, with_vpc

NO_CHECK = ["jump groups-out", "ip daddr != 10.0.0.0/24 jump acl-host-out"]
LOCAL = ["unreachable 10.0.0.0/16", "10.0.0.9/32 dev host scope link", "10.0.1.254/32 dev client scope link"]


def chain(rules: str, name: str) -> list[str]:
    """The lines of a chain."""
    found = re.search(rf"^  chain {name} {{\n(.*?)^  }}$", rules, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no chain {name}"
    return [line.strip() for line in found[1].splitlines()]


def table(script: str, device: str) -> list[str]:
    """The routes of what comes in by a device, up to the refusal of everything else."""
    found = re.search(rf"\bpref \d+ iif {device} lookup (\d+)$", script, re.MULTILINE)
    assert found is not None, f"no table for {device}"
    number = found[1]
    routes = [line for line in script.splitlines() if line.startswith("route replace ") and f" table {number}" in line]
    words = [route.removeprefix("route replace ").replace(f" table {number}", "") for route in routes]
    # Two devices with equal routes have one table.
    words = words[: words.index("unreachable default metric 4278198272") + 1]
    return words[:-1]


def script(declared: Declared) -> str:
    return vpc.script(declared, None, 1)


def rules(declared: Declared, metadata_port: int | None = None, hop_limit: int = 1) -> str:
    return vpc.rules(declared, metadata_port, hop_limit)


def test_routing_of_two_devices() -> None:
    # A table's name comes before the next hops, and no device sees another's routes.
    text = routing.policy({"a": ["10.0.0.0/8 via 192.0.2.1 dev b onlink", "blackhole 10.1.0.0/16"], "b": []})
    # The numbers of tables, which say what is in them, to three digits.
    assert re.sub(r"(?<=table |ookup )\d+", lambda found: found[0][-3:], text).startswith(
        "ip -force -batch - <<'ROUTES'\n"
        "route replace 10.0.0.0/8 table 875 via 192.0.2.1 dev b onlink\n"
        "route replace blackhole 10.1.0.0/16 table 875\n"
        "route replace unreachable default table 875 metric 4278198272\n"
        "route replace unreachable default table 353 metric 4278198272\n"
        "ROUTES\n"
        "wanted='\n"
        "pref 1000 iif a lookup 875\n"
        "pref 1001 iif b lookup 353\n"
        "'\n"
    )


def test_other_routes_have_another_table() -> None:
    """What is in use is not changed: packets find the old table, or the new one."""
    names = {
        re.findall(r"iif a lookup (\d+)", routing.policy({"a": routes}))[0]
        for routes in ([], ["10.0.0.0/8 dev b"], ["10.0.0.0/8 dev c"], ["10.0.0.0/8 dev c", "10.0.0.0/9 dev b"])
    }
    assert len(names) == 4


def test_routing_of_the_labs_own_answers_is_by_mark() -> None:
    lines = routing.policy({}, ["default via 192.0.2.1 dev lab"]).splitlines()
    number = lines[1].split()[4]
    assert lines[1] == f"route replace default table {number} via 192.0.2.1 dev lab"
    assert f"pref 1 fwmark 0x1 lookup {number}" in lines


def test_routes_of_each_device() -> None:
    text = script(WORLD)
    assert table(text, "host") == [*LOCAL, "0.0.0.0/0 via 100.64.0.2 dev internet onlink"]
    assert table(text, "client") == [*LOCAL, "172.16.0.0/16 via 10.0.0.9 dev host onlink"]
    assert table(text, "internet") == LOCAL
    assert "ip address replace 10.0.0.1/24 dev host" in text
    assert "ip address replace 10.0.1.1/24 dev client" in text


def test_a_route_to_an_interface_without_a_running_instance_is_a_black_hole() -> None:
    text = script(with_interface(lambda one: replace(one, instance_id=None)))
    assert "blackhole 172.16.0.0/16" in table(text, "client")
    # Nobody is on the wire.
    assert "iif host" not in text and "dev host scope link" not in text


def test_a_route_to_a_detached_gateway_is_a_black_hole() -> None:
    text = script(with_vpc(lambda one: replace(one, gateway_id=None)))
    assert table(text, "host") == [*LOCAL, "blackhole 0.0.0.0/0"]


def test_a_route_to_what_is_gone_is_a_black_hole() -> None:
    text = script(with_routes("rtb-host", route("192.168.0.0/16", "pcx-gone")))
    assert table(text, "host")[-1] == "blackhole 192.168.0.0/16"


def test_before_anything_is_declared_nothing_is_routed() -> None:
    text = script(Declared())
    assert "iif " not in text and "address replace 10." not in text
    assert chain(rules(Declared()), "forward") == [
        "type filter hook forward priority 0; policy drop;",
        "meta mark 1 accept",
        'iifname "lab" accept',
        "ip daddr 169.254.0.0/16 drop",
        "accept",
    ]


def test_the_order_of_the_filters() -> None:
    assert chain(rules(WORLD), "forward")[4:] == [
        'iifname "host" jump from-host',
        'iifname "client" jump from-client',
        'oifname "client" jump to-client',
        'oifname "host" jump to-host',
        "accept",
    ]


@pytest.mark.parametrize("on", [True, False])
def test_the_check_of_source_and_destination_is_there_when_it_is_on(on: bool) -> None:
    text = rules(with_interface(lambda one: replace(one, source_dest_check=on)))
    why = 'counter drop comment "source/destination check of eni"'
    leaving, entering = chain(text, "from-host"), chain(text, "to-host")
    # First of all on the way out, and after the ACL on the way in.
    assert leaving == ([f"ip saddr != 10.0.0.9 {why}"] if on else []) + NO_CHECK
    assert entering == [
        "ip saddr != 10.0.0.0/24 jump acl-host-in",
        *([f"ip daddr != 10.0.0.9 {why}"] if on else []),
        "jump groups-in",
    ]


def test_an_acl_is_asked_only_of_what_leaves_or_enters_its_subnet() -> None:
    text = rules(WORLD)
    assert chain(text, "from-client") == ["ip daddr != 10.0.1.0/24 jump acl-client-out"]
    assert chain(text, "to-client") == ["ip saddr != 10.0.1.0/24 jump acl-client-in"]
    assert chain(text, "acl-client-in") == ["return", 'counter drop comment "network ACL acl, ingress"']
    assert chain(text, "acl-host-out") == ["return", 'counter drop comment "network ACL acl-host, egress"']


def test_a_packet_passes_where_any_security_group_of_the_interface_allows_it() -> None:
    declared = with_interface(lambda one: replace(one, group_ids=("sg", "sg-2")))
    assert declared.vpc is not None
    own = declared.vpc.groups["sg"]
    other = replace(own, id="sg-2", ingress=own.egress, egress=())
    text = rules(replace(declared, vpc=replace(declared.vpc, groups={"sg": own, "sg-2": other})))
    assert chain(text, "groups-in")[1:] == [
        "ip saddr 10.0.0.0/16 return",
        "return",
        'counter drop comment "security group sg, sg-2, ingress"',
    ]
    assert chain(text, "groups-out")[1:] == ["return", 'counter drop comment "security group sg, sg-2, egress"']


def test_dhcp_is_for_the_interface_alone() -> None:
    lines = vpc.name_server(WORLD, "eu-central-1").splitlines()
    assert [line for line in lines if line.startswith("dhcp-") and "lease" not in line] == [
        "dhcp-range=10.0.0.0,static,255.255.255.0,1h",
        "dhcp-host=02:00:00:00:00:01,10.0.0.9",
        "dhcp-option=option:router,10.0.0.1",
        "dhcp-option=option:dns-server,10.0.0.2",
        "dhcp-option=option:domain-name,eu-central-1.compute.internal",
        "dhcp-option=option:mtu,9001",
    ]
    assert "dhcp-option=option:domain-name,ec2.internal" in vpc.name_server(WORLD, "us-east-1")


def test_no_dhcp_without_an_instance() -> None:
    idle = with_interface(lambda one: replace(one, instance_id=None))
    for declared in (Declared(), idle):
        text = vpc.name_server(declared, "eu-central-1")
        assert "dhcp-host" not in text and "dhcp-range" not in text


def test_the_names_of_the_labs_internet_and_no_others() -> None:
    lines = [line for line in vpc.name_server(WORLD, "eu-central-1").splitlines() if line.startswith("address=")]
    assert lines == [
        "address=/mirror.lab/198.18.0.20",
        "address=/ssm.eu-central-1.amazonaws.com/198.18.0.10",
        "address=/sts.eu-central-1.amazonaws.com/198.18.0.10",
        "address=/logs.eu-central-1.amazonaws.com/198.18.0.10",
        "address=/#/",
    ]


def test_the_metadata_service_is_reached_only_while_there_is_one() -> None:
    hook = "type nat hook prerouting priority dstnat;"
    asked = 'iifname "host" ip daddr 169.254.169.254 tcp dport 80'
    assert chain(rules(WORLD), "from-the-lab") == [hook]
    text = rules(WORLD, metadata_port=8081)
    assert chain(text, "from-the-lab") == [hook, f"{asked} dnat to 198.18.255.2:8081"]
    assert chain(text, "services")[1:] == [f"{asked} meta mark set 1"]


def test_the_hop_limit_is_that_of_the_services_answers() -> None:
    for limit in (1, 2, 64):
        assert chain(rules(WORLD, hop_limit=limit), "hop-limit")[1:] == [
            f'oifname "host" ip saddr 169.254.169.254 ip ttl set {limit}'
        ]


def test_the_client_is_at_the_last_address_of_its_subnet() -> None:
    assert client_script(WORLD).splitlines() == [
        "ip link set vpc mtu 9001",
        *addresses.only("vpc", "10.0.1.254/24"),
        "ip route replace default via 10.0.1.1 dev vpc",
    ]
    assert WORLD.client is not None and WORLD.client[1] == IPv4Address("10.0.1.254")
    assert "address replace 10." not in client_script(Declared())
