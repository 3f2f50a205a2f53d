"""What EC2 refuses about VPCs, subnets, route tables and routes, and moto takes."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from moto.ec2.models.vpcs import VPC

from lab.clouds.aws.guards.refusal import (
    Guard,
    Refusal,
    Request,
    alive_instances,
    different_networks,
    has_dependencies,
)

# A VPC with a block in one of these takes further blocks from the same one or from public space only.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
EXCLUSIVE_RANGES = tuple(
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.19.0.0/16")
)


def _blocks(vpc: VPC) -> list[IPv4Network]:
    return [IPv4Network(one["cidr_block"]) for one in vpc.get_cidr_block_association_set()]


def cidr_block_conflicts(request: Request) -> None:
    block = IPv4Network(request.text("CidrBlock"), strict=False)
    held = _blocks(request.backend.get_vpc(request.text("VpcId")))
    if any(block.overlaps(one) for one in held):
        raise Refusal("InvalidVpc.Range", f"The CIDR '{block}' conflicts with an existing CIDR of the VPC.")
    for private in EXCLUSIVE_RANGES:
        if block.subnet_of(private) and not any(one.subnet_of(private) for one in held):
            raise Refusal(
                "InvalidVpc.Range",
                f"The CIDR '{block}' is restricted. Use a CIDR from the same private address range as the "
                "current VPC CIDR, or use a publicly-routable CIDR.",
            )


def vpc_in_use(request: Request) -> None:
    vpc_id, backend = request.text("VpcId"), request.backend
    gateways: list[Any] = [gateway for gateway in backend.internet_gateways.values() if gateway.vpc]
    if (
        any(gateway.vpc.id == vpc_id for gateway in gateways)
        or any(group.name != "default" for group in backend.groups.get(vpc_id, {}).values())
        or any(acl.vpc_id == vpc_id and not acl.default for acl in backend.network_acls.values())
    ):
        raise has_dependencies("vpc", vpc_id)


def cidr_block_in_use(request: Request) -> None:
    association_id, backend = request.text("AssociationId"), request.backend
    for vpc in backend.vpcs.values():
        association = vpc._cidr_block_association_set.get(association_id)
        if association is None or ":" in association["cidr_block"]:
            continue
        block = IPv4Network(association["cidr_block"])
        for subnet in backend.describe_subnets(filters={"vpc-id": vpc.id}):
            if IPv4Network(subnet.cidr_block).subnet_of(block):
                raise Refusal(
                    "InvalidCidrBlock.InUse",
                    f"The vpc {vpc.id} CIDR block {block} is in use by subnet {subnet.id} and cannot be disassociated.",
                )


def subnet_in_use(request: Request) -> None:
    subnet_id, backend = request.text("SubnetId"), request.backend
    if any(interface.subnet.id == subnet_id for interface in backend.enis.values()) or any(
        instance.subnet_id == subnet_id for instance in alive_instances(backend)
    ):
        raise has_dependencies("subnet", subnet_id)


def subnet_already_associated(request: Request) -> None:
    subnet_id, table_id = request.text("SubnetId"), request.text("RouteTableId")
    for table in request.backend.route_tables.values():
        if table.id != table_id and subnet_id in table._associations.values():
            raise Refusal(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {table_id} conflicts with an existing association",
            )


def associated_across_networks(request: Request) -> None:
    if not (subnet_id := request.text("SubnetId")):
        return
    table = request.backend.get_route_table(request.text("RouteTableId"))
    if request.backend.get_subnet(subnet_id).vpc_id != table.vpc_id:
        raise different_networks(f"route table {table.id}", f"subnet {subnet_id}")


def acl_association_is_gone(request: Request) -> None:
    association_id = request.text("AssociationId")
    if not any(association_id in acl._associations for acl in request.backend.network_acls.values()):
        raise Refusal("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")


def main_route_table(request: Request) -> None:
    table = request.backend.get_route_table(request.text("RouteTableId"))
    if table.main_association_id is not None:
        raise has_dependencies("routeTable", table.id)


def route_exists(request: Request) -> None:
    table = request.backend.get_route_table(request.text("RouteTableId"))
    destination = request.text("DestinationCidrBlock")
    if any(route.destination_cidr_block == destination for route in table.routes):
        raise Refusal("RouteAlreadyExists", f"The route identified by {destination} already exists.")


def route_across_networks(request: Request) -> None:
    table = request.backend.get_route_table(request.text("RouteTableId"))
    gateway_id, interface_id = request.text("GatewayId"), request.text("NetworkInterfaceId")
    if gateway_id.startswith("igw-"):
        gateway = request.backend.get_internet_gateway(gateway_id)
        if gateway.vpc is None or gateway.vpc.id != table.vpc_id:
            raise different_networks(f"route table {table.id}", f"network gateway {gateway_id}")
    if interface_id and request.backend.get_network_interface(interface_id).vpc_id != table.vpc_id:
        raise different_networks(f"route table {table.id}", f"interface {interface_id}")


def local_route(request: Request) -> None:
    table = request.backend.get_route_table(request.text("RouteTableId"))
    destination = request.text("DestinationCidrBlock")
    if any(route.local and route.destination_cidr_block == destination for route in table.routes):
        raise Refusal("InvalidParameterValue", f"cannot remove local route {destination} in route table {table.id}")


GUARDS: dict[str, tuple[Guard, ...]] = {
    "DeleteVpc": (vpc_in_use,),
    "AssociateVpcCidrBlock": (cidr_block_conflicts,),
    "DisassociateVpcCidrBlock": (cidr_block_in_use,),
    "DeleteSubnet": (subnet_in_use,),
    "AssociateRouteTable": (subnet_already_associated, associated_across_networks),
    "ReplaceNetworkAclAssociation": (acl_association_is_gone,),
    "DeleteRouteTable": (main_route_table,),
    "CreateRoute": (route_exists, route_across_networks),
    "ReplaceRoute": (route_across_networks,),
    "DeleteRoute": (local_route,),
}
