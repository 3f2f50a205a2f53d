"""The way of a packet through Oracle's side: the DRG and the VCN. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from lab.fabric.declared import Attachment, Declared, Filter, RuleSet, Subnet, Tunnel, Vcn, longest
from lab.fabric.packets import Direction, Packet, admitted
from lab.fabric.way import StoppedError, Way


def from_tunnels(declared: Declared, tunnels: Iterable[Tunnel], packet: Packet, way: Way) -> None:
    """From each of the tunnels to the VCN's host. Raises StoppedError."""
    vcn, subnet = vcn_end(declared)
    attachment = vcn_attachment(declared, vcn)
    for tunnel in tunnels:
        own = _attachment(declared, tunnel.id)
        target = _next(own, packet.destination)
        way.need(
            target == {attachment.id},
            f"DRG route table {own.table_id} of tunnel {tunnel.number}",
            f"DRG route table {own.table_id} of {own.id} (tunnel {tunnel.number}) has no route for "
            f"{packet.destination} to {attachment.id} of {vcn.id}",
        )
    _filters(vcn, subnet, packet, "in", way)
    way.passes("vcn-host")


def to_tunnels(declared: Declared, packet: Packet, way: Way) -> None:
    """From the VCN's host into the tunnels. Raises StoppedError."""
    vcn, subnet = vcn_end(declared)
    way.passes("vcn-host")
    _filters(vcn, subnet, packet, "out", way)
    _vcn_route(declared, vcn, subnet, packet.destination, way)
    attachment = vcn_attachment(declared, vcn)
    of_tunnels = {_attachment(declared, tunnel.id).id for tunnel in declared.tunnels}
    hop = f"DRG route table {attachment.table_id} of {vcn.id}"
    lacking = [one for one in declared.tunnels if not any(packet.destination in cidr for cidr in one.static_routes)]
    if lacking:
        raise StoppedError(
            f"{way.prefix}{hop}", f"the IPSec connection of {lacking[0].id} has no static route to {packet.destination}"
        )
    way.need(
        bool(_next(attachment, packet.destination) & of_tunnels),
        hop,
        f"DRG route table {attachment.table_id} of {attachment.id} has no route for {packet.destination} to a tunnel",
    )


def vcn_end(declared: Declared) -> tuple[Vcn, Subnet]:
    """Raises StoppedError where there is no subnet for the VCN's host."""
    if declared.vcn is None:
        raise StoppedError("OCI", "there is no VCN")
    if declared.vcn_host is None:
        raise StoppedError("vcn-host", f"{declared.vcn.id} has no subnet")
    return declared.vcn, declared.vcn_host[0]


def vcn_attachment(declared: Declared, vcn: Vcn) -> Attachment:
    found = next((one for one in declared.attachments if one.network_id == vcn.id), None)
    if found is None:
        raise StoppedError("DRG", f"{vcn.id} is not attached to {declared.drg_id or 'a DRG'}")
    return found


def _attachment(declared: Declared, network_id: str) -> Attachment:
    found = next((one for one in declared.attachments if one.network_id == network_id), None)
    if found is None:
        raise StoppedError("DRG", f"{network_id} is not attached to {declared.drg_id or 'a DRG'}")
    return found


def _next(attachment: Attachment, destination: IPv4Address) -> set[str]:
    """Attachments that what comes in through this one goes to: those of the longest prefix."""
    fitting = [route for route in attachment.routes if destination in route.destination]
    longest_prefix = max((route.destination.prefixlen for route in fitting), default=0)
    return {route.attachment_id for route in fitting if route.destination.prefixlen == longest_prefix}


def _vcn_route(declared: Declared, vcn: Vcn, subnet: Subnet, destination: IPv4Address, way: Way) -> None:
    hop = f"route table {subnet.table_id}"
    table = vcn.tables.get(subnet.table_id)
    route = longest(table.routes, destination) if table else None
    if route is None and any(one.network_id == vcn.id for one in declared.attachments):
        raise StoppedError(
            f"{way.prefix}{hop}", f"{hop} of {subnet.id} has no rule for {destination} to {declared.drg_id}"
        )
    # A rule cannot be there without the attachment, so the attachment is what is missing.
    vcn_attachment(declared, vcn)
    assert route is not None
    way.need(
        route.target == declared.drg_id,
        hop,
        f"{hop} of {subnet.id} leads {route.destination} to {route.target} and not to {declared.drg_id}",
    )


def _filters(vcn: Vcn, subnet: Subnet, packet: Packet, direction: Direction, way: Way) -> None:
    """A packet passes if a rule of any security list of the subnet, or of any group, allows it."""
    lists = [vcn.lists[one] for one in subnet.filter_ids if one in vcn.lists]
    rules = [rule for one in (*lists, *vcn.groups) for rule in _rules(one, direction)]
    ids = ", ".join(one.id for one in (*lists, *vcn.groups))
    way.need(
        admitted(rules, packet, direction),
        f"security list {ids}, {direction}",
        f"security list {ids} has no {'ingress' if direction == 'in' else 'egress'} rule for {packet}",
    )


def _rules(one: RuleSet, direction: Direction) -> tuple[Filter, ...]:
    return one.ingress if direction == "in" else one.egress
