"""Made-up hosts for tests of the rendered files."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, Literal

from components.crypto import DEFAULT_PROFILE, PROFILES
from components.host_files import HostFacts, TunnelFacts
from components.host_os import HOST_OS, InterfaceKind

KEYS = ("KeyOfTunnelOneThatNobodyMaySee0123456789", "KeyOfTunnelTwoThatNobodyMaySee0123456789")


def host_facts(
    os: str = "debian-13",
    ike_version: Literal[1, 2] = 2,
    interface_kind: InterfaceKind = "vti",
    *,
    keys_in_user_data: bool = False,
    **changes: Any,
) -> HostFacts:
    """A host by the guide's addresses; changes are fields of HostFacts."""

    def tunnel(number: Literal[1, 2]) -> TunnelFacts:
        common = TunnelFacts(
            number=number,
            headend=IPv4Address(f"198.51.100.{11 * number}"),
            oracle_inside=IPv4Interface(f"169.254.2{number}.1/30"),
            host_inside=IPv4Interface(f"169.254.2{number}.2/30"),
        )
        if keys_in_user_data:
            return replace(common, pre_shared_key=KEYS[number - 1])
        return replace(common, parameter=f"/libreswan/aws-oci-libreswan/dev/tunnel-{number}/pre-shared-key")

    facts = HostFacts(
        os=HOST_OS[os],
        region="us-east-1",
        private_address=IPv4Address("10.0.0.10"),
        public_address=IPv4Address("203.0.113.7"),
        gateway=IPv4Address("10.0.0.1"),
        vpc_cidrs=(IPv4Network("10.0.0.0/16"),),
        vcn_cidrs=(IPv4Network("172.16.0.0/16"),),
        ike_version=ike_version,
        profile=PROFILES[DEFAULT_PROFILE[ike_version]],
        interface_kind=interface_kind,
        path_mtu=1500,
        upgrade_window="Sun 03:00",
        tunnels=(tunnel(1), tunnel(2)),
    )
    return replace(facts, **changes)


def every_dialect() -> list[tuple[str, Literal[1, 2], InterfaceKind]]:
    """Each OS with each IKE version and each kind of interface that it knows."""
    versions: tuple[Literal[1, 2], ...] = (1, 2)
    return [(os.name, version, kind) for os in HOST_OS.values() for version in versions for kind in os.interface_kinds]
