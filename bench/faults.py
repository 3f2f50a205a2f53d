"""How long traffic stands still when a headend dies or its path breaks: `python -m bench.faults`.

The tests' own rounds, more of them, on one lab; and beside them the same host without its keeper, whose one static
route over both tunnels is what Oracle's guide ends with.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Mapping
from datetime import date
from functools import partial

from bench.running import running_lab
from lab.engine.project import REPOSITORY
from lab.fabric.outages import FAULTS, Observer
from lab.fabric.streams import Streams
from lab.machine.guest import GuestError

AT_ONCE = 2
"""Rounds of each headend between two fresh starts of the keeper: what comes and goes carries again later each time."""
ORDER = ["dies"] * 10 + ["path to it", "path both ways"] * 10 + ["path from it"] * 2
"""Twenty rounds of each; four where only answers are lost, for what goes to OCI arrives all the time."""
PERIOD_MS = 100.0
"""Between two packets of a flow; the tests have 50. With time left to emulated processors, tunnels return sooner."""
HOLD_SECONDS = 4.0
WITHOUT_SECONDS = 30.0
BOOT_SECONDS = 600.0
RESULTS = REPOSITORY / "bench" / "faults.md"

Outages = dict[tuple[int, str], list[float]]
"""Seconds from AWS to OCI, of the worst flow, a round each: by headend and fault."""


def measure(observer: Observer, fault: str, found: Outages) -> None:
    """A few more rounds of both headends, by turns: while one tunnel waits to carry again, it is the other's turn."""
    observer.forget()
    steps = {number: [partial(step, observer.fabric, number) for step in FAULTS[fault]] for number in (1, 2)}
    streams = Streams.start(observer.fabric, period_ms=PERIOD_MS)
    rounds = [
        (number, observer.round(do, undo, HOLD_SECONDS, streams))
        for _ in range(AT_ONCE)
        for number, (do, undo) in steps.items()
    ]
    time.sleep(1.0)
    traffic = streams.stop()
    for number, one in rounds:
        found.setdefault((number, fault), []).append(one.outage(traffic, "client->vcn"))
        print(f"headend {number}, {fault}: {found[number, fault][-1]:.2f} s", flush=True)


def measure_again(observer: Observer, fault: str, found: Outages) -> int:
    """`measure`, and anew where QEMU itself has ended the host's kernel meanwhile: how often it did."""
    dropped = 0
    while True:
        before = observer.emulators_faults
        try:
            measure(observer, fault, found)
        except (GuestError, OSError) as failure:
            if observer.emulators_faults == before:
                raise
            dropped += 1
            print(f"{fault}: QEMU ended the host's kernel, and these rounds do not count: {failure}", flush=True)
            observer.wait(seconds=BOOT_SECONDS)
        else:
            return dropped


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


def document(without: Mapping[int, tuple[int, int, float]], found: Outages, dropped: int) -> str:
    """bench/faults.md, of what has been measured so far."""
    lines = [
        "# A headend dies, or its path breaks",
        "",
        f"`python -m bench.faults`, {date.today()}, {platform.machine()}, QEMU without KVM. "
        f"Seconds in which a flow from AWS to OCI got nothing, of the worst of 8; a packet every {PERIOD_MS:.0f} ms.",
        "",
        "| headend | what happens | rounds | median s | worst s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (number, fault), seconds in sorted(found.items()):
        row = (number, fault, len(seconds), f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
        lines.append(f"| {' | '.join(map(str, row))} |")
    for number, (dead, flows, lasted) in without.items():
        what = f"dies, and the host has no keeper: {dead} of {flows} flows dead when it ended"
        lines.append(f"| {number} | {what} | 1 | {lasted:.1f} | for as long as it lasted |")
    if dropped:
        what = "Rounds in which QEMU ended the host's kernel (lab/machine/qemu.py) do not count"
        lines += ["", f"{what}: {dropped} times."]
    return "\n".join([*lines, ""])


def main() -> None:
    """Writes the results after each few rounds: it takes an hour, and may be stopped."""
    found: Outages = {}
    dropped = 0
    with running_lab() as (_, observer):
        without = {number: without_keeper(observer, number) for number in (1, 2)}
        for fault in ORDER:
            dropped += measure_again(observer, fault, found)
            RESULTS.write_text(document(without, found, dropped))
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
