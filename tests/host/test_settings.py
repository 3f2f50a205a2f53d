"""What host_files renders of the tunnels is what the keeper reads, and what Libreswan's conns say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from keeper import settings as subject
from keeper.settings import Host, Tunnel, load

from components.host_files import HostFacts, host_files, ipsec_conf
from components.host_os import InterfaceKind
from tests.pure.facts import KEYS, host_facts


def loaded(facts: HostFacts, folder: Path) -> Host:
    [content] = [file.content for file in host_files(facts) if file.path == str(subject.PATH)]
    path = folder / "tunnels.json"
    path.write_text(content)
    return load(path)


@pytest.mark.parametrize("kind", ["vti", "xfrm"])
@pytest.mark.parametrize("in_user_data", [True, False])
def test_what_is_rendered_is_read_back(kind: InterfaceKind, in_user_data: bool, tmp_path: Path) -> None:
    name, keys = {"vti": ("vti", (5, 6)), "xfrm": ("ipsec", (1, 2))}[kind]
    assert loaded(host_facts(interface_kind=kind, keys_in_user_data=in_user_data), tmp_path) == Host(
        region="us-east-1",
        private_address="10.0.0.10",
        public_address="203.0.113.7",
        interface_kind=kind,
        mtu=1438,
        vcn_cidrs=("172.16.0.0/16",),
        tunnels=tuple(
            Tunnel(
                conn=f"tunnel-{number}",
                device=f"{name}{number}",
                key=keys[number - 1],
                headend=f"198.51.100.{11 * number}",
                host_inside=f"169.254.2{number}.2/30",
                oracle_inside=f"169.254.2{number}.1",
                parameter=None if in_user_data else f"/libreswan/aws-oci-libreswan/dev/tunnel-{number}/pre-shared-key",
            )
            for number in (1, 2)
        ),
    )


@pytest.mark.parametrize(("kind", "option"), [("vti", "mark"), ("xfrm", "ipsec-interface")])
def test_the_key_of_a_device_is_the_one_that_libreswan_is_told(
    kind: InterfaceKind, option: str, tmp_path: Path
) -> None:
    facts = host_facts(interface_kind=kind)
    told = re.findall(rf"^    {option}=(\d+)", ipsec_conf(facts), re.MULTILINE)
    assert [str(tunnel.key) for tunnel in loaded(facts, tmp_path).tunnels] == told


def test_the_device_of_a_vti_is_the_one_that_libreswan_is_told(tmp_path: Path) -> None:
    facts = host_facts()
    told = re.findall(r"^    vti-interface=(\w+)", ipsec_conf(facts), re.MULTILINE)
    assert [tunnel.device for tunnel in loaded(facts, tmp_path).tunnels] == told


@pytest.mark.parametrize("kind", ["vti", "xfrm"])
def test_the_drop_in_of_ipsec_removes_the_devices_of_either_kind(kind: InterfaceKind, tmp_path: Path) -> None:
    facts = host_facts(interface_kind=kind)
    [drop_in] = [file.content for file in host_files(facts) if "/ipsec.service.d/" in file.path]
    [removed] = re.findall(r"for device in ([\w ]+);", drop_in)
    assert {tunnel.device for tunnel in loaded(facts, tmp_path).tunnels} <= set(removed.split())


def test_no_key_is_in_what_the_keeper_reads(tmp_path: Path) -> None:
    read = repr(loaded(host_facts(keys_in_user_data=True), tmp_path)) + (tmp_path / "tunnels.json").read_text()
    assert not any(key in read for key in KEYS)
