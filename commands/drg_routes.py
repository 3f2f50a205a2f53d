"""Whether the DRG forwards between the VCN and the tunnels, as its route tables say.

With tables of one's own, the VCN's may not import the tunnels, nor theirs the VCN: both tunnels are UP then,
and nothing passes (https://docs.oracle.com/en-us/iaas/Content/Network/Tasks/managingDRGs.htm).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from commands.oci_calls import every_page, oci_call


@dataclass(frozen=True)
class Attachment:
    """What hangs on the DRG, and the table that routes what comes from it."""

    id: str
    network_id: str
    """OCID of the VCN or the tunnel."""
    table_id: str | None


@dataclass(frozen=True)
class Rule:
    """One route of a DRG route table that is in force."""

    destination: IPv4Network
    next_hop: str
    """OCID of an attachment."""
    blackhole: bool = False


@dataclass(frozen=True)
class Drg:
    """A look at the DRG."""

    id: str
    attachments: tuple[Attachment, ...]
    rules: Mapping[str, Sequence[Rule]]
    """By the OCID of the route table."""
    subnets: tuple[IPv4Network, ...] | None = None
    """The VCN's subnets where its attachment announces these, and None where it announces the VCN's CIDRs."""


def problems(
    drg: Drg,
    vcn_id: str,
    tunnel_ids: Sequence[str],
    vpc_networks: Sequence[IPv4Network],
    vcn_networks: Sequence[IPv4Network],
) -> list[str]:
    """One sentence for each thing that keeps packets from passing; empty if all is well."""
    by_network = {attachment.network_id: attachment for attachment in drg.attachments}
    vcn = by_network.get(vcn_id)
    tunnels = [by_network[tunnel] for tunnel in tunnel_ids if tunnel in by_network]
    found = [
        f"DRG {drg.id} has no attachment of {kind} {network}"
        for kind, network in (("VCN", vcn_id), *(("tunnel", tunnel) for tunnel in tunnel_ids))
        if network not in by_network
    ]
    if vcn is not None:
        found += _missing(drg, "the VCN", vcn.table_id, vpc_networks, "tunnels", tunnels)
        announced = vcn_networks if drg.subnets is None else drg.subnets
        for table in dict.fromkeys(tunnel.table_id for tunnel in tunnels):
            found += _missing(drg, "the tunnels", table, announced, "VCN", [vcn])
    return found


def _missing(
    drg: Drg,
    source: str,
    table_id: str | None,
    networks: Iterable[IPv4Network],
    target: str,
    hops: Sequence[Attachment],
) -> list[str]:
    if table_id is None:
        return [f"the DRG attachment of {source} has no DRG route table"]
    wanted = {hop.id for hop in hops}
    found = []
    for network in networks:
        best = _longest(drg.rules.get(table_id, ()), network)
        if not best:
            found.append(f"DRG route table {table_id} (of {source}) has no route to {network} by the {target}")
        elif not any(rule.next_hop in wanted and not rule.blackhole for rule in best):
            hop = "nowhere (blackhole)" if best[0].blackhole else best[0].next_hop
            found.append(f"DRG route table {table_id} (of {source}) sends {network} to {hop}, not to the {target}")
    return found


def _longest(rules: Iterable[Rule], network: IPv4Network) -> list[Rule]:
    """The rules that decide for the whole network: those with the longest prefix that holds it."""
    holding = [rule for rule in rules if rule.destination.supernet_of(network)]
    longest = max((rule.destination.prefixlen for rule in holding), default=0)
    return [rule for rule in holding if rule.destination.prefixlen == longest]


def read_drg(client: Any, drg_id: str, vcn_id: str, compartment_id: str, elapsed: float) -> Drg:
    """
    The DRG now. Raises what oci_call raises.

    Attachments are listed by compartment: the tunnels' lie in the connection's (`compartment_id`) or the
    DRG's, the VCN's in whichever it was made.
    """
    with oci_call(f"read DRG {drg_id}", elapsed):
        compartments = [compartment_id, client.get_drg(drg_id).data.compartment_id]
    with oci_call(f"read VCN {vcn_id}", elapsed):
        compartments.append(client.get_vcn(vcn_id).data.compartment_id)
    attachments, by_subnet = {}, False
    for compartment in dict.fromkeys(compartments):
        for kind in ("VCN", "IPSEC_TUNNEL"):
            with oci_call(f"list the {kind} attachments of DRG {drg_id}", elapsed):
                listed = every_page(client.list_drg_attachments, compartment, drg_id=drg_id, attachment_type=kind)
            for each in listed:
                if each.lifecycle_state == "ATTACHED":
                    attachments[each.id] = Attachment(each.id, each.network_details.id, each.drg_route_table_id)
                    if each.network_details.id == vcn_id:
                        by_subnet = each.network_details.vcn_route_type == "SUBNET_CIDRS"
    tables = dict.fromkeys(each.table_id for each in attachments.values() if each.table_id)
    return Drg(
        id=drg_id,
        attachments=tuple(attachments.values()),
        rules={table: _read_rules(client, table, elapsed) for table in tables},
        subnets=_read_subnets(client, vcn_id, compartments, elapsed) if by_subnet else None,
    )


def _read_subnets(client: Any, vcn_id: str, compartments: Iterable[str], elapsed: float) -> tuple[IPv4Network, ...]:
    """Those in the compartments that are known here; a subnet may be in yet another one."""
    found = []
    for compartment in dict.fromkeys(compartments):
        with oci_call(f"list the subnets of VCN {vcn_id}", elapsed):
            found += every_page(client.list_subnets, compartment, vcn_id=vcn_id)
    return tuple(IPv4Network(subnet.cidr_block) for subnet in found if subnet.lifecycle_state == "AVAILABLE")


def _read_rules(client: Any, table_id: str, elapsed: float) -> list[Rule]:
    with oci_call(f"list the rules of DRG route table {table_id}", elapsed):
        listed = every_page(client.list_drg_route_rules, table_id)
    return [
        Rule(
            destination=IPv4Network(rule.destination),
            next_hop=rule.next_hop_drg_attachment_id,
            blackhole=bool(rule.is_blackhole),
        )
        for rule in listed
        # A conflicting route was not imported; a service's label or an IPv6 range is none of ours.
        if not rule.is_conflict and rule.destination_type == "CIDR_BLOCK" and ":" not in rule.destination
    ]
