"""The files that make an EC2 instance a Libreswan host: pure functions of plain values.

Templates are in templates/, named as the files an operator finds on the host; programs in host/ are shipped as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Literal

import jinja2

from components import crypto
from components.crypto import CryptoProfile
from components.host_os import HostOs, InterfaceKind
from components.packet_size import inner_mtu, maximum_segment_size

_ROOT = Path(__file__).resolve().parent.parent

# The kernel's key of a tunnel: mark of a VTI, if_id and device number of an XFRM interface. The guide's marks.
_VTI_MARKS = (5, 6)


@dataclass(frozen=True, kw_only=True)
class TunnelFacts:
    """What the host must know of one tunnel."""

    number: Literal[1, 2]
    headend: IPv4Address
    """Oracle's public address."""
    oracle_inside: IPv4Interface
    host_inside: IPv4Interface
    pre_shared_key: str | None = field(default=None, repr=False)
    """Only where user-data carries it."""
    parameter: str | None = None
    """Name of the Parameter Store entry that holds it, where user-data does not."""

    @property
    def conn(self) -> str:
        return f"tunnel-{self.number}"

    @property
    def mark(self) -> int:
        return _VTI_MARKS[self.number - 1]


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """Everything that the host's files are made of."""

    os: HostOs
    region: str
    private_address: IPv4Address
    public_address: IPv4Address
    """The elastic IP: what Oracle knows the host by."""
    gateway: IPv4Address
    """The VPC's router in the host subnet."""
    vpc_cidrs: tuple[IPv4Network, ...]
    vcn_cidrs: tuple[IPv4Network, ...]
    ike_version: Literal[1, 2]
    profile: CryptoProfile
    interface_kind: InterfaceKind
    path_mtu: int
    tunnels: tuple[TunnelFacts, TunnelFacts]

    @property
    def mtu(self) -> int:
        return inner_mtu(self.profile, self.path_mtu)

    @property
    def mss(self) -> int:
        return maximum_segment_size(self.mtu)

    @property
    def keys_in_parameter_store(self) -> bool:
        return all(tunnel.parameter for tunnel in self.tunnels)

    def device(self, tunnel: TunnelFacts) -> str:
        """The network device that a tunnel's packets go through."""
        return f"vti{tunnel.number}" if self.interface_kind == "vti" else f"ipsec{tunnel.number}"


@dataclass(frozen=True, kw_only=True)
class HostFile:
    path: str
    # May hold keys, which no message may show.
    content: str = field(repr=False)
    mode: str = "0644"


def host_files(facts: HostFacts) -> list[HostFile]:
    """Every file that cloud-init writes, in the order of their paths."""
    etc, lib = "/etc/aws-oci-libreswan", "/usr/local/lib/aws-oci-libreswan"
    files = [
        HostFile(path="/etc/ipsec.d/oci-ipsec.conf", content=ipsec_conf(facts)),
        HostFile(path="/etc/sysctl.d/60-aws-oci-libreswan.conf", content=_render("sysctl.conf.j2", facts)),
        HostFile(path=f"{etc}/host.env", content=_render("host.env.j2", facts)),
        HostFile(path=f"{etc}/mss.nft", content=_render("mss.nft.j2", facts)),
        HostFile(path=f"{etc}/tunnels.json", content=_render("tunnels.json.j2", facts)),
        HostFile(path="/etc/systemd/networkd.conf.d/aws-oci-libreswan.conf", content=_host_file("networkd.conf")),
        HostFile(path="/etc/systemd/timesyncd.conf.d/aws-oci-libreswan.conf", content=_host_file("timesyncd.conf")),
        HostFile(path="/etc/systemd/system/tunnel-routes.service", content=_host_file("tunnel-routes.service")),
        HostFile(path=f"{lib}/boot", content=_host_file("boot"), mode="0755"),
        HostFile(path=f"{lib}/tunnel-routes", content=_host_file("tunnel-routes"), mode="0755"),
    ]
    if facts.keys_in_parameter_store:
        files += [
            HostFile(path=f"{lib}/fetch-pre-shared-keys", content=_host_file("fetch-pre-shared-keys"), mode="0755"),
            HostFile(path="/etc/systemd/system/pre-shared-keys.service", content=_host_file("pre-shared-keys.service")),
        ]
    else:
        files.append(HostFile(path="/etc/ipsec.d/oci-ipsec.secrets", content=ipsec_secrets(facts), mode="0600"))
    return sorted(files, key=lambda file: file.path)


def ipsec_conf(facts: HostFacts) -> str:
    """`ipsec.conf` of both conns, in the dialect of the host's Libreswan."""
    return _render("ipsec.conf.j2", facts)


def ipsec_secrets(facts: HostFacts) -> str:
    """`ipsec.secrets` of both conns: one line a tunnel."""
    return _render("ipsec.secrets.j2", facts)


def cloud_config(facts: HostFacts) -> str:
    """The `#cloud-config` that writes the files and starts the host."""
    return _render("cloud-config.yaml.j2", facts, files=host_files(facts))


def _render(template: str, facts: HostFacts, **more: object) -> str:
    return _templates().get_template(template).render(host=facts, crypto=crypto, **more)


def _host_file(name: str) -> str:
    return (_ROOT / "host" / name).read_text(encoding="utf-8")


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ROOT / "templates"),
        # A name that the template misspells must not become an empty value in a tunnel's configuration.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
