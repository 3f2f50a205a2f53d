"""The table of operating systems, instance types, and what may come out of the tunnel into the VCN.

Does not prove that an image or an instance type exists in a region (the survey asks the cloud).
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.host_os import HOST_OS, ImageParameter, architecture_of
from components.ingress import Ingress


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [
        ("t3.small", "x86_64"),
        ("t4g.small", "arm64"),
        ("c7gn.16xlarge", "arm64"),
        ("im4gn.large", "arm64"),
        ("is4gen.medium", "arm64"),
        ("x2gd.metal", "arm64"),
        ("hpc7g.4xlarge", "arm64"),
        ("a1.medium", "arm64"),
        ("g5g.xlarge", "arm64"),
        ("g5.xlarge", "x86_64"),
        ("g4dn.xlarge", "x86_64"),
        ("m7i-flex.large", "x86_64"),
        ("u-6tb1.56xlarge", "x86_64"),
        ("u7i-12tb.224xlarge", "x86_64"),
        ("i3en.metal", "x86_64"),
    ],
)
def test_the_architecture_of_an_instance_type(instance_type: str, architecture: str) -> None:
    assert architecture_of(instance_type) == architecture


@pytest.mark.parametrize("text", ["", "t3", "small", ".small", "t3.", "T3.small", "t3 small"])
def test_what_is_no_instance_type(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        architecture_of(text)
    assert str(refused.value) == "not an EC2 instance type such as t3.small or t4g.small"


def test_the_table_of_operating_systems() -> None:
    assert {name: (os.libreswan, os.package_manager, os.ssm_agent, os.proof) for name, os in HOST_OS.items()} == {
        "debian-13": ("5.2", "apt", "package", "booted"),
        "debian-12": ("4.10", "apt", "package", "booted"),
        "ubuntu-24.04": ("4.14", "apt", "preinstalled", "assumed"),
        "amazon-linux-2023": ("4.12", "dnf", "preinstalled", "assumed"),
        "oracle-linux-9": ("4.15", "dnf", "package", "assumed"),
        "rhel-9": ("4.15", "dnf", "package", "assumed"),
    }


@pytest.mark.parametrize("name", HOST_OS)
def test_every_image_is_one_of_each_architecture(name: str) -> None:
    image = HOST_OS[name].image
    assert set(image.names) == {"x86_64", "arm64"}
    assert image.names["x86_64"] != image.names["arm64"]
    if isinstance(image, ImageParameter):
        assert all(re.fullmatch(r"/aws/service/[\w./-]+", parameter) for parameter in image.names.values())
    else:
        assert re.fullmatch(r"\d{12}", image.owner)


@pytest.mark.parametrize("name", HOST_OS)
def test_xfrm_interfaces_need_libreswan_5(name: str) -> None:
    """Libreswan 4 gives them up for good after a crash."""
    os = HOST_OS[name]
    assert os.interface_kinds == (("vti", "xfrm") if os.libreswan.startswith("5.") else ("vti",))


@pytest.mark.parametrize(
    ("text", "protocol", "ports", "label"),
    [
        ("all", "all", None, "all"),
        ("icmp", "1", None, "icmp"),
        ("tcp/22", "6", (22, 22), "tcp-22"),
        ("udp/5000-5010", "17", (5000, 5010), "udp-5000-5010"),
        ("tcp/1-65535", "6", (1, 65535), "tcp-1-65535"),
    ],
)
def test_ingress_as_it_is_read(text: str, protocol: str, ports: tuple[int, int] | None, label: str) -> None:
    ingress = Ingress.parse(text)
    assert (ingress.protocol, ingress.ports, ingress.label) == (protocol, ports, label)


FORM = "all, icmp, tcp/PORT, tcp/FIRST-LAST, udp/PORT or udp/FIRST-LAST"
ORDER = "ports go from 1 to 65535, the first one first"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", FORM),
        ("tcp", FORM),
        ("ICMP", FORM),
        ("sctp/80", FORM),
        ("tcp/80-", FORM),
        ("tcp/22\n", FORM),
        ("tcp/0", ORDER),
        ("tcp/65536", ORDER),
        ("udp/10-9", ORDER),
    ],
)
def test_what_is_no_ingress(text: str, rule: str) -> None:
    with pytest.raises(ValueError) as refused:
        Ingress.parse(text)
    assert str(refused.value) == rule


@given(st.sampled_from(("tcp", "udp")), st.integers(1, 65535), st.integers(1, 65535))
def test_any_range_of_ports(protocol: str, one: int, other: int) -> None:
    first, last = sorted((one, other))
    assert Ingress.parse(f"{protocol}/{first}-{last}").ports == (first, last)
    assert Ingress.parse(f"{protocol}/{first}") == Ingress.parse(f"{protocol}/{first}-{first}")
