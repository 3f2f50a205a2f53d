"""Machine images and their public parameters, as their makers publish them and moto does not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.amis import Ami
from moto.ssm.models import Parameter, ssm_backends

Architecture = Literal["x86_64", "arm64"]

ACCOUNT = "123456789012"
FIRST_PUBLISHED = datetime(2025, 9, 10, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """How one operating system's images are named. `{…}` takes the maker's word for the architecture."""

    owner: str
    name: str
    """`{day}` is the day of publication, the form of which is `day_format`'s."""
    parameter: str | None = None
    """The public Parameter Store name that holds the newest image id."""
    words: tuple[str, str]
    """The maker's words for x86_64 and arm64."""
    day_format: str = "%Y%m%d"
    root_device: str
    first: datetime = FIRST_PUBLISHED

    def word(self, architecture: Architecture) -> str:
        return self.words[("x86_64", "arm64").index(architecture)]


PUBLISHERS: dict[str, Publisher] = {
    # https://wiki.debian.org/Cloud/AmazonEC2Image
    **{
        f"debian-{release}": Publisher(
            owner="136693071363",
            name=f"debian-{release}-{{word}}-{{day}}-2230",
            parameter=f"/aws/service/debian/release/{release}/latest/{{word}}",
            words=("amd64", "arm64"),
            root_device="/dev/xvda",
        )
        for release in (12, 13)
    },
    # https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
    "ubuntu-24.04": Publisher(
        owner="099720109477",
        name="ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{word}-server-{day}",
        parameter="/aws/service/canonical/ubuntu/server/24.04/stable/current/{word}/hvm/ebs-gp3/ami-id",
        words=("amd64", "arm64"),
        root_device="/dev/sda1",
    ),
    # https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
    "amazon-linux-2023": Publisher(
        owner="137112412989",
        name="al2023-ami-2023.9.{day}.0-kernel-6.12-{word}",
        parameter="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12-{word}",
        words=("x86_64", "arm64"),
        root_device="/dev/xvda",
    ),
    # https://docs.oracle.com/en-us/iaas/oracle-linux/ (images published for AWS by Oracle)
    "oracle-linux-9": Publisher(
        owner="131827586825",
        name="OL9.6-{word}-HVM-{day}",
        words=("x86_64", "aarch64"),
        day_format="%Y-%m-%d",
        root_device="/dev/sda1",
        first=datetime(2025, 5, 30, tzinfo=UTC),
    ),
    # https://access.redhat.com/solutions/15356
    "rhel-9": Publisher(
        owner="309956199498",
        name="RHEL-9.6.0_HVM-{day}-{word}-0-Hourly2-GP3",
        words=("x86_64", "arm64"),
        root_device="/dev/sda1",
    ),
}


class PublishedImage(Ami):
    """An image that also answers the filters that moto's does not know, with a disk as makers ship it."""

    os: str
    """Key of PUBLISHERS."""

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        known = {
            "root-device-type": self.root_device_type,
            "root-device-name": self.root_device_name,
            "hypervisor": self.hypervisor,
            "image-type": self.image_type,
            "ena-support": "true",
        }
        if filter_name in known:
            return known[filter_name]
        return super().get_filter_value(filter_name, method_name)

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        [root] = super().block_device_mappings
        ebs = {**root["Ebs"], "VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True}
        return [{**root, "Ebs": ebs}]


def seed(region: str) -> None:
    """Publish every operating system's first image in a region."""
    for os in PUBLISHERS:
        for architecture in ("x86_64", "arm64"):
            publish(region, os, architecture)


def publish(region: str, os: str, architecture: Architecture) -> str:
    """Publish an image a day newer than the last one, point the parameter at it, return its id.

    `os` is a key of PUBLISHERS; KeyError for another.
    """
    publisher = PUBLISHERS[os]
    word = publisher.word(architecture)
    backend: EC2Backend = ec2_backends[ACCOUNT][region]
    taken = {*backend.amis, *backend.deleted_amis}
    for age in count():
        day = publisher.first + timedelta(days=age)
        name = publisher.name.format(word=word, day=day.strftime(publisher.day_format))
        image_id = "ami-" + hashlib.sha256(f"{region} {name}".encode()).hexdigest()[:17]
        if image_id not in taken:
            break
    image = PublishedImage(
        backend,
        image_id,
        name=name,
        description=name,
        owner_id=publisher.owner,
        owner_alias="amazon" if publisher.owner == PUBLISHERS["amazon-linux-2023"].owner else None,
        public=True,
        virtualization_type="hvm",
        architecture=architecture,
        creation_date=day,
        image_location=f"{publisher.owner}/{name}",
        hypervisor="xen",
        root_device_type="ebs",
        root_device_name=publisher.root_device,
        region_name=f"{region}a",
    )
    image.os = os
    backend.amis[image.id] = image
    if publisher.parameter is not None:
        _point(region, publisher.parameter.format(word=word), image.id, day)
    return image_id


def published_os(image: Ami) -> str:
    """Key of PUBLISHERS; ValueError for an image that none of them published."""
    if not isinstance(image, PublishedImage):
        raise ValueError(f"{image.id} is not an image of an operating system that the lab publishes")
    return image.os


def withdraw(region: str, image_id: str) -> None:
    """Take an image away, as its maker does after a time: neither described nor launched any more."""
    ec2_backends[ACCOUNT][region].deregister_image(image_id)


def _point(region: str, name: str, image_id: str, day: datetime) -> None:
    # PutParameter refuses names under /aws, so the newest version is put where moto keeps it.
    versions = ssm_backends[ACCOUNT][region]._parameters[name]
    # Concrete, though its base class has abstract methods that CloudFormation alone would call.
    parameter: Any = Parameter
    versions.append(
        parameter(
            account_id=ACCOUNT,
            name=name,
            value=image_id,
            parameter_type="String",
            description=None,
            allowed_pattern=None,
            keyid=None,
            last_modified_date=day,
            version=len(versions) + 1,
            data_type="aws:ec2:image",
        )
    )
