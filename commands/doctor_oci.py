"""What the doctor looks at in OCI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from ipaddress import IPv4Network
from typing import Any

from commands import oci_sign_in, oci_tenancy
from commands.checks import Blind, Row, Verdict, both, row, seen, then
from commands.invocation import CommandError
from commands.stack import Stack
from components.labels import Tags
from components.oci_findings import GivenVcn, attachment_faults, inside_faults, vcn_faults
from components.settings import Settings


@dataclass(frozen=True)
class Limit:
    """How many of a kind a tenancy may have in a region, as `oci limits value list` names it."""

    what: str
    service: str
    name: str
    kind: str
    """Completes `list_` of the SDK."""


LIMITS = (
    Limit("IPSec connections", "vpn", "ipsec-connection-count", "ip_sec_connections"),
    Limit("CPEs", "vpn", "cpe-count", "cpes"),
    Limit("DRGs", "vcn", "drg-count", "drgs"),
    Limit("VCNs", "vcn", "vcn-count", "vcns"),
)


@dataclass(frozen=True)
class Tenancy:
    """An OCI tenancy, signed in to, and the stack's compartment in it."""

    values: Mapping[str, str]
    environment: Mapping[str, str]
    network: Any
    """The SDK's client of the core network API."""
    compartment_id: str

    @property
    def user(self) -> str:
        """Who one is there, as far as the sign-in itself says."""
        return str(self.network.base_client.config.get("user") or "a principal without a user")

    @cached_property
    def limits(self) -> Any:
        return oci_sign_in.limits_client(self.values, self.environment)


def sign_in(stack: Stack, settings: Settings, environment: Mapping[str, str]) -> Tenancy:
    """As the commands sign in. Raises LookupError where that is refused, TransientError where nobody answers."""
    values, compartment = stack.sign_in.oci, settings.oci.compartment_id
    try:
        client = oci_sign_in.virtual_network_client(values, environment)
        oci_tenancy.may_list(client, compartment)
    except CommandError as refused:
        raise LookupError(str(refused)) from None
    return Tenancy(values, environment, client, compartment)


def look_at_vcn(tenancy: Tenancy | Blind, settings: Settings | Blind, tags: Tags) -> GivenVcn | Blind | None:
    """The given VCN; None where the stack makes one."""

    def look(given: tuple[Tenancy, Settings]) -> GivenVcn | None:
        oci = given[1].oci
        return None if oci.vcn_id is None else oci_tenancy.given_vcn(given[0].network, oci.vcn_id, oci, tags)

    return then("given VCN", both(tenancy, settings), look)


def rows(
    tenancy: Tenancy | Blind,
    settings: Settings | Blind,
    vcn: GivenVcn | Blind | None,
    vpc_cidrs: tuple[IPv4Network, ...] | Blind,
    stack: Stack,
    environment: Mapping[str, str],
    now: float,
) -> Iterator[Row]:
    """A row a check. `now`: seconds since 1970."""
    values = stack.sign_in.oci
    mode = oci_sign_in.Settings(values, environment).mode
    yield row(
        "OCI sign-in",
        seen(tenancy, lambda found: Verdict(f"{found.user}, by {mode}")),
        "set oci:auth and what that mode needs; compartmentId must be one that this sign-in may read networks of",
    )
    yield row("OCI session", then("OCI session", values, lambda given: _session(given, environment, now)))
    if vcn is not None:
        yield row("given VCN", seen(vcn, lambda found: Verdict(f"{found.id}: {', '.join(map(str, found.cidrs))}")))
        yield row(
            "what is in the VCN",
            then("what is in the VCN", both(both(vcn, settings), vpc_cidrs), lambda given: _parts(*given[0], given[1])),
            "change the key that is named, or take the rule away that is in the way",
        )
        yield row(
            "DRG of the VCN",
            then("DRG of the VCN", both(vcn, settings), lambda given: _drg(*given)),
            "use that DRG, or detach the VCN from it first",
        )
    asked = both(both(tenancy, settings), vcn)
    if not isinstance(settings, Blind) and settings.oci.drg_id is not None:
        yield row(
            "inside addresses",
            then("inside addresses", asked, lambda given: _inside(*given[0], given[1], stack.tags)),
            "another tunnel1InsideCidr or tunnel2InsideCidr",
        )
    for limit in LIMITS:
        if isinstance(settings, Blind) or needs(limit, settings):
            yield row(
                limit.what,
                then(limit.what, tenancy, partial(_limit, limit, stack.tags)),
                f"delete one, or ask Oracle for more: limit {limit.name} of {limit.service} in "
                "Limits, Quotas and Usage",
            )


def needs(limit: Limit, settings: Settings) -> bool:
    """Whether the stack makes one of these: a DRG or a VCN may be given."""
    given = {"drgs": settings.oci.drg_id, "vcns": settings.oci.vcn_id}
    return given.get(limit.kind) is None


def _session(values: Mapping[str, str], environment: Mapping[str, str], now: float) -> Verdict:
    if refusal := oci_sign_in.refusal(values, environment, now):
        return Verdict.of("", [refusal])
    left = oci_sign_in.minutes_left(values, environment, now)
    return Verdict("has no end, or renews itself" if left is None else f"{int(left)} min left")


def _parts(vcn: GivenVcn, settings: Settings, vpc_cidrs: Sequence[IPv4Network]) -> Verdict:
    return Verdict.of("subnets, route tables, security lists and groups fit", vcn_faults(vcn, settings.oci, vpc_cidrs))


def _drg(vcn: GivenVcn, settings: Settings) -> Verdict:
    seen_now = f"attached to {vcn.attachment.drg_id}" if vcn.attachment else "not attached to any DRG"
    return Verdict.of(seen_now, attachment_faults(vcn, settings.oci))


def _inside(tenancy: Tenancy, settings: Settings, vcn: GivenVcn | None, tags: Tags) -> Verdict:
    compartments = [settings.oci.compartment_id, *([] if vcn is None else [vcn.compartment_id])]
    others = oci_tenancy.other_inside_cidrs(tenancy.network, compartments, str(settings.oci.drg_id), tags)
    faults = inside_faults(others, settings.tunnel.inside_cidrs)
    return Verdict.of("no other connection of the DRG has them", faults)


def _limit(limit: Limit, tags: Tags, tenancy: Tenancy) -> Verdict:
    if oci_tenancy.has_own(tenancy.network, limit.kind, tenancy.compartment_id, tags):
        return Verdict("the stack has its own already")
    left = oci_tenancy.available(tenancy.limits, limit.service, limit.name, tenancy.compartment_id)
    exhausted = f"no more {limit.what} may be made in this region, and the stack needs one"
    return Verdict.of(f"{left} more may be made", [exhausted] if left < 1 else [])
