"""What takes too long for `make test`: Oracle away for ten minutes, and Amazon's services at a boot."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.clouds.cluster import REGION
from lab.fabric import faults
from lab.fabric.outages import Observer
from lab.fabric.streams import Streams
from lab.lab import Lab

pytestmark = pytest.mark.long

BOOT_SECONDS = 900.0
"""cloud-init asks the metadata service for minutes before it goes on without it."""


def test_both_headends_away_for_ten_minutes(observer: Observer, note: Callable[[str], None]) -> None:
    seconds = observer.both_away(600.0)
    note(f"both headends back after ten minutes: traffic again after {seconds} s")
    assert max(seconds.values()) <= 10.0
    observer.wait()


def test_a_reboot_without_metadata_service(observer: Observer, lab: Lab, note: Callable[[str], None]) -> None:
    """No credentials, and so no parameters either: the keys of before are there."""
    launch, machine = observer.fabric.hosts.launch, observer.fabric.hosts.machine
    assert launch is not None and machine is not None
    faults.silence_metadata(observer.fabric)
    streams = Streams.start(observer.fabric, seconds=BOOT_SECONDS + 100.0)
    try:
        began = streams.now()
        lab.clouds.aws.client("ec2", REGION).reboot_instances(InstanceIds=[launch.instance_id])
        time.sleep(20.0)
        machine.wait(300)
        observer.wait(seconds=BOOT_SECONDS)
        until = streams.now() + 1.0
        time.sleep(2.0)
    finally:
        faults.answer_metadata(observer.fabric)
        traffic = streams.stop()
    note(f"reboot without metadata service: {traffic.outage('client->vcn', began, until):.1f} s")
    assert traffic.dead_flows("client->vcn", began, until) == ()
