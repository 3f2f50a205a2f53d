"""What Oracle was told, from the emulator's store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from typing import Any, Literal

from lab.clouds.oci import drg_routes
from lab.clouds.oci.server import OciCloud
from lab.clouds.oci.store import (
    CONNECTION,
    CPE,
    DRG_ATTACHMENT,
    DRG_ROUTE_TABLE,
    NETWORK_SECURITY_GROUP,
    ROUTE_TABLE,
    SECURITY_LIST,
    SUBNET,
    TUNNEL,
    VCN,
    Body,
    Resource,
    Store,
)
from lab.fabric.declared import Attachment, DrgRoute, Filter, Protocol, Route, RouteTable, RuleSet, Subnet, Tunnel, Vcn

# What a tunnel without custom algorithms negotiates: Oracle's recommendation.
# https://docs.oracle.com/en-us/iaas/Content/Network/Reference/supportedIPsecparams.htm
_USUAL_IKE = ("AES_256_CBC", "SHA2_384", "GROUP20")
_USUAL_CHILD = ("AES_256_GCM", None)
_PROTOCOLS: dict[str, Protocol] = {"all": "all", "1": "icmp", "6": "tcp", "17": "udp", "50": "esp"}


@dataclass(frozen=True, kw_only=True)
class OracleSide:
    vcn: Vcn | None
    drg_id: str | None
    attachments: tuple[Attachment, ...]
    tunnels: tuple[Tunnel, ...]


def read_oci(oci: OciCloud, elastic_addresses: Iterable[IPv4Address]) -> OracleSide:
    """The connection whose CPE is one of the elastic addresses, else the newest, and what it needs."""
    store = oci.store
    with store.lock:
        connection = _connection(store, {str(address) for address in elastic_addresses})
        attached = [one for one in store.of(DRG_ATTACHMENT) if one.ready]
        vcns = [one for one in attached if one.body["networkDetails"]["type"] == "VCN"]
        if connection is not None:
            drg_id: str | None = connection.body["drgId"]
        else:
            drg_id = vcns[-1].body["drgId"] if vcns else None
        own = [one for one in attached if one.body["drgId"] == drg_id]
        return OracleSide(
            vcn=_vcn(store, [one for one in vcns if one.body["drgId"] == drg_id]),
            drg_id=drg_id,
            attachments=tuple(_attachment(store, one) for one in sorted(own, key=lambda one: one.id)),
            tunnels=_tunnels(store, connection) if connection else (),
        )


def _connection(store: Store, addresses: set[str]) -> Resource | None:
    newest_first = [one for one in reversed(store.of(CONNECTION)) if not one.ending]
    ours = [one for one in newest_first if _cpe(store, one).get("ipAddress") in addresses]
    return next(iter([*ours, *newest_first]), None)


def _cpe(store: Store, connection: Resource) -> Body:
    cpe = store.find(CPE, connection.body["cpeId"])
    return cpe.body if cpe else {}


def _tunnels(store: Store, connection: Resource) -> tuple[Tunnel, ...]:
    cpe = _cpe(store, connection)
    if not cpe:
        return ()
    found = [one for one in store.of(TUNNEL) if one.private["connection"] == connection.id and not one.ending]
    numbers: tuple[Literal[1, 2], ...] = (1, 2)
    return tuple(
        tunnel_of(
            number,
            connection.body,
            tunnel.body
            | ({"vpnIp": tunnel.private["headend"]} if store.clock() >= tunnel.private["address from"] else {}),
            cpe,
            str(tunnel.private["shared secret"]),
        )
        for number, tunnel in zip(numbers, sorted(found, key=lambda one: one.id), strict=False)
    )


def tunnel_of(
    number: Literal[1, 2],
    connection: Mapping[str, Any],
    tunnel: Mapping[str, Any],
    cpe: Mapping[str, Any],
    pre_shared_key: str,
) -> Tunnel:
    """A tunnel as the API shows it and its connection, as the headend is configured from them."""
    one, two = tunnel["phaseOneDetails"], tunnel["phaseTwoDetails"]
    ike, (encryption, integrity) = _USUAL_IKE, _USUAL_CHILD
    if one["isCustomPhaseOneConfig"]:
        ike = one["customEncryptionAlgorithm"], one["customAuthenticationAlgorithm"], one["customDhGroup"]
    if two["isCustomPhaseTwoConfig"]:
        encryption, integrity = two["customEncryptionAlgorithm"], two.get("customAuthenticationAlgorithm")
    inside = tunnel["bgpSessionInfo"].get("oracleInterfaceIp")
    return Tunnel(
        id=tunnel["id"],
        number=number,
        headend=IPv4Address(tunnel["vpnIp"]) if "vpnIp" in tunnel else None,
        pre_shared_key=pre_shared_key,
        cpe_address=IPv4Address(cpe["ipAddress"]),
        cpe_identifier=connection.get("cpeLocalIdentifier") or cpe["ipAddress"],
        ike_version=2 if tunnel["ikeVersion"] == "V2" else 1,
        ike=ike,
        child=(encryption, integrity, two["dhGroup"] if two["isPfsEnabled"] else None),
        ike_seconds=one["lifetime"],
        child_seconds=two["lifetime"],
        dpd_seconds=tunnel["dpdTimeoutInSec"],
        dpd_initiates=tunnel["dpdMode"] == "INITIATE_AND_RESPOND",
        initiates=tunnel["oracleCanInitiate"] == "INITIATOR_OR_RESPONDER",
        forces_nat_traversal=tunnel["natTranslationEnabled"] == "ENABLED",
        oracle_inside=IPv4Interface(inside) if inside else None,
        static_routes=_networks(connection["staticRoutes"]) if tunnel["routing"] == "STATIC" else (),
        available=tunnel["lifecycleState"] == "AVAILABLE",
    )


def _networks(texts: Iterable[str]) -> tuple[IPv4Network, ...]:
    """Those of IPv4: the lab has no other."""
    networks = [ip_network(text) for text in texts]
    return tuple(one for one in networks if isinstance(one, IPv4Network))


def _attachment(store: Store, attachment: Resource) -> Attachment:
    table = store.find(DRG_ROUTE_TABLE, attachment.body["drgRouteTableId"])
    rules = drg_routes.effective_rules(store, table) if table else []
    in_force = [rule for rule in rules if not rule["isBlackhole"] and counts(rule, rules)]
    return Attachment(
        id=attachment.id,
        kind=attachment.body["networkDetails"]["type"],
        network_id=attachment.body["networkDetails"]["id"],
        table_id=attachment.body["drgRouteTableId"],
        routes=tuple(
            DrgRoute(destination=destination, attachment_id=rule["nextHopDrgAttachmentId"])
            for rule in in_force
            for destination in _networks([rule["destination"]])
        ),
        ecmp=bool(table and table.body["isEcmpEnabled"]),
    )


def counts(rule: Body, rules: Sequence[Body]) -> bool:
    """A conflict is not in force; but of a connection's two tunnels the second stands by for the first."""
    winner = next(other for other in rules if other["destination"] == rule["destination"])
    return not rule["isConflict"] or winner["routeProvenance"] == rule["routeProvenance"] == "IPSEC_TUNNEL"


def _vcn(store: Store, attached: Sequence[Resource]) -> Vcn | None:
    """The one on the DRG, the newest if several are; before one is, the newest of all."""
    vcns = [one for one in store.of(VCN) if not one.ending]
    on_drg = {one.body["vcnId"] for one in attached}
    vcn = next(iter([one for one in reversed(vcns) if one.id in on_drg] or reversed(vcns)), None)
    if vcn is None:
        return None
    return Vcn(
        id=vcn.id,
        cidrs=_networks(vcn.body["cidrBlocks"]),
        subnets=tuple(
            Subnet(
                id=subnet.id,
                cidr=IPv4Network(subnet.body["cidrBlock"]),
                table_id=subnet.body["routeTableId"],
                filter_ids=tuple(subnet.body["securityListIds"]),
            )
            for subnet in sorted(store.of(SUBNET, vcnId=vcn.id), key=lambda one: one.id)
            if not subnet.ending
        ),
        tables={table.id: _table(table) for table in store.of(ROUTE_TABLE, vcnId=vcn.id)},
        lists={one.id: _list(one) for one in store.of(SECURITY_LIST, vcnId=vcn.id)},
        groups=tuple(_group(one) for one in store.of(NETWORK_SECURITY_GROUP, vcnId=vcn.id)),
    )


def _table(table: Resource) -> RouteTable:
    return RouteTable(
        id=table.id,
        routes=tuple(
            Route(destination=destination, target=rule["networkEntityId"])
            for rule in table.body["routeRules"]
            if rule["destinationType"] == "CIDR_BLOCK"
            for destination in _networks([rule["destination"]])
        ),
    )


def _list(one: Resource) -> RuleSet:
    return RuleSet(
        id=one.id,
        ingress=_filters(one.body.get("ingressSecurityRules", []), "source"),
        egress=_filters(one.body.get("egressSecurityRules", []), "destination"),
    )


def _group(group: Resource) -> RuleSet:
    rules = group.private["rules"]
    return RuleSet(
        id=group.id,
        ingress=_filters([rule for rule in rules if rule["direction"] == "INGRESS"], "source"),
        egress=_filters([rule for rule in rules if rule["direction"] == "EGRESS"], "destination"),
    )


def _filters(rules: Iterable[Body], end: str) -> tuple[Filter, ...]:
    """Stateful rules of addresses. A stateless one admits no answer, and so carries nothing that the lab sends."""
    return tuple(
        _filter(rule, cidr)
        for rule in rules
        if rule[f"{end}Type"] == "CIDR_BLOCK" and not rule["isStateless"]
        for cidr in _networks([rule[end]])
    )


def _filter(rule: Body, cidr: IPv4Network) -> Filter:
    ports = rule.get("tcpOptions") or rule.get("udpOptions") or {}
    icmp = rule.get("icmpOptions")
    return Filter(
        protocol=_PROTOCOLS.get(rule["protocol"]) or int(rule["protocol"]),
        cidr=cidr,
        ports=_range(ports.get("destinationPortRange")),
        source_ports=_range(ports.get("sourcePortRange")),
        icmp=(icmp["type"], icmp.get("code")) if icmp else None,
    )


def _range(ports: Body | None) -> tuple[int, int] | None:
    return (ports["min"], ports["max"]) if ports else None
