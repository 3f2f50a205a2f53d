"""AWS instances: one on a given primary network interface."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from lab.clouds.plugins.aws_addresses import until_free
from lab.clouds.plugins.aws_checks import all_of, between, exactly_one, not_settable, one_of, user_data
from lab.clouds.plugins.aws_client import (
    arn,
    client,
    given,
    read_tags,
    retag,
    retrying,
    tag_specification,
    unless,
    until,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, InitFailedError, ProviderError, Resource
from lab.clouds.plugins.values import Values

_NO_INSTANCE = "InvalidInstanceID.NotFound"
_VOLUME_TYPES = ("gp2", "gp3", "io1", "io2", "sc1", "st1", "standard")
_USER_DATA = ("userData", "userDataBase64")
_METADATA = {
    "httpEndpoint": "HttpEndpoint",
    "httpProtocolIpv6": "HttpProtocolIpv6",
    "httpPutResponseHopLimit": "HttpPutResponseHopLimit",
    "httpTokens": "HttpTokens",
    "instanceMetadataTags": "InstanceMetadataTags",
}
_DISK = {
    "deleteOnTermination": "DeleteOnTermination",
    "encrypted": "Encrypted",
    "iops": "Iops",
    "kmsKeyId": "KmsKeyId",
    "throughput": "Throughput",
    "volumeSize": "VolumeSize",
    "volumeType": "VolumeType",
}
_DISK_UPDATES = ("iops", "throughput", "volumeSize", "volumeType")


def _renamed(values: Values | None, names: dict[str, str]) -> dict[str, Any]:
    return {name: values[key] for key, name in names.items() if key in values} if values else {}


def _user_data(inputs: Values) -> str:
    """Base64, as the API wants it."""
    if "userDataBase64" in inputs:
        encoded: str = inputs["userDataBase64"]
        return encoded
    return base64.b64encode(inputs.get("userData", "").encode()).decode()


def _launch(ec2: Any, inputs: Values) -> dict[str, Any]:
    disk, maintenance = inputs.get("rootBlockDevice"), inputs.get("maintenanceOptions")
    interface = inputs["primaryNetworkInterface"]["networkInterfaceId"]
    arguments: dict[str, Any] = given(
        ImageId=inputs["ami"],
        InstanceType=inputs["instanceType"],
        KeyName=inputs.get("keyName"),
        MetadataOptions=_renamed(inputs.get("metadataOptions"), _METADATA),
        MaintenanceOptions=_renamed(maintenance, {"autoRecovery": "AutoRecovery"}),
        TagSpecifications=[
            *tag_specification("instance", inputs.get("tags")),
            *tag_specification("volume", inputs.get("volumeTags")),
        ],
    )
    if "iamInstanceProfile" in inputs:
        arguments["IamInstanceProfile"] = {"Name": inputs["iamInstanceProfile"]}
    if disk:
        [image] = ec2.describe_images(ImageIds=[inputs["ami"]])["Images"]
        mapping = {"DeviceName": image["RootDeviceName"], "Ebs": _renamed(disk, _DISK)}
        arguments["BlockDeviceMappings"] = [mapping]
    if any(key in inputs for key in _USER_DATA):
        # boto3 encodes what it is given here.
        arguments["UserData"] = base64.b64decode(_user_data(inputs))
    return {
        **arguments,
        "MinCount": 1,
        "MaxCount": 1,
        # An interface of its own is not deleted with the instance.
        "NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": interface, "DeleteOnTermination": False}],
    }


def _create(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    arguments = _launch(ec2, inputs)
    # A new instance profile is not known everywhere at once.
    made = retrying(call, ["InvalidParameterValue"], lambda: ec2.run_instances(**arguments))
    identifier: str = made["Instances"][0]["InstanceId"]
    try:
        until(call, identifier, lambda: _state(ec2, identifier), "running")
    except ProviderError as failed:
        raise InitFailedError(identifier, _read(call, identifier, inputs) or {}, str(failed)) from failed
    if tags := (inputs.get("rootBlockDevice") or {}).get("tags"):
        retag(ec2, _root_volume(ec2, _find(ec2, identifier)), {}, {"tags": tags})
    return identifier, _read(call, identifier, inputs) or {}


def _find(ec2: Any, identifier: str) -> Any:
    found = unless([_NO_INSTANCE], lambda: ec2.describe_instances(InstanceIds=[identifier]))
    if not found or not found["Reservations"]:
        return None
    instance = found["Reservations"][0]["Instances"][0]
    return None if instance["State"]["Name"] == "terminated" else instance


def _state(ec2: Any, identifier: str) -> str:
    instance = _find(ec2, identifier)
    return instance["State"]["Name"] if instance else "terminated"


def _root_mapping(instance: Any) -> Any:
    mappings = instance["BlockDeviceMappings"]
    return next(one for one in mappings if one["DeviceName"] == instance["RootDeviceName"])


def _root_volume(ec2: Any, instance: Any) -> str:
    volume: str = _root_mapping(instance)["Ebs"]["VolumeId"]
    return volume


def _read_disk(call: Call, ec2: Any, instance: Any) -> tuple[Values, Values]:
    """(output rootBlockDevice, the volume's tags)."""
    mapping = _root_mapping(instance)
    [volume] = ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    tags = read_tags(call, volume.get("Tags"))
    disk = {
        "deleteOnTermination": mapping["Ebs"]["DeleteOnTermination"],
        "deviceName": mapping["DeviceName"],
        "encrypted": volume["Encrypted"],
        "iops": volume.get("Iops"),
        "kmsKeyId": volume.get("KmsKeyId"),
        "tags": tags["tagsAll"],
        "tagsAll": tags["tagsAll"],
        "throughput": volume.get("Throughput"),
        "volumeId": volume["VolumeId"],
        "volumeSize": volume["Size"],
        "volumeType": volume["VolumeType"],
    }
    return {key: value for key, value in disk.items() if value is not None}, tags


def _read(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    instance = _find(ec2, identifier)
    if instance is None:
        return None
    metadata, interfaces = instance.get("MetadataOptions", {}), instance["NetworkInterfaces"]
    primary = next((one for one in interfaces if one["Attachment"]["DeviceIndex"] == 0), None)
    disk, volume_tags = _read_disk(call, ec2, instance)
    return {
        "ami": instance["ImageId"],
        "arn": arn(call, "ec2", f"instance/{identifier}", state),
        "availabilityZone": instance["Placement"]["AvailabilityZone"],
        "iamInstanceProfile": instance.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2] or None,
        "instanceState": instance["State"]["Name"],
        "instanceType": instance["InstanceType"],
        "keyName": instance.get("KeyName") or None,
        "maintenanceOptions": {"autoRecovery": instance.get("MaintenanceOptions", {}).get("AutoRecovery", "default")},
        "metadataOptions": {key: metadata[name] for key, name in _METADATA.items() if name in metadata},
        "primaryNetworkInterface": primary
        and {
            "networkInterfaceId": primary["NetworkInterfaceId"],
            "deleteOnTermination": primary["Attachment"].get("DeleteOnTermination", False),
        },
        "primaryNetworkInterfaceId": primary and primary["NetworkInterfaceId"],
        "privateDns": instance.get("PrivateDnsName"),
        "privateIp": instance.get("PrivateIpAddress"),
        "publicDns": instance.get("PublicDnsName", ""),
        "publicIp": instance.get("PublicIpAddress", ""),
        "rootBlockDevice": disk,
        "sourceDestCheck": instance.get("SourceDestCheck"),
        "subnetId": instance.get("SubnetId"),
        "vpcSecurityGroupIds": [group["GroupId"] for group in instance.get("SecurityGroups", ())],
        "region": ec2.meta.region_name,
        **({"volumeTags": volume_tags["tags"]} if "volumeTags" in state else {}),
        **_read_user_data(ec2, identifier, state),
        **read_tags(call, instance.get("Tags")),
    }


def _read_user_data(ec2: Any, identifier: str, state: Values) -> Values:
    """User-data in the form the program gave it."""
    if not any(key in state for key in _USER_DATA):
        return {}
    told = ec2.describe_instance_attribute(InstanceId=identifier, Attribute="userData")
    encoded = told["UserData"].get("Value", "")
    if "userData" in state:
        return {"userData": base64.b64decode(encoded).decode()}
    return {"userDataBase64": encoded}


def _update(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ec2 = client(call, "ec2", inputs)
    retag(ec2, identifier, state, inputs)
    _update_stopped(call, ec2, identifier, state, inputs)
    _update_profile(ec2, identifier, state, inputs)
    if _changed(state, inputs, "metadataOptions"):
        # All of them, as the real provider does: what is left out may be reset.
        ec2.modify_instance_metadata_options(InstanceId=identifier, **_renamed(inputs["metadataOptions"], _METADATA))
    maintenance = _changed(state, inputs, "maintenanceOptions")
    if maintenance:
        ec2.modify_instance_maintenance_options(InstanceId=identifier, AutoRecovery=maintenance["autoRecovery"])
    _update_disk(ec2, identifier, state, inputs)
    return _read(call, identifier, inputs) or {}


def _changed(state: Values, inputs: Values, key: str) -> Values:
    old, new = state.get(key) or {}, inputs.get(key) or {}
    return {name: value for name, value in new.items() if old.get(name) != value}


def _update_stopped(call: Call, ec2: Any, identifier: str, state: Values, inputs: Values) -> None:
    """Type and user-data change only while the instance is stopped."""
    attributes: dict[str, Any] = {}
    if inputs["instanceType"] != state["instanceType"]:
        attributes["InstanceType"] = {"Value": inputs["instanceType"]}
    if _user_data(inputs) != _user_data(state):
        attributes["UserData"] = {"Value": base64.b64decode(_user_data(inputs))}
    if not attributes:
        return
    ec2.stop_instances(InstanceIds=[identifier])
    until(call, identifier, lambda: _state(ec2, identifier), "stopped")
    for name, value in attributes.items():
        ec2.modify_instance_attribute(InstanceId=identifier, **{name: value})
    ec2.start_instances(InstanceIds=[identifier])
    until(call, identifier, lambda: _state(ec2, identifier), "running")


def _update_profile(ec2: Any, identifier: str, state: Values, inputs: Values) -> None:
    wanted = inputs.get("iamInstanceProfile")
    if wanted == state.get("iamInstanceProfile"):
        return
    own = [{"Name": "instance-id", "Values": [identifier]}]
    found = ec2.describe_iam_instance_profile_associations(Filters=own)["IamInstanceProfileAssociations"]
    for association in found:
        if wanted is None:
            ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
        else:
            ec2.replace_iam_instance_profile_association(
                AssociationId=association["AssociationId"], IamInstanceProfile={"Name": wanted}
            )
    if wanted is not None and not found:
        ec2.associate_iam_instance_profile(InstanceId=identifier, IamInstanceProfile={"Name": wanted})


def _update_disk(ec2: Any, identifier: str, state: Values, inputs: Values) -> None:
    old, new = state.get("rootBlockDevice") or {}, inputs.get("rootBlockDevice") or {}
    volume = _root_volume(ec2, _find(ec2, identifier))
    changed = {name: value for name, value in _changed(state, inputs, "rootBlockDevice").items()}
    resized = {key: changed[key] for key in _DISK_UPDATES if key in changed}
    if resized:
        names = {**_DISK, "volumeSize": "Size"}
        ec2.modify_volume(VolumeId=volume, **_renamed(resized, names))
    if "tags" in new:
        retag(ec2, volume, old, new)
    retag(ec2, volume, state, inputs, "volumeTags")


def _delete(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    if _find(ec2, identifier) is None:
        return
    ec2.terminate_instances(InstanceIds=[identifier])
    until(call, identifier, lambda: _state(ec2, identifier), "terminated")
    # A replacement takes the same interface, which Amazon frees a little later.
    until_free(call, ec2, state["primaryNetworkInterface"]["networkInterfaceId"])


def _replaced_by_user_data(_old: Values, new: Values) -> Iterable[str]:
    return _USER_DATA if new.get("userDataReplaceOnChange") else ()


RESOURCES = {
    "aws:ec2/instance:Instance": Resource(
        inputs=frozenset(
            {
                "ami",
                "instanceType",
                "primaryNetworkInterface",
                "iamInstanceProfile",
                "keyName",
                "userData",
                "userDataBase64",
                "userDataReplaceOnChange",
                "metadataOptions",
                "rootBlockDevice",
                "maintenanceOptions",
                "volumeTags",
                "region",
                "tags",
            }
        ),
        required=frozenset({"instanceType", "primaryNetworkInterface"}),
        force_new=frozenset({"ami", "keyName", "region"}),
        force_new_paths=frozenset(
            {
                "primaryNetworkInterface.networkInterfaceId",
                "rootBlockDevice.deviceName",
                "rootBlockDevice.encrypted",
                "rootBlockDevice.kmsKeyId",
            }
        ),
        replaces_when=_replaced_by_user_data,
        computed=frozenset(
            {
                "arn",
                "availabilityZone",
                "iamInstanceProfile",
                "instanceState",
                "keyName",
                "maintenanceOptions",
                "metadataOptions",
                "primaryNetworkInterfaceId",
                "privateDns",
                "privateIp",
                "publicDns",
                "publicIp",
                "rootBlockDevice",
                *(f"rootBlockDevice.{key}" for key in _DISK if key != "deleteOnTermination"),
                "sourceDestCheck",
                "subnetId",
                "tagsAll",
                "vpcSecurityGroupIds",
            }
        ),
        defaults=with_default_tags,
        check=all_of(
            exactly_one("ami"),
            user_data,
            not_settable("primaryNetworkInterface.deleteOnTermination"),
            one_of("metadataOptions.httpTokens", ("optional", "required")),
            one_of("metadataOptions.httpEndpoint", ("disabled", "enabled")),
            between("metadataOptions.httpPutResponseHopLimit", 1, 64),
            one_of("maintenanceOptions.autoRecovery", ("default", "disabled")),
            one_of("rootBlockDevice.volumeType", _VOLUME_TYPES),
        ),
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
    ),
}
