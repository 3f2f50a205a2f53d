"""What EC2 refuses about instances, and moto takes."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.iam.models import iam_backends

from lab.clouds.aws import images
from lab.clouds.aws.guards.addresses import private_address_unusable
from lab.clouds.aws.guards.refusal import Guard, Refusal, Request

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
USER_DATA_BYTES = 16384

# From these states an instance comes back to no other.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
ENDED = ("shutting-down", "terminated")


def launch_interfaces(request: Request) -> list[dict[str, Any]]:
    return list(request.params.get("NetworkInterfaces") or [])


def launch_zone(request: Request) -> str | None:
    """The zone that interface, subnet or placement give; None when EC2 may choose."""
    backend = request.backend
    for given in launch_interfaces(request):
        if interface_id := given.get("NetworkInterfaceId"):
            return str(backend.get_network_interface(interface_id).availability_zone)
        if subnet_id := given.get("SubnetId"):
            return str(backend.get_subnet(subnet_id).availability_zone)
    if subnet_id := request.text("SubnetId"):
        return str(backend.get_subnet(subnet_id).availability_zone)
    return (request.params.get("Placement") or {}).get("AvailabilityZone")


def offered_zones(request: Request, instance_type: str) -> list[str]:
    region = request.backend.region_name
    return sorted(
        offer["Location"]
        for offer in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
        if offer["InstanceType"] == instance_type
        and (instance_type, offer["Location"]) not in request.behaviour.withdrawn
    )


def image_unknown(request: Request) -> None:
    image_id = request.text("ImageId")
    if not image_id.startswith("ami-"):
        raise Refusal("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    if image_id not in request.backend.amis:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")


def described_image_unknown(request: Request) -> None:
    for image_id in request.params.get("ImageIds") or []:
        if image_id.startswith("ami-") and image_id not in request.backend.amis:
            raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")


def image_without_machine(request: Request) -> None:
    image = request.backend.amis[request.text("ImageId")]
    if request.behaviour.hypervisor is not None:
        try:
            images.published_os(image)
        except ValueError as unknown:
            raise Refusal("Unsupported", f"The lab has no machine for this image: {unknown}") from None


def instance_type_unusable(request: Request) -> None:
    instance_type = request.text("InstanceType")
    if instance_type not in INSTANCE_TYPES:
        raise Refusal("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
    image = request.backend.amis[request.text("ImageId")]
    architectures = INSTANCE_TYPES[instance_type]["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in architectures:
        raise Refusal(
            "InvalidParameterValue",
            f"The architecture '{','.join(architectures)}' of the specified instance type does not match the "
            f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI "
            "that have matching architectures, and try again.",
        )
    zones, zone = offered_zones(request, instance_type), launch_zone(request)
    if zone is not None and zone not in zones:
        raise Refusal(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability "
            f"Zone ({zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(zones)}.",
        )


def interface_and_instance_level(request: Request) -> None:
    if launch_interfaces(request) and (request.params.get("SecurityGroupIds") or request.params.get("SecurityGroups")):
        raise Refusal(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level security groups may not be specified on the same request",
        )


def interface_in_use(request: Request) -> None:
    for given in launch_interfaces(request):
        if interface_id := given.get("NetworkInterfaceId"):
            interface = request.backend.get_network_interface(interface_id)
            if interface.attachment_id:
                raise Refusal("InvalidNetworkInterface.InUse", f"Interface: [{interface_id}] in use.")


def launch_groups_unknown(request: Request) -> None:
    given = [group_id for spec in launch_interfaces(request) for group_id in spec.get("Groups") or []]
    for group_id in [*given, *(request.params.get("SecurityGroupIds") or [])]:
        if request.backend.get_security_group_from_id(group_id) is None:
            raise Refusal("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")


def launch_address_unusable(request: Request) -> None:
    for given in (*launch_interfaces(request), request.params):
        if given.get("PrivateIpAddress") and given.get("SubnetId"):
            private_address_unusable(Request(params=given, backend=request.backend, behaviour=request.behaviour))


def user_data_too_long(request: Request) -> None:
    given = request.params.get("UserData") or ""
    encoded = given.get("Value", b"") if isinstance(given, dict) else given
    try:
        decoded = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else encoded
    except binascii.Error:
        raise Refusal("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if len(decoded) > USER_DATA_BYTES:
        raise Refusal("InvalidParameterValue", f"User data is limited to {USER_DATA_BYTES} bytes")


def profile_unknown(request: Request) -> None:
    given = request.params.get("IamInstanceProfile") or {}
    account, partition = request.backend.account_id, request.backend.partition
    for key, label in (("Name", "name"), ("Arn", "arn")):
        profiles = iam_backends[account][partition].instance_profiles.values()
        known = [profile.name if key == "Name" else profile.arn for profile in profiles]
        if key in given and given[key] not in known:
            raise Refusal(
                "InvalidParameterValue",
                f"Value ({given[key]}) for parameter iamInstanceProfile.{label} is invalid. "
                f"Invalid IAM Instance Profile {label if key == 'Name' else 'ARN'}",
            )


def termination_protected(request: Request) -> None:
    for instance_id in request.params.get("InstanceIds") or []:
        instance = request.backend.get_instance(instance_id)
        if str(instance.disable_api_termination).lower() == "true":
            raise Refusal(
                "OperationNotPermitted",
                f"The instance '{instance_id}' may not be terminated. Modify its 'disableApiTermination' "
                "instance attribute and try again.",
            )


def _not_from(states: tuple[str, ...], done: str) -> Guard:
    def wrong_state(request: Request) -> None:
        for instance_id in request.params.get("InstanceIds") or []:
            if request.backend.get_instance(instance_id).state in states:
                raise Refusal(
                    "IncorrectInstanceState",
                    f"The instance '{instance_id}' is not in a state from which it can be {done}.",
                )

    return wrong_state


GUARDS: dict[str, tuple[Guard, ...]] = {
    "DescribeImages": (described_image_unknown,),
    "RunInstances": (
        image_unknown,
        image_without_machine,
        interface_and_instance_level,
        launch_groups_unknown,
        interface_in_use,
        launch_address_unusable,
        instance_type_unusable,
        profile_unknown,
        user_data_too_long,
    ),
    "ModifyInstanceAttribute": (user_data_too_long,),
    "StartInstances": (_not_from(ENDED, "started"),),
    "StopInstances": (_not_from(ENDED, "stopped"),),
    "RebootInstances": (_not_from((*ENDED, "stopped"), "rebooted"),),
    "TerminateInstances": (termination_protected,),
}
