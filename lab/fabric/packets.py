"""Packets, and whether the filters of both clouds let them through. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Literal

from lab.fabric.declared import AclEntry, Filter, Protocol

Direction = Literal["in", "out"]
Ports = tuple[int, int]

# The ports that Linux takes for conversations that it opens (net.ipv4.ip_local_port_range).
EPHEMERAL: Ports = (32_768, 60_999)
ECHO_REQUEST, ECHO_REPLY = (8, 0), (0, 0)


@dataclass(frozen=True, kw_only=True)
class Packet:
    """One packet of a flow, or rather all that the flow may consist of: its ports are ranges."""

    source: IPv4Address
    destination: IPv4Address
    protocol: Protocol
    ports: Ports | None = None
    """Destination ports, any of which it may have."""
    source_ports: Ports | None = None
    icmp: tuple[int, int] | None = None
    is_answer: bool = False

    @property
    def answer(self) -> Packet:
        """What the other end sends back."""
        return replace(
            self,
            source=self.destination,
            destination=self.source,
            ports=self.source_ports,
            source_ports=self.ports,
            icmp=ECHO_REPLY if self.icmp == ECHO_REQUEST else self.icmp,
            is_answer=True,
        )

    def __str__(self) -> str:
        ports = "" if self.ports is None else f" {_range(self.ports)}"
        kind = "" if self.icmp is None else f" type {self.icmp[0]}"
        return f"{self.protocol}{ports}{kind} from {self.source} to {self.destination}"


def _range(ports: Ports) -> str:
    return "-".join(str(port) for port in dict.fromkeys(ports))


def opening(source: IPv4Address, destination: IPv4Address, protocol: Protocol, port: int | None) -> Packet:
    """The packet that opens a conversation: a ping, or a request from a port that the kernel chose."""
    if protocol == "icmp":
        return Packet(source=source, destination=destination, protocol=protocol, icmp=ECHO_REQUEST)
    ports = None if port is None else (port, port)
    source_ports = EPHEMERAL if protocol in ("tcp", "udp") else None
    return Packet(source=source, destination=destination, protocol=protocol, ports=ports, source_ports=source_ports)


def admitted(rules: Iterable[Filter], packet: Packet, direction: Direction) -> bool:
    """Whether stateful rules let a packet through: an answer always, for its question has passed."""
    kept = list(rules)
    return packet.is_answer or all(any(matches(rule, one, direction) for rule in kept) for one in _each(packet, kept))


def refusing(entries: Sequence[AclEntry], packet: Packet, direction: Direction) -> AclEntry | None | Literal["nothing"]:
    """The entry of a stateless list that refuses a packet, `nothing` where none matches, None where it passes."""
    in_order = sorted(entries, key=lambda entry: entry.number)
    for one in _each(packet, [entry.filter for entry in in_order]):
        first = next((entry for entry in in_order if matches(entry.filter, one, direction)), None)
        if first is None:
            return "nothing"
        if not first.allow:
            return first
    return None


def _each(packet: Packet, rules: Sequence[Filter]) -> Iterator[Packet]:
    """The packet with each pair of ports at which some rule may begin or cease to match: they stand for all others."""
    destinations = _borders(packet.ports, [rule.ports for rule in rules])
    sources = _borders(packet.source_ports, [rule.source_ports for rule in rules])
    for destination in destinations:
        for source in sources:
            yield replace(packet, ports=destination, source_ports=source)


def _borders(within: Ports | None, ranges: Iterable[Ports | None]) -> list[Ports | None]:
    if within is None:
        return [None]
    borders = {within[0]}
    for given in ranges:
        if given is not None:
            borders |= {port for port in (given[0], given[1] + 1) if within[0] <= port <= within[1]}
    return [(port, port) for port in sorted(borders)]


def matches(rule: Filter, packet: Packet, direction: Direction) -> bool:
    """Whether a rule is about a packet, whose ports are single ones."""
    if rule.protocol not in ("all", packet.protocol):
        return False
    if (packet.source if direction == "in" else packet.destination) not in rule.cidr:
        return False
    if rule.icmp is not None and packet.icmp is not None:
        kind, code = rule.icmp
        if kind != packet.icmp[0] or code not in (None, packet.icmp[1]):
            return False
    return _holds(rule.ports, packet.ports) and _holds(rule.source_ports, packet.source_ports)


def _holds(wanted: Ports | None, there: Ports | None) -> bool:
    return wanted is None or there is None or wanted[0] <= there[0] <= wanted[1]
