"""The fabric: one small machine whose network namespaces are both clouds' networks and the internet between them.

It follows what both clouds were told, second by second, and says what it sees: which tunnels their headends have up,
and what a packet meets.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from lab.fabric.declared import Declared
from lab.fabric.headends import Daemon
from lab.fabric.hosts import Hosts, network_card
from lab.fabric.internet import Servers
from lab.fabric.places import OUTSIDE, OUTSIDE_NETWORK, THIS_COMPUTER, Place
from lab.fabric.plan import Around, Plan, plan
from lab.image.build import fabric_image
from lab.image.packages import Flavour
from lab.machine.guest import GuestError
from lab.machine.qemu import Hardware, Machine

GUEST = Path(__file__).parent / "guest"
MEMORY_MIB = 512
BOOT_SECONDS = 120.0
PERIOD_SECONDS = 2.0

SHELLS: tuple[Place, ...] = ("client", "headend-1", "headend-2", "vcn-host", "internet", "vpc")
"""The places with a console of their own, hvc0 and up."""

WIRE_MAC = "52:54:00:00:00:02"

# The one before keeps its addresses until it has ended.
RESTART_NAME_SERVER = "while pkill -x dnsmasq; do sleep 0.05; done; exec dnsmasq -C /etc/dnsmasq.conf"


@dataclass
class Fabric:
    """A running fabric. `look` reads both clouds; `hosts` is what their instances run on."""

    machine: Machine
    hosts: Hosts
    around: Around
    look: Callable[[], Declared] = Declared
    hop_limit: Callable[[str], int] = field(default=lambda instance_id: 1)
    declared: Declared = field(default_factory=Declared)
    complaints: dict[int, str] = field(default_factory=dict)
    """What a headend's daemon last said about a failure, by number."""
    _applied: Plan | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _thread: threading.Thread | None = None

    @classmethod
    def start(cls, folder: Path, region: str, servers: Servers, flavour: Flavour = "ready") -> Fabric:
        """Boots the machine and makes the places; nothing is connected yet. Raises GuestError, SetUpError."""
        folder.mkdir(parents=True, exist_ok=True)
        hardware = Hardware(
            name="fabric",
            folder=folder / "fabric",
            image=fabric_image(),
            memory_mib=MEMORY_MIB,
            consoles=len(SHELLS),
            kernel_arguments="init=/usr/local/sbin/fabric-init quiet",
        )
        machine = Machine(hardware)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        machine.hardware = replace(
            hardware,
            devices=[
                "-netdev", f"user,id=outside,net={OUTSIDE_NETWORK},host={THIS_COMPUTER}",
                "-device", "virtio-net-pci,netdev=outside,mac=52:54:00:00:00:01",
                *network_card(WIRE_MAC, ours),
            ],
            inherits=[ours.fileno()],
        )  # fmt: skip
        with ours:
            machine.start()
        machine.wait(BOOT_SECONDS)
        consoles = "".join(f"hvc{number} {place}\n" for number, place in enumerate(SHELLS))
        machine.guest.run("/bin/sh", "-c", "mkdir -p /etc/fabric && cat > /etc/fabric/consoles", stdin=consoles).check()
        machine.guest.script(f"OUTSIDE={OUTSIDE}\n{(GUEST / 'skeleton').read_text()}")
        return cls(machine, Hosts(folder, theirs, flavour), Around(region=region, servers=servers))

    def follow(self, look: Callable[[], Declared], hop_limit: Callable[[str], int]) -> None:
        """From now on the fabric is what `look` says; `hop_limit` is the metadata service's, of an instance."""
        self.look, self.hop_limit = look, hop_limit
        self._thread = threading.Thread(target=self._follow, name="fabric", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the machine, and the instance's with it."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        if self.hosts.launch:
            self.hosts.terminate(self.hosts.launch.instance_id)
        self.hosts.wire.close()
        self.machine.discard()

    def verdict(
        self, connection: Mapping[str, Any], tunnel: Mapping[str, Any], cpe: Mapping[str, Any], shared_secret: str
    ) -> str | None:
        """None where the tunnel's headend has a child SA, else what its daemon says. A `Judge` of the emulator."""
        number = next((one.number for one in self.declared.tunnels if one.id == tunnel["id"]), None)
        if number is None:
            return "the headend is not configured yet"
        if number in self.up:
            return None
        return self.complaints.get(number) or "no IKE message from the CPE has been answered"

    @property
    def up(self) -> frozenset[int]:
        """Numbers of the tunnels that their headends say are up."""
        return self.around.choice.up

    def set_weather(self, **changes: Any) -> None:
        """Changes the internet's delay, loss, path MTU or cuts (fields of Weather), at once."""
        with self._lock:
            self.around = replace(self.around, weather=replace(self.around.weather, **changes))
            self.settle()

    def return_through(self, number: int) -> None:
        """Oracle chooses this tunnel for what it returns, as it may whenever it likes."""
        with self._lock:
            self.around = replace(self.around, choice=replace(self.around.choice, sticky=number, down_since=None))
            self.settle()

    def settle(self) -> Declared:
        """Makes the fabric what both clouds say now, and gives that snapshot."""
        with self._lock:
            self.declared = self.look()
            launch = self.hosts.launch
            if launch is None:
                self.around = replace(self.around, metadata_port=None)
            else:
                limit = self.hop_limit(launch.instance_id)
                self.around = replace(self.around, metadata_port=launch.metadata_port, hop_limit=limit)
            self._apply(plan(self.declared, self.around))
            return self.declared

    def run(self, place: Place, *command: str, seconds: float = 60.0, stdin: str = "") -> str:
        """Runs a command in a place: what it printed. Raises GuestError."""
        return self.machine.guest.run("ip", "netns", "exec", place, *command, seconds=seconds, stdin=stdin).check()

    def refused(self) -> dict[str, int]:
        """Packets that each rule has refused since the rules last changed, by the rule's name."""
        found: dict[str, int] = {}
        for place in ("vpc", "internet", "vcn"):
            listing = json.loads(self.run(place, "nft", "-j", "list", "table", "ip", "fabric"))
            for item in listing["nftables"]:
                rule = item.get("rule", {})
                counted = [part["counter"]["packets"] for part in rule.get("expr", []) if "counter" in part]
                if rule.get("comment") and any(counted):
                    found[rule["comment"]] = found.get(rule["comment"], 0) + sum(counted)
        return found

    def _follow(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            try:
                self.settle()
                self.listen()
            except Exception:
                # A half-made cloud or a busy machine: the next look may do better; the log keeps it.
                traceback.print_exc()

    def listen(self) -> None:
        """What both headends say now."""
        if not self.declared.tunnels:
            return
        lines = self.machine.guest.script(_status()).splitlines()
        said = [found for line in lines if (found := re.fullmatch(r"([12]) (up|down) ?(.*)", line))]
        self.complaints = {int(one[1]): one[3] for one in said if one[2] == "down"}
        up = frozenset(int(one[1]) for one in said if one[2] == "up")
        with self._lock:
            choice = self.around.choice.after(up, time.monotonic())
            self.around = replace(self.around, choice=choice)

    def _apply(self, wanted: Plan) -> None:
        """Only what differs from what is there: a rule that has not changed must not disturb a packet."""
        before = self._applied
        guest = self.machine.guest
        if before is None or before.name_server != wanted.name_server:
            guest.run("/bin/sh", "-c", "cat > /etc/dnsmasq.conf", stdin=wanted.name_server).check()
        fresh: set[Place] = set()
        for place, daemon in wanted.daemons.items():
            if before is None or before.daemons.get(place) != daemon:
                self._restart(place, daemon)
                # A new daemon may have made the tunnel's device anew, and routes go with their device.
                fresh.add(place)
        for place, script in wanted.places.items():
            if place in fresh or before is None or before.places.get(place) != script:
                self.run(place, "/bin/sh", "-eu", stdin=script)
        if before is None or before.name_server != wanted.name_server:
            # After the addresses that it answers at.
            self.run("vpc", "/bin/sh", "-eu", stdin=RESTART_NAME_SERVER)
        self._applied = wanted

    def _restart(self, place: Place, daemon: Daemon) -> None:
        for path, content in daemon.files:
            self.machine.guest.run("/bin/sh", "-c", f"umask 077; cat > {path}", stdin=content).check()
        self.run(place, "/bin/sh", "-eu", stdin=daemon.restart)

    def headend_log(self, number: int) -> str:
        """All that a headend's daemon has said since it started."""
        try:
            return self.machine.guest.run("cat", f"/run/headends/{number}.log").check()
        except GuestError:
            return ""


@cache
def _status() -> str:
    return (GUEST / "status").read_text()
