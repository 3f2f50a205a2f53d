"""Whether a packet arrives and is answered, and if not, where it stops and what is missing. Pure, in milliseconds.

Everything that decides is in a `Declared`. Not looked at: sizes of packets, and how long Oracle takes to use another
tunnel.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Literal

from lab.fabric import ends
from lab.fabric.aws_path import cross_vpc, host_interface
from lab.fabric.declared import Declared, Protocol, Tunnel
from lab.fabric.oci_path import from_tunnels, to_tunnels, vcn_end
from lab.fabric.packets import Packet, opening
from lab.fabric.places import AWS_ENDPOINT, PACKAGE_MIRROR
from lab.fabric.tunnel_fault import rekey_fault, tunnel_fault
from lab.fabric.way import StoppedError, Verdict, Way

__all__ = ["End", "Verdict", "rekey_fault", "trace", "tunnel_fault"]

End = Literal["client", "host", "internet", "vcn-host"]
"""`internet` is a package mirror at TCP 80, else a regional endpoint of AWS."""


def trace(
    declared: Declared, origin: End, target: End, protocol: Protocol = "icmp", port: int | None = None
) -> Verdict:
    """
    Follows the packet that opens a conversation, and its answer. `host` speaks from its interface's address.

    Raises ValueError for ends that no packet of the lab goes between.
    """
    if origin == target or {origin, target} == {"internet", "vcn-host"}:
        raise ValueError(f"the lab has no packets from {origin} to {target}")
    way = Way()
    try:
        source, destination = (_address(declared, end, port) for end in (origin, target))
        request = opening(source, destination, protocol, port)
        _go(declared, origin, target, request, way)
        way.prefix = "back: "
        _go(declared, target, origin, request.answer, way)
    except StoppedError as stopped:
        return Verdict(arrives=False, hops=tuple(way.hops), stopped_at=stopped.hop, missing=stopped.missing)
    return Verdict(arrives=True, hops=tuple(way.hops))


def _address(declared: Declared, end: End, port: int | None) -> IPv4Address:
    if end == "internet":
        return PACKAGE_MIRROR if port == 80 else AWS_ENDPOINT
    if end == "host":
        return host_interface(declared).private_ip
    if end == "vcn-host":
        vcn_end(declared)
    found = declared.vcn_host if end == "vcn-host" else declared.client
    if found is None:
        raise StoppedError(end, f"{declared.vpc.id} has no subnet" if declared.vpc else "there is no VPC")
    return found[1]


def _go(declared: Declared, origin: End, target: End, packet: Packet, way: Way) -> None:
    """One direction."""
    if target == "vcn-host":
        assert origin in ("client", "host")
        if origin == "client":
            cross_vpc(declared, "client", "host", packet, way)
            _forwarded(declared, way)
        from_tunnels(declared, _into_tunnels(declared, packet.destination, way), packet, way)
    elif origin == "vcn-host":
        to_tunnels(declared, packet, way)
        _out_of_tunnels(declared, way)
        if target == "client":
            _forwarded(declared, way)
            cross_vpc(declared, "host", "client", packet, way)
    else:
        cross_vpc(declared, origin, target, packet, way)


def _forwarded(declared: Declared, way: Way) -> None:
    host = declared.host
    assert host is not None, "the packet has come to it"
    way.need(
        ends.forwards(host.files),
        "host, forwarding",
        f"{host.instance_id} does not forward: no file in /etc/sysctl.d sets net.ipv4.ip_forward to 1",
    )


def _into_tunnels(declared: Declared, destination: IPv4Address, way: Way) -> list[Tunnel]:
    """The tunnels that the host may choose, one of which a flow hashes onto: all of them have to be up."""
    host = declared.host
    if host is None:
        raise StoppedError(f"{way.prefix}host", f"no running instance to send {destination} into the tunnels")
    way.need(
        any(destination in cidr for cidr in ends.vcn_cidrs(host.files)),
        "host, routes",
        f"tunnels.json of {host.instance_id} has no CIDR in vcnCidrs that {destination} is in",
    )
    headends = ends.routed_headends(host.files)
    way.need(bool(headends), "host, devices", f"no conn of {host.instance_id} makes a device that tunnels.json names")
    chosen = []
    for headend in headends:
        tunnel = next((one for one in declared.tunnels if one.headend == headend), None)
        if tunnel is None:
            raise StoppedError(
                f"{way.prefix}host", f"a flow may hash onto the tunnel to {headend}, which is no headend"
            )
        chosen.append(tunnel)
    for tunnel in chosen:
        fault = tunnel_fault(declared, tunnel.number)
        way.need(
            fault is None,
            f"tunnel {tunnel.number}",
            f"a flow may hash onto tunnel {tunnel.number}, which is down: {fault}",
        )
    return chosen


def _out_of_tunnels(declared: Declared, way: Way) -> None:
    """Oracle chooses any tunnel that is up."""
    faults = {tunnel.number: tunnel_fault(declared, tunnel.number) for tunnel in declared.tunnels}
    up = [number for number, fault in faults.items() if fault is None]
    said = "; ".join(str(fault) for fault in faults.values()) or "there is no IPSec connection"
    way.need(bool(up), f"tunnel {' or '.join(map(str, up or (1, 2)))}", f"no tunnel is up: {said}")
