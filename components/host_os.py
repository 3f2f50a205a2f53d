"""The operating systems a host can run: where the image comes from, and which Libreswan it brings.

Versions and image sources: Amazon's, Debian's, Canonical's, Oracle's and Red Hat's own pages, as noted a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Architecture = Literal["x86_64", "arm64"]
InterfaceKind = Literal["vti", "xfrm"]
Proof = Literal["booted", "assumed"]

_GRAVITON = re.compile(r"(a1|[a-z]+\d+g[a-z]*(-[a-z0-9]+)?)\.[a-z0-9-]+")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\d[a-z0-9-]*\.[a-z0-9-]+")


@dataclass(frozen=True, kw_only=True)
class ImageParameter:
    """A public Parameter Store name that holds the newest image id, by architecture."""

    names: MappingProxyType[Architecture, str]


@dataclass(frozen=True, kw_only=True)
class ImageSearch:
    """The newest image of an owner whose name matches, by architecture."""

    owner: str
    names: MappingProxyType[Architecture, str]


@dataclass(frozen=True, kw_only=True)
class HostOs:
    """One operating system."""

    name: str
    image: ImageParameter | ImageSearch
    libreswan: str
    """Version in the distribution's repository; its major part chooses the dialect of ipsec.conf."""
    package_manager: Literal["apt", "dnf"]
    packages: tuple[str, ...] = ("libreswan", "nftables", "python3-boto3")
    user: str
    """The login that EC2 gives the key pair to."""
    ssm_agent: Literal["preinstalled", "package"]
    proof: Proof
    """What is known of the rendered files: booted in the lab (and parsed by this very Libreswan), or assumed."""

    @property
    def libreswan_major(self) -> int:
        return int(self.libreswan.split(".")[0])

    @property
    def interface_kinds(self) -> tuple[InterfaceKind, ...]:
        """What a route-based tunnel can be made of here.

        Libreswan 4 turns XFRM interfaces off for its whole life when it finds one left over by a daemon that
        was killed, so a tunnel on them would not come back by itself.
        """
        return ("vti", "xfrm") if self.libreswan_major >= 5 else ("vti",)


def _names(x86_64: str, arm64: str) -> MappingProxyType[Architecture, str]:
    return MappingProxyType({"x86_64": x86_64, "arm64": arm64})


def _debian(release: int, libreswan: str) -> HostOs:
    # https://wiki.debian.org/Cloud/AmazonEC2Image
    parameter = f"/aws/service/debian/release/{release}/latest"
    return HostOs(
        name=f"debian-{release}",
        image=ImageParameter(names=_names(f"{parameter}/amd64", f"{parameter}/arm64")),
        libreswan=libreswan,
        package_manager="apt",
        user="admin",
        ssm_agent="package",
        proof="booted",
    )


_CANONICAL = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
_AMAZON = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12"

HOST_OS = MappingProxyType(
    {
        os.name: os
        for os in (
            _debian(13, "5.2"),
            _debian(12, "4.10"),
            HostOs(
                name="ubuntu-24.04",
                # https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
                image=ImageParameter(
                    names=_names(f"{_CANONICAL}/amd64/hvm/ebs-gp3/ami-id", f"{_CANONICAL}/arm64/hvm/ebs-gp3/ami-id")
                ),
                libreswan="4.14",
                package_manager="apt",
                user="ubuntu",
                ssm_agent="preinstalled",
                proof="assumed",
            ),
            HostOs(
                name="amazon-linux-2023",
                # The kernel's line is named: "default" moves to the newest one every year.
                # https://docs.aws.amazon.com/linux/al2023/ug/kernel-update.html
                image=ImageParameter(names=_names(f"{_AMAZON}-x86_64", f"{_AMAZON}-arm64")),
                libreswan="4.12",
                package_manager="dnf",
                user="ec2-user",
                ssm_agent="preinstalled",
                proof="assumed",
            ),
            HostOs(
                name="oracle-linux-9",
                image=ImageSearch(owner="131827586825", names=_names("OL9.*-x86_64-HVM-*", "OL9.*-aarch64-HVM-*")),
                libreswan="4.15",
                package_manager="dnf",
                user="ec2-user",
                ssm_agent="package",
                proof="assumed",
            ),
            HostOs(
                name="rhel-9",
                image=ImageSearch(
                    owner="309956199498",
                    names=_names("RHEL-9.*_HVM-*-x86_64-*-GP3", "RHEL-9.*_HVM-*-arm64-*-GP3"),
                ),
                libreswan="4.15",
                package_manager="dnf",
                user="ec2-user",
                ssm_agent="package",
                proof="assumed",
            ),
        )
    }
)


def architecture_of(instance_type: str) -> Architecture:
    """The architecture of an EC2 instance type, read from its name: a `g` after the generation is Graviton.

    Raises ValueError for what is no instance type.
    https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
    """
    if not _INSTANCE_TYPE.fullmatch(instance_type):
        raise ValueError("not an EC2 instance type such as t3.small or t4g.small")
    return "arm64" if _GRAVITON.fullmatch(instance_type) else "x86_64"
