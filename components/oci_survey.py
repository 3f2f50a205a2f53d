"""What a given VCN and DRG look like now, read before any network is registered, and why they could not work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network

import pulumi_oci as oci
from pulumi import InvokeOptions

from components import addresses
from components.labels import Tags
from components.settings import OciSettings


@dataclass(frozen=True, kw_only=True)
class Attachment:
    id: str
    drg_id: str
    own: bool
    """Whether this stack made it."""


@dataclass(frozen=True, kw_only=True)
class GivenVcn:
    """A VCN that was there before, as it is now."""

    id: str
    compartment_id: str
    cidrs: tuple[IPv4Network, ...]
    has_dns: bool
    """Whether it has a DNS label; without one its subnets cannot have any."""
    attachment: Attachment | None
    """Its attachment to a DRG; a VCN has one at most."""
    foreign_routes: Mapping[str, tuple[str, ...]]
    """Destinations by route table, of the rules that are not this stack's; the tables that the settings name."""
    security_lists: frozenset[str]
    """All security lists of the VCN."""
    groups: Mapping[str, str]
    """The VCN of each network security group that the settings name."""


@dataclass(frozen=True, kw_only=True)
class OciSurvey:
    vcn: GivenVcn | None
    inside_cidrs: tuple[IPv4Network, ...]
    """Inside-tunnel networks of other connections on a given DRG."""
    device_shape_id: str | None
    """Oracle's CPE device shape for Libreswan, if it lists one."""


def survey(settings: OciSettings, tags: Tags, provider: oci.Provider) -> OciSurvey:
    """Reads only. Raises LookupError that names the key where something is not there."""
    opts = InvokeOptions(provider=provider)
    vcn = None if settings.vcn_id is None else _given_vcn(settings, settings.vcn_id, tags, opts)
    # Oracle lists a compartment at a time: a given DRG is with its network, or where the stack is.
    compartments = dict.fromkeys([settings.compartment_id, *([] if vcn is None else [vcn.compartment_id])])
    return OciSurvey(
        vcn=vcn,
        inside_cidrs=() if settings.drg_id is None else _inside_cidrs(compartments, settings.drg_id, tags, opts),
        device_shape_id=_device_shape(opts),
    )


def survey_faults(
    found: OciSurvey,
    settings: OciSettings,
    vpc_cidrs: Sequence[IPv4Network],
    inside_cidrs: Sequence[IPv4Network],
) -> Iterator[str]:
    """Why the network cannot work as it is, a line a fault with key, value and rule."""
    for number, inside in enumerate(inside_cidrs, start=1):
        for other in found.inside_cidrs:
            if inside.overlaps(other):
                yield (
                    f"tunnel{number}InsideCidr: {inside} is refused: another connection of the DRG has {other} "
                    "inside a tunnel"
                )
    if found.vcn is not None:
        yield from _vcn_faults(found.vcn, settings, vpc_cidrs)


def _vcn_faults(vcn: GivenVcn, settings: OciSettings, vpc_cidrs: Sequence[IPv4Network]) -> Iterator[str]:
    attached = vcn.attachment
    if attached and not attached.own:
        if settings.drg_id != attached.drg_id:
            yield (
                f"vcnId: {vcn.id!r} is refused: it is attached to {attached.drg_id}, and a VCN attaches to one DRG "
                f"only; set drgId to that and drgAttachmentId to {attached.id}"
            )
        elif settings.drg_attachment_id != attached.id:
            yield f"vcnId: {vcn.id!r} is attached to drgId already; set drgAttachmentId to {attached.id}"
    if settings.drg_attachment_id and (attached is None or attached.id != settings.drg_attachment_id):
        yield f"drgAttachmentId: {settings.drg_attachment_id!r} is refused: it does not attach {vcn.id}"
    for cidr in settings.vcn_subnet_cidrs:
        if not addresses.is_within(cidr, vcn.cidrs):
            yield f"vcnSubnetCidrs: {cidr} is refused: it lies in none of the CIDRs of {vcn.id}"
    for table in settings.vcn_route_table_ids:
        if table not in vcn.foreign_routes:
            yield f"vcnRouteTableIds: {table!r} is refused: {vcn.id} has no such route table"
        for destination in vcn.foreign_routes.get(table, ()):
            if destination in map(str, vpc_cidrs):
                yield (
                    f"vcnRouteTableIds: {table!r} is refused: it has a rule for {destination} already, "
                    "and not by this stack"
                )
    for listed in settings.vcn_security_list_ids:
        if listed not in vcn.security_lists:
            yield f"vcnSecurityListIds: {listed!r} is refused: {vcn.id} has no such security list"
    for group, vcn_id in vcn.groups.items():
        if vcn_id != vcn.id:
            yield f"vcnNetworkSecurityGroupIds: {group!r} is refused: it belongs to {vcn_id}, not to {vcn.id}"


def _given_vcn(settings: OciSettings, vcn_id: str, tags: Tags, opts: InvokeOptions) -> GivenVcn:
    try:
        vcn = oci.core.get_vcn(vcn_id=vcn_id, opts=opts)
    except Exception as missing:
        raise LookupError(f"vcnId: {vcn_id!r} is refused: {str(missing).strip().splitlines()[0]}") from missing
    attachments = [
        attachment
        for compartment in dict.fromkeys([settings.compartment_id, vcn.compartment_id])
        for attachment in oci.core.get_drg_attachments(
            compartment_id=compartment, vcn_id=vcn_id, opts=opts
        ).drg_attachments
    ]
    tables = oci.core.get_route_tables(compartment_id=vcn.compartment_id, vcn_id=vcn_id, opts=opts).route_tables
    lists = oci.core.get_security_lists(compartment_id=vcn.compartment_id, vcn_id=vcn_id, opts=opts)
    attached = [
        Attachment(id=one.id, drg_id=one.drg_id, own=_own(one.freeform_tags, tags))
        for one in attachments
        if one.state == "ATTACHED"
    ]
    return GivenVcn(
        id=vcn_id,
        compartment_id=vcn.compartment_id,
        cidrs=tuple(IPv4Network(cidr) for cidr in vcn.cidr_blocks),
        has_dns=bool(vcn.dns_label),
        attachment=attached[0] if attached else None,
        foreign_routes={
            table.id: tuple(rule.destination for rule in table.route_rules if rule.description != tags.owner)
            for table in tables
            if table.id in settings.vcn_route_table_ids
        },
        security_lists=frozenset(one.id for one in lists.security_lists),
        groups={group: _vcn_of_group(group, opts) for group in settings.vcn_network_security_group_ids},
    )


def _vcn_of_group(group: str, opts: InvokeOptions) -> str:
    try:
        return oci.core.get_network_security_group(network_security_group_id=group, opts=opts).vcn_id
    except Exception as missing:
        raise LookupError(
            f"vcnNetworkSecurityGroupIds: {group!r} is refused: {str(missing).strip().splitlines()[0]}"
        ) from missing


def _inside_cidrs(compartments: Iterable[str], drg_id: str, tags: Tags, opts: InvokeOptions) -> tuple[IPv4Network, ...]:
    foreign = [
        one.id
        for compartment in compartments
        for one in oci.core.get_ipsec_connections(compartment_id=compartment, drg_id=drg_id, opts=opts).connections
        if not _own(one.freeform_tags, tags)
    ]
    return tuple(
        IPv4Interface(session.oracle_interface_ip).network
        for connection in foreign
        for tunnel in oci.core.get_ipsec_connection_tunnels(ipsec_id=connection, opts=opts).ip_sec_connection_tunnels
        for session in tunnel.bgp_session_infos
        if session.oracle_interface_ip
    )


def _device_shape(opts: InvokeOptions) -> str | None:
    shapes = oci.core.get_cpe_device_shapes(opts=opts).cpe_device_shapes
    return min(
        (
            shape.cpe_device_shape_id
            for shape in shapes
            if any("libreswan" in info.vendor.lower() for info in shape.cpe_device_infos)
        ),
        default=None,
    )


def _own(freeform_tags: Mapping[str, str], tags: Tags) -> bool:
    return freeform_tags.get("project") == tags.project and freeform_tags.get("stack") == tags.stack
