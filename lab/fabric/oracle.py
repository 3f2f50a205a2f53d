"""Oracle's network behind the headends: the DRG, the VCN's router, and one host in the VCN."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from lab.fabric import addresses, nft, routing
from lab.fabric.declared import Attachment, Declared, RuleSet, Subnet, Tunnel, Vcn
from lab.fabric.places import ADDRESS, Place, headend, via
from lab.fabric.returning import Choice

# https://docs.oracle.com/en-us/iaas/Content/Network/Troubleshoot/connectionhang.htm
VCN_MTU = 9000


def headend_script(tunnel: Tunnel) -> str:
    """Addresses and routes of a headend's place. From the tunnel all goes to the DRG, and back what is routed."""
    if tunnel.headend is None:
        # Nothing leads here yet, and the daemon that makes the tunnel's device has not started.
        return ""
    own = [f"{ADDRESS[headend(tunnel.number)]}/32", f"{tunnel.headend}/32"]
    lines = [
        # A daemon that starts listens at the addresses that are there.
        *addresses.only("lo", *own),
        f"ip route replace default {via('internet')} src {tunnel.headend}",
        *addresses.only("ipsec", *([] if tunnel.oracle_inside is None else [str(tunnel.oracle_inside)])),
    ]
    static = [f"{route} dev ipsec scope link" for route in tunnel.static_routes]
    # Locally made packets too, such as "fragmentation needed" for a sender in the VPC.
    lines += [f"ip route replace {route}" for route in static]
    return "\n".join([*lines, routing.policy({"ipsec": [f"default {via('drg')}"], "drg": static}), ""])


def drg_script(declared: Declared, choice: Choice) -> str:
    """What the place `drg` runs to be as declared, and to return traffic as Oracle has chosen to. Repeatable."""
    return routing.policy(
        {device: list(_drg_routes(declared, attachment, choice)) for device, attachment in _attached(declared)}
    )


def _attached(declared: Declared) -> Iterator[tuple[Place, Attachment]]:
    numbers = {tunnel.id: tunnel.number for tunnel in declared.tunnels}
    for attachment in declared.attachments:
        if attachment.kind == "IPSEC_TUNNEL" and attachment.network_id in numbers:
            yield headend(numbers[attachment.network_id]), attachment
        elif declared.vcn is not None and attachment.network_id == declared.vcn.id:
            yield "vcn", attachment


def _drg_routes(declared: Declared, attachment: Attachment, choice: Choice) -> Iterator[str]:
    places = {other.id: place for place, other in _attached(declared)}
    chosen = {headend(number) for number in choice.tunnels(ecmp=attachment.ecmp)}
    hops: dict[IPv4Network, list[Place]] = {}
    for route in attachment.routes:
        place = places.get(route.attachment_id)
        if place is not None:
            hops.setdefault(route.destination, []).append(place)
    for destination, all_places in hops.items():
        # Routes through tunnels that are down do not count, unless there is nothing else.
        alive = [place for place in all_places if place == "vcn" or place in chosen] or all_places[:1]
        yield f"{destination} " + " ".join(f"nexthop {via(place)}" for place in alive)


def vcn_script(declared: Declared) -> str:
    """What the place `vcn` runs to be as declared: the VCN's routes and filters. Repeatable."""
    vcn, host = declared.vcn, declared.vcn_host
    tables: dict[str, list[str]] = {}
    router: list[str] = []
    if vcn and host:
        subnet, address = host
        router = [_router(subnet)]
        home = [*(routing.nowhere(cidr) for cidr in vcn.cidrs), routing.direct(address, "vcn-host")]
        tables = {"vcn-host": [*home, *_vcn_routes(declared, vcn, subnet)], "drg": home}
    return "\n".join([*addresses.only("vcn-host", *router), routing.policy(tables), nft.load(rules(declared))])


def _router(subnet: Subnet) -> str:
    return f"{subnet.cidr.network_address + 1}/{subnet.cidr.prefixlen}"


def _vcn_routes(declared: Declared, vcn: Vcn, subnet: Subnet) -> Iterator[str]:
    attached = any(one.kind == "VCN" and one.network_id == vcn.id for one in declared.attachments)
    for route in vcn.tables[subnet.table_id].routes:
        if route.target == declared.drg_id and attached:
            yield f"{route.destination} {via('drg')}"
        else:
            yield f"blackhole {route.destination}"


def rules(declared: Declared) -> str:
    """Security lists and network security groups: what one of them allows passes, and its answer too."""
    vcn, host = declared.vcn, declared.vcn_host
    if vcn is None or host is None:
        return nft.ruleset([nft.chain("forward", [], "type filter hook forward priority 0; policy drop;")])
    subnet, _ = host
    sets: list[RuleSet] = [*(vcn.lists[one] for one in subnet.filter_ids if one in vcn.lists), *vcn.groups]
    ingress = [rule for one in sets for rule in one.ingress]
    egress = [rule for one in sets for rule in one.egress]
    why = f"security rules of subnet …{subnet.id[-12:]}"
    return nft.ruleset(
        [
            nft.chain("to-host", nft.stateful(ingress, "in", f"{why}, ingress")),
            nft.chain("from-host", nft.stateful(egress, "out", f"{why}, egress")),
            nft.chain(
                "forward",
                ['iifname "vcn-host" jump from-host', 'oifname "vcn-host" jump to-host'],
                "type filter hook forward priority 0; policy accept;",
            ),
        ]
    )


def vcn_host_script(declared: Declared) -> str:
    """The host in the VCN: one address, everything by way of the VCN's router."""
    return _end("vcn", VCN_MTU, declared.vcn_host)


def client_script(declared: Declared) -> str:
    """The client in the VPC, likewise."""
    return _end("vpc", 9001, declared.client)


def _end(router: Place, mtu: int, at: tuple[Subnet, object] | None) -> str:
    lines = [f"ip link set {router} mtu {mtu}"]
    if at is None:
        lines += addresses.only(router)
    else:
        subnet, address = at
        lines += addresses.only(router, f"{address}/{subnet.cidr.prefixlen}")
        lines.append(f"ip route replace default via {subnet.cidr.network_address + 1} dev {router}")
    return "\n".join([*lines, ""])
