"""How Oracle's cloud behaves where its API leaves room: each delay, limit and default that a test may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Documented: in Oracle's pages or SDK. Assumed: our choice, nobody here can see it. Times in seconds."""

    region: str = "eu-frankfurt-1"
    """Part of every OCID. Documented form."""

    settle_seconds: float = 3.0
    """PROVISIONING of a connection and its tunnels after a create and after each update. The state is
    documented, and that a new PSK causes it; the length, and that every update does so, are assumed."""

    update_holds_connection: bool = True
    """While one tunnel is PROVISIONING, so is its connection, and the other tunnel answers 409. Assumed."""

    address_seconds: float = 1.0
    """From a tunnel's create until it has a `vpnIp`. Assumed."""

    status_seconds: float = 2.0
    """From the far end's change until the tunnel's `status` says so. The lag is known, the length assumed."""

    brief_seconds: float = 0.3
    """PROVISIONING (or ATTACHING) of DRG and attachment. Assumed; everything else is AVAILABLE at once."""

    terminate_seconds: float = 0.5
    """TERMINATING (or DETACHING) of everything whose delete is documented as asynchronous. Length assumed."""

    ended_visible_seconds: float = 1.0
    """How long a TERMINATED resource is still returned and listed before it is a 404. Assumed."""

    drg_release_seconds: float = 2.0
    """How long a DRG still answers 409 after its last connection is TERMINATED. Assumed."""

    listings_move: bool = True
    """A listing's order changes from call to call. That no order is promised is documented."""

    max_static_routes: int = 10
    """Documented, a connection."""

    max_freeform_tags: int = 10
    """Documented, a resource."""

    max_security_lists: int = 5
    """Documented, a subnet."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """Service limits by kind (`vcn`, `drg`, `cpe`, `ipsecconnection`, ...): one more is 400 LimitExceeded.
    Documented to exist; the numbers differ from tenancy to tenancy."""

    default_vcn_route_type: str = "SUBNET_CIDRS"
    """What a VCN attachment imports unless told. Assumed from the console's default."""

    lists_libreswan: bool = True
    """`cpeDeviceShapes` has an entry of vendor Libreswan. Assumed from Oracle's list of verified devices."""

    tag_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Defined tags that the tenancy puts on everything by itself. Documented (tag defaults)."""

    required_tags: tuple[str, ...] = ()
    """Defined tags (`Space.key`) without which nothing is made. Documented (tag defaults that require a value)."""


USUAL = Behaviour()
"""What the emulator does unless told otherwise."""
