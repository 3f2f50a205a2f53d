"""Every file that the program renders for the host, as the real parsers take it.

Libreswan 4.10 and 5.2 read the conf, their algparse each crypto profile, cloud-init 22.4 and 25.1 the user-data,
systemd 252 and 257 the units and drop-ins. Does not prove that the daemons can use them, nor what the other
operating systems' Libreswan says (4.12 to 4.15).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import product
from typing import Literal

import pytest

from components.crypto import DEFAULT_PROFILE, PROFILES, CryptoProfile
from components.host_files import HostFacts, TunnelFacts, cloud_config, host_files, ipsec_conf
from components.host_os import HOST_OS, HostOs, InterfaceKind
from tests.parsers.real import check_cloud_config, check_units, parse_algorithms, parse_conf
from tests.parsers.roots import Version

IkeVersion = Literal[1, 2]
OS_OF: dict[Version, HostOs] = {4: HOST_OS["debian-12"], 5: HOST_OS["debian-13"]}


def tunnel(number: Literal[1, 2]) -> TunnelFacts:
    return TunnelFacts(
        number=number,
        headend=IPv4Address(f"198.51.100.{number}"),
        oracle_inside=IPv4Interface(f"169.254.2{number}.1/30"),
        host_inside=IPv4Interface(f"169.254.2{number}.2/30"),
        parameter=f"/aws-oci-libreswan/dev/tunnel-{number}/pre-shared-key",
    )


def facts(
    os: HostOs,
    ike_version: IkeVersion = 2,
    profile: CryptoProfile | None = None,
    interface_kind: InterfaceKind = "vti",
) -> HostFacts:
    return HostFacts(
        os=os,
        region="us-east-1",
        private_address=IPv4Address("10.0.0.10"),
        public_address=IPv4Address("203.0.113.7"),
        gateway=IPv4Address("10.0.0.1"),
        vpc_cidrs=(IPv4Network("10.0.0.0/16"),),
        vcn_cidrs=(IPv4Network("172.16.0.0/16"), IPv4Network("192.168.0.0/24")),
        ike_version=ike_version,
        profile=profile or PROFILES[DEFAULT_PROFILE[ike_version]],
        interface_kind=interface_kind,
        path_mtu=1500,
        upgrade_window="Sun 03:00",
        tunnels=(tunnel(1), tunnel(2)),
    )


def conns() -> list[tuple[HostOs, IkeVersion, InterfaceKind]]:
    """Every dialect: each Libreswan that is parsed here, both IKE versions, each interface it may have."""
    ike_versions: tuple[IkeVersion, ...] = (1, 2)
    return [
        (os, ike_version, kind)
        for os, ike_version in product(OS_OF.values(), ike_versions)
        for kind in os.interface_kinds
    ]


@pytest.mark.parametrize(("os", "ike_version", "kind"), conns(), ids=lambda part: getattr(part, "name", str(part)))
def test_conf_is_accepted_without_a_word(os: HostOs, ike_version: IkeVersion, kind: InterfaceKind) -> None:
    version: Version = 4 if os.libreswan_major == 4 else 5
    parsed = parse_conf(version, ipsec_conf(facts(os, ike_version, interface_kind=kind)))
    assert (parsed.ok, parsed.output) == (True, "")


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("ike_version", [1, 2])
def test_profile_is_known_to_libreswan_exactly_where_it_may_be_chosen(
    version: Version, ike_version: IkeVersion, name: str
) -> None:
    profile = PROFILES[name]
    accepted = [
        parse_algorithms(version, ike_version, proposal).ok for proposal in (f"ike={profile.ike}", f"esp={profile.esp}")
    ]
    assert all(accepted) == profile.supports(ike_version)


@pytest.mark.parametrize("delivery", ["parameterStore", "userData"])
def test_user_data_is_accepted_by_cloud_init(version: Version, delivery: str) -> None:
    host = facts(OS_OF[version])
    if delivery == "userData":
        one, other = (replace(tunnel, parameter=None, pre_shared_key="k" * 40) for tunnel in host.tunnels)
        host = replace(host, tunnels=(one, other))
    parsed = check_cloud_config(version, cloud_config(host))
    assert parsed.ok, parsed.output
    assert "Valid" in parsed.output


@pytest.mark.parametrize("kind", ["vti", "xfrm"])
def test_units_and_drop_ins_are_accepted_by_systemd_without_a_word(version: Version, kind: InterfaceKind) -> None:
    """Beside the distribution's own units, and with each command that they run."""
    folder = "/etc/systemd/system/"
    files = host_files(replace(facts(OS_OF[version], interface_kind=kind), log_group="/libreswan/project/stack"))
    units = {file.path.removeprefix(folder): file.content for file in files if file.path.startswith(folder)}
    assert units.keys() == {
        "apt-daily-upgrade.timer.d/aws-oci-libreswan.conf",
        "ipsec.service.d/aws-oci-libreswan.conf",
        "pre-shared-keys.service",
        "tunnel-keeper.service",
        "tunnel-telemetry.service",
    }
    parsed = check_units(version, units)
    assert (parsed.ok, parsed.output) == (True, "")
