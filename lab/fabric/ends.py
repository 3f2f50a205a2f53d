"""The two ends of a tunnel: what the host's files say, and whether that is what Oracle was told.

Pure. What Libreswan makes of a file beyond the keywords read here is not known.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import yaml

from lab.fabric.declared import Tunnel

Files = Mapping[str, str]
"""What cloud-init writes, by path."""
Conn = Mapping[str, str]

# Oracle's names in Libreswan's words, written here a second time on purpose: the lab must not believe the program.
_ENCRYPTION = {
    "AES_256_CBC": "aes_cbc256",
    "AES_192_CBC": "aes_cbc192",
    "AES_128_CBC": "aes_cbc128",
    "AES_256_GCM": "aes_gcm256",
    "AES_192_GCM": "aes_gcm192",
    "AES_128_GCM": "aes_gcm128",
}
_INTEGRITY = {"SHA2_384": "-sha2_384", "SHA2_256": "-sha2_256", "HMAC_SHA2_256_128": "-sha2_256"}


class MismatchError(Exception):
    """The first thing that would keep the tunnel down, in one sentence."""


def files_of(user_data: bytes) -> dict[str, str]:
    """The files that cloud-init would write, by path."""
    text = gzip.decompress(user_data) if user_data[:2] == b"\x1f\x8b" else user_data
    cloud_config: dict[str, Any] = yaml.safe_load(text)
    return {file["path"]: file["content"] for file in cloud_config.get("write_files", [])}


def parse_conns(text: str) -> dict[str, dict[str, str]]:
    """The conns of an ipsec.conf; `also=` is not followed, as the program does not use it."""
    conns: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if line[0].isspace():
            if current is not None and "=" in stripped:
                key, _, value = stripped.partition("=")
                current[key.strip()] = value.strip()
            continue
        current = conns.setdefault(stripped.split()[1], {}) if stripped.startswith("conn ") else None
    return conns


def conn_to(files: Files, headend: str) -> Conn:
    """The conn whose other end is the headend. Raises MismatchError where there is not exactly one."""
    conns = [conn for path, text in files.items() if path.endswith(".conf") for conn in parse_conns(text).values()]
    found = [conn for conn in conns if conn.get("right") == headend]
    if len(found) != 1:
        raise MismatchError(f"{len(found)} conns lead to {headend}")
    return found[0]


def check_conn(conn: Conn, tunnel: Tunnel, private_address: str) -> None:
    """Raises MismatchError with the first difference that keeps the tunnel from coming up."""
    headend = str(tunnel.headend)
    spoken = conn.get("keyexchange") or {"insist": "ikev2", "no": "ikev1"}.get(conn.get("ikev2", ""), "neither")
    # In IKEv1 the first child SA is made with perfect forward secrecy too; in IKEv2 it comes with the IKE SA.
    esp, wanted = (
        (_without_group(conn.get("esp")), _esp(tunnel)) if tunnel.ike_version == 2 else _with_groups(conn, tunnel)
    )
    expected = {
        "left": (conn.get("left"), private_address),
        "leftid": (conn.get("leftid"), tunnel.cpe_identifier),
        "rightid": (conn.get("rightid", headend), headend),
        "leftsubnet": (conn.get("leftsubnet"), "0.0.0.0/0"),
        "rightsubnet": (conn.get("rightsubnet"), "0.0.0.0/0"),
        "IKE version": (spoken, f"ikev{tunnel.ike_version}"),
        "ike": (conn.get("ike"), _ike(tunnel)),
        "esp": (esp, wanted),
        "authby": (conn.get("authby"), "secret"),
        "auto": (conn.get("auto"), "start"),
        "encapsulation": (conn.get("encapsulation"), "yes"),
    }
    for what, (host, oracle) in expected.items():
        if host != oracle:
            raise MismatchError(f"{what} of the host is {host}, and Oracle expects {oracle}")


def check_forward_secrecy(conn: Conn, tunnel: Tunnel) -> None:
    """Raises MismatchError where the child SA's Diffie-Hellman groups differ: nothing shows before the first re-key."""
    host, oracle = forward_secrecy(conn), tunnel.child[2]
    if host != (_group(oracle) if oracle else None):
        raise MismatchError(
            f"the PFS group of the host is {host}, and Oracle expects {_group(oracle) if oracle else None}"
        )


def forward_secrecy(conn: Conn) -> str | None:
    """The Diffie-Hellman group of the host's child SAs, as in `dh20`. Without one of its own it is the IKE SA's."""
    if conn.get("pfs", "yes") == "no":
        return None
    for keyword in ("esp", "ike"):
        if found := re.search(r";(\w+)$", conn.get(keyword, "")):
            return found[1]
    return None


def _without_group(esp: str | None) -> str | None:
    return esp and esp.partition(";")[0]


def _with_groups(conn: Conn, tunnel: Tunnel) -> tuple[str, str]:
    group = tunnel.child[2]
    return (
        f"{_without_group(conn.get('esp'))};{forward_secrecy(conn)}",
        f"{_esp(tunnel)};{_group(group) if group else None}",
    )


def _ike(tunnel: Tunnel) -> str:
    encryption, integrity, group = tunnel.ike
    return f"{_ENCRYPTION[encryption]}{_INTEGRITY[integrity]};{_group(group)}"


def _esp(tunnel: Tunnel) -> str:
    encryption, integrity, _ = tunnel.child
    return f"{_ENCRYPTION[encryption]}{_INTEGRITY[integrity] if integrity else ''}"


def _group(name: str) -> str:
    return f"dh{name.removeprefix('GROUP')}"


def key_in_files(files: Files, conn: Conn) -> str | None:
    """The conn's pre-shared key where user-data carries it. Libreswan looks for both ends' identifiers."""
    left, right = conn.get("leftid") or conn.get("left", ""), conn.get("rightid") or conn.get("right", "")
    line = re.compile(rf'^{re.escape(left)} {re.escape(right)} ?: PSK "(.*)"$', re.MULTILINE)
    return next((found[1] for text in files.values() if (found := line.search(text))), None)


def parameter_of(files: Files, headend: str) -> str | None:
    """Name of the parameter that holds the key to a headend, where user-data does not carry it."""
    for tunnel in told(files).get("tunnels", []):
        if tunnel["headend"] == headend and "parameter" in tunnel:
            return str(tunnel["parameter"])
    return None


def parameters(files: Files) -> list[str]:
    """Every parameter that the host would fetch."""
    return [str(tunnel["parameter"]) for tunnel in told(files).get("tunnels", []) if "parameter" in tunnel]


def told(files: Files) -> dict[str, Any]:
    """The host's tunnels.json; empty where there is none."""
    for path, text in files.items():
        if path.endswith("/tunnels.json"):
            found: dict[str, Any] = json.loads(text)
            return found
    return {}


def vcn_cidrs(files: Files) -> list[IPv4Network]:
    """What the host routes into the tunnels."""
    return [IPv4Network(cidr) for cidr in told(files).get("vcnCidrs", [])]


def routed_headends(files: Files) -> list[IPv4Address]:
    """The headends of the tunnels that the host spreads flows over: those whose conn makes their device."""
    return [
        IPv4Address(tunnel["headend"])
        for tunnel in told(files).get("tunnels", [])
        if tunnel["device"] in _devices(files, tunnel["headend"])
    ]


def _devices(files: Files, headend: str) -> Iterator[str]:
    for path, text in files.items():
        for conn in parse_conns(text).values() if path.endswith(".conf") else ():
            if conn.get("right") == headend:
                yield conn.get("vti-interface") or f"ipsec{conn.get('ipsec-interface', '')}"


def forwards(files: Files) -> bool:
    """Whether the host's kernel forwards packets: the last file of sysctl.d that says so decides."""
    answer = False
    for path in sorted(path for path in files if path.startswith("/etc/sysctl.d/")):
        for said in re.findall(r"^\s*net[./]ipv4[./]ip_forward\s*=\s*(\d)", files[path], re.MULTILINE):
            answer = said == "1"
    return answer
