"""What was found in OCI, and why the network could not work there. Pure: the program reads it by its provider,
`make doctor` by Oracle's SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

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


def survey_faults(
    found: OciSurvey,
    settings: OciSettings,
    vpc_cidrs: Sequence[IPv4Network],
    inside_cidrs: Sequence[IPv4Network],
) -> Iterator[str]:
    """Why the network cannot work as it is, a line a fault with key, value and rule."""
    yield from inside_faults(found.inside_cidrs, inside_cidrs)
    if found.vcn is not None:
        yield from attachment_faults(found.vcn, settings)
        yield from vcn_faults(found.vcn, settings, vpc_cidrs)


def inside_faults(others: Sequence[IPv4Network], inside_cidrs: Sequence[IPv4Network]) -> Iterator[str]:
    """Which inside-tunnel networks another connection of the DRG has already."""
    for number, inside in enumerate(inside_cidrs, start=1):
        for other in others:
            if inside.overlaps(other):
                yield (
                    f"tunnel{number}InsideCidr: {inside} is refused: another connection of the DRG has {other} "
                    "inside a tunnel"
                )


def attachment_faults(vcn: GivenVcn, settings: OciSettings) -> Iterator[str]:
    """Why a given VCN cannot be on the DRG that the settings mean."""
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


def vcn_faults(vcn: GivenVcn, settings: OciSettings, vpc_cidrs: Sequence[IPv4Network]) -> Iterator[str]:
    """Why what the settings name in a given VCN does not fit together."""
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


def own(freeform_tags: Mapping[str, str], tags: Tags) -> bool:
    """Whether these are the tags of something that this stack made."""
    return freeform_tags.get("project") == tags.project and freeform_tags.get("stack") == tags.stack
