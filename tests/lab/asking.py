"""What the tests of a running lab share: the fabric, the probes, and waiting for a host to come so far."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lab.fabric.fabric import Fabric
from lab.fabric.measured import Prober
from lab.fabric.probes import PROBES, Probe
from lab.lab import Lab
from lab.machine.guest import GuestError

# A host that boots on two cores with other machines beside it, and on a slow day installs its packages meanwhile. How
# long it takes is for bench/boot.py to say.
BOOT_SECONDS = 900.0

# Oracle may use the other tunnel than the host; and re-keys, which take seconds, are asked where they are the point.
QUICK: tuple[Probe, ...] = ("tunnel-1", "tunnel-2", "client->vcn", "vcn->client", "install")


def fabric(lab: Lab) -> Fabric:
    assert lab.clouds.packets is not None, "the lab has machines"
    return lab.clouds.packets.fabric


def assert_measured(lab: Lab, expected: dict[Probe, bool]) -> None:
    """The fabric answers as expected; where it does not, the message has what the host says of itself."""
    found = measured(lab, expected)
    assert found == expected, host_says(lab)


def host_says(lab: Lab) -> str:
    """As an operator would ask it."""
    machine = fabric(lab).hosts.machine
    if machine is None:
        return "no instance is running"
    asked = "vpn-status; journalctl -u tunnel-keeper -u ipsec -n 60 --no-pager"
    try:
        return machine.guest.script(f"{{ {asked}; }} 2>&1 || true", seconds=60.0)
    except GuestError as silence:
        return f"the host does not say anything: {silence}"


def measured(lab: Lab, expected: dict[Probe, bool]) -> dict[Probe, bool]:
    """What the fabric answers to these probes: at once, for most of what does not pass is waited for. Then re-keys."""
    prober = Prober(fabric(lab))
    found: dict[Probe, bool] = {}
    for rekeys in (False, True):
        asked = {probe: passes for probe, passes in expected.items() if probe.startswith("rekey") == rekeys}
        with ThreadPoolExecutor() as together:
            found |= zip(asked, together.map(prober.passes, asked, asked.values()), strict=True)
    return found


def all_pass(*probes: Probe) -> dict[Probe, bool]:
    return {probe: True for probe in probes or PROBES}


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Raises TimeoutError that says what has not come."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} has not come in {seconds:.0f} s")
        time.sleep(0.5)


def wait_for_console(lab: Lab, pattern: str, seconds: float = BOOT_SECONDS) -> str:
    """The line of the instance's console that matches. TimeoutError with the end of the console if none comes."""
    hosts = fabric(lab).hosts
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        text = hosts.machine.console if hosts.machine else ""
        if found := re.search(pattern, text):
            return found[0]
        time.sleep(1.0)
    raise TimeoutError(f"no {pattern!r} on the console after {seconds:.0f} s:\n" + text[-3000:])
