"""AWS look-ups of what an account and a region offer: identity, images, types, parameters."""

from __future__ import annotations

import re
from typing import Any

from botocore.loaders import create_loader

from lab.clouds.plugins.aws_client import client, partition, read_tags, region, unless
from lab.clouds.plugins.aws_query import query, query_filters
from lab.clouds.plugins.table import Call, Lookup, ProviderError
from lab.clouds.plugins.values import Values


def _dns_suffix(name: str) -> str:
    partitions = create_loader().load_data("partitions")["partitions"]
    found: str = next(one["outputs"]["dnsSuffix"] for one in partitions if one["id"] == name)
    return found


def _get_region(call: Call, arguments: Values) -> Values:
    name = arguments.get("region") or arguments.get("name") or region(call)
    endpoint = f"ec2.{name}.{_dns_suffix(partition(name))}"
    return {"id": name, "name": name, "region": name, "description": name, "endpoint": endpoint}


def _get_caller_identity(call: Call, _arguments: Values) -> Values:
    told = client(call, "sts").get_caller_identity()
    return {"id": told["Account"], "accountId": told["Account"], "arn": told["Arn"], "userId": told["UserId"]}


def _get_instance_type_offerings(call: Call, arguments: Values) -> Values:
    kind = {"LocationType": arguments["locationType"]} if "locationType" in arguments else {}
    found = query(
        call,
        arguments,
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        Filters=query_filters(arguments),
        **kind,
    )
    return {
        **arguments,
        "id": region(call),
        "region": arguments.get("region") or region(call),
        "instanceTypes": [one["InstanceType"] for one in found],
        "locations": [one["Location"] for one in found],
        "locationTypes": [one["LocationType"] for one in found],
    }


def _get_ami(call: Call, arguments: Values) -> Values:
    owners, wanted = arguments.get("owners", []), query_filters(arguments)
    safe = owners or any(one["Name"] in ("image-id", "owner-id", "owner-alias") for one in wanted)
    if arguments.get("mostRecent") and not safe and not arguments.get("allowUnsafeFilter"):
        raise ProviderError(
            'Most Recent Image Not Filtered: "most_recent" is set to "true" and results are not filtered by owner '
            "or image ID. With this configuration, a third party may introduce a new image which will be returned "
            "by this data source"
        )
    found = query(
        call,
        arguments,
        "describe_images",
        "Images",
        Filters=wanted,
        IncludeDeprecated=arguments.get("includeDeprecated", False),
        **({"Owners": owners} if owners else {}),
    )
    pattern = re.compile(arguments.get("nameRegex", ""))
    found = sorted(
        (one for one in found if pattern.search(one["Name"])), key=lambda one: one["CreationDate"], reverse=True
    )
    if not found:
        raise ProviderError("Your query returned no results. Please change your search criteria and try again.")
    if len(found) > 1 and not arguments.get("mostRecent"):
        raise ProviderError(
            "Your query returned more than one result. Please try a more specific search criteria, or set "
            "`most_recent` attribute to true."
        )
    return arguments | _image(call, found[0])


def _image(call: Call, image: Any) -> Values:
    identifier = image["ImageId"]
    return {
        "id": identifier,
        "imageId": identifier,
        "architecture": image["Architecture"],
        "arn": f"arn:{partition(region(call))}:ec2:{region(call)}::image/{identifier}",
        "blockDeviceMappings": [_mapping(one) for one in image.get("BlockDeviceMappings", ())],
        "bootMode": image.get("BootMode", ""),
        "creationDate": image["CreationDate"],
        "deprecationTime": image.get("DeprecationTime", ""),
        "description": image.get("Description", ""),
        "enaSupport": image.get("EnaSupport", False),
        "hypervisor": image.get("Hypervisor", ""),
        "imageLocation": image.get("ImageLocation", ""),
        "imageOwnerAlias": image.get("ImageOwnerAlias", ""),
        "imageType": image.get("ImageType", ""),
        "imdsSupport": image.get("ImdsSupport", ""),
        "kernelId": image.get("KernelId", ""),
        "lastLaunchedTime": image.get("LastLaunchedTime", ""),
        "name": image["Name"],
        "ownerId": image["OwnerId"],
        "platform": image.get("Platform", ""),
        "platformDetails": image.get("PlatformDetails", ""),
        "productCodes": [],
        "public": image.get("Public", False),
        "ramdiskId": image.get("RamdiskId", ""),
        "region": region(call),
        "rootDeviceName": image.get("RootDeviceName", ""),
        "rootDeviceType": image.get("RootDeviceType", ""),
        "rootSnapshotId": _root_snapshot(image),
        "sriovNetSupport": image.get("SriovNetSupport", ""),
        "state": image["State"],
        "stateReason": {},
        "tags": read_tags(call, image.get("Tags"))["tagsAll"],
        "tpmSupport": image.get("TpmSupport", ""),
        "usageOperation": image.get("UsageOperation", ""),
        "virtualizationType": image.get("VirtualizationType", ""),
    }


def _mapping(mapping: Any) -> Values:
    ebs = {key[0].lower() + key[1:]: str(value) for key, value in mapping.get("Ebs", {}).items()}
    return {
        "deviceName": mapping.get("DeviceName", ""),
        "ebs": ebs,
        "noDevice": mapping.get("NoDevice", ""),
        "virtualName": mapping.get("VirtualName", ""),
    }


def _root_snapshot(image: Any) -> str:
    for mapping in image.get("BlockDeviceMappings", ()):
        if mapping.get("DeviceName") == image.get("RootDeviceName"):
            snapshot: str = mapping.get("Ebs", {}).get("SnapshotId", "")
            return snapshot
    return ""


def _get_parameter(call: Call, arguments: Values) -> Values:
    ssm, name = client(call, "ssm", arguments), arguments["name"]
    decrypt = arguments.get("withDecryption", True)
    found = unless(["ParameterNotFound"], lambda: ssm.get_parameter(Name=name, WithDecryption=decrypt))
    if found is None:
        raise ProviderError(f"reading SSM Parameter ({name}): couldn't find resource")
    parameter = found["Parameter"]
    return {
        "id": name,
        "name": name,
        "arn": parameter["ARN"],
        "type": parameter["Type"],
        "value": parameter["Value"],
        "insecureValue": "" if parameter["Type"] == "SecureString" else parameter["Value"],
        "version": parameter["Version"],
        "withDecryption": decrypt,
        "region": ssm.meta.region_name,
    }


def _get_instance_profile(call: Call, arguments: Values) -> Values:
    name = arguments["name"]
    found = unless(["NoSuchEntity"], lambda: client(call, "iam").get_instance_profile(InstanceProfileName=name))
    if found is None:
        raise ProviderError(f"reading IAM Instance Profile ({name}): couldn't find resource")
    profile = found["InstanceProfile"]
    role = profile["Roles"][0] if profile["Roles"] else {"Arn": "", "RoleId": "", "RoleName": ""}
    return {
        "id": profile["InstanceProfileId"],
        "arn": profile["Arn"],
        "createDate": profile["CreateDate"].isoformat(),
        "name": name,
        "path": profile["Path"],
        "roleArn": role["Arn"],
        "roleId": role["RoleId"],
        "roleName": role["RoleName"],
    }


FUNCTIONS: dict[str, Lookup] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _get_caller_identity,
    "aws:index/getRegion:getRegion": _get_region,
    "aws:ec2/getAmi:getAmi": _get_ami,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": _get_instance_type_offerings,
    "aws:iam/getInstanceProfile:getInstanceProfile": _get_instance_profile,
    "aws:ssm/getParameter:getParameter": _get_parameter,
}
