"""What the lab reads from what programs print, and its table.

The texts are as iputils, iperf3 3.18, Libreswan 5.2 and iproute2 of Debian 13 print them. Does not prove that they
print the same elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from lab.command.readings import (
    Crossing,
    Measured,
    Ping,
    Tunnel,
    read_interfaces,
    read_iperf3,
    read_ping,
    read_routes,
    read_traffic,
)
from lab.command.summary import RULE, failures, summary

PING = """\
PING 172.16.0.254 (172.16.0.254) 56(84) bytes of data.

--- 172.16.0.254 ping statistics ---
5 packets transmitted, 4 received, 20% packet loss, time 811ms
rtt min/avg/max/mdev = 22.102/24.517/31.020/3.201 ms
"""
NO_PING = """\
PING 172.16.0.254 (172.16.0.254) 56(84) bytes of data.

--- 172.16.0.254 ping statistics ---
5 packets transmitted, 0 received, 100% packet loss, time 4093ms

"""
TRAFFIC = """\
006 #3: "tunnel-1", type=ESP, add_time=1732461946, inBytes=100, outBytes=20, maxBytes=2^63B, id='192.0.2.7'
006 #9: "tunnel-1", type=ESP, add_time=1732461999, inBytes=1, outBytes=2, maxBytes=2^63B, id='192.0.2.7'
006 #4: "tunnel-2", type=ESP, add_time=1732461947, inBytes=0, outBytes=84, maxBytes=2^63B, id='198.51.100.7'
"""
ADDRESSES = """\
lo               UNKNOWN        127.0.0.1/8 
ens5             UP             10.0.0.4/24 metric 512 
vti1@NONE        UNKNOWN        169.254.21.2/30 
"""  # noqa: W291
ROUTES = """\
default via 10.0.0.1 dev ens5 proto dhcp src 10.0.0.4 metric 512 
10.0.0.0/24 dev ens5 proto kernel scope link src 10.0.0.4 metric 512 
172.16.0.0/16 metric 100 \\\tnexthop dev vti1 weight 1 \\\tnexthop dev vti2 weight 1 
blackhole 172.16.0.0/16 metric 4278198272 
"""  # noqa: W291

UP = Measured(
    tunnels=tuple(
        Tunnel(
            name=f"tunnel-{number}",
            status="UP",
            headend=headend,
            daemon=f"{daemon}: has the child SA",
            up=True,
            bytes_in=1234,
            bytes_out=99,
        )
        for number, headend, daemon in ((1, "192.0.2.7", "strongSwan"), (2, "198.51.100.7", "Libreswan"))
    ),
    crossings=tuple(
        Crossing(name=name, ping=Ping(sent=5, received=5, least_ms=22.1, average_ms=24.5), megabits=48.25)
        for name in ("client to VCN", "VCN to client")
    ),
    way_back="tunnel-1",
    interfaces=("ens5 UP 10.0.0.4/24", "vti1@NONE UNKNOWN 169.254.21.2/30"),
    routes=("172.16.0.0/16 metric 100 nexthop dev vti1 weight 1",),
    refused={},
    memory_mib={"fabric": 210, "host": 480},
    first_ping_seconds=97.4,
    weather="10 ms each way, 0 % loss, path MTU 1500 bytes",
)
OUTPUTS = {"cpeAddress": "203.0.113.1", "instanceId": "i-1", "connectionId": "ocid1.ipsecconnection…"}
STATE = {"deployment": {"resources": [{"type": kind} for kind in ("aws:ec2/vpc:Vpc", "oci:Core/vcn:Vcn", "pulumi:x")]}}


def test_ping() -> None:
    assert read_ping(PING) == Ping(sent=5, received=4, least_ms=22.102, average_ms=24.517)
    assert read_ping(NO_PING) == Ping(sent=5, received=0)
    with pytest.raises(ValueError, match="Network is unreachable"):
        read_ping("ping: connect: Network is unreachable\n")


def test_iperf3() -> None:
    assert read_iperf3(json.dumps({"end": {"sum_received": {"bits_per_second": 48_250_000.0}}})) == 48.25
    with pytest.raises(ValueError, match=r"unable to connect to server: Timed out"):
        read_iperf3(
            json.dumps({"start": {}, "error": "unable to connect to server - server may have stopped, etc.: Timed out"})
        )
    with pytest.raises(ValueError, match="not found"):
        read_iperf3("exec of iperf3: not found")


def test_traffic_is_the_sum_of_a_conns_child_sas() -> None:
    assert read_traffic(TRAFFIC) == {"tunnel-1": (101, 22), "tunnel-2": (0, 84)}
    assert read_traffic("") == {}


def test_interfaces_and_routes() -> None:
    assert read_interfaces(ADDRESSES) == ("ens5 UP 10.0.0.4/24 metric 512", "vti1@NONE UNKNOWN 169.254.21.2/30")
    assert read_routes(ROUTES, [IPv4Network("172.16.0.0/16")]) == (
        "172.16.0.0/16 metric 100 nexthop dev vti1 weight 1 nexthop dev vti2 weight 1",
        "blackhole 172.16.0.0/16 metric 4278198272",
    )


def test_the_table_of_a_lab_in_which_everything_passes() -> None:
    assert failures(UP) == []
    assert (
        summary(OUTPUTS, STATE, UP)
        == """
  resources           1 in AWS, 1 in OCI, 0 commands
  CPE (elastic IP)    203.0.113.1
  tunnel-1            UP     headend 192.0.2.7        strongSwan: has the child SA; the host: 1,234 bytes in, 99 out
  tunnel-2            UP     headend 198.51.100.7     Libreswan: has the child SA; the host: 1,234 bytes in, 99 out
  way back            tunnel-1, as Oracle chooses
  host                i-1
  IPSec connection    ocid1.ipsecconnection…
  look closer         make lab-shell (IN=client and others)
  ping client to VCN  5 of 5 answered, 0 % lost, 22.1 ms at least, 24.5 ms on average
  ping VCN to client  5 of 5 answered, 0 % lost, 22.1 ms at least, 24.5 ms on average
  TCP client to VCN   48.2 Mbit/s
  TCP VCN to client   48.2 Mbit/s
  lab's internet      10 ms each way, 0 % loss, path MTU 1500 bytes
  interfaces, host    ens5 UP 10.0.0.4/24
                      vti1@NONE UNKNOWN 169.254.21.2/30
  routes, host        172.16.0.0/16 metric 100 nexthop dev vti1 weight 1
  refused on the way  nothing since the last change
  memory of the VMs   fabric 210 MiB, host 480 MiB
  power-on to ping    97 s
"""
    )


def test_a_tunnel_that_is_down_with_what_is_declared_beside_it() -> None:
    down = replace(
        UP.tunnels[1],
        status="DOWN",
        up=False,
        daemon="Libreswan: no connection has been authorized",
        bytes_in=None,
        missing="the pre-shared keys differ",
    )
    measured = replace(UP, tunnels=(UP.tunnels[0], down))
    assert failures(measured) == [
        "tunnel-2: OCI says DOWN, Libreswan: no connection has been authorized\nas declared: the pre-shared keys differ"
    ]
    table = summary(OUTPUTS, STATE, measured)
    assert "DOWN   headend 198.51.100.7     Libreswan: no connection has been authorized; the host names no" in table
    assert table.endswith("""
  DOES NOT PASS
  tunnel-2: OCI says DOWN, Libreswan: no connection has been authorized
      as declared: the pre-shared keys differ
""")


def test_a_ping_and_a_stream_that_do_not_cross() -> None:
    silent = Crossing(
        name="client to VCN",
        ping=Ping(sent=5, received=0),
        ping_missing="stops at vpc, route: rtb-1 has no route",
        tcp_fault="unable to connect to server",
    )
    assert failures(replace(UP, crossings=(silent, UP.crossings[1]))) == [
        "ping client to VCN: 0 of 5 answered, 100 % lost\nas declared: stops at vpc, route: rtb-1 has no route",
        "TCP client to VCN: unable to connect to server\nby what is declared it passes",
    ]


def test_lost_packets_alone_are_weather() -> None:
    some = replace(UP.crossings[0], ping=Ping(sent=5, received=3, least_ms=1, average_ms=2))
    assert failures(replace(UP, crossings=(some,))) == []
    assert "3 of 5 answered, 40 % lost" in summary(OUTPUTS, STATE, replace(UP, crossings=(some,)))


def test_a_host_that_does_not_answer_is_no_failure_of_the_tunnel() -> None:
    measured = replace(UP, interfaces=(), routes=(), host_fault="the guest agent has not answered for 10 s")
    assert failures(measured) == []
    assert summary(OUTPUTS, STATE, measured).count("the guest agent has not answered for 10 s") == 2


def test_nothing_is_up() -> None:
    nothing = Measured(crossings=(Crossing(name="client to VCN", ping_missing="there is no VPC"),))
    assert failures(nothing) == [
        "there is no IPSec connection",
        "ping client to VCN: nobody to ping\nas declared: there is no VPC",
    ]
    assert "0 in AWS" in summary({}, {}, nothing)


def test_what_was_refused_is_named() -> None:
    table = summary(OUTPUTS, STATE, replace(UP, refused={"acl-1 rule 100": 7, "no route": 1}))
    assert "refused on the way  7 packets: acl-1 rule 100\n                      1 packet: no route\n" in table


def test_without_machines_the_table_says_that_nothing_has_crossed() -> None:
    outputs = OUTPUTS | {"tunnelStates": {"tunnel-1": "UP"}, "headends": {"tunnel-1": "192.0.2.7"}, "lookCloser": "aws"}
    table = summary(outputs, STATE, None)
    assert "tunnel-1          UP     headend 192.0.2.7\n" in table
    assert RULE in table
    assert "ping" not in table
