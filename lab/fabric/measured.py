"""The questions of probes.py, asked of the running fabric: by packets, by the headends, and by the host itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from lab.fabric.fabric import Fabric
from lab.fabric.places import AWS_ENDPOINT, MIRROR_NAME, Place
from lab.fabric.probes import Probe
from lab.machine.guest import GuestError

UP_SECONDS = 90.0
"""Longer than any tunnel takes to come up once nothing is in its way, on two busy cores. What is up earlier ends it."""

DOWN_SECONDS = 8.0
"""A tunnel that can come up does so in less; one that has not is down."""

ENDED_SECONDS = 20.0
"""Longer than Libreswan goes on telling an end that does not answer that it ends a tunnel."""


@dataclass(frozen=True)
class Prober:
    """Asks one fabric. An expected answer ends early where it can: what passes once passes."""

    fabric: Fabric

    def passes(self, probe: Probe, expected: bool) -> bool:
        """What was measured. `expected` decides only how long is waited for the other answer."""
        if probe in ("tunnel-1", "tunnel-2"):
            return self._within(UP_SECONDS if expected else DOWN_SECONDS, lambda: self._is_up(int(probe[-1])))
        if probe in ("rekey-1", "rekey-2"):
            return self.rekeys(int(probe[-1]), "host")
        if probe == "install":
            return self._within(12.0 if expected else 0.0, self._fetches)
        ends: tuple[Place, Place] = ("client", "vcn-host") if probe == "client->vcn" else ("vcn-host", "client")
        # What passes does so by a tunnel, and is asked for while that may still be on its way up.
        return self._within(UP_SECONDS if expected else 2.0, lambda: self._pings(*ends))

    @contextmanager
    def anew(self) -> Iterator[None]:
        """
        Around a change of what is declared: neither end has a tunnel meanwhile, and then they begin anew.

        A conversation that is under way may outlive what allowed it: dead peer detection takes half a minute. And ends
        that no longer hear each other take as long to give up.
        """
        self._host(_END_HERE)
        self.fabric.machine.guest.script(_END_THERE, seconds=30.0)
        # One that is up all the same is what the next probes find.
        self._within(ENDED_SECONDS, lambda: not (self._is_up(1) or self._is_up(2)))
        try:
            yield
        finally:
            self._host(_BEGIN)

    def rekeys(self, number: int, by: Literal["host", "headend"]) -> bool:
        """Whether the tunnel's child SA can be re-keyed when that end wants it."""
        before = self._child(number)
        if before is None:
            return False
        version = next(tunnel.ike_version for tunnel in self.fabric.declared.tunnels if tunnel.number == number)
        if by == "host":
            self._host(_libreswan_rekey(f"tunnel-{number}", version))
        elif number == 1:
            self.fabric.machine.guest.script("swanctl --rekey --child tunnel >/dev/null || true")
        else:
            self.fabric.run("headend-2", "/bin/sh", "-c", _libreswan_rekey("tunnel", version))
        return self._within(DOWN_SECONDS, lambda: self._child(number) not in (None, before))

    def _within(self, seconds: float, ask: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + seconds
        while not ask():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True

    def _is_up(self, number: int) -> bool:
        """The headend has a child SA, and so has the host: either may think so alone for a while."""
        self.fabric.listen()
        return number in self.fabric.up and self._child(number) is not None

    def _child(self, number: int) -> int | None:
        """Libreswan's number of the tunnel's newest child SA on the host; the one before it may still be there."""
        said = self._host("timeout 20 ipsec whack --trafficstatus 2>&1 || true")
        # One that is not there yet has an add_time of 0.
        found = re.findall(rf'^(?:006 )?#(\d+): "tunnel-{number}".*add_time=[1-9]', said, re.MULTILINE)
        return max(map(int, found), default=None)

    def _fetches(self) -> bool:
        """Both kinds of server on the internet: packages and AWS' own."""
        # By address as well: a name that was resolved before says nothing about packets.
        script = (
            f"curl -s -o /dev/null -m 4 http://{MIRROR_NAME}/ && curl -sk -o /dev/null -m 6 https://{AWS_ENDPOINT}/"
        )
        return self._host(f"{script} && echo fetched || true").strip() == "fetched"

    def _pings(self, origin: Place, target: Place) -> bool:
        at = self.fabric.declared.client if target == "client" else self.fabric.declared.vcn_host
        if at is None:
            return False
        try:
            # Several, so that both tunnels are tried: the host spreads flows by their addresses and ports.
            self.fabric.run(origin, "ping", "-q", "-c", "2", "-i", "0.2", "-W", "1", str(at[1]))
        except GuestError:
            return False
        return True

    def _host(self, script: str) -> str:
        machine = self.fabric.hosts.machine
        if machine is None:
            raise GuestError("no instance is running")
        return machine.guest.script(script, seconds=30.0)


def _libreswan_rekey(conn: str, ike_version: int) -> str:
    if ike_version == 1:
        # Another quick mode is what re-keying is; 5.2's own command for it brings the daemon down.
        return f"ipsec whack --initiate --asynchronous --name {conn} >/dev/null 2>&1 || true"
    # As Libreswan 5 calls it, or 4.
    return f"ipsec whack --rekey-child --name {conn} || ipsec whack --rekey-ipsec --name {conn} || true"


# The host first: a tunnel that the other end takes away is one that Libreswan brings back, as the keeper does.
# Both tunnels at once, for one whose other end does not answer takes all of its time.
_END_HERE = """\
systemctl stop tunnel-keeper
for conn in tunnel-1 tunnel-2; do
    timeout 5 ipsec whack --name $conn --terminate >/dev/null 2>&1 &
done
wait
"""
_END_THERE = """\
timeout 3 swanctl --terminate --ike tunnel --force >/dev/null 2>&1 &
timeout 5 ip netns exec headend-2 ipsec whack --name tunnel --terminate >/dev/null 2>&1 &
wait
"""
_BEGIN = """\
systemctl start --no-block tunnel-keeper
for conn in tunnel-1 tunnel-2; do
    timeout 5 ipsec whack --name $conn --initiate --asynchronous >/dev/null 2>&1 || true
done
"""
