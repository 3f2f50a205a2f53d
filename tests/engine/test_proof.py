"""What the proof says when something does not match, by the real engine: the cause, where to look, and no more.

Everything is spoilt behind Pulumi's back, through the clouds' own APIs. The proof's time is cut to seconds by a
wrapper around the commands' own; that the setting reaches the command is looked at in the state. Not proven: packets.

The tests are one story and run in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.clouds.cluster import REGION
from lab.engine.project import REPOSITORY
from lab.engine.result import Operation, Result
from lab.lab import Lab

COMMAND = "command:local:Command"
PROOF = Operation("create", COMMAND, "proof-tunnels-up")
NETWORK = "172.16.0.0/16"
SECONDS = 3

# As commands/run, only that the proof gives up after a few seconds.
WRAPPER = f"""#!/bin/sh
if [ "$1" = check-tunnels ]; then TIMEOUT_SECONDS={SECONDS} exec {REPOSITORY}/commands/run "$@"; fi
exec {REPOSITORY}/commands/run "$@"
"""


@pytest.fixture(scope="module")
def hasty(lab: Lab) -> Lab:
    """The stack of `dev` is up without a proof, and the next proof will not wait long."""
    lab.configure(proof=False)
    up = lab.project.up().check()
    assert PROOF not in up.operations()
    commands = lab.project.directory / "commands"
    commands.unlink()
    commands.mkdir()
    for item in (REPOSITORY / "commands").iterdir():
        if item.name != "run":
            (commands / item.name).symlink_to(item)
    (commands / "run").write_text(WRAPPER)
    (commands / "run").chmod(0o755)
    lab.configure(proof=True, proofTimeoutMinutes=1)
    return lab


@contextmanager
def another_key(lab: Lab) -> Iterator[None]:
    """What the host would fetch for tunnel 1 is not what Oracle has."""
    ssm = lab.clouds.aws.client("ssm", REGION)
    name = "/libreswan/aws-oci-libreswan/dev/tunnel-1/pre-shared-key"
    kept = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="x" * 32, Type="SecureString", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=kept, Type="SecureString", Overwrite=True)


@contextmanager
def maintenance(lab: Lab, tunnel: str) -> Iterator[None]:
    lab.clouds.oci.maintain(tunnel)
    yield
    lab.clouds.oci.maintain(tunnel, going_on=False)


@contextmanager
def without_route(lab: Lab) -> Iterator[str]:
    """The clients' route to the VCN is away; gives its table."""
    ec2 = lab.clouds.aws.client("ec2", REGION)
    clients = [{"Name": "tag:Name", "Values": ["aws-clients"]}]
    [table] = ec2.describe_route_tables(Filters=clients)["RouteTables"]
    route: dict[str, Any] = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": NETWORK}
    ec2.delete_route(**route)
    yield table["RouteTableId"]
    ec2.create_route(**route, NetworkInterfaceId=lab.project.outputs()["networkInterfaceId"])


def failure(result: Result) -> str:
    """What the proof said; asserts that nothing else failed, and that it is no traceback."""
    assert not result.ok
    assert result.failures() == [PROOF]
    assert "Traceback" not in result.text
    [said] = [message for message in result.messages() if "running" in message]
    return said


def test_without_a_proof_nothing_is_said_of_the_tunnels(hasty: Lab) -> None:
    assert "tunnelStates" not in hasty.project.outputs()


def test_keys_that_differ_are_said_with_the_console_and_where_to_look(hasty: Lab) -> None:
    outputs = hasty.project.outputs()
    instance, ids, headends = outputs["instanceId"], outputs["tunnelIds"], outputs["headends"]
    boot = "\n".join(f"[ {second:3}.000] boot step {second}" for second in range(60))
    hasty.clouds.aws.console[instance] = f'{boot}\npluto: PSK "never shown"\n'
    with another_key(hasty):
        said = failure(hasty.project.up())
    assert 'exit status 1: running "./commands/run check-tunnels"' in said
    assert f"not proven after {SECONDS} s. Last: connection AVAILABLE; tunnels: " in said
    assert (
        f"tunnel {headends['tunnel-1']} ({ids['tunnel-1']}) is DOWN: IKE_NOT_ESTABLISHED: the pre-shared keys of both "
        "ends differ Solution: Compare the CPE's configuration and shared secret with the tunnel's."
    ) in said
    assert f"tunnel {headends['tunnel-2']} ({ids['tunnel-2']}) is UP: OCI reports no error" in said
    console = [line.strip() for line in said.splitlines() if line.strip().startswith("|")]
    last = [f"| [ {second:3}.000] boot step {second}" for second in range(21, 60)]
    assert console == [*last, "| pluto: PSK [secret]"]
    assert f"aws ssm start-session --target {instance} --region {REGION}" in said
    assert "sudo journalctl -u ipsec; sudo ipsec whack --trafficstatus" in said


def test_first_proof_does_not_accept_maintenance(hasty: Lab) -> None:
    outputs = hasty.project.outputs()
    with maintenance(hasty, outputs["tunnelIds"]["tunnel-2"]):
        said = failure(hasty.project.up())
    headend = outputs["headends"]["tunnel-2"]
    assert f"tunnel {headend} ({outputs['tunnelIds']['tunnel-2']}) is DOWN_FOR_MAINTENANCE: " in said


def test_route_that_is_away_is_named(hasty: Lab) -> None:
    with without_route(hasty) as table:
        said = failure(hasty.project.up())
    assert f"; routes: AWS route table {table} has no route to {NETWORK}\n" in said


def test_mended_it_ends_well(hasty: Lab) -> None:
    assert PROOF in hasty.project.up().check().operations()
    assert hasty.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    [environment] = [
        resource["inputs"]["environment"]
        for resource in hasty.project.export()["deployment"]["resources"]
        if resource["urn"].endswith("::proof-tunnels-up")
    ]
    assert environment["TIMEOUT_SECONDS"] == "60"


def test_later_proof_accepts_maintenance_with_a_warning(hasty: Lab) -> None:
    outputs = hasty.project.outputs()
    hasty.configure(proofTimeoutMinutes=2)
    with maintenance(hasty, outputs["tunnelIds"]["tunnel-2"]):
        up = hasty.project.up().check()
    assert up.operations() == [Operation("update", COMMAND, "proof-tunnels-up")]
    headend = outputs["headends"]["tunnel-2"]
    assert f"warning: tunnel {headend} is DOWN_FOR_MAINTENANCE: accepted, the other one is UP" in up.text
    assert hasty.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "DOWN_FOR_MAINTENANCE"}
