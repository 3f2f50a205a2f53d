"""wait-for-tunnels: ends when the connection and both of its tunnels can be changed.

OCI answers 409 to a change of a tunnel that is PROVISIONING, and pulumi-oci's waiter looks at the connection
only, so the program waits here before each change.
"""

from __future__ import annotations

from typing import Any

from commands.invocation import CommandError, Invocation
from commands.oci_sign_in import virtual_network_client
from commands.polling import Look, TimeOverError, poll
from commands.tunnels import TUNNELS, Connection, compact, read_connection, refuse_unusable


def run(invocation: Invocation) -> None:
    """
    Reads IPSEC_ID and TIMEOUT_SECONDS; answers `[{"id":…,"vpnIp":…},…]`, ordered by OCID.

    Raises CommandError at once for a connection that goes or has a third tunnel, else on time-out.
    """
    ipsec_id, seconds = invocation.text("IPSEC_ID"), invocation.seconds("TIMEOUT_SECONDS")
    client = virtual_network_client(invocation.settings.oci, invocation.environment)
    invocation.answer(wait(client, ipsec_id, seconds, invocation))


def wait(client: Any, ipsec_id: str, seconds: float, invocation: Invocation) -> str:
    """The answer, once there is one."""

    def look(elapsed: float) -> Look[str]:
        connection = read_connection(client, ipsec_id, elapsed)
        return Look(connection.progress, verdict(connection))

    try:
        return poll(look, seconds, invocation)
    except TimeOverError as last:
        raise CommandError(
            f"IPSec connection {ipsec_id} and exactly {TUNNELS} tunnels with an address "
            f"are not AVAILABLE after {seconds:.0f} s: {last}"
        ) from None


def verdict(connection: Connection) -> str | None:
    """The answer, or None while something is still to come. Raises as refuse_unusable does."""
    refuse_unusable(connection)
    ready = [tunnel for tunnel in connection.tunnels if tunnel.state == "AVAILABLE" and tunnel.vpn_ip]
    if connection.state != "AVAILABLE" or len(ready) != TUNNELS:
        return None
    return compact([{"id": tunnel.id, "vpnIp": tunnel.vpn_ip} for tunnel in ready])
