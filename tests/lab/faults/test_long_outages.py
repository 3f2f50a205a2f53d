"""What takes too long for `make test`: Oracle away for ten minutes, and what befalls a host once in years."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.clouds.cluster import REGION
from lab.fabric import faults
from lab.fabric.outages import RETURN_SECONDS, Observer
from lab.lab import Lab

pytestmark = pytest.mark.long

BOOT_SECONDS = 900.0
"""cloud-init asks the metadata service for minutes before it goes on without it."""


def test_both_headends_away_for_ten_minutes(observer: Observer, note: Callable[[str], None]) -> None:
    seconds = observer.both_away(600.0)
    note(f"both headends back after ten minutes: traffic again after {seconds} s")
    assert max(seconds.values()) <= RETURN_SECONDS
    observer.wait()


def test_a_kernel_that_ends_itself(observer: Observer, note: Callable[[str], None]) -> None:
    """Nobody reboots the host. Not proven: that EC2's firmware boots it as QEMU does."""
    assert observer.host("sysctl -n kernel.panic") == "10\n"
    end = "systemd-run --on-active=1 sh -c 'echo c > /proc/sysrq-trigger'"
    seconds, dead = observer.boots_anew(lambda: observer.host(end))
    note(f"kernel that ends itself: {seconds:.1f} s")
    assert dead == ()


def test_a_reboot_without_metadata_service(observer: Observer, lab: Lab, note: Callable[[str], None]) -> None:
    """No credentials, and so no parameters either: the keys of before are there."""
    launch = observer.fabric.hosts.launch
    assert launch is not None
    ec2 = lab.clouds.aws.client("ec2", REGION)
    faults.silence_metadata(observer.fabric)
    try:
        seconds, dead = observer.boots_anew(
            lambda: ec2.reboot_instances(InstanceIds=[launch.instance_id]), BOOT_SECONDS
        )
    finally:
        faults.answer_metadata(observer.fabric)
    note(f"reboot without metadata service: {seconds:.1f} s")
    assert dead == ()
