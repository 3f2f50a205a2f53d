"""What tests of packet sizes share: packets that are not to be fragmented, and a count of fragments on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from lab.fabric.outages import Observer
from lab.machine.guest import GuestError

IPV4_AND_ICMP = 28

# Before the kernel joins fragments (-400).
COUNT = """\
table ip fragments
delete table ip fragments
table ip fragments {
    chain seen {
        type filter hook prerouting priority -450; policy accept;
        ip frag-off & 0x3fff != 0 counter comment "fragments"
        udp dport 4500 counter comment "tunnels"
        udp sport 4500 counter comment "tunnels back"
    }
}
"""


@contextmanager
def counted(observer: Observer) -> Iterator[None]:
    """Counts packets on the internet between the host and both headends."""
    observer.fabric.run("internet", "nft", "-f", "-", stdin=COUNT)
    try:
        yield
    finally:
        observer.fabric.run("internet", "nft", "delete", "table", "ip", "fragments")


def counters(observer: Observer) -> dict[str, int]:
    said = json.loads(observer.fabric.run("internet", "nft", "-j", "list", "table", "ip", "fragments"))
    rules = [item["rule"] for item in said["nftables"] if "rule" in item]
    return {
        rule["comment"]: next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part)
        for rule in rules
    }


def check_largest(observer: Observer, mtu: int) -> None:
    """From the client a packet of this size passes, one byte more does not, and nothing is fragmented."""
    # It remembers for ten minutes what it was told of the path, and then refuses by itself.
    observer.fabric.run("client", "ip", "route", "flush", "cache")
    assert " 0% packet loss" in _ping(observer, mtu)
    # The client's own device is larger by far: it is the host that says so.
    assert f"mtu = {mtu}" in _ping(observer, mtu + 1)
    assert counters(observer)["fragments"] == 0
    assert counters(observer)["tunnels"] > 0


def _ping(observer: Observer, size: int) -> str:
    """From the client, not to be fragmented: what it printed."""
    assert observer.fabric.declared.vcn_host is not None
    target = str(observer.fabric.declared.vcn_host[1])
    try:
        options = ["-M", "do", "-c", "3", "-i", "0.3", "-W", "2", "-s", str(size - IPV4_AND_ICMP)]
        return observer.fabric.run("client", "ping", *options, target)
    except GuestError as fault:
        return str(fault)
