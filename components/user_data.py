"""User-data as EC2 takes it: the cloud-config, gzipped, in base64."""

from __future__ import annotations

import base64
from dataclasses import replace
from hashlib import sha512
from ipaddress import IPv4Address, IPv4Network

from zopfli import gzip

from components.addresses import inside_addresses
from components.host_files import HostFacts, TunnelFacts, cloud_config
from components.settings import Settings

# Bytes before base64. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
LIMIT = 16_384

# Two texts of one length and one kind differ by a few bytes after compression.
_LUCK = 64


def encode(text: str) -> str:
    """
    The same bytes on every machine, for they decide whether the instance is replaced: gzip headers carry a time
    and the system, and zlib's output differs from one build to the next, so a pinned compressor writes both.
    """
    return base64.b64encode(gzip.compress(text.encode())).decode()


def size(text: str) -> int:
    """Bytes that count against LIMIT."""
    return len(base64.b64decode(encode(text)))


def worst_case_size(settings: Settings) -> int:
    """Bytes of the largest user-data these settings can lead to, whatever addresses and keys the clouds choose."""
    return size(cloud_config(_worst_case(settings))) + _LUCK


def _worst_case(settings: Settings) -> HostFacts:
    tunnel = settings.tunnel
    # Given networks are read later: as many CIDRs as static routes allow, none like the other.
    many = tuple(IPv4Network((f"10.{n * 23 % 256}.{n * 89 % 256}.0", 24)) for n in range(10))

    def facts(number: int, inside: IPv4Network) -> TunnelFacts:
        oracle_inside, host_inside = inside_addresses(inside)
        common = TunnelFacts(
            number=2 if number == 2 else 1,
            headend=IPv4Address(f"{number * 101}.193.174.158"),
            oracle_inside=oracle_inside,
            host_inside=host_inside,
        )
        if tunnel.pre_shared_key_delivery == "userData":
            # As long as either end takes.
            return replace(common, pre_shared_key=_noise(number))
        return replace(common, parameter=f"/libreswan/{_noise(3)}/{_noise(4)}/tunnel-{number}/pre-shared-key")

    return HostFacts(
        os=settings.host.os,
        region="ap-southeast-1",
        private_address=IPv4Address("192.168.217.146"),
        public_address=IPv4Address("203.185.137.219"),
        gateway=IPv4Address("192.168.217.129"),
        vpc_cidrs=settings.aws.vpc_cidrs or many,
        vcn_cidrs=settings.oci.vcn_cidrs or many,
        ike_version=tunnel.ike_version,
        profile=tunnel.profile,
        interface_kind=tunnel.interface_kind,
        path_mtu=tunnel.path_mtu,
        upgrade_window=settings.host.upgrade_window,
        tunnels=(facts(1, tunnel.tunnel1_inside_cidr), facts(2, tunnel.tunnel2_inside_cidr)),
        log_group=f"/libreswan/{_noise(5)}/{_noise(6)}" if settings.watching.cloud_watch_log_days else None,
    )


def _noise(seed: int) -> str:
    """64 letters and digits with nothing in them for a compressor to find, the same every time."""
    return base64.b64encode(sha512(bytes([seed])).digest(), b"xy").decode()[:64]
