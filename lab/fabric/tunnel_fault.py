"""Why a tunnel would not come up, or would not survive its first re-key. Pure."""

from __future__ import annotations

from lab.fabric import ends
from lab.fabric.aws_path import cross_vpc, host_interface
from lab.fabric.declared import Declared, Host, Interface, Tunnel
from lab.fabric.packets import Packet
from lab.fabric.way import StoppedError, Way

# IKE begins on the first and goes on, with ESP, on the second once a NAT is found (RFC 7296 section 2.23).
IKE_PORTS = (500, 4500)


def tunnel_fault(declared: Declared, number: int) -> str | None:
    """The first cause that keeps tunnel 1 or 2 down, in one sentence that names the resource; None: it comes up."""
    tunnel = _tunnel(declared, number)
    if tunnel is None:
        return f"there is no tunnel {number}"
    if tunnel.headend is None:
        return f"tunnel {number} ({tunnel.id}) has no address yet"
    try:
        interface = host_interface(declared)
        _check_address(interface, tunnel)
        _check_packets(declared, interface, tunnel)
        host = declared.host
        assert host is not None, "it has an interface"
        conn = ends.conn_to(host.files, str(tunnel.headend))
        ends.check_conn(conn, tunnel, str(interface.private_ip))
        _check_key(host, conn, tunnel)
    except StoppedError as stopped:
        return stopped.missing
    except ends.MismatchError as mismatch:
        return f"tunnel {number} ({tunnel.id}): {mismatch}"
    return None if tunnel.available else f"tunnel {number} ({tunnel.id}) is not AVAILABLE"


def rekey_fault(declared: Declared, number: int) -> str | None:
    """What lets the tunnel come up and then fail at its first re-key; None also where it does not come up."""
    tunnel, host = _tunnel(declared, number), declared.host
    if tunnel is None or host is None:
        return None
    try:
        ends.check_forward_secrecy(ends.conn_to(host.files, str(tunnel.headend)), tunnel)
    except ends.MismatchError as mismatch:
        return f"tunnel {number} ({tunnel.id}): {mismatch}"
    return None


def _tunnel(declared: Declared, number: int) -> Tunnel | None:
    return next((tunnel for tunnel in declared.tunnels if tunnel.number == number), None)


def _check_address(interface: Interface, tunnel: Tunnel) -> None:
    """Oracle answers nobody but the CPE."""
    if interface.public_ip != tunnel.cpe_address:
        has = f"{interface.public_ip}, which is not" if interface.public_ip else "no elastic IP, so not"
        raise StoppedError("address", f"{interface.id} has {has} the CPE's address {tunnel.cpe_address}")


def _check_packets(declared: Declared, interface: Interface, tunnel: Tunnel) -> None:
    """IKE there and back. Whoever may open the conversation needs a rule of the stateful group for it, no more."""
    assert tunnel.headend is not None
    for port in IKE_PORTS:
        there = Packet(
            source=interface.private_ip,
            destination=tunnel.headend,
            protocol="udp",
            ports=(port, port),
            source_ports=(port, port),
        )
        try:
            cross_vpc(declared, "host", "internet", there, Way())
            cross_vpc(declared, "internet", "host", there.answer, Way(prefix="back: "))
        except StoppedError:
            if not tunnel.initiates:
                raise
            opened = Packet(
                source=tunnel.headend,
                destination=interface.private_ip,
                protocol="udp",
                ports=(port, port),
                source_ports=(port, port),
            )
            cross_vpc(declared, "internet", "host", opened, Way())
            cross_vpc(declared, "host", "internet", opened.answer, Way(prefix="back: "))


def _check_key(host: Host, conn: ends.Conn, tunnel: Tunnel) -> None:
    key, name = ends.key_in_files(host.files, conn), ends.parameter_of(host.files, str(tunnel.headend))
    if key is None and name is None:
        raise ends.MismatchError(f"the host has no pre-shared key for {conn.get('leftid')} and {tunnel.headend}")
    if key is None and name not in host.readable_keys:
        raise ends.MismatchError(
            f"the role of {host.instance_id} may not read the parameter {name}, or it is not there"
        )
    if (key if name is None else host.readable_keys.get(name, key)) != tunnel.pre_shared_key:
        raise ends.MismatchError("the pre-shared keys of both ends differ")
