"""check-tunnels: ends when OCI reports both tunnels UP and the routes of both clouds lead into them.

It proves what the two clouds say, not that a packet crosses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from typing import Any

from commands import aws_sign_in
from commands.aws_view import read_console, read_route_tables, route_problems
from commands.drg_routes import problems, read_drg
from commands.invocation import CommandError, Invocation
from commands.oci_calls import GoneError, oci_call
from commands.oci_sign_in import virtual_network_client
from commands.polling import Look, TimeOverError, TransientError, poll
from commands.tunnels import (
    TUNNELS,
    Connection,
    Tunnel,
    compact,
    read_connection,
    refuse_unusable,
    wrong_count,
)

STATUS_LAG_SECONDS = 180.0
"""How old OCI's word on a tunnel may be: dead peer detection, and minutes until its API says so (assumed)."""

# A DRG table imports a new attachment's routes within a minute or two; longer, they are not coming.
ROUTE_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the stack declared, as far as it can be seen from outside."""

    ipsec_id: str
    drg_id: str
    vcn_id: str
    vpc_networks: tuple[IPv4Network, ...]
    vcn_networks: tuple[IPv4Network, ...]
    instance_id: str
    interface_id: str
    aws_route_table_ids: tuple[str, ...]
    region: str
    """AWS."""
    seconds: float
    status_lag_seconds: float
    proven_before: bool
    """The same host, connection and keys were: UP is no word of before then, and one tunnel UP is enough while the
    other one is DOWN_FOR_MAINTENANCE."""

    @classmethod
    def parse(cls, invocation: Invocation) -> Expected:
        """From the environment. Raises CommandError that names the variable."""
        return cls(
            ipsec_id=invocation.text("IPSEC_ID"),
            drg_id=invocation.text("DRG_ID"),
            vcn_id=invocation.text("VCN_ID"),
            vpc_networks=invocation.networks("VPC_CIDRS"),
            vcn_networks=invocation.networks("VCN_CIDRS"),
            instance_id=invocation.text("INSTANCE_ID"),
            interface_id=invocation.text("NETWORK_INTERFACE_ID"),
            aws_route_table_ids=invocation.items("AWS_ROUTE_TABLE_IDS"),
            region=invocation.text("REGION"),
            seconds=invocation.seconds("TIMEOUT_SECONDS"),
            status_lag_seconds=(
                invocation.seconds("OCI_STATUS_LAG_SECONDS")
                if "OCI_STATUS_LAG_SECONDS" in invocation.environment
                else STATUS_LAG_SECONDS
            ),
            proven_before=invocation.flag("PROVEN_BEFORE"),
        )


def run(invocation: Invocation) -> None:
    """
    Reads the variables of Expected; answers `[{"id":…,"vpnIp":…,"status":…},…]`, ordered by OCID.

    Raises CommandError: on time-out with what OCI and the console say; at once for what cannot mend.
    """
    expected = Expected.parse(invocation)
    client = virtual_network_client(invocation.settings.oci, invocation.environment)
    # Only when needed: a failing AWS sign-in must not hide what OCI says.
    ec2 = cache(lambda: aws_sign_in.ec2_client(invocation.settings.aws, expected.region))
    invocation.answer(check(expected, client, ec2, invocation))


def check(expected: Expected, client: Any, ec2: Callable[[], Any], invocation: Invocation) -> str:
    """The answer, once all is well. `ec2` gives the client or raises CommandError."""
    seen: list[Connection] = []
    up_since: list[float] = []
    # The look at the end of the time counts, however short that is.
    lag = 0.0 if expected.proven_before else min(expected.status_lag_seconds, expected.seconds)
    not_up: set[str] = set()

    def look(elapsed: float) -> Look[Connection]:
        connection = read_connection(client, expected.ipsec_id, elapsed)
        seen[:] = [connection]
        refuse_unusable(connection)
        not_up.update(tunnel.id for tunnel in connection.tunnels if tunnel.status != "UP")
        if not all_up(connection, expected.proven_before):
            up_since.clear()
            return Look(connection.progress)
        old = [tunnel.name for tunnel in connection.tunnels if tunnel.id not in not_up]
        if old and elapsed < lag:
            # A host that has just been replaced, or a key, and OCI has not noticed yet.
            return Look(f"{connection.progress}; {', '.join(old)}: UP since before, which counts after {lag:.0f} s")
        up_since[:] = up_since or [elapsed]
        try:
            wrong = route_faults(expected, connection, client, ec2, elapsed)
        except CommandError as failure:
            raise CommandError(f"{_up(connection)}, but the routes could not be proven: {failure}") from None
        if not wrong:
            return Look(connection.progress, connection)
        if elapsed - up_since[0] >= ROUTE_PATIENCE_SECONDS:
            raise CommandError("\n  ".join([f"{_up(connection)}, but packets cannot pass:", *wrong]))
        return Look(f"{connection.progress}; routes: {'; '.join(wrong)}")

    try:
        connection = poll(look, expected.seconds, invocation)
    except TimeOverError as last:
        raise CommandError(_after_time_out(expected, seen, str(last), client, ec2)) from None
    for tunnel in connection.tunnels:
        if tunnel.status != "UP":
            invocation.tell(f"warning: tunnel {tunnel.name} is {tunnel.status}: accepted, the other one is UP")
    return answer(connection)


def all_up(connection: Connection, allow_maintenance: bool) -> bool:
    """Both UP; or, where that is allowed, one UP and one taken down by Oracle's maintenance."""
    statuses = sorted(tunnel.status for tunnel in connection.tunnels)
    return statuses == ["UP", "UP"] or (allow_maintenance and statuses == ["DOWN_FOR_MAINTENANCE", "UP"])


def answer(connection: Connection) -> str:
    """The command's result."""
    return compact([{"id": each.id, "vpnIp": each.vpn_ip, "status": each.status} for each in connection.tunnels])


def route_faults(
    expected: Expected, connection: Connection, client: Any, ec2: Callable[[], Any], elapsed: float
) -> list[str]:
    """What is wrong with the routes of both clouds. Raises CommandError or TransientError if unreadable."""
    drg = read_drg(client, expected.drg_id, expected.vcn_id, connection.compartment_id, elapsed)
    tunnel_ids = [tunnel.id for tunnel in connection.tunnels]
    found = problems(drg, expected.vcn_id, tunnel_ids, expected.vpc_networks, expected.vcn_networks)
    table_ids = expected.aws_route_table_ids
    if table_ids:
        tables = read_route_tables(ec2(), table_ids)
        found += route_problems(tables, table_ids, expected.vcn_networks, expected.interface_id)
    return found


def _up(connection: Connection) -> str:
    return "OCI reports " + ", ".join(f"tunnel {each.name} {each.status}" for each in connection.tunnels)


def _after_time_out(
    expected: Expected, seen: Sequence[Connection], last: str, client: Any, ec2: Callable[[], Any]
) -> str:
    connection = seen[0] if seen else None
    errors = (
        {each.id: tunnel_error(client, expected.ipsec_id, each) for each in connection.tunnels} if connection else {}
    )
    try:
        console = read_console(ec2(), expected.instance_id) or ["(nothing yet)"]
    except (CommandError, TransientError) as failure:
        console = [f"(warning: {failure})"]
    return report(expected, connection, last, errors, console)


def tunnel_error(client: Any, ipsec_id: str, tunnel: Tunnel) -> str:
    """What OCI says about a tunnel that is not up: code, description, solution."""
    try:
        with oci_call("read its error"):
            error = client.get_ip_sec_connection_tunnel_error(ipsec_id, tunnel.id).data
    except GoneError:
        return "OCI reports no error"
    except (CommandError, TransientError) as failure:
        return str(failure)
    if not error.error_code:
        return "OCI reports no error"
    return f"{error.error_code}: {error.error_description} Solution: {error.solution}"


def report(
    expected: Expected,
    connection: Connection | None,
    last: str,
    errors: Mapping[str, str],
    console: Sequence[str],
) -> str:
    """All that helps to find out why, for a person."""
    lines = [f"not proven after {expected.seconds:.0f} s. Last: {last}"]
    if connection is not None:
        if len(connection.tunnels) != TUNNELS:
            lines.append(wrong_count(connection))
        for tunnel in connection.tunnels:
            lines.append(f"tunnel {tunnel.name} ({tunnel.id}) is {tunnel.status}: {errors[tunnel.id]}")
    lines += [f"console of {expected.instance_id}, last lines:", *(f"  | {line}" for line in console)]
    lines += [
        "look closer:",
        f"  aws ssm start-session --target {expected.instance_id} --region {expected.region}",
        "  and there: sudo journalctl -u ipsec; sudo ipsec whack --trafficstatus",
    ]
    return "\n".join(lines)
