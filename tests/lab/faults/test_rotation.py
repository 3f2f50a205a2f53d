"""A new pre-shared key by `pulumi up`: one tunnel, then the other, and the host follows by itself."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable

from lab.fabric.outages import Observer
from lab.fabric.streams import Streams, Traffic
from lab.lab import Lab

FOLLOWS_SECONDS = 90.0
"""The host looks every 15 s; the rest is the lab's slowness."""


def rotate(lab: Lab, observer: Observer, number: int) -> tuple[Traffic, float, float]:
    """Traffic meanwhile, and the moments between which it has happened."""
    conn = f"tunnel-{number}"
    before = observer.host("cat /etc/ipsec.d/oci-ipsec.secrets")
    key = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(48))
    lab.project.config_set(f"tunnel{number}PreSharedKey", key, secret=True).check()
    streams = Streams.start(observer.fabric)
    try:
        began = streams.now()
        up = lab.project.up()
        assert up.ok, up.text
        assert key not in up.text
        deadline = time.monotonic() + FOLLOWS_SECONDS
        while observer.host("cat /etc/ipsec.d/oci-ipsec.secrets") == before:
            assert time.monotonic() < deadline, observer.host("journalctl -u pre-shared-keys -n 20 --no-pager")
            time.sleep(1.0)
        time.sleep(5.0)
        observer.wait()
        until = streams.now()
        time.sleep(1.0)
    finally:
        traffic = streams.stop()
    assert key in observer.host("cat /etc/ipsec.d/oci-ipsec.secrets")
    # Never in the journal.
    assert key not in observer.host("journalctl --no-pager -b -u pre-shared-keys -u tunnel-keeper -u ipsec")
    assert f"{conn}: brought up with its new key" in observer.host("journalctl -b -u pre-shared-keys --no-pager")
    return traffic, began, until


def test_one_tunnel_then_the_other(lab: Lab, observer: Observer, note: Callable[[str], None]) -> None:
    instance = lab.project.outputs()["instanceId"]
    for number in (1, 2):
        traffic, began, until = rotate(lab, observer, number)
        seconds = round(traffic.outage("client->vcn", began, until), 2)
        note(f"rotation of tunnel {number}: AWS to OCI {seconds} s on its flows")
        # Its own flows move to the other tunnel when it goes down; the other tunnel's are not touched.
        assert seconds <= 3.0
        whole = [flow for flow in traffic.flows["client->vcn"] if not flow.lost]
        assert whole, "every flow has lost packets, those of the other tunnel too"
    assert lab.project.outputs()["instanceId"] == instance, "the same host all the time"
    lab.project.preview("--expect-no-changes").check()
