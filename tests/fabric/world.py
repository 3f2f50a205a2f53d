"""A small declared world in which everything passes: what a test of the reachability function spoils."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.fabric.declared import (
    AclEntry,
    Attachment,
    Declared,
    DrgRoute,
    Filter,
    Host,
    Interface,
    NetworkAcl,
    Route,
    RouteTable,
    RuleSet,
    Subnet,
    Tunnel,
    Vcn,
    Vpc,
)

ANYWHERE = IPv4Network("0.0.0.0/0")
VPC, VCN = IPv4Network("10.0.0.0/16"), IPv4Network("172.16.0.0/16")
ALL = Filter(protocol="all", cidr=ANYWHERE)
HEADENDS = ("192.0.2.7", "198.51.100.7")


def route(destination: str, target: str) -> Route:
    return Route(destination=IPv4Network(destination), target=target)


def entry(number: int, rule: Filter = ALL, *, allow: bool = True) -> AclEntry:
    return AclEntry(number=number, allow=allow, filter=rule)


def conn(number: int, **changed: str) -> str:
    settings = {
        "left": "10.0.0.9",
        "leftid": "203.0.113.1",
        "leftsubnet": "0.0.0.0/0",
        "right": HEADENDS[number - 1],
        "rightsubnet": "0.0.0.0/0",
        "vti-interface": f"vti{number}",
        "keyexchange": "ikev2",
        "ike": "aes_cbc256-sha2_384;dh20",
        "esp": "aes_gcm256;dh20",
        "authby": "secret",
        "auto": "start",
        "encapsulation": "yes",
    } | changed
    return "\n".join([f"conn tunnel-{number}", *(f"    {key}={value}" for key, value in settings.items()), ""])


def tunnels_json(*numbers: int, vcn: str = str(VCN), parameter: str | None = None) -> str:
    key = {} if parameter is None else {"parameter": parameter}
    tunnels = [{"headend": HEADENDS[number - 1], "device": f"vti{number}", **key} for number in numbers]
    return json.dumps({"vcnCidrs": [vcn], "tunnels": tunnels})


FILES = {
    "/etc/ipsec.d/oci-ipsec.conf": conn(1) + conn(2),
    "/etc/ipsec.d/oci-ipsec.secrets": "".join(f'203.0.113.1 {one} : PSK "key of {one}"\n' for one in HEADENDS),
    "/etc/sysctl.d/60-host.conf": "# forwards\nnet.ipv4.ip_forward = 1\n",
    "/etc/x/tunnels.json": tunnels_json(1, 2),
}


def _tunnel(number: int) -> Tunnel:
    return Tunnel(
        id=f"tunnel-{number}",
        number=1 if number == 1 else 2,
        headend=IPv4Address(HEADENDS[number - 1]),
        pre_shared_key=f"key of {HEADENDS[number - 1]}",
        cpe_address=IPv4Address("203.0.113.1"),
        cpe_identifier="203.0.113.1",
        ike_version=2,
        ike=("AES_256_CBC", "SHA2_384", "GROUP20"),
        child=("AES_256_GCM", None, "GROUP20"),
        ike_seconds=28_800,
        child_seconds=3_600,
        dpd_seconds=20,
        dpd_initiates=True,
        initiates=False,
        forces_nat_traversal=True,
        oracle_inside=IPv4Interface(f"169.254.2{number}.1/30"),
        static_routes=(VPC,),
        available=True,
    )


def _to_vcn(number: int) -> Attachment:
    return Attachment(
        id=f"attachment-{number}",
        kind="IPSEC_TUNNEL",
        network_id=f"tunnel-{number}",
        table_id="drg-table-tunnels",
        routes=(DrgRoute(destination=VCN, attachment_id="attachment-vcn"),),
        ecmp=False,
    )


WORLD = Declared(
    vpc=Vpc(
        id="vpc",
        cidrs=(VPC,),
        gateway_id="igw",
        subnets=(
            Subnet(id="subnet-host", cidr=IPv4Network("10.0.0.0/24"), table_id="rtb-host", filter_ids=("acl-host",)),
            Subnet(id="subnet-client", cidr=IPv4Network("10.0.1.0/24"), table_id="rtb-client", filter_ids=("acl",)),
        ),
        tables={
            "rtb-host": RouteTable(id="rtb-host", routes=(route("10.0.0.0/16", "local"), route("0.0.0.0/0", "igw"))),
            "rtb-client": RouteTable(
                id="rtb-client", routes=(route("10.0.0.0/16", "local"), route("172.16.0.0/16", "eni"))
            ),
        },
        acls={
            "acl-host": NetworkAcl(id="acl-host", ingress=(entry(100),), egress=(entry(100),)),
            "acl": NetworkAcl(id="acl", ingress=(entry(100),), egress=(entry(100),)),
        },
        groups={"sg": RuleSet(id="sg", ingress=(Filter(protocol="all", cidr=VPC),), egress=(ALL,))},
        interfaces=(
            Interface(
                id="eni",
                subnet_id="subnet-host",
                mac="02:00:00:00:00:01",
                private_ip=IPv4Address("10.0.0.9"),
                group_ids=("sg",),
                source_dest_check=False,
                public_ip=IPv4Address("203.0.113.1"),
                instance_id="i",
            ),
        ),
    ),
    vcn=Vcn(
        id="vcn",
        cidrs=(VCN,),
        subnets=(
            Subnet(id="vcn-subnet", cidr=IPv4Network("172.16.0.0/24"), table_id="vcn-table", filter_ids=("list",)),
        ),
        tables={"vcn-table": RouteTable(id="vcn-table", routes=(route("10.0.0.0/16", "drg"),))},
        lists={"list": RuleSet(id="list", ingress=(Filter(protocol="all", cidr=VPC),), egress=(ALL,))},
        groups=(),
    ),
    drg_id="drg",
    attachments=(
        Attachment(
            id="attachment-vcn",
            kind="VCN",
            network_id="vcn",
            table_id="drg-table-vcn",
            routes=(DrgRoute(destination=VPC, attachment_id="attachment-2"),),
            ecmp=False,
        ),
        _to_vcn(1),
        _to_vcn(2),
    ),
    tunnels=(_tunnel(1), _tunnel(2)),
    host=Host(instance_id="i", interface_id="eni", files=FILES, readable_keys={}),
)


def with_vpc(change: Callable[[Vpc], Vpc]) -> Declared:
    assert WORLD.vpc is not None
    return replace(WORLD, vpc=change(WORLD.vpc))


def with_acl(
    name: str, *, ingress: tuple[AclEntry, ...] | None = None, egress: tuple[AclEntry, ...] | None = None
) -> Declared:
    def change(vpc: Vpc) -> Vpc:
        old = vpc.acls[name]
        new = replace(
            old,
            ingress=old.ingress if ingress is None else ingress,
            egress=old.egress if egress is None else egress,
        )
        return replace(vpc, acls={**vpc.acls, name: new})

    return with_vpc(change)


def with_routes(table: str, *routes: Route) -> Declared:
    """These beside those that are there."""

    def change(vpc: Vpc) -> Vpc:
        old = vpc.tables[table]
        return replace(vpc, tables={**vpc.tables, table: replace(old, routes=(*old.routes, *routes))})

    return with_vpc(change)


def with_group(ingress: tuple[Filter, ...], egress: tuple[Filter, ...]) -> Declared:
    return with_vpc(lambda vpc: replace(vpc, groups={"sg": RuleSet(id="sg", ingress=ingress, egress=egress)}))


def with_interface(change: Callable[[Interface], Interface]) -> Declared:
    return with_vpc(lambda vpc: replace(vpc, interfaces=tuple(change(one) for one in vpc.interfaces)))


def with_files(**changed: str) -> Declared:
    """Files by the last part of their name, `-` and `.` written `_`."""
    assert WORLD.host is not None
    names = {path.rsplit("/", 1)[1].replace("-", "_").replace(".", "_"): path for path in FILES}
    files = {**FILES, **{names[name]: text for name, text in changed.items()}}
    return replace(WORLD, host=replace(WORLD.host, files=files))


def with_tunnel(number: int, change: Callable[[Tunnel], Tunnel]) -> Declared:
    return replace(WORLD, tunnels=tuple(change(one) if one.number == number else one for one in WORLD.tunnels))


def with_attachment(name: str, *routes: DrgRoute) -> Declared:
    changed = tuple(replace(one, routes=routes) if one.id == name else one for one in WORLD.attachments)
    return replace(WORLD, attachments=changed)
