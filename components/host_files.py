"""The files that make an EC2 instance a Libreswan host: pure functions of plain values.

Templates are in templates/, named as the files an operator finds on the host; what is in host/ is shipped as it is,
Python without its comments.
"""

from __future__ import annotations

import ast
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
    upgrade_window: str
    """When the distribution's upgrades are installed: a day of the week and a time, UTC."""
    tunnels: tuple[TunnelFacts, TunnelFacts]
    log_group: str | None = None
    """Of CloudWatch, for what the keeper says and measures; None where that stays on the host."""

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

    def device_key(self, tunnel: TunnelFacts) -> int:
        """The kernel's key of the device: mark of a VTI, if_id of an XFRM interface."""
        return tunnel.mark if self.interface_kind == "vti" else tunnel.number


@dataclass(frozen=True, kw_only=True)
class HostFile:
    path: str
    # May hold keys, which no message may show.
    content: str = field(repr=False)
    mode: str = "0644"


def host_files(facts: HostFacts) -> list[HostFile]:
    """Every file that cloud-init writes, in the order of their paths."""
    etc, lib, units = "/etc/aws-oci-libreswan", "/usr/local/lib/aws-oci-libreswan", "/etc/systemd/system"
    files = [
        HostFile(path="/etc/ipsec.d/oci-ipsec.conf", content=ipsec_conf(facts)),
        HostFile(path="/etc/sysctl.d/60-aws-oci-libreswan.conf", content=_render("sysctl.conf.j2", facts)),
        HostFile(path=f"{etc}/host.env", content=_render("host.env.j2", facts)),
        HostFile(path=f"{etc}/mss.nft", content=_render("mss.nft.j2", facts)),
        HostFile(path=f"{etc}/tunnels.json", content=_render("tunnels.json.j2", facts)),
        HostFile(path="/etc/systemd/networkd.conf.d/aws-oci-libreswan.conf", content=_host_file("networkd.conf")),
        HostFile(path="/etc/systemd/timesyncd.conf.d/aws-oci-libreswan.conf", content=_host_file("timesyncd.conf")),
        HostFile(path=f"{units}/ipsec.service.d/aws-oci-libreswan.conf", content=_host_file("ipsec.service.conf")),
        HostFile(path=f"{units}/tunnel-keeper.service", content=_host_file("tunnel-keeper.service")),
        HostFile(path=f"{lib}/boot", content=_host_file("boot"), mode="0755"),
        HostFile(path="/usr/local/bin/vpn-status", content=_host_file("vpn-status"), mode="0755"),
    ]
    modules = sorted(path.name for path in (_ROOT / "host" / "keeper").glob("*.py"))
    if facts.log_group is None:
        modules.remove("telemetry.py")
    else:
        unit = _host_file("tunnel-telemetry.service")
        files.append(HostFile(path=f"{units}/tunnel-telemetry.service", content=unit))
    files += [HostFile(path=f"{lib}/keeper/{name}", content=program(_host_file(f"keeper/{name}"))) for name in modules]
    if facts.os.package_manager == "apt":
        window = _render("upgrade-window.conf.j2", facts)
        files.append(HostFile(path=f"{units}/apt-daily-upgrade.timer.d/aws-oci-libreswan.conf", content=window))
    if facts.keys_in_parameter_store:
        files.append(HostFile(path=f"{units}/pre-shared-keys.service", content=_host_file("pre-shared-keys.service")))
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


def program(source: str) -> str:
    """A Python program without its docstrings and comments: EC2 takes 16 KiB of user-data, and they are in host/.

    By lines, so that the result is the same whatever Python renders it: it decides whether the host is replaced.
    """
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    kept: list[str] = []
    for number, line in enumerate(source.splitlines(), start=1):
        # An empty line separates, and a second one does no more.
        again = not line and (not kept or not kept[-1])
        if number not in left_out and not line.lstrip().startswith("#") and not again:
            kept.append(line)
    return "\n".join([*kept, ""])


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
