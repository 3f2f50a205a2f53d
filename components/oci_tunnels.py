"""The two tunnels of an IPSec connection, managed one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network

import pulumi
import pulumi_command as command
import pulumi_oci as oci
from pulumi import InvokeOutputOptions, ResourceOptions

from components import crypto
from components.addresses import inside_addresses
from components.local_command import local_command
from components.settings import TunnelSettings

# Oracle's dead peer detection, in seconds: its own default.
DEAD_PEER_TIMEOUT = 20

WAIT_SECONDS = "1200"


@dataclass(frozen=True, kw_only=True)
class ManagedTunnel:
    id: pulumi.Output[str]
    headend: pulumi.Output[str]
    """Oracle's public address of this tunnel."""
    pre_shared_key: pulumi.Output[str]
    """Secret."""
    status: pulumi.Output[str]
    """As Oracle said when the tunnel was last changed."""
    inside_cidr: IPv4Network
    management: oci.core.IpsecConnectionTunnelManagement


@dataclass(frozen=True, kw_only=True)
class TunnelsArgs:
    connection: oci.core.Ipsec
    settings: TunnelSettings
    sign_in: pulumi.Output[str]
    pre_shared_keys: Sequence[pulumi.Output[str] | None]
    """Given keys, secret; None keeps Oracle's own."""


def manage_tunnels(name: str, args: TunnelsArgs, parent: pulumi.Resource) -> tuple[ManagedTunnel, ManagedTunnel]:
    """
    Creates `command:local:Command` and `oci:Core:IpsecConnectionTunnelManagement`, one of each for each tunnel.

    Changing a tunnel or its connection puts both tunnels into PROVISIONING, and Oracle refuses a change meanwhile
    (409 IncorrectState): so each management waits until both are AVAILABLE, the second one after the first.
    """
    first_wait = _wait(f"{name}-tunnel-1-ready", args, {}, parent)
    tunnels = oci.core.get_ipsec_connection_tunnels_output(
        ipsec_id=args.connection.id, opts=InvokeOutputOptions(parent=parent, depends_on=[first_wait])
    ).apply(lambda found: in_order([(tunnel.id, tunnel.vpn_ip) for tunnel in found.ip_sec_connection_tunnels]))
    first = _manage(f"{name}-tunnel-1", 0, tunnels, args, [first_wait], parent)
    # What the first management may change: the second one has to wait for it again.
    settings = args.settings
    plain = repr((settings.ike_version, settings.inside_cidrs[0], settings.profile))
    digest = pulumi.Output.all(args.pre_shared_keys[0] or "", plain).apply(
        lambda parts: sha256("".join(parts).encode()).hexdigest()
    )
    changed = {"AFTER": pulumi.Output.concat(first.id, " ", digest)}
    second_wait = _wait(f"{name}-tunnel-2-ready", args, changed, parent, after=first.management)
    second = _manage(f"{name}-tunnel-2", 1, tunnels, args, [second_wait], parent)
    return first, second


def in_order(tunnels: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """
    (OCID, headend) of both tunnels by OCID, an order that the listing of the API cannot change.
    Raises pulumi.RunError unless there are exactly two, each with an address.
    """
    if len(tunnels) != 2 or not all(headend for _, headend in tunnels):
        listed = ", ".join(f"{tunnel} ({headend or 'no address'})" for tunnel, headend in sorted(tunnels))
        raise pulumi.RunError(
            f"the IPSec connection has {len(tunnels)} tunnels, and two with an address are needed: "
            f"{listed or 'none'}; look at it in the OCI console, then run `pulumi up` again"
        )
    return sorted(tunnels)


def _wait(
    name: str,
    args: TunnelsArgs,
    more: Mapping[str, pulumi.Input[str]],
    parent: pulumi.Resource,
    after: pulumi.Resource | None = None,
) -> command.local.Command:
    # The routes are there because a change of them updates the connection, and the wait must come again.
    routes = args.connection.static_routes.apply(lambda cidrs: ",".join(cidrs or []))
    return local_command(
        name,
        create="wait-for-tunnels",
        sign_in=args.sign_in,
        environment={
            "IPSEC_ID": args.connection.id,
            "STATIC_ROUTES": routes,
            "TIMEOUT_SECONDS": WAIT_SECONDS,
            **more,
        },
        triggers=[args.connection.id],
        opts=ResourceOptions(parent=parent, depends_on=[after] if after else None),
    )


def _manage(
    name: str,
    position: int,
    tunnels: pulumi.Output[list[tuple[str, str]]],
    args: TunnelsArgs,
    after: Sequence[pulumi.Resource],
    parent: pulumi.Resource,
) -> ManagedTunnel:
    settings, profile = args.settings, args.settings.profile
    inside = settings.inside_cidrs[position]
    oracle_inside, host_inside = inside_addresses(inside)
    tunnel_id = tunnels.apply(lambda two: two[position][0])
    management = oci.core.IpsecConnectionTunnelManagement(
        name,
        ipsec_id=args.connection.id,
        tunnel_id=tunnel_id,
        routing="STATIC",
        ike_version=f"V{settings.ike_version}",
        shared_secret=args.pre_shared_keys[position],
        # With static routing the inside addresses carry no routes; the host's probes use them.
        bgp_session_info={
            "oracle_interface_ip": str(oracle_inside),
            "customer_interface_ip": str(host_inside),
        },
        # The host opens every IKE SA: two ends that both do cross each other, and Oracle's offers come fragmented.
        oracle_can_initiate="RESPONDER_ONLY",
        nat_translation_enabled="ENABLED",
        dpd_configs=[{"dpd_mode": "INITIATE_AND_RESPOND", "dpd_timeout_in_sec": DEAD_PEER_TIMEOUT}],
        phase_one_details={
            "is_custom_phase_one_config": True,
            "custom_encryption_algorithm": profile.ike_encryption,
            "custom_authentication_algorithm": profile.ike_integrity,
            "custom_dh_group": profile.group,
            "lifetime": crypto.ORACLE_IKE_LIFETIME,
        },
        phase_two_details={
            "is_custom_phase_two_config": True,
            "custom_encryption_algorithm": profile.child_encryption,
            "custom_authentication_algorithm": profile.child_integrity,
            "is_pfs_enabled": True,
            "dh_group": profile.group,
            "lifetime": crypto.ORACLE_CHILD_LIFETIME,
        },
        opts=ResourceOptions(
            parent=parent,
            depends_on=after,
            # The provider would update in place, and push the key only if the key itself had changed: the new
            # tunnels would keep Oracle's random ones.
            replace_on_changes=["ipsec_id", "tunnel_id"],
            # There is nothing to create or delete in the cloud: two managements would fight over one tunnel.
            delete_before_replace=True,
            additional_secret_outputs=["shared_secret"],
            custom_timeouts=pulumi.CustomTimeouts(create="30m", update="30m"),
        ),
    )
    return ManagedTunnel(
        id=tunnel_id,
        headend=tunnels.apply(lambda two: two[position][1]),
        pre_shared_key=pulumi.Output.secret(management.shared_secret),
        status=management.status,
        inside_cidr=inside,
        management=management,
    )
