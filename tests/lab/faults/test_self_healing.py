"""What can befall the host itself: traffic never stops, or comes back without a hand.

A story on one host; each line leaves it well. Not proven: a real clock's jump (the guest's is set), RPM systems.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.clouds.cluster import REGION
from lab.fabric.outages import Observer
from lab.fabric.streams import Streams
from lab.lab import Lab

# What is done to the host, and for how many seconds traffic to OCI may stand still. Most are an emulated processor's.
HANDS = {
    "routes flushed": ("ip route flush proto 77", 2.0),
    "a device deleted": ("ip link del vti1", 6.0),
    "an address taken away": ("ip address flush dev vti2", 3.0),
    "networkd restarted": ("systemctl restart systemd-networkd", 1.0),
    "keeper killed": ("systemctl kill -s KILL tunnel-keeper", 1.0),
    "clock an hour ahead": ("systemctl stop systemd-timesyncd; date -s '+1 hour'", 1.0),
    "clock back again": ("date -s '-1 hour'; systemctl start systemd-timesyncd", 1.0),
    "Libreswan killed": ("pkill -KILL pluto", 30.0),
    "Libreswan restarted": ("ipsec restart", 30.0),
    "a conn deleted": ("ipsec whack --delete --name tunnel-1", 5.0),
}

# These take a child SA away, and the way back through it is Oracle's to move: the emulator's lag of 5 s, and two looks.
TAKE_A_CHILD_SA = {"Libreswan killed": 30.0, "Libreswan restarted": 30.0, "a conn deleted": 15.0}


@pytest.mark.parametrize("name", HANDS)
def test_a_hand_on_the_host(observer: Observer, name: str, note: Callable[[str], None]) -> None:
    command, limit = HANDS[name]
    streams = Streams.start(observer.fabric)
    try:
        began = streams.now()
        observer.host(command)
        time.sleep(3.0)
        observer.wait()
        until = streams.now() + 1.0
        time.sleep(2.0)
    finally:
        traffic = streams.stop()
    seconds = {way: round(traffic.outage(way, began, until), 2) for way in traffic.flows}
    note(f"{name}: {seconds} s, well after {until - began:.0f} s")
    assert seconds["client->vcn"] <= limit
    assert seconds["vcn->client"] <= TAKE_A_CHILD_SA.get(name, limit)
    assert observer.in_order().count(" up\n") == 2


def test_a_reboot_without_parameter_store(observer: Observer, lab: Lab, note: Callable[[str], None]) -> None:
    """The keys of before are there: nothing waits for AWS."""
    launch = observer.fabric.hosts.launch
    assert launch is not None
    ec2 = lab.clouds.aws.client("ec2", REGION)
    lab.clouds.aws.behaviour.role_seconds = 1e9
    try:
        seconds, dead = observer.boots_anew(lambda: ec2.reboot_instances(InstanceIds=[launch.instance_id]))
    finally:
        lab.clouds.aws.behaviour.role_seconds = 0.0
    note(f"reboot: {seconds:.1f} s")
    assert dead == ()
