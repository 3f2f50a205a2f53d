"""TCP through both tunnels, beside the same kernel SAs with every daemon frozen: `python -m bench.throughput`.

By turns on one lab: as declared; with Libreswan, both headends' daemons and the keeper stopped in their tracks, so that
nothing but the kernel's static SAs carries; and as Oracle's guide ends, without MSS, MTU and keeper.
"""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from functools import partial

from bench.running import running_lab
from lab.engine.project import REPOSITORY
from lab.fabric.outages import Observer

ROUNDS = 5
SECONDS = 8
CONNECTIONS = 4
"""Enough for both tunnels to have some of them."""
GATE = 0.85
RESULTS = REPOSITORY / "bench" / "throughput.md"


@contextmanager
def frozen(observer: Observer) -> Iterator[None]:
    """No daemon runs, and all their SAs are there."""
    observer.host("systemctl stop tunnel-keeper; pkill -STOP -x pluto")
    observer.fabric.machine.guest.script("pkill -STOP -x charon; pkill -STOP -x pluto")
    try:
        yield
    finally:
        observer.fabric.machine.guest.script("pkill -CONT -x charon; pkill -CONT -x pluto")
        observer.host("pkill -CONT -x pluto; systemctl start tunnel-keeper")
        observer.wait()


@contextmanager
def guide(observer: Observer) -> Iterator[None]:
    """The devices as Libreswan makes them, one static route, and no MSS."""
    observer.host(
        "systemctl stop tunnel-keeper; nft delete table inet aws_oci_libreswan; "
        "for device in vti1 vti2; do ip link set $device mtu 1480; done"
    )
    try:
        yield
    finally:
        observer.host("systemctl start tunnel-keeper")
        observer.wait()


def megabits(observer: Observer) -> float:
    """Megabits a second from the client to the VCN's host."""
    assert observer.fabric.declared.vcn_host is not None
    target = str(observer.fabric.declared.vcn_host[1])
    observer.fabric.run("vcn-host", "/bin/sh", "-c", "pkill -x iperf3; exec iperf3 --server --one-off --daemon")
    options = ["--time", str(SECONDS), "--parallel", str(CONNECTIONS), "--json"]
    said = json.loads(observer.fabric.run("client", "iperf3", "--client", target, *options))
    return float(said["end"]["sum_received"]["bits_per_second"]) / 1e6


def main() -> None:
    found: dict[str, list[float]] = {}
    with running_lab() as (_, observer):
        kinds: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "declared": nullcontext,
            "static SAs": partial(frozen, observer),
            "guide": partial(guide, observer),
        }
        for number in range(ROUNDS):
            for kind, as_wanted in kinds.items():
                with as_wanted():
                    found.setdefault(kind, []).append(megabits(observer))
                print(f"round {number + 1}: {kind} {found[kind][-1]:.1f} Mbit/s", flush=True)
    RESULTS.write_text(report(found))
    print(RESULTS.read_text())
    if statistics.median(ratios(found, "static SAs")) < GATE:
        raise SystemExit(f"less than {GATE} of what static SAs carry")


def ratios(found: dict[str, list[float]], other: str) -> list[float]:
    """As declared to the other, round by round."""
    return [ours / theirs for ours, theirs in zip(found["declared"], found[other], strict=True)]


def report(found: dict[str, list[float]]) -> str:
    lines = [
        "# TCP from AWS to OCI through both tunnels",
        "",
        f"`python -m bench.throughput`, {date.today()}, {platform.machine()}, QEMU without KVM, path MTU 1500, "
        f"{CONNECTIONS} connections for {SECONDS} s, {ROUNDS} rounds by turns. Only the ratios mean something: the "
        "processor is emulated, and encryption in hardware is not proven.",
        "",
        "| | median Mbit/s | declared to it, median | from to |",
        "| --- | --- | --- | --- |",
        f"| declared | {statistics.median(found['declared']):.1f} | 1 | |",
    ]
    for other in ("static SAs", "guide"):
        all_ratios = ratios(found, other)
        lines.append(
            f"| {other} | {statistics.median(found[other]):.1f} | **{statistics.median(all_ratios):.2f}** | "
            f"{min(all_ratios):.2f} to {max(all_ratios):.2f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
