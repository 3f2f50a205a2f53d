"""OCI as the program's survey sees it, asked by Oracle's SDK: nothing but Get… and List…."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from commands.oci_calls import GoneError, every_page, oci_call
from components.labels import Tags
from components.oci_findings import Attachment, GivenVcn, own
from components.settings import OciSettings


def given_vcn(client: Any, vcn_id: str, settings: OciSettings, tags: Tags) -> GivenVcn:
    """The given VCN as it is now. Raises LookupError that names the key of what is not there."""
    try:
        with oci_call(f"read VCN {vcn_id}"):
            vcn = client.get_vcn(vcn_id).data
    except GoneError as gone:
        raise LookupError(f"vcnId: {vcn_id!r} is refused: {gone}") from None
    where = vcn.compartment_id
    with oci_call(f"look at VCN {vcn_id}"):
        attachments = [
            attachment
            for compartment in dict.fromkeys([settings.compartment_id, where])
            for attachment in every_page(client.list_drg_attachments, compartment, vcn_id=vcn_id)
            if attachment.lifecycle_state == "ATTACHED"
        ]
        tables = every_page(client.list_route_tables, where, vcn_id=vcn_id)
        lists = every_page(client.list_security_lists, where, vcn_id=vcn_id)
    attached = [Attachment(id=one.id, drg_id=one.drg_id, own=own(one.freeform_tags or {}, tags)) for one in attachments]
    return GivenVcn(
        id=vcn_id,
        compartment_id=where,
        cidrs=tuple(IPv4Network(cidr) for cidr in vcn.cidr_blocks),
        has_dns=bool(vcn.dns_label),
        attachment=attached[0] if attached else None,
        foreign_routes={
            table.id: tuple(rule.destination for rule in table.route_rules if rule.description != tags.owner)
            for table in tables
            if table.id in settings.vcn_route_table_ids
        },
        security_lists=frozenset(one.id for one in lists),
        groups={group: _vcn_of_group(client, group) for group in settings.vcn_network_security_group_ids},
    )


def _vcn_of_group(client: Any, group: str) -> str:
    try:
        with oci_call(f"read network security group {group}"):
            return str(client.get_network_security_group(group).data.vcn_id)
    except GoneError as gone:
        raise LookupError(f"vcnNetworkSecurityGroupIds: {group!r} is refused: {gone}") from None


def other_inside_cidrs(client: Any, compartments: Iterable[str], drg_id: str, tags: Tags) -> tuple[IPv4Network, ...]:
    """Inside-tunnel networks of the connections of a given DRG that are not this stack's."""
    found = []
    with oci_call(f"look at the connections of DRG {drg_id}"):
        for compartment in dict.fromkeys(compartments):
            for connection in every_page(client.list_ip_sec_connections, compartment, drg_id=drg_id):
                if not own(connection.freeform_tags or {}, tags):
                    found += every_page(client.list_ip_sec_connection_tunnels, connection.id)
    return tuple(
        IPv4Interface(tunnel.bgp_session_info.oracle_interface_ip).network
        for tunnel in found
        if tunnel.bgp_session_info and tunnel.bgp_session_info.oracle_interface_ip
    )


def may_list(client: Any, compartment_id: str) -> None:
    """Asks for the DRGs of the compartment, which the program does too. Raises CommandError, 401 and 404 too."""
    with oci_call(f"list the DRGs of the compartment {compartment_id}"):
        client.list_drgs(compartment_id)


def has_own(client: Any, kind: str, compartment_id: str, tags: Tags) -> bool:
    """Whether the stack has one already; `kind` completes `list_` of the SDK."""
    with oci_call(f"list {kind} of the compartment"):
        listed = every_page(getattr(client, f"list_{kind}"), compartment_id)
    return any(own(one.freeform_tags or {}, tags) for one in listed if _lives(one))


def _lives(resource: Any) -> bool:
    # A CPE has no state.
    return getattr(resource, "lifecycle_state", None) not in ("TERMINATING", "TERMINATED")


def available(limits: Any, service: str, name: str, compartment_id: str) -> int:
    """How many more of a limited resource may be made; quotas of the compartment count too."""
    with oci_call(f"read the limit {name}"):
        found = limits.get_resource_availability(service, name, compartment_id).data
    return int(found.available)
