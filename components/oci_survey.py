"""What a given VCN and DRG look like now, read before any network is registered."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network

import pulumi_oci as oci
from pulumi import InvokeOptions

from components.labels import Tags
from components.oci_findings import Attachment, GivenVcn, OciSurvey, own
from components.settings import OciSettings


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
        Attachment(id=one.id, drg_id=one.drg_id, own=own(one.freeform_tags, tags))
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
        if not own(one.freeform_tags, tags)
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
