"""The state of the AWS stand-in as plain values: what is left of a stack, and what a network looks like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.route_tables import Route, RouteTable
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends
from moto.ssm.models import ssm_backends

from lab.clouds.aws.images import ACCOUNT


def leftovers(region: str) -> dict[str, list[str]]:
    """Ids of everything in a region, and in IAM, that a new account does not have; empty when none."""
    backend = ec2_backends[ACCOUNT][region]
    default_vpcs = {vpc.id for vpc in backend.vpcs.values() if vpc.is_default}
    subnets = backend.describe_subnets()
    groups = [group for groups in backend.groups.values() for group in groups.values()]
    iam = iam_backends[ACCOUNT][backend.partition]
    parameters = ssm_backends[ACCOUNT][region]._parameters
    found: dict[str, Iterable[str]] = {
        "vpcs": (vpc_id for vpc_id in backend.vpcs if vpc_id not in default_vpcs),
        "subnets": (subnet.id for subnet in subnets if subnet.vpc_id not in default_vpcs),
        "internetGateways": backend.internet_gateways,
        "routeTables": (one.id for one in backend.route_tables.values() if one.main_association_id is None),
        "networkAcls": (acl.id for acl in backend.network_acls.values() if not acl.default),
        "securityGroups": (group.id for group in groups if group.name != "default"),
        "networkInterfaces": backend.enis,
        "addresses": (str(address.allocation_id) for address in backend.addresses),
        "instances": (one.id for one in backend.all_instances() if one.state != "terminated"),
        "volumes": backend.volumes,
        "roles": (role.name for role in iam.roles.values()),
        "instanceProfiles": (profile.name for profile in iam.instance_profiles.values()),
        "policies": (arn for arn in iam.managed_policies if ":aws:policy/" not in arn),
        "alarms": cloudwatch_backends[ACCOUNT][region].alarms,
        "logGroups": logs_backends[ACCOUNT][region].groups,
        "topics": sns_backends[ACCOUNT][region].topics,
        "subscriptions": sns_backends[ACCOUNT][region].subscriptions,
        "parameters": (name for name in parameters if not name.startswith("/aws/")),
    }
    sorted_ids = {kind: sorted(ids) for kind, ids in found.items()}
    return {kind: ids for kind, ids in sorted_ids.items() if ids}


def describe_network(vpc_id: str) -> dict[str, Any]:
    """Route tables, network ACLs, security groups and associations of a VPC, in an order of their own.

    Ids of associations are left out: EC2 gives a new one each time that a subnet changes its table or ACL, so
    they tell nothing about the network. KeyError where no region has the VPC.
    """
    for backend in ec2_backends[ACCOUNT].values():
        if vpc_id in backend.vpcs:
            return _network(backend, vpc_id)
    raise KeyError(f"{vpc_id} is in no region")


def _network(backend: EC2Backend, vpc_id: str) -> dict[str, Any]:
    def of_vpc(things: Iterable[Any]) -> list[Any]:
        return sorted((thing for thing in things if thing.vpc_id == vpc_id), key=lambda thing: str(thing.id))

    gateways = [one for one in backend.internet_gateways.values() if one.vpc and one.vpc.id == vpc_id]
    vpc = backend.vpcs[vpc_id]
    return {
        "vpc": {
            "id": vpc_id,
            "cidrBlocks": sorted(one["cidr_block"] for one in vpc.get_cidr_block_association_set()),
            "tags": _tags(vpc),
        },
        "internetGateways": sorted(gateway.id for gateway in gateways),
        "subnets": [
            {
                "id": subnet.id,
                "cidrBlock": subnet.cidr_block,
                "zone": subnet.availability_zone,
                "mapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
                "tags": _tags(subnet),
            }
            for subnet in of_vpc(backend.describe_subnets())
        ],
        "routeTables": [_route_table(table) for table in of_vpc(backend.route_tables.values())],
        "networkAcls": [
            {
                "id": acl.id,
                "default": acl.default,
                "subnets": sorted(one.subnet_id for one in acl.associations),
                "entries": sorted(
                    (_acl_entry(entry) for entry in acl.entries),
                    key=lambda entry: (entry["egress"], entry["ruleNumber"]),
                ),
                "tags": _tags(acl),
            }
            for acl in of_vpc(backend.network_acls.values())
        ],
        "securityGroups": [_security_group(group) for group in of_vpc(backend.groups.get(vpc_id, {}).values())],
    }


def _tags(thing: Any) -> dict[str, str]:
    return dict(sorted((tag["key"], tag["value"]) for tag in thing.get_tags()))


def _route_table(table: RouteTable) -> dict[str, Any]:
    routes = [{"destination": route.destination_cidr_block, "target": _target(route)} for route in table.routes]
    return {
        "id": table.id,
        "main": table.main_association_id is not None,
        "subnets": sorted(table._associations.values()),
        "routes": sorted(routes, key=lambda route: str(route["destination"])),
        "tags": _tags(table),
    }


def _target(route: Route) -> str | None:
    return route.gateway_id or route.network_interface_id or route.nat_gateway_id or route.transit_gateway_id


def _acl_entry(entry: Any) -> dict[str, Any]:
    return {
        "egress": entry.egress,
        "ruleNumber": entry.rule_number,
        "action": entry.rule_action,
        "protocol": entry.protocol,
        "cidrBlock": entry.cidr_block,
        "ports": [entry.port_range_from, entry.port_range_to],
        "icmp": [entry.icmp_type, entry.icmp_code],
    }


def _security_group(group: SecurityGroup) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "ingress": _rules(group.ingress_rules),
        "egress": _rules(group.egress_rules),
        "tags": _tags(group),
    }


def _rules(rules: list[SecurityGroupRule]) -> list[dict[str, Any]]:
    return [
        {
            "id": rule.id,
            "protocol": rule.ip_protocol,
            "ports": [rule.from_port, rule.to_port],
            "cidrBlock": rule.cidr_ipv4,
            "group": rule.source_group.get("GroupId"),
            "description": rule.description or rule.source_group.get("Description"),
            "tags": _tags(rule),
        }
        for rule in sorted(rules, key=lambda rule: rule.id)
    ]
