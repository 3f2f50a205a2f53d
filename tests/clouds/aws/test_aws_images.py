"""Images and parameters: what each maker publishes is there in any region, can move, and can go.

Not proven: that the makers keep these names; they are as of the day in each name.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.clouds.aws.images import PUBLISHERS, Architecture
from lab.clouds.aws.server import AwsCloud

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
AMAZON = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12"
PARAMETERS = [
    ("debian-13", "x86_64", "/aws/service/debian/release/13/latest/amd64", "136693071363"),
    ("debian-13", "arm64", "/aws/service/debian/release/13/latest/arm64", "136693071363"),
    ("debian-12", "x86_64", "/aws/service/debian/release/12/latest/amd64", "136693071363"),
    ("debian-12", "arm64", "/aws/service/debian/release/12/latest/arm64", "136693071363"),
    ("ubuntu-24.04", "x86_64", f"{UBUNTU}/amd64/hvm/ebs-gp3/ami-id", "099720109477"),
    ("ubuntu-24.04", "arm64", f"{UBUNTU}/arm64/hvm/ebs-gp3/ami-id", "099720109477"),
    ("amazon-linux-2023", "x86_64", f"{AMAZON}-x86_64", "137112412989"),
    ("amazon-linux-2023", "arm64", f"{AMAZON}-arm64", "137112412989"),
]
ORACLE, RED_HAT = "131827586825", "309956199498"
SEARCHES = [
    ("oracle-linux-9", "x86_64", ORACLE, "OL9.*-x86_64-HVM-*", "OL9.6-x86_64-HVM-2025-05-30"),
    ("oracle-linux-9", "arm64", ORACLE, "OL9.*-aarch64-HVM-*", "OL9.6-aarch64-HVM-2025-05-30"),
    (
        "rhel-9",
        "x86_64",
        RED_HAT,
        "RHEL-9.*_HVM-*-x86_64-*-GP3",
        "RHEL-9.6.0_HVM-20250910-x86_64-0-Hourly2-GP3",
    ),
    ("rhel-9", "arm64", RED_HAT, "RHEL-9.*_HVM-*-arm64-*-GP3", "RHEL-9.6.0_HVM-20250910-arm64-0-Hourly2-GP3"),
]


def newest(ec2: Any, owner: str, name: str, architecture: str) -> dict[str, Any]:
    """As a Pulumi look-up with `most_recent` finds it."""
    wanted = {
        "name": name,
        "architecture": architecture,
        "root-device-type": "ebs",
        "virtualization-type": "hvm",
        "state": "available",
    }
    filters = [{"Name": key, "Values": [value]} for key, value in wanted.items()]
    found = ec2.describe_images(Owners=[owner], Filters=filters)["Images"]
    return dict(max(found, key=lambda image: str(image["CreationDate"])))


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-2"])
@pytest.mark.parametrize(("os", "architecture", "name", "owner"), PARAMETERS)
def test_parameter_names_an_image(
    cloud: AwsCloud, region: str, os: str, architecture: str, name: str, owner: str
) -> None:
    parameter = cloud.client("ssm", region).get_parameter(Name=name)["Parameter"]
    [image] = cloud.client("ec2", region).describe_images(ImageIds=[parameter["Value"]])["Images"]
    assert (image["OwnerId"], image["Architecture"], image["State"]) == (owner, architecture, "available")
    assert image["RootDeviceName"] == PUBLISHERS[os].root_device
    assert parameter["Type"] == "String"


@pytest.mark.parametrize(("os", "architecture", "owner", "pattern", "name"), SEARCHES)
def test_search_finds_the_newest(
    cloud: AwsCloud, os: str, architecture: Architecture, owner: str, pattern: str, name: str
) -> None:
    ec2 = cloud.client("ec2", "us-west-2")
    assert newest(ec2, owner, pattern, architecture)["Name"] == name
    published = cloud.publish_image("us-west-2", os, architecture)
    assert newest(ec2, owner, pattern, architecture)["ImageId"] == published


def test_a_newer_image_moves_the_parameter_and_leaves_the_older(cloud: AwsCloud) -> None:
    name = "/aws/service/debian/release/13/latest/amd64"
    ec2, ssm = cloud.client("ec2", "us-east-2"), cloud.client("ssm", "us-east-2")
    before = ssm.get_parameter(Name=name)["Parameter"]
    published = cloud.publish_image("us-east-2", "debian-13", "x86_64")
    after = ssm.get_parameter(Name=name)["Parameter"]
    assert after["Value"] == published != before["Value"]
    assert after["Version"] == before["Version"] + 1
    older, newer = (ec2.describe_images(ImageIds=[one])["Images"][0] for one in (before["Value"], published))
    assert older["CreationDate"] < newer["CreationDate"]
    assert ssm.get_parameter(Name=name.replace("amd64", "arm64"))["Parameter"]["Version"] == before["Version"]


def test_a_withdrawn_image_is_gone_and_its_id_is_not_used_again(cloud: AwsCloud) -> None:
    ec2 = cloud.client("ec2", "eu-west-1")
    published = cloud.publish_image("eu-west-1", "debian-12", "arm64")
    cloud.withdraw_image("eu-west-1", published)
    with pytest.raises(ClientError) as refusal:
        ec2.describe_images(ImageIds=[published])
    assert refusal.value.response["Error"] == {
        "Code": "InvalidAMIID.NotFound",
        "Message": f"The image id '[{published}]' does not exist",
    }
    assert cloud.publish_image("eu-west-1", "debian-12", "arm64") != published


def test_t3_small_is_offered_but_not_everywhere(cloud: AwsCloud) -> None:
    offers = cloud.client("ec2", "us-east-1").describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.small"]}]
    )["InstanceTypeOfferings"]
    assert sorted(offer["Location"][-1] for offer in offers) == ["a", "b", "c", "d", "f"]
