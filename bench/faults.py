"""How long traffic stands still when a headend dies or its path breaks: `python -m bench.faults`.

The tests' own rounds, more of them, on one lab; and beside them the same host without its keeper, whose one static
route over both tunnels is what Oracle's guide ends with.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Sequence
from datetime import date
from functools import partial

from bench.running import running_lab
from lab.engine.project import REPOSITORY
from lab.fabric.outages import FAULTS, Observer
from lab.fabric.streams import Streams

ROUNDS = 20
AT_ONCE = 4
"""Rounds between two fresh starts of the keeper: what comes and goes carries again later each time."""
HOLD_SECONDS = 5.0
WITHOUT_SECONDS = 30.0
RESULTS = REPOSITORY / "bench" / "faults.md"


def outages(observer: Observer, number: int, fault: str) -> list[float]:
    """Seconds from AWS to OCI, of the worst flow, a round each."""
    do, undo = (partial(step, observer.fabric, number) for step in FAULTS[fault])
    found: list[float] = []
    while len(found) < ROUNDS:
        observer.forget()
        streams = Streams.start(observer.fabric)
        rounds = [observer.round(do, undo, HOLD_SECONDS, streams) for _ in range(AT_ONCE)]
        time.sleep(1.0)
        traffic = streams.stop()
        found += [one.outage(traffic, "client->vcn") for one in rounds]
        print(f"headend {number}, {fault}: {[round(one, 2) for one in found]}", flush=True)
    return found


def without_keeper(observer: Observer, number: int) -> tuple[int, int, float]:
    """(dead flows, all flows, seconds) while a headend is dead and one static route goes over both tunnels."""
    do, undo = (partial(step, observer.fabric, number) for step in FAULTS["dies"])
    with observer.without_keeper():
        streams = Streams.start(observer.fabric)
        began = streams.now()
        do()
        time.sleep(WITHOUT_SECONDS)
        until = streams.now()
        undo()
        traffic = streams.stop()
    observer.wait()
    flows = traffic.flows["client->vcn"]
    return (
        len(traffic.dead_flows("client->vcn", began, until)),
        len(flows),
        traffic.outage("client->vcn", began, until),
    )


def main() -> None:
    lines = [
        "# A headend dies, or its path breaks",
        "",
        f"`python -m bench.faults`, {date.today()}, {platform.machine()}, QEMU without KVM, {ROUNDS} rounds each. "
        "Seconds in which a flow from AWS to OCI got nothing, of the worst of 8 flows.",
        "",
        "| headend | what happens | median s | worst s |",
        "| --- | --- | --- | --- |",
    ]
    with running_lab() as (_, observer):
        for number in (1, 2):
            lines += [_row(number, fault, outages(observer, number, fault)) for fault in FAULTS]
        for number in (1, 2):
            dead, flows, seconds = without_keeper(observer, number)
            what = f"dies, and the host has no keeper: {dead} of {flows} flows dead when it ended"
            lines.append(f"| {number} | {what} | {seconds:.1f} | for as long as it lasted |")
    RESULTS.write_text("\n".join([*lines, ""]))
    print(RESULTS.read_text())


def _row(number: int, fault: str, seconds: Sequence[float]) -> str:
    return f"| {number} | {fault} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |"


if __name__ == "__main__":
    main()
