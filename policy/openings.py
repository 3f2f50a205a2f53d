"""What the rules of both clouds let in, in one form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal

from policy.subject import Resource

Filter = Literal["securityRules", "networkAcls"]

# IANA's numbers, which both clouds take, and their own words for all of them.
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "-1": "all"}

# The largest block that IANA hands out: nobody has a network as wide as this, so it is the internet.
_WIDEST = {4: 8, 6: 12}


@dataclass(frozen=True, kw_only=True)
class Opening:
    source: str
    traffic: str
    """`all`, `udp`, `tcp 22`, `udp 5000-5010`, `icmp 3/4` …"""
    by: Filter
    """A rule that remembers who asked, or one of a network ACL, which must let answers in by itself."""

    @property
    def from_anywhere(self) -> bool:
        try:
            network = ip_network(self.source, strict=False)
        except ValueError:
            # A group, a prefix list or a service's name.
            return False
        return network.prefixlen < _WIDEST[network.version]


def openings(resource: Resource) -> Iterator[Opening]:
    """Everything that a resource lets in by address. Raises NotKnownError where the cloud decides an address."""
    if find := _FINDERS.get(resource.type):
        yield from find(resource)


def _group_rule(resource: Resource) -> Iterator[Opening]:
    traffic = _traffic(resource.read("ipProtocol"), resource.read("fromPort"), resource.read("toPort"))
    yield from _sources(resource, (), ("cidrIpv4", "cidrIpv6"), traffic, "securityRules")


def _older_group_rule(resource: Resource) -> Iterator[Opening]:
    if resource.read("type") == "ingress":
        yield from _in_group(resource, ())


def _group(resource: Resource) -> Iterator[Opening]:
    for path in resource.items("ingress"):
        yield from _in_group(resource, path)


def _in_group(resource: Resource, path: tuple[str | int, ...]) -> Iterator[Opening]:
    ports = (resource.read(*path, "fromPort"), resource.read(*path, "toPort"))
    traffic = _traffic(resource.read(*path, "protocol"), *ports)
    for key in ("cidrBlocks", "ipv6CidrBlocks"):
        for item in resource.items(*path, key):
            yield Opening(source=str(resource.read(*item)), traffic=traffic, by="securityRules")


def _acl_rule(resource: Resource) -> Iterator[Opening]:
    if not resource.read("egress") and resource.read("ruleAction") == "allow":
        yield from _in_acl(resource, ())


def _acl(resource: Resource) -> Iterator[Opening]:
    for path in resource.items("ingress"):
        if resource.read(*path, "action") == "allow":
            yield from _in_acl(resource, path)


def _in_acl(resource: Resource, path: tuple[str | int, ...]) -> Iterator[Opening]:
    protocol = resource.read(*path, "protocol")
    kind = ("icmpType", "icmpCode") if _name(protocol).startswith("icmp") else ("fromPort", "toPort")
    traffic = _traffic(protocol, *(resource.read(*path, key) for key in kind))
    yield from _sources(resource, path, ("cidrBlock", "ipv6CidrBlock"), traffic, "networkAcls")


def _security_list(resource: Resource) -> Iterator[Opening]:
    for path in resource.items("ingressSecurityRules"):
        yield from _oracle(resource, path)


def _network_security_group_rule(resource: Resource) -> Iterator[Opening]:
    if resource.read("direction") == "INGRESS":
        yield from _oracle(resource, ())


def _one_rule(resource: Resource) -> Iterator[Opening]:
    """A rule in a given security list, which a command of the program adds: what is added is in its environment."""
    if resource.read("environment", "KIND") == "security":
        rule = json.loads(str(resource.read("environment", "RULE")))
        yield from _oracle(
            Resource(urn=resource.urn, type=resource.type, name=resource.name, properties=rule, protect=False), ()
        )


def _oracle(resource: Resource, path: tuple[str | int, ...]) -> Iterator[Opening]:
    protocol = resource.read(*path, "protocol")
    if _name(protocol).startswith("icmp"):
        bounds = tuple(resource.read(*path, "icmpOptions", key) for key in ("type", "code"))
    else:
        options = (*path, f"{_name(protocol)}Options")
        # A list's rule has the ports of the destination there, a group's and the API's one level below.
        at = options if resource.read(*options, "min") is not None else (*options, "destinationPortRange")
        bounds = tuple(resource.read(*at, key) for key in ("min", "max"))
    yield from _sources(resource, path, ("source",), _traffic(protocol, *bounds), "securityRules")


def _sources(
    resource: Resource, path: tuple[str | int, ...], keys: tuple[str, ...], traffic: str, by: Filter
) -> Iterator[Opening]:
    for key in keys:
        if source := resource.read(*path, key):
            yield Opening(source=str(source), traffic=traffic, by=by)


def _name(protocol: object) -> str:
    return _PROTOCOLS.get(str(protocol).lower(), str(protocol).lower())


def _traffic(protocol: object, first: object, last: object) -> str:
    name = _name(protocol)
    # Both clouds write -1, or nothing, for all types, all codes and all ports; numbers arrive as 22, 22.0 or "22".
    low, high = (None if bound in (None, "", "-1", -1) else int(float(str(bound))) for bound in (first, last))
    if name == "all" or low is None:
        return name
    if name.startswith("icmp"):
        return f"{name} {low}" if high is None else f"{name} {low}/{high}"
    return f"{name} {low}" if high in (None, low) else f"{name} {low}-{high}"


_FINDERS: Mapping[str, Callable[[Resource], Iterator[Opening]]] = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _group_rule,
    "aws:ec2/securityGroupRule:SecurityGroupRule": _older_group_rule,
    "aws:ec2/securityGroup:SecurityGroup": _group,
    "aws:ec2/networkAclRule:NetworkAclRule": _acl_rule,
    "aws:ec2/networkAcl:NetworkAcl": _acl,
    "oci:Core/securityList:SecurityList": _security_list,
    "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule": _network_security_group_rule,
    "command:local:Command": _one_rule,
}
