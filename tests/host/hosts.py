"""A made-up host as the keeper knows it: what host_files renders, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keeper.settings import Host, Tunnel


def tunnel(number: int, **changes: Any) -> Tunnel:
    made = Tunnel(
        conn=f"tunnel-{number}",
        device=f"vti{number}",
        key=4 + number,
        headend=f"198.51.100.{11 * number}",
        host_inside=f"169.254.2{number}.2/30",
        oracle_inside=f"169.254.2{number}.1",
        parameter=f"/libreswan/tunnel-{number}/pre-shared-key",
    )
    return replace(made, **changes)


HOST = Host(
    region="us-east-1",
    private_address="10.0.0.10",
    public_address="203.0.113.7",
    interface_kind="vti",
    mtu=1438,
    vcn_cidrs=("172.16.0.0/16", "192.168.5.9/32"),
    tunnels=(tunnel(1), tunnel(2)),
)
XFRM_HOST = replace(
    HOST, interface_kind="xfrm", tunnels=(tunnel(1, device="ipsec1", key=1), tunnel(2, device="ipsec2", key=2))
)
