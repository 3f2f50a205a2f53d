"""The VPC's router: subnets, route tables, network ACLs, security groups, and Amazon's own services."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from lab.fabric import addresses, nft, routing
from lab.fabric.declared import Declared, Interface, Subnet, Vpc
from lab.fabric.places import (
    ADDRESS,
    AWS_ENDPOINT,
    LINK_LOCAL,
    METADATA,
    MIRROR_NAME,
    PACKAGE_MIRROR,
    RESOLVER,
    THIS_COMPUTER,
    via,
)


def plugged_in(declared: Declared) -> Interface | None:
    """The interface whose instance is at the other end of the wire."""
    interfaces = declared.vpc.interfaces if declared.vpc else ()
    return next((one for one in interfaces if one.instance_id is not None), None)


def subnet_of(vpc: Vpc, interface: Interface) -> Subnet:
    return next(subnet for subnet in vpc.subnets if subnet.id == interface.subnet_id)


def script(declared: Declared, metadata_port: int | None, hop_limit: int) -> str:
    """What the place `vpc` runs to be as declared: addresses, routes, filters. Repeatable."""
    vpc, interface, client = declared.vpc, plugged_in(declared), declared.client
    routers: dict[str, list[str]] = {"host": [], "client": []}
    tables: dict[str, list[str]] = {}
    if vpc and interface:
        home = subnet_of(vpc, interface)
        # Amazon's router has the first address of every subnet, and answers for all of the VPC.
        routers["host"].append(_router(home.cidr))
        tables["host"] = [*_routes(declared, vpc, home)]
    if vpc and client:
        subnet, address = client
        routers["client"].append(_router(subnet.cidr))
        tables["client"] = [*_routes(declared, vpc, subnet)]
    if vpc:
        tables["internet"] = [*_local(declared, vpc)]
    services = [f"default {via('vpc', 'lab').replace(ADDRESS['vpc'], ADDRESS['lab'])}"]
    lines = [
        *(line for device, its_own in routers.items() for line in addresses.only(device, *its_own)),
        "sysctl -q -w net.ipv4.conf.host.proxy_arp=1 net.ipv4.conf.client.proxy_arp=1",
        "ip address show dev services >/dev/null 2>&1 || ip link add services type dummy",
        "ip link set services up",
        f"ip address replace {METADATA}/32 dev services",
        *(f"ip address replace {one}/32 dev services" for one in _resolvers(vpc)),
        routing.policy(tables, services),
        nft.load(rules(declared, metadata_port, hop_limit)),
    ]
    return "\n".join(lines)


def name_server(declared: Declared, region: str) -> str:
    """dnsmasq's configuration: DHCP for the instance, and the few names that the lab's internet has."""
    vpc, interface = declared.vpc, plugged_in(declared)
    lines = [
        "no-resolv",
        "no-hosts",
        "bind-dynamic",
        "interface=host",
        "interface=client",
        "interface=services",
        f"address=/{MIRROR_NAME}/{PACKAGE_MIRROR}",
        f"address=/ssm.{region}.amazonaws.com/{AWS_ENDPOINT}",
        f"address=/sts.{region}.amazonaws.com/{AWS_ENDPOINT}",
        f"address=/logs.{region}.amazonaws.com/{AWS_ENDPOINT}",
        # Every other name does not exist.
        "address=/#/",
        "dhcp-leasefile=/run/dhcp.leases",
    ]
    if vpc and interface:
        network = subnet_of(vpc, interface).cidr
        lines += [
            f"dhcp-range={network.network_address},static,{network.netmask},1h",
            f"dhcp-host={interface.mac},{interface.private_ip}",
            f"dhcp-option=option:router,{network.network_address + 1}",
            f"dhcp-option=option:dns-server,{_resolvers(vpc)[-1]}",
            f"dhcp-option=option:domain-name,{_domain(region)}",
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html
            "dhcp-option=option:mtu,9001",
        ]
    return "\n".join([*lines, ""])


def _domain(region: str) -> str:
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def _resolvers(vpc: Vpc | None) -> list[IPv4Address]:
    """Amazon's name server: at a fixed address, and at the third one of the VPC."""
    return [RESOLVER, *([vpc.cidrs[0].network_address + 2] if vpc else [])]


def _router(network: IPv4Network) -> str:
    return f"{network.network_address + 1}/{network.prefixlen}"


def _local(declared: Declared, vpc: Vpc) -> Iterator[str]:
    for cidr in vpc.cidrs:
        yield routing.nowhere(cidr)
    interface, client = plugged_in(declared), declared.client
    if interface:
        yield routing.direct(interface.private_ip, "host")
    if client:
        yield routing.direct(client[1], "client")


def _routes(declared: Declared, vpc: Vpc, subnet: Subnet) -> Iterator[str]:
    """The routes of a subnet's table."""
    yield from _local(declared, vpc)
    targets = {one.id: one for one in vpc.interfaces}
    for route in vpc.tables[subnet.table_id].routes:
        if route.target == "local":
            continue
        interface = targets.get(route.target)
        if route.target == vpc.gateway_id:
            yield f"{route.destination} {via('internet')}"
        elif interface is not None and interface.instance_id is not None:
            yield f"{route.destination} via {interface.private_ip} dev host onlink"
        else:
            yield f"blackhole {route.destination}"


def rules(declared: Declared, metadata_port: int | None, hop_limit: int) -> str:
    """The filters that a packet meets, in the order in which it meets them."""
    forward = ["type filter hook forward priority 0; policy drop;"]
    forward += [f"meta mark {routing.SERVICES_MARK} accept", 'iifname "lab" accept']
    # Amazon's other services at link-local addresses: no rule is about them, and the lab has none of them.
    forward += [f"ip daddr {LINK_LOCAL} drop"]
    chains = []
    vpc, interface, client = declared.vpc, plugged_in(declared), declared.client
    if vpc and interface:
        home = subnet_of(vpc, interface)
        chains += [
            nft.chain("from-host", [*_check(interface, "saddr"), "jump groups-out", *_leaving(home, "host")]),
            nft.chain("to-host", [*_entering(home, "host"), *_check(interface, "daddr"), "jump groups-in"]),
            *_groups(vpc, interface),
            *_acl(vpc, home, "host"),
        ]
        forward += ['iifname "host" jump from-host']
    if vpc and client:
        subnet, _ = client
        chains += [
            nft.chain("from-client", _leaving(subnet, "client")),
            nft.chain("to-client", _entering(subnet, "client")),
            *_acl(vpc, subnet, "client"),
        ]
        forward += ['iifname "client" jump from-client', 'oifname "client" jump to-client']
    if vpc and interface:
        forward += ['oifname "host" jump to-host']
    forward += ["accept"]
    return nft.ruleset([*chains, nft.chain("forward", forward[1:], forward[0]), *_services(metadata_port, hop_limit)])


def _check(interface: Interface, end: str) -> list[str]:
    if not interface.source_dest_check:
        return []
    why = f"source/destination check of {interface.id}"
    return [f"ip {end} != {interface.private_ip} {nft.refusal(why)}"]


def _leaving(subnet: Subnet, name: str) -> list[str]:
    # An ACL is between a subnet and the rest; within the subnet there is none.
    return [f"ip daddr != {subnet.cidr} jump acl-{name}-out"]


def _entering(subnet: Subnet, name: str) -> list[str]:
    return [f"ip saddr != {subnet.cidr} jump acl-{name}-in"]


def _groups(vpc: Vpc, interface: Interface) -> Iterator[str]:
    groups = [vpc.groups[one] for one in interface.group_ids]
    names = ", ".join(interface.group_ids)
    ingress = [rule for group in groups for rule in group.ingress]
    egress = [rule for group in groups for rule in group.egress]
    yield nft.chain("groups-in", nft.stateful(ingress, "in", f"security group {names}, ingress"))
    yield nft.chain("groups-out", nft.stateful(egress, "out", f"security group {names}, egress"))


def _acl(vpc: Vpc, subnet: Subnet, name: str) -> Iterator[str]:
    acl = vpc.acls[subnet.filter_ids[0]]
    yield nft.chain(f"acl-{name}-in", nft.stateless(acl.ingress, "in", f"network ACL {acl.id}, ingress"))
    yield nft.chain(f"acl-{name}-out", nft.stateless(acl.egress, "out", f"network ACL {acl.id}, egress"))


def _services(metadata_port: int | None, hop_limit: int) -> Iterator[str]:
    """The metadata service is on this computer; packets to and from it pass neither group nor ACL, as in EC2."""
    asked = f'iifname "host" ip daddr {METADATA} tcp dport 80'
    # Every packet is marked; the other chain sees only a connection's first.
    mark = f"{asked} meta mark set {routing.SERVICES_MARK}"
    yield nft.chain("services", [mark], "type filter hook prerouting priority mangle;")
    target = [] if metadata_port is None else [f"{asked} dnat to {THIS_COMPUTER}:{metadata_port}"]
    yield nft.chain("from-the-lab", target, "type nat hook prerouting priority dstnat;")
    yield nft.chain(
        "to-the-lab", [f'oifname "lab" snat to {ADDRESS["vpc"]}'], "type nat hook postrouting priority srcnat;"
    )
    # A container behind the host is one hop further away: with a limit of 1 it cannot reach the service.
    yield nft.chain(
        "hop-limit",
        [f'oifname "host" ip saddr {METADATA} ip ttl set {hop_limit}'],
        "type filter hook postrouting priority srcnat + 10;",
    )
