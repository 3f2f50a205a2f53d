"""What the VCN must let in, and the three forms in which Oracle wants to be told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from components.host_firewall import ANYWHERE, Filter, slug
from components.ingress import ICMP, TCP, Ingress


def ingress_filters(vpc_cidrs: Sequence[IPv4Network], ingress: Sequence[Ingress]) -> list[Filter]:
    """Everything that may come in. Protocols are Oracle's: `all` or an IANA number as text."""
    return [
        # "Fragmentation needed" comes from any router on the way: without it large packets vanish (RFC 1191).
        Filter(name="path-mtu", protocol=ICMP, cidr=ANYWHERE, icmp=(3, 4)),
        *(
            Filter(name=f"{one.label}-from-{slug(cidr)}", protocol=one.protocol, cidr=str(cidr), ports=one.ports)
            for cidr in vpc_cidrs
            for one in ingress
        ),
    ]


def security_list_rule(rule: Filter) -> dict[str, Any]:
    """As an ingress rule of `oci.core.SecurityList`."""
    ports = None if rule.ports is None else {"min": rule.ports[0], "max": rule.ports[1]}
    return {"protocol": rule.protocol, "source": rule.cidr, "source_type": "CIDR_BLOCK", **_options(rule, ports)}


def security_group_rule(rule: Filter) -> dict[str, Any]:
    """As the arguments of `oci.core.NetworkSecurityGroupSecurityRule`."""
    ports = None
    if rule.ports is not None:
        ports = {"destination_port_range": {"min": rule.ports[0], "max": rule.ports[1]}}
    return {"protocol": rule.protocol, "source": rule.cidr, "source_type": "CIDR_BLOCK", **_options(rule, ports)}


def api_rule(rule: Filter) -> dict[str, Any]:
    """As `IngressSecurityRule` of Oracle's REST API."""
    api: dict[str, Any] = {"protocol": rule.protocol, "source": rule.cidr, "sourceType": "CIDR_BLOCK"}
    if rule.icmp is not None:
        api["icmpOptions"] = {"type": rule.icmp[0], "code": rule.icmp[1]}
    if rule.ports is not None:
        options = "tcpOptions" if rule.protocol == TCP else "udpOptions"
        api[options] = {"destinationPortRange": {"min": rule.ports[0], "max": rule.ports[1]}}
    return api


def route_text(cidr: IPv4Network, drg_id: str) -> str:
    """`RouteRule` of Oracle's REST API as text: to the other network through the DRG."""
    return as_text({"destination": str(cidr), "destinationType": "CIDR_BLOCK", "networkEntityId": drg_id})


def as_text(rule: Mapping[str, Any]) -> str:
    """A rule for a command's environment, the same text every time."""
    return json.dumps(rule, sort_keys=True, separators=(",", ":"))


def _options(rule: Filter, ports: dict[str, Any] | None) -> dict[str, Any]:
    if rule.icmp is not None:
        return {"icmp_options": {"type": rule.icmp[0], "code": rule.icmp[1]}}
    if ports is not None:
        return {"tcp_options" if rule.protocol == TCP else "udp_options": ports}
    return {}
