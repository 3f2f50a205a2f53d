"""What the stack has told this host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PATH = Path("/etc/aws-oci-libreswan/tunnels.json")


@dataclass(frozen=True)
class Tunnel:
    conn: str
    device: str
    key: int
    """The mark of a VTI, the if_id of an XFRM interface."""
    headend: str
    host_inside: str
    """With the length of its prefix."""
    oracle_inside: str
    parameter: str | None
    """Where Parameter Store has its pre-shared key; None where user-data brought it."""


@dataclass(frozen=True)
class Host:
    region: str
    private_address: str
    public_address: str
    interface_kind: str
    mtu: int
    vcn_cidrs: tuple[str, ...]
    tunnels: tuple[Tunnel, ...]
    log_group: str | None = None
    """Of CloudWatch, for what is said and measured here; None where that stays here."""


def load(path: Path = PATH) -> Host:
    said = json.loads(path.read_text())
    return Host(
        region=said["region"],
        private_address=said["privateAddress"],
        public_address=said["publicAddress"],
        interface_kind=said["interfaceKind"],
        mtu=said["mtu"],
        vcn_cidrs=tuple(said["vcnCidrs"]),
        tunnels=tuple(
            Tunnel(
                conn=tunnel["conn"],
                device=tunnel["device"],
                key=tunnel["key"],
                headend=tunnel["headend"],
                host_inside=tunnel["hostInside"],
                oracle_inside=tunnel["oracleInside"],
                parameter=tunnel.get("parameter"),
            )
            for tunnel in said["tunnels"]
        ),
        log_group=said.get("logGroup"),
    )
