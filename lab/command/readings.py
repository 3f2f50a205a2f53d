"""What is measured in a lab, and how it is read from what ping, iperf3, Libreswan and ip print. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network


@dataclass(frozen=True, kw_only=True)
class Ping:
    """Round trips; the times are None when nothing came back."""

    sent: int
    received: int
    least_ms: float | None = None
    average_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    name: str
    status: str
    """OCI's word."""
    headend: str
    daemon: str
    """Which one runs at the headend, and what it says."""
    up: bool
    """Whether the headend's daemon has a child SA."""
    bytes_in: int | None = None
    """By the host's Libreswan; None where it did not say."""
    bytes_out: int | None = None
    missing: str | None = None
    """What the reachability function says is missing; None where it says that the tunnel comes up."""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """One direction between the VPC's client and the VCN's host."""

    name: str
    ping: Ping | None = None
    """None where there is nobody to ping."""
    ping_missing: str | None = None
    megabits: float | None = None
    """TCP throughput in a second."""
    tcp_fault: str = ""
    """What iperf3 said where it did not measure."""
    tcp_missing: str | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A lab with machines at one moment."""

    tunnels: tuple[Tunnel, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    way_back: str = ""
    """Which tunnel Oracle sends traffic through."""
    interfaces: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    host_fault: str = ""
    """Why the host itself could not be asked."""
    refused: dict[str, int] | None = None
    memory_mib: dict[str, int] | None = None
    first_ping_seconds: float | None = None
    """From the host's power-on to the first ping that crossed."""
    weather: str = ""
    explained: str = ""


def read_ping(text: str) -> Ping:
    """The last lines of ping(8) of iputils. ValueError where they are not there."""
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    if counts is None:
        raise ValueError(f"ping said {text.strip()!r}")
    times = re.search(r"= ([\d.]+)/([\d.]+)/[\d.]+/[\d.]+ ms", text)
    return Ping(
        sent=int(counts[1]),
        received=int(counts[2]),
        least_ms=float(times[1]) if times else None,
        average_ms=float(times[2]) if times else None,
    )


def read_iperf3(text: str) -> float:
    """Megabits a second that arrived, from `iperf3 --json`. ValueError with its own words where it failed."""
    try:
        said = json.loads(text)
    except ValueError:
        raise ValueError(text.strip() or "iperf3 said nothing") from None
    if "error" in said:
        # Its guesses at the reason are left out.
        raise ValueError(re.sub(r" - server may .* etc\.", "", said["error"]))
    return float(said["end"]["sum_received"]["bits_per_second"]) / 1e6


def read_traffic(text: str) -> dict[str, tuple[int, int]]:
    """Bytes in and out by conn, from `ipsec whack --trafficstatus`: the sum of the child SAs that there are now."""
    found: dict[str, tuple[int, int]] = {}
    for line in text.splitlines():
        conn = re.search(r'"([^"]+)"', line)
        counts = re.search(r"inBytes=(\d+), outBytes=(\d+)", line)
        if conn and counts:
            before = found.get(conn[1], (0, 0))
            found[conn[1]] = before[0] + int(counts[1]), before[1] + int(counts[2])
    return found


def read_interfaces(text: str) -> tuple[str, ...]:
    """`ip -brief -4 address`, without the loopback device."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("lo "))


def read_routes(text: str, cidrs: Iterable[IPv4Network]) -> tuple[str, ...]:
    """`ip -oneline route`: those into one of the CIDRs."""
    wanted = list(cidrs)
    lines = (" ".join(line.replace("\\", " ").split()) for line in text.splitlines())
    return tuple(line for line in lines if any(_destination(line).subnet_of(cidr) for cidr in wanted))


def _destination(route: str) -> IPv4Network:
    words = iter(route.removeprefix("blackhole ").split())
    first = next(words, "default")
    return IPv4Network("0.0.0.0/0") if first == "default" else IPv4Network(ip_network(first))
