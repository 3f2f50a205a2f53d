"""What the keeper tells `ip`, what it reads of its listings, and both in a network namespace without privilege.

Devices there are pairs of veth by the names of the real ones. Does not prove that Libreswan's devices take it (the
lab does).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keeper import kernel
from keeper.kernel import LAST_RESORT, METRIC, creation, last_resort, over, route, without_last_resort

from lab.setup.packages import SYSTEM_PATH, require
from tests.host.hosts import HOST, XFRM_HOST

ROOT = Path(__file__).resolve().parents[2]
VCN, HOST_ROUTE = HOST.vcn_cidrs

OVER_TWO = {
    "dst": VCN,
    "protocol": "77",
    "metric": 100,
    "prefsrc": "10.0.0.10",
    "flags": [],
    "nexthops": [{"dev": "vti1", "weight": 1, "flags": []}, {"dev": "vti2", "weight": 1, "flags": []}],
}
OVER_ONE = {"dst": VCN, "dev": "vti2", "protocol": "77", "scope": "link", "metric": 100, "flags": []}
NOWHERE = {"type": "blackhole", "dst": VCN, "protocol": "77", "metric": int(LAST_RESORT), "flags": []}


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (1, "tunnel add vti1 mode vti local 10.0.0.10 remote 198.51.100.11 okey 5 ikey 5"),
        (2, "tunnel add vti2 mode vti local 10.0.0.10 remote 198.51.100.22 okey 6 ikey 6"),
    ],
)
def test_how_a_vti_is_made(number: int, command: str) -> None:
    assert " ".join(creation(HOST, HOST.tunnels[number - 1], "ens5")) == command


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (1, "link add ipsec1 type xfrm dev ens5 if_id 1"),
        (2, "link add ipsec2 type xfrm dev ens5 if_id 2"),
    ],
)
def test_how_an_xfrm_interface_is_made(number: int, command: str) -> None:
    assert " ".join(creation(XFRM_HOST, XFRM_HOST.tunnels[number - 1], "ens5")) == command


@pytest.mark.parametrize(
    ("devices", "command"),
    [
        ([], "route del 172.16.0.0/16 proto 77 metric 100"),
        (["vti2"], "route replace 172.16.0.0/16 proto 77 metric 100 src 10.0.0.10 nexthop dev vti2 weight 1"),
        (
            ["vti1", "vti2"],
            "route replace 172.16.0.0/16 proto 77 metric 100 src 10.0.0.10 "
            "nexthop dev vti1 weight 1 nexthop dev vti2 weight 1",
        ),
    ],
)
def test_the_route_over_the_tunnels_that_carry(devices: list[str], command: str) -> None:
    assert " ".join(route(VCN, devices, HOST.private_address)) == command


def test_the_last_resort_goes_nowhere() -> None:
    assert " ".join(last_resort(VCN)) == "route replace blackhole 172.16.0.0/16 proto 77 metric 4278198272"


def test_the_last_resort_is_worse_than_any_tunnel() -> None:
    assert int(METRIC) < int(LAST_RESORT) < 2**32


def with_flags(*flags: list[str]) -> dict[str, Any]:
    hops = [{"dev": f"vti{number}", "weight": 1, "flags": flag} for number, flag in enumerate(flags, 1)]
    return {**OVER_TWO, "nexthops": hops}


@pytest.mark.parametrize(
    ("listing", "devices"),
    [
        ([], {}),
        ([OVER_ONE], {VCN: ("vti2",)}),
        ([OVER_TWO], {VCN: ("vti1", "vti2")}),
        ([with_flags(["dead", "linkdown"], [])], {VCN: ("vti2",)}),
        ([with_flags(["linkdown"], [])], {VCN: ("vti1", "vti2")}),
        ([with_flags(["dead"], ["dead"])], {VCN: ()}),
        ([{**OVER_ONE, "flags": ["dead", "linkdown"]}], {VCN: ()}),
        ([NOWHERE], {}),
        ([OVER_TWO, NOWHERE], {VCN: ("vti1", "vti2")}),
        ([NOWHERE, OVER_ONE], {VCN: ("vti2",)}),
        ([{**OVER_ONE, "dst": "192.168.5.9"}], {HOST_ROUTE: ("vti2",)}),
    ],
    ids=[
        "nothing",
        "one hop",
        "two hops",
        "one of them dead",
        "one without a carrier",
        "both dead",
        "the only one dead",
        "the last resort",
        "two hops and it",
        "it and one hop",
        "a single address",
    ],
)
def test_the_devices_that_a_listing_says(listing: list[dict[str, Any]], devices: dict[str, tuple[str, ...]]) -> None:
    assert over(listing) == devices


@pytest.mark.parametrize(
    ("listing", "without"),
    [
        ([], [VCN, HOST_ROUTE]),
        ([OVER_TWO], [VCN, HOST_ROUTE]),
        ([NOWHERE, OVER_TWO], [HOST_ROUTE]),
        ([{**NOWHERE, "dst": "192.168.5.9"}], [VCN]),
        ([NOWHERE, {**NOWHERE, "dst": "192.168.5.9"}], []),
    ],
)
def test_the_cidrs_that_have_no_last_resort(listing: list[dict[str, Any]], without: list[str]) -> None:
    assert without_last_resort(HOST.vcn_cidrs, listing) == without


def test_a_device_that_is_not_there_is_not_up() -> None:
    assert (kernel.is_up("no-such-device"), kernel.exists("no-such-device")) == (False, False)
    assert (kernel.is_up("lo"), kernel.exists("lo")) == (True, True)


BEGIN = """
import json
from pathlib import Path
from keeper import kernel
from keeper.changes import DEVICES_AND_ROUTES, NETLINK_ROUTE, Changes
from tests.host.hosts import HOST

def make(*arguments):
    done = kernel.ip(*arguments)
    assert done.returncode == 0, done.stderr

make("link", "set", "lo", "up")
make("address", "add", "10.0.0.10/24", "dev", "lo")
for number in (1, 2):
    make("link", "add", f"vti{number}", "type", "veth", "peer", "name", f"far{number}")
    make("link", "set", f"far{number}", "up")

def both_up():
    for number in (1, 2):
        make("address", "add", f"169.254.2{number}.2/30", "dev", f"vti{number}")
        make("link", "set", f"vti{number}", "up")

def go_over(*devices):
    for cidr in HOST.vcn_cidrs:
        make(*kernel.route(cidr, devices, HOST.private_address))
    return kernel.over(kernel.our_routes())
"""


def inside(script: str) -> Any:
    """What a program ends with as `result`, in a network of its own, with the devices vti1 and vti2."""
    require({"ip": "iproute2", "unshare": "util-linux"})
    enter = 'mount -t sysfs none /sys && exec "$0" "$@"'
    ended = subprocess.run(
        [
            "unshare",
            "--map-root-user",
            "--net",
            "--mount",
            "sh",
            "-euc",
            enter,
            sys.executable,
            "-B",
            "-c",
            f"{BEGIN}\n{script}\nprint(json.dumps(result))",
        ],
        env={**os.environ, "PATH": SYSTEM_PATH, "PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_kernel_says_back_which_devices_it_was_told() -> None:
    result = inside(
        "both_up()\n"
        'result = [go_over(*devices) for devices in (["vti1", "vti2"], ["vti2"], ["vti1"], ["vti1", "vti2"], [])]'
    )
    assert result == [
        {VCN: devices, HOST_ROUTE: devices} for devices in (["vti1", "vti2"], ["vti2"], ["vti1"], ["vti1", "vti2"])
    ] + [{}]


def test_a_hop_whose_device_went_down_or_away_is_none() -> None:
    result = inside(
        'both_up(); go_over("vti1", "vti2"); result = []\n'
        'make("link", "set", "vti1", "down"); result.append(kernel.over(kernel.our_routes()))\n'
        'make("link", "del", "vti2"); result.append(kernel.over(kernel.our_routes()))'
    )
    assert result == [{VCN: ["vti2"], HOST_ROUTE: ["vti2"]}, {}]


def test_what_leaves_has_the_address_that_the_vcn_knows() -> None:
    result = inside('both_up(); go_over("vti1", "vti2"); result = kernel.asked("route", "get", "172.16.0.1")')
    assert result[0]["prefsrc"] == "10.0.0.10"


def test_the_last_resort_takes_over_when_no_tunnel_is_left_and_stays_beside_them() -> None:
    result = inside("""
def state():
    error = kernel.ip("route", "get", "172.16.0.1").stderr.strip()
    return kernel.without_last_resort(HOST.vcn_cidrs, kernel.our_routes()), error

both_up()
result = [state()[0]]
for cidr in HOST.vcn_cidrs:
    make(*kernel.last_resort(cidr))
result.append(state())
result.append(go_over("vti1", "vti2"))
result.append(state())
make("link", "del", "vti1")
make("link", "del", "vti2")
result.append(state())
""")
    nowhere = [[], "RTNETLINK answers: Invalid argument"]
    assert result == [
        [VCN, HOST_ROUTE],
        nowhere,
        {VCN: ["vti1", "vti2"], HOST_ROUTE: ["vti1", "vti2"]},
        [[], ""],
        nowhere,
    ]


def test_routes_of_others_are_not_ours() -> None:
    result = inside('both_up(); make("route", "add", "192.0.2.0/24", "dev", "vti1"); result = kernel.our_routes()')
    assert result == []


def test_a_device_is_made_ready_and_then_left_alone() -> None:
    result = inside("""
def state():
    [device] = kernel.asked("address", "show", "dev", "vti1")
    addresses = [f"{one['local']}/{one['prefixlen']}" for one in device["addr_info"] if one["family"] == "inet"]
    sysctls = {name: (kernel.CONF / "vti1" / name).read_text().strip() for name in kernel.TUNNEL_DEVICE}
    return [kernel.is_up("vti1"), device["mtu"], addresses, sysctls]

(kernel.CONF / "vti1" / "rp_filter").write_text("2")
kernel.prepare(HOST, HOST.tunnels[0])
result = [state()]
news = Changes(NETLINK_ROUTE, DEVICES_AND_ROUTES)
kernel.prepare(HOST, HOST.tunnels[0])
result += [state(), news.taken()]
make("link", "set", "vti1", "down")
result += [news.taken(), news.taken()]
kernel.prepare(HOST, HOST.tunnels[0])
result.append(state())
""")
    sysctls = {"rp_filter": "0", "send_redirects": "0", "disable_policy": "1", "forwarding": "1"}
    ready = [True, 1438, ["169.254.21.2/30"], sysctls]
    assert result == [ready, ready, False, True, False, ready]


def test_an_address_of_somebody_else_is_left_alone() -> None:
    result = inside("""
make("address", "flush", "dev", "vti1")
make("address", "add", "192.0.2.9/32", "dev", "vti1")
first = kernel.first_address("vti1")
kernel.prepare(HOST, HOST.tunnels[0])
news = Changes(NETLINK_ROUTE, DEVICES_AND_ROUTES)
kernel.prepare(HOST, HOST.tunnels[0])
[device] = kernel.asked("-4", "address", "show", "dev", "vti1")
result = [first, [one["local"] for one in device["addr_info"]], news.taken(), kernel.first_address("nowhere")]
""")
    assert result == ["192.0.2.9", ["192.0.2.9", "169.254.21.2"], False, None]


def test_no_device_filters_by_the_reverse_path_or_sends_redirects() -> None:
    result = inside("""
for device in kernel.CONF.iterdir():
    (device / "rp_filter").write_text("1")
kernel.settle_devices()
result = {device.name: [(device / name).read_text().strip() for name in kernel.EVERY_DEVICE]
          for device in kernel.CONF.iterdir()}
""")
    assert result.keys() >= {"all", "default", "lo", "vti1", "vti2"}
    assert set(map(tuple, result.values())) == {("0", "0")}


def test_news_of_devices_addresses_and_routes_come() -> None:
    result = inside("""
news = Changes(NETLINK_ROUTE, DEVICES_AND_ROUTES)
result = [news.taken()]
make("link", "set", "vti1", "up")
result.append(news.taken())
make("address", "add", "169.254.21.2/30", "dev", "vti1")
result.append(news.taken())
make("route", "add", "192.0.2.0/24", "dev", "vti1")
result += [news.taken(), news.taken()]
""")
    assert result == [False, True, True, True, False]
