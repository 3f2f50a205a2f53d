"""AWS addresses: network interface, elastic IP, its association."""

from __future__ import annotations

from typing import Any

from lab.clouds.plugins.aws_checks import address, all_of, exactly_one, one_of
from lab.clouds.plugins.aws_client import (
    arn,
    client,
    filters,
    given,
    read_tags,
    remove,
    retag,
    retrying,
    tag_specification,
    unless,
    until,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, Failure, Resource
from lab.clouds.plugins.values import UNKNOWN, Values

_NO_INTERFACE = "InvalidNetworkInterfaceID.NotFound"
_NO_ADDRESS = "InvalidAllocationID.NotFound"
_NO_ASSOCIATION = "InvalidAssociationID.NotFound"


def find_interface(ec2: Any, identifier: str) -> Any:
    """The API's network interface, or None."""
    found = unless([_NO_INTERFACE], lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=[identifier]))
    return found["NetworkInterfaces"][0] if found else None


def _create_interface(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    first, *others = inputs.get("privateIps") or [inputs.get("privateIp")]
    made = ec2.create_network_interface(
        **given(
            SubnetId=inputs["subnetId"],
            Description=inputs.get("description"),
            Groups=inputs.get("securityGroups"),
            PrivateIpAddress=first,
            TagSpecifications=tag_specification("network-interface", inputs.get("tags")),
        )
    )
    identifier: str = made["NetworkInterface"]["NetworkInterfaceId"]
    until(call, identifier, lambda: find_interface(ec2, identifier)["Status"], "available")
    if others:
        ec2.assign_private_ip_addresses(NetworkInterfaceId=identifier, PrivateIpAddresses=others)
    _set_source_check(ec2, identifier, {}, inputs)
    return identifier, _read_interface(call, identifier, inputs) or {}


def _set_source_check(ec2: Any, identifier: str, old: Values, new: Values) -> None:
    wanted = new.get("sourceDestCheck", True)
    if wanted != old.get("sourceDestCheck", True):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=identifier, SourceDestCheck={"Value": wanted})


def _read_interface(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    interface = find_interface(ec2, identifier)
    if interface is None:
        return None
    primary_first = sorted(interface["PrivateIpAddresses"], key=lambda one: not one["Primary"])
    return {
        "arn": arn(call, "ec2", f"network-interface/{identifier}", state),
        "description": interface.get("Description") or None,
        "interfaceType": interface["InterfaceType"],
        "macAddress": interface["MacAddress"],
        "ownerId": interface["OwnerId"],
        "privateDnsName": interface.get("PrivateDnsName"),
        "privateIp": interface["PrivateIpAddress"],
        "privateIps": [one["PrivateIpAddress"] for one in primary_first],
        "securityGroups": [group["GroupId"] for group in interface["Groups"]],
        "sourceDestCheck": interface["SourceDestCheck"],
        "subnetId": interface["SubnetId"],
        "region": ec2.meta.region_name,
        **read_tags(call, interface.get("TagSet")),
    }


def _update_interface(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ec2 = client(call, "ec2", inputs)
    if "privateIps" in inputs:
        gone = [ip for ip in state["privateIps"] if ip not in inputs["privateIps"]]
        added = [ip for ip in inputs["privateIps"] if ip not in state["privateIps"]]
        if gone:
            ec2.unassign_private_ip_addresses(NetworkInterfaceId=identifier, PrivateIpAddresses=gone)
        if added:
            ec2.assign_private_ip_addresses(NetworkInterfaceId=identifier, PrivateIpAddresses=added)
    _set_source_check(ec2, identifier, state, inputs)
    if "securityGroups" in inputs and set(inputs["securityGroups"]) != set(state["securityGroups"]):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=identifier, Groups=inputs["securityGroups"])
    if inputs.get("description", "") != state.get("description", ""):
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=identifier, Description={"Value": inputs.get("description", "")}
        )
    retag(ec2, identifier, state, inputs)
    return _read_interface(call, identifier, inputs) or {}


def _delete_interface(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    interface = find_interface(ec2, identifier)
    if interface is None:
        return
    if attachment := interface.get("Attachment", {}).get("AttachmentId"):
        unless(
            ["InvalidAttachmentID.NotFound"],
            lambda: ec2.detach_network_interface(AttachmentId=attachment, Force=True),
        )
        until_free(call, ec2, identifier)
    remove(call, _NO_INTERFACE, lambda: ec2.delete_network_interface(NetworkInterfaceId=identifier))


def until_free(call: Call, ec2: Any, identifier: str) -> None:
    """Waits until the interface is attached to nothing, or gone."""

    def state() -> str:
        interface = find_interface(ec2, identifier)
        return interface["Status"] if interface else "available"

    until(call, identifier, state, "available")


def _check_private_ips(inputs: Values) -> list[Failure]:
    ips = inputs.get("privateIps", [])
    single = address("privateIps")
    return (
        [] if ips is UNKNOWN else [failure for ip in ips if ip is not UNKNOWN for failure in single({"privateIps": ip})]
    )


def _create_eip(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    made = ec2.allocate_address(
        **given(
            Domain=inputs.get("domain"),
            TagSpecifications=tag_specification("elastic-ip", inputs.get("tags")),
        )
    )
    identifier: str = made["AllocationId"]
    return identifier, _read_eip(call, identifier, inputs) or {}


def _find_eip(ec2: Any, identifier: str) -> Any:
    found = unless([_NO_ADDRESS], lambda: ec2.describe_addresses(AllocationIds=[identifier]))
    return found["Addresses"][0] if found and found["Addresses"] else None


def _read_eip(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = _find_eip(ec2, identifier)
    if found is None:
        return None
    zone, dashed = ec2.meta.region_name, found["PublicIp"].replace(".", "-")
    return {
        "allocationId": identifier,
        "arn": arn(call, "ec2", f"elastic-ip/{identifier}", state),
        "associationId": found.get("AssociationId", ""),
        "domain": found["Domain"],
        "instance": found.get("InstanceId", ""),
        "networkInterface": found.get("NetworkInterfaceId", ""),
        "privateIp": found.get("PrivateIpAddress", ""),
        "publicDns": f"ec2-{dashed}.{zone}.compute.amazonaws.com",
        "publicIp": found["PublicIp"],
        "region": zone,
        **read_tags(call, found.get("Tags")),
    }


def _update_eip(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    retag(client(call, "ec2", inputs), identifier, state, inputs)
    return _read_eip(call, identifier, inputs) or {}


def _delete_eip(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    # The association the state knows of, as the real provider does; a later one keeps the address.
    if association := state.get("associationId"):
        unless([_NO_ASSOCIATION], lambda: ec2.disassociate_address(AssociationId=association))
    unless(
        [_NO_ADDRESS],
        lambda: retrying(call, ["InvalidIPAddress.InUse"], lambda: ec2.release_address(AllocationId=identifier)),
    )


def _create_association(call: Call, inputs: Values) -> tuple[str, Values]:
    made = client(call, "ec2", inputs).associate_address(
        **given(
            AllocationId=inputs["allocationId"],
            AllowReassociation=inputs.get("allowReassociation"),
            InstanceId=inputs.get("instanceId"),
            NetworkInterfaceId=inputs.get("networkInterfaceId"),
            PrivateIpAddress=inputs.get("privateIpAddress"),
        )
    )
    identifier: str = made["AssociationId"]
    return identifier, _read_association(call, identifier, inputs) or {}


def _read_association(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = ec2.describe_addresses(Filters=filters(association_id=identifier))["Addresses"]
    if not found:
        return None
    return {
        "allocationId": found[0]["AllocationId"],
        "instanceId": found[0].get("InstanceId", ""),
        "networkInterfaceId": found[0]["NetworkInterfaceId"],
        "privateIpAddress": found[0]["PrivateIpAddress"],
        "publicIp": found[0]["PublicIp"],
        "region": ec2.meta.region_name,
    }


def _delete_association(call: Call, identifier: str, state: Values) -> None:
    unless(
        [_NO_ASSOCIATION],
        lambda: client(call, "ec2", state).disassociate_address(AssociationId=identifier),
    )


RESOURCES = {
    "aws:ec2/networkInterface:NetworkInterface": Resource(
        inputs=frozenset(
            {
                "subnetId",
                "description",
                "privateIp",
                "privateIps",
                "securityGroups",
                "sourceDestCheck",
                "region",
                "tags",
            }
        ),
        required=frozenset({"subnetId"}),
        force_new=frozenset({"subnetId", "privateIp", "region"}),
        computed=frozenset(
            {
                "arn",
                "interfaceType",
                "macAddress",
                "ownerId",
                "privateDnsName",
                "privateIp",
                "privateIps",
                "securityGroups",
                "tagsAll",
            }
        ),
        unordered=frozenset({"privateIps", "securityGroups"}),
        defaults=with_default_tags,
        check=all_of(address("privateIp"), _check_private_ips),
        create=_create_interface,
        read=_read_interface,
        update=_update_interface,
        delete=_delete_interface,
    ),
    "aws:ec2/eip:Eip": Resource(
        inputs=frozenset({"domain", "region", "tags"}),
        force_new=frozenset({"domain", "region"}),
        computed=frozenset(
            {
                "allocationId",
                "arn",
                "associationId",
                "domain",
                "instance",
                "networkInterface",
                "privateIp",
                "publicDns",
                "publicIp",
                "tagsAll",
            }
        ),
        defaults=with_default_tags,
        check=all_of(one_of("domain", ("vpc",))),
        create=_create_eip,
        read=_read_eip,
        update=_update_eip,
        delete=_delete_eip,
    ),
    "aws:ec2/eipAssociation:EipAssociation": Resource(
        inputs=frozenset(
            {
                "allocationId",
                "allowReassociation",
                "instanceId",
                "networkInterfaceId",
                "privateIpAddress",
                "region",
            }
        ),
        required=frozenset({"allocationId"}),
        computed=frozenset({"instanceId", "networkInterfaceId", "privateIpAddress", "publicIp"}),
        check=all_of(exactly_one("instanceId", "networkInterfaceId"), address("privateIpAddress")),
        create=_create_association,
        read=_read_association,
        delete=_delete_association,
    ),
}
