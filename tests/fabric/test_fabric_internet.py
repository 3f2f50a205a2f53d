"""The internet as declared and as the weather is, as text.

Not proven here: that nft, ip and tc do what the text says (the lab does).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.fabric import internet
from lab.fabric.declared import Declared
from lab.fabric.internet import Servers, Weather
from tests.fabric.test_fabric_vpc import chain, table
from tests.fabric.world import WORLD, with_interface, with_tunnel, with_vpc

SERVERS = Servers(endpoint=8443, mirror=8080)
TO_SERVERS = [
    "ip daddr 198.18.0.10 tcp dport 443 dnat to 198.18.255.2:8443",
    "ip daddr 198.18.0.20 tcp dport 80 dnat to 198.18.255.2:8080",
]
LAB = "198.18.255.2 via 100.64.0.99 dev lab onlink"
PLACES = ("vpc", "headend-1", "headend-2")


def rules(declared: Declared, weather: Weather | None = None) -> str:
    return internet.rules(declared, SERVERS, weather or Weather())


def script(declared: Declared, weather: Weather | None = None) -> str:
    return internet.script(declared, SERVERS, weather or Weather())


def test_one_to_one_translation_of_a_mapped_interface() -> None:
    text = rules(WORLD)
    assert chain(text, "inbound")[1:] == [*TO_SERVERS, "ip daddr 203.0.113.1 dnat to 10.0.0.9"]
    assert chain(text, "outbound")[1:] == [
        'oifname "lab" snat to 100.64.0.2',
        'oifname != "vpc" ip saddr 10.0.0.9 snat to 203.0.113.1',
    ]


def test_only_an_interface_with_an_elastic_address_sends_anything() -> None:
    text = rules(WORLD)
    assert chain(text, "forward")[1:] == [
        'iifname "vpc" ip saddr != { 10.0.0.9 } counter drop comment "no elastic IP is associated with the sender"'
    ]


@pytest.mark.parametrize(
    "declared",
    [
        Declared(),
        with_vpc(lambda one: replace(one, gateway_id=None)),
        with_interface(lambda one: replace(one, public_ip=None)),
    ],
    ids=["nothing yet", "no gateway", "no elastic address"],
)
def test_nobody_is_mapped(declared: Declared) -> None:
    assert internet.mapped(declared) == {}
    text = rules(declared)
    assert chain(text, "inbound")[1:] == TO_SERVERS
    assert chain(text, "outbound")[1:] == ['oifname "lab" snat to 100.64.0.2']
    # Then everybody is a stranger.
    assert chain(text, "forward")[1:] == [
        'iifname "vpc" counter drop comment "no elastic IP is associated with the sender"'
    ]
    assert "via 100.64.0.1 " not in script(declared)


def test_two_mapped_interfaces_are_not_confused() -> None:
    assert WORLD.vpc is not None
    own = WORLD.vpc.interfaces[0]
    other = replace(own, id="eni-2", private_ip=IPv4Address("10.0.1.9"), public_ip=IPv4Address("203.0.113.2"))
    text = rules(with_vpc(lambda one: replace(one, interfaces=(own, other))))
    assert "ip daddr 203.0.113.2 dnat to 10.0.1.9" in text and "ip daddr 203.0.113.1 dnat to 10.0.0.9" in text
    assert "ip saddr != { 10.0.0.9, 10.0.1.9 }" in text


def test_every_device_has_the_way_to_both_headends_and_the_host() -> None:
    text = script(WORLD)
    ways = [
        "10.0.0.9 via 100.64.0.1 dev vpc onlink",
        "192.0.2.7 via 100.64.0.11 dev headend-1 onlink",
        "198.51.100.7 via 100.64.0.12 dev headend-2 onlink",
        LAB,
    ]
    for device in (*PLACES, "lab"):
        assert table(text, device) == ways
    # A headend that has no address yet cannot be reached.
    early = script(with_tunnel(2, lambda one: replace(one, headend=None)))
    assert table(early, "vpc") == [way for way in ways if "headend-2" not in way]
    assert table(script(Declared()), "vpc") == [LAB]


@pytest.mark.parametrize(
    ("cut", "line"),
    [
        ((1, "to"), 'oifname "headend-1" counter drop comment "the path to headend 1 is cut"'),
        ((1, "from"), 'iifname "headend-1" counter drop comment "the path from headend 1 is cut"'),
        ((2, "to"), 'oifname "headend-2" counter drop comment "the path to headend 2 is cut"'),
        ((2, "from"), 'iifname "headend-2" counter drop comment "the path from headend 2 is cut"'),
    ],
)
def test_a_cut_is_of_one_direction(cut: tuple[int, str], line: str) -> None:
    forward = chain(rules(WORLD, Weather(cut=frozenset({cut}))), "forward")[1:]
    assert forward == [line, *chain(rules(WORLD), "forward")[1:]]


def test_all_cuts_are_in_one_order() -> None:
    # A set has another order in every process, and that is no change.
    cuts = frozenset((number, direction) for number in (1, 2) for direction in ("to", "from"))
    forward = chain(rules(WORLD, Weather(cut=cuts)), "forward")[1:-1]
    assert [line.split(" counter")[0] for line in forward] == [
        'iifname "headend-1"', 'oifname "headend-1"', 'iifname "headend-2"', 'oifname "headend-2"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("weather", "words"),
    [
        (Weather(), "limit 10000 delay 10.0ms"),
        (Weather(delay_ms=80.5), "limit 10000 delay 80.5ms"),
        (Weather(loss_percent=2.5), "limit 10000 delay 10.0ms loss 2.5%"),
        (Weather(delay_ms=0, loss_percent=3), "limit 10000  loss 3%"),
    ],
)
def test_delay_and_loss_are_on_every_way_out(weather: Weather, words: str) -> None:
    lines = [line for line in script(WORLD, weather).splitlines() if line.startswith("tc ")]
    assert lines == [f"tc qdisc replace dev {device} root netem {words}" for device in PLACES]


def test_fine_weather_takes_the_former_away() -> None:
    lines = [line for line in script(WORLD, Weather(delay_ms=0)).splitlines() if line.startswith("tc ")]
    assert lines == [f"tc qdisc del dev {device} root 2>/dev/null || true" for device in PLACES]


def test_the_path_mtu_is_that_of_both_ends_of_every_link() -> None:
    lines = script(WORLD, Weather(path_mtu=1400)).splitlines()
    assert [line for line in lines if " mtu " in line] == [
        line
        for place in PLACES
        for line in (f"ip link set {place} mtu 1400", f"ip -n {place} link set internet mtu 1400")
    ]
