"""Measuring a lab: what crosses, what both ends say of the tunnels, and what should be by what is declared."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from lab.clouds.cluster import Clouds
from lab.clouds.oci.credentials import network_client
from lab.clouds.oci.store import TUNNEL
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
from lab.fabric.declared import Declared
from lab.fabric.explain import explain
from lab.fabric.fabric import Fabric
from lab.fabric.internet import Weather
from lab.fabric.places import Place
from lab.fabric.probes import Probe, verdict
from lab.fabric.reachability import Verdict, trace
from lab.machine.guest import Guest, GuestError

PINGS = 5
IPERF_SECONDS = 3
IPERF_PORT = 5201
HOST_SECONDS = 20.0
DAEMONS = {1: "strongSwan", 2: "Libreswan"}

_WAYS: tuple[tuple[Probe, Place, Place, str], ...] = (
    ("client->vcn", "client", "vcn-host", "client to VCN"),
    ("vcn->client", "vcn-host", "client", "VCN to client"),
)


class Stopwatch:
    """How long after its power-on an instance carried its first ping."""

    def __init__(self, fabric: Fabric) -> None:
        self.seconds: float | None = None
        self._fabric = fabric
        self._instance: str | None = None
        self._began = 0.0

    def look(self) -> None:
        """To be called every second. Pings only when a headend has a tunnel up, and until one ping has crossed."""
        launch = self._fabric.hosts.launch
        instance = launch.instance_id if launch else None
        if instance != self._instance:
            self._instance, self._began, self.seconds = instance, time.monotonic(), None
        if instance is None or self.seconds is not None or not self._fabric.up:
            return
        _, target = _ends(self._fabric.declared)
        if target is not None:
            with suppress(GuestError, OSError, ValueError):
                if _ping(self._fabric, "client", target, count=1).received:
                    self.seconds = time.monotonic() - self._began


def measure(clouds: Clouds, stopwatch: Stopwatch, patience: float = 0.0) -> Measured:
    """All of it, in about ten seconds. The first ping may be late by `patience` seconds. Raises GuestError."""
    assert clouds.packets is not None, "this lab has machines"
    fabric = clouds.packets.fabric
    declared = fabric.settle()
    # Oracle notices when it is asked, and says so a little later: what counts is what it says after the rest.
    _oracle(clouds, declared)
    _wait_for_ping(fabric, declared, patience)
    crossings = tuple(_crossing(fabric, declared, *way) for way in _WAYS)
    host = fabric.hosts.machine
    measured = _with_host(Measured(crossings=crossings), host.guest if host else None, declared)
    said = _oracle(clouds, declared)
    machines = {"fabric": fabric.machine, **({"host": host} if host else {})}
    choice = fabric.around.choice
    return replace(
        measured,
        tunnels=tuple(_tunnel(fabric, declared, one, said) for one in measured.tunnels),
        way_back="" if choice.sticky is None else f"tunnel-{choice.sticky}",
        refused=fabric.refused(),
        memory_mib={name: machine.memory_kib() // 1024 for name, machine in machines.items()},
        first_ping_seconds=stopwatch.seconds,
        weather=describe(fabric.around.weather),
        explained=explain(declared),
    )


def describe(weather: Weather) -> str:
    """The lab's internet in a few words."""
    cuts = "".join(f", the path {direction} headend {number} is cut" for number, direction in sorted(weather.cut))
    return f"{weather.delay_ms:g} ms each way, {weather.loss_percent:g} % loss, path MTU {weather.path_mtu} bytes{cuts}"


def _ends(declared: Declared) -> tuple[IPv4Address | None, IPv4Address | None]:
    client, vcn_host = declared.client, declared.vcn_host
    return client[1] if client else None, vcn_host[1] if vcn_host else None


def _ping(fabric: Fabric, place: Place, target: IPv4Address, count: int) -> Ping:
    arguments = ["-n", "-q", "-c", str(count), "-i", "0.2", "-W", "2", str(target)]
    # It ends with 1 where nothing is answered, which is an answer here.
    ran = fabric.machine.guest.run("ip", "netns", "exec", place, "ping", *arguments)
    return read_ping(ran.out + ran.err)


def _wait_for_ping(fabric: Fabric, declared: Declared, patience: float) -> None:
    _, target = _ends(declared)
    deadline = time.monotonic() + patience
    while target is not None and time.monotonic() < deadline:
        with suppress(ValueError):
            if _ping(fabric, "client", target, count=1).received:
                return


def _crossing(fabric: Fabric, declared: Declared, probe: Probe, source: Place, target: Place, name: str) -> Crossing:
    addresses = dict(zip(("client", "vcn-host"), _ends(declared), strict=True))
    address = addresses[target]
    if None in addresses.values() or address is None:
        return Crossing(name=name, ping_missing=_missing(verdict(declared, probe)))
    ping, throughput, fault = None, None, ""
    with suppress(ValueError):
        ping = _ping(fabric, source, address, PINGS)
    try:
        throughput = _throughput(fabric, source, target, address)
    except (GuestError, ValueError) as error:
        fault = str(error)
    tcp = (
        trace(declared, "client", "vcn-host", "tcp", IPERF_PORT)
        if source == "client"
        else trace(declared, "vcn-host", "client", "tcp", IPERF_PORT)
    )
    return Crossing(
        name=name,
        ping=ping,
        ping_missing=_missing(verdict(declared, probe)),
        megabits=throughput,
        tcp_fault=fault,
        tcp_missing=_missing(tcp),
    )


def _throughput(fabric: Fabric, source: Place, target: Place, address: IPv4Address) -> float:
    port = ["--port", str(IPERF_PORT)]
    # An earlier server may still wait for a client that could not reach it.
    fabric.run(target, "/bin/sh", "-c", "pkill -x iperf3; exec iperf3 --server --one-off --daemon " + " ".join(port))
    wanted = ["--client", str(address), *port, "--time", str(IPERF_SECONDS), "--connect-timeout", "3000", "--json"]
    deadline = time.monotonic() + 3.0
    while True:
        ran = fabric.machine.guest.run("ip", "netns", "exec", source, "iperf3", *wanted, seconds=30.0)
        if "Connection refused" not in ran.out or time.monotonic() > deadline:
            return read_iperf3(ran.out or ran.err)
        # The server has said that it runs before it listens.
        time.sleep(0.2)


def _missing(found: Verdict) -> str | None:
    if found.arrives:
        return None
    return f"stops at {found.stopped_at}: {found.missing}" if found.stopped_at else found.missing


def _with_host(measured: Measured, guest: Guest | None, declared: Declared) -> Measured:
    """What only the host itself knows. It may be busy, or have no agent yet: then the rest has to do."""
    tunnels = tuple(
        Tunnel(name=f"tunnel-{one.number}", status="", headend=str(one.headend or ""), daemon="", up=False)
        for one in declared.tunnels
    )
    measured = replace(measured, tunnels=tunnels)
    if guest is None:
        return replace(measured, host_fault="no instance runs")
    try:
        traffic = read_traffic(guest.run("ipsec", "whack", "--trafficstatus", seconds=HOST_SECONDS).out)
        addresses = guest.run("ip", "-brief", "-4", "address", seconds=HOST_SECONDS).out
        routes = guest.run("ip", "-oneline", "route", seconds=HOST_SECONDS).out
    except (GuestError, OSError) as error:
        return replace(measured, host_fault=str(error))
    counted = [(tunnel, traffic.get(tunnel.name)) for tunnel in tunnels]
    return replace(
        measured,
        tunnels=tuple(
            replace(tunnel, bytes_in=count[0], bytes_out=count[1]) if count else tunnel for tunnel, count in counted
        ),
        interfaces=read_interfaces(addresses),
        routes=read_routes(routes, declared.vcn.cidrs if declared.vcn else ()),
    )


def _tunnel(fabric: Fabric, declared: Declared, tunnel: Tunnel, said: dict[str, str]) -> Tunnel:
    number = int(tunnel.name[-1])
    up = number in fabric.up
    word = "has the child SA" if up else fabric.complaints.get(number) or "no child SA"
    return replace(
        tunnel,
        status=said.get(tunnel.name, "?"),
        daemon=f"{DAEMONS[number]}: {word}",
        up=up,
        missing=_missing_tunnel(declared, number),
    )


def _missing_tunnel(declared: Declared, number: int) -> str | None:
    return verdict(declared, "tunnel-1" if number == 1 else "tunnel-2").missing


def _oracle(clouds: Clouds, declared: Declared) -> dict[str, str]:
    """OCI's status of each tunnel, through its API."""
    if not declared.tunnels:
        return {}
    store = clouds.oci.store
    with store.lock:
        connection = store.get(TUNNEL, declared.tunnels[0].id).private["connection"]
    api: Any = network_client(clouds.oci.endpoint)
    listed = {one.id: str(one.status) for one in api.list_ip_sec_connection_tunnels(connection).data}
    return {f"tunnel-{one.number}": listed.get(one.id, "?") for one in declared.tunnels}
