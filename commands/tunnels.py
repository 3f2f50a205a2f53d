"""The IPSec connection and its tunnels, as OCI reports them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from commands.invocation import CommandError
from commands.oci_calls import every_page, oci_call

TUNNELS = 2  # Oracle makes two tunnels for each IPSec connection.


@dataclass(frozen=True, order=True)
class Tunnel:
    """One tunnel; ordered by OCID, because the API promises no order."""

    id: str
    vpn_ip: str | None
    """Address of Oracle's headend; None as long as there is none."""
    state: str
    """Life cycle: PROVISIONING, AVAILABLE, TERMINATING, TERMINATED."""
    status: str
    """UP, DOWN, DOWN_FOR_MAINTENANCE, PARTIAL_UP."""

    @property
    def name(self) -> str:
        """What a person calls it: its address, or its OCID before it has one."""
        return self.vpn_ip or self.id


@dataclass(frozen=True)
class Connection:
    """A look at the connection and its tunnels, these ordered by OCID."""

    id: str
    compartment_id: str
    state: str
    tunnels: tuple[Tunnel, ...]

    @property
    def progress(self) -> str:
        """One line for a person who waits."""
        tunnels = ", ".join(f"{tunnel.name} {tunnel.state} {tunnel.status}" for tunnel in self.tunnels)
        return f"connection {self.state}; tunnels: {tunnels or 'none yet'}"


def read_connection(client: Any, ipsec_id: str, elapsed: float) -> Connection:
    """The connection now. Raises what oci_call raises."""
    with oci_call(f"read IPSec connection {ipsec_id}", elapsed):
        connection = client.get_ip_sec_connection(ipsec_id).data
    with oci_call(f"list the tunnels of IPSec connection {ipsec_id}", elapsed):
        tunnels = every_page(client.list_ip_sec_connection_tunnels, ipsec_id)
    return Connection(
        id=ipsec_id,
        compartment_id=connection.compartment_id,
        state=connection.lifecycle_state,
        tunnels=tuple(
            sorted(
                Tunnel(id=tunnel.id, vpn_ip=tunnel.vpn_ip, state=tunnel.lifecycle_state, status=tunnel.status)
                for tunnel in tunnels
            )
        ),
    )


def refuse_unusable(connection: Connection) -> None:
    """Raises CommandError where waiting cannot help: a connection that goes, or a third tunnel."""
    if connection.state in ("TERMINATING", "TERMINATED"):
        raise CommandError(f"IPSec connection {connection.id} is {connection.state}: it must be AVAILABLE")
    if len(connection.tunnels) > TUNNELS:
        raise CommandError(wrong_count(connection))


def wrong_count(connection: Connection) -> str:
    """Says how many tunnels there are, and which."""
    count = len(connection.tunnels)
    names = ", ".join(tunnel.name for tunnel in connection.tunnels) or "none"
    return (
        f"IPSec connection {connection.id} has {count} tunnel{'' if count == 1 else 's'} ({names}): "
        f"it must have exactly {TUNNELS}"
    )


def compact(value: object) -> str:
    """JSON without a blank, so that the same facts are the same bytes."""
    return json.dumps(value, separators=(",", ":"))
