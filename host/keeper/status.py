"""`vpn-status`: one table for who was woken at night. Ends with 1 when something is wrong."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keeper import kernel, libreswan, report, settings
from keeper.decide import CARRYING, DEAF, DOUBTFUL, DOWN, PRESUMED
from keeper.libreswan import Child
from keeper.settings import Host

STALE = 10.0
"""Seconds after which what the keeper has said is no news."""

HEADER = ("TUNNEL", "IKE SA", "CHILD SA", "DEVICE", "ROUTES", "IN", "OUT", "PROBE", "KEY", "VERDICT")
VERDICTS = {
    DOWN: "no child SA or device",
    DEAF: "probes are no longer answered",
    DOUBTFUL: "up again, has not answered yet",
    PRESUMED: "up",
    CARRYING: "up",
}

# `"tunnel-1":4500 ESTABLISHED_IKE_SA (established IKE SA)`, or IKEv1's `(IKE SA established)`.
_IKE = re.compile(r'"([^"\n]+)"[^\n]*\((?:established IKE SA|IKE SA established|ISAKMP SA established)')


def ike_established(states: str) -> set[str]:
    """The conns with an IKE SA, from `ipsec whack --showstates`."""
    return set(_IKE.findall(states))


def rows(
    host: Host,
    status: Mapping[str, Any],
    keys: Mapping[str, Any],
    ike: set[str],
    children: Mapping[str, Child],
    devices: Mapping[str, Mapping[str, Any]],
    routes: Mapping[str, Sequence[str]],
) -> list[tuple[str, ...]]:
    """A row a tunnel. `devices` has what /sys knows of those that are up: `rx_bytes` and `tx_bytes`."""
    found: list[tuple[str, ...]] = []
    for tunnel in host.tunnels:
        said = status.get("tunnels", {}).get(tunnel.conn, {})
        device = devices.get(tunnel.device)
        routed = sum(1 for cidr in host.vcn_cidrs if tunnel.device in routes.get(cidr, ()))
        last = said.get("lastAnswerSecondsAgo")
        version = keys.get("versions", {}).get(tunnel.conn)
        found.append(
            (
                tunnel.conn,
                "up" if tunnel.conn in ike else "none",
                f"#{children[tunnel.conn].serial}" if tunnel.conn in children else "none",
                f"{tunnel.device} {'up' if device else 'missing'}",
                f"{routed} of {len(host.vcn_cidrs)}",
                str(device["rx_bytes"]) if device else "-",
                str(device["tx_bytes"]) if device else "-",
                said.get("probe", "?") + (f", {last:.1f} s ago" if last is not None else ""),
                ("user-data" if tunnel.parameter is None else f"version {version}" if version else "?"),
                VERDICTS.get(said.get("worth", DOWN), "?"),
            )
        )
    return found


def faults(host: Host, status: Mapping[str, Any], keys: Mapping[str, Any], now: float) -> list[str]:
    """What is wrong, in the order in which to look at it."""
    if now - status.get("at", 0.0) > STALE:
        return ["the keeper is not running: systemctl status tunnel-keeper; journalctl -u tunnel-keeper"]
    found = []
    if not status["libreswan"]:
        found.append("Libreswan does not answer: systemctl status ipsec; journalctl -u ipsec")
    for tunnel in host.tunnels:
        said = status["tunnels"][tunnel.conn]
        if said["worth"] < PRESUMED:
            found.append(f"{tunnel.conn}: {VERDICTS[said['worth']]}: journalctl -u ipsec | grep {tunnel.conn}")
        elif not said["inUse"]:
            found.append(f"{tunnel.conn}: up, and carries again if it stays so for some seconds")
    found += [f"{conn}: pre-shared key: {fault}" for conn, fault in sorted(keys.get("faults", {}).items())]
    return found


def table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def devices(host: Host) -> dict[str, dict[str, int]]:
    """Bytes that each device counts, where it is up."""
    return {
        tunnel.device: {
            name: int(Path(f"/sys/class/net/{tunnel.device}/statistics/{name}").read_text())
            for name in ("rx_bytes", "tx_bytes")
        }
        for tunnel in host.tunnels
        if kernel.is_up(tunnel.device)
    }


def main() -> int:
    host = settings.load()
    status, keys = report.read(report.STATUS), report.read(report.KEYS)
    ike = ike_established(libreswan.whack("--showstates") or "")
    children = libreswan.children(libreswan.whack("--trafficstatus") or "")
    routes = kernel.over(kernel.our_routes())
    print(table([HEADER, *rows(host, status, keys, ike, children, devices(host), routes)]))
    wrong = faults(host, status, keys, time.time())
    for fault in wrong:
        print(f"! {fault}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
