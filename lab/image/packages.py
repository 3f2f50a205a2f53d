"""What is installed in each image."""

from __future__ import annotations

from typing import Literal

from components.host_os import HOST_OS

Os = Literal["debian-12", "debian-13"]
Flavour = Literal["ready", "official"]
"""*official*: as Debian publishes it, so the host installs its packages at first boot. *ready*: they are there."""

SUITES: dict[Os, str] = {"debian-12": "bookworm", "debian-13": "trixie"}
FABRIC_SUITE = "trixie"

# Of Debian's EC2 image, what has a part in booting, in the network or in installing packages; its editors, manuals
# and tools for people are left out. https://salsa.debian.org/cloud-team/debian-cloud-images (config_space)
# So is apparmor, though it is no mere tool: an emulated processor takes 12 s to load its hundred profiles of desktop
# programs, and none of them is of a program that the host runs.
OFFICIAL = (
    "amazon-ec2-utils",
    "apt",
    "apt-utils",
    "awscli",
    "bash-completion",
    "ca-certificates",
    "cloud-guest-utils",
    "cloud-init",
    "curl",
    "dbus",
    "ethtool",
    "initramfs-tools",
    "iproute2",
    "iputils-ping",
    "less",
    "libnss-myhostname",
    "libnss-resolve",
    "libpam-systemd",
    "linux-image-cloud-amd64",
    "netplan.io",
    "openssh-server",
    "polkitd",
    "procps",
    "python3",
    "sudo",
    "systemd-resolved",
    "systemd-sysv",
    "systemd-timesyncd",
    "tcpdump",
    "udev",
    "unattended-upgrades",
)

# The lab's way in: a real host is reached by SSM or SSH.
LAB = ("qemu-guest-agent",)

FABRIC = (
    "bash",
    "ca-certificates",
    "conntrack",
    "curl",
    "dnsmasq-base",
    "initramfs-tools",
    "iperf3",
    "iproute2",
    "iputils-ping",
    "kmod",
    "libreswan",
    "linux-image-cloud-amd64",
    "netcat-openbsd",
    "nftables",
    "procps",
    "python3-minimal",
    "qemu-guest-agent",
    "socat",
    "tcpdump",
    "util-linux",
)

# Debian's libreswan conflicts with these, because both want to be the IKE daemon of a machine. In the fabric each runs
# in a network namespace of its own, so they are unpacked beside it, without a package manager that would object.
FABRIC_UNPACKED = (
    "charon-systemd",
    "libcharon-extra-plugins",
    "libstrongswan",
    "libstrongswan-standard-plugins",
    "strongswan-charon",
    "strongswan-libcharon",
    "strongswan-swanctl",
)


def host_packages(os: Os, flavour: Flavour) -> tuple[str, ...]:
    """The packages of a host's image."""
    wanted = {*OFFICIAL, *LAB}
    if flavour == "ready":
        wanted.update(HOST_OS[os].packages)
    return tuple(sorted(wanted))
