"""TunnelCheck: `up` ends when Oracle says that both tunnels are up, or says why they are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import pulumi
from pulumi import ResourceOptions

from components.aws_side import AwsSide
from components.local_command import local_command
from components.oci_side import OciSide


@dataclass(frozen=True, kw_only=True)
class TunnelCheckArgs:
    aws_side: AwsSide
    oci_side: OciSide
    instance_id: pulumi.Output[str]
    key_versions: Sequence[pulumi.Output[int]]
    """Of the parameters with the pre-shared keys, if there are any."""
    vpc_cidrs: Sequence[IPv4Network]
    vcn_cidrs: Sequence[IPv4Network]
    region: pulumi.Input[str]
    timeout_minutes: int
    sign_in: pulumi.Output[str]


class TunnelCheck(pulumi.ComponentResource):
    """
    **Type:** `aws-oci-libreswan:proof:TunnelCheck`

    Creates: `command:local:Command`, which polls Oracle's API and reads the route tables of both clouds.
    """

    states: pulumi.Output[dict[str, str]]
    """Oracle's word on each tunnel when it was last proven, by name."""

    def __init__(self, name: str, args: TunnelCheckArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("aws-oci-libreswan:proof:TunnelCheck", name, None, opts)
        oci_side, aws_side = args.oci_side, args.aws_side
        proof = local_command(
            f"{name}-tunnels-up",
            # What is new needs both tunnels; later one of them may be down for Oracle's maintenance.
            create="check-tunnels",
            update="PROVEN_BEFORE=true check-tunnels",
            sign_in=args.sign_in,
            environment={
                "IPSEC_ID": oci_side.connection_id,
                "DRG_ID": oci_side.drg_id,
                "VCN_ID": oci_side.vcn_id,
                "VPC_CIDRS": ",".join(map(str, args.vpc_cidrs)),
                "VCN_CIDRS": ",".join(map(str, args.vcn_cidrs)),
                "INSTANCE_ID": args.instance_id,
                "NETWORK_INTERFACE_ID": aws_side.network_interface_id,
                "AWS_ROUTE_TABLE_IDS": pulumi.Output.all(*aws_side.route_table_ids).apply(",".join),
                "REGION": args.region,
                "TIMEOUT_SECONDS": str(args.timeout_minutes * 60),
            },
            # Another host, another connection or another key is another thing to prove.
            triggers=[
                args.instance_id,
                oci_side.connection_id,
                *(version.apply(str) for version in args.key_versions),
            ],
            opts=ResourceOptions(parent=self, depends_on=[*oci_side.ready, *aws_side.ready]),
        )
        # The command's input holds credentials, so all that it says counts as secret; this part is not.
        self.states = pulumi.Output.unsecret(proof.stdout).apply(tunnel_states)
        self.register_outputs({"states": self.states})


def tunnel_states(stdout: str) -> dict[str, str]:
    """`check-tunnels` prints the tunnels by OCID, which is the order of their names."""
    tunnels: list[dict[str, Any]] = json.loads(stdout)
    return {f"tunnel-{number}": str(tunnel["status"]) for number, tunnel in enumerate(tunnels, start=1)}
