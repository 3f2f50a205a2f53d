"""A VPC and a VCN that were there before the stack, with things in them that are their owner's business alone."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from oci.core import models

from components.addresses import inside_addresses
from lab.clouds.cluster import REGION, Clouds
from lab.clouds.oci.credentials import network_client

OWNER = "managed by pulumi: aws-oci-libreswan/dev"
NETWORK_COMPARTMENT = "ocid1.compartment.oc1..networks"
VPC_CIDRS = ("10.20.0.0/16", "10.21.0.0/16")
VCN_CIDRS = ("172.20.0.0/16", "172.21.0.0/16")
FIRST_RULE = 200
RULE_NUMBERS = range(FIRST_RULE, FIRST_RULE + 45)
LATE_FILTER = {"protocol": "6", "source": "192.168.99.0/24", "description": "late"}
Rules = list[dict[str, Any]]
# Inside a tunnel of the other connection on the given DRG.
TAKEN_INSIDE = "169.254.30.0/30"


@dataclass(frozen=True, kw_only=True)
class GivenVpc:
    id: str
    gateway: str
    host_subnet: str
    host_table: str
    client_subnet: str
    client_table: str
    acl: str
    appliance: str
    """Somebody's interface, where somebody's route leads to."""


@dataclass(frozen=True, kw_only=True)
class GivenVcn:
    id: str
    default_table: str
    table: str
    default_list: str
    filters: str
    group: str
    drg: str
    attachment: str
    connection: str
    """Somebody's, on the same DRG."""
    gateway: str


def make_vpc(clouds: Clouds) -> GivenVpc:
    """Two CIDRs, an internet gateway, a host subnet under an ACL of its own, and a client subnet."""
    ec2 = clouds.aws.client("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock=VPC_CIDRS[0])["Vpc"]["VpcId"]
    ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock=VPC_CIDRS[1])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)

    def subnet(cidr: str) -> tuple[str, str]:
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}b")["Subnet"]["SubnetId"]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        return made, table

    host_subnet, host_table = subnet("10.20.0.0/24")
    client_subnet, client_table = subnet("10.21.1.0/24")
    ec2.create_route(RouteTableId=host_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    appliance = ec2.create_network_interface(SubnetId=client_subnet)["NetworkInterface"]["NetworkInterfaceId"]
    for table in (host_table, client_table):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.50.0/24", NetworkInterfaceId=appliance)
    ec2.create_tags(Resources=[client_table], Tags=[{"Key": "owner", "Value": "somebody else"}])
    return GivenVpc(
        id=vpc,
        gateway=gateway,
        host_subnet=host_subnet,
        host_table=host_table,
        client_subnet=client_subnet,
        client_table=client_table,
        acl=_acl(ec2, vpc, host_subnet),
        appliance=appliance,
    )


def _acl(ec2: Any, vpc: str, subnet: str) -> str:
    """An ACL with rules right before and after the numbers that the stack may have."""
    acl = str(ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"])
    for number, egress in ((RULE_NUMBERS[0] - 1, False), (RULE_NUMBERS[-1] + 1, True)):
        add_acl_rule(ec2, acl, number, egress=egress)
    [current] = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])[
        "NetworkAcls"
    ]
    [association] = [one for one in current["Associations"] if one["SubnetId"] == subnet]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)
    return acl


def add_acl_rule(ec2: Any, acl: str, number: int, *, egress: bool) -> None:
    ec2.create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=number,
        Egress=egress,
        Protocol="6",
        RuleAction="deny",
        CidrBlock="198.51.100.0/24",
        PortRange={"From": 3389, "To": 3389},
    )


def make_vcn(clouds: Clouds) -> GivenVcn:
    """
    Two CIDRs in a compartment of its own, a subnet that uses the defaults and one that does not, and a DRG with
    another connection. The attachment imports subnets, as Oracle's console makes it.
    """
    client = network_client(clouds.oci.endpoint)
    own = {"compartment_id": NETWORK_COMPARTMENT}
    vcn = client.create_vcn(models.CreateVcnDetails(cidr_blocks=list(VCN_CIDRS), **own)).data
    gateway = client.create_internet_gateway(
        models.CreateInternetGatewayDetails(vcn_id=vcn.id, is_enabled=True, **own)
    ).data
    drg = make_drg(client)
    attachment = client.create_drg_attachment(models.CreateDrgAttachmentDetails(drg_id=drg, vcn_id=vcn.id)).data
    until(lambda: client.get_drg_attachment(attachment.id).data.lifecycle_state == "ATTACHED")
    table = client.create_route_table(
        models.CreateRouteTableDetails(vcn_id=vcn.id, route_rules=_foreign_routes(gateway.id, drg), **own)
    ).data
    filters = client.create_security_list(
        models.CreateSecurityListDetails(
            vcn_id=vcn.id,
            ingress_security_rules=_foreign_ingress(),
            egress_security_rules=[models.EgressSecurityRule(protocol="all", destination="0.0.0.0/0")],
            **own,
        )
    ).data
    for cidr, links in (
        ("172.20.1.0/24", {}),
        ("172.21.1.0/24", {"route_table_id": table.id, "security_list_ids": [filters.id]}),
    ):
        client.create_subnet(models.CreateSubnetDetails(vcn_id=vcn.id, cidr_block=cidr, **links, **own))
    group = client.create_network_security_group(models.CreateNetworkSecurityGroupDetails(vcn_id=vcn.id, **own)).data
    client.add_network_security_group_security_rules(
        group.id,
        models.AddNetworkSecurityGroupSecurityRulesDetails(
            security_rules=[
                models.AddSecurityRuleDetails(direction="INGRESS", protocol="all", source="10.20.0.0/16"),
                models.AddSecurityRuleDetails(
                    direction="EGRESS", protocol="17", destination="10.0.0.0/8", description="theirs"
                ),
            ]
        ),
    )
    return GivenVcn(
        id=vcn.id,
        default_table=vcn.default_route_table_id,
        table=table.id,
        default_list=vcn.default_security_list_id,
        filters=filters.id,
        group=group.id,
        drg=drg,
        attachment=attachment.id,
        connection=make_connection(client, drg, TAKEN_INSIDE),
        gateway=gateway.id,
    )


def _foreign_routes(gateway: str, drg: str) -> list[Any]:
    return [
        models.RouteRule(destination="0.0.0.0/0", network_entity_id=gateway, description="theirs"),
        models.RouteRule(destination="192.168.77.0/24", network_entity_id=drg, route_type="STATIC"),
        # Ends in the same digits as a rule of the stack, and may be mistaken for it.
        models.RouteRule(destination="10.20.0.0/24", network_entity_id=drg, description=f"not {OWNER}"),
    ]


def _foreign_ingress() -> list[Any]:
    """Odd, and legal."""
    ports = models.PortRange(min=1, max=65_535)
    return [
        # The very rules of the stack, but for the description.
        models.IngressSecurityRule(protocol="all", source=VPC_CIDRS[0]),
        models.IngressSecurityRule(
            protocol="1", source="0.0.0.0/0", icmp_options=models.IcmpOptions(type=3, code=4), description=""
        ),
        models.IngressSecurityRule(protocol="1", source="10.0.0.0/8", icmp_options=models.IcmpOptions(type=8)),
        models.IngressSecurityRule(protocol="58", source="::/0", icmp_options=models.IcmpOptions(type=2, code=0)),
        models.IngressSecurityRule(
            protocol="17",
            source="192.0.2.0/24",
            is_stateless=True,
            udp_options=models.UdpOptions(source_port_range=ports),
            description="only source ports",
        ),
        models.IngressSecurityRule(
            protocol="6",
            source="198.51.100.7/32",
            tcp_options=models.TcpOptions(source_port_range=ports, destination_port_range=ports),
        ),
        models.IngressSecurityRule(protocol="47", source="203.0.113.0/24", description="ü – 'quotes' \"and\" $HOME"),
        models.IngressSecurityRule(
            protocol="all", source="all-iad-services-in-oracle-services-network", source_type="SERVICE_CIDR_BLOCK"
        ),
    ]


def make_connection(client: Any, drg: str, inside: str) -> str:
    """Somebody's connection: a CPE, and a tunnel with these inside addresses."""
    own = {"compartment_id": NETWORK_COMPARTMENT}
    oracle_end, host_end = inside_addresses(IPv4Network(inside))
    cpe = client.create_cpe(models.CreateCpeDetails(ip_address="192.0.2.200", **own)).data
    session = models.CreateIPSecTunnelBgpSessionDetails(
        oracle_interface_ip=str(oracle_end), customer_interface_ip=str(host_end)
    )
    connection = client.create_ip_sec_connection(
        models.CreateIPSecConnectionDetails(
            cpe_id=cpe.id,
            drg_id=drg,
            static_routes=["192.168.77.0/24"],
            tunnel_configuration=[
                models.CreateIPSecConnectionTunnelDetails(routing="STATIC", bgp_session_config=session)
            ],
            **own,
        )
    ).data
    until(lambda: client.get_ip_sec_connection(connection.id).data.lifecycle_state == "AVAILABLE")
    return str(connection.id)


def make_drg(client: Any) -> str:
    drg = client.create_drg(models.CreateDrgDetails(compartment_id=NETWORK_COMPARTMENT)).data
    until(lambda: client.get_drg(drg.id).data.lifecycle_state == "AVAILABLE")
    return str(drg.id)


def until(ready: Callable[[], bool]) -> None:
    """Waits for a cloud, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def add_vcn_rules(clouds: Clouds, vcn: GivenVcn) -> None:
    """What somebody adds behind the stack's back: the last rule of a route table, the first of a security list."""
    route = {"destination": "192.168.99.0/24", "networkEntityId": vcn.drg, "description": "late"}
    _edit(clouds, vcn, lambda rules: [*rules, route], lambda rules: [{**LATE_FILTER}, *rules])


def take_vcn_rules(clouds: Clouds, vcn: GivenVcn) -> None:
    """Takes these away again."""

    def kept(rules: Rules) -> Rules:
        return [rule for rule in rules if rule.get("description") != "late"]

    _edit(clouds, vcn, kept, kept)


def _edit(clouds: Clouds, vcn: GivenVcn, routes: Callable[[Rules], Rules], filters: Callable[[Rules], Rules]) -> None:
    # As JSON: the models would put the fields of a rule in another order.
    client = network_client(clouds.oci.endpoint, raw=True)
    present = client.get_route_table(vcn.table).data["routeRules"]
    client.update_route_table(vcn.table, {"routeRules": routes(present)})
    present = client.get_security_list(vcn.filters).data["ingressSecurityRules"]
    client.update_security_list(vcn.filters, {"ingressSecurityRules": filters(present)})


def leave_hub(clouds: Clouds, vcn: GivenVcn) -> None:
    """Takes the VCN off its DRG, with the routes that led there."""
    client = network_client(clouds.oci.endpoint)
    [internet, *_] = client.get_route_table(vcn.table).data.route_rules
    client.update_route_table(vcn.table, models.UpdateRouteTableDetails(route_rules=[internet]))
    client.delete_drg_attachment(vcn.attachment)
    until(lambda: vcn.attachment not in clouds.oci.describe_vcn(vcn.id)["drgAttachments"])


def foreign_vpc(description: dict[str, Any], interfaces: set[str], groups: set[str]) -> dict[str, Any]:
    """A described VPC without what leads to the stack's interface, has its rule numbers, or is its group."""
    rest = copy.deepcopy(description)
    for table in rest["routeTables"]:
        table["routes"] = [route for route in table["routes"] if route["target"] not in interfaces]
    for acl in rest["networkAcls"]:
        acl["entries"] = [entry for entry in acl["entries"] if entry["ruleNumber"] not in RULE_NUMBERS]
    rest["securityGroups"] = [group for group in rest["securityGroups"] if group["id"] not in groups]
    return rest


def foreign_vcn(description: dict[str, Any]) -> dict[str, Any]:
    """A described VCN without the rules that bear the stack's mark."""
    rest = copy.deepcopy(description)
    for kind, lists in (
        ("routeTables", ("routeRules",)),
        ("securityLists", ("ingressSecurityRules", "egressSecurityRules")),
        ("networkSecurityGroups", ("rules",)),
    ):
        for body in rest[kind].values():
            for name in lists:
                body[name] = [rule for rule in body[name] if rule.get("description") != OWNER]
    return rest


def settings_of(vpc: GivenVpc, vcn: GivenVcn) -> dict[str, Any]:
    """The keys of a stack file in which both networks are given."""
    return {
        "vpcCidrs": None,
        "vpcId": vpc.id,
        "hostSubnetCidr": None,
        "hostSubnetId": vpc.host_subnet,
        "clientSubnetCidrs": None,
        "routeTableIds": [vpc.host_table, vpc.client_table],
        "networkAclId": vpc.acl,
        "networkAclFirstRule": FIRST_RULE,
        "vcnCidrs": None,
        "vcnId": vcn.id,
        "vcnSubnetCidrs": None,
        "vcnRouteTableIds": [vcn.default_table, vcn.table],
        "vcnSecurityListIds": [vcn.default_list, vcn.filters],
        "vcnNetworkSecurityGroupIds": [vcn.group],
        "drgId": vcn.drg,
        "drgAttachmentId": vcn.attachment,
    }
