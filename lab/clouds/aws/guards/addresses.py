"""What EC2 refuses about elastic addresses, internet gateways and interfaces, and moto takes."""

from __future__ import annotations

from ipaddress import IPv4Address

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.subnets import Subnet

from lab.clouds.aws.guards.refusal import Guard, Refusal, Request, different_networks, interfaces_of_vpc

# The first four addresses of a subnet and its last are Amazon's.
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED_AT_START = 4


def used_addresses(request: Request, subnet: Subnet) -> set[str]:
    """Private addresses of a subnet that an interface holds."""
    return {
        address["PrivateIpAddress"]
        for interface in request.backend.enis.values()
        if interface.subnet.id == subnet.id
        for address in interface.private_ip_addresses
    }


def is_reserved(subnet: Subnet, address: IPv4Address) -> bool:
    return (
        int(address) - int(subnet.cidr.network_address) < RESERVED_AT_START or address == subnet.cidr.broadcast_address
    )


def _target_of_association(request: Request) -> NetworkInterface:
    if interface_id := request.text("NetworkInterfaceId"):
        return request.backend.get_network_interface(interface_id)
    instance = request.backend.get_instance(request.text("InstanceId"))
    if not instance.nics:
        raise Refusal("InvalidInstanceID", f"The instance '{instance.id}' is not in a valid state for this operation.")
    return instance.nics[0]


def network_without_gateway(request: Request) -> None:
    vpc_id = _target_of_association(request).vpc_id
    if not any(
        gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in request.backend.internet_gateways.values()
    ):
        raise Refusal("Gateway.NotAttached", f"Network {vpc_id} is not attached to any internet gateway")


def network_has_gateway(request: Request) -> None:
    vpc_id = request.text("VpcId")
    if any(one.vpc is not None and one.vpc.id == vpc_id for one in request.backend.internet_gateways.values()):
        raise Refusal("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")


def interface_has_address(request: Request) -> None:
    interface = _target_of_association(request)
    for address in request.backend.addresses:
        if (
            address.eni is interface
            and address.allocation_id != request.text("AllocationId")
            and not request.params.get("AllowReassociation")
        ):
            raise Refusal(
                "Resource.AlreadyAssociated",
                f"resource {interface.id} is already associated with associate-id {address.association_id}",
            )


def address_in_use(request: Request) -> None:
    for address in request.backend.addresses:
        if address.allocation_id == request.text("AllocationId") and address.association_id:
            raise Refusal("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")


def gateway_with_mapped_addresses(request: Request) -> None:
    vpc_id = request.text("VpcId")
    if any(interface.public_ip for interface in interfaces_of_vpc(request.backend, vpc_id)):
        raise Refusal(
            "DependencyViolation",
            f"Network {vpc_id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway.",
        )


def private_address_unusable(request: Request) -> None:
    if not (text := request.text("PrivateIpAddress")):
        return
    subnet = request.backend.get_subnet(request.text("SubnetId"))
    try:
        address = IPv4Address(text)
    except ValueError:
        raise Refusal("InvalidParameterValue", f"invalid value for parameter address: {text}") from None
    if address not in subnet.cidr:
        raise Refusal("InvalidParameterValue", "Address does not fall within the subnet's address range")
    if is_reserved(subnet, address):
        raise Refusal("InvalidParameterValue", "Address is in subnet's reserved address range")
    if text in used_addresses(request, subnet):
        raise Refusal("InvalidIPAddress.InUse", "The specified address is already in use.")


def interface_groups_unknown(request: Request) -> None:
    for group_id in request.params.get("Groups") or []:
        if request.backend.get_security_group_from_id(group_id) is None:
            raise Refusal("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")


def interface_groups_elsewhere(request: Request) -> None:
    if subnet_id := request.text("SubnetId"):
        vpc_id, target = request.backend.get_subnet(subnet_id).vpc_id, f"subnet {subnet_id}"
    else:
        interface = request.backend.get_network_interface(request.text("NetworkInterfaceId"))
        vpc_id, target = interface.vpc_id, f"interface {interface.id}"
    for group_id in request.params.get("Groups") or []:
        group = request.backend.get_security_group_from_id(group_id)
        if group is not None and group.vpc_id != vpc_id:
            raise different_networks(f"Security group {group_id}", target)


def interface_attached(request: Request) -> None:
    interface = request.backend.get_network_interface(request.text("NetworkInterfaceId"))
    if interface.attachment_id:
        raise Refusal("InvalidParameterValue", f"Network interface '{interface.id}' is currently in use.")


def second_attachment(request: Request) -> None:
    interface = request.backend.get_network_interface(request.text("NetworkInterfaceId"))
    if interface.attachment_id:
        raise Refusal("InvalidNetworkInterface.InUse", f"Interface: [{interface.id}] in use.")


def primary_attachment(request: Request) -> None:
    for interface in request.backend.enis.values():
        if interface.attachment_id == request.text("AttachmentId") and interface.device_index == 0:
            raise Refusal("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")


GUARDS: dict[str, tuple[Guard, ...]] = {
    "AssociateAddress": (network_without_gateway, interface_has_address),
    "ReleaseAddress": (address_in_use,),
    "AttachInternetGateway": (network_has_gateway,),
    "DetachInternetGateway": (gateway_with_mapped_addresses,),
    "CreateNetworkInterface": (
        private_address_unusable,
        interface_groups_unknown,
        interface_groups_elsewhere,
    ),
    "ModifyNetworkInterfaceAttribute": (interface_groups_unknown, interface_groups_elsewhere),
    "DeleteNetworkInterface": (interface_attached,),
    "AttachNetworkInterface": (second_attachment,),
    "DetachNetworkInterface": (primary_attachment,),
}
