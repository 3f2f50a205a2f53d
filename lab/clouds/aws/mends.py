"""What moto does otherwise than EC2, put right in its state after (or before) it has acted.

moto keeps what belongs together in several places: an interface, its instance and its elastic address do not
follow each other, and what goes with a deleted thing stays. Each function here mends one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance, InstanceState, Reservation
from moto.ec2.models.route_tables import Route

from lab.clouds.aws.behaviour import Behaviour
from lab.clouds.aws.guards.addresses import is_reserved, used_addresses
from lab.clouds.aws.guards.launches import ENDED, launch_interfaces, launch_zone
from lab.clouds.aws.guards.refusal import Refusal, Request

# The rule that every network ACL ends with and that nobody can take away.
# https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
LAST_RULE = 32767


class LabRoute(Route):
    """A route whose state says whether its target is there; moto's is always active."""

    @property
    def state(self) -> str:
        backend = self.route_table.ec2_backend
        gateway: Any = self.gateway
        if self.interface is not None:
            present = self.interface.id in backend.enis and self.interface.attachment_id is not None
        elif gateway is not None and gateway.id.startswith("igw-"):
            present = gateway.id in backend.internet_gateways and gateway.vpc is not None
        else:
            present = True
        return "active" if present else "blackhole"


class TerminatedInstance(Instance):
    """An instance without interfaces; moto's would ask the first one for its addresses."""

    private_ip = private_ip_address = public_ip = public_ip_address = None
    private_dns_name = public_dns_name = ""


# moto makes its own objects, so ours take their place by class. Any, because the bases are formally abstract.
_ROUTE: Any = LabRoute
_TERMINATED: Any = TerminatedInstance


def free_address(request: Request, subnet_id: str) -> str:
    """The lowest address of a subnet that may be used and is not. moto's are random, reserved ones too."""
    subnet = request.backend.get_subnet(subnet_id)
    used = used_addresses(request, subnet) | set(subnet._subnet_ips)
    first, last = int(subnet.cidr.network_address), int(subnet.cidr.broadcast_address)
    for address in map(IPv4Address, range(first, last + 1)):
        if not is_reserved(subnet, address) and str(address) not in used:
            return str(address)
    raise Refusal(
        "InsufficientFreeAddressesInSubnet",
        f"The specified subnet '{subnet_id}' does not have enough free addresses to satisfy the request.",
    )


def prepare_launch(request: Request) -> dict[str, Any]:
    """The parameters of RunInstances with what EC2 fills in: zone, private address, root disk."""
    params = dict(request.params)
    if zone := launch_zone(request):
        params["Placement"] = {**(params.get("Placement") or {}), "AvailabilityZone": zone}

    interfaces = [
        given if "NetworkInterfaceId" in given else {"DeleteOnTermination": True, **given}
        for given in launch_interfaces(request)
    ]
    for given in interfaces:
        if "SubnetId" in given and "PrivateIpAddress" not in given:
            given["PrivateIpAddress"] = free_address(request, given["SubnetId"])
    if interfaces:
        params["NetworkInterfaces"] = interfaces
    elif params.get("SubnetId") and not params.get("PrivateIpAddress"):
        params["PrivateIpAddress"] = free_address(request, params["SubnetId"])

    root = request.backend.amis[params["ImageId"]].block_device_mappings[0]
    mappings = {given["DeviceName"]: given for given in params.get("BlockDeviceMappings") or []}
    given = mappings.get(root["DeviceName"], {})
    inherited = {key: root["Ebs"][key] for key in ("VolumeSize", "VolumeType", "DeleteOnTermination")}
    disk = {"DeviceName": root["DeviceName"], "Ebs": {**inherited, **given.get("Ebs", {})}}
    params["BlockDeviceMappings"] = [*({**mappings, root["DeviceName"]: disk}).values()]
    return params


def icmp_of_entry(params: Mapping[str, Any]) -> dict[str, Any]:
    """A network ACL entry with its ICMP type and code where moto looks for them (it misses them else)."""
    return {**params, "Icmp": params.get("IcmpTypeCode") or {}}


def ports_of_rules(params: Mapping[str, Any]) -> dict[str, Any]:
    """Security group permissions in which a protocol without ports, such as ESP, says so; moto fails else."""
    permissions = [{"FromPort": -1, "ToPort": -1, **given} for given in params.get("IpPermissions") or []]
    return {**params, "IpPermissions": permissions} if permissions else dict(params)


def own_interfaces(instance: Instance, given: list[dict[str, Any]]) -> None:
    """An interface that came with the launch goes with the instance, unless the launch said otherwise."""
    kept = {spec.get("NetworkInterfaceId") for spec in given}
    for interface in instance.nics.values():
        if interface.id not in kept:
            spec = next((s for s in given if s.get("DeviceIndex") == interface.device_index), {})
            interface.delete_on_termination = spec.get("DeleteOnTermination", True)


def metadata_options(backend: EC2Backend, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of ModifyInstanceMetadataOptions with what is kept; moto's forgets what is not given."""
    kept = backend.get_instance(params["InstanceId"]).metadata_options
    return {
        "HttpTokens": kept.http_tokens,
        "HttpPutResponseHopLimit": kept.http_put_response_hop_limit,
        "HttpEndpoint": kept.http_endpoint,
        "HttpProtocolIpv6": kept.http_protocol_ipv6,
        "InstanceMetadataTags": kept.instance_metadata_tags,
        **params,
    }


def follow_instance(instance: Instance) -> None:
    """The first interface takes over what was set on the instance itself."""
    if not instance.nics:
        return
    interface = instance.nics[0]
    interface._group_set = list(instance.security_groups)
    interface.source_dest_check = instance.source_dest_check


def agree(backend: EC2Backend) -> None:
    """Instances and elastic addresses say of an interface what it says itself."""
    for instance in backend.all_instances():
        if instance.nics:
            instance.security_groups = list(instance.nics[0]._group_set)
            instance.source_dest_check = instance.nics[0].source_dest_check
    addresses: list[Any] = backend.addresses
    mapped = {address.eni.id: address.public_ip for address in addresses if address.eni}
    for address in addresses:
        address.instance = address.eni.instance if address.eni else None
    for interface in backend.enis.values():
        if not interface.public_ip_auto_assign:
            interface.public_ip = mapped.get(interface.id)


def shut_down(backend: EC2Backend, instance_id: str) -> InstanceState:
    """Begin to terminate an instance; says what its state was. A second call changes nothing."""
    instance = backend.get_instance(instance_id)
    before = InstanceState(instance.state, instance.state_code)
    if instance.state not in ENDED:
        instance._state = InstanceState("shutting-down", 32)
    return before


def settle(backend: EC2Backend, behaviour: Behaviour) -> None:
    """Finish what takes time: instances whose shutdown is over let go of their interfaces."""
    own = {instance.id: instance for instance in backend.all_instances()}
    over = behaviour.due(own)
    for instance_id in over:
        _end(own[instance_id])
    if over:
        agree(backend)


def undo_launch(backend: EC2Backend, reservation: Reservation) -> None:
    """As if the launch had never been: no instance, and its interfaces free or gone."""
    for instance in reservation.instances:
        _end(instance)
        backend.tags.pop(instance.id, None)
    del backend.reservations[reservation.id]


def _end(instance: Instance) -> None:
    instance.terminate()
    for interface in list(instance.nics.values()):
        instance.detach_eni(interface)
    instance.__class__ = _TERMINATED


def close_acl(backend: EC2Backend, acl_id: str) -> None:
    """A new network ACL denies everything; moto's has no rule at all."""
    for egress in (True, False):
        backend.create_network_acl_entry(
            acl_id, LAST_RULE, "-1", "deny", egress, "0.0.0.0/0", None, None, None, None, None
        )


def forget_subnet(backend: EC2Backend, subnet_id: str) -> None:
    """What was associated with a deleted subnet is not in use by it any more."""
    for acl in backend.network_acls.values():
        for key in [key for key, one in acl._associations.items() if one.subnet_id == subnet_id]:
            del acl._associations[key]
    for table in backend.route_tables.values():
        for key in [key for key, one in table._associations.items() if one == subnet_id]:
            del table._associations[key]


def forget_vpc(backend: EC2Backend, vpc_id: str) -> None:
    """The default network ACL of a deleted VPC goes with it."""
    for acl_id in [acl.id for acl in backend.network_acls.values() if acl.vpc_id == vpc_id]:
        del backend.network_acls[acl_id]


def forget_cidr_block(backend: EC2Backend, association_id: str) -> None:
    """A disassociated block holds no subnet and gets no local route."""
    for vpc in backend.vpcs.values():
        vpc._cidr_block_association_set.pop(association_id, None)


def routes_with_state(backend: EC2Backend) -> None:
    for table in backend.route_tables.values():
        for route in table.routes:
            route.__class__ = _ROUTE
