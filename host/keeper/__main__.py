"""The loop: look, decide, act, report. `tunnel-keeper.service` runs it."""

from __future__ import annotations

import select
import time

from keeper import kernel, report, settings
from keeper.answers import PERIOD, Answers
from keeper.changes import DEVICES_AND_ROUTES, KERNEL_SAS, NETLINK_ROUTE, NETLINK_XFRM, Changes
from keeper.decide import CARRYING, DEAF, DOUBTFUL, Memory, Seen, decide
from keeper.echo import Echo
from keeper.libreswan import Child, Libreswan
from keeper.settings import Host, Tunnel

SETTLE = 10.0
"""Seconds between two looks at devices, sysctls and routes, unless there is news."""


class Watched:
    """One tunnel: its probes, and the child SA that they are about."""

    def __init__(self, tunnel: Tunnel) -> None:
        self.tunnel = tunnel
        self.answers = Answers()
        self.child: Child | None = None
        # As it was when it was first the newest: what it has carried before says nothing of now.
        self._about: Child | None = None
        self._echo = Echo(tunnel.device, tunnel.host_inside.split("/")[0], tunnel.oracle_inside)

    def ask(self, now: float) -> None:
        self._echo.send(self.answers.ask(now))

    def listen(self, now: float) -> None:
        for sequence in self._echo.received():
            self.answers.answer(sequence, now)

    def fileno(self) -> int | None:
        return self._echo.fileno()

    def is_now(self, child: Child | None) -> None:
        # A daemon that has not answered once has not lost its SAs.
        if child and not (self._about and child.is_same(self._about)):
            self.answers.new_child()
            self._about = child
        self.child = child

    def seen(self, now: float, daemon: bool) -> Seen:
        return Seen(
            child=self.child is not None,
            device=kernel.is_up(self.tunnel.device),
            probe=self.answers.say(now),
            inbound=bool(self.child and self._about and self.child.in_bytes > self._about.in_bytes),
            daemon=daemon,
        )


class Keeper:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.tunnels = [Watched(tunnel) for tunnel in host.tunnels]
        self.libreswan = Libreswan()
        now = time.monotonic()
        in_use = {device for devices in kernel.over(kernel.our_routes()).values() for device in devices}
        # What the one before has left carries, until shown otherwise.
        self.memories = tuple(Memory(in_use=tunnel.device in in_use, since=now) for tunnel in host.tunnels)
        self._kernel = Changes(NETLINK_ROUTE, DEVICES_AND_ROUTES)
        self._sas = Changes(NETLINK_XFRM, KERNEL_SAS)
        self._settle_at = float("-inf")
        # None where they have to be looked at.
        self._routed: tuple[str, ...] | None = None
        self._faults: list[str] = []

    def run(self) -> None:
        self.libreswan.start()
        report.tell_systemd("READY=1")
        due = time.monotonic()
        while True:
            self._listen_until(due)
            now = time.monotonic()
            due = max(due + PERIOD, now)
            self._look(now)
            self._act(now)
            report.write(report.STATUS, self._status(now))
            report.tell_systemd("WATCHDOG=1")

    def _listen_until(self, due: float) -> None:
        """Answers are taken when they come, so that their round trips are their own."""
        while True:
            wait = due - time.monotonic()
            sockets = {fileno: tunnel for tunnel in self.tunnels if (fileno := tunnel.fileno()) is not None}
            ready, _, _ = select.select([*sockets, self._kernel.fileno(), self._sas.fileno()], [], [], max(wait, 0.0))
            for fileno in sockets.keys() & ready:
                sockets[fileno].listen(time.monotonic())
            if self._kernel.taken():
                self._settle_at = 0.0
            if self._sas.taken():
                self.libreswan.look()
            if wait <= 0:
                return

    def _look(self, now: float) -> None:
        for watched in self.tunnels:
            watched.is_now(self.libreswan.children.get(watched.tunnel.conn))
        if now >= self._settle_at:
            self._settle_at = now + SETTLE
            kernel.settle_devices()
            for watched in self.tunnels:
                if watched.child or kernel.exists(watched.tunnel.device):
                    kernel.prepare(self.host, watched.tunnel)
            self._routed = None
        for watched in self.tunnels:
            watched.ask(now)

    def _act(self, now: float) -> None:
        before = self.memories
        decision = decide(now, [watched.seen(now, self.libreswan.answers) for watched in self.tunnels], before)
        self.memories = decision.memories
        self._route(decision.in_use)
        for watched, was, is_now in zip(self.tunnels, before, self.memories):
            if was.in_use != is_now.in_use:
                report.say(f"{watched.tunnel.conn}: {self._why(watched, is_now, now)}")
        for order, places in (
            (self.libreswan.initiate, decision.initiate),
            (self.libreswan.take_down, decision.take_down),
        ):
            for place in places:
                order(self.tunnels[place].tunnel)

    def _route(self, in_use: tuple[int, ...]) -> None:
        host = self.host
        chosen = [self.tunnels[place].tunnel.device for place in in_use]
        devices = tuple(device for device in chosen if kernel.is_up(device))
        if devices == self._routed:
            return
        # Seconds count when a tunnel is dead: what is there is listed only when somebody may have changed it.
        there = self._listed() if self._routed is None else {}
        faults = []
        for cidr in host.vcn_cidrs:
            if there.get(cidr) != devices:
                done = kernel.ip(*kernel.route(cidr, devices, host.private_address))
                if done.returncode and devices:
                    faults.append(f"route to {cidr}: {done.stderr.strip()}; trying again")
        for fault in faults:
            if fault not in self._faults:
                report.say(fault)
        self._faults = faults
        self._routed = None if faults else devices

    def _listed(self) -> dict[str, tuple[str, ...]]:
        """The devices that each VCN CIDR goes over; all of them have their last resort afterwards."""
        listing = kernel.our_routes()
        for cidr in kernel.without_last_resort(self.host.vcn_cidrs, listing):
            kernel.ip(*kernel.last_resort(cidr))
        return {cidr: kernel.over(listing).get(cidr, ()) for cidr in self.host.vcn_cidrs}

    def _why(self, watched: Watched, memory: Memory, now: float) -> str:
        if memory.in_use:
            return f"carries traffic: {'its probes are answered' if memory.worth == CARRYING else 'it has a child SA'}"
        if memory.worth == DEAF:
            return f"withdrawn: {watched.answers.missed(now)} probes in a row were not answered"
        return (
            "withdrawn: no sign of life since it was silent" if memory.worth == DOUBTFUL else "withdrawn: no child SA"
        )

    def _status(self, now: float) -> dict[str, object]:
        return {
            "at": time.time(),
            "libreswan": self.libreswan.answers,
            "tunnels": {
                watched.tunnel.conn: {
                    "inUse": memory.in_use,
                    "worth": memory.worth,
                    "probe": watched.answers.say(now),
                    "lastAnswerSecondsAgo": None if watched.answers.last is None else now - watched.answers.last,
                    "takenDown": memory.failures,
                }
                for watched, memory in zip(self.tunnels, self.memories)
            },
        }


if __name__ == "__main__":
    Keeper(settings.load()).run()
