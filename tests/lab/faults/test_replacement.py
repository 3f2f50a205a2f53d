"""A host that is replaced, as every change of its user-data does: what stays, and how long nothing passes."""

from __future__ import annotations

from collections.abc import Callable

from lab.fabric.outages import Observer
from lab.fabric.streams import Streams
from lab.lab import Lab

STAYS = ("cpeAddress", "headends", "tunnelIds", "networkInterfaceId")

LIMIT_SECONDS = 240.0
"""The old instance ends before the new one starts, which boots on an emulated processor."""


def test_all_but_the_host_stays(lab: Lab, observer: Observer, note: Callable[[str], None]) -> None:
    before, keys = lab.project.outputs(), observer.host("cat /etc/ipsec.d/oci-ipsec.secrets")
    lab.configure(upgradeWindow="Wed 04:30")
    streams = Streams.start(observer.fabric)
    try:
        began = streams.now()
        up = lab.project.up()
        assert up.ok, up.text
        observer.wait(seconds=LIMIT_SECONDS)
        until = streams.now()
    finally:
        traffic = streams.stop()
    after = lab.project.outputs()
    assert {name: after[name] for name in STAYS} == {name: before[name] for name in STAYS}
    assert after["instanceId"] != before["instanceId"]
    assert observer.host("cat /etc/ipsec.d/oci-ipsec.secrets") == keys
    assert "Wed *-*-* 04:30:00 UTC" in observer.host(
        "systemctl cat apt-daily-upgrade.timer; systemd-analyze calendar 'Wed 04:30 UTC'"
    )
    seconds = round(traffic.outage("client->vcn", began, until), 1)
    note(f"replaced host: AWS to OCI {seconds} s")
    assert 0.5 < seconds < LIMIT_SECONDS
