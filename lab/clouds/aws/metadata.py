"""What the instance metadata service (IMDS) serves about one instance, as a tree of paths.

Categories and formats: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html. Every
version serves the same tree here; AWS' older ones lack what came later. Signatures of the identity document
(pkcs7, rsa2048, signature) are not there: nobody here could verify them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2024-04-11",
    "latest",
)

Tree = Mapping[str, bytes]
"""Content by path without the version. A path that ends in a slash is a listing other than its children's names."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The instance's MetadataOptions, as far as this service obeys them."""

    enabled: bool = True
    tokens_required: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    group_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Interface:
    device_number: int
    interface_id: str
    mac: str
    private_ips: Sequence[str]
    """The primary one first."""
    private_dns_name: str
    public_ip: str | None
    groups: Sequence[Group]
    subnet_id: str
    subnet_block: str
    vpc_id: str
    vpc_blocks: Sequence[str]
    """The VPC's own one first."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    arn: str
    profile_id: str


@dataclass(frozen=True, kw_only=True)
class Credentials:
    role: str
    access_key: str
    secret_key: str
    token: str
    issued: datetime
    expiration: datetime


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the tree is made of."""

    options: Options
    instance_id: str
    image_id: str
    instance_type: str
    architecture: str
    launch_index: int
    launch_time: datetime
    reservation_id: str
    owner_id: str
    partition: str
    region: str
    zone: str
    root_device: str
    interfaces: Sequence[Interface]
    """In the order of their device numbers; the first one's addresses are the instance's."""
    public_dns_name: str | None = None
    public_keys: Mapping[str, str] = field(default_factory=dict)
    """OpenSSH keys by their name in EC2."""
    profile: Profile | None = None
    credentials: Credentials | None = None
    user_data: bytes | None = None


def tree(facts: Facts) -> Tree:
    """Everything that the service serves."""
    texts = {
        **_instance(facts),
        **{
            f"network/interfaces/macs/{one.mac}/{name}": text
            for one in facts.interfaces
            for name, text in _interface(facts, one).items()
        },
        **_public_keys(facts.public_keys),
        **_profile(facts),
    }
    found = {f"meta-data/{path}": text.encode() for path, text in texts.items()}
    found["dynamic/instance-identity/document"] = _document(facts).encode()
    if facts.user_data is not None:
        found["user-data"] = facts.user_data
    return found


def answer(served: Tree, path: str) -> bytes | None:
    """What a GET of a path below the version gives: a content, a directory's listing, or None.

    A slash at the end makes no difference. That AWS serves a content under a path with one is assumed.
    """
    path = path.strip("/")
    if path in served:
        return served[path]
    prefix = f"{path}/" if path else ""
    if prefix in served:
        return served[prefix]
    below = {name.removeprefix(prefix).partition("/")[:2] for name in served if name.startswith(prefix)}
    if not below:
        return None
    # The top of the tree is listed without slashes.
    return "\n".join(sorted(f"{name}{slash}" if path else name for name, slash in below)).encode()


def _instance(facts: Facts) -> dict[str, str]:
    first = facts.interfaces[0]
    texts = {
        "ami-id": facts.image_id,
        "ami-launch-index": str(facts.launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping/ami": facts.root_device,
        "block-device-mapping/root": facts.root_device,
        "hostname": first.private_dns_name,
        "instance-action": "none",
        "instance-id": facts.instance_id,
        "instance-life-cycle": "on-demand",
        "instance-type": facts.instance_type,
        "local-hostname": first.private_dns_name,
        "local-ipv4": first.private_ips[0],
        "mac": first.mac,
        "placement/availability-zone": facts.zone,
        "placement/region": facts.region,
        "profile": "default-hvm",
        "reservation-id": facts.reservation_id,
        "security-groups": "\n".join(group.name for group in first.groups),
        "services/domain": "amazonaws.com.cn" if facts.partition == "aws-cn" else "amazonaws.com",
        "services/partition": facts.partition,
    }
    if first.public_ip:
        texts["public-ipv4"] = first.public_ip
        if facts.public_dns_name:
            texts["public-hostname"] = facts.public_dns_name
    return texts


def _interface(facts: Facts, one: Interface) -> dict[str, str]:
    texts = {
        "device-number": str(one.device_number),
        "interface-id": one.interface_id,
        "local-hostname": one.private_dns_name,
        "local-ipv4s": "\n".join(one.private_ips),
        "mac": one.mac,
        "owner-id": facts.owner_id,
        "security-group-ids": "\n".join(group.group_id for group in one.groups),
        "security-groups": "\n".join(group.name for group in one.groups),
        "subnet-id": one.subnet_id,
        "subnet-ipv4-cidr-block": one.subnet_block,
        "vpc-id": one.vpc_id,
        "vpc-ipv4-cidr-block": one.vpc_blocks[0],
        "vpc-ipv4-cidr-blocks": "\n".join(one.vpc_blocks),
    }
    if one.public_ip:
        texts["public-ipv4s"] = one.public_ip
        texts[f"ipv4-associations/{one.public_ip}"] = one.private_ips[0]
    return texts


def _public_keys(keys: Mapping[str, str]) -> dict[str, str]:
    texts = {f"public-keys/{number}/openssh-key": key for number, key in enumerate(keys.values())}
    if keys:
        texts["public-keys/"] = "\n".join(f"{number}={name}" for number, name in enumerate(keys))
    return texts


def _profile(facts: Facts) -> dict[str, str]:
    if facts.profile is None:
        return {}
    known = facts.credentials
    updated = _moment(facts.launch_time if known is None else known.issued)
    texts = {
        "iam/info": _pretty(
            {
                "Code": "Success",
                "LastUpdated": updated,
                "InstanceProfileArn": facts.profile.arn,
                "InstanceProfileId": facts.profile.profile_id,
            }
        )
    }
    if known is not None:
        texts[f"iam/security-credentials/{known.role}"] = _pretty(
            {
                "Code": "Success",
                "LastUpdated": updated,
                "Type": "AWS-HMAC",
                "AccessKeyId": known.access_key,
                "SecretAccessKey": known.secret_key,
                "Token": known.token,
                "Expiration": _moment(known.expiration),
            }
        )
    return texts


def _document(facts: Facts) -> str:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html"""
    return _pretty(
        {
            "accountId": facts.owner_id,
            "architecture": facts.architecture,
            "availabilityZone": facts.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": facts.image_id,
            "instanceId": facts.instance_id,
            "instanceType": facts.instance_type,
            "kernelId": None,
            "pendingTime": _moment(facts.launch_time),
            "privateIp": facts.interfaces[0].private_ips[0],
            "ramdiskId": None,
            "region": facts.region,
            "version": "2017-09-30",
        }
    )


def _pretty(value: Mapping[str, str | None]) -> str:
    return json.dumps(value, indent=2)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
