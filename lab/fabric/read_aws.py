"""What AWS was told, from moto's own state: some forty calls of its API would take a second."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import yaml
from moto.ec2.models import EC2Backend, ec2_backends
from moto.iam.models import iam_backends
from moto.ssm.models import ssm_backends

from lab.clouds.aws import mends
from lab.clouds.aws.images import ACCOUNT
from lab.clouds.aws.rights import rights_of
from lab.clouds.aws.server import AwsCloud
from lab.fabric import ends
from lab.fabric.declared import (
    AclEntry,
    Filter,
    Host,
    Interface,
    NetworkAcl,
    Protocol,
    Route,
    RouteTable,
    RuleSet,
    Subnet,
    Vpc,
)

_PROTOCOLS: Mapping[str, Protocol] = {
    "-1": "all", "1": "icmp", "6": "tcp", "17": "udp", "50": "esp", "icmp": "icmp", "tcp": "tcp", "udp": "udp",
}  # fmt: skip


def protocol(name: str) -> Protocol:
    """From either cloud's word for it."""
    return _PROTOCOLS.get(name) or ("all" if name == "all" else int(name))


def read_aws(aws: AwsCloud, region: str, cpe_addresses: Iterable[IPv4Address]) -> tuple[Vpc | None, Host | None]:
    """The VPC of the host's interface, and the host that runs on it. `cpe_addresses` are those that Oracle knows."""
    # There is no public way to hold moto still.
    with aws._lock:
        backend = ec2_backends[ACCOUNT][region]
        mends.settle(backend, aws.behaviour)
        mends.agree(backend)
        interface = host_interface(backend, {str(address) for address in cpe_addresses})
        vpc_id = interface.subnet.vpc_id if interface else _newest_vpc(backend)
        if vpc_id is None:
            return None, None
        return _vpc(backend, vpc_id), _host(backend, region, interface) if interface else None


def elastic_addresses(aws: AwsCloud, region: str) -> set[IPv4Address]:
    with aws._lock:
        return {IPv4Address(address.public_ip) for address in ec2_backends[ACCOUNT][region].addresses}


def host_interface(backend: EC2Backend, cpe_addresses: set[str]) -> Any:
    """The interface that is, or is to be, behind the CPE's address; None before there is one."""
    interfaces = list(backend.enis.values())
    # Newest first: dictionaries keep the order of creation.
    by_address = [one for one in reversed(interfaces) if one.public_ip in cpe_addresses]
    by_check = [one for one in reversed(interfaces) if not one.source_dest_check]
    return next(iter([*by_address, *by_check]), None)


def _newest_vpc(backend: EC2Backend) -> str | None:
    return next((vpc.id for vpc in reversed(list(backend.vpcs.values())) if not vpc.is_default), None)


def _vpc(backend: EC2Backend, vpc_id: str) -> Vpc:
    def own(things: Iterable[Any]) -> list[Any]:
        return [thing for thing in things if thing.vpc_id == vpc_id]

    tables, acls = own(backend.route_tables.values()), own(backend.network_acls.values())
    main = next((table.id for table in tables if table.main_association_id is not None), "")
    default = next((acl.id for acl in acls if acl.default), "")
    table_of = {target: table.id for table in tables for target in table._associations.values()}
    acl_of = {one.subnet_id: acl.id for acl in acls for one in acl.associations}
    subnets = own(backend.describe_subnets())
    interfaces = [one for one in backend.enis.values() if one.subnet.vpc_id == vpc_id]
    return Vpc(
        id=vpc_id,
        cidrs=tuple(_network(one["cidr_block"]) for one in backend.vpcs[vpc_id].get_cidr_block_association_set()),
        gateway_id=next(
            (one.id for one in backend.internet_gateways.values() if one.vpc and one.vpc.id == vpc_id), None
        ),
        subnets=tuple(
            Subnet(
                id=subnet.id,
                cidr=_network(subnet.cidr_block),
                table_id=table_of.get(subnet.id, main),
                filter_ids=(acl_of.get(subnet.id, default),),
            )
            for subnet in sorted(subnets, key=lambda subnet: str(subnet.id))
        ),
        tables={table.id: _table(table) for table in tables},
        acls={acl.id: _acl(acl) for acl in acls},
        groups={group.id: _group(group, interfaces) for group in own(backend.groups.get(vpc_id, {}).values())},
        interfaces=tuple(_interface(one) for one in sorted(interfaces, key=lambda one: str(one.id))),
    )


def _network(text: str) -> IPv4Network:
    return IPv4Network(text, strict=False)


def _table(table: Any) -> RouteTable:
    routes = []
    for route in table.routes:
        target = route.gateway_id or route.network_interface_id or route.nat_gateway_id or route.transit_gateway_id
        if route.destination_cidr_block:
            routes.append(
                Route(
                    destination=_network(route.destination_cidr_block),
                    target="local" if route.local else str(target or "nothing"),
                )
            )
    return RouteTable(id=table.id, routes=tuple(sorted(routes, key=lambda route: route.destination)))


def _acl(acl: Any) -> NetworkAcl:
    def entries(egress: bool) -> tuple[AclEntry, ...]:
        # EC2 says whether an entry is for egress as a word or as a truth value, and so does moto.
        chosen = [entry for entry in acl.entries if (str(entry.egress).lower() == "true") == egress]
        return tuple(
            _acl_entry(entry) for entry in sorted(chosen, key=lambda entry: int(entry.rule_number)) if entry.cidr_block
        )

    return NetworkAcl(id=acl.id, ingress=entries(False), egress=entries(True))


def _acl_entry(entry: Any) -> AclEntry:
    name = protocol(str(entry.protocol))
    return AclEntry(
        number=int(entry.rule_number),
        allow=entry.rule_action == "allow",
        filter=Filter(
            protocol=name,
            cidr=_network(entry.cidr_block),
            ports=_pair(entry.port_range_from, entry.port_range_to) if name in ("tcp", "udp") else None,
            icmp=_icmp(entry.icmp_type, entry.icmp_code) if name == "icmp" else None,
        ),
    )


def _pair(first: Any, last: Any) -> tuple[int, int] | None:
    return None if first is None or last is None or int(first) < 0 else (int(first), int(last))


def _icmp(kind: Any, code: Any) -> tuple[int, int | None] | None:
    if kind is None or int(kind) < 0:
        return None
    return int(kind), None if code is None or int(code) < 0 else int(code)


def _group(group: Any, interfaces: list[Any]) -> RuleSet:
    def filters(rules: Iterable[Any]) -> tuple[Filter, ...]:
        found = [one for rule in rules for one in _group_rule(rule, interfaces)]
        return tuple(sorted(found, key=repr))

    return RuleSet(id=group.id, ingress=filters(group.ingress_rules), egress=filters(group.egress_rules))


def _group_rule(rule: Any, interfaces: list[Any]) -> Iterable[Filter]:
    name = protocol(str(rule.ip_protocol))
    for cidr in _peers(rule, interfaces):
        yield Filter(
            protocol=name,
            cidr=cidr,
            ports=_pair(rule.from_port, rule.to_port) if name in ("tcp", "udp") else None,
            icmp=_icmp(rule.from_port, rule.to_port) if name == "icmp" else None,
        )


def _peers(rule: Any, interfaces: list[Any]) -> list[IPv4Network]:
    """Its CIDR, or the address of every interface in the group that it names. No prefix lists, no IPv6."""
    if text := rule.ip_range.get("CidrIp"):
        return [_network(text)]
    named = rule.source_group.get("GroupId")
    members = [one for one in interfaces if named and named in {group.id for group in one._group_set}]
    return [IPv4Network(one.private_ip_address) for one in members]


def _interface(one: Any) -> Interface:
    return Interface(
        id=one.id,
        subnet_id=one.subnet.id,
        mac=one.mac_address,
        private_ip=IPv4Address(one.private_ip_address),
        group_ids=tuple(sorted(group.id for group in one._group_set)),
        source_dest_check=one.source_dest_check,
        public_ip=IPv4Address(one.public_ip) if one.public_ip else None,
        instance_id=one.instance.id if _runs(one.instance) else None,
    )


def _runs(instance: Any) -> bool:
    return instance is not None and instance.state == "running"


def _host(backend: EC2Backend, region: str, interface: Any) -> Host | None:
    instance = interface.instance
    if not _runs(instance):
        return None
    files = _files(str(instance.user_data or ""))
    parameters = ssm_backends[ACCOUNT][region]
    keys = {}
    for name in ends.parameters(files):
        found = parameters.get_parameter(name) if name in parameters._parameters else None
        arn = f"arn:{backend.partition}:ssm:{region}:{ACCOUNT}:parameter/{name.removeprefix('/')}"
        if found is not None and _may_read(backend, instance, arn):
            keys[name] = str(found.decrypt(found.value))
    return Host(instance_id=instance.id, interface_id=interface.id, files=files, readable_keys=keys)


@cache
def _files(user_data: str) -> Mapping[str, str]:
    """Parsing it takes longer than all the rest, and it changes with the instance only."""
    try:
        return ends.files_of(base64.b64decode(user_data))
    except (OSError, EOFError, ValueError, yaml.YAMLError, AttributeError, TypeError, KeyError):
        # Not a cloud-config: then cloud-init writes no file.
        return {}


def _may_read(backend: EC2Backend, instance: Any, parameter: str) -> bool:
    """Whether the instance's role may, by what is declared now; how late AWS knows of it is the clouds' affair."""
    associations = backend.iam_instance_profile_associations.values()
    found = next((one for one in associations if one.instance.id == instance.id), None)
    iam = iam_backends[ACCOUNT][backend.partition]
    # The profile as it is now: its role may have gone.
    profile = iam.instance_profiles.get(found.iam_instance_profile.name) if found else None
    roles = profile.roles if profile else []
    return any(rights_of(iam, role).refusal("ssm:GetParameter", parameter) is None for role in roles)
