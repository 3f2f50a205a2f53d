"""The way of a packet through a VPC: route tables, network ACLs, security groups, the check of an interface. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from lab.fabric.declared import Declared, Interface, Route, Subnet, Vpc, longest
from lab.fabric.packets import Direction, Packet, admitted, refusing
from lab.fabric.way import StoppedError, Way

AwsPlace = Literal["client", "host", "internet"]


@dataclass(frozen=True, kw_only=True)
class End:
    """Where a packet leaves or enters the VPC's network."""

    subnet: Subnet | None
    """None: the internet."""
    interface: Interface | None = None
    """The host's; the lab's client has none, and so no security group."""


def host_interface(declared: Declared) -> Interface:
    """The interface of the running host. Raises StoppedError where there is none."""
    host, vpc = declared.host, declared.vpc
    if vpc is None:
        raise StoppedError("AWS", "there is no VPC")
    if host is None:
        which = ", ".join(one.id for one in vpc.interfaces) or "any interface"
        raise StoppedError("host", f"no running instance is attached to {which}")
    return next(one for one in vpc.interfaces if one.id == host.interface_id)


def end_of(declared: Declared, place: AwsPlace) -> End:
    """Raises StoppedError where the place is not there."""
    if place == "internet":
        return End(subnet=None)
    if place == "client":
        if declared.client is None:
            raise StoppedError("client", "the VPC has no subnet")
        return End(subnet=declared.client[0])
    interface = host_interface(declared)
    subnets = declared.vpc.subnets if declared.vpc else ()
    return End(subnet=next(one for one in subnets if one.id == interface.subnet_id), interface=interface)


def cross_vpc(declared: Declared, origin: AwsPlace, target: AwsPlace, packet: Packet, way: Way) -> None:
    """From one place to another, as packets of AWS go. Raises StoppedError."""
    vpc = declared.vpc
    if vpc is None:
        raise StoppedError("AWS", "there is no VPC")
    leaves, enters = end_of(declared, origin), end_of(declared, target)
    way.passes(origin)
    if leaves.interface:
        _check(leaves.interface, packet.source, way)
        _groups(vpc, leaves.interface, packet, "out", way)
    if leaves.subnet is None:
        _from_internet(vpc, enters, way)
    else:
        # The lab's client and host are in different subnets, or in the only one: an ACL is between subnets.
        if leaves.subnet != enters.subnet:
            _acl(vpc, leaves.subnet, packet, "out", way)
        _route(vpc, leaves, enters, packet.destination, way)
    if enters.subnet is not None and leaves.subnet != enters.subnet:
        _acl(vpc, enters.subnet, packet, "in", way)
    if enters.interface:
        _groups(vpc, enters.interface, packet, "in", way)
        _check(enters.interface, packet.destination, way)
    way.passes(target)


def _check(interface: Interface, own: IPv4Address, way: Way) -> None:
    """Of the end of the packet that the interface is at: is it the interface's own address?"""
    way.need(
        own == interface.private_ip or not interface.source_dest_check,
        f"interface {interface.id}",
        f"the source/destination check of {interface.id} is on, so it drops what is neither from nor to itself",
    )


def _groups(vpc: Vpc, interface: Interface, packet: Packet, direction: Direction, way: Way) -> None:
    groups = [vpc.groups[one] for one in interface.group_ids if one in vpc.groups]
    rules = [rule for group in groups for rule in (group.ingress if direction == "in" else group.egress)]
    ids = ", ".join(group.id for group in groups) or f"{interface.id}, which has none,"
    way.need(
        admitted(rules, packet, direction),
        f"security group {ids}, {direction}",
        f"security group {ids} has no {'ingress' if direction == 'in' else 'egress'} rule for {packet}",
    )


def _acl(vpc: Vpc, subnet: Subnet, packet: Packet, direction: Direction, way: Way) -> None:
    acl = vpc.acls[subnet.filter_ids[0]]
    refusal = refusing(acl.ingress if direction == "in" else acl.egress, packet, direction)
    word = "ingress" if direction == "in" else "egress"
    why = "" if refusal is None or refusal == "nothing" else f": entry {refusal.number} refuses it"
    way.need(
        refusal is None,
        f"network ACL {acl.id}, {direction}",
        f"network ACL {acl.id} of {subnet.id} has no {word} entry that allows {packet}{why}",
    )


def _route(vpc: Vpc, leaves: End, enters: End, destination: IPv4Address, way: Way) -> None:
    assert leaves.subnet is not None
    table = vpc.tables[leaves.subnet.table_id]
    hop = f"route table {table.id} of {leaves.subnet.id}"
    route = longest(table.routes, destination)
    if enters.subnet is None:
        target, name = vpc.gateway_id, "the internet gateway"
    elif any(destination in cidr for cidr in vpc.cidrs):
        target, name = "local", "itself"
    else:
        target, name = enters.interface.id if enters.interface else None, "the host's interface"
    if target is None:
        raise StoppedError(f"{way.prefix}{hop}", f"{vpc.id} has no attached internet gateway")
    way.need(route is not None, hop, f"{hop} has no route to {destination}; it needs one to {name}, {target}")
    assert route is not None
    if route.target != target:
        raise StoppedError(f"{way.prefix}{hop}", _wrong(vpc, hop, route, f"and not to {name}, {target}"))
    if enters.subnet is None:
        interface = leaves.interface
        if interface is None or interface.public_ip is None:
            who = interface.id if interface else "the client"
            raise StoppedError(f"{way.prefix}{target}", f"no elastic IP is associated with {who}")
        way.passes(f"internet gateway {target}, as {interface.public_ip}")


def _wrong(vpc: Vpc, hop: str, route: Route, instead: str) -> str:
    gone = route.target != "local" and route.target not in (
        vpc.gateway_id, *(one.id for one in vpc.interfaces if one.instance_id)
    )  # fmt: skip
    return f"{hop} leads {route.destination} to {route.target}{', a black hole,' if gone else ''} {instead}"


def _from_internet(vpc: Vpc, enters: End, way: Way) -> None:
    interface = enters.interface
    hop = f"internet gateway {vpc.gateway_id}"
    way.need(vpc.gateway_id is not None, hop, f"{vpc.id} has no attached internet gateway")
    if interface is None or interface.public_ip is None:
        who = interface.id if interface else "the client"
        raise StoppedError(f"{way.prefix}{hop}", f"no elastic IP is associated with {who}")
