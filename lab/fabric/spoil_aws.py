"""What can be declared wrongly in AWS, each by EC2's or IAM's own API. Every function returns its undoing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from moto.ec2.models import ec2_backends

from lab.clouds.aws.images import ACCOUNT
from lab.clouds.cluster import REGION, Clouds
from lab.fabric.declared import AclEntry, Declared, Interface, NetworkAcl, Route, Vpc
from lab.fabric.new_host import Undo, launch, user_data_of
from lab.fabric.packets import EPHEMERAL

_NUMBERS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "esp": "50"}
_IKE_BEHIND_NAT = 4500


def _ec2(clouds: Clouds) -> Any:
    return clouds.aws.client("ec2", REGION)


def _vpc(declared: Declared) -> Vpc:
    assert declared.vpc is not None, "the lab is up"
    return declared.vpc


def _interface(declared: Declared) -> Interface:
    assert declared.host is not None, "the lab is up"
    return next(one for one in _vpc(declared).interfaces if one.id == declared.host.interface_id)


def _client_routes(declared: Declared) -> tuple[str, list[Route]]:
    """The client's route table, and its routes to the VCN's host."""
    assert declared.client is not None and declared.vcn_host is not None, "the lab is up"
    table = _vpc(declared).tables[declared.client[0].table_id]
    target = _interface(declared).id
    return table.id, [
        route for route in table.routes if route.target == target and declared.vcn_host[1] in route.destination
    ]


def no_route(clouds: Clouds, declared: Declared) -> Undo:
    ec2, (table, routes) = _ec2(clouds), _client_routes(declared)
    for route in routes:
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock=str(route.destination))

    def undo() -> None:
        for route in routes:
            ec2.create_route(
                RouteTableId=table, DestinationCidrBlock=str(route.destination), NetworkInterfaceId=route.target
            )

    return undo


def route_to_gateway(clouds: Clouds, declared: Declared) -> Undo:
    ec2, (table, routes) = _ec2(clouds), _client_routes(declared)
    gateway = _vpc(declared).gateway_id
    for route in routes:
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock=str(route.destination), GatewayId=gateway)

    def undo() -> None:
        for route in routes:
            ec2.replace_route(
                RouteTableId=table, DestinationCidrBlock=str(route.destination), NetworkInterfaceId=route.target
            )

    return undo


def check_on(clouds: Clouds, declared: Declared) -> Undo:
    interface = _interface(declared).id

    def set_to(value: bool) -> None:
        _ec2(clouds).modify_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck={"Value": value})

    set_to(True)
    return lambda: set_to(False)


def no_4500(clouds: Clouds, declared: Declared) -> Undo:
    """Both directions: one alone would do, for the group remembers who opened the conversation."""
    return _without_4500(clouds, declared, lambda rule: True)


def no_4500_in(clouds: Clouds, declared: Declared) -> Undo:
    return _without_4500(clouds, declared, lambda rule: not rule["IsEgress"])


def _without_4500(clouds: Clouds, declared: Declared, chosen: Callable[[dict[str, Any]], bool]) -> Undo:
    """A slip of the pen in the ports of each rule: so it keeps its id."""
    ec2 = _ec2(clouds)
    group_ids = list(_interface(declared).group_ids)
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": group_ids}])
    rules = [
        rule
        for rule in found["SecurityGroupRules"]
        if rule["IpProtocol"] == "udp" and rule["FromPort"] <= _IKE_BEHIND_NAT <= rule["ToPort"] and chosen(rule)
    ]

    def modify(rule: dict[str, Any], first: int, last: int) -> None:
        wanted = {"IpProtocol": "udp", "FromPort": first, "ToPort": last, "CidrIpv4": rule["CidrIpv4"]}
        ec2.modify_security_group_rules(
            GroupId=rule["GroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": wanted}],
        )

    for rule in rules:
        first = min(rule["FromPort"], _IKE_BEHIND_NAT - 1)
        modify(rule, first, _IKE_BEHIND_NAT - 1)

    def undo() -> None:
        for rule in rules:
            modify(rule, rule["FromPort"], rule["ToPort"])

    return undo


def _acl(declared: Declared) -> NetworkAcl:
    """Of the host's subnet."""
    vpc, home = _vpc(declared), _interface(declared).subnet_id
    return vpc.acls[next(subnet.filter_ids[0] for subnet in vpc.subnets if subnet.id == home)]


def _without_ingress(clouds: Clouds, acl: NetworkAcl, entries: Iterable[AclEntry]) -> Undo:
    ec2, gone = _ec2(clouds), list(entries)
    for entry in gone:
        ec2.delete_network_acl_entry(NetworkAclId=acl.id, RuleNumber=entry.number, Egress=False)

    def undo() -> None:
        for entry in gone:
            rule = entry.filter
            ports = {"PortRange": {"From": rule.ports[0], "To": rule.ports[1]}} if rule.ports else {}
            ec2.create_network_acl_entry(
                NetworkAclId=acl.id,
                RuleNumber=entry.number,
                Egress=False,
                Protocol=_NUMBERS.get(str(rule.protocol), str(rule.protocol)),
                RuleAction="allow" if entry.allow else "deny",
                CidrBlock=str(rule.cidr),
                **ports,
            )

    return undo


def acl_without_headends(clouds: Clouds, declared: Declared) -> Undo:
    headends = [tunnel.headend for tunnel in declared.tunnels if tunnel.headend]
    acl = _acl(declared)
    return _without_ingress(
        clouds,
        acl,
        [
            entry
            for entry in acl.ingress
            if entry.filter.protocol == "udp" and any(headend in entry.filter.cidr for headend in headends)
        ],
    )


def acl_without_answers(clouds: Clouds, declared: Declared) -> Undo:
    acl = _acl(declared)
    return _without_ingress(
        clouds,
        acl,
        [
            entry
            for entry in acl.ingress
            if entry.filter.protocol == "tcp" and entry.filter.ports and entry.filter.ports[1] >= EPHEMERAL[0]
        ],
    )


def first_boot_without_answers(clouds: Clouds, declared: Declared) -> Undo:
    undo = acl_without_answers(clouds, declared)
    launch(clouds, declared, user_data_of(clouds, declared))
    return undo


def no_address(clouds: Clouds, declared: Declared) -> Undo:
    ec2, interface = _ec2(clouds), _interface(declared)
    [address] = ec2.describe_addresses(PublicIps=[str(interface.public_ip)])["Addresses"]
    ec2.disassociate_address(AssociationId=address["AssociationId"])

    def undo() -> None:
        ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface.id)
        # EC2 gives every association a new id. The stack knows the old one, and is not the patient here.
        for known in ec2_backends[ACCOUNT][REGION].addresses:
            if known.allocation_id == address["AllocationId"]:
                known.association_id = address["AssociationId"]

    return undo


def late_address(clouds: Clouds, declared: Declared) -> Undo:
    undo = no_address(clouds, declared)
    launch(clouds, declared, user_data_of(clouds, declared))
    return undo


def role_without_parameters(clouds: Clouds, declared: Declared) -> Undo:
    """Its policies are deleted: the one for the parameters, and the one for sessions."""
    iam, ec2 = clouds.aws.client("iam", REGION), _ec2(clouds)
    assert declared.host is not None
    [reservation] = ec2.describe_instances(InstanceIds=[declared.host.instance_id])["Reservations"]
    profile = reservation["Instances"][0]["IamInstanceProfile"]["Arn"].split("/")[-1]
    [role] = [
        one["RoleName"] for one in iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
    ]
    own = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    for name in own:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    launch(clouds, declared, user_data_of(clouds, declared))

    def undo() -> None:
        for name, document in own.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    return undo
