"""The internet: the gateway's 1:1 NAT, the way to both headends, AWS' regional endpoint and a package mirror."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.fabric import nft, routing
from lab.fabric.declared import Declared
from lab.fabric.places import ADDRESS, AWS_ENDPOINT, PACKAGE_MIRROR, THIS_COMPUTER, headend, via


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How the internet between the VPC and Oracle is. It may be set while the lab runs."""

    delay_ms: float = 10.0
    """One way."""
    loss_percent: float = 0.0
    path_mtu: int = 1500
    """Bytes, of the links to both headends and to the VPC."""
    cut: frozenset[tuple[int, str]] = frozenset()
    """Headend number and direction, `to` or `from` it: nothing passes there."""


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Ports on this computer's loopback device where the servers of the lab's internet really listen."""

    endpoint: int
    mirror: int


def mapped(declared: Declared) -> dict[IPv4Address, IPv4Address]:
    """Elastic to private address, of every interface that the internet can reach."""
    vpc = declared.vpc
    if vpc is None or vpc.gateway_id is None:
        return {}
    return {one.public_ip: one.private_ip for one in vpc.interfaces if one.public_ip is not None}


def script(declared: Declared, servers: Servers, weather: Weather) -> str:
    """What the place `internet` runs to be as declared. Repeatable."""
    return "\n".join(
        [
            *_links(weather),
            routing.policy({device: _routes(declared) for device in ("vpc", "headend-1", "headend-2", "lab")}),
            f"ip route replace {ADDRESS['lab']} dev lab scope link",
            nft.load(rules(declared, servers, weather)),
        ]
    )


def _links(weather: Weather) -> Iterator[str]:
    for place in ("vpc", "headend-1", "headend-2"):
        # Both ends: what is too long must be noticed where it is sent, or it vanishes.
        yield f"ip link set {place} mtu {weather.path_mtu}"
        yield f"ip -n {place} link set internet mtu {weather.path_mtu}"
    for device in ("vpc", "headend-1", "headend-2"):
        # Half of it on the way out to each end: a packet passes two of these devices, one each way.
        delay = f"delay {weather.delay_ms}ms" if weather.delay_ms else ""
        loss = f"loss {weather.loss_percent}%" if weather.loss_percent else ""
        wanted = f"tc qdisc replace dev {device} root netem limit 10000 {delay} {loss}".strip()
        yield wanted if delay or loss else f"tc qdisc del dev {device} root 2>/dev/null || true"


def _routes(declared: Declared) -> list[str]:
    routes = [f"{private} {via('vpc')}" for private in mapped(declared).values()]
    for tunnel in declared.tunnels:
        if tunnel.headend is not None:
            routes.append(f"{tunnel.headend} {via(headend(tunnel.number))}")
    return [*routes, f"{THIS_COMPUTER} via {ADDRESS['lab']} dev lab onlink"]


def rules(declared: Declared, servers: Servers, weather: Weather) -> str:
    """1:1 NAT, and what bad weather stops."""
    addresses = mapped(declared)
    forward = []
    for number, direction in sorted(weather.cut):
        word = "oifname" if direction == "to" else "iifname"
        forward.append(f'{word} "{headend(number)}" {nft.refusal(f"the path {direction} headend {number} is cut")}')
    known = ", ".join(str(private) for private in addresses.values())
    stranger = f"ip saddr != {{ {known} }} " if known else ""
    forward.append(f'iifname "vpc" {stranger}{nft.refusal("no elastic IP is associated with the sender")}')
    return nft.ruleset(
        [
            nft.chain("forward", forward, "type filter hook forward priority 0; policy accept;"),
            nft.chain(
                "inbound",
                [
                    f"ip daddr {AWS_ENDPOINT} tcp dport 443 dnat to {THIS_COMPUTER}:{servers.endpoint}",
                    f"ip daddr {PACKAGE_MIRROR} tcp dport 80 dnat to {THIS_COMPUTER}:{servers.mirror}",
                    *(f"ip daddr {public} dnat to {private}" for public, private in addresses.items()),
                ],
                "type nat hook prerouting priority dstnat;",
            ),
            nft.chain(
                "outbound",
                [
                    f'oifname "lab" snat to {ADDRESS["internet"]}',
                    *(f'oifname != "vpc" ip saddr {private} snat to {public}' for public, private in addresses.items()),
                ],
                "type nat hook postrouting priority srcnat;",
            ),
        ]
    )
