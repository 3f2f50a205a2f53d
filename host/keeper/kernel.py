"""Devices, addresses, sysctls and routes of this host. Libreswan makes the devices; all the rest on them is ours."""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from keeper.settings import Host, Tunnel

# Marks our routes among those of others. Free in iproute2's rt_protos.
PROTOCOL = "77"
METRIC = "100"
# Larger than any other metric: used only while there is no tunnel to go through, so that nothing leaves in plain text.
LAST_RESORT = "4278198272"

SIOCGIFADDR = 0x8915

CONF = Path("/proc/sys/net/ipv4/conf")
# Oracle may return traffic through the other tunnel; a redirect would send a client around the host. The kernel uses
# the larger of `all` and the device's own value, and the devices of the NIC were there before any sysctl file.
EVERY_DEVICE = {"rp_filter": "0", "send_redirects": "0"}
TUNNEL_DEVICE = {**EVERY_DEVICE, "disable_policy": "1", "forwarding": "1"}


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10, check=False)


def asked(*arguments: str) -> list[dict[str, Any]]:
    said = ip("-json", *arguments).stdout
    found: list[dict[str, Any]] = json.loads(said) if said.strip() else []
    return found


def is_up(device: str) -> bool:
    """Whether the kernel has the device and lets routes over it."""
    try:
        return bool(int(Path(f"/sys/class/net/{device}/flags").read_text(), 16) & 1)
    except OSError:
        return False


def exists(device: str) -> bool:
    return Path(f"/sys/class/net/{device}").exists()


def first_address(device: str) -> str | None:
    """Its IPv4 address, or the first of several (netdevice(7)). `ip` would be a process, and this is asked often."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            said = fcntl.ioctl(any_socket, SIOCGIFADDR, struct.pack("256s", device.encode()))
        except OSError:
            return None
    return socket.inet_ntoa(said[20:24])


def creation(host: Host, tunnel: Tunnel, nic: str) -> list[str]:
    """The `ip` arguments that make the device as Libreswan does."""
    key = str(tunnel.key)
    if host.interface_kind == "xfrm":
        return ["link", "add", tunnel.device, "type", "xfrm", "dev", nic, "if_id", key]
    ends = ["local", host.private_address, "remote", tunnel.headend]
    return ["tunnel", "add", tunnel.device, "mode", "vti", *ends, "okey", key, "ikey", key]


def prepare(host: Host, tunnel: Tunnel) -> None:
    """The device as it should be: there, up, with address and MTU. What is so already is left alone, and no news.

    One that a person has removed is made anew: Libreswan would not until its next start.
    """
    device = Path(f"/sys/class/net/{tunnel.device}")
    if not device.exists():
        addresses = asked("-4", "address", "show", "to", host.private_address)
        ip(*creation(host, tunnel, str(addresses[0]["ifname"]) if addresses else "lo"))
    if not is_up(tunnel.device) or (device / "mtu").read_text().strip() != str(host.mtu):
        ip("link", "set", tunnel.device, "up", "mtu", str(host.mtu))
    inside = tunnel.host_inside.split("/")[0]
    if first_address(tunnel.device) != inside and not asked(
        "-4", "address", "show", "dev", tunnel.device, "to", inside
    ):
        ip("address", "replace", tunnel.host_inside, "dev", tunnel.device)
    write_sysctls(tunnel.device, TUNNEL_DEVICE)


def write_sysctls(device: str, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        path = CONF / device / name
        with suppress(OSError):
            if path.read_text().strip() != value:
                path.write_text(value)


def settle_devices() -> None:
    """Every device, the NIC by whatever name included."""
    for device in CONF.iterdir():
        write_sysctls(device.name, EVERY_DEVICE)


def our_routes() -> list[dict[str, Any]]:
    return asked("-4", "route", "show", "proto", PROTOCOL)


def over(listing: Sequence[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The devices that each CIDR goes over, from what `ip -json route show` says. A dead hop is none."""
    found: dict[str, tuple[str, ...]] = {}
    for route in listing:
        if route.get("type") != "blackhole":
            hops = [route] if "dev" in route else route.get("nexthops", [])
            found[_cidr(route)] = tuple(str(hop["dev"]) for hop in hops if "dead" not in hop.get("flags", []))
    return found


def without_last_resort(cidrs: Sequence[str], listing: Sequence[dict[str, Any]]) -> list[str]:
    there = {_cidr(route) for route in listing if route.get("type") == "blackhole"}
    return [cidr for cidr in cidrs if cidr not in there]


def _cidr(route: dict[str, Any]) -> str:
    destination = str(route["dst"])
    return destination if "/" in destination else f"{destination}/32"


def last_resort(cidr: str) -> list[str]:
    """The `ip` arguments for where a CIDR goes while there is no tunnel: nowhere, and silently, for that is brief."""
    return ["route", "replace", "blackhole", cidr, "proto", PROTOCOL, "metric", LAST_RESORT]


def route(cidr: str, devices: Sequence[str], source: str) -> list[str]:
    """The `ip` arguments that make a CIDR go over these devices in equal parts."""
    if not devices:
        return ["route", "del", cidr, "proto", PROTOCOL, "metric", METRIC]
    hops = [word for device in devices for word in ("nexthop", "dev", device, "weight", "1")]
    return ["route", "replace", cidr, "proto", PROTOCOL, "metric", METRIC, "src", source, *hops]
