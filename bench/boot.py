"""From power-on to the first ping through each tunnel, beside the same image that only starts Libreswan.

`python -m bench.boot`. Both on one lab, by turns: the host that the stack declares, and a bare one whose user-data
writes the same two conns with their keys and starts the daemon, and nothing else. What is compared is our part of the
boot: packages looked for, settings, keys fetched, routes, MSS.
"""

from __future__ import annotations

import platform
import statistics
import time
from datetime import date
from typing import Any

import yaml

from bench.running import running_lab
from components.user_data import encode
from lab.clouds.cluster import REGION
from lab.engine.project import REPOSITORY
from lab.fabric.declared import Declared, Tunnel
from lab.fabric.fabric import Fabric
from lab.fabric.new_host import launch, user_data_of
from lab.fabric.places import headend
from lab.machine.guest import GuestError

ROUNDS = 3
PATIENCE_SECONDS = 600.0
RESULTS = REPOSITORY / "bench" / "boot.md"
CONF = "/etc/ipsec.d/oci-ipsec.conf"


def bare(declared: Declared) -> str:
    """User-data (base64) of a host that only boots and starts Libreswan with the same two conns."""
    assert declared.host is not None
    conf = declared.host.files[CONF]
    for tunnel in declared.tunnels:
        # Without our keeper, Libreswan's own keyword gives the device its inside address.
        device = f"    vti-interface=vti{tunnel.number}\n"
        conf = conf.replace(device, f"{device}    leftvti={_host_inside(tunnel)}\n")
    secrets = "".join(
        f'{tunnel.cpe_address} {tunnel.headend} : PSK "{tunnel.pre_shared_key}"\n' for tunnel in declared.tunnels
    )
    files = [
        {"path": CONF, "content": conf, "permissions": "0644"},
        {"path": "/etc/ipsec.d/oci-ipsec.secrets", "content": secrets, "permissions": "0600"},
    ]
    config: dict[str, Any] = {"write_files": files, "runcmd": [["systemctl", "start", "ipsec.service"]]}
    return encode("#cloud-config\n" + yaml.safe_dump(config, width=4096))


def _host_inside(tunnel: Tunnel) -> str:
    assert tunnel.oracle_inside is not None
    network = tunnel.oracle_inside.network
    other = next(address for address in network.hosts() if address != tunnel.oracle_inside.ip)
    return f"{other}/{network.prefixlen}"


def first_pings(fabric: Fabric) -> dict[int, float]:
    """Seconds from now until each tunnel's headend has had an answer from the host's inside address."""
    began = time.monotonic()
    found: dict[int, float] = {}
    while len(found) < 2:
        for tunnel in fabric.declared.tunnels:
            if tunnel.number not in found and _answers(fabric, tunnel):
                found[tunnel.number] = time.monotonic() - began
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"after {PATIENCE_SECONDS:.0f} s only these tunnels carried a ping: {sorted(found)}")
        time.sleep(0.2)
    return found


def _answers(fabric: Fabric, tunnel: Tunnel) -> bool:
    try:
        inside = _host_inside(tunnel).split("/")[0]
        fabric.run(headend(tunnel.number), "ping", "-q", "-c", "1", "-W", "1", "-I", "ipsec", inside)
    except GuestError:
        return False
    return True


def main() -> None:
    seconds: dict[str, list[dict[int, float]]] = {}
    with running_lab() as (lab, observer):
        fabric = observer.fabric
        declared = fabric.settle()
        kinds = {"declared": user_data_of(lab.clouds, declared), "bare": bare(declared)}
        for number in range(ROUNDS):
            for kind, user_data in kinds.items():
                launch(lab.clouds, fabric.settle(), user_data)
                fabric.settle()
                seconds.setdefault(kind, []).append(first_pings(fabric))
                print(f"round {number + 1}: {kind} {seconds[kind][-1]}", flush=True)
    RESULTS.write_text(report(seconds))
    print(RESULTS.read_text())


def report(seconds: dict[str, list[dict[int, float]]]) -> str:
    """The results as a page: medians and spread of each tunnel, and their ratio."""
    lines = [
        "# Boot of the host to the first ping, beside the same image that only starts Libreswan",
        "",
        f"`python -m bench.boot`, {date.today()}, {platform.machine()}, QEMU without KVM, region {REGION} of the lab, "
        f"{ROUNDS} rounds by turns.",
        "",
        "| host | tunnel | median s | from to s |",
        "| --- | --- | --- | --- |",
    ]
    medians: dict[tuple[str, int], float] = {}
    for kind, rounds in seconds.items():
        for tunnel in (1, 2):
            values = [one[tunnel] for one in rounds]
            medians[kind, tunnel] = statistics.median(values)
            span = f"{min(values):.1f} to {max(values):.1f}"
            lines.append(f"| {kind} | {tunnel} | {medians[kind, tunnel]:.1f} | {span} |")
    ratios = [medians["declared", tunnel] / medians["bare", tunnel] for tunnel in (1, 2)]
    lines.append(f"| **ratio** | 1, 2 | **{ratios[0]:.2f}, {ratios[1]:.2f}** | |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
