"""How long traffic stands still when something happens: streams run, it happens, is undone, and all is well again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from lab.fabric import faults
from lab.fabric.fabric import Fabric
from lab.fabric.streams import DIRECTIONS, Direction, Streams, Traffic
from lab.machine.guest import GuestError
from lab.machine.qemu import EMULATORS_FAULT, Machine

SETTLED_SECONDS = 240.0
"""Longer than all takes to be well again after anything that is done here."""

LEARNING_SECONDS = 7.0
"""Until the keeper knows that every probe is answered, and so takes the third missed one for no chance."""

RETURN_SECONDS = 10.0
"""For how long traffic may stand still in either direction once a headend is back."""

WATCHED_SECONDS = 20.0
"""After headends are back: longer than that."""

IN_ORDER_SECONDS = 60.0
"""Twice the longest that the host waits before it asks again for a key that it could not have."""

SHUTDOWN_SECONDS = 20.0
"""After which a host that boots anew no longer answers as the one of before."""

Step = Callable[[Fabric, int], None]

FAULTS: dict[str, tuple[Step, Step]] = {
    "dies": (faults.kill_headend, faults.return_headend),
    "path to it": (partial(faults.cut_path, ways={"to"}), partial(faults.mend_path, ways={"to"})),
    "path from it": (partial(faults.cut_path, ways={"from"}), partial(faults.mend_path, ways={"from"})),
    "path both ways": (faults.cut_path, faults.mend_path),
}
"""What can happen to one headend, and how it is undone."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One time that something happened, by the fabric's clock."""

    began: float
    """Just before it was done."""
    well: float
    """When both tunnels carried again."""

    def outage(self, traffic: Traffic, direction: Direction) -> float:
        """Seconds, of the worst flow, from the event until all was well."""
        return traffic.outage(direction, self.began, self.well)


@dataclass(frozen=True)
class Observer:
    """Makes things happen to one lab, and measures."""

    fabric: Fabric

    @property
    def machine(self) -> Machine:
        machine = self.fabric.hosts.machine
        if machine is None:
            raise GuestError("no instance is running")
        return machine

    @property
    def emulators_faults(self) -> int:
        """How often QEMU, and nothing that was done here, has ended the host's kernel."""
        return self.machine.console.count(EMULATORS_FAULT)

    def host(self, script: str, seconds: float = 60.0) -> str:
        return self.machine.guest.script(script, seconds)

    def status(self) -> dict[str, Any]:
        """What the keeper says now; nothing while it says nothing."""
        said = self.host("cat /run/aws-oci-libreswan/status.json 2>/dev/null || echo '{}'")
        found: dict[str, Any] = json.loads(said)
        return found

    def carries(self, *conns: str) -> bool:
        """Whether the keeper has routes over these tunnels, and they are well."""
        try:
            tunnels = self.status().get("tunnels", {})
        except (GuestError, ValueError, OSError):
            return False
        return all(tunnels.get(conn, {}).get("inUse") and tunnels[conn]["worth"] >= 3 for conn in conns)

    def wait(self, *conns: str, seconds: float = SETTLED_SECONDS) -> None:
        """Until these tunnels carry; both, if none is named. Raises TimeoutError with what the host says."""
        names = conns or ("tunnel-1", "tunnel-2")
        deadline = time.monotonic() + seconds
        while not self.carries(*names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{', '.join(names)}: not in use after {seconds:.0f} s:\n{self._says()}")
            time.sleep(0.5)

    def in_order(self) -> str:
        """`vpn-status` once nothing is wrong. Raises GuestError with what it says if something still is.

        It may be later than traffic passes: a look for keys that met the fault is made again some seconds after.
        """
        deadline = time.monotonic() + IN_ORDER_SECONDS
        while True:
            try:
                return self.host("vpn-status")
            except GuestError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(1.0)

    def _says(self) -> str:
        """Of a host that is not well: its own words, if it answers, and what QEMU says of both machines."""
        try:
            said = self.host("uptime; vpn-status || true; journalctl -u tunnel-keeper -n 20 --no-pager")
        except (GuestError, OSError) as failure:
            said = str(failure)
        return "\n".join([said, self.machine.condition, self.fabric.machine.condition])

    def forget(self) -> None:
        """The keeper begins anew: earlier faults no longer make it careful, and it has seen every probe answered."""
        self.host("systemctl restart tunnel-keeper.service")
        self.wait()
        time.sleep(LEARNING_SECONDS)

    def round(self, do: Callable[[], object], undo: Callable[[], object], hold: float, streams: Streams) -> Round:
        """It is done, lasts for `hold` seconds, is undone, and all is well again."""
        began = streams.now()
        do()
        time.sleep(hold)
        undo()
        self.wait()
        return Round(began=began, well=streams.now())

    def both_away(self, seconds: float) -> dict[Direction, float]:
        """Both headends are dead for so long: seconds until traffic passes again, from when the first is back."""
        streams = Streams.start(self.fabric, seconds=seconds + 300.0)
        try:
            for number in (1, 2):
                faults.kill_headend(self.fabric, number)
            time.sleep(seconds)
            faults.return_headend(self.fabric, 1)
            back = streams.now()
            faults.return_headend(self.fabric, 2)
            time.sleep(WATCHED_SECONDS)
            until = streams.now()
        finally:
            for number in (1, 2):
                faults.return_headend(self.fabric, number)
            traffic = streams.stop()
        return {way: round(traffic.outage(way, back, until), 1) for way in DIRECTIONS}

    def boots_anew(self, do: Callable[[], object], seconds: float = 300.0) -> tuple[float, tuple[int, ...]]:
        """What is done makes the host boot: for how long nothing reached OCI, and which flows are dead at the end.

        Raises TimeoutError when it is not well after so many seconds, GuestError when it has not booted.
        """
        boot = self._boot()
        streams = Streams.start(self.fabric, seconds=seconds + 300.0)
        try:
            began = streams.now()
            do()
            time.sleep(SHUTDOWN_SECONDS)
            self.machine.wait(seconds)
            self.wait(seconds=seconds)
            until = streams.now() + 1.0
            time.sleep(2.0)
        finally:
            traffic = streams.stop()
        if self._boot() == boot:
            raise GuestError("the host has not booted anew")
        return traffic.outage("client->vcn", began, until), traffic.dead_flows("client->vcn", began, until)

    def _boot(self) -> str:
        return self.host("cat /proc/sys/kernel/random/boot_id")

    @contextmanager
    def without_keeper(self) -> Iterator[None]:
        """The guide's host: the same two conns, and one static route over both devices."""
        self.host(
            "systemctl stop tunnel-keeper; ip route flush proto 77; "
            "ip route add 172.16.0.0/16 nexthop dev vti1 nexthop dev vti2"
        )
        try:
            yield
        finally:
            self.host("ip route flush root 172.16.0.0/16; systemctl start tunnel-keeper")
