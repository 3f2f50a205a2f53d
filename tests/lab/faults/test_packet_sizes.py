"""The largest packet that fits a tunnel is the computed one, and nothing is fragmented on the way.

For the default crypto profile and a path of 1500 bytes; test_packet_sizes_of_all.py has the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from components.crypto import DEFAULT_PROFILE, PROFILES
from components.packet_size import inner_mtu, maximum_segment_size
from lab.fabric.outages import Observer
from tests.lab.packet_sizes import check_largest, counted, counters

MTU = inner_mtu(PROFILES[DEFAULT_PROFILE[2]], 1500)


@pytest.fixture
def seen(observer: Observer) -> Iterator[None]:
    with counted(observer):
        yield


@pytest.mark.usefixtures("seen")
def test_the_largest_packet_is_the_computed_one(observer: Observer) -> None:
    check_largest(observer, MTU)


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("reverse", [False, True], ids=["to OCI", "to AWS"])
def test_tcp_fills_packets_and_fragments_none(observer: Observer, reverse: bool) -> None:
    assert observer.fabric.declared.vcn_host is not None
    target = str(observer.fabric.declared.vcn_host[1])
    # The server is the one that `make lab` measures with.
    observer.fabric.run("vcn-host", "sh", "-c", "pkill iperf3; sleep 0.2; iperf3 -s -D")
    options = ["-t", "4", "-P", "4", "-J", *(["-R"] if reverse else [])]
    said = json.loads(observer.fabric.run("client", "iperf3", "-c", target, *options))
    observer.fabric.run("vcn-host", "pkill", "iperf3")
    assert said["end"]["sum_received"]["bytes"] > 200_000
    # Time stamps take 12 bytes of each segment (RFC 7323), and the ends count without them.
    assert said["start"]["tcp_mss_default"] in {maximum_segment_size(MTU), maximum_segment_size(MTU) - 12}
    assert counters(observer)["fragments"] == 0
