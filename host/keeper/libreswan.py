"""Libreswan's daemon: what it says of its child SAs, and what it is told. A thread, for it may take its time."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from keeper.settings import Tunnel

LOOK = 5.0
"""Seconds from look to look, unless there is news."""
SOON = 1.0
"""Seconds from what was told, or seen, to the next look: the daemon is not done when the kernel has an SA."""
TIMEOUT = 5.0

# What `ipsec whack` runs, without the shell in between; where a distribution has it elsewhere, with it.
PROGRAM = "/usr/libexec/ipsec/whack"

CONTROL = Path("/run/pluto/pluto.ctl")
"""The daemon's socket: there while it runs, and made anew by each."""

# `#3: "tunnel-1", type=ESP, add_time=1795454439, inBytes=84, …`; Libreswan 4 puts `006 ` before it, and 5 may put
# `(nic-offload=…)` after the type. It is not in the kernel before its add_time, which is no mark of it afterwards: that
# is the inbound SA's or the outbound one's, whichever Libreswan has looked at last, and they may be seconds apart.
_CHILD = re.compile(
    r'^(?:006 )?#(\d+): "([^"]+)".*? type=ESP[^,]*, add_time=[1-9]\d*(?:, inBytes=(\d+))?', re.MULTILINE
)

# `#178: "tunnel-1":4500 IKE_AUTH_I (sent IKE_AUTH request); …`, or as IKEv1 says it: the headend has answered before.
_ANSWERED = re.compile(r'"([^"\n]+)"[^\n]*\(sent (?:IKE_AUTH request|Main Mode I[23]|Quick Mode request)\)')

Order = Callable[[], None]


@dataclass(frozen=True)
class Child:
    """A child SA. Its serial number is that of one daemon: the next one begins anew."""

    serial: int
    in_bytes: int
    daemon: int = 0

    def is_same(self, other: Child) -> bool:
        return (self.serial, self.daemon) == (other.serial, other.daemon)


def children(traffic_status: str, daemon: int = 0) -> dict[str, Child]:
    """The newest child SA of each conn, from `ipsec whack --trafficstatus`: a re-key leaves the old one for a while."""
    found: dict[str, Child] = {}
    for serial, conn, in_bytes in _CHILD.findall(traffic_status):
        child = Child(int(serial), int(in_bytes or 0), daemon)
        if conn not in found or child.serial > found[conn].serial:
            found[conn] = child
    return found


def present_daemon() -> int:
    """A number of the daemon that runs, which no other one has; 0 for none."""
    try:
        return CONTROL.stat().st_mtime_ns
    except OSError:
        return 0


def answered(states: str) -> set[str]:
    """The conns whose headend takes part in a negotiation that is under way, from `ipsec whack --showstates`."""
    return set(_ANSWERED.findall(states))


def run(command: Sequence[str]) -> str | None:
    """What it says; None where it fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def whack(*arguments: str) -> str | None:
    """What the daemon says; None where it does not answer."""
    return run([*([PROGRAM] if Path(PROGRAM).exists() else ["ipsec", "whack"]), *arguments])


def take_down(tunnel: Tunnel) -> None:
    """Deletes its SAs, says so to the headend, and has the conn as its file says. Libreswan waits for `initiate`.

    --terminate would wait for as long as a dead headend may take to answer, and --crash ends Libreswan 5.2 by a
    segmentation fault when it meets an SA that is being negotiated.
    """
    for command in (["ipsec", "add", tunnel.conn], ["ipsec", "auto", "--replace", tunnel.conn]):
        # As Libreswan 5 calls it, or 4.
        if run(command) is not None:
            return


def initiate(tunnel: Tunnel) -> None:
    """Begins anew: an exchange under way may wait for its next retransmission for longer than a peer is away."""
    take_down(tunnel)
    whack("--initiate", "--asynchronous", "--name", tunnel.conn)


class Libreswan:
    """Looks again and again, and does what it is told in between."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self.answers = False
        self._orders: queue.Queue[Order] = queue.Queue()

    def start(self) -> None:
        threading.Thread(target=self._run, name="libreswan", daemon=True).start()

    def look(self) -> None:
        """Looks again soon: the kernel's SAs have changed."""
        self._orders.put(lambda: None)

    def take_down(self, tunnel: Tunnel) -> None:
        self._orders.put(lambda: take_down(tunnel))

    def initiate(self, tunnel: Tunnel) -> None:
        before = self.children.get(tunnel.conn)
        self._orders.put(lambda: self._initiate(tunnel, before))

    def _initiate(self, tunnel: Tunnel, before: Child | None) -> None:
        # In this order: what is negotiated now may be a child SA a moment later, and is never seen as neither.
        states = whack("--showstates") or ""
        self._look()
        child = self.children.get(tunnel.conn)
        # It may have come up while the order waited, or be about to: Libreswan ends by itself what comes to nothing.
        if not self.answers or tunnel.conn in answered(states):
            return
        if not child or before and child.is_same(before):
            initiate(tunnel)

    def _run(self) -> None:
        orders: list[Order] = []
        while True:
            self._look()
            # Without an answer it is starting, or stuck.
            orders = self._next(LOOK if self.answers and not orders else SOON)
            for order in orders:
                order()

    def _look(self) -> None:
        # Before it is asked: one that comes in between is found by the next look.
        daemon = present_daemon()
        said = whack("--trafficstatus")
        self.answers = said is not None
        self.children = children(said or "", daemon)

    def _next(self, seconds: float) -> list[Order]:
        """All that waits, for a change of SAs is several pieces of news."""
        orders = []
        with suppress(queue.Empty):
            orders.append(self._orders.get(timeout=seconds))
            while True:
                orders.append(self._orders.get_nowait())
        return orders
