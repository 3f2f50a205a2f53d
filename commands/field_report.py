"""field-report: what the real clouds showed of a stack after its `up`, as one Markdown text without an id or a secret.

Much of what the lab does is assumed (lab/README.md); this collects what the clouds say instead. On the host it runs
commands that only look, by SSM.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from commands import aws_sign_in
from commands.aws_view import ec2_call, read_console
from commands.check_tunnels import tunnel_error
from commands.host_shell import run_on_host
from commands.invocation import CommandError, Invocation
from commands.oci_calls import NOT_FOUND_PATIENCE_SECONDS, every_page, oci_call
from commands.oci_sign_in import virtual_network_client
from commands.polling import TransientError
from commands.redaction import Redactor
from commands.stack import Stack, read_history, read_outputs, read_stack
from commands.tunnels import compact, read_connection

# What somebody has named, and so may hold anything; and what says nothing.
NAMED_BY_PEOPLE = frozenset({"displayName", "freeformTags", "definedTags", "systemTags"})
LOOKS = {
    "status of both tunnels": "vpn-status",
    "versions and uptime": "ipsec --version; uname -r; uptime",
    "traffic of the child SAs": "ipsec whack --trafficstatus",
    "IKE SAs, child SAs and re-keys in the last day": (
        "journalctl --unit ipsec --since -1day --no-hostname --output short-iso"
        " | grep --ignore-case --extended-regexp 'rekey|re-key|replac|expire|established|delete|dpd|liveness'"
        " | tail --lines 120"
    ),
    "withdrawals and returns": (
        "journalctl --unit tunnel-keeper --since -1day --no-hostname --output short-iso | tail --lines 60"
    ),
}
"""Titles and shell scripts of what is asked of the host. They look and change nothing."""

Lines = Iterator[str]


def run(invocation: Invocation) -> None:
    """
    Reads STACK, else the selected stack; answers the report. What cannot be read is said in its place.

    Raises CommandError where there is no stack, or none of its resources yet.
    """
    stack = read_stack(invocation)
    outputs = read_outputs(invocation, stack)
    needed = ("connectionId", "drgId", "instanceId")
    if missing := [name for name in needed if not outputs.get(name)]:
        raise CommandError(f"stack {stack.name} has no output {', '.join(missing)}: run `pulumi up` first")
    text = "\n".join(report(stack, outputs, invocation))
    invocation.answer(Redactor()(stack.masked(text)))


def report(stack: Stack, outputs: Mapping[str, Any], invocation: Invocation) -> Lines:
    """All lines, not redacted yet."""
    client = virtual_network_client(stack.sign_in.oci, invocation.environment)
    network = virtual_network_client(stack.sign_in.oci, invocation.environment, raw=True)
    region = stack.values("aws")[0].get("region") or invocation.environment.get("AWS_REGION")
    session = aws_sign_in.session(stack.sign_in.aws, region)
    ec2 = aws_sign_in.client("ec2", session)
    connection = str(outputs["connectionId"])
    host = str(outputs["instanceId"])
    yield "# Field report of aws-oci-libreswan"
    regions = f"AWS {session.region_name}, OCI {network.base_client.config['region']}"
    yield f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {regions}."
    yield "Ids, accounts and addresses are replaced, each by the same name everywhere; secrets are left out."
    yield "\n## Updates of the stack\n"
    yield from told(lambda: updates(read_history(invocation, stack)))
    yield "\n## Times\n"
    yield from told(lambda: timeline([*oci_times(network, connection), *aws_times(ec2, host)]))
    yield "\n## Tunnels\n"
    yield from told(lambda: tunnel_table(read_tunnels(network, connection)))
    yield from told(lambda: tunnel_errors(client, connection))
    yield "\n## DRG\n"
    yield from told(lambda: drg(network, str(outputs["drgId"]), connection))
    yield "\n## Host, by SSM\n"
    yield from told(lambda: asked_of_host(network, connection, aws_sign_in.client("ssm", session), host, invocation))
    yield "\n## Host, its console\n"
    yield from told(lambda: block(read_console(ec2, host) or ["(nothing)"]))


def told(read: Callable[[], Iterator[str]]) -> Lines:
    """The lines; where the cloud tells no more of them, that in their place."""
    try:
        yield from read()
    except (CommandError, TransientError) as failure:
        yield f"Not told: {failure}"


def updates(history: Sequence[Mapping[str, Any]]) -> Lines:
    """One row for each that has ended, the newest first."""
    yield "| update | result | began | seconds |"
    yield "| --- | --- | --- | --- |"
    for each in (update for update in history if update.get("endTime")):
        began, ended = moment(each["startTime"]), moment(each["endTime"])
        took = (ended - began).total_seconds()
        yield f"| {each['kind']} | {each['result']} | {began:%Y-%m-%d %H:%M:%S} | {took:.0f} |"


def timeline(times: Sequence[tuple[str, datetime]]) -> Lines:
    """What came when, in seconds after the first."""
    ordered = sorted(times, key=lambda each: each[1])
    yield "| what | at | seconds after the first |"
    yield "| --- | --- | --- |"
    for what, at in ordered:
        yield f"| {what} | {at:%Y-%m-%d %H:%M:%S} | {(at - ordered[0][1]).total_seconds():.0f} |"


def oci_times(network: Any, connection_id: str) -> list[tuple[str, datetime]]:
    """When Oracle made its end, and when it last changed its word on a tunnel."""
    with oci_call("read the connection and its ends"):
        connection = network.get_ip_sec_connection(connection_id).data
        cpe = network.get_cpe(connection["cpeId"]).data
        drg = network.get_drg(connection["drgId"]).data
    named = [("CPE", cpe), ("DRG", drg), ("IPSec connection", connection)]
    tunnels = [(f"tunnel-{n}", tunnel) for n, tunnel in enumerate(read_tunnels(network, connection_id), start=1)]
    return [(f"{name} created", moment(each["timeCreated"])) for name, each in [*named, *tunnels]] + [
        (f"{name}: status {tunnel['status']} since", moment(tunnel["timeStatusUpdated"]))
        for name, tunnel in tunnels
        if tunnel.get("timeStatusUpdated")
    ]


def aws_times(ec2: Any, instance_id: str) -> list[tuple[str, datetime]]:
    """When the host was launched. Raises CommandError where it is not there."""
    answer = ec2_call(f"read {instance_id}", ec2.describe_instances, InstanceIds=[instance_id])
    return [
        ("host launched", instance["LaunchTime"])
        for reservation in answer["Reservations"]
        for instance in reservation["Instances"]
    ]


def read_tunnels(network: Any, connection_id: str) -> list[dict[str, Any]]:
    """All that Oracle tells of the tunnels, in the program's order. Their shared secrets are another call."""
    with oci_call("list the tunnels"):
        listed: list[dict[str, Any]] = every_page(network.list_ip_sec_connection_tunnels, connection_id)
    return sorted(listed, key=lambda tunnel: str(tunnel["id"]))


def tunnel_table(tunnels: Sequence[Mapping[str, Any]]) -> Lines:
    """A row an attribute, a column a tunnel."""
    flat = [dict(flattened(tunnel)) for tunnel in tunnels]
    names = [f"tunnel-{number}" for number in range(1, len(flat) + 1)]
    yield f"| attribute | {' | '.join(names)} |"
    yield f"| --- |{' --- |' * len(flat)}"
    for name in sorted({name for tunnel in flat for name in tunnel}):
        yield f"| {name} | {' | '.join(tunnel.get(name, '-') for tunnel in flat)} |"


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`phaseOneDetails.lifetime` and so on; what people have named is left out."""
    for key, inner in value.items():
        if key in NAMED_BY_PEOPLE:
            continue
        if isinstance(inner, dict):
            yield from flattened(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner if isinstance(inner, str) else json.dumps(inner)


def tunnel_errors(client: Any, connection_id: str) -> Lines:
    """What Oracle says of each tunnel that is not UP."""
    connection = read_connection(client, connection_id, NOT_FOUND_PATIENCE_SECONDS)
    for number, each in enumerate(connection.tunnels, start=1):
        if each.status != "UP":
            yield f"\ntunnel-{number}: {tunnel_error(client, connection_id, each)}"


def drg(network: Any, drg_id: str, connection_id: str) -> Lines:
    """Attachments, route tables with their rules in force, import and export distributions with their statements."""
    with oci_call("read the DRG"):
        compartments = [network.get_drg(drg_id).data["compartmentId"]]
        compartments.append(network.get_ip_sec_connection(connection_id).data["compartmentId"])
        attachments = {
            each["id"]: each
            for compartment in dict.fromkeys(compartments)
            for each in every_page(network.list_drg_attachments, compartment, drg_id=drg_id, attachment_type="ALL")
        }
        tables = every_page(network.list_drg_route_tables, drg_id)
        rules = {table["id"]: every_page(network.list_drg_route_rules, table["id"]) for table in tables}
        distributions = every_page(network.list_drg_route_distributions, drg_id)
        statements = {
            each["id"]: every_page(network.list_drg_route_distribution_statements, each["id"]) for each in distributions
        }
    yield "Attachments:\n"
    yield from block(plain(each) for each in attachments.values())
    for table in tables:
        yield "\nRoute table, and its rules:\n"
        yield from block([plain(table), *map(plain, rules[table["id"]])])
    for each in distributions:
        yield "\nRoute distribution, and its statements:\n"
        yield from block([plain(each), *map(plain, statements[each["id"]])])


def asked_of_host(network: Any, connection_id: str, ssm: Any, instance_id: str, invocation: Invocation) -> Lines:
    """What the host says, and whether Oracle's inside addresses answer a ping."""
    inside = [
        str(session["oracleInterfaceIp"]).partition("/")[0]
        for tunnel in read_tunnels(network, connection_id)
        if (session := tunnel.get("bgpSessionInfo")) and session.get("oracleInterfaceIp")
    ]
    pings = {f"ping of Oracle's inside address {address}": f"ping -c 10 -i 0.5 {address}" for address in inside}
    for title, script in {**pings, **LOOKS}.items():
        yield f"{title} (`{script.partition(' ')[0]}`):\n"
        yield from block(run_on_host(ssm, instance_id, script, invocation))
        yield ""


def plain(resource: Mapping[str, Any]) -> str:
    """One line of JSON, without what people have named."""
    return compact({key: value for key, value in sorted(resource.items()) if key not in NAMED_BY_PEOPLE})


def block(lines: Iterable[str]) -> Lines:
    """A fenced block of Markdown."""
    yield "```"
    yield from lines
    yield "```"


def moment(text: str) -> datetime:
    """A time of RFC 3339."""
    return datetime.fromisoformat(text)
